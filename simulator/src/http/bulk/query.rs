//! Query jobs.

use std::sync::{Arc, Weak};

use axum::http::{HeaderName, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Id, Org,
    http::{
        bulk::{
            job::{Job, Query, State, Work, wrong_state},
            jobs::{self, Kind, read_locator, write_locator},
            results::{PIECE, Results},
            sheet::{Delimiter, Ending, Format},
        },
        call::Call,
        connection::delay,
        faults::Trouble,
        refusal::Refusal,
        reply::Reply,
        route::Resource,
        world::World,
    },
    org::{Cells, Scope},
};

/// Rows of a page when the client does not say.
const PAGE: usize = 50_000;

/// Most pages told at once.
const PAGES_TOLD: usize = 5;

const LOCATOR: HeaderName = HeaderName::from_static("sforce-locator");
const NUMBER_OF_RECORDS: HeaderName = HeaderName::from_static("sforce-numberofrecords");

/// The body of a new job.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    operation: String,
    query: String,
    content_type: Option<String>,
    #[serde(default)]
    column_delimiter: Delimiter,
    #[serde(default)]
    line_ending: Ending,
}

/// Whatever is asked below `/jobs/query`.
///
/// # Errors
/// What the state of the job or the statement does not allow.
pub(crate) fn answer(
    world: &Arc<World>,
    call: &Call,
    resource: &Resource,
) -> Result<Reply, Refusal> {
    match resource {
        Resource::QueryJobs if call.method == Method::POST => create(world, call),
        Resource::QueryJobs => jobs::list(world, call, Kind::Query),
        Resource::QueryJobResults(id) => results(world, call, id),
        Resource::QueryJobPages(id) => pages(world, call, id),
        Resource::QueryJob(id) if call.method == Method::DELETE => {
            jobs::delete(world, Kind::Query, id)
        }
        Resource::QueryJob(id) if call.method == Method::PATCH => {
            let wanted = jobs::wanted_state(call)?;
            let mut jobs = world.jobs();
            let job = jobs.find(Kind::Query, id)?;
            let state = job.state.ordered(wanted)?;
            job.enter(state, call.time);
            Ok(Reply::ok(&job.report()))
        }
        Resource::QueryJob(id) => Ok(Reply::ok(&world.jobs().find(Kind::Query, id)?.report())),
        _ => Err(Refusal::not_found()),
    }
}

fn create(world: &Arc<World>, call: &Call) -> Result<Reply, Refusal> {
    let order: Order = call.json()?;
    let scope = match order.operation.as_str() {
        "query" => Scope::Live,
        "queryAll" => Scope::WithDeleted,
        other => {
            let message = format!("Operation {other} is not supported for query jobs");
            return Err(Refusal::bad_request("INVALIDJOB", message));
        }
    };
    if order.content_type.is_some_and(|content_type| content_type != "CSV") {
        return Err(Refusal::bad_request("INVALIDJOB", "contentType must be CSV"));
    }
    // A statement that cannot run is refused now; its rows are looked up when the job is at work.
    world.org().check_bulk_query(call.user(), &order.query, scope)?;
    let work = Work::Query(Query {
        object: object_of(&order.query).to_owned(),
        soql: order.query,
        scope,
        trouble: call.trouble.clone(),
        results: None,
    });
    let mut jobs = world.jobs();
    let id = jobs.next_id();
    let job = Job {
        id,
        user: call.user(),
        created: call.time,
        changed: call.time,
        state: State::UploadComplete,
        version: call.version_digits().to_owned(),
        format: Format { delimiter: order.column_delimiter, ending: order.line_ending },
        error: None,
        processed: 0,
        failed: 0,
        work,
    };
    let summary = job.summary();
    jobs.add(job);
    drop(jobs);
    world.spawn(run(Arc::downgrade(world), id, world.config().bulk_delay / 2));
    Ok(Reply::ok(&summary))
}

/// The word after the last FROM that stands outside of parentheses: the object of a statement that
/// the org has accepted already.
fn object_of(soql: &str) -> &str {
    let mut words = soql.split_whitespace();
    let from = words.find(|word| word.eq_ignore_ascii_case("from"));
    from.and(words.next()).unwrap_or_default()
}

/// Takes a job from its queue to its end.
async fn run(world: Weak<World>, id: Id, half_delay: std::time::Duration) {
    delay(half_delay).await;
    if !enter(&world, id, State::UploadComplete, State::InProgress) {
        return;
    }
    delay(half_delay).await;
    let work = tokio::task::spawn_blocking(move || {
        if let Some(world) = world.upgrade() {
            read(&world, id);
        }
    });
    if let Err(error) = work.await {
        tracing::error!(%error, "a query job panicked");
    }
}

/// Moves a job on unless someone else has; false when it is not there or not in `from`.
pub(crate) fn enter(world: &Weak<World>, id: Id, from: State, to: State) -> bool {
    let Some(world) = world.upgrade() else { return false };
    let now = world.now();
    let mut jobs = world.jobs();
    match jobs.get_mut(id) {
        Some(job) if job.state == from => job.enter(to, now),
        _ => return false,
    }
    true
}

fn read(world: &World, id: Id) {
    let (user, soql, scope, format, trouble) = {
        let mut jobs = world.jobs();
        let Some(job) = jobs.get_mut(id) else { return };
        let Work::Query(query) = &job.work else { return };
        (job.user, query.soql.clone(), query.scope, job.format, query.trouble.clone())
    };
    if trouble.stalls() {
        return;
    }
    let read = match trouble.job_error() {
        Some(message) => Err(message),
        None => write_out(world, (id, user), (&soql, scope), format, &trouble),
    };
    let now = world.now();
    let mut jobs = world.jobs();
    let Some(job) = jobs.get_mut(id).filter(|job| job.state == State::InProgress) else { return };
    match read {
        Ok(results) => {
            job.processed = results.rows() as u64;
            if let Work::Query(query) = &mut job.work {
                query.results = Some(Arc::new(results));
            }
            job.enter(State::JobComplete, now);
        }
        Err(message) => {
            job.error = Some(message);
            job.enter(State::Failed, now);
        }
    }
}

/// Writes out what the statement finds; the org is free for others between the pieces.
fn write_out(
    world: &World,
    (id, user): (Id, Id),
    (soql, scope): (&str, Scope),
    format: Format,
    trouble: &Trouble,
) -> Result<Results, String> {
    let org = world.org();
    let found = org.bulk_query(user, soql, scope).map_err(|error| error.to_string())?;
    let mut header = String::new();
    format.write(org.csv_header(&found.shape).iter().map(String::as_str), &mut header);
    let cells = org.cells(&found.shape);
    drop(org);
    let mut results = Results::new(format, header);
    let mut rows = found.rows.iter().take(trouble.rows_of_job());
    loop {
        if world.jobs().get_mut(id).is_none_or(|job| job.state != State::InProgress) {
            return Err("aborted".to_owned());
        }
        let ids: Vec<Id> = rows.by_ref().take(PIECE).collect();
        if ids.is_empty() {
            return Ok(results);
        }
        let org = world.org();
        if let Some(untouched) = org.untouched(&cells, &ids) {
            results.push_untouched(untouched, ids.len());
            continue;
        }
        let (text, ends) = piece(&org, &cells, ids.into_iter().chain(&mut rows), format);
        drop(org);
        if !ends.is_empty() {
            results.push(&text, ends);
        }
    }
}

/// The next rows as text, and where each ends in it.
fn piece(
    org: &Org,
    cells: &Cells,
    rows: impl Iterator<Item = Id>,
    format: Format,
) -> (String, Vec<u32>) {
    let (mut text, mut ends) = (String::new(), Vec::with_capacity(PIECE));
    for id in rows {
        if format.write_row(org, cells, id, &mut text) {
            ends.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
        }
        if ends.len() == PIECE {
            break;
        }
    }
    (text, ends)
}

/// The results of a finished job.
fn finished(world: &World, call: &Call, id: &str) -> Result<Arc<Results>, Refusal> {
    let mut jobs = world.jobs();
    let job = jobs.find(Kind::Query, id)?;
    if job.version != call.version_digits() {
        let message = format!("The job was created with API version {}", job.version);
        return Err(Refusal::rest(StatusCode::CONFLICT, "CONFLICT", message));
    }
    match &job.work {
        Work::Query(Query { results: Some(results), .. }) => Ok(Arc::clone(results)),
        _ => Err(wrong_state(format!(
            "The job is {}, results are available once it is JobComplete",
            job.state.name()
        ))),
    }
}

fn results(world: &World, call: &Call, id: &str) -> Result<Reply, Refusal> {
    let results = finished(world, call, id)?;
    let start = match call.parameter("locator") {
        Some(locator) => read_locator(locator)?,
        None => 0,
    };
    if start > results.rows() {
        return Err(Refusal::bad_request("INVALID_QUERY_LOCATOR", "invalid query locator"));
    }
    let most = match call.parameter("maxRecords").map(str::parse::<usize>) {
        None => PAGE,
        Some(Ok(most)) if most > 0 => most,
        Some(_) => {
            let message = "maxRecords must be a positive number";
            return Err(Refusal::bad_request("INVALID_PARAMETER", message));
        }
    };
    let end = results.rows().min(start.saturating_add(most));
    let next = if end < results.rows() { write_locator(end) } else { "null".to_owned() };
    let count = end - start;
    Ok(Reply::csv(results.page(start..end))
        .with(NUMBER_OF_RECORDS, &count.to_string())
        .with(LOCATOR, &next)
        .about(count))
}

fn pages(world: &World, call: &Call, id: &str) -> Result<Reply, Refusal> {
    let results = finished(world, call, id)?;
    let start = match call.parameter("locator") {
        Some(locator) => read_locator(locator)?,
        None => 0,
    };
    let url = |kind: &str, offset: usize| {
        let locator = write_locator(offset);
        call.path_of(&format!("jobs/query/{id}/{kind}?locator={locator}"))
    };
    let mut starts = (start..results.rows().max(start + 1)).step_by(PAGE);
    let told: Vec<Value> = starts
        .by_ref()
        .take(PAGES_TOLD)
        .map(|offset| json!({ "resultUrl": url("results", offset) }))
        .collect();
    let next = starts.next().map(|offset| url("resultPages", offset));
    Ok(Reply::ok(&json!({ "done": next.is_none(), "nextRecordsUrl": next, "resultPages": told })))
}
