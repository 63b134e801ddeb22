//! `/composite`: up to 25 subrequests that may build on each other.

use std::sync::Arc;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{
    SUBREQUESTS_MAX,
    sequence::{self, Answer, Step},
};
use crate::http::{
    call::Call,
    refusal::Refusal,
    reply::Reply,
    route::{Resource, Route},
    world::World,
};

/// Most subrequests that query or work on collections.
const WIDE_MAX: usize = 5;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    #[serde(default)]
    all_or_none: bool,
    /// Whether the org may change the order, which this one never does.
    #[serde(default, rename = "collateSubrequests")]
    _collate_subrequests: Option<bool>,
    composite_request: Vec<Step>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answers {
    composite_response: Vec<Answer>,
}

/// `POST /composite`
///
/// # Errors
/// A body that cannot be read; what is wrong with a subrequest is told in its answer.
pub(crate) fn composite(world: &Arc<World>, call: &Call) -> Result<Reply, Refusal> {
    let body: Body = call.json()?;
    if let Err(refusal) = check(&body.composite_request) {
        return Ok(refused(refusal));
    }
    let finished = sequence::run(world, call, body.composite_request, body.all_or_none);
    let mut reply = Reply::ok(&Answers { composite_response: finished.answers });
    reply.records = finished.records;
    Ok(reply)
}

fn check(steps: &[Step]) -> Result<(), Refusal> {
    let limit = |message: String| Err(Refusal::bad_request("LIMIT_EXCEEDED", message));
    if steps.len() > SUBREQUESTS_MAX {
        return limit(format!(
            "The request can\u{2019}t contain more than {SUBREQUESTS_MAX} operations."
        ));
    }
    let is_wide = |step: &&Step| {
        let path = step.url.split('?').next().unwrap_or_default();
        matches!(
            Route::parse(path),
            Route::Api {
                resource: Resource::Query
                    | Resource::QueryAll
                    | Resource::QueryMore(_)
                    | Resource::Collection
                    | Resource::CollectionRetrieve(_)
                    | Resource::CollectionUpsert { .. },
                ..
            }
        )
    };
    if steps.iter().filter(is_wide).count() > WIDE_MAX {
        return limit(format!(
            "The request can\u{2019}t contain more than {WIDE_MAX} query and sObject Collections \
             operations."
        ));
    }
    sequence::check(steps)
}

/// A request refused as a whole still answers in the shape of a composite.
fn refused(refusal: Refusal) -> Reply {
    let answer = Answer::new(refusal.into(), None);
    Reply::json(StatusCode::BAD_REQUEST, &Answers { composite_response: vec![answer] })
}
