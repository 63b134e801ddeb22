//! Rows as a person changes them, and rows that come back or go for good.

use std::sync::Arc;

use axum::http::HeaderValue;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Captured, Route, read};
use crate::{
    ApiError, Id, Org,
    http::{
        call::Call, events::BY_HAND, refusal::Refusal, reply::Reply, rows, sessions::Session,
        world::World,
    },
};

/// The version in whose form the control routes show rows.
const VERSION: &str = "v66.0";

pub(super) const ROUTES: &[Route] = &[
    Route::new("GET", "records/{object}", "Counts the live rows of an object.", count),
    Route::new(
        "POST",
        "records/{object}",
        "Creates a row as the human user, or `?as={username}`.",
        object,
    ),
    Route::new("GET", "records/{object}/{id}", "Reads a row.", row),
    Route::new(
        "PATCH",
        "records/{object}/{id}",
        "Changes a row as the human user, or `?as={username}`.",
        row,
    ),
    Route::new(
        "DELETE",
        "records/{object}/{id}",
        "Deletes a row as the human user, or `?as={username}`.",
        row,
    ),
    Route::new(
        "POST",
        "touch/{object}",
        "Gives rows the stamp of now and changes nothing else.",
        touch,
    ),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ids {
    ids: Vec<String>,
}

fn count(world: &Arc<World>, _: &mut Call, path: &Captured<'_>) -> Answer {
    let count = world.org().record_count(path.word("object")).ok_or_else(Refusal::not_found)?;
    Ok(Reply::ok(&json!({ "count": count })))
}

pub(super) fn object(world: &Arc<World>, call: &mut Call, path: &Captured<'_>) -> Answer {
    act(world, call)?;
    rows::object(world, call, path.word("object"))
}

pub(super) fn row(world: &Arc<World>, call: &mut Call, path: &Captured<'_>) -> Answer {
    act(world, call)?;
    rows::row(world, call, path.word("object"), path.word("id"))
}

/// Lets the call be one of the human user, or of the one it names.
fn act(world: &World, call: &mut Call) -> Result<(), Refusal> {
    let username = match call.parameter("as") {
        Some(username) => username.to_owned(),
        None => world.human_username(),
    };
    let person = world.person_named(&username).ok_or_else(Refusal::not_found)?;
    VERSION.clone_into(&mut call.version);
    by_hand(call);
    call.session = Some(Session::full(person.id, &person.username, call.time));
    Ok(())
}

fn touch(world: &Arc<World>, call: &mut Call, path: &Captured<'_>) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        ids: Option<Vec<String>>,
    }
    let order: Order = read(call)?;
    let touched = world.org().touch(path.word("object"), order.ids.as_deref())?;
    Ok(Reply::ok(&json!({ "touched": touched })))
}

/// Lets the changes of a call count as made by hand.
pub(super) fn by_hand(call: &mut Call) {
    call.headers.insert(BY_HAND, HeaderValue::from_static("1"));
}

/// `{"ids": [...]}`: one outcome per id.
pub(super) fn each_id(
    world: &World,
    call: &mut Call,
    change: impl Fn(&mut Org, &str) -> Result<Id, ApiError>,
) -> Answer {
    let order: Ids = read(call)?;
    by_hand(call);
    let mut org = world.org_for(call);
    let results: Vec<Value> = order
        .ids
        .iter()
        .map(|id| match change(&mut org, id) {
            Ok(id) => json!({ "id": id.to_string(), "success": true, "errors": [] }),
            Err(error) => json!({ "success": false, "errors": [error.to_row_json()] }),
        })
        .collect();
    Ok(Reply::ok(&results))
}
