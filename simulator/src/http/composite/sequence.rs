//! Subrequests that run one after the other and refer to each other, as `/composite` and each graph
//! of `/composite/graph` have them.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::{Value, value::RawValue};

use super::{
    reference::References,
    subrequest::{Outcome, Subrequest},
};
use crate::http::{call::Call, refusal::Refusal, route::Resource, world::World};

/// An element of `compositeRequest`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Step {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) reference_id: String,
    #[serde(default)]
    pub(super) body: Option<Value>,
    #[serde(default)]
    pub(super) http_headers: Option<BTreeMap<String, String>>,
}

/// An element of `compositeResponse`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    pub(super) body: Box<RawValue>,
    #[serde(serialize_with = "as_map")]
    pub(super) http_headers: Vec<(&'static str, String)>,
    pub(super) http_status_code: u16,
    pub(super) reference_id: Option<String>,
}

/// The answers of a sequence and what became of it.
pub(super) struct Finished {
    pub(super) answers: Vec<Answer>,
    /// Whether every subrequest succeeded.
    pub(super) is_successful: bool,
    pub(super) records: u64,
}

impl Answer {
    pub(super) fn new(outcome: Outcome, reference_id: Option<String>) -> Self {
        Self {
            body: outcome.body,
            http_headers: outcome.headers,
            http_status_code: outcome.status.as_u16(),
            reference_id,
        }
    }
}

/// Checks what can be known of subrequests before any is carried out.
///
/// # Errors
/// 400 for reference ids that are malformed or not unique, and for headers that may not be set.
pub(super) fn check(steps: &[Step]) -> Result<(), Refusal> {
    let mut seen = HashSet::new();
    for step in steps {
        let id = step.reference_id.as_str();
        if !is_reference_id(id) {
            let message = format!(
                "Provided referenceId ('{id}') must start with a letter or a number, and it can \
                 contain only letters, numbers and underscores ('_')."
            );
            return Err(Refusal::bad_request("JSON_PARSER_ERROR", message));
        }
        if !seen.insert(id) {
            let message = format!("Duplicate ReferenceId found: {id}");
            return Err(Refusal::bad_request("INVALID_INPUT", message));
        }
        let mut probe = Subrequest::new("GET", "v66.0")?;
        for (name, value) in step.http_headers.iter().flatten() {
            probe.set_header(name, value)?;
        }
    }
    Ok(())
}

/// Whether a text may name a subrequest, a graph or a record.
pub(super) fn is_reference_id(id: &str) -> bool {
    id.starts_with(|first: char| first.is_ascii_alphanumeric())
        && id.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
}

/// Carries out subrequests in their order. With `all_or_none` the first failure ends it, everything
/// is taken back, and the other subrequests say so.
pub(super) fn run(
    world: &Arc<World>,
    outer: &Call,
    steps: Vec<Step>,
    all_or_none: bool,
) -> Finished {
    if !all_or_none {
        return run_all(world, outer, steps, false);
    }
    let transaction = world.transaction();
    let ids: Vec<String> = steps.iter().map(|step| step.reference_id.clone()).collect();
    let mut finished = run_all(world, outer, steps, true);
    if finished.is_successful {
        transaction.commit();
        return finished;
    }
    drop(transaction);
    // The last answer is the failure; everyone else is told that it happened.
    let failure = finished.answers.pop();
    let at = finished.answers.len();
    let halted = |id: &String| Answer::new(rolled_back().into(), Some(id.clone()));
    let mut answers: Vec<Answer> = ids.iter().map(halted).collect();
    if let (Some(place), Some(failure)) = (answers.get_mut(at), failure) {
        *place = failure;
    }
    Finished { answers, is_successful: false, records: 0 }
}

fn run_all(world: &Arc<World>, outer: &Call, steps: Vec<Step>, is_strict: bool) -> Finished {
    let mut references = References::default();
    let mut finished = Finished { answers: Vec::new(), is_successful: true, records: 0 };
    for step in steps {
        let (outcome, is_complete) = match prepare(&step, &references) {
            Ok(subrequest) => {
                let writes = writes_rows(&subrequest.resource);
                let outcome = subrequest.run(world, outer);
                let is_complete = outcome.is_success() && !(writes && has_failed_row(&outcome));
                (outcome, is_complete)
            }
            Err(refusal) => (Outcome::from(refusal), false),
        };
        if outcome.is_success() {
            let body = serde_json::from_str(outcome.body.get()).unwrap_or_default();
            references.add(&step.reference_id, body);
        }
        finished.is_successful &= if is_strict { is_complete } else { outcome.is_success() };
        finished.records += outcome.records;
        finished.answers.push(Answer::new(outcome, Some(step.reference_id)));
        if is_strict && !is_complete {
            break;
        }
    }
    finished
}

/// Puts earlier results into a subrequest.
fn prepare(step: &Step, references: &References) -> Result<Subrequest, Refusal> {
    let url = references.text(&step.url)?;
    let mut subrequest = Subrequest::new(&step.method, &url)?;
    if is_nested(&subrequest.resource) {
        let message = format!("The resource {url} is not supported in a composite request");
        return Err(Refusal::bad_request("INVALID_INPUT", message));
    }
    for (name, value) in step.http_headers.iter().flatten() {
        subrequest.set_header(name, &references.text(value)?)?;
    }
    subrequest.body = step.body.as_ref().map(|body| references.value(body)).transpose()?;
    Ok(subrequest)
}

/// Whether a resource holds subrequests itself, or works on files, which no subrequest can.
pub(super) fn is_nested(resource: &Resource) -> bool {
    matches!(
        resource,
        Resource::Composite
            | Resource::CompositeBatch
            | Resource::CompositeGraph
            | Resource::CompositeTree(_)
            | Resource::QueryJobs
            | Resource::IngestJobs
    )
}

fn writes_rows(resource: &Resource) -> bool {
    matches!(resource, Resource::Collection | Resource::CollectionUpsert { .. })
}

/// Whether a row of a collection failed, which the collection itself answers with 200.
fn has_failed_row(outcome: &Outcome) -> bool {
    #[derive(Deserialize)]
    struct Row {
        success: bool,
    }
    serde_json::from_str::<Vec<Row>>(outcome.body.get())
        .is_ok_and(|rows| rows.iter().any(|row| !row.success))
}

/// What a subrequest is told that was undone because of another.
pub(super) fn rolled_back() -> Refusal {
    let message =
        "The transaction was rolled back since another operation in the same transaction failed.";
    Refusal::bad_request("PROCESSING_HALTED", message)
}

fn as_map<S: Serializer>(
    headers: &[(&'static str, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(headers.len()))?;
    for (name, value) in headers {
        map.serialize_entry(name, value)?;
    }
    map.end()
}
