//! `backfill pause`, `resume` and `cancel`: what is asked of loads from any terminal, wherever they run.
//!
//! A wish is written to the database. Whoever runs the load heeds it after the page in hand, and notes that it did;
//! where nobody runs it, there is nobody to wait for.

use super::choose::{self, Wanted};
use super::{Names, begin};
use crate::cli::connect::{self, Session};
use crate::cli::report::{self, Exit, Failure};
use crate::mapping::Mapping;
use crate::postgres::{self, BackfillStatus, Database, Wish};
use crate::worker::pause as wait;
use indicatif::HumanCount;
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a load is given to heed a wish: the page in hand, and a little more.
const HEEDED_WITHIN: Duration = Duration::from_secs(30);

/// How often it is looked whether it did.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Whether a load is under way, or asked for and not begun.
pub(super) fn is_under_way(status: &BackfillStatus) -> bool {
    status.rows.is_some() || !status.request.part.is_whole()
}

/// Pauses the named loads, or all that are under way.
pub(super) async fn pause(config: Option<&Path>, names: &Names) -> Result<Exit, Failure> {
    let db = database(config).await?;
    let is_meant = |status: &BackfillStatus| is_under_way(status) && status.wish.0 == Wish::Run;
    let chosen = chosen(&db, names, is_meant).await?;
    if chosen.is_empty() {
        tell(names, "pause", &[], "no load is under way");
    }
    let mut exit = Exit::Ok;
    for status in chosen {
        let object = &status.object;
        if !is_under_way(&status) && status.loaded {
            tell(names, "pause", &[&status], &format!("{object}: no load is under way"));
            continue;
        }
        postgres::wish(&db, object, Wish::Pause).await.map_err(connect::postgres_failure)?;
        let status = heeded(&db, object).await?;
        let at = progress_in_words(&status);
        if let (Some(holder), None) = (&status.holder, status.heeded_at) {
            exit = Exit::Temporary;
            let said = format!(
                "{object}: asked {holder} to pause, which has not answered yet; look again with: \
                 lockstep backfill status {object}"
            );
            tell(names, "pause", &[&status], &said);
        } else {
            let said =
                format!("{object}: paused{at}; go on with: lockstep backfill resume {object}");
            tell(names, "pause", &[&status], &said);
        }
    }
    Ok(exit)
}

/// The loads that `resume` goes on with; `None` when there are none, which is said. What was wished of them is over.
pub(super) async fn resumable<'a>(
    session: &'a Session,
    names: &Names,
) -> Result<Option<Wanted<'a>>, Failure> {
    let is_meant = |status: &BackfillStatus| is_under_way(status) || status.wish.0 == Wish::Pause;
    let chosen = chosen(&session.db, names, is_meant).await?;
    let mut loads = Vec::new();
    for status in chosen {
        let object = &status.object;
        if begin::begin(&status, &status.request, true) == begin::Begin::NothingToResume {
            let said = format!(
                "{object}: no load to go on with; begin one with: lockstep backfill {object}"
            );
            tell(names, "resume", &[&status], &said);
            continue;
        }
        let mapping = session.mappings.iter().find(|mapping| mapping.object == *object);
        let gone = || {
            Failure::new(Exit::ConfigInvalid, format!("{object} is no longer mapped"))
                .next("look which are: lockstep check")
        };
        let mapping: &Mapping = mapping.ok_or_else(gone)?;
        postgres::wish(&session.db, object, Wish::Run).await.map_err(connect::postgres_failure)?;
        loads.push((mapping, status.request));
    }
    if loads.is_empty() {
        if names.mappings.is_empty() {
            tell(names, "resume", &[], "no load is paused or interrupted");
        }
        return Ok(None);
    }
    Ok(Some(Wanted { loads, resumes: true }))
}

/// Gives the named loads up, or all that are under way.
pub(super) async fn cancel(config: Option<&Path>, names: &Names) -> Result<Exit, Failure> {
    let session = Session::open(config).await?;
    let db = &session.db;
    let is_meant = |status: &BackfillStatus| is_under_way(status) || status.wish.0 == Wish::Pause;
    let chosen = chosen(db, names, is_meant).await?;
    if chosen.is_empty() {
        tell(names, "cancel", &[], "no load is under way");
    }
    for status in chosen {
        let object = &status.object;
        if !is_under_way(&status) && status.loaded {
            tell(names, "cancel", &[&status], &format!("{object}: no load is under way"));
            continue;
        }
        postgres::wish(db, object, Wish::Cancel).await.map_err(connect::postgres_failure)?;
        give_up(&session, object).await?;
        let status = one(db, object).await?;
        tell(names, "cancel", &[&status], &standing_in_words(&status));
    }
    Ok(Exit::Ok)
}

/// Waits until whoever runs the load has given it up; does it here once nobody runs it.
async fn give_up(session: &Session, object: &str) -> Result<(), Failure> {
    let db = &session.db;
    let name = format!("backfill:{object}");
    let (holder, ttl) = (connect::holder(&session.settings), session.settings.worker.lease_ttl);
    let began = Instant::now();
    loop {
        if one(db, object).await?.heeded_at.is_some() {
            return Ok(());
        }
        let lease = postgres::acquire(db, &name, &holder, ttl);
        if let Some(lease) = lease.await.map_err(connect::postgres_failure)? {
            let loader = crate::worker::Loader::new(db.clone(), &session.client);
            let mapping = session.mappings.iter().find(|mapping| mapping.object == object);
            let given_up = match mapping {
                Some(mapping) => loader.turn(&lease, mapping).await.map(|_| ()),
                None => postgres::give_up_backfill(db, &lease, object).await.map_err(Into::into),
            };
            postgres::release(db, &lease).await.map_err(connect::postgres_failure)?;
            return given_up.map_err(connect::sync_failure);
        }
        if began.elapsed() > HEEDED_WITHIN + ttl {
            let message = format!("{object}: whoever runs the load has not given it up yet");
            return Err(Failure::new(Exit::Temporary, message)
                .next(format!("look again with: lockstep backfill status {object}")));
        }
        wait(LOOK_EVERY).await;
    }
}

/// Waits until the wish is heeded, or nobody is there to heed it, or it takes too long; answers how the load stands.
async fn heeded(db: &Database, object: &str) -> Result<BackfillStatus, Failure> {
    let began = Instant::now();
    loop {
        let status = one(db, object).await?;
        if status.heeded_at.is_some() || status.holder.is_none() || began.elapsed() > HEEDED_WITHIN
        {
            return Ok(status);
        }
        wait(LOOK_EVERY).await;
    }
}

async fn database(config: Option<&Path>) -> Result<Database, Failure> {
    connect::database(&connect::settings(config)?).await
}

/// The named loads, or all that `is_meant`.
pub(super) async fn chosen(
    db: &Database,
    names: &Names,
    is_meant: impl Fn(&BackfillStatus) -> bool,
) -> Result<Vec<BackfillStatus>, Failure> {
    let mut all = postgres::backfills(db).await.map_err(connect::postgres_failure)?;
    if names.mappings.is_empty() {
        all.retain(is_meant);
        return Ok(all);
    }
    let known: Vec<(&str, &str)> =
        all.iter().map(|status| (status.object.as_str(), status.table.as_str())).collect();
    let mut places = Vec::new();
    for name in &names.mappings {
        places.push(choose::place(&known, name)?);
    }
    let is_named = |(index, _): &(usize, &BackfillStatus)| places.contains(index);
    Ok(all.iter().enumerate().filter(is_named).map(|(_, status)| status.clone()).collect())
}

async fn one(db: &Database, object: &str) -> Result<BackfillStatus, Failure> {
    let all = postgres::backfills(db).await.map_err(connect::postgres_failure)?;
    let own = all.into_iter().find(|status| status.object == object);
    own.ok_or_else(|| Failure::new(Exit::Failed, format!("{object} is no longer mapped")))
}

/// ` at 5,000 of about 20,000 rows`, as far as it is known.
fn progress_in_words(status: &BackfillStatus) -> String {
    match (status.rows, status.expected) {
        (Some(rows), Some(expected)) => {
            format!(" at {} of about {} rows", HumanCount(rows), HumanCount(expected.max(rows)))
        }
        (Some(rows), None) => format!(" at {} rows", HumanCount(rows)),
        (None, _) => " before its beginning".to_owned(),
    }
}

/// Where a mapping stands whose load was given up.
fn standing_in_words(status: &BackfillStatus) -> String {
    let object = &status.object;
    let rows = "the rows that were loaded stay";
    match status.watermark {
        Some(_) if status.loaded => {
            format!("{object}: the load is cancelled, {rows}; the mapping is loaded and polled on")
        }
        Some(_) => format!(
            "{object}: the load is cancelled, {rows}; polling goes on from its earlier watermark. \
             A load is still owed: lockstep backfill {object}"
        ),
        None => format!(
            "{object}: the load is cancelled, {rows}; the mapping stays unloaded and is not polled. \
             Begin again with: lockstep backfill {object}"
        ),
    }
}

/// Says what was done: for a person, or for a program as an event.
fn tell(names: &Names, action: &str, loads: &[&BackfillStatus], said: &str) {
    if !names.json {
        report::say(said);
        return;
    }
    let loads: Vec<_> = loads.iter().map(|status| super::status::as_json(status)).collect();
    let event = json!({ "schema_version": 1, "event": action, "message": said, "loads": loads });
    report::say(event.to_string());
}
