//! Passwords of users: every user has the same one until somebody sets another.

use std::collections::HashMap;

use axum::http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::{
    Id,
    http::{call::Call, oauth, refusal::Refusal, reply::Reply, world::World},
};

/// Fewest characters of a password.
const LENGTH_MIN: usize = 8;

/// The passwords that were set, by user.
#[derive(Debug, Default)]
pub(crate) struct Passwords(HashMap<Id, String>);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    new_password: String,
}

impl World {
    /// The password of the user with this name, whether or not there is one.
    pub(crate) fn password_of(&self, username: &str) -> String {
        let person = self.person_named(username);
        let own = person.and_then(|person| self.passwords().0.get(&person.id).cloned());
        own.unwrap_or_else(|| oauth::PASSWORD.to_owned())
    }
}

/// `GET`, `POST` and `DELETE /sobjects/User/{id}/password`: tell whether it has expired, set it, and
/// have one made up.
///
/// # Errors
/// 404 for an unknown user; 400 `INVALID_NEW_PASSWORD` for one that is too short.
pub(crate) fn password(world: &World, call: &Call, id: &str) -> Result<Reply, Refusal> {
    let id = world.org().find(call.user(), "User", id)?;
    match call.method {
        Method::POST => {
            let body: Body = call.json()?;
            if body.new_password.chars().count() < LENGTH_MIN {
                let message =
                    format!("Your password must be at least {LENGTH_MIN} characters long.");
                return Err(Refusal::bad_request("INVALID_NEW_PASSWORD", message));
            }
            world.passwords().0.insert(id, body.new_password);
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        Method::DELETE => {
            let made = format!("reset-{}", id.short());
            world.passwords().0.insert(id, made.clone());
            Ok(Reply::ok(&json!({ "NewPassword": made })))
        }
        _ => Ok(Reply::ok(&json!({ "isExpired": false }))),
    }
}
