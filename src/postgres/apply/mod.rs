//! Applies a page of Salesforce's records to a mapped table, in one transaction.
//!
//! The records stream into a temporary table; everything else is done set by set. Rows about to change are locked
//! first, and only then is the trigger log read, by a statement of its own: a change that the application committed
//! meanwhile is seen, and one that it has not committed yet holds the lock. What is equal is neither locked nor
//! written.

mod statements;
#[cfg(test)]
mod tests;

use super::cell::{Cell, wire_type};
use super::connect::begin;
use super::lease::{Lease, fence};
use super::progress::{Checkpoint, write_checkpoint};
use super::statistics::{LARGE, refresh_grown, refresh_queues};
use super::unreadable::Unreadables;
use super::{Database, Error};
use crate::mapping::{DeleteRule, Mapping};
use crate::model::{RemoteRecord, Value};
use chrono::{DateTime, NaiveDateTime, Utc};
use deadpool_postgres::Transaction;
use futures_util::{Stream, StreamExt};
use statements::{Statements, pulled};
use std::ops::AddAssign;
use std::pin::pin;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

/// The default guard against mass deletion: this many rows, or one in so many of the table.
const DELETES_ALWAYS_ALLOWED: u64 = 100;
const DELETES_ALLOWED_ONE_IN: u64 = 200;

/// Records that were read together.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// The mapping they belong to.
    pub mapping: &'a Mapping,
    /// The database's clock before they were requested.
    pub read_started: DateTime<Utc>,
    /// What is saved together with them.
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
}

impl AddAssign for Applied {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.deleted += other.deleted;
        self.deferred += other.deferred;
        self.unreadable += other.unreadable;
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
    #[error("{count} rows would be deleted at once, {allowed} are allowed")]
    TooManyDeletes {
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
    S: Stream<Item = Result<RemoteRecord, E>>,
{
    let mut client = db.client().await?;
    let transaction = begin(&mut client).await?;
    let mut rows = pin!(rows);
    let mut applied = Applied::default();
    if let Some(first) = rows.next().await {
        let first = first.map_err(ApplyError::Source)?;
        let hstore = hstore_schema(&transaction).await?;
        let statements = Statements::of(page.mapping, db.schema(), &hstore);
        transaction.batch_execute(&statements.create_page).await?;
        let (staged, unreadables) =
            stage(&transaction, &statements, page.mapping, first, rows).await?;
        applied.read = staged + unreadables.records();
        applied.unreadable = unreadables.records();
        // From here on nobody takes the lease over until the page is applied; reading it took its time before.
        fence(&transaction, lease).await?;
        unreadables.save(&transaction, &page.mapping.object).await?;
        write(&transaction, db.schema(), &statements, &page, &mut applied).await?;
    } else {
        fence(&transaction, lease).await?;
    }
    if let Some(checkpoint) = &page.checkpoint {
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

/// Copies the records into the page's table. Answers how many, and those that are left out.
async fn stage<S, E>(
    transaction: &Transaction<'_>,
    statements: &Statements,
    mapping: &Mapping,
    first: RemoteRecord,
    mut rest: std::pin::Pin<&mut S>,
) -> Result<(u64, Unreadables), ApplyError<E>>
where
    S: Stream<Item = Result<RemoteRecord, E>>,
{
    let mut types = vec![Type::INT8, Type::TEXT, Type::TIMESTAMP, Type::BOOL];
    types.extend(pulled(mapping).map(|(_, field)| wire_type(field.column_type)));
    let sink = transaction.copy_in(&statements.copy).await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
    let mut position: i64 = 0;
    let mut unreadables = Unreadables::default();
    let mut next = Some(first);
    while let Some(record) = next {
        next = rest.next().await.transpose().map_err(ApplyError::Source)?;
        if unreadables.takes(mapping, &record) {
            continue;
        }
        let stamp: Option<NaiveDateTime> = record.system_modstamp.map(|stamp| stamp.naive_utc());
        let id = record.id.as_str();
        let cells: Vec<Cell<'_>> =
            pulled(mapping).map(|(index, _)| Cell(staged(&record, index))).collect();
        let mut row: Vec<&(dyn ToSql + Sync)> = vec![&position, &id, &stamp, &record.is_deleted];
        row.extend(cells.iter().map(|cell| cell as &(dyn ToSql + Sync)));
        writer.as_mut().write(&row).await?;
        position += 1;
    }
    Ok((writer.finish().await?, unreadables))
}

/// The value to stage. Of a deleted record nothing but the id is used, so what cannot be held does not matter.
fn staged(record: &RemoteRecord, index: usize) -> &Value {
    match record.values.get(index) {
        Some(Value::Unreadable(_)) | None => &Value::Null,
        Some(value) => value,
    }
}

async fn write<E>(
    transaction: &Transaction<'_>,
    schema: &str,
    statements: &Statements,
    page: &Page<'_>,
    applied: &mut Applied,
) -> Result<(), ApplyError<E>> {
    let table = page.mapping.table.as_str();
    let of_table: [(&(dyn ToSql + Sync), Type); 1] = [(&table, Type::TEXT)];
    transaction.execute_typed(include_str!("../sql/apply_drop_repeats.sql"), &[]).await?;
    let is_large = applied.read > LARGE as u64;
    if is_large {
        transaction.batch_execute("analyze pg_temp.lockstep_page").await?;
        refresh_grown(transaction, &statements.table).await?;
        refresh_queues(transaction, schema).await?;
    }
    transaction.batch_execute(&statements.matching).await?;
    if is_large {
        transaction.batch_execute("analyze pg_temp.lockstep_match").await?;
    }
    transaction.batch_execute(&statements.lock).await?;
    // A utility statement takes no parameters.
    let unsent = statements.unsent.replace("$1", &super::identifier::literal(table));
    transaction.batch_execute(&unsent).await?;
    applied.deferred = transaction
        .execute_typed(
            include_str!("../sql/apply_defer.sql"),
            &[(&table, Type::TEXT), (&page.read_started, Type::TIMESTAMPTZ)],
        )
        .await?;
    transaction.execute_typed(&statements.skip_deleted, &of_table).await?;
    if page.mapping.deletes.in_salesforce == DeleteRule::Delete {
        applied.deleted = transaction.execute_typed(&statements.delete, &of_table).await?;
        guard_deletes(transaction, statements, page.mapping, applied.deleted).await?;
    }
    if let Some(release_keys) = &statements.release_keys {
        transaction.execute_typed(release_keys, &of_table).await?;
    }
    applied.updated = transaction.execute_typed(&statements.update, &[]).await?;
    if page.mapping.is_part {
        return Ok(());
    }
    let restored = transaction.execute_typed(&statements.restore, &of_table).await?;
    applied.inserted = restored + transaction.execute_typed(&statements.insert, &of_table).await?;
    if applied.inserted > 0 {
        transaction.execute_typed(&statements.forget_tombstones, &of_table).await?;
    }
    Ok(())
}

async fn guard_deletes<E>(
    transaction: &Transaction<'_>,
    statements: &Statements,
    mapping: &Mapping,
    count: u64,
) -> Result<(), ApplyError<E>> {
    let allowed = match mapping.deletes.hold_above {
        Some(limit) => limit,
        // Counting a large table takes its time; only a large deletion is worth it.
        None if count <= DELETES_ALWAYS_ALLOWED => return Ok(()),
        None => {
            let row = transaction.query_typed_one(&statements.count, &[]).await?;
            let left = u64::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default();
            ((left + count) / DELETES_ALLOWED_ONE_IN).max(DELETES_ALWAYS_ALLOWED)
        }
    };
    if count > allowed { Err(ApplyError::TooManyDeletes { count, allowed }) } else { Ok(()) }
}
