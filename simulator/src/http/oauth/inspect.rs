//! Asking what a token is worth, and giving it back.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::http::{
    call::Call,
    oauth::{
        answer::formatted,
        form::{Form, Proof},
    },
    refusal::Refusal,
    reply::Reply,
    world::World,
};

/// `GET` and `POST /services/oauth2/revoke`, for tokens of either kind.
///
/// # Errors
/// An unknown token.
pub(crate) fn revoke(world: &World, call: &Call) -> Result<Reply, Refusal> {
    let form = Form::read(call);
    let token = form.require("token")?;
    if world.sessions().revoke(token) {
        return Ok(Reply::empty(StatusCode::OK));
    }
    let is_ours = token.starts_with("00D") || token.starts_with("5Aep") || token.starts_with("eyJ");
    Err(if is_ours {
        Refusal::oauth("invalid_token", "token is expired or invalid")
    } else {
        Refusal::oauth("unsupported_token_type", "this token type is not supported")
    })
}

/// `POST /services/oauth2/introspect`
pub(crate) fn introspect(world: &World, call: &Call) -> Reply {
    let form = Form::read(call);
    formatted_as_json(call, introspect_for(world, call, &form))
}

fn introspect_for(world: &World, call: &Call, form: &Form) -> Result<Value, Refusal> {
    let app = form.app(world)?;
    form.prove(world, call, &app, Proof::Required)?;
    let token = form.require("token")?;
    let sessions = world.sessions();
    // An app sees its own tokens only. To be looked at does not lengthen a session.
    if let Some(session) = sessions.look(token, call.time)
        && session.client_id == app.client_id
    {
        let started = session.started.timestamp();
        return Ok(json!({
            "active": true,
            "scope": session.scope,
            "client_id": app.client_id,
            "username": session.username,
            "sub": world.identity_url(session.user_id),
            "token_type": "access_token",
            "exp": sessions.ends(&session).timestamp(),
            "iat": started,
            "nbf": started,
        }));
    }
    let known = sessions.look_at_refresh(token).cloned();
    drop(sessions);
    Ok(match known.filter(|known| known.client_id == app.client_id) {
        Some(known) => json!({
            "active": true,
            "scope": known.scope,
            "client_id": app.client_id,
            "username": known.username,
            "sub": world.person_named(&known.username).map(|user| world.identity_url(user.id)),
            "token_type": "refresh_token",
        }),
        None => json!({ "active": false }),
    })
}

/// Introspection is JSON whatever is asked for: its members are no texts.
fn formatted_as_json(call: &Call, outcome: Result<Value, Refusal>) -> Reply {
    match outcome {
        Ok(body) => Reply::ok(&body),
        Err(refusal) => formatted(call, &Form::default(), Err(refusal)),
    }
}
