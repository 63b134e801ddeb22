//! Collections: many rows in one call.

use axum::http::{Method, StatusCode, header::CONTENT_TYPE};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    ApiError, Id, Org,
    http::{
        call::Call,
        refusal::Refusal,
        reply::{Reply, ReplyBody},
        rows::list,
        world::World,
    },
    org::{Key, Writer},
    value::JsonMap,
};

/// Most rows of one write.
const WRITE_MAX: usize = 200;

/// Most ids of one retrieve.
const RETRIEVE_MAX: usize = 2_000;

/// Most runs of rows of one type in one write.
const RUNS_MAX: usize = 10;

/// The body of a create, update or upsert.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(default)]
    all_or_none: bool,
    records: Vec<JsonMap>,
}

/// The body of a retrieve by POST.
#[derive(Deserialize)]
struct Retrieve {
    ids: Vec<String>,
    fields: Vec<String>,
}

/// What is done to each row of a write.
enum Action<'a> {
    Create { object: String, body: JsonMap },
    Update { object: String, id: String, body: JsonMap },
    Upsert { object: &'a str, key_field: &'a str, body: JsonMap },
    Delete { id: String },
}

/// How a row ended: its id and whether it is new, or why not.
type Outcome = Result<(Id, bool), ApiError>;

/// `POST`, `PATCH` and `DELETE /composite/sobjects`
///
/// # Errors
/// A request that cannot be read or is too large; what is wrong with a row is told in the answer.
pub(crate) fn write(world: &World, call: &Call) -> Result<Reply, Refusal> {
    if call.method == Method::DELETE {
        let ids = list(call.parameter("ids").unwrap_or_default());
        if ids.is_empty() {
            return Err(Refusal::bad_request("MISSING_ARGUMENT", "ids are required"));
        }
        check_count(ids.len(), WRITE_MAX)?;
        let prefixes: Vec<String> = ids.iter().map(|id| id.chars().take(3).collect()).collect();
        check_runs(&prefixes, |one, next| one == next)?;
        let actions = ids.into_iter().map(|id| Action::Delete { id }).collect();
        let all_or_none =
            call.parameter("allOrNone").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        return Ok(carry_out(world, call, actions, all_or_none));
    }
    let body: Body = call.json()?;
    check_count(body.records.len(), WRITE_MAX)?;
    let objects = body.records.iter().map(object_of).collect::<Result<Vec<_>, _>>()?;
    check_runs(&objects, |one, next| one.eq_ignore_ascii_case(next))?;
    let actions = objects
        .into_iter()
        .zip(body.records)
        .map(|(object, record)| {
            if call.method == Method::POST {
                return Action::Create { object, body: record };
            }
            let (id, body) = split_id(record);
            Action::Update { object, id, body }
        })
        .collect();
    Ok(carry_out(world, call, actions, body.all_or_none))
}

/// `PATCH /composite/sobjects/X/{field}`
///
/// # Errors
/// As for [`write()`]; also a field that is no key, or rows of another object.
pub(crate) fn upsert(
    world: &World,
    call: &Call,
    object: &str,
    field: &str,
) -> Result<Reply, Refusal> {
    let body: Body = call.json()?;
    check_count(body.records.len(), WRITE_MAX)?;
    if field.eq_ignore_ascii_case("id") {
        return Err(Refusal::no_such_key(field));
    }
    // Looked up for the sake of the field: a key without a value is an error of its row.
    let probe = Key { field: field.to_owned(), value: "?".into() };
    let known = world.org().find_by_key(call.user(), object, &probe);
    if let Err(error) = known
        && error.status == 404
    {
        return Err(error.into());
    }
    for record in &body.records {
        let named = object_of(record)?;
        if !named.eq_ignore_ascii_case(object) {
            let message = format!("record is of type {named}, the resource of type {object}");
            return Err(Refusal::bad_request("INVALID_TYPE", message));
        }
    }
    let actions = body
        .records
        .into_iter()
        .map(|body| Action::Upsert { object, key_field: field, body })
        .collect();
    Ok(carry_out(world, call, actions, body.all_or_none))
}

/// `GET` and `POST /composite/sobjects/X`
///
/// # Errors
/// Too many ids, an unknown object or field.
pub(crate) fn retrieve(world: &World, call: &Call, object: &str) -> Result<Reply, Refusal> {
    let asked = if call.method == Method::POST {
        call.json()?
    } else {
        let parameter = |name| list(call.parameter(name).unwrap_or_default());
        Retrieve { ids: parameter("ids"), fields: parameter("fields") }
    };
    check_count(asked.ids.len(), RETRIEVE_MAX)?;
    if asked.ids.is_empty() || asked.fields.is_empty() {
        return Err(Refusal::bad_request("MISSING_ARGUMENT", "ids and fields are required"));
    }
    let org = world.org();
    let shape = org.shape(call.user(), object, Some(&asked.fields))?;
    let mut body = String::from("[");
    let mut found = 0;
    for (index, id) in asked.ids.iter().enumerate() {
        if index > 0 {
            body.push(',');
        }
        let is_written = org
            .find(call.user(), object, id)
            .is_ok_and(|id| org.write_json(&shape, id, call.version_digits(), &mut body));
        if is_written {
            found += 1;
        } else {
            body.push_str("null");
        }
    }
    body.push(']');
    Ok(Reply { body: ReplyBody::Json(body.into_bytes()), ..Reply::empty(StatusCode::OK) }
        .with(CONTENT_TYPE, "application/json;charset=UTF-8")
        .about(found))
}

fn check_count(count: usize, most: usize) -> Result<(), Refusal> {
    if count <= most {
        return Ok(());
    }
    let message =
        format!("record limit reached. cannot submit more than {most} records into this call");
    Err(Refusal::bad_request("EXCEEDED_ID_LIMIT", message))
}

fn check_runs(kinds: &[String], is_same: fn(&String, &String) -> bool) -> Result<(), Refusal> {
    let runs = kinds.chunk_by(is_same).count();
    if runs <= RUNS_MAX {
        return Ok(());
    }
    let message = format!(
        "Cannot have more than {RUNS_MAX} chunks in a single operation. Please rearrange the data to \
         reduce chunking."
    );
    Err(Refusal::bad_request("LIMIT_EXCEEDED", message))
}

fn object_of(record: &JsonMap) -> Result<String, Refusal> {
    let named = record.get("attributes").and_then(|attributes| attributes.get("type"));
    named.and_then(Value::as_str).map(str::to_owned).ok_or_else(|| {
        Refusal::bad_request(
            "INVALID_INPUT",
            "Include an entity type for each record in the request.",
        )
    })
}

/// The id of a record and its body without it.
fn split_id(mut body: JsonMap) -> (String, JsonMap) {
    let name = body.keys().find(|name| name.eq_ignore_ascii_case("id")).cloned();
    let id = name.and_then(|name| body.remove(&name));
    let id = id.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
    (id, body)
}

fn carry_out(world: &World, call: &Call, actions: Vec<Action<'_>>, all_or_none: bool) -> Reply {
    let is_upsert = matches!(actions.first(), Some(Action::Upsert { .. }));
    let kinds: Vec<&'static str> = actions.iter().map(Action::done).collect();
    let mut org = world.org_for(call);
    if all_or_none {
        org.begin();
    }
    let mut outcomes: Vec<Outcome> = actions
        .into_iter()
        .enumerate()
        .map(|(index, action)| match action.trouble(call, index) {
            Some(error) => Err(error),
            None => action.run(&mut org, call.writer()),
        })
        .collect();
    if all_or_none {
        if outcomes.iter().any(Result::is_err) {
            org.rollback();
            for outcome in outcomes.iter_mut().filter(|outcome| outcome.is_ok()) {
                *outcome = Err(rolled_back());
            }
        } else {
            org.commit();
        }
    }
    drop(org);
    count(world, &kinds, &outcomes);
    let results: Vec<Value> = outcomes.iter().map(|outcome| result(outcome, is_upsert)).collect();
    Reply::ok(&results).about(results.len())
}

impl Action<'_> {
    fn run(self, org: &mut Org, writer: Writer) -> Outcome {
        match self {
            Self::Create { object, body } => {
                org.create(writer, &object, &body).map_err(unknown_type(&object)).map(new)
            }
            Self::Update { id, .. } if id.is_empty() => {
                Err(ApiError::row("MISSING_ARGUMENT", "Id not specified in an update call", &[]))
            }
            Self::Update { object, id, body } => {
                let updated = org.update(writer, &object, &id, &body);
                updated.map_err(unknown_type(&object)).map(known)
            }
            Self::Upsert { object, key_field, body } => {
                let upserted = org.upsert_keyed(writer, object, key_field, body)?;
                Ok((upserted.id, upserted.created))
            }
            Self::Delete { id } => org.delete(writer, None, &id).map(known),
        }
    }

    /// Why a fault refuses the row.
    fn trouble(&self, call: &Call, index: usize) -> Option<ApiError> {
        match self {
            Self::Create { body, .. } | Self::Upsert { body, .. } => {
                call.trouble.of_json(index, "", body)
            }
            Self::Update { id, body, .. } => call.trouble.of_json(index, id, body),
            Self::Delete { id } => call.trouble.of_json(index, id, &JsonMap::new()),
        }
    }

    fn done(&self) -> &'static str {
        match self {
            Self::Create { .. } => "created",
            Self::Update { .. } | Self::Upsert { .. } => "updated",
            Self::Delete { .. } => "deleted",
        }
    }
}

fn new(id: Id) -> (Id, bool) {
    (id, true)
}

fn known(id: Id) -> (Id, bool) {
    (id, false)
}

/// Inside a collection an unknown object is an error of the row.
fn unknown_type(object: &str) -> impl FnOnce(ApiError) -> ApiError {
    move |error| {
        if error == ApiError::unknown_object() {
            return ApiError::row(
                "INVALID_TYPE",
                format!("sObject type '{object}' is not supported."),
                &[],
            );
        }
        error
    }
}

fn rolled_back() -> ApiError {
    ApiError::row(
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "Record rolled back because not all records were valid and the request was using \
         AllOrNone header",
        &[],
    )
}

fn count(world: &World, kinds: &[&'static str], outcomes: &[Outcome]) {
    let mut log = world.log();
    for (kind, outcome) in kinds.iter().zip(outcomes) {
        log.count_rows(
            match outcome {
                Ok((_, true)) => "created",
                Ok(_) => kind,
                Err(_) => "failed",
            },
            1,
        );
    }
}

fn result(outcome: &Outcome, is_upsert: bool) -> Value {
    match outcome {
        Ok((id, created)) if is_upsert => {
            json!({ "id": id.to_string(), "success": true, "errors": [], "created": created })
        }
        Ok((id, _)) => json!({ "id": id.to_string(), "success": true, "errors": [] }),
        Err(error) => json!({ "success": false, "errors": [error.to_row_json()] }),
    }
}
