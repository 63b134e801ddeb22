//! The intent journal: what is about to be sent, committed before it is, and the Bulk jobs that carry it.

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

/// Writes intents down and commits them durably, before anything is sent. Answers their ids, in their order.
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's.
pub async fn open_journal(
    db: &Database,
    lease: &Lease,
    intents: &[Intent],
) -> Result<Vec<i64>, Error> {
    let mut client = db.client().await?;
    let transaction = begin_fenced(&mut client, lease).await?;
    transaction.batch_execute("set local synchronous_commit = on").await?;
    let rows: Vec<Json> =
        intents.iter().enumerate().map(|(position, intent)| intent_row(position, intent)).collect();
    let rows = transaction
        .query_typed(include_str!("sql/open_journal.sql"), &[(&Json::Array(rows), Type::JSONB)])
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

fn entry(row: &Row) -> Result<JournalEntry, Error> {
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

/// Saves where a job stands, durably, and which journal entries it carries (in addition to those saved before).
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's.
pub async fn save_bulk_job(
    db: &Database,
    lease: &Lease,
    job: &BulkJob,
    journal: &[i64],
) -> Result<(), Error> {
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
    transaction
        .execute_typed(
            "update lockstep.journal set bulk_job = $1 where id = any($2)",
            &[(&job.job_id, Type::TEXT), (&journal, Type::INT8_ARRAY)],
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
