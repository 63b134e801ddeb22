//! What people ask: how the mappings stand; and the notes kept for them.

use super::connect::begin;
use super::{Database, Error};
use chrono::{DateTime, Utc};
use std::time::Duration;
use tokio_postgres::types::{ToSql, Type};

/// Tables with more rows than this are estimated, not counted.
const COUNT_UP_TO: i64 = 10_000;

/// Where a mapping stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MappingState {
    /// Never loaded.
    New,
    /// A load is under way.
    Loading,
    /// Loaded and polled.
    Synced,
    /// Held, by a person or a guard.
    Paused,
    /// Stopped by an error that needs a person.
    Failed,
}

impl MappingState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::New, Self::Loading, Self::Synced, Self::Paused, Self::Failed];

    /// The word in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Loading => "loading",
            Self::Synced => "synced",
            Self::Paused => "paused",
            Self::Failed => "failed",
        }
    }
}

/// One mapping as people see it.
#[derive(Clone, Debug, PartialEq)]
pub struct MappingStatus {
    /// The object.
    pub object: String,
    /// The table.
    pub table: String,
    /// `from_salesforce`, `to_salesforce` or `both`.
    pub direction: String,
    /// Where it stands.
    pub state: MappingState,
    /// Why it stands there, where that needs saying.
    pub state_reason: Option<String>,
    /// Rows of the table.
    pub rows: u64,
    /// Whether `rows` is the planner's estimate.
    pub rows_are_estimated: bool,
    /// Log rows that wait to be sent.
    pub pending: u64,
    /// Log rows that are parked.
    pub failed: u64,
    /// How long the oldest pending log row has waited.
    pub oldest_pending: Option<Duration>,
    /// When it was last polled.
    pub last_poll: Option<DateTime<Utc>>,
    /// Up to where it has been polled, by Salesforce's clock.
    pub watermark: Option<DateTime<Utc>>,
    /// Whether its load is complete.
    pub loaded: bool,
    /// Requests to Salesforce since midnight UTC.
    pub calls_today: u64,
}

/// How every applied mapping stands, by object.
///
/// # Errors
/// When the database cannot be asked.
pub async fn status(db: &Database) -> Result<Vec<MappingStatus>, Error> {
    let mut client = db.client().await?;
    let transaction = begin(&mut client).await?;
    let statement = db.statement(include_str!("sql/read_status.sql"));
    let rows = transaction.query_typed(&statement, &[(&db.schema(), Type::TEXT)]).await?;
    let mut statuses = Vec::with_capacity(rows.len());
    for row in rows {
        let word: &str = row.try_get(3)?;
        let state = MappingState::ALL.into_iter().find(|state| state.as_str() == word);
        let table: String = row.try_get(1)?;
        let estimated: i64 = row.try_get(5)?;
        let rows = if estimated > COUNT_UP_TO {
            estimated
        } else {
            let count = format!("select count(*) from {}", db.qualified(&table));
            transaction.query_typed_one(&count, &[]).await?.try_get(0)?
        };
        let seconds: Option<f64> = row.try_get(8)?;
        statuses.push(MappingStatus {
            object: row.try_get(0)?,
            table,
            direction: row.try_get(2)?,
            state: state.ok_or_else(|| Error::Unexpected(format!("mapping state `{word}`")))?,
            state_reason: row.try_get(4)?,
            rows: unsigned(rows),
            rows_are_estimated: estimated > COUNT_UP_TO,
            pending: unsigned(row.try_get(6)?),
            failed: unsigned(row.try_get(7)?),
            oldest_pending: seconds.map(|seconds| Duration::from_secs_f64(seconds.max(0.0))),
            last_poll: row.try_get(9)?,
            watermark: row.try_get(10)?,
            loaded: row.try_get(11)?,
            calls_today: unsigned(row.try_get(12)?),
        });
    }
    transaction.commit().await?;
    Ok(statuses)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// Notes that the object was polled just now.
///
/// # Errors
/// When the database cannot be asked.
pub async fn note_poll(db: &Database, object: &str) -> Result<(), Error> {
    let statement = "update lockstep.mapping set last_poll = clock_timestamp() where object = $1";
    execute(db, statement, &[(&object, Type::TEXT)]).await
}

/// Notes where a mapping stands and why, and answers whether that is news, which then joins the timeline.
///
/// # Errors
/// When the database cannot be asked.
pub async fn set_state(
    db: &Database,
    object: &str,
    state: MappingState,
    reason: Option<&str>,
) -> Result<bool, Error> {
    let statement = "update lockstep.mapping set state = $2, state_reason = $3 where object = $1 \
                     and (state, state_reason) is distinct from ($2, $3)";
    let state = state.as_str();
    let client = db.client().await?;
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(&object, Type::TEXT), (&state, Type::TEXT), (&reason, Type::TEXT)];
    let is_news = client.execute_typed(statement, &parameters).await? > 0;
    if is_news {
        log_event(db, state, Some(object), reason.unwrap_or(state)).await?;
    }
    Ok(is_news)
}

/// Adds to the connection's timeline. The message must hold no cell's value.
///
/// # Errors
/// When the database cannot be asked.
pub async fn log_event(
    db: &Database,
    kind: &str,
    object: Option<&str>,
    message: &str,
) -> Result<(), Error> {
    let statement = "insert into lockstep.event (kind, object, message) values ($1, $2, $3)";
    execute(db, statement, &[(&kind, Type::TEXT), (&object, Type::TEXT), (&message, Type::TEXT)])
        .await
}

async fn execute(
    db: &Database,
    statement: &str,
    parameters: &[(&(dyn ToSql + Sync), Type)],
) -> Result<(), Error> {
    let client = db.client().await?;
    client.execute_typed(statement, parameters).await?;
    Ok(())
}
