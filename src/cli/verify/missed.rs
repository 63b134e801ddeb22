//! `lockstep verify --send`: what was written while changes were not captured is sent after all.

use crate::cli::connect::{self, Session};
use crate::cli::report::{self, Exit, Failure};
use crate::mapping::Mapping;
use crate::postgres::{self, OpenHole};
use crate::sync::Sweeper;

/// The mapping's hole that is not settled, if there is one and changes are captured again.
pub(super) async fn open(
    session: &Session,
    mapping: &Mapping,
) -> Result<Option<OpenHole>, Failure> {
    let objects = [mapping.object.clone()];
    let holes = postgres::open_holes(&session.db, &objects).await;
    let Some(hole) = holes.map_err(connect::postgres_failure)?.into_iter().next() else {
        return Ok(None);
    };
    let is_captured = postgres::is_captured(&session.db, mapping).await;
    if is_captured.map_err(connect::postgres_failure)? {
        return Ok(Some(hole));
    }
    let message = format!("changes of {} are still not captured: {}", mapping.object, hole.reason);
    Err(Failure::new(Exit::Failed, message).next("lockstep check tells what to do"))
}

/// Captures what was missed of the named mappings, or of all, and lets them go on.
pub(super) async fn send(session: &Session, names: &[String]) -> Result<Exit, Failure> {
    session.provision().await?;
    let sweeper = Sweeper::new(session.db.clone(), &session.client);
    let is_named = |mapping: &&Mapping| {
        names.is_empty()
            || names
                .iter()
                .any(|name| mapping.object.eq_ignore_ascii_case(name) || mapping.table == *name)
    };
    let mut lines = Vec::new();
    for mapping in session.mappings.iter().filter(is_named) {
        let Some(hole) = open(session, mapping).await? else { continue };
        if hole.missed.is_none() {
            let missed = sweeper.judge(mapping, &hole).await.map_err(connect::sync_failure)?;
            if missed == 0 {
                lines.push(format!("{}: nothing was missed", mapping.object));
                continue;
            }
        }
        let sent = postgres::capture_missed(&session.db, mapping).await;
        let sent = sent.map_err(connect::postgres_failure)?;
        let rows = if sent == 1 { "1 row is" } else { &format!("{sent} rows are") };
        let outcome = format!("{rows} sent as captured late");
        sweeper.settle(mapping, &hole, &outcome).await.map_err(connect::sync_failure)?;
        lines.push(format!("{}: {outcome}", mapping.object));
    }
    if lines.is_empty() {
        lines.push("nothing was missed: every change is captured".to_owned());
    }
    report::say(lines.join("\n"));
    Ok(Exit::Ok)
}
