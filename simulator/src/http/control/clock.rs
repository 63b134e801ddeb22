//! The org's clock, and the `Date` header, which may be wrong.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Captured, Route, read};
use crate::http::{call::Call, refusal::Refusal, reply::Reply, world::World};

pub(super) const ROUTES: &[Route] = &[
    Route::sure("GET", "clock", "Tells the org's time.", show),
    Route::new(
        "POST",
        "clock",
        "Sets, advances, freezes or thaws the org's clock, or makes the Date header wrong.",
        steer,
    ),
];

/// What is done to the clock, in this order.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    set: Option<DateTime<Utc>>,
    #[serde(default)]
    advance_seconds: i64,
    #[serde(default)]
    advance_millis: i64,
    freeze: Option<bool>,
    date_skew_seconds: Option<i64>,
}

fn show(world: &World) -> Reply {
    Reply::ok(&told(world))
}

fn told(world: &World) -> Value {
    let clock = world.clock();
    json!({
        "now": clock.now().to_rfc3339(),
        "frozen": clock.is_frozen(),
        "date_skew_seconds": clock.skew().num_seconds(),
    })
}

fn steer(world: &Arc<World>, call: &mut Call, _: &Captured<'_>) -> Answer {
    let order: Order = read(call)?;
    let clock = world.clock();
    let skew = order.date_skew_seconds.map(seconds).transpose()?;
    let by = TimeDelta::try_milliseconds(order.advance_millis)
        .and_then(|millis| millis.checked_add(&seconds(order.advance_seconds).ok()?))
        .ok_or_else(too_far)?;
    if let Some(to) = order.set {
        clock.set(to);
    }
    clock.advance(by);
    if let Some(is_frozen) = order.freeze {
        clock.freeze(is_frozen);
    }
    if let Some(skew) = skew {
        clock.set_skew(skew);
    }
    // What is due to happen by the new time happens now.
    world.org().expire_bin();
    Ok(Reply::ok(&told(world)))
}

fn seconds(seconds: i64) -> Result<TimeDelta, Refusal> {
    TimeDelta::try_seconds(seconds)
        .filter(|time| time.num_days().abs() < 1_000_000)
        .ok_or_else(too_far)
}

fn too_far() -> Refusal {
    Refusal::bad_request("NUMBER_OUTSIDE_VALID_RANGE", "That is too far away")
}
