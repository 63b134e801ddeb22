//! `query` and `queryAll`, page by page.

use std::{fmt::Write, sync::Arc};

use axum::http::{StatusCode, header::CONTENT_TYPE};

use crate::{
    http::{
        call::Call,
        cursors::Position,
        refusal::Refusal,
        reply::{Reply, ReplyBody},
        world::World,
    },
    org::Scope,
};

/// The largest page and the usual one.
const BATCH_MAX: usize = 2_000;

/// The smallest page that can be asked for.
const BATCH_MIN: usize = 200;

/// `GET /query?q=` and `GET /queryAll?q=`
///
/// # Errors
/// What the org finds wrong with the statement.
pub(crate) fn start(world: &World, call: &Call, scope: Scope) -> Result<Reply, Refusal> {
    let Some(soql) = call.parameter("q") else {
        let message = "A query string has to be specified";
        return Err(Refusal::bad_request("MALFORMED_QUERY", message));
    };
    let result = Arc::new(world.org().query(call.user(), soql, scope)?);
    let batch_size = batch_size(call);
    let cursor = if result.rows.len() > batch_size {
        world.cursors().open(Arc::clone(&result), batch_size, call.time)
    } else {
        String::new()
    };
    Ok(page(world, call, &Position { cursor, result, offset: 0, batch_size }))
}

/// `GET /query/{locator}`
///
/// # Errors
/// A locator that is unknown or too old.
pub(crate) fn more(world: &World, call: &Call, locator: &str) -> Result<Reply, Refusal> {
    let position = world.cursors().find(locator, call.time);
    let position = position
        .ok_or_else(|| Refusal::bad_request("INVALID_QUERY_LOCATOR", "invalid query locator"))?;
    Ok(page(world, call, &position))
}

/// What `Sforce-Query-Options: batchSize=…` asks for, as far as it can be had.
fn batch_size(call: &Call) -> usize {
    let options = call.header("sforce-query-options").unwrap_or_default();
    options
        .split([',', ';'])
        .filter_map(|option| option.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("batchSize"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .map_or(BATCH_MAX, |size: usize| size.clamp(BATCH_MIN, BATCH_MAX))
}

fn page(world: &World, call: &Call, position: &Position) -> Reply {
    let Position { cursor, result, offset, batch_size } = position;
    let end = result.rows.len().min(offset + batch_size);
    let is_done = end == result.rows.len();
    let mut body = format!("{{\"totalSize\":{},\"done\":{is_done},", result.total);
    if !is_done {
        let path = call.path_of("query");
        // Writing to a string cannot fail.
        let _infallible = write!(body, "\"nextRecordsUrl\":\"{path}/{cursor}-{end}\",");
    }
    body.push_str("\"records\":[");
    let mut written = 0;
    let org = world.org();
    for id in result.rows.get(*offset..end).unwrap_or_default() {
        let before = body.len();
        if written > 0 {
            body.push(',');
        }
        if org.write_json(&result.shape, *id, call.version_digits(), &mut body) {
            written += 1;
        } else {
            body.truncate(before);
        }
    }
    body.push_str("]}");
    Reply { body: ReplyBody::Json(body.into_bytes()), ..Reply::empty(StatusCode::OK) }
        .with(CONTENT_TYPE, "application/json;charset=UTF-8")
        .about(written)
}
