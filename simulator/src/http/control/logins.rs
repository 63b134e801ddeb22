//! Connected apps, and the rules of logging in.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Answer, Captured, Route, read};
use crate::{
    http::{call::Call, oauth::App, refusal::Refusal, reply::Reply, world::World},
    value::JsonMap,
};

pub(super) const ROUTES: &[Route] = &[
    Route::sure("GET", "login", "Tells the rules of logging in.", rules),
    Route::new("PATCH", "login", "Sets some of the rules of logging in.", change_rules),
    Route::sure("GET", "apps", "Lists the connected apps.", apps),
    Route::new("PUT", "apps/{client_id}", "Takes a connected app in.", put_app),
];

fn rules(world: &World) -> Reply {
    Reply::ok(&world.sessions().policy.rules)
}

fn change_rules(world: &Arc<World>, call: &mut Call, _: &Captured<'_>) -> Answer {
    let changes: JsonMap = read(call)?;
    let mut sessions = world.sessions();
    let mut rules = serde_json::to_value(&sessions.policy.rules).unwrap_or_default();
    if let Some(members) = rules.as_object_mut() {
        members.extend(changes);
    }
    let rules = serde_json::from_value(rules);
    sessions.policy.rules = rules.map_err(|error| Refusal::malformed_json(&error))?;
    Ok(Reply::ok(&sessions.policy.rules))
}

fn apps(world: &World) -> Reply {
    Reply::ok(&world.sessions().apps.all().collect::<Vec<_>>())
}

fn put_app(world: &Arc<World>, call: &mut Call, path: &Captured<'_>) -> Answer {
    let mut body: JsonMap = read(call)?;
    body.insert("client_id".to_owned(), json!(path.word("client_id")));
    let app: App = serde_json::from_value(Value::Object(body))
        .map_err(|error| Refusal::malformed_json(&error))?;
    let reply = Reply::ok(&app);
    world.sessions().apps.put(app);
    Ok(reply)
}
