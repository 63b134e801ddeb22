//! The intent journal: what is about to be sent, committed before it is.

use super::claim::salesforce_id;
use super::connect::begin;
use super::lease::{Lease, begin_fenced};
use super::{Database, Error};
use crate::model::{Action, SalesforceId};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json, json};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

/// What is about to be sent for one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    /// The table of the record's row.
    pub table: String,
    /// The row's `id`.
    pub record_id: i32,
    /// What Salesforce is asked to do.
    pub operation: Action,
    /// The record, where it exists already.
    pub sfid: Option<SalesforceId>,
    /// The external id's value, where the record is addressed by it.
    pub key: Option<String>,
    /// The values as sent, by field name.
    pub values: Map<String, Json>,
    /// The log rows that this sends.
    pub log_ids: Vec<i32>,
    /// Whether some of what the log rows ask for is left for another write: they are not settled by this one. What is
    /// left is among `values` as null.
    pub is_part: bool,
}

/// An intent as it was written down.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalEntry {
    /// Ascends with time.
    pub id: i64,
    /// What was to be sent.
    pub intent: Intent,
    /// When it was written down, by the database's clock.
    pub opened_at: DateTime<Utc>,
    /// `accepted`, `refused` or `unknown`; absent while it is open.
    pub outcome: Option<String>,
    /// The Bulk job that carries it.
    pub bulk_job: Option<String>,
}

/// Writes intents down and commits them durably, before anything is sent: by calls of their own, or by the Bulk job of
/// this id. Answers their ids, in their order.
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's.
pub async fn open_journal(
    db: &Database,
    lease: &Lease,
    intents: &[Intent],
    bulk_job: Option<&str>,
) -> Result<Vec<i64>, Error> {
    let mut client = db.client().await?;
    let transaction = begin_fenced(&mut client, lease).await?;
    transaction.batch_execute("set local synchronous_commit = on").await?;
    let rows: Vec<Json> =
        intents.iter().enumerate().map(|(position, intent)| intent_row(position, intent)).collect();
    let rows = transaction
        .query_typed(
            include_str!("sql/open_journal.sql"),
            &[(&Json::Array(rows), Type::JSONB), (&bulk_job, Type::TEXT)],
        )
        .await?;
    let mut ids = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>()?;
    ids.sort_unstable();
    transaction.commit().await?;
    Ok(ids)
}

/// Writes down what may have been sent, at some time since each intent's moment, without anybody knowing.
///
/// # Errors
/// When the database cannot be asked.
pub async fn suspect(db: &Database, intents: &[(Intent, DateTime<Utc>)]) -> Result<(), Error> {
    let mut client = db.client().await?;
    let transaction = begin(&mut client).await?;
    let rows: Vec<Json> = intents
        .iter()
        .enumerate()
        .map(|(position, (intent, since))| {
            let mut row = intent_row(position, intent);
            if let Json::Object(members) = &mut row {
                members.insert("since".to_owned(), json!(since));
            }
            row
        })
        .collect();
    let statement = include_str!("sql/suspect_journal.sql");
    transaction.execute_typed(statement, &[(&Json::Array(rows), Type::JSONB)]).await?;
    transaction.commit().await?;
    Ok(())
}

fn intent_row(position: usize, intent: &Intent) -> Json {
    json!({
        "position": position,
        "table_name": intent.table,
        "record_id": intent.record_id,
        "operation": intent.operation.as_str(),
        "sfid": intent.sfid.as_ref().map(SalesforceId::as_str),
        "key": intent.key,
        "values": intent.values,
        "log_ids": intent.log_ids,
        "is_part": intent.is_part,
    })
}

/// The entries of the tables that have no outcome yet, newest first.
///
/// # Errors
/// When the database cannot be asked.
pub async fn open_entries(db: &Database, tables: &[String]) -> Result<Vec<JournalEntry>, Error> {
    let client = db.client().await?;
    let statement = include_str!("sql/read_journal.sql");
    let rows = client.query_typed(statement, &[(&tables, Type::TEXT_ARRAY)]).await?;
    rows.iter().map(entry).collect()
}

/// Those of the records of which an attempt is open, or was refused, or ended unknown, or of which there are `often`
/// attempts or more. Of the others the journal tells only what they were given.
///
/// # Errors
/// When the database cannot be asked.
pub async fn tried(
    db: &Database,
    table: &str,
    record_ids: &[i32],
    often: usize,
) -> Result<Vec<i32>, Error> {
    let client = db.client().await?;
    let often = i64::try_from(often).unwrap_or(i64::MAX);
    let rows = client
        .query_typed(
            include_str!("sql/find_tried.sql"),
            &[(&table, Type::TEXT), (&record_ids, Type::INT4_ARRAY), (&often, Type::INT8)],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The entries of the records, newest first: all inserts, and the newest few of the rest. They are kept some days.
///
/// # Errors
/// When the database cannot be asked.
pub async fn attempts(
    db: &Database,
    table: &str,
    record_ids: &[i32],
) -> Result<Vec<JournalEntry>, Error> {
    let tables = [table.to_owned()];
    let client = db.client().await?;
    let rows = client
        .query_typed(
            include_str!("sql/read_attempts.sql"),
            &[(&tables.as_slice(), Type::TEXT_ARRAY), (&record_ids, Type::INT4_ARRAY)],
        )
        .await?;
    rows.iter().map(entry).collect()
}

pub(super) fn entry(row: &Row) -> Result<JournalEntry, Error> {
    let operation: &str = row.try_get(3)?;
    let values: Json = row.try_get(6)?;
    let Json::Object(values) = values else {
        return Err(Error::Unexpected("journalled values are no object".to_owned()));
    };
    Ok(JournalEntry {
        id: row.try_get(0)?,
        intent: Intent {
            table: row.try_get(1)?,
            record_id: row.try_get(2)?,
            operation: Action::parse(operation)
                .ok_or_else(|| Error::Unexpected(format!("`{operation}` in the journal")))?,
            sfid: salesforce_id(row.try_get(4)?),
            key: row.try_get(5)?,
            values,
            log_ids: row.try_get(7)?,
            is_part: row.try_get(11)?,
        },
        opened_at: row.try_get(8)?,
        outcome: row.try_get(9)?,
        bulk_job: row.try_get(10)?,
    })
}
