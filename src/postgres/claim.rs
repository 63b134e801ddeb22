//! Claims captured changes for a push, and reads the rows they belong to.

use super::apply::hstore_schema;
use super::connect::begin;
use super::identifier::{fill, quote};
use super::lease::{Lease, begin_fenced};
use super::statistics::{LARGE, refresh_queues};
use super::{Database, Error};
use crate::mapping::{Mapping, ROW_ID};
use crate::model::{Action, Change, ChangeState, Fields, SalesforceId};
use deadpool_postgres::Transaction;
use futures_util::TryStreamExt;
use std::collections::HashSet;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql, Type};

/// A row as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalRow {
    /// The row's `id`.
    pub record_id: i32,
    /// The record's id, where it is known. Absent where the column holds no valid id.
    pub sfid: Option<SalesforceId>,
    /// The mapped and reference columns in Postgres' text form, where they were asked for.
    pub fields: Option<Fields>,
}

/// Which changes a claim takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Taking {
    /// All that are due.
    #[default]
    All,
    /// Those of records that were inserted or deleted; changes of other records go on waiting.
    InsertsAndDeletions,
}

/// What a claim takes.
#[derive(Clone, Copy, Debug)]
pub struct Share<'a> {
    /// The tables.
    pub tables: &'a [String],
    /// Columns of which the old text is told although they did not change.
    pub lookups: &'a [String],
    /// Which of their changes.
    pub taking: Taking,
    /// Only changes behind this log row count as due; 0 for all.
    pub after: i32,
    /// About so many log rows.
    pub limit: i64,
    /// Whether a record's later changes wait for what other records' changes come before them, instead of coming along.
    pub in_order: bool,
}

impl<'a> Share<'a> {
    /// The oldest changes of whatever kind: about so many log rows.
    #[must_use]
    pub const fn of(tables: &'a [String], limit: i64) -> Self {
        Self { tables, lookups: &[], taking: Taking::All, after: 0, limit, in_order: false }
    }
}

/// The captured text that a claim holds before it stops short of its limit, in bytes. What a run makes of it takes many
/// times as much.
const CLAIM_BYTES: i64 = 3 << 20;

/// As far as waiting changes are counted.
const COUNT_MAX: i64 = 100_000;

/// A claim that stops short does so after a multiple of as many log rows as a call carries records.
const CLAIM_STEP: i64 = 200;

/// Claims the changes of the oldest due records: about as many log rows as the share says, fewer where they are large,
/// and more where records waited for each other in a circle, which come together.
///
/// New rows become PENDING; rows that a dead worker left PENDING come again. A record comes whole, with its FAILED
/// rows and, where it was deleted before it was ever sent, with that deletion, both in the state they have. Rows that
/// need no sending are archived on the way. Ordered by log id. Of an update come the old values of the columns that it
/// changed, and of `lookups`, which another column may stand for.
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's.
pub async fn claim(db: &Database, lease: &Lease, share: &Share<'_>) -> Result<Vec<Change>, Error> {
    let mut client = db.client().await?;
    let transaction = begin_fenced(&mut client, lease).await?;
    let hstore = hstore_schema(&transaction).await?;
    if usize::try_from(share.limit).is_ok_and(|limit| limit > LARGE)
        && has_backlog(&transaction, db).await?
    {
        refresh_queues(&transaction, db.schema()).await?;
    }
    let tables = share.tables;
    for statement in
        [include_str!("sql/requeue_archived.sql"), include_str!("sql/archive_ignored.sql")]
    {
        transaction.execute_typed(&db.statement(statement), &[(&tables, Type::TEXT_ARRAY)]).await?;
    }
    let woken = wake_children(&transaction, db, tables).await?;
    let (woken_tables, woken_ids): (Vec<String>, Vec<i32>) = woken.into_iter().unzip();
    let parts = [("schema", quote(db.schema())), ("hstore", quote(&hstore))];
    let parts = parts.each_ref().map(|(key, text)| (*key, text.as_str()));
    let parameters: [(&(dyn ToSql + Sync), Type); 10] = [
        (&tables, Type::TEXT_ARRAY),
        (&share.limit, Type::INT8),
        (&(share.taking == Taking::All), Type::BOOL),
        (&CLAIM_BYTES, Type::INT8),
        (&CLAIM_STEP, Type::INT8),
        (&share.lookups, Type::TEXT_ARRAY),
        (&share.after, Type::INT4),
        (&share.in_order, Type::BOOL),
        (&woken_tables, Type::TEXT_ARRAY),
        (&woken_ids, Type::INT4_ARRAY),
    ];
    let statement = fill(include_str!("sql/claim_changes.sql"), &parts);
    // Row by row: the text as it comes and what is made of it are never both held whole.
    let rows = transaction.query_typed_raw(&statement, parameters).await?;
    tokio::pin!(rows);
    let mut changes = Vec::new();
    while let Some(row) = rows.try_next().await? {
        changes.push(change(&row)?);
    }
    transaction.commit().await?;
    Ok(changes)
}

/// Lets records go on that waited for rows which are in Salesforce by now, or gone, or given up. What the rows are
/// decides, not what happened to them: whoever linked a parent, its children are not forgotten. Answers those that
/// waited for each other.
async fn wake_children(
    transaction: &Transaction<'_>,
    db: &Database,
    tables: &[String],
) -> Result<Vec<(String, i32)>, Error> {
    let waited_for = transaction
        .query_typed(
            include_str!("sql/read_waited_for.sql"),
            &[(&db.schema(), Type::TEXT), (&tables, Type::TEXT_ARRAY)],
        )
        .await?;
    for row in &waited_for {
        let table: &str = row.try_get(0)?;
        let parent = db.qualified(table);
        let parts = [("table", parent), ("schema", quote(db.schema()))];
        let parts = parts.each_ref().map(|(key, text)| (*key, text.as_str()));
        let wake = fill(include_str!("sql/wake_children.sql"), &parts);
        transaction.execute_typed(&wake, &[(&table, Type::TEXT)]).await?;
    }
    if waited_for.is_empty() {
        return Ok(Vec::new());
    }
    let circles = include_str!("sql/wake_circles.sql");
    let rows = transaction.query_typed(circles, &[(&tables, Type::TEXT_ARRAY)]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Whether records wait for rows of these tables.
///
/// # Errors
/// When the database cannot be asked.
pub async fn is_waited_for(db: &Database, tables: &[String]) -> Result<bool, Error> {
    let client = db.client().await?;
    let probe = "select exists (select from lockstep.delivery where parent_table = any($1))";
    let row = client.query_typed_one(probe, &[(&tables, Type::TEXT_ARRAY)]).await?;
    Ok(row.try_get(0)?)
}

/// Whether more than so many changes of the table wait. Looks no further than it must; a number beyond all backlogs is
/// never exceeded.
///
/// # Errors
/// When the database cannot be asked.
pub async fn waits_more_than(db: &Database, table: &str, count: usize) -> Result<bool, Error> {
    let Some(count) = i64::try_from(count).ok().filter(|count| *count <= COUNT_MAX) else {
        return Ok(false);
    };
    let probe = format!(
        "select count(*) > $2 from (select from {} where state in ('NEW', 'PENDING') \
         and table_name = $1 limit $2 + 1) as waiting",
        db.qualified("_trigger_log")
    );
    let client = db.client().await?;
    let row = client.query_typed_one(&probe, &[(&table, Type::TEXT), (&count, Type::INT8)]).await?;
    Ok(row.try_get(0)?)
}

/// The unsent changes of the next so many records of the table behind `after`, record by record and oldest first. Takes
/// nothing: they stay as they are.
///
/// # Errors
/// When the database cannot be asked.
pub async fn unsent(
    db: &Database,
    table: &str,
    after: i32,
    records: i64,
) -> Result<Vec<Change>, Error> {
    let mut client = db.client().await?;
    let transaction = begin(&mut client).await?;
    let hstore = hstore_schema(&transaction).await?;
    let parts = [("schema", quote(db.schema())), ("hstore", quote(&hstore))];
    let parts = parts.each_ref().map(|(key, text)| (*key, text.as_str()));
    let rows = transaction
        .query_typed(
            &fill(include_str!("sql/read_unsent.sql"), &parts),
            &[(&table, Type::TEXT), (&after, Type::INT4), (&records, Type::INT8)],
        )
        .await?;
    transaction.commit().await?;
    rows.iter().map(change).collect()
}

/// Whether more than a few changes wait; counts no further than it must.
async fn has_backlog(transaction: &Transaction<'_>, db: &Database) -> Result<bool, Error> {
    let probe = format!(
        "select count(*) from (select from {} where state in ('NEW', 'PENDING') limit {}) as waiting",
        db.qualified("_trigger_log"),
        LARGE + 1
    );
    let waiting: i64 = transaction.query_typed_one(&probe, &[]).await?.try_get(0)?;
    Ok(usize::try_from(waiting).unwrap_or_default() > LARGE)
}

fn change(row: &Row) -> Result<Change, Error> {
    let unknown = |word: &str| Error::Unexpected(format!("`{word}` in the trigger log"));
    let state: &str = row.try_get(1)?;
    let action: &str = row.try_get(5)?;
    let old: Option<Json<Fields>> = row.try_get(6)?;
    let values: Option<Json<Fields>> = row.try_get(7)?;
    Ok(Change {
        log_id: row.try_get(0)?,
        state: ChangeState::parse(state).ok_or_else(|| unknown(state))?,
        table: row.try_get(2)?,
        record_id: row.try_get(3)?,
        sfid: salesforce_id(row.try_get(4)?),
        action: Action::parse(action).ok_or_else(|| unknown(action))?,
        old: old.map(|Json(fields)| fields),
        values: values.map(|Json(fields)| fields),
        created_at: row.try_get(8)?,
    })
}

pub(super) fn salesforce_id(text: Option<&str>) -> Option<SalesforceId> {
    text.and_then(|text| SalesforceId::parse(text).ok())
}

/// Reads rows of the mapping's table, with the fields of those that are among `whole`. Rows that do not exist are left
/// out.
///
/// # Errors
/// When the database cannot be asked.
pub async fn read_rows(
    db: &Database,
    mapping: &Mapping,
    record_ids: &[i32],
    whole: &[i32],
) -> Result<Vec<LocalRow>, Error> {
    let mut client = db.client().await?;
    let transaction = begin(&mut client).await?;
    let hstore = hstore_schema(&transaction).await?;
    let columns: Vec<&str> = mapping
        .fields
        .iter()
        .flat_map(|field| {
            let reference = field.reference.as_ref().map(|reference| reference.column.as_str());
            std::iter::once(field.column.as_str()).chain(reference)
        })
        .collect();
    let parts = [("table", db.qualified(&mapping.table)), ("hstore", quote(&hstore))];
    let parts = parts.each_ref().map(|(key, text)| (*key, text.as_str()));
    let rows = transaction
        .query_typed(
            &fill(include_str!("sql/read_rows.sql"), &parts),
            &[
                (&record_ids, Type::INT4_ARRAY),
                (&columns, Type::TEXT_ARRAY),
                (&whole, Type::INT4_ARRAY),
            ],
        )
        .await?;
    transaction.commit().await?;
    rows.iter()
        .map(|row| {
            let fields: Option<Json<Fields>> = row.try_get(2)?;
            let sfid = salesforce_id(row.try_get(1)?);
            let fields = fields.map(|Json(fields)| fields);
            Ok(LocalRow { record_id: row.try_get(0)?, sfid, fields })
        })
        .collect()
}

/// Those of the records whose row in `table` was deleted, while the deletion is not sent; each with the row's id.
///
/// # Errors
/// When the database cannot be asked.
pub async fn find_leaving(
    db: &Database,
    table: &str,
    ids: &[String],
) -> Result<Vec<(String, i32)>, Error> {
    let client = db.client().await?;
    let schema = quote(db.schema());
    let statement = fill(include_str!("sql/find_leaving.sql"), &[("schema", &schema)]);
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&ids, Type::TEXT_ARRAY), (&table, Type::TEXT)];
    let rows = client.query_typed(&statement, &parameters).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Finds the rows of `table` whose `match_column`, a text column or [`ROW_ID`], holds one of the values.
///
/// # Errors
/// When the database cannot be asked.
pub async fn find_parents(
    db: &Database,
    table: &str,
    match_column: &str,
    values: &[String],
) -> Result<Vec<(String, i32, Option<SalesforceId>)>, Error> {
    let client = db.client().await?;
    let is_by_row = match_column == ROW_ID;
    // Wider than the column, so that the value of a child's wider column is just not found.
    let cast = if is_by_row { "::bigint[]" } else { "" };
    let is_number = |value: &&String| !is_by_row || value.parse::<i64>().is_ok();
    let values: Vec<&String> = values.iter().filter(is_number).collect();
    let parts = [
        ("table", db.qualified(table)),
        ("column", quote(match_column)),
        ("cast", cast.to_owned()),
    ];
    let parts = parts.each_ref().map(|(key, text)| (*key, text.as_str()));
    let statement = fill(include_str!("sql/find_parents.sql"), &parts);
    let rows = client.query_typed(&statement, &[(&values, Type::TEXT_ARRAY)]).await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?, salesforce_id(row.try_get(2)?))))
        .collect()
}

/// Those of the table's rows of which changes are still to be sent, parked ones included.
///
/// # Errors
/// When the database cannot be asked.
pub async fn find_unsent(
    db: &Database,
    table: &str,
    record_ids: &[i32],
) -> Result<HashSet<i32>, Error> {
    if record_ids.is_empty() {
        return Ok(HashSet::new());
    }
    let client = db.client().await?;
    let statement = db.statement(include_str!("sql/find_unsent.sql"));
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&table, Type::TEXT), (&record_ids, Type::INT4_ARRAY)];
    let rows = client.query_typed(&statement, &parameters).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
