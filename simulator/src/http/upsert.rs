//! Rows by an external id.

use axum::http::{Method, StatusCode, header::LOCATION};
use serde_json::json;

use crate::{
    ApiError, Id, Org,
    http::{call::Call, record, refusal::Refusal, reply::Reply, rows, world::World},
    org::{Key, UpsertError, Upserted},
};

/// `GET`, `PATCH` and `DELETE /sobjects/X/{field}/{value}`; `path` is object, field and value.
///
/// # Errors
/// Whatever the org finds wrong with key or row.
pub(crate) fn by_key(world: &World, call: &Call, path: [&str; 3]) -> Result<Reply, Refusal> {
    let [object, field, value] = path;
    let key = Key { field: field.to_owned(), value: value.into() };
    if call.method == Method::PATCH {
        return upsert(world, call, object, &key);
    }
    let found = world.org().find_by_key(call.user(), object, &key)?;
    match found.as_slice() {
        [] => Err(Refusal::not_found()),
        [id] if call.method == Method::DELETE => rows::delete(world, call, object, &id.to_string()),
        [id] => rows::read(world, call, object, &id.to_string()),
        several => Ok(choices(&world.org(), call, object, several)),
    }
}

fn upsert(world: &World, call: &Call, object: &str, key: &Key) -> Result<Reply, Refusal> {
    let mut org = world.org_for(call);
    let body = record::read(call, &org, object)?;
    call.check_trouble("", &body)?;
    if call.parameter("updateOnly") == Some("true")
        && org.find_by_key(call.user(), object, key)?.is_empty()
    {
        return Err(Refusal::not_found());
    }
    let outcome = org.upsert(call.writer(), object, key, &body);
    let reply = match &outcome {
        Ok(upserted) => Ok(saved(&org, call, object, *upserted)),
        Err(UpsertError::Several(ids)) => Ok(choices(&org, call, object, ids)),
        Err(UpsertError::Refused(error)) => Err(Refusal::from(error.clone())),
    };
    drop(org);
    count(world, &outcome.map_err(ApiError::from));
    reply
}

/// Counts an upsert for the request log.
pub(crate) fn count(world: &World, outcome: &Result<Upserted, ApiError>) {
    let kind = match outcome {
        Ok(Upserted { created: true, .. }) => "created",
        Ok(_) => "updated",
        Err(_) => "failed",
    };
    world.log().count_rows(kind, 1);
}

fn saved(org: &Org, call: &Call, object: &str, Upserted { id, created }: Upserted) -> Reply {
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    let answer = json!({ "id": id.to_string(), "success": true, "errors": [], "created": created });
    let reply = Reply::json(status, &answer).about(1);
    if created {
        return reply.with(LOCATION, &rows::row_path(org, call, object, id));
    }
    reply
}

/// 300: the rows that share the key.
fn choices(org: &Org, call: &Call, object: &str, ids: &[Id]) -> Reply {
    let paths: Vec<String> = ids.iter().map(|id| rows::row_path(org, call, object, *id)).collect();
    Reply::json(StatusCode::MULTIPLE_CHOICES, &paths)
}
