//! Rows by the way that leads to them: `/sobjects/X/{id}/{relationship}`.
//!
//! A to-one relationship stands for the row it leads to, which can be read, changed and deleted
//! there, and from which the way may go on. A to-many relationship ends the way with a result as of a
//! query. The name of a base64 field ends it with the file itself.

use axum::http::{Method, StatusCode};

use crate::{
    Id, Org,
    http::{
        blobs, call::Call, dispatch::method_not_allowed, query, refusal::Refusal, reply::Reply,
        rows, world::World,
    },
    org::Scope,
    schema::{FieldType, Object},
};

/// Where a step of the way leads.
enum Step {
    /// To a row: its object and id.
    One(String, String),
    /// To the rows of an object with this row in a field.
    Many { object: String, field: String },
    /// To a file.
    Blob(String),
}

/// `GET`, `PATCH` and `DELETE /sobjects/X/{id}/{relationship}…`
///
/// # Errors
/// 404 where the way leads nowhere; what the resource at its end refuses.
pub(crate) fn related(
    world: &World,
    call: &Call,
    object: &str,
    id: &str,
    path: &[String],
) -> Result<Reply, Refusal> {
    let (mut object, mut id) = (object.to_owned(), id.to_owned());
    for (at, word) in path.iter().enumerate() {
        let org = world.org();
        let start = org.find(call.user(), &object, &id)?;
        let step = step(&org, call, &object, start, word)?;
        drop(org);
        let is_last = at + 1 == path.len();
        match step {
            Step::One(next, next_id) => (object, id) = (next, next_id),
            Step::Many { object, field } if is_last => {
                return only_read(call, || many(world, call, &object, &field, start));
            }
            Step::Blob(field) if is_last => {
                return only_read(call, || blobs::read(world, call, &object, start, &field));
            }
            Step::Many { .. } | Step::Blob(_) => return Err(Refusal::not_found()),
        }
    }
    rows::row(world, call, &object, &id)
}

fn only_read(call: &Call, read: impl FnOnce() -> Result<Reply, Refusal>) -> Result<Reply, Refusal> {
    match call.method {
        Method::GET | Method::HEAD => read(),
        _ => Ok(method_not_allowed(&call.method, &["HEAD", "GET"])),
    }
}

fn step(org: &Org, call: &Call, object: &str, id: Id, word: &str) -> Result<Step, Refusal> {
    let described = org.schema().object(object).ok_or_else(Refusal::not_found)?;
    if let Some(field) = described.relationship(word).and_then(|field| described.field(field)) {
        let next = value(org, call, object, id, &field.name).ok_or_else(Refusal::not_found)?;
        let number = Id::from_text(&next).and_then(|id| org.schema().number_of_prefix(id.prefix()));
        let target = number.and_then(|number| org.schema().objects().get(number)).map(Object::name);
        return Ok(Step::One(target.ok_or_else(Refusal::not_found)?.to_owned(), next));
    }
    if let Some((child, field)) = org.schema().child_of(object, word) {
        return Ok(Step::Many { object: child.name().to_owned(), field: field.name.clone() });
    }
    match described.field_named(word) {
        Some(field) if field.kind == FieldType::Base64 => Ok(Step::Blob(field.name.clone())),
        _ => Err(Refusal::rest(
            StatusCode::NOT_FOUND,
            "NOT_FOUND",
            "The requested resource does not exist",
        )),
    }
}

/// The text of a field of a row; none for null and for what the user may not see.
fn value(org: &Org, call: &Call, object: &str, id: Id, field: &str) -> Option<String> {
    let soql = format!("SELECT {field} FROM {object} WHERE Id = '{id}'");
    let found = org.query(call.user(), &soql, Scope::Live).ok()?;
    let mut text = String::new();
    org.write_json(&found.shape, found.rows.first()?, call.version_digits(), &mut text);
    let row: serde_json::Value = serde_json::from_str(&text).ok()?;
    row.get(field)?.as_str().map(str::to_owned)
}

fn many(
    world: &World,
    call: &Call,
    object: &str,
    field: &str,
    parent: Id,
) -> Result<Reply, Refusal> {
    let org = world.org();
    let soql = format!("SELECT Id FROM {object} WHERE {field} = '{parent}'");
    let mut result = org.query(call.user(), &soql, Scope::Live)?;
    let fields = call.parameter("fields").map(rows::list);
    result.shape = org.shape(call.user(), object, fields.as_deref())?;
    drop(org);
    Ok(query::first_page(world, call, result))
}
