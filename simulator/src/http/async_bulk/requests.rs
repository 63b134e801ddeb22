//! What can be asked, by path and verb.

use std::sync::Arc;

use axum::http::{StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};

use crate::{
    Id,
    http::{
        async_bulk::{
            answer::{Form, NAMESPACE, Refusal, text},
            batch::{Batch, Outcome, State as BatchState},
            job::{Content, Job, State, Task},
            query, results, work,
        },
        call::Call,
        reply::Reply,
        world::World,
        xml::{self, Element},
    },
    org::Operation,
};

/// The largest body of a batch.
const BODY_MAX: usize = 10 * 1024 * 1024;

type Answer = Result<Reply, Refusal>;

/// Whatever is asked below `/services/async/NN.0`.
pub(crate) fn answer(
    world: &Arc<World>,
    call: &mut Call,
    version: &str,
    words: &[String],
) -> Reply {
    let usual = Form::of(call, Form::Xml);
    respond(world, call, version, words).unwrap_or_else(|refusal| refusal.reply(usual))
}

fn respond(world: &Arc<World>, call: &mut Call, version: &str, words: &[String]) -> Answer {
    call.version = format!("v{version}");
    let is_served = world.versions().check(&call.version).is_ok();
    if !is_served {
        return Err(Refusal::new("InvalidVersion", format!("Invalid API version: {version}")));
    }
    authenticate(world, call)?;
    if !world.usage().spend() {
        return Err(Refusal::limit());
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match (call.method.as_str(), words.as_slice()) {
        ("POST", ["job"]) => create(world, call),
        ("GET", ["job", job]) => tell_job(world, call, job),
        ("POST", ["job", job]) => change(world, call, job),
        ("POST", ["job", job, "batch"]) => add_batch(world, call, job),
        ("GET", ["job", job, "batch"]) => tell_batches(world, call, job),
        ("GET", ["job", job, "batch", batch]) => tell_batch(world, call, job, batch),
        ("GET", ["job", job, "batch", batch, "request"]) => body_of(world, job, batch),
        ("GET", ["job", job, "batch", batch, "result"]) => result_of(world, job, batch),
        ("GET", ["job", job, "batch", batch, "result", result]) => {
            one_result(world, job, batch, result)
        }
        (_, ["job", ..]) if words.len() <= 6 => Err(Refusal::wrong_verb(call)),
        _ => Err(Refusal::no_such_url()),
    }
}

/// Lets in whoever has a session, in the header of this API or in the usual one.
fn authenticate(world: &World, call: &mut Call) -> Result<(), Refusal> {
    let bearer = crate::http::dispatch::bearer(call).ok();
    let token = call.header("x-sfdc-session").map(str::to_owned).or(bearer);
    let token = token.ok_or_else(Refusal::session)?;
    let session = world.sessions().touch(token.trim(), call.time);
    let session = session.filter(|session| session.has_scope("api"));
    call.session = Some(session.ok_or_else(Refusal::session)?);
    Ok(())
}

/// The members of a job's order, from JSON or XML; numbers as text.
pub(super) fn order(form: Form, body: &[u8]) -> Result<Vec<(String, String)>, Refusal> {
    if form == Form::Json {
        let body: Value = serde_json::from_slice(body).map_err(|error| {
            Refusal::new("InvalidJob", format!("Failed to parse JSON: {error}"))
        })?;
        let members = body.as_object().into_iter().flatten();
        return Ok(members
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                (name.clone(), text)
            })
            .collect());
    }
    let unreadable = |error| Refusal::new("InvalidXML", format!("Failed to parse XML: {error}"));
    let body = std::str::from_utf8(body).map_err(|error| unreadable(error.to_string()))?;
    let root = xml::read(body.trim_start()).map_err(unreadable)?;
    let members = root.children.into_iter();
    Ok(members.map(|member| (member.name, member.text.trim().to_owned())).collect())
}

fn create(world: &Arc<World>, call: &Call) -> Answer {
    let order = order(Form::of(call, Form::Xml), &call.body)?;
    let said = |name: &str| {
        let found = order.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        found.filter(|value| !value.is_empty())
    };
    let invalid = |message: String| Refusal::new("InvalidJob", message);
    let operation = said("operation").unwrap_or_default();
    let task = Task::named(operation)
        .ok_or_else(|| invalid(format!("Unable to find operation: {operation}")))?;
    let content = said("contentType").unwrap_or("XML");
    let content = Content::named(content).ok_or_else(|| {
        Refusal::new("FeatureNotEnabled", format!("contentType {content} is not enabled"))
    })?;
    let is_serial = match said("concurrencyMode") {
        None | Some("Parallel" | "0") => false,
        Some("Serial" | "1") => true,
        Some(other) => return Err(invalid(format!("Unknown concurrencyMode: {other}"))),
    };
    let named = said("object").unwrap_or_default();
    let object = world.org().schema().object(named).map(|object| object.name().to_owned());
    let object = object.ok_or_else(|| invalid(format!("Unable to find object: {named}")))?;
    let key_field = said("externalIdFieldName").map(str::to_owned);
    if task == Task::Write(Operation::Upsert) && key_field.is_none() {
        return Err(invalid("External ID was blank for upsert".to_owned()));
    }
    let chunks = match task {
        Task::Query(_) => query::chunks_wanted(call)?,
        Task::Write(_) => None,
    };
    let job = Job {
        id: world.jobs().next_id(),
        user: call.user(),
        task,
        object,
        key_field,
        content,
        is_serial,
        chunks,
        state: State::Open,
        created: call.time,
        changed: call.time,
        version: call.version_digits().to_owned(),
        trouble: call.trouble.clone(),
        batches: Vec::new(),
    };
    let reply = Form::of(call, content.form()).reply(StatusCode::CREATED, "jobInfo", &job.info());
    world.async_jobs().add(job);
    Ok(reply)
}

fn tell_job(world: &World, call: &Call, job: &str) -> Answer {
    let mut jobs = world.async_jobs();
    let job = jobs.find(job)?;
    Ok(Form::of_read(call, job.content.form()).reply(StatusCode::OK, "jobInfo", &job.info()))
}

/// Closes or aborts a job.
fn change(world: &World, call: &Call, job: &str) -> Answer {
    let order = order(Form::of(call, Form::Xml), &call.body)?;
    let wanted = order.iter().find(|(name, _)| name == "state").map(|(_, state)| state.as_str());
    let mut jobs = world.async_jobs();
    let job = jobs.find(job)?;
    let state = match (job.state, wanted) {
        (State::Open, Some("Closed")) => State::Closed,
        (State::Open | State::Closed, Some("Aborted")) => State::Aborted,
        (state, Some(wanted)) => {
            let message =
                format!("Can not change the state of a job from {} to {wanted}", state.name());
            return Err(Refusal::new("InvalidJobState", message));
        }
        (_, None) => return Err(Refusal::new("InvalidJob", "No state given")),
    };
    job.state = state;
    job.changed = call.time;
    for batch in &mut job.batches {
        batch.trouble.add(&call.trouble);
    }
    if state == State::Aborted {
        for batch in &mut job.batches {
            if matches!(batch.state, BatchState::Queued | BatchState::InProgress) {
                batch.enter(BatchState::NotProcessed, call.time);
            }
        }
    }
    Ok(Form::of(call, job.content.form()).reply(StatusCode::OK, "jobInfo", &job.info()))
}

fn add_batch(world: &Arc<World>, call: &Call, id: &str) -> Answer {
    if call.body.len() > BODY_MAX {
        let message = "The batch is larger than 10 MB";
        return Err(Refusal::new("ClientInputError", message));
    }
    let (chunks, user, object) = {
        let mut jobs = world.async_jobs();
        let job = jobs.find(id)?;
        check_open(job, call)?;
        (job.chunks, job.user, job.object.clone())
    };
    let ranges = chunks.map(|chunks| query::ranges(&world.org(), user, &object, chunks));
    let mut jobs = world.async_jobs();
    let batch = jobs.next_batch();
    let count = ranges.as_ref().map_or(0, Vec::len);
    let more: Vec<Id> = (0..count).map(|_| jobs.next_batch()).collect();
    let job = jobs.find(id)?;
    let new = |id: Id| {
        let mut batch = Batch::new(id, job.id, call.body.clone(), call.time);
        batch.trouble = job.trouble.clone();
        batch.trouble.add(&call.trouble);
        batch
    };
    let mut batch = new(batch);
    if ranges.is_some() {
        // The statement as it came is not run; its chunks are.
        batch.enter(BatchState::NotProcessed, call.time);
    }
    let form = Form::of(call, job.content.form());
    let reply = form.reply(StatusCode::CREATED, "batchInfo", &batch.info());
    let mut batches = vec![batch];
    for (id, range) in more.into_iter().zip(ranges.into_iter().flatten()) {
        batches.push(Batch { range: Some(range), ..new(id) });
    }
    let waiting = batches.iter().filter(|batch| batch.state == BatchState::Queued).count();
    let job_id = job.id;
    job.batches.extend(batches);
    drop(jobs);
    for _ in 0..waiting {
        work::start(world, job_id);
    }
    Ok(reply)
}

fn check_open(job: &Job, call: &Call) -> Result<(), Refusal> {
    if job.state != State::Open {
        let message = format!("{} job can not accept new batches", job.state.name());
        return Err(Refusal::new("InvalidJobState", message));
    }
    let media_type = call.media_type().unwrap_or_default();
    let is_right = media_type.is_empty()
        || media_type == job.content.media_type()
        || job.content == Content::Xml && media_type == "text/xml";
    if matches!(job.task, Task::Write(_)) && !is_right {
        let message = format!(
            "The content type {media_type} is not the one of the job, {}",
            job.content.media_type()
        );
        return Err(Refusal::new("ClientInputError", message));
    }
    Ok(())
}

fn tell_batches(world: &World, call: &Call, job: &str) -> Answer {
    let mut jobs = world.async_jobs();
    let job = jobs.find(job)?;
    let infos: Vec<Value> = job.batches.iter().map(Batch::info).collect();
    let form = Form::of_read(call, job.content.form());
    Ok(form.reply(StatusCode::OK, "batchInfoList", &json!({ "batchInfo": infos })))
}

fn tell_batch(world: &World, call: &Call, job: &str, batch: &str) -> Answer {
    let mut jobs = world.async_jobs();
    let job = jobs.find(job)?;
    let form = Form::of_read(call, job.content.form());
    Ok(form.reply(StatusCode::OK, "batchInfo", &job.batch(batch)?.info()))
}

fn body_of(world: &World, job: &str, batch: &str) -> Answer {
    let mut jobs = world.async_jobs();
    let job = jobs.find(job)?;
    let media_type = job.content.media_type();
    Ok(text(media_type, job.batch(batch)?.body.clone()))
}

/// The ends of a batch's rows, or the list of a query's results.
fn result_of(world: &World, job: &str, batch: &str) -> Answer {
    let mut jobs = world.async_jobs();
    let job = jobs.find(job)?;
    let content = job.content;
    let batch = job.batch(batch)?;
    match &batch.outcome {
        Outcome::Nothing => {
            let message = format!("Batch not completed: {}", batch.id);
            Err(Refusal::new("InvalidBatch", message))
        }
        Outcome::Rows(ends) => {
            let reply = text(content.media_type(), results::of_rows(content, ends));
            Ok(reply.about(ends.len()))
        }
        Outcome::Results(results) => {
            let ids: Vec<String> = results.iter().map(|(id, _)| id.to_string()).collect();
            if content == Content::Json {
                return Ok(Reply::ok(&ids).with(CONTENT_TYPE, "application/json"));
            }
            let ids = ids.into_iter().map(|id| Element::of("result", id));
            let list = Element::new("result-list").with("xmlns", NAMESPACE).holding(ids);
            Ok(text("application/xml", list.document()))
        }
    }
}

fn one_result(world: &World, job: &str, batch: &str, result: &str) -> Answer {
    let mut jobs = world.async_jobs();
    let job = jobs.find(job)?;
    let media_type = job.content.media_type();
    let batch = job.batch(batch)?;
    let (id, processed) = (Id::from_text(result), batch.processed);
    let Outcome::Results(results) = &batch.outcome else {
        return Err(Refusal::new("InvalidBatch", format!("Invalid result id: {result}")));
    };
    let found = results.iter().find(|(known, _)| Some(*known) == id);
    let (_, body) = found
        .ok_or_else(|| Refusal::new("InvalidBatch", format!("Invalid result id: {result}")))?;
    Ok(text(media_type, body.clone()).about(processed))
}
