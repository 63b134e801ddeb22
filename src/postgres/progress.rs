//! Checkpoints: how far a mapping's pull and first load have come.

use super::backfill::{Part, Wish};
use super::lease::{Lease, begin_fenced};
use super::poll::{PollPosition, RefreshPosition, write_poll, write_refresh};
use super::{Database, Error};
use chrono::{DateTime, Utc};
use deadpool_postgres::Transaction;
use tokio_postgres::types::{ToSql, Type};

/// A step forward, saved with the rows it covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checkpoint {
    /// Everything up to this moment of Salesforce's clock has been polled.
    Watermark(DateTime<Utc>),
    /// The poll under way has come this far.
    Poll(PollPosition),
    /// The refresh under way has come this far; it has ended where there is no position any more.
    Refresh(Option<RefreshPosition>),
    /// The load has come this far.
    Backfill(BackfillProgress),
    /// The load is complete; polling goes on from where it began.
    Loaded,
    /// Deletions up to this moment of Salesforce's clock have been asked for by getDeleted.
    Deletions(DateTime<Utc>),
}

/// The position of a load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackfillProgress {
    /// The Bulk query job, where there is one.
    pub job_id: Option<String>,
    /// The next page.
    pub locator: Option<String>,
    /// Rows applied so far.
    pub rows: u64,
    /// Salesforce's clock before the first read: the first watermark.
    pub started_at: DateTime<Utc>,
    /// The database's clock before a Bulk query job was made, or before the load began.
    pub read_started: DateTime<Utc>,
}

/// How far a mapping has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Up to where it has been polled.
    pub watermark: Option<DateTime<Utc>>,
    /// The load under way.
    pub backfill: Option<BackfillProgress>,
    /// Whether a load has been completed since it was last needed.
    pub loaded: bool,
    /// What the load reads.
    pub part: Part,
    /// What a person wishes of the load.
    pub wish: Wish,
    /// Whether whoever ran the load has heeded that.
    pub is_heeded: bool,
    /// How many rows per second the load may read at most.
    pub rows_per_second: Option<u64>,
    /// Whether rows may have been written without being captured: until that is settled nothing may be written over
    /// them.
    pub has_hole: bool,
}

impl Progress {
    /// Whether there is something to do for whoever loads: a load that is owed, or a wish to heed.
    #[must_use]
    pub fn needs_loader(&self) -> bool {
        match self.wish {
            Wish::Run => !self.loaded,
            Wish::Pause | Wish::Cancel => !self.loaded && !self.is_heeded,
        }
    }
}

/// Reads the progress of an object; the default where nothing is known of it.
///
/// # Errors
/// When the database cannot be asked.
pub async fn progress(db: &Database, object: &str) -> Result<Progress, Error> {
    let client = db.client().await?;
    let rows =
        client.query_typed(include_str!("sql/read_progress.sql"), &[(&object, Type::TEXT)]).await?;
    let Some(row) = rows.first() else { return Ok(Progress::default()) };
    let started_at: Option<DateTime<Utc>> = row.try_get(5)?;
    let backfill = match started_at {
        Some(started_at) => Some(BackfillProgress {
            job_id: row.try_get(2)?,
            locator: row.try_get(3)?,
            rows: u64::try_from(row.try_get::<_, i64>(4)?).unwrap_or_default(),
            started_at,
            read_started: row.try_get(6)?,
        }),
        None => None,
    };
    Ok(Progress {
        watermark: row.try_get(0)?,
        backfill,
        loaded: row.try_get(1)?,
        part: Part { since: row.try_get(7)?, fields: row.try_get(8)? },
        wish: Wish::parse(row.try_get(9)?),
        is_heeded: row.try_get(10)?,
        rows_per_second: row
            .try_get::<_, Option<i64>>(11)?
            .and_then(|rate| u64::try_from(rate).ok()),
        has_hole: row.try_get(12)?,
    })
}

/// Saves a checkpoint that covers no rows.
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's.
pub async fn save(
    db: &Database,
    lease: &Lease,
    object: &str,
    checkpoint: Checkpoint,
) -> Result<(), Error> {
    let mut client = db.client().await?;
    let transaction = begin_fenced(&mut client, lease).await?;
    write_checkpoint(&transaction, object, &checkpoint).await?;
    transaction.commit().await?;
    Ok(())
}

/// Asks for a new load of all of the object, from the beginning. The watermark stays.
///
/// `lease` is whichever the caller works under.
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's.
pub async fn needs_load(db: &Database, lease: &Lease, object: &str) -> Result<(), Error> {
    let mut client = db.client().await?;
    let transaction = begin_fenced(&mut client, lease).await?;
    for statement in [include_str!("sql/need_load.sql"), include_str!("sql/finish_backfill.sql")] {
        transaction.execute_typed(statement, &[(&object, Type::TEXT)]).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Lets a load under way start again from its beginning, with what was asked of it.
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's.
pub async fn restart_load(db: &Database, lease: &Lease, object: &str) -> Result<(), Error> {
    let mut client = db.client().await?;
    let transaction = begin_fenced(&mut client, lease).await?;
    let statement = include_str!("sql/restart_backfill.sql");
    transaction.execute_typed(statement, &[(&object, Type::TEXT)]).await?;
    transaction.commit().await?;
    Ok(())
}

/// Moves the checkpoint within the transaction of the rows it covers.
///
/// # Errors
/// [`Error::Superseded`] when the load that the rows belong to was given up or begun anew meanwhile.
pub(super) async fn write_checkpoint(
    transaction: &Transaction<'_>,
    object: &str,
    checkpoint: &Checkpoint,
) -> Result<(), Error> {
    transaction.query_typed(include_str!("sql/commit_durably.sql"), &[]).await?;
    let written = match checkpoint {
        Checkpoint::Watermark(watermark) => {
            let statement = include_str!("sql/save_watermark.sql");
            transaction
                .execute_typed(statement, &[(&object, Type::TEXT), (watermark, Type::TIMESTAMPTZ)])
                .await?
        }
        Checkpoint::Deletions(covered) => {
            let statement = include_str!("sql/save_deletions.sql");
            transaction
                .execute_typed(statement, &[(&object, Type::TEXT), (covered, Type::TIMESTAMPTZ)])
                .await?
        }
        Checkpoint::Poll(position) => return write_poll(transaction, object, position).await,
        Checkpoint::Refresh(position) => {
            return write_refresh(transaction, object, position.as_ref()).await;
        }
        Checkpoint::Backfill(position) => {
            let rows = i64::try_from(position.rows).unwrap_or(i64::MAX);
            transaction
                .execute_typed(
                    include_str!("sql/save_backfill.sql"),
                    &[
                        (&object, Type::TEXT),
                        (&position.job_id, Type::TEXT),
                        (&position.locator, Type::TEXT),
                        (&rows, Type::INT8),
                        (&position.started_at, Type::TIMESTAMPTZ),
                        (&position.read_started, Type::TIMESTAMPTZ),
                    ],
                )
                .await?
        }
        Checkpoint::Loaded => {
            let of_object: [(&(dyn ToSql + Sync), Type); 1] = [(&object, Type::TEXT)];
            let written =
                transaction.execute_typed(include_str!("sql/save_loaded.sql"), &of_object).await?;
            let finish = include_str!("sql/finish_backfill.sql");
            transaction.execute_typed(finish, &of_object).await?;
            written
        }
    };
    if written == 0 { Err(Error::Superseded(object.to_owned())) } else { Ok(()) }
}
