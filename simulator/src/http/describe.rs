//! Describe: what objects and fields there are for the user who asks.

use axum::http::{
    StatusCode,
    header::{IF_MODIFIED_SINCE, LAST_MODIFIED},
};
use chrono::{DateTime, Utc};

use crate::http::{
    call::Call, conditions, gate::http_date, refusal::Refusal, reply::Reply, world::World,
};

/// `GET /sobjects`
pub(crate) fn all(world: &World, call: &Call) -> Reply {
    let org = world.org();
    let changed = org.metadata_at();
    if is_unmodified(call, changed) {
        return Reply::empty(StatusCode::NOT_MODIFIED);
    }
    let answer = org.describe_global(call.user(), call.version_digits());
    drop(org);
    Reply::ok(&answer).with(LAST_MODIFIED, &http_date(changed))
}

/// `GET /sobjects/X/describe`
///
/// # Errors
/// An object that does not exist for the user.
pub(crate) fn one(world: &World, call: &Call, object: &str) -> Result<Reply, Refusal> {
    let org = world.org();
    let number = org.visible_object(call.user(), object).ok_or_else(Refusal::not_found)?;
    let changed = org.described_at(number);
    if is_unmodified(call, changed) {
        return Ok(Reply::empty(StatusCode::NOT_MODIFIED));
    }
    let answer = org.describe(call.user(), object, call.version_digits());
    drop(org);
    let answer = answer.ok_or_else(Refusal::not_found)?;
    Ok(Reply::ok(&answer).with(LAST_MODIFIED, &http_date(changed)))
}

fn is_unmodified(call: &Call, changed: DateTime<Utc>) -> bool {
    conditions::date(call, &IF_MODIFIED_SINCE).is_some_and(|since| changed <= since)
}
