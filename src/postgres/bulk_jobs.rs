//! Bulk ingest jobs, and the journal entries that each of them carries.
//!
//! A job's id is committed before anything is journalled for it, and each entry names its job from the start: whatever
//! ends the worker, what belongs to the job is known. A job may carry very many entries, so they are read page by page.

use super::connect::begin;
use super::journal::entry;
use super::lease::{Lease, begin_fenced};
use super::{Database, Error, JournalEntry};
use tokio_postgres::types::Type;

/// Where a Bulk ingest job stands, as far as we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BulkJobState {
    /// Created; nothing was uploaded for certain.
    Open,
    /// Its data is uploaded.
    Uploaded,
    /// About to be closed: from here on it may have taken effect.
    Closing,
    /// Closed; Salesforce works on it.
    Closed,
    /// Its results are recorded.
    Done,
    /// Given up without effect.
    Aborted,
}

impl BulkJobState {
    const ALL: [Self; 6] =
        [Self::Open, Self::Uploaded, Self::Closing, Self::Closed, Self::Done, Self::Aborted];

    /// The word in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Uploaded => "uploaded",
            Self::Closing => "closing",
            Self::Closed => "closed",
            Self::Done => "done",
            Self::Aborted => "aborted",
        }
    }
}

/// A Bulk ingest job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkJob {
    /// Salesforce's id of it.
    pub job_id: String,
    /// The mapping's object.
    pub object: String,
    /// The operation, in the caller's words.
    pub operation: String,
    /// Where it stands.
    pub state: BulkJobState,
}

/// Saves where a job stands, durably.
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's.
pub async fn save_bulk_job(db: &Database, lease: &Lease, job: &BulkJob) -> Result<(), Error> {
    let mut client = db.client().await?;
    let transaction = begin_fenced(&mut client, lease).await?;
    transaction.batch_execute("set local synchronous_commit = on").await?;
    transaction
        .execute_typed(
            include_str!("sql/save_bulk_job.sql"),
            &[
                (&job.job_id, Type::TEXT),
                (&job.object, Type::TEXT),
                (&job.operation, Type::TEXT),
                (&job.state.as_str(), Type::TEXT),
            ],
        )
        .await?;
    transaction.commit().await?;
    Ok(())
}

/// The jobs of the objects that are neither done nor aborted, oldest first.
///
/// # Errors
/// When the database cannot be asked.
pub async fn open_bulk_jobs(db: &Database, objects: &[String]) -> Result<Vec<BulkJob>, Error> {
    let mut client = db.client().await?;
    let transaction = begin(&mut client).await?;
    let rows = transaction
        .query_typed(
            "select job_id, object, operation, state from lockstep.bulk_job \
             where object = any($1) and state not in ('done', 'aborted') order by created_at",
            &[(&objects, Type::TEXT_ARRAY)],
        )
        .await?;
    transaction.commit().await?;
    rows.iter()
        .map(|row| {
            let word: &str = row.try_get(3)?;
            let state = BulkJobState::ALL.into_iter().find(|state| state.as_str() == word);
            Ok(BulkJob {
                job_id: row.try_get(0)?,
                object: row.try_get(1)?,
                operation: row.try_get(2)?,
                state: state
                    .ok_or_else(|| Error::Unexpected(format!("bulk job state `{word}`")))?,
            })
        })
        .collect()
}

/// The job's entries that are open, behind the entry `after`, in the order in which they were written down; at most so
/// many.
///
/// # Errors
/// When the database cannot be asked.
pub async fn job_entries(
    db: &Database,
    job_id: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<JournalEntry>, Error> {
    let client = db.client().await?;
    let rows = client
        .query_typed(
            include_str!("sql/read_job_entries.sql"),
            &[(&job_id, Type::TEXT), (&after, Type::INT8), (&limit, Type::INT8)],
        )
        .await?;
    rows.iter().map(entry).collect()
}

/// Those of these entries that the job carries and that are open, in the order in which they were written down.
///
/// # Errors
/// When the database cannot be asked.
pub async fn job_entries_among(
    db: &Database,
    job_id: &str,
    ids: &[i64],
) -> Result<Vec<JournalEntry>, Error> {
    let client = db.client().await?;
    let rows = client
        .query_typed(
            include_str!("sql/read_job_entries_among.sql"),
            &[(&job_id, Type::TEXT), (&ids, Type::INT8_ARRAY)],
        )
        .await?;
    rows.iter().map(entry).collect()
}

/// What the job's results call its entries that are open: each with the record's id or, of an insert, its external id.
/// In the order in which they were written down, behind the entry `after`; at most so many.
///
/// # Errors
/// When the database cannot be asked.
pub async fn job_names(
    db: &Database,
    job_id: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<(i64, Option<String>)>, Error> {
    let client = db.client().await?;
    let rows = client
        .query_typed(
            "select id, coalesce(sfid, key) from lockstep.journal \
             where bulk_job = $1 and id > $2 and outcome is null order by id limit $3",
            &[(&job_id, Type::TEXT), (&after, Type::INT8), (&limit, Type::INT8)],
        )
        .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// How many entries the job carries, settled ones included.
///
/// # Errors
/// When the database cannot be asked.
pub async fn count_job_entries(db: &Database, job_id: &str) -> Result<u64, Error> {
    let client = db.client().await?;
    let count = "select count(*) from lockstep.journal where bulk_job = $1";
    let count: i64 = client.query_typed_one(count, &[(&job_id, Type::TEXT)]).await?.try_get(0)?;
    Ok(u64::try_from(count).unwrap_or_default())
}
