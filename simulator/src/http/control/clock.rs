//! The org's clock.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::{Answer, Captured, Route, read};
use crate::http::{call::Call, reply::Reply, world::World};

pub(super) const ROUTES: &[Route] =
    &[Route::new("POST", "clock", "Moves the org's clock by so many seconds.", steer)];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    advance_seconds: i64,
}

fn steer(world: &Arc<World>, call: &mut Call, _: &Captured<'_>) -> Answer {
    let order: Order = read(call)?;
    world.advance(order.advance_seconds);
    Ok(Reply::ok(&json!({ "now": world.now().to_rfc3339() })))
}
