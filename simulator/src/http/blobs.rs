//! Files: what a base64 field holds, as bytes.

use axum::http::header::CONTENT_TYPE;
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    Id,
    http::{call::Call, refusal::Refusal, reply::Reply, world::World},
};

/// `GET /sobjects/X/{id}/{field}` of a base64 field.
///
/// # Errors
/// 404 for a field without a value or that the user may not see.
pub(crate) fn read(
    world: &World,
    call: &Call,
    object: &str,
    id: Id,
    field: &str,
) -> Result<Reply, Refusal> {
    let stored = world.org().blob(call.user(), object, id, field).ok_or_else(Refusal::not_found)?;
    let bytes = STANDARD.decode(stored.as_bytes()).unwrap_or_else(|_| stored.into_bytes());
    Ok(Reply::text(axum::http::StatusCode::OK, "application/octet-stream", bytes)
        .with(CONTENT_TYPE, "application/octet-stream")
        .about(1))
}
