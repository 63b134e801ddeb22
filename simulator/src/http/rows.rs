//! Single rows: create, read, change, delete.

use axum::http::{
    Method, StatusCode,
    header::{CONTENT_TYPE, ETAG, LAST_MODIFIED, LOCATION},
};
use serde_json::{Value, json};

use crate::{
    Id, Org,
    http::{
        call::Call,
        conditions::{self, Verdict},
        gate::http_date,
        record,
        refusal::Refusal,
        reply::{Reply, ReplyBody},
        world::World,
    },
    org::Scope,
    value::JsonMap,
};

/// Most rows shown as recent.
const RECENT_MAX: usize = 5;

/// `GET` and `POST /sobjects/X`
///
/// # Errors
/// Whatever the org finds wrong with the row.
pub(crate) fn object(world: &World, call: &Call, object: &str) -> Result<Reply, Refusal> {
    if call.method == Method::POST {
        return create(world, call, object);
    }
    let org = world.org();
    let describe = org.describe_short(call.user(), object, call.version_digits());
    let describe = describe.ok_or_else(Refusal::not_found)?;
    let recent = recent(&org, call, object);
    Ok(Reply::ok(&json!({ "objectDescribe": describe, "recentItems": recent })))
}

/// The rows that the user changed last.
fn recent(org: &Org, call: &Call, object: &str) -> Vec<Value> {
    let described = org.schema().object(object);
    let name = described.and_then(|object| object.field(object.system().name?));
    let name = name.map_or(String::new(), |field| format!(", {}", field.name));
    let soql = format!(
        "SELECT Id{name} FROM {object} WHERE LastModifiedById = '{}' \
         ORDER BY LastModifiedDate DESC LIMIT {RECENT_MAX}",
        call.user()
    );
    let Ok(found) = org.query(call.user(), &soql, Scope::Live) else { return Vec::new() };
    let row = |id: &Id| {
        let mut text = String::new();
        org.write_json(&found.shape, *id, call.version_digits(), &mut text);
        serde_json::from_str(&text).ok()
    };
    found.rows.iter().filter_map(|id| row(&id)).collect()
}

fn create(world: &World, call: &Call, object: &str) -> Result<Reply, Refusal> {
    let mut org = world.org_for(call);
    let body = record::read(call, &org, object)?;
    call.check_trouble("", &body)?;
    let created = org.create(call.writer(), object, &body);
    let path = created.as_ref().ok().map(|id| row_path(&org, call, object, *id));
    drop(org);
    world.log().count_rows(if created.is_ok() { "created" } else { "failed" }, 1);
    let id = created?;
    let answer = json!({ "id": id.to_string(), "success": true, "errors": [] });
    Ok(Reply::json(StatusCode::CREATED, &answer).with(LOCATION, &path.unwrap_or_default()).about(1))
}

/// The path of a row, with the object's name as the org writes it.
pub(crate) fn row_path(org: &Org, call: &Call, object: &str, id: Id) -> String {
    let name = org.schema().object(object).map_or(object, |object| object.name());
    call.path_of(&format!("sobjects/{name}/{id}"))
}

/// `GET`, `PATCH` and `DELETE /sobjects/X/{id}`
///
/// # Errors
/// Whatever the org finds wrong with id or row; 412 for a failed condition.
pub(crate) fn row(world: &World, call: &Call, object: &str, id: &str) -> Result<Reply, Refusal> {
    match call.method {
        Method::PATCH => change(world, call, object, id),
        Method::DELETE => delete(world, call, object, id),
        _ => read(world, call, object, id),
    }
}

fn change(world: &World, call: &Call, object: &str, id: &str) -> Result<Reply, Refusal> {
    let mut org = world.org_for(call);
    let body = record::read(call, &org, object)?;
    call.check_trouble(id, &body)?;
    if let Ok(found) = org.find(call.user(), object, id)
        && let Some(modified) = org.last_modified(found)
    {
        conditions::check(call, modified, conditions::tag(&org, call, object, found).as_deref())?;
    }
    let changed = org.update(call.writer(), object, id, &body);
    drop(org);
    world.log().count_rows(if changed.is_ok() { "updated" } else { "failed" }, 1);
    changed?;
    Ok(Reply::empty(StatusCode::NO_CONTENT).about(1))
}

pub(crate) fn delete(world: &World, call: &Call, object: &str, id: &str) -> Result<Reply, Refusal> {
    call.check_trouble(id, &JsonMap::new())?;
    let deleted = world.org_for(call).delete(call.writer(), Some(object), id);
    world.log().count_rows(if deleted.is_ok() { "deleted" } else { "failed" }, 1);
    deleted?;
    Ok(Reply::empty(StatusCode::NO_CONTENT).about(1))
}

pub(crate) fn read(world: &World, call: &Call, object: &str, id: &str) -> Result<Reply, Refusal> {
    let fields = call.parameter("fields").map(list).filter(|fields| !fields.is_empty());
    let org = world.org();
    let id = org.find(call.user(), object, id)?;
    let shape = org.shape(call.user(), object, fields.as_deref())?;
    let modified = org.last_modified(id);
    let tag = conditions::tag(&org, call, object, id);
    if let Some(modified) = modified
        && conditions::check(call, modified, tag.as_deref())? == Verdict::NotModified
    {
        return Ok(Reply::empty(StatusCode::NOT_MODIFIED));
    }
    let mut body = String::new();
    if !org.write_json(&shape, id, call.version_digits(), &mut body) {
        return Err(Refusal::not_found());
    }
    drop(org);
    let reply = Reply { body: ReplyBody::Json(body.into_bytes()), ..Reply::empty(StatusCode::OK) }
        .with(CONTENT_TYPE, "application/json;charset=UTF-8")
        .about(1);
    let reply = match tag {
        Some(tag) => reply.with(ETAG, &tag),
        None => reply,
    };
    Ok(match modified {
        Some(modified) => reply.with(LAST_MODIFIED, &http_date(modified)),
        None => reply,
    })
}

/// A list as query parameters write it.
pub(crate) fn list(text: &str) -> Vec<String> {
    text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
}
