//! How far polls have come: the one under way, the marks of the last one, and refreshes.

use super::identifier::{fill, qualify};
use super::lease::{Lease, begin_fenced};
use super::{Database, Error};
use crate::mapping::Mapping;
use crate::model::{RemoteRecord, SalesforceId};
use chrono::{DateTime, NaiveDateTime, Utc};
use deadpool_postgres::Transaction;
use tokio_postgres::types::{ToSql, Type};

/// Where a mapping's polling stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollState {
    /// The database's clock at the time of asking.
    pub now: DateTime<Utc>,
    /// Up to where everything was polled, by Salesforce's clock; `None` while the mapping was never loaded.
    pub watermark: Option<DateTime<Utc>>,
    /// The poll that did not come to its end, if there is one.
    pub position: Option<PollPosition>,
    /// Records stamped before were all visible when they were last looked for.
    pub safe_until: Option<DateTime<Utc>>,
    /// When the last poll ended, by the database's clock.
    pub polled_at: Option<DateTime<Utc>>,
    /// When the last refresh ended, by the database's clock.
    pub refreshed_at: Option<DateTime<Utc>>,
    /// The refresh under way, if there is one.
    pub refresh: Option<RefreshPosition>,
    /// Whether rows wait to be removed, or records wait for rows of this table: a page without records, too, lets those
    /// go on that can.
    pub has_waiting: bool,
}

/// How far a poll has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PollPosition {
    /// Salesforce's clock when it began, one second back.
    pub covered: Option<DateTime<Utc>>,
    /// The stamp of the last record applied.
    pub stamp: Option<DateTime<Utc>>,
    /// The id of the last record applied.
    pub id: Option<SalesforceId>,
    /// The Bulk query job that reads the rest.
    pub job: Option<JobPosition>,
}

/// How far a Bulk query job has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobPosition {
    /// The job.
    pub id: String,
    /// The next page; `None` is the first.
    pub locator: Option<String>,
    /// The database's clock before the job was made.
    pub read_started: DateTime<Utc>,
}

/// How far a refresh has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshPosition {
    /// Everything up to this id has been read.
    After(SalesforceId),
    /// The Bulk query job that reads it.
    Job(JobPosition),
}

/// What a poll that came to its end leaves behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PollEnd {
    /// The new watermark, if it moves.
    pub watermark: Option<DateTime<Utc>>,
    /// The new mark of [`PollState::safe_until`], if it moves.
    pub safe_until: Option<DateTime<Utc>>,
    /// The requests it took.
    pub calls: u64,
}

/// Reads where polling the mapping stands, and the time, with one statement.
///
/// # Errors
/// When the database cannot be asked.
pub async fn poll_state(db: &Database, mapping: &Mapping) -> Result<PollState, Error> {
    let client = db.client().await?;
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&mapping.object, Type::TEXT), (&mapping.table, Type::TEXT)];
    let rows = client.query_typed(include_str!("sql/read_poll.sql"), &parameters).await?;
    let row = rows.first().ok_or_else(|| Error::Unexpected("no time".to_owned()))?;
    let id = |column| row.try_get(column).map(parse_id);
    let job = |first| job_position(row, first);
    let position =
        PollPosition { covered: row.try_get(2)?, stamp: row.try_get(3)?, id: id(4)?, job: job(5)? };
    let refresh = match (job(12)?, id(11)?) {
        (Some(job), _) => Some(RefreshPosition::Job(job)),
        (None, Some(id)) => Some(RefreshPosition::After(id)),
        (None, None) => None,
    };
    Ok(PollState {
        now: row.try_get(0)?,
        watermark: row.try_get(1)?,
        position: (position != PollPosition::default()).then_some(position),
        safe_until: row.try_get(8)?,
        polled_at: row.try_get(9)?,
        refreshed_at: row.try_get(10)?,
        refresh,
        has_waiting: row.try_get(15)?,
    })
}

fn parse_id(text: Option<&str>) -> Option<SalesforceId> {
    text.and_then(|text| SalesforceId::parse(text).ok())
}

/// The job whose id, locator and start are in three columns in a row.
fn job_position(row: &tokio_postgres::Row, first: usize) -> Result<Option<JobPosition>, Error> {
    let (id, started): (Option<String>, Option<DateTime<Utc>>) =
        (row.try_get(first)?, row.try_get(first + 2)?);
    let (Some(id), Some(read_started)) = (id, started) else { return Ok(None) };
    Ok(Some(JobPosition { id, locator: row.try_get(first + 1)?, read_started }))
}

/// Saves the position of a poll apart from any records.
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's.
pub async fn save_poll(
    db: &Database,
    lease: &Lease,
    object: &str,
    position: &PollPosition,
) -> Result<(), Error> {
    let mut client = db.client().await?;
    let transaction = begin_fenced(&mut client, lease).await?;
    write_poll(&transaction, object, position).await?;
    transaction.commit().await?;
    Ok(())
}

/// Moves the position of a poll within the transaction of the records it covers.
pub(super) async fn write_poll(
    transaction: &Transaction<'_>,
    object: &str,
    position: &PollPosition,
) -> Result<(), Error> {
    let id = position.id.as_ref().map(SalesforceId::as_str);
    let (job, locator, started) = job_columns(position.job.as_ref());
    let parameters: [(&(dyn ToSql + Sync), Type); 7] = [
        (&object, Type::TEXT),
        (&position.covered, Type::TIMESTAMPTZ),
        (&position.stamp, Type::TIMESTAMPTZ),
        (&id, Type::TEXT),
        (&job, Type::TEXT),
        (&locator, Type::TEXT),
        (&started, Type::TIMESTAMPTZ),
    ];
    transaction.execute_typed(include_str!("sql/save_poll.sql"), &parameters).await?;
    Ok(())
}

fn job_columns(job: Option<&JobPosition>) -> (Option<&str>, Option<&str>, Option<DateTime<Utc>>) {
    let locator = job.and_then(|job| job.locator.as_deref());
    (job.map(|job| job.id.as_str()), locator, job.map(|job| job.read_started))
}

/// Ends a poll, with one statement: the marks move, the position is forgotten, the calls are counted.
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's.
pub async fn finish_poll(
    db: &Database,
    lease: &Lease,
    object: &str,
    end: PollEnd,
) -> Result<(), Error> {
    let calls = i64::try_from(end.calls).unwrap_or(i64::MAX);
    let parameters: [(&(dyn ToSql + Sync), Type); 6] = [
        (&lease.name, Type::TEXT),
        (&lease.epoch, Type::INT8),
        (&object, Type::TEXT),
        (&end.watermark, Type::TIMESTAMPTZ),
        (&end.safe_until, Type::TIMESTAMPTZ),
        (&calls, Type::INT8),
    ];
    let client = db.client().await?;
    let held = client.query_typed(include_str!("sql/finish_poll.sql"), &parameters).await?;
    if held.is_empty() { Err(Error::Fenced(lease.name.clone())) } else { Ok(()) }
}

/// Moves the position of a refresh, or ends it where there is none any more, within the transaction of the records
/// it covers.
pub(super) async fn write_refresh(
    transaction: &Transaction<'_>,
    object: &str,
    position: Option<&RefreshPosition>,
) -> Result<(), Error> {
    let (after, job) = match position {
        Some(RefreshPosition::After(id)) => (Some(id.as_str()), None),
        Some(RefreshPosition::Job(job)) => (None, Some(job)),
        None => (None, None),
    };
    let (job, locator, started) = job_columns(job);
    let parameters: [(&(dyn ToSql + Sync), Type); 6] = [
        (&object, Type::TEXT),
        (&after, Type::TEXT),
        (&job, Type::TEXT),
        (&locator, Type::TEXT),
        (&started, Type::TIMESTAMPTZ),
        (&position.is_none(), Type::BOOL),
    ];
    transaction.execute_typed(include_str!("sql/save_refresh.sql"), &parameters).await?;
    Ok(())
}

/// Which of the records the table does not have in that version, judged by id and `SystemModstamp` alone.
///
/// # Errors
/// When the database cannot be asked.
pub async fn unknown_records(
    db: &Database,
    mapping: &Mapping,
    records: &[RemoteRecord],
) -> Result<Vec<SalesforceId>, Error> {
    let ids: Vec<&str> = records.iter().map(|record| record.id.as_str()).collect();
    let stamps: Vec<Option<NaiveDateTime>> = records
        .iter()
        .map(|record| record.system_modstamp.map(|stamp| stamp.naive_utc()))
        .collect();
    let are_deleted: Vec<bool> = records.iter().map(|record| record.is_deleted).collect();
    let table = qualify(db.schema(), &mapping.table);
    let statement = fill(include_str!("sql/find_unknown.sql"), &[("table", &table)]);
    let parameters: [(&(dyn ToSql + Sync), Type); 4] = [
        (&mapping.table, Type::TEXT),
        (&ids, Type::TEXT_ARRAY),
        (&stamps, Type::TIMESTAMP_ARRAY),
        (&are_deleted, Type::BOOL_ARRAY),
    ];
    let rows = db.client().await?.query_typed(&statement, &parameters).await?;
    rows.iter()
        .map(|row| {
            let id: &str = row.try_get(0)?;
            SalesforceId::parse(id).map_err(|error| Error::Unexpected(error.to_string()))
        })
        .collect()
}
