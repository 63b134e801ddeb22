//! Applies a page of Salesforce's records to a mapped table, in one transaction.
//!
//! The records stream into a temporary table; everything else is done set by set. Rows about to change are locked
//! first, and only then is the trigger log read, by a statement of its own: a change that the application committed
//! meanwhile is seen, and one that it has not committed yet holds the lock. What is equal is neither locked nor
//! written.

mod depart;
mod facts;
mod ground;
mod orphans;
mod references;
mod stage;
mod statements;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_cost;
#[cfg(test)]
mod tests_depart;
#[cfg(test)]
mod tests_orphans;
#[cfg(test)]
mod tests_references;
#[cfg(test)]
mod tests_triggers;

pub use depart::{Cause, Departed, Removal, remove};
pub(super) use facts::Facts;
pub use orphans::{forget_orphans, released_orphans};
pub(super) use statements::Statements;

use super::connect::begin;
use super::lease::{Lease, fence};
use super::load::{Records, Rows};
use super::progress::{Checkpoint, write_checkpoint};
use super::{Database, Error};
use crate::mapping::Mapping;
use crate::model::{RemoteRecord, RowSource};
use chrono::{DateTime, Utc};
use deadpool_postgres::Transaction;
use depart::Source;
use futures_util::Stream;
use ground::Ground;
use stage::{Staged, stage};
use std::ops::AddAssign;
use std::pin::pin;

/// Records that were read together.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// The mapping they belong to.
    pub mapping: &'a Mapping,
    /// The database's clock before they were requested.
    pub read_started: DateTime<Utc>,
    /// What is saved together with them; the position of a poll only if none of them had to be left out.
    pub checkpoint: Option<Checkpoint>,
    /// Whether more pages of the same window follow. Deletions wait for the last one, so that all of the window are
    /// counted before the first is carried out.
    pub more: bool,
}

/// What a page did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Records in the page.
    pub read: u64,
    /// Rows added.
    pub inserted: u64,
    /// Rows changed.
    pub updated: u64,
    /// Rows removed.
    pub deleted: u64,
    /// Records left out, since they were being sent while they were read; the next read must cover them again.
    pub deferred: u64,
    /// Records left out, since a value of theirs does not fit its column; see `lockstep.unreadable`.
    pub unreadable: u64,
    /// Records left out, since it is not clear which row is theirs; see `lockstep.orphan`.
    pub ambiguous: u64,
    /// Records that wait for a parent or a key which is here now: they have to be read again. Of any mapping.
    pub released: u64,
}

impl AddAssign for Applied {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.deleted += other.deleted;
        self.deferred += other.deferred;
        self.unreadable += other.unreadable;
        self.ambiguous += other.ambiguous;
        self.released += other.released;
    }
}

/// Why a page was not applied. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError<E> {
    /// The records ended in an error.
    #[error(transparent)]
    Source(E),
    /// The database refused.
    #[error(transparent)]
    Database(#[from] Error),
    /// More deletions at once than the mapping allows.
    #[error("{count} rows of {object} would be deleted at once, {allowed} are allowed")]
    TooManyDeletes {
        /// The mapping's object.
        object: String,
        /// Rows that would be deleted.
        count: u64,
        /// The limit.
        allowed: u64,
    },
}

impl<E> From<tokio_postgres::Error> for ApplyError<E> {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Applies the records and the page's checkpoint, all or nothing.
///
/// Each record must carry one value per field of the mapping, in its order.
///
/// # Errors
/// See [`ApplyError`]. An [`Error::Collision`] means that the application inserted the same key at the same moment:
/// the same page succeeds the next time.
pub async fn apply<S, E>(
    db: &Database,
    lease: &Lease,
    page: Page<'_>,
    rows: S,
) -> Result<Applied, ApplyError<E>>
where
    S: Stream<Item = Result<RemoteRecord, E>> + Send,
    E: Send,
{
    let rows = pin!(rows);
    let rows = Rows::passing(page.mapping, Records(rows));
    apply_rows(db, lease, page, rows).await
}

/// As [`apply`], of records that need not be owned.
///
/// # Errors
/// As [`apply`].
pub async fn apply_rows<R: RowSource>(
    db: &Database,
    lease: &Lease,
    page: Page<'_>,
    mut rows: Rows<R>,
) -> Result<Applied, ApplyError<R::Error>> {
    let mut client = db.client().await?;
    let transaction = begin(&mut client).await?;
    let mut applied = Applied::default();
    let facts = Facts::read(&transaction, db.schema(), page.mapping).await?;
    let ground = Ground::new(&transaction, db.schema(), page.mapping, page.read_started, facts);
    let staged = if rows.has_any().await.map_err(ApplyError::Source)? {
        transaction.batch_execute(&ground.statements.create_page).await?;
        stage(&ground, rows).await?
    } else {
        Staged::default()
    };
    // From here on nobody takes the lease over until the page is applied; reading it took its time before.
    fence(&transaction, lease).await?;
    applied.unreadable = staged.unreadables.records();
    applied.read = staged.read + applied.unreadable;
    if applied.read > 0 {
        let is_known = ground.facts.has_unreadable;
        staged.unreadables.save(&transaction, &page.mapping.object, is_known).await?;
    }
    if staged.read > 0 {
        ground.write(&staged, page.more, &mut applied).await?;
    } else if !page.more && ground.facts.has_departures {
        applied.deleted = depart::carry_out(&ground, Source::Noted).await?;
    }
    if !page.more {
        applied.released = orphans::release(&ground).await?;
    }
    if page.mapping.direction.pushes() && applied.updated + applied.deleted > 0 {
        ground.ensure_captured().await?;
    }
    // Whoever goes on after a failure has to read again what was left out.
    let is_whole = |checkpoint: &&Checkpoint| {
        applied.deferred == 0 || !matches!(checkpoint, Checkpoint::Poll(_))
    };
    if let Some(checkpoint) = page.checkpoint.as_ref().filter(is_whole) {
        write_checkpoint(&transaction, &page.mapping.object, checkpoint).await?;
    }
    transaction.commit().await?;
    Ok(applied)
}

/// The schema that the hstore extension lives in.
pub(super) async fn hstore_schema(transaction: &Transaction<'_>) -> Result<String, Error> {
    let row = transaction
        .query_typed_opt(
            "select nspname::text from pg_extension join pg_namespace on extnamespace = pg_namespace.oid \
             where extname = 'hstore'",
            &[],
        )
        .await?;
    let missing = || Error::HstoreMissing("it was not found in the catalog".to_owned());
    Ok(row.ok_or_else(missing)?.try_get(0)?)
}
