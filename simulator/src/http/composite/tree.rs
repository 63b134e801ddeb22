//! `/composite/tree/X`: new rows with their children below them, all or none.
//!
//! The rows go in level by level. The first level with a row that fails is the last one tried; the
//! answer then tells what is wrong with the rows of that level, and nothing is left.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::sequence::is_reference_id;
use crate::{
    ApiError, Id, Org,
    http::{call::Call, refusal::Refusal, reply::Reply, world::World},
    value::JsonMap,
};

/// Most rows of a request, with all their children.
const ROWS_MAX: usize = 200;

/// Most levels of rows, the first included.
const LEVELS_MAX: usize = 5;

/// Most different objects of a request.
const TYPES_MAX: usize = 5;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    records: Vec<Value>,
}

/// A row to be made.
struct Node {
    object: String,
    reference_id: String,
    fields: JsonMap,
    level: usize,
    parent: Parent,
}

/// The row above, by position, and the field that refers to it.
type Parent = Option<(usize, String)>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answers {
    has_errors: bool,
    results: Vec<Value>,
}

/// What is wrong with a row: the id of its record and the error.
type Complaint = (String, ApiError);

/// `POST /composite/tree/X`
///
/// # Errors
/// A body that cannot be read; what is wrong with its rows is told in a 400 of its own shape.
pub(crate) fn tree(world: &Arc<World>, call: &Call, object: &str) -> Result<Reply, Refusal> {
    let body: Body = call.json()?;
    let mut org = world.org_for(call);
    let outcome = read(&org, object, body.records)
        .map_err(|complaint| vec![complaint])
        .and_then(|nodes| check(&nodes).map(|()| nodes))
        .and_then(|nodes| create(&mut org, call, nodes));
    drop(org);
    Ok(match outcome {
        Ok(made) => {
            world.log().count_rows("created", made.len() as u64);
            let result = |(id, row): &(String, Id)| serde_json::json!({ "referenceId": id, "id": row.to_string() });
            let results: Vec<Value> = made.iter().map(result).collect();
            let count = results.len();
            Reply::json(StatusCode::CREATED, &Answers { has_errors: false, results }).about(count)
        }
        Err(complaints) => {
            world.log().count_rows("failed", complaints.len() as u64);
            Reply::json(
                StatusCode::BAD_REQUEST,
                &Answers { has_errors: true, results: told(complaints) },
            )
        }
    })
}

/// The complaints by record, in their order.
fn told(complaints: Vec<Complaint>) -> Vec<Value> {
    let mut order: Vec<String> = Vec::new();
    let mut errors: HashMap<String, Vec<Value>> = HashMap::new();
    for (id, error) in complaints {
        if !errors.contains_key(&id) {
            order.push(id.clone());
        }
        errors.entry(id).or_default().push(error.to_row_json());
    }
    let result = |id: String| {
        let errors = errors.remove(&id).unwrap_or_default();
        serde_json::json!({ "referenceId": id, "errors": errors })
    };
    order.into_iter().map(result).collect()
}

/// Lays the rows out level by level.
fn read(org: &Org, object: &str, records: Vec<Value>) -> Result<Vec<Node>, Complaint> {
    let mut nodes: Vec<Node> = Vec::new();
    let mut waiting: Vec<(Value, String, Parent)> =
        records.into_iter().map(|record| (record, object.to_owned(), None)).collect();
    let mut level = 1;
    while !waiting.is_empty() {
        let mut below = Vec::new();
        for (record, expected, parent) in waiting {
            let (node, children) = read_record(org, record, &expected, parent, level)?;
            if nodes.len() == ROWS_MAX || level > LEVELS_MAX {
                let message = if level > LEVELS_MAX {
                    format!(
                        "The request can\u{2019}t contain more than {LEVELS_MAX} levels of records."
                    )
                } else {
                    format!("The request can\u{2019}t contain more than {ROWS_MAX} records.")
                };
                return Err((node.reference_id, invalid(message)));
            }
            let at = nodes.len();
            for (record, object, field) in children {
                below.push((record, object, Some((at, field))));
            }
            nodes.push(node);
        }
        waiting = below;
        level += 1;
    }
    Ok(nodes)
}

type Children = Vec<(Value, String, String)>;

/// One record without its children, and the children: record, object, field that refers here.
fn read_record(
    org: &Org,
    record: Value,
    expected: &str,
    parent: Parent,
    level: usize,
) -> Result<(Node, Children), Complaint> {
    let nameless = |message: &str| (String::new(), invalid(message.to_owned()));
    let Value::Object(mut fields) = record else { return Err(nameless("A record is no object")) };
    let attributes = fields.remove("attributes").unwrap_or_default();
    let text = |name: &str| attributes.get(name).and_then(Value::as_str).map(str::to_owned);
    let Some(reference_id) = text("referenceId") else {
        return Err(nameless("Include a reference ID for each record in the request."));
    };
    let complain = |message: String| (reference_id.clone(), invalid(message));
    let Some(object) = text("type") else {
        return Err(complain("Include an entity type for each record in the request.".to_owned()));
    };
    let described = org.schema().object(expected).filter(|_| object.eq_ignore_ascii_case(expected));
    let Some(described) = described else {
        let message = format!("The record is of type {object}, where {expected} is expected.");
        return Err(complain(message));
    };
    let mut children = Children::new();
    let nested: Vec<String> = fields
        .iter()
        .filter(|(_, value)| value.get("records").is_some_and(Value::is_array))
        .map(|(name, _)| name.clone())
        .collect();
    for name in nested {
        let Some((child, field)) = org.schema().child_of(described.name(), &name) else {
            return Err(complain(format!("No such child relationship '{name}' on {object}")));
        };
        if let Some(Value::Array(records)) =
            fields.remove(&name).and_then(|mut value| value.get_mut("records").map(Value::take))
        {
            children.extend(
                records
                    .into_iter()
                    .map(|record| (record, child.name().to_owned(), field.name.clone())),
            );
        }
    }
    let object = described.name().to_owned();
    Ok((Node { object, reference_id, fields, level, parent }, children))
}

fn check(nodes: &[Node]) -> Result<(), Vec<Complaint>> {
    let mut complaints = Vec::new();
    let mut seen = HashSet::new();
    for node in nodes {
        let id = &node.reference_id;
        if !is_reference_id(id) {
            let message = format!(
                "Provided referenceId ('{id}') must start with a letter or a number, and it can \
                 contain only letters, numbers and underscores ('_')."
            );
            complaints.push((id.clone(), invalid(message)));
        } else if !seen.insert(id) {
            let message = "Duplicate ReferenceId provided in the request.".to_owned();
            complaints.push((id.clone(), invalid(message)));
        }
    }
    let types: HashSet<&str> = nodes.iter().map(|node| node.object.as_str()).collect();
    if let (true, Some(node)) = (types.len() > TYPES_MAX, nodes.first()) {
        let message =
            format!("The request can\u{2019}t contain more than {TYPES_MAX} types of records.");
        complaints.push((node.reference_id.clone(), invalid(message)));
    }
    if complaints.is_empty() { Ok(()) } else { Err(complaints) }
}

/// Creates the rows, parents before children, in one transaction.
fn create(
    org: &mut Org,
    call: &Call,
    nodes: Vec<Node>,
) -> Result<Vec<(String, Id)>, Vec<Complaint>> {
    org.begin();
    let mut made: Vec<(String, Id)> = Vec::new();
    let mut complaints: Vec<Complaint> = Vec::new();
    let mut failed_at = None;
    for (index, mut node) in nodes.into_iter().enumerate() {
        if failed_at.is_some_and(|level| level < node.level) {
            break;
        }
        if let Some((parent, field)) = node.parent
            && let Some((_, parent)) = made.get(parent)
        {
            node.fields.insert(field, Value::from(parent.to_string()));
        }
        let created = match call.trouble.of_json(index, "", &node.fields) {
            Some(error) => Err(error),
            None => org.create(call.writer(), &node.object, &node.fields),
        };
        match created {
            Ok(id) => made.push((node.reference_id, id)),
            Err(error) => {
                failed_at = Some(node.level);
                complaints.push((node.reference_id, error));
            }
        }
    }
    if complaints.is_empty() {
        org.commit();
        return Ok(made);
    }
    org.rollback();
    Err(complaints)
}

fn invalid(message: String) -> ApiError {
    ApiError::row("INVALID_INPUT", message, &[])
}
