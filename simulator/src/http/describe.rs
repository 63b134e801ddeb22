//! Describe: what objects and fields there are.

use axum::http::{
    StatusCode,
    header::{IF_MODIFIED_SINCE, LAST_MODIFIED},
};

use crate::http::{
    call::Call, conditions, gate::http_date, refusal::Refusal, reply::Reply, world::World,
};

/// `GET /sobjects`
pub(crate) fn all(world: &World, call: &Call) -> Reply {
    if is_unmodified(world, call) {
        return Reply::empty(StatusCode::NOT_MODIFIED);
    }
    let answer = world.org().schema().describe_global(call.version_digits());
    Reply::ok(&answer).with(LAST_MODIFIED, &http_date(world.born()))
}

/// `GET /sobjects/X/describe`
///
/// # Errors
/// An unknown object.
pub(crate) fn one(world: &World, call: &Call, object: &str) -> Result<Reply, Refusal> {
    if is_unmodified(world, call) {
        return Ok(Reply::empty(StatusCode::NOT_MODIFIED));
    }
    let org = world.org();
    let object = org.schema().object(object).ok_or_else(Refusal::not_found)?;
    let answer = object.describe(call.version_digits());
    drop(org);
    Ok(Reply::ok(&answer).with(LAST_MODIFIED, &http_date(world.born())))
}

fn is_unmodified(world: &World, call: &Call) -> bool {
    conditions::date(call, &IF_MODIFIED_SINCE).is_some_and(|since| world.born() <= since)
}
