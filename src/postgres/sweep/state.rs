//! Where the sweep of each object stands: wanted, under way, held by the guard, done.

use super::scan::ScanStart;
use crate::mapping::Mapping;
use crate::model::SalesforceId;
use crate::postgres::connect::begin;
use crate::postgres::identifier::fill;
use crate::postgres::lease::{Lease, begin_fenced, fenced};
use crate::postgres::{Database, Error, log_event};
use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

/// How the sweep of one object stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepState {
    /// The object.
    pub object: String,
    /// When it was first considered.
    pub known_at: DateTime<Utc>,
    /// Since when one is wanted beside the schedule, and why.
    pub wanted: Option<(DateTime<Utc>, String)>,
    /// Whether the mapping's changes wait for it before they are sent.
    pub is_first: bool,
    /// The one under way.
    pub underway: Option<Underway>,
    /// The next sample begins behind this id.
    pub sample_after: Option<String>,
    /// What the guard against mass deletion holds back.
    pub held: Option<Held>,
    /// When the last one ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Whether the object is loaded: before that there is nothing to compare.
    pub is_loaded: bool,
    /// The database's clock when this was read.
    pub now: DateTime<Utc>,
}

/// A sweep under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Underway {
    /// When it began.
    pub start: ScanStart,
    /// Whether every value is compared.
    pub is_full: bool,
    /// The Bulk job that reads the object.
    pub job: Option<String>,
    /// Whether everything is compared, and what was found is being repaired.
    pub is_compared: bool,
}

/// Rows that are gone from the org, or no longer visible, and too many to remove without being told so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// How many were found at least.
    pub count: u64,
    /// How many may go at once.
    pub allowed: u64,
    /// When the org was last asked about them.
    pub checked_at: DateTime<Utc>,
}

/// Asks for a sweep of the object beside its schedule, because something happened that polls may not see. `reason`
/// goes to the connection's timeline and must hold no cell's value. Cheap and safe to repeat; the sweep runs in a
/// worker, soon.
///
/// # Errors
/// When the database cannot be asked.
pub async fn needs_sweep(db: &Database, object: &str, reason: &str) -> Result<(), Error> {
    want_sweep(db, object, reason, false).await
}

/// As [`needs_sweep`], and holds the object's changes back until the sweep is done.
///
/// # Errors
/// When the database cannot be asked.
pub async fn needs_sweep_first(db: &Database, object: &str, reason: &str) -> Result<(), Error> {
    want_sweep(db, object, reason, true).await
}

async fn want_sweep(
    db: &Database,
    object: &str,
    reason: &str,
    is_first: bool,
) -> Result<(), Error> {
    let client = db.client().await?;
    client
        .execute_typed(
            include_str!("../sql/want_sweep.sql"),
            &[(&object, Type::TEXT), (&reason, Type::TEXT), (&is_first, Type::BOOL)],
        )
        .await?;
    drop(client);
    log_event(db, "sweep wanted", Some(object), reason).await
}

/// How the sweeps of these objects stand; those that were never loaded and never asked for are left out. Notes when a
/// loaded object is seen for the first time.
///
/// # Errors
/// When the database cannot be asked.
pub async fn sweeps(db: &Database, objects: &[String]) -> Result<Vec<SweepState>, Error> {
    let client = db.client().await?;
    client
        .execute_typed(include_str!("../sql/know_sweeps.sql"), &[(&objects, Type::TEXT_ARRAY)])
        .await?;
    let statement = include_str!("../sql/read_sweeps.sql");
    let rows = client.query_typed(statement, &[(&objects, Type::TEXT_ARRAY)]).await?;
    rows.iter().map(state).collect()
}

/// How the sweep of one object stands, if anything is known of it. Writes nothing.
///
/// # Errors
/// When the database cannot be asked.
pub async fn sweep_state(db: &Database, object: &str) -> Result<Option<SweepState>, Error> {
    let client = db.client().await?;
    let objects = [object.to_owned()];
    let statement = include_str!("../sql/read_sweeps.sql");
    let rows = client.query_typed(statement, &[(&objects.as_slice(), Type::TEXT_ARRAY)]).await?;
    rows.first().map(state).transpose()
}

fn state(row: &Row) -> Result<SweepState, Error> {
    let wanted_at: Option<DateTime<Utc>> = row.try_get(2)?;
    let reason: Option<String> = row.try_get(3)?;
    let started_at: Option<DateTime<Utc>> = row.try_get(5)?;
    let underway = match started_at {
        Some(started_at) => Some(Underway {
            start: ScanStart { started_at, read_started: row.try_get(6)? },
            is_full: row.try_get(7)?,
            job: row.try_get(8)?,
            is_compared: row.try_get::<_, Option<bool>>(9)?.unwrap_or_default(),
        }),
        None => None,
    };
    let held = match row.try_get::<_, Option<i64>>(11)? {
        Some(count) => Some(Held {
            count: unsigned(count),
            allowed: unsigned(row.try_get(12)?),
            checked_at: row.try_get(13)?,
        }),
        None => None,
    };
    Ok(SweepState {
        object: row.try_get(0)?,
        known_at: row.try_get(1)?,
        wanted: wanted_at.zip(reason),
        is_first: row.try_get(4)?,
        underway,
        sample_after: row.try_get(10)?,
        held,
        finished_at: row.try_get(14)?,
        is_loaded: row.try_get(15)?,
        now: row.try_get(16)?,
    })
}

/// The objects among these whose changes are not sent before they have been swept, or before it is settled what was
/// missed while changes were not captured.
///
/// # Errors
/// When the database cannot be asked.
pub async fn swept_first(db: &Database, objects: &[String]) -> Result<Vec<String>, Error> {
    let client = db.client().await?;
    let statement = "select sweep.object from lockstep.sweep as sweep \
                     join lockstep.checkpoint as checkpoint on checkpoint.object = sweep.object \
                     where sweep.object = any($1) and sweep.is_first and checkpoint.loaded \
                     union \
                     select object from lockstep.capture where object = any($1) and hole_since is not null";
    let rows = client.query_typed(statement, &[(&objects, Type::TEXT_ARRAY)]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// What the guard holds back of the object's rows, if anything.
///
/// # Errors
/// When the database cannot be asked.
pub async fn held_back(db: &Database, object: &str) -> Result<Option<(u64, u64)>, Error> {
    let client = db.client().await?;
    let statement =
        "select held, held_allowed from lockstep.sweep where object = $1 and held is not null";
    let rows = client.query_typed(statement, &[(&object, Type::TEXT)]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some((unsigned(row.try_get(0)?), unsigned(row.try_get(1)?))))
}

/// Notes that a sweep begins.
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's.
pub async fn begin_sweep(
    db: &Database,
    lease: &Lease,
    object: &str,
    sweep: &Underway,
) -> Result<(), Error> {
    let parameters: [(&(dyn ToSql + Sync), Type); 5] = [
        (&object, Type::TEXT),
        (&sweep.start.started_at, Type::TIMESTAMPTZ),
        (&sweep.start.read_started, Type::TIMESTAMPTZ),
        (&sweep.is_full, Type::BOOL),
        (&sweep.job, Type::TEXT),
    ];
    fenced(db, lease, include_str!("../sql/begin_sweep.sql"), &parameters).await
}

/// Notes that the sweep under way is over: finished with so many rows repaired, or given up, so that the next begins
/// anew.
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's.
pub async fn end_sweep(
    db: &Database,
    lease: &Lease,
    object: &str,
    finished: bool,
    repaired: u64,
) -> Result<(), Error> {
    let repaired = i64::try_from(repaired).unwrap_or(i64::MAX);
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(&object, Type::TEXT), (&finished, Type::BOOL), (&repaired, Type::INT8)];
    fenced(db, lease, include_str!("../sql/end_sweep.sql"), &parameters).await
}

/// A page of findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The records and rows, by their ids. What is no id is left out: nobody can be asked about it.
    pub ids: Vec<SalesforceId>,
    /// Where the next page begins; `None` behind the last.
    pub last: Option<String>,
}

/// The findings of these kinds (`gone` is one too) behind `after`, in the order of ids.
///
/// # Errors
/// When the database cannot be asked.
pub async fn findings(
    db: &Database,
    object: &str,
    kinds: &[&str],
    after: Option<&str>,
    limit: i64,
) -> Result<Findings, Error> {
    let client = db.client().await?;
    let statement = "select sfid from lockstep.sweep_finding \
                     where object = $1 and kind = any($2) and sfid collate \"C\" > $3 \
                     order by sfid collate \"C\" limit $4";
    let after = after.unwrap_or_default();
    let parameters: [(&(dyn ToSql + Sync), Type); 4] = [
        (&object, Type::TEXT),
        (&kinds, Type::TEXT_ARRAY),
        (&after, Type::TEXT),
        (&limit, Type::INT8),
    ];
    let rows = client.query_typed(statement, &parameters).await?;
    let ids = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
    let known = ids.iter().filter_map(|id| SalesforceId::parse(id).ok()).collect();
    Ok(Findings { ids: known, last: ids.last().cloned() })
}

/// Settles findings: forgets `settled`, and notes that the records of `gone` are not there.
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's.
pub async fn settle_findings(
    db: &Database,
    lease: &Lease,
    object: &str,
    settled: &[SalesforceId],
    gone: &[SalesforceId],
) -> Result<(), Error> {
    let texts = |ids: &[SalesforceId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (settled, gone) = (texts(settled), texts(gone));
    let statement = "with forgotten as ( \
                         delete from lockstep.sweep_finding where object = $1 and sfid = any($2) \
                     ) \
                     update lockstep.sweep_finding set kind = 'gone' where object = $1 and sfid = any($3)";
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(&object, Type::TEXT), (&settled, Type::TEXT_ARRAY), (&gone, Type::TEXT_ARRAY)];
    fenced(db, lease, statement, &parameters).await
}

/// How many of the object's records are known to be gone.
///
/// # Errors
/// When the database cannot be asked.
pub async fn count_gone(db: &Database, object: &str) -> Result<u64, Error> {
    let client = db.client().await?;
    let statement =
        "select count(*) from lockstep.sweep_finding where object = $1 and kind = 'gone'";
    let row = client.query_typed(statement, &[(&object, Type::TEXT)]).await?;
    row.first().map_or(Ok(0), |row| Ok(unsigned(row.try_get(0)?)))
}

/// Notes what the guard holds back, or that it holds nothing back any longer.
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's.
pub async fn hold_back(
    db: &Database,
    lease: &Lease,
    object: &str,
    held: Option<(u64, u64)>,
) -> Result<(), Error> {
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let (held, allowed) = held.map(|(held, allowed)| (signed(held), signed(allowed))).unzip();
    let statement = "update lockstep.sweep set held = $2, held_allowed = $3, \
                     held_checked_at = case when $2 is null then null else clock_timestamp() end \
                     where object = $1";
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(&object, Type::TEXT), (&held, Type::INT8), (&allowed, Type::INT8)];
    fenced(db, lease, statement, &parameters).await
}

/// Forgets the stamps of rows that are later than their records', as read just now, so that the records can be
/// applied. Rows stamped after the second moment may have been polled since, and are left.
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's.
pub async fn forget_late_stamps(
    db: &Database,
    lease: &Lease,
    mapping: &Mapping,
    (stamps, started_at): (&[(SalesforceId, DateTime<Utc>)], DateTime<Utc>),
) -> Result<(), Error> {
    if !mapping.has_system_modstamp() || stamps.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = stamps.iter().map(|(id, _)| id.to_string()).collect();
    let stamps: Vec<DateTime<Utc>> = stamps.iter().map(|(_, stamp)| *stamp).collect();
    let statement = include_str!("../sql/forget_late_stamps.sql");
    let statement = fill(statement, &[("table", db.qualified(&mapping.table).as_str())]);
    let parameters: [(&(dyn ToSql + Sync), Type); 3] = [
        (&ids, Type::TEXT_ARRAY),
        (&stamps, Type::TIMESTAMPTZ_ARRAY),
        (&started_at, Type::TIMESTAMPTZ),
    ];
    let mut client = db.client().await?;
    let transaction = begin_fenced(&mut client, lease).await?;
    // Columns without time zone hold UTC: within this transaction both types compare alike.
    transaction.batch_execute("set local timezone = 'UTC'").await?;
    transaction.execute_typed(&statement, &parameters).await?;
    transaction.commit().await?;
    Ok(())
}

/// How many rows the mapping's table has.
///
/// # Errors
/// When the database cannot be asked.
pub async fn count_rows(db: &Database, table: &str) -> Result<u64, Error> {
    let mut client = db.client().await?;
    let transaction = begin(&mut client).await?;
    let statement = format!("select count(*) from {}", db.qualified(table));
    let count = transaction.query_typed_one(&statement, &[]).await?.try_get(0)?;
    transaction.commit().await?;
    Ok(unsigned(count))
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}
