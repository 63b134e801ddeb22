//! How much may be asked, and how long a session lasts.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::{Answer, Captured, Route, read};
use crate::http::{app_usage::AppCap, call::Call, reply::Reply, world::World};

pub(super) const ROUTES: &[Route] = &[
    Route::sure(
        "GET",
        "limits",
        "Tells the day's requests, the long ones under way, and their limits.",
        show,
    ),
    Route::new(
        "POST",
        "limits",
        "Sets the day's requests, the limits, or how long a session lasts.",
        set,
    ),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    used: Option<u64>,
    limit: Option<u64>,
    session_lifetime_seconds: Option<i64>,
    concurrent: Option<u64>,
    long_seconds: Option<u64>,
    apps: Option<Vec<AppCap>>,
}

fn show(world: &World) -> Reply {
    let (usage, progress) = (world.usage(), world.progress());
    Reply::ok(&json!({
        "used": usage.used(),
        "limit": usage.limit(),
        "concurrent": progress.limit(),
        "long_seconds": progress.long_seconds(),
        "long_now": progress.long(world.now()),
        "apps": world.app_usage().list(),
    }))
}

fn set(world: &Arc<World>, call: &mut Call, _: &Captured<'_>) -> Answer {
    let order: Order = read(call)?;
    let usage = world.usage();
    usage.set(
        order.used.unwrap_or_else(|| usage.used()),
        order.limit.unwrap_or_else(|| usage.limit()),
    );
    if let Some(caps) = order.apps {
        world.app_usage().set(caps);
    }
    let progress = world.progress();
    progress.set(
        order.concurrent.unwrap_or_else(|| progress.limit()),
        order.long_seconds.unwrap_or_else(|| progress.long_seconds()),
    );
    if let Some(lifetime) = order.session_lifetime_seconds.and_then(chrono::TimeDelta::try_seconds)
    {
        world.sessions().set_lifetime(lifetime);
    }
    Ok(show(world))
}
