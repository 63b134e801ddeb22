//! Sessions: whose, and how long.

use std::sync::Arc;

use serde_json::json;

use super::{Answer, Captured, Route};
use crate::http::{call::Call, refusal::Refusal, reply::Reply, world::World};

pub(super) const ROUTES: &[Route] = &[
    Route::new("POST", "as/{username}", "Opens a session of that user.", act_as),
    Route::sure("POST", "expire-sessions", "Ends every session.", expire),
];

fn act_as(world: &Arc<World>, call: &mut Call, path: &Captured<'_>) -> Answer {
    let person = world.person_named(path.word("username")).ok_or_else(Refusal::not_found)?;
    let token = world.sessions().open(person.id, &person.username, call.time);
    Ok(Reply::ok(&json!({
        "access_token": token,
        "instance_url": world.url(),
        "user_id": person.id.to_string(),
        "username": person.username,
    })))
}

fn expire(world: &World) -> Reply {
    Reply::ok(&json!({ "expired": world.sessions().expire_all() }))
}
