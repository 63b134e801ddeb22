//! The routes below `/__org`, by which tests and people steer the org. They need no session: the
//! simulator listens on loopback. They are neither counted nor logged, and no fault strikes them.
//!
//! | route | does |
//! |---|---|
//! | `POST reset` | the org as at the start; faults, jobs, cursors and log are gone, sessions stay |
//! | `GET credentials` | what a client needs to log in, with two fresh sessions |
//! | `POST expire-sessions`, `POST expire-cursors` | ends all of them |
//! | `POST as/{username}` | a session of that user |
//! | `POST clock {advance_seconds}` | moves the org's clock |
//! | `POST limits {used?, limit?, session_lifetime_seconds?}` | sets the day's requests |
//! | `GET`, `DELETE requests` | the log: time, method, path, api, status, records, username, fault |
//! | `GET counters` | requests by kind and rows by what was done to them |
//! | `GET`, `POST faults`, `DELETE faults[/{id}]` | see [`crate::http::faults`] |
//! | `POST undelete`, `POST purge` `{ids}` | out of the recycle bin, or out of the org |
//! | `POST records/{object}`, `GET`, `PATCH`, `DELETE records/{object}/{id}` | rows as the human user, or `?as={username}` |

use std::sync::Arc;

use axum::http::{Method, StatusCode, header::CONTENT_TYPE};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::{
    call::Call, faults::Fault, refusal::Refusal, reply::Reply, rows, sessions::Session,
    world::World,
};

/// The version in whose form the control routes show rows.
const CONTROL_VERSION: &str = "v66.0";

/// `GET /`
pub(crate) fn front(world: &World) -> Reply {
    let page = format!(
        "A simulated Salesforce org.\n\n\
         token endpoint  {url}/services/oauth2/token\n\
         resources       {url}/services/data\n\
         credentials     {url}/__org/credentials\n\
         requests seen   {url}/__org/requests\n",
        url = world.url(),
    );
    Reply::text(StatusCode::OK, "text/plain; charset=utf-8", page)
}

/// Whatever is asked below `/__org`.
///
/// # Errors
/// 404 for an unknown route, 400 for a body that does not fit.
pub(crate) fn control(
    world: &Arc<World>,
    call: &mut Call,
    words: &[String],
) -> Result<Reply, Refusal> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // Control bodies are JSON whatever a curl without options says they are.
    call.headers.remove(CONTENT_TYPE);
    match (call.method.as_str(), words.as_slice()) {
        ("POST", ["reset"]) => reset(world),
        ("GET", ["credentials"]) => Ok(Reply::ok(&world.credentials())),
        ("POST", ["expire-sessions"]) => {
            Ok(Reply::ok(&json!({ "expired": world.sessions().expire_all() })))
        }
        ("POST", ["expire-cursors"]) => {
            world.cursors().clear();
            Ok(done())
        }
        ("POST", ["as", username]) => act_as(world, call, username),
        ("POST", ["clock"]) => clock(world, call),
        ("POST", ["limits"]) => limits(world, call),
        ("GET", ["requests"]) => Ok(Reply::ok(&world.log().entries().collect::<Vec<_>>())),
        ("DELETE", ["requests"]) => {
            world.log().clear();
            Ok(done())
        }
        ("GET", ["counters"]) => Ok(Reply::ok(world.log().counters())),
        (_, ["faults", ..]) => faults(world, call, words.get(1).copied()),
        ("POST", ["undelete"]) => each_id(world, call, "undelete"),
        ("POST", ["purge"]) => each_id(world, call, "purge"),
        (_, ["records", rest @ ..]) => records(world, call, rest),
        _ => Err(Refusal::not_found()),
    }
}

fn done() -> Reply {
    Reply::empty(StatusCode::NO_CONTENT)
}

fn reset(world: &World) -> Result<Reply, Refusal> {
    match world.reset() {
        Ok(()) => Ok(done()),
        Err(error) => Err(Refusal::bad_request("RESET_FAILED", error.to_string())),
    }
}

fn act_as(world: &World, call: &Call, username: &str) -> Result<Reply, Refusal> {
    let person = world.person_named(username).ok_or_else(Refusal::not_found)?;
    let token = world.sessions().open(person.id, &person.username, call.time);
    Ok(Reply::ok(&json!({
        "access_token": token,
        "instance_url": world.url(),
        "user_id": person.id.to_string(),
        "username": person.username,
    })))
}

fn clock(world: &World, call: &Call) -> Result<Reply, Refusal> {
    #[derive(Deserialize)]
    struct Body {
        advance_seconds: i64,
    }
    let body: Body = call.json()?;
    world.advance(body.advance_seconds);
    Ok(Reply::ok(&json!({ "now": world.now().to_rfc3339() })))
}

fn limits(world: &World, call: &Call) -> Result<Reply, Refusal> {
    #[derive(Deserialize)]
    struct Body {
        used: Option<u64>,
        limit: Option<u64>,
        session_lifetime_seconds: Option<i64>,
    }
    let body: Body = call.json()?;
    let usage = world.usage();
    usage.set(
        body.used.unwrap_or_else(|| usage.used()),
        body.limit.unwrap_or_else(|| usage.limit()),
    );
    if let Some(lifetime) = body.session_lifetime_seconds.and_then(chrono::TimeDelta::try_seconds) {
        world.sessions().set_lifetime(lifetime);
    }
    Ok(Reply::ok(&json!({ "used": usage.used(), "limit": usage.limit() })))
}

fn faults(world: &World, call: &Call, id: Option<&str>) -> Result<Reply, Refusal> {
    let id = match id.map(str::parse) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(_)) => return Err(Refusal::not_found()),
    };
    let mut faults = world.faults();
    match call.method {
        Method::GET => Ok(Reply::ok(&faults.waiting())),
        Method::DELETE => {
            faults.remove(id);
            Ok(done())
        }
        Method::POST => {
            let fault: Fault = call.json()?;
            Ok(Reply::json(StatusCode::CREATED, &faults.add(fault)))
        }
        _ => Err(Refusal::not_found()),
    }
}

/// `{"ids": [...]}`: one outcome per id.
fn each_id(world: &World, call: &Call, verb: &str) -> Result<Reply, Refusal> {
    #[derive(Deserialize)]
    struct Body {
        ids: Vec<String>,
    }
    let body: Body = call.json()?;
    let mut org = world.org();
    let user = org.human_user();
    let results: Vec<Value> = body
        .ids
        .iter()
        .map(|id| match verb {
            "undelete" => org.undelete(user, id),
            _ => org.purge(id),
        })
        .map(|outcome| match outcome {
            Ok(id) => json!({ "id": id.to_string(), "success": true, "errors": [] }),
            Err(error) => json!({ "success": false, "errors": [error.to_row_json()] }),
        })
        .collect();
    Ok(Reply::ok(&results))
}

/// Rows written as the second, human user: `POST records/X`, `GET`, `PATCH` and `DELETE
/// records/X/{id}`, or as another user with `?as=username`.
fn records(world: &World, call: &mut Call, words: &[&str]) -> Result<Reply, Refusal> {
    let username = match call.parameter("as") {
        Some(username) => username.to_owned(),
        None => world.human_username(),
    };
    let person = world.person_named(&username).ok_or_else(Refusal::not_found)?;
    CONTROL_VERSION.clone_into(&mut call.version);
    call.session = Some(Session {
        user_id: person.id,
        username: person.username,
        started: call.time,
        last_used: call.time,
    });
    match (call.method.as_str(), words) {
        ("POST", [object]) => rows::object(world, call, object),
        ("GET" | "PATCH" | "DELETE", [object, id]) => rows::row(world, call, object, id),
        ("GET", [object]) => Ok(Reply::ok(&json!({ "count": world.org().record_count(object) }))),
        _ => Err(Refusal::not_found()),
    }
}
