//! How much may be asked, and how long a session lasts.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::{Answer, Captured, Route, read};
use crate::http::{call::Call, reply::Reply, world::World};

pub(super) const ROUTES: &[Route] = &[
    Route::sure("GET", "limits", "Tells the day's requests and their limit.", show),
    Route::new(
        "POST",
        "limits",
        "Sets the day's requests, their limit, or how long a session lasts.",
        set,
    ),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    used: Option<u64>,
    limit: Option<u64>,
    session_lifetime_seconds: Option<i64>,
}

fn show(world: &World) -> Reply {
    let usage = world.usage();
    Reply::ok(&json!({ "used": usage.used(), "limit": usage.limit() }))
}

fn set(world: &Arc<World>, call: &mut Call, _: &Captured<'_>) -> Answer {
    let order: Order = read(call)?;
    let usage = world.usage();
    usage.set(
        order.used.unwrap_or_else(|| usage.used()),
        order.limit.unwrap_or_else(|| usage.limit()),
    );
    if let Some(lifetime) = order.session_lifetime_seconds.and_then(chrono::TimeDelta::try_seconds)
    {
        world.sessions().set_lifetime(lifetime);
    }
    Ok(show(world))
}
