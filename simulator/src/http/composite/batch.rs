//! `/composite/batch`: up to 25 subrequests that know nothing of each other.

use std::sync::Arc;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use super::{
    SUBREQUESTS_MAX,
    sequence::is_nested,
    subrequest::{Outcome, Subrequest},
};
use crate::http::{call::Call, gate::request_limit, refusal::Refusal, reply::Reply, world::World};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    #[serde(default)]
    halt_on_error: bool,
    batch_requests: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Part {
    method: String,
    url: String,
    #[serde(default)]
    rich_input: Option<Value>,
    #[serde(default)]
    binary_part_name: Option<String>,
    #[serde(default)]
    binary_part_name_alias: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answers {
    has_errors: bool,
    results: Vec<Answer>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    result: Box<RawValue>,
}

/// `POST /composite/batch`
///
/// # Errors
/// A body that cannot be read or holds too much.
pub(crate) fn batch(world: &Arc<World>, call: &Call) -> Result<Reply, Refusal> {
    let body: Body = call.json()?;
    check(&body.batch_requests)?;
    let mut answers = Answers { has_errors: false, results: Vec::new() };
    let mut records = 0;
    for (index, part) in body.batch_requests.into_iter().enumerate() {
        let outcome = if answers.has_errors && body.halt_on_error {
            halted().into()
        } else if index > 0 && !world.usage().spend() {
            // Each subrequest counts; the first one was counted with the request around it.
            request_limit().into()
        } else {
            run(world, call, part)
        };
        answers.has_errors |= !outcome.is_success();
        records += outcome.records;
        answers.results.push(Answer { status_code: outcome.status.as_u16(), result: outcome.body });
    }
    let mut reply = Reply::ok(&answers);
    reply.records = records;
    Ok(reply)
}

fn check(parts: &[Part]) -> Result<(), Refusal> {
    if parts.len() > SUBREQUESTS_MAX {
        let message =
            format!("The request can\u{2019}t contain more than {SUBREQUESTS_MAX} operations.");
        return Err(Refusal::bad_request("LIMIT_EXCEEDED", message));
    }
    let has_binary =
        |part: &Part| part.binary_part_name.is_some() || part.binary_part_name_alias.is_some();
    if parts.iter().any(has_binary) {
        let message = "binaryPartName needs a multipart request, which is not supported here";
        return Err(Refusal::bad_request("INVALID_INPUT", message));
    }
    Ok(())
}

fn run(world: &Arc<World>, call: &Call, part: Part) -> Outcome {
    let mut subrequest = match Subrequest::new(&part.method, &part.url) {
        Ok(subrequest) => subrequest,
        Err(refusal) => return refusal.into(),
    };
    if is_nested(&subrequest.resource) {
        let message = format!("The resource {} is not supported in a batch request", part.url);
        return Refusal::bad_request("INVALID_INPUT", message).into();
    }
    subrequest.body = part.rich_input;
    subrequest.run(world, call)
}

fn halted() -> Refusal {
    let message = "The batch was halted because a previous request was unsuccessful.";
    Refusal::rest(StatusCode::PRECONDITION_FAILED, "BATCH_PROCESSING_HALTED", message)
}
