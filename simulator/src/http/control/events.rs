//! The change feed, and what is delivered of it.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::{Answer, Captured, Route, done, read};
use crate::{
    http::{call::Call, refusal::Refusal, reply::Reply, world::World},
    org::events::{ChangeType, NO_RECORD},
};

pub(super) const ROUTES: &[Route] = &[
    Route::sure("GET", "events", "Tells what is captured, kept and delivered.", report),
    Route::new("POST", "events/capture", "Selects the objects whose changes are told.", capture),
    Route::new("POST", "events/gap", "Puts a gap or overflow event on the bus.", gap),
    Route::new("POST", "events/lose", "Makes replay ids invalid and drops their events.", lose),
    Route::sure("POST", "events/cut", "Breaks all streams that are open.", cut),
    Route::sure("POST", "events/forget-clients", "Makes CometD clients unknown.", forget),
    Route::new("POST", "events/settings", "Sets limits and times of event delivery.", settings),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    objects: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gap {
    object: String,
    #[serde(default)]
    ids: Vec<String>,
    #[serde(default = "gap_update")]
    change_type: String,
}

fn gap_update() -> String {
    "GAP_UPDATE".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Loss {
    through: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    overflow_at: Option<usize>,
    retention_seconds: Option<i64>,
    most_events: Option<usize>,
    connect_millis: Option<u64>,
    away_millis: Option<u64>,
    keepalive_millis: Option<u64>,
    delivered: Option<u64>,
    allocation: Option<u64>,
}

fn report(world: &World) -> Reply {
    let org = world.org();
    let log = org.events().log();
    Reply::ok(&json!({
        "captured": org.captured(),
        "kept": log.len(),
        "oldest_replay_id": log.oldest(),
        "latest_replay_id": log.latest(),
        "delivery": world.bus().report(),
    }))
}

fn capture(world: &Arc<World>, call: &mut Call, _: &Captured<'_>) -> Answer {
    let selection: Selection = read(call)?;
    world.org().capture(&selection.objects)?;
    Ok(report(world))
}

fn gap(world: &Arc<World>, call: &mut Call, _: &Captured<'_>) -> Answer {
    let gap: Gap = read(call)?;
    let kind = ChangeType::named(&gap.change_type).ok_or_else(|| {
        Refusal::bad_request("BAD_REQUEST", format!("{} is no change type", gap.change_type))
    })?;
    let is_overflow = kind == ChangeType::GapOverflow;
    let ids = if is_overflow { vec![NO_RECORD.to_owned()] } else { gap.ids };
    world.org().tell_gap(&gap.object, kind, ids)?;
    Ok(report(world))
}

fn lose(world: &Arc<World>, call: &mut Call, _: &Captured<'_>) -> Answer {
    let loss: Loss = read(call)?;
    world.org().events_mut().log_mut().lose(loss.through.unwrap_or(u64::MAX));
    Ok(report(world))
}

fn cut(world: &World) -> Reply {
    world.bus().cut();
    done()
}

fn forget(world: &World) -> Reply {
    Reply::ok(&json!({ "forgotten": world.cometd().forget_all() }))
}

fn settings(world: &Arc<World>, call: &mut Call, _: &Captured<'_>) -> Answer {
    let settings: Settings = read(call)?;
    let mut org = world.org();
    if let Some(most) = settings.overflow_at {
        org.events_mut().set_most_changes(most);
    }
    let retention = settings.retention_seconds.and_then(chrono::TimeDelta::try_seconds);
    org.events_mut().set_retention(retention, settings.most_events);
    drop(org);
    let bus = world.bus();
    bus.set_times(settings.connect_millis, settings.away_millis, settings.keepalive_millis);
    bus.set_allocation(settings.delivered, settings.allocation);
    Ok(report(world))
}
