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
    org::{Paper, QueryResult, Scope},
};

/// The largest page and the usual one.
const BATCH_MAX: usize = 2_000;

/// The smallest page that can be asked for.
const BATCH_MIN: usize = 200;

/// `GET /query?q=`, `GET /queryAll?q=` and `GET /query?explain=`
///
/// # Errors
/// What the org finds wrong with the statement.
pub(crate) fn start(world: &World, call: &Call, scope: Scope) -> Result<Reply, Refusal> {
    if let Some(soql) = call.parameter("explain") {
        return Ok(Reply::ok(&world.org().explain(call.user(), soql)?));
    }
    let Some(soql) = call.parameter("q") else {
        let message = "A query string has to be specified";
        return Err(Refusal::bad_request("MALFORMED_QUERY", message));
    };
    if call.parameter("columns").is_some_and(|columns| columns.eq_ignore_ascii_case("true")) {
        return Ok(Reply::ok(&world.org().query_columns(call.user(), soql)?));
    }
    let result = world.org().query(call.user(), soql, scope)?;
    if result.groups.is_some() && result.len() > batch_size(call) {
        let message = "Aggregate query does not support queryMore(), use LIMIT to restrict the \
                       results to a single batch";
        return Err(Refusal::bad_request("EXCEEDED_ID_LIMIT", message));
    }
    Ok(first_page(world, call, result))
}

/// The first page of a result, with a cursor for the others.
pub(crate) fn first_page(world: &World, call: &Call, result: QueryResult) -> Reply {
    let (result, batch_size) = (Arc::new(result), batch_size(call));
    page(world, call, Position { cursor: None, result, offset: 0, batch_size })
}

/// `GET /query/{locator}`
///
/// # Errors
/// A locator that is unknown or too old.
pub(crate) fn more(world: &World, call: &Call, locator: &str) -> Result<Reply, Refusal> {
    let position = world.cursors().find(locator, call.time);
    let position = position
        .ok_or_else(|| Refusal::bad_request("INVALID_QUERY_LOCATOR", "invalid query locator"))?;
    Ok(page(world, call, position))
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

fn page(world: &World, call: &Call, position: Position) -> Reply {
    let Position { cursor, result, offset, batch_size } = position;
    let written = written(world, call, (&result, offset), batch_size);
    let total = result.total;
    let is_done = written.end == result.len();
    let mut body = format!("{{\"totalSize\":{total},\"done\":{is_done},");
    if !is_done {
        let cursor = cursor.unwrap_or_else(|| world.cursors().open(result, batch_size, call.time));
        let (path, end) = (call.path_of("query"), written.end);
        // Writing to a string cannot fail.
        let _infallible = write!(body, "\"nextRecordsUrl\":\"{path}/{cursor}-{end}\",");
    }
    body.push_str("\"records\":[");
    body.push_str(&written.records);
    body.push_str("]}");
    Reply { body: ReplyBody::Json(body.into_bytes()), ..Reply::empty(StatusCode::OK) }
        .with(CONTENT_TYPE, "application/json;charset=UTF-8")
        .about(written.count)
}

/// The records of a page, and where the next one begins.
struct Written {
    records: String,
    count: usize,
    end: usize,
}

/// Writes records until their number, with that of their children, fills a page.
fn written(
    world: &World,
    call: &Call,
    (result, offset): (&QueryResult, usize),
    batch_size: usize,
) -> Written {
    // Taken while the org is held; nobody takes the two the other way around.
    let keep = |children: QueryResult, shown: usize| {
        let cursor = world.cursors().open(Arc::new(children), batch_size, call.time);
        format!("{}/{cursor}-{shown}", call.path_of("query"))
    };
    let paper = Paper::with_batches(call.version_digits(), batch_size, &keep);
    let mut written = Written { records: String::new(), count: 0, end: offset };
    let org = world.org();
    while written.end < result.len() && written.end - offset + paper.children() < batch_size {
        let before = written.records.len();
        if written.count > 0 {
            written.records.push(',');
        }
        if org.write_record(result, written.end, &paper, &mut written.records) {
            written.count += 1;
        } else {
            written.records.truncate(before);
        }
        written.end += 1;
    }
    written
}
