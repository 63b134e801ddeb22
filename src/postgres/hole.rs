//! Holes in the capturing of changes: since when rows may have been written unseen, and whether that is settled.

use super::status::log_event;
use super::{Database, Error, MappingState, set_state};
use chrono::{DateTime, Utc};
use deadpool_postgres::Transaction;
use tokio_postgres::types::{ToSql, Type};

/// A hole that is not settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenHole {
    /// The mapping's object.
    pub object: String,
    /// When it was last known that changes are captured.
    pub since: DateTime<Utc>,
    /// What was wrong.
    pub reason: String,
    /// The oldest transaction that may have written unseen.
    pub horizon: i64,
    /// Rows that differ from their records for it; absent until they are compared.
    pub missed: Option<u64>,
}

/// The holes of these objects that are not settled.
///
/// # Errors
/// When the database cannot be asked.
pub async fn open_holes(db: &Database, objects: &[String]) -> Result<Vec<OpenHole>, Error> {
    let client = db.client().await?;
    let statement = "select object, hole_since, hole_reason, hole_horizon, missed from lockstep.capture \
                     where object = any($1) and hole_since is not null order by object";
    let rows = client.query_typed(statement, &[(&objects, Type::TEXT_ARRAY)]).await?;
    let hole = |row: &tokio_postgres::Row| {
        let missed: Option<i64> = row.try_get(4)?;
        Ok(OpenHole {
            object: row.try_get(0)?,
            since: row.try_get(1)?,
            reason: row.try_get(2)?,
            horizon: row.try_get(3)?,
            missed: missed.and_then(|missed| u64::try_from(missed).ok()),
        })
    };
    rows.iter().map(hole).collect()
}

/// Notes that the object's changes are captured from this transaction on, where that is not known yet.
pub(super) async fn begin_capture_on(
    transaction: &Transaction<'_>,
    object: &str,
) -> Result<(), Error> {
    let statement = "insert into lockstep.capture (object) values ($1) on conflict do nothing";
    transaction.execute_typed(statement, &[(&object, Type::TEXT)]).await?;
    Ok(())
}

/// Notes that changes of the object may have been lost since it was last known that they are captured, and pauses the
/// mapping until [`close_hole`]. Nothing where its changes were never captured.
pub(super) async fn open_hole_on(
    transaction: &Transaction<'_>,
    object: &str,
    reason: &str,
) -> Result<(), Error> {
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&object, Type::TEXT), (&reason, Type::TEXT)];
    transaction.execute_typed(include_str!("sql/open_hole.sql"), &parameters).await?;
    Ok(())
}

/// Notes that the changes of these objects were captured at a look that saw every transaction before `horizon` ended.
/// Nothing changes where a hole is open.
///
/// # Errors
/// When the database cannot be asked.
pub async fn note_whole(db: &Database, objects: &[String], horizon: i64) -> Result<(), Error> {
    let client = db.client().await?;
    let statement = "insert into lockstep.capture as capture (object, horizon) \
                     select object, $2 from unnest($1) as whole (object) \
                     on conflict (object) do update \
                     set whole_at = clock_timestamp(), horizon = excluded.horizon \
                     where capture.hole_since is null";
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&objects, Type::TEXT_ARRAY), (&horizon, Type::INT8)];
    client.execute_typed(statement, &parameters).await?;
    Ok(())
}

/// Notes how many rows differ for the hole, and what a person is to decide; the mapping stays paused.
///
/// # Errors
/// When the database cannot be asked.
pub async fn note_missed(db: &Database, hole: &OpenHole, missed: u64) -> Result<String, Error> {
    let client = db.client().await?;
    let count = i64::try_from(missed).unwrap_or(i64::MAX);
    let statement =
        "update lockstep.capture set missed = $2 where object = $1 and hole_since is not null";
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&hole.object, Type::TEXT), (&count, Type::INT8)];
    client.execute_typed(statement, &parameters).await?;
    drop(client);
    let OpenHole { object, since, reason, .. } = hole;
    let rows = if missed == 1 { "1 row was" } else { &format!("{missed} rows were") };
    let message = format!(
        "{rows} written since {} while changes were not captured ({reason}), and differ from Salesforce; to send \
         them as they are: lockstep verify {object} --send; to take Salesforce's values: lockstep verify {object} --repair",
        since.format("%Y-%m-%d %H:%M:%S UTC")
    );
    set_state(db, object, MappingState::Paused, Some(&message)).await?;
    Ok(message)
}

/// Notes that the hole is settled: the mapping goes on, and `outcome` joins the timeline.
///
/// # Errors
/// When the database cannot be asked.
pub async fn close_hole(db: &Database, object: &str, outcome: &str) -> Result<(), Error> {
    let client = db.client().await?;
    let statement = "update lockstep.capture set hole_since = null, hole_horizon = null, hole_found_at = null, \
                     hole_reason = null, missed = null where object = $1";
    client.execute_typed(statement, &[(&object, Type::TEXT)]).await?;
    let statement = "delete from lockstep.missed where object = $1";
    client.execute_typed(statement, &[(&object, Type::TEXT)]).await?;
    drop(client);
    log_event(db, "capture", Some(object), outcome).await?;
    set_state(db, object, MappingState::Synced, None).await?;
    Ok(())
}
