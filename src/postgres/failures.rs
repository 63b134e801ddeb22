//! Parked changes: what is known of them, and how a person has them sent again or gives them up.

use super::claim::salesforce_id;
use super::connect::begin;
use super::identifier::fill;
use super::status::unsigned;
use super::{Database, Error};
use crate::model::{Action, SalesforceId};
use crate::reconcile::Winner;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

/// A parked change.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The log row.
    pub log_id: i32,
    /// The object.
    pub object: String,
    /// The table.
    pub table: String,
    /// The row's `id`.
    pub record_id: i32,
    /// The record, where it exists.
    pub sfid: Option<SalesforceId>,
    /// What was to be sent.
    pub action: Action,
    /// Salesforce's words.
    pub message: String,
    /// When it was refused, the last time.
    pub at: DateTime<Utc>,
    /// What was kept of the refusal; absent where the log row was marked by somebody else.
    pub refusal: Option<Refusal>,
}

/// What was kept of a refusal.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// `salesforce`, `rehearsal` or `lockstep`.
    pub origin: String,
    /// The code.
    pub code: String,
    /// The fields that it is about.
    pub fields: Vec<String>,
    /// Equal where the reason is the same.
    pub cause: String,
    /// How often it was sent.
    pub attempts: u64,
    /// When it was refused first.
    pub first_at: DateTime<Utc>,
    /// What was sent, or would have been, by field. Only told of a single change.
    pub sent: Option<Map<String, Json>>,
    /// By field the `base`, `local` and `remote` value that a person is to choose from. Only told of a single change.
    pub conflicts: Option<Map<String, Json>>,
}

/// Parked changes that were refused for one reason.
#[derive(Clone, Debug, PartialEq)]
pub struct FailureGroup {
    /// The object.
    pub object: String,
    /// How many there are.
    pub count: u64,
    /// When the first of them was refused first.
    pub first_at: DateTime<Utc>,
    /// When the last of them was refused last.
    pub last_at: DateTime<Utc>,
    /// The numbers of the first five.
    pub log_ids: Vec<i32>,
    /// The words that the first of them was refused with.
    pub message: String,
}

/// Which parked changes are meant; every part that is given must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Those of this object.
    pub object: Option<String>,
    /// Those of the row with this `id`.
    pub record_id: Option<i32>,
    /// These log rows.
    pub log_ids: Option<Vec<i32>>,
    /// And with `log_ids`, all that were refused for the same reason as these.
    pub alike: bool,
}

/// The parked changes of one object or all, oldest first.
///
/// # Errors
/// When the database cannot be asked.
pub async fn failures(db: &Database, object: Option<&str>) -> Result<Vec<Failure>, Error> {
    read_failures(db, object, None).await
}

/// The parked changes of one object or all by what they were refused for, the largest group first.
///
/// # Errors
/// When the database cannot be asked.
pub async fn failure_groups(
    db: &Database,
    object: Option<&str>,
) -> Result<Vec<FailureGroup>, Error> {
    let client = db.client().await?;
    let statement = of_failures(db, include_str!("sql/read_failure_groups.sql"));
    let rows = client.query_typed(&statement, &[(&object, Type::TEXT)]).await?;
    rows.iter()
        .map(|row| {
            Ok(FailureGroup {
                object: row.try_get(0)?,
                count: unsigned(row.try_get(1)?),
                first_at: row.try_get(2)?,
                last_at: row.try_get(3)?,
                log_ids: row.try_get(4)?,
                message: row.try_get(5)?,
            })
        })
        .collect()
}

/// The parked change with this number in the log, if there is one.
///
/// # Errors
/// When the database cannot be asked.
pub async fn failure(db: &Database, log_id: i32) -> Result<Option<Failure>, Error> {
    Ok(read_failures(db, None, Some(log_id)).await?.pop())
}

/// A statement that reads parked changes.
fn of_failures(db: &Database, template: &str) -> String {
    db.statement(&fill(template, &[("failures", include_str!("sql/from_failures.sql"))]))
}

async fn read_failures(
    db: &Database,
    object: Option<&str>,
    log_id: Option<i32>,
) -> Result<Vec<Failure>, Error> {
    let client = db.client().await?;
    let statement = of_failures(db, include_str!("sql/read_failures.sql"));
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&object, Type::TEXT), (&log_id, Type::INT4)];
    let rows = client.query_typed(&statement, &parameters).await?;
    rows.iter().map(failure_of).collect()
}

fn failure_of(row: &Row) -> Result<Failure, Error> {
    let action: &str = row.try_get(5)?;
    let origin: Option<String> = row.try_get(8)?;
    let refusal = match origin {
        None => None,
        Some(origin) => {
            let sent: Option<Json> = row.try_get(14)?;
            let conflicts: Option<Json> = row.try_get(15)?;
            let attempts: i32 = row.try_get(12)?;
            Some(Refusal {
                origin,
                code: row.try_get(9)?,
                fields: row.try_get(10)?,
                cause: row.try_get(11)?,
                attempts: unsigned(attempts.into()),
                first_at: row.try_get(13)?,
                sent: sent.and_then(|sent| sent.as_object().cloned()),
                conflicts: conflicts.and_then(|conflicts| conflicts.as_object().cloned()),
            })
        }
    };
    Ok(Failure {
        log_id: row.try_get(0)?,
        object: row.try_get(1)?,
        table: row.try_get(2)?,
        record_id: row.try_get(3)?,
        sfid: salesforce_id(row.try_get(4)?),
        action: Action::parse(action)
            .ok_or_else(|| Error::Unexpected(format!("`{action}` in the trigger log")))?,
        message: row.try_get(6)?,
        at: row.try_get(7)?,
        refusal,
    })
}

/// Which values a parked change is sent with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Payload {
    /// Those that were captured.
    #[default]
    Captured,
    /// Those that the row has now.
    Present,
}

/// Makes parked changes due again, as `lockstep.retry` does for the application. Answers how many.
///
/// # Errors
/// When the database cannot be asked.
pub async fn retry_failures(
    db: &Database,
    selection: &Selection,
    payload: Payload,
) -> Result<u64, Error> {
    let is_present = payload == Payload::Present;
    let last: (&(dyn ToSql + Sync), Type) = (&is_present, Type::BOOL);
    change_failures(db, include_str!("sql/retry_failures.sql"), selection, last).await
}

/// Decides conflicts that wait for a person and makes their changes due again, as `lockstep.decide` does for the
/// application. Answers how many.
///
/// # Errors
/// When the database cannot be asked, or `winner` is not a side.
pub async fn decide_failures(
    db: &Database,
    selection: &Selection,
    winner: Winner,
) -> Result<u64, Error> {
    let winner = winner.as_str();
    let last: (&(dyn ToSql + Sync), Type) = (&winner, Type::TEXT);
    change_failures(db, include_str!("sql/decide_failures.sql"), selection, last).await
}

/// Gives parked changes up: they move to the archive as IGNORED. Answers how many.
///
/// # Errors
/// When the database cannot be asked.
pub async fn ignore_failures(
    db: &Database,
    selection: &Selection,
    reason: &str,
) -> Result<u64, Error> {
    let last: (&(dyn ToSql + Sync), Type) = (&reason, Type::TEXT);
    change_failures(db, include_str!("sql/ignore_failures.sql"), selection, last).await
}

async fn change_failures(
    db: &Database,
    template: &str,
    selection: &Selection,
    last: (&(dyn ToSql + Sync), Type),
) -> Result<u64, Error> {
    let mut client = db.client().await?;
    let transaction = begin(&mut client).await?;
    let parameters: [(&(dyn ToSql + Sync), Type); 5] = [
        (&selection.object, Type::TEXT),
        (&selection.record_id, Type::INT4),
        (&selection.log_ids, Type::INT4_ARRAY),
        (&selection.alike, Type::BOOL),
        last,
    ];
    let row = transaction.query_typed_one(&db.statement(template), &parameters).await?;
    let count = unsigned(row.try_get(0)?);
    transaction.commit().await?;
    Ok(count)
}
