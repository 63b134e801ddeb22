//! The routes below `/__org/v1/`, by which tests and people steer the org. They need no session: the
//! simulator listens on loopback. They are neither counted nor logged, and no fault strikes them.
//!
//! `GET /__org` tells the versions and lists every route with a sentence; `simulator/CONTROL.md` has
//! an example of each, and [`crate::Control`] is the client in Rust.
//!
//! # How to add a route
//!
//! 1. A file per topic: `http/control/<topic>.rs` holds the handlers and a table of their routes:
//!
//!    ```ignore
//!    pub(super) const ROUTES: &[Route] =
//!        &[Route::new("POST", "clock", "Moves the org's clock.", advance)];
//!
//!    fn advance(world: &Arc<World>, call: &mut Call, path: &Captured) -> Answer {
//!        let body: Advance = read(call)?;   // a struct with `deny_unknown_fields`
//!        ...
//!        Ok(Reply::ok(&json!({ "now": ... })))
//!    }
//!    ```
//!
//!    A word in braces stands for any one word: `records/{object}/{id}` is read with
//!    `path.word("object")`. Bodies are structs with `#[serde(deny_unknown_fields)]`, so that a
//!    misspelt member is refused with the known ones named. A handler that needs only the world and
//!    always answers is listed with `Route::sure`.
//! 2. A line in [`TOPICS`].
//! 3. A method of [`crate::Control`] in `src/control/<topic>.rs`, and an entry in `CONTROL.md`. A
//!    test sees to it that every route is documented there.

mod bin;
mod clock;
mod events;
mod faults;
mod limits;
mod log;
mod logins;
mod org;
mod records;
mod rights;
mod rules;
mod schema;
mod sessions;
mod transactions;

use std::sync::Arc;

use axum::http::{Method, StatusCode, header::ALLOW, header::CONTENT_TYPE};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::http::{call::Call, refusal::Refusal, reply::Reply, world::World};

/// The version of the control interface, as it stands in its paths.
pub(crate) const VERSION: &str = "v1";

/// The routes of every topic, in the order in which they are listed.
const TOPICS: &[&[Route]] = &[
    org::ROUTES,
    sessions::ROUTES,
    logins::ROUTES,
    clock::ROUTES,
    limits::ROUTES,
    log::ROUTES,
    faults::ROUTES,
    records::ROUTES,
    bin::ROUTES,
    events::ROUTES,
    transactions::ROUTES,
    rules::ROUTES,
    schema::ROUTES,
    rights::ROUTES,
];

/// What a handler answers.
type Answer = Result<Reply, Refusal>;

/// A control route: verb, path below the version, what it does, and the handler.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) sentence: &'static str,
    handler: Handler,
}

/// What stands behind a route.
#[derive(Clone, Copy)]
enum Handler {
    /// It may refuse.
    Choosy(fn(&Arc<World>, &mut Call, &Captured<'_>) -> Answer),
    /// It always answers.
    Sure(fn(&World) -> Reply),
}

impl Route {
    /// A route whose handler may refuse.
    const fn new(
        method: &'static str,
        path: &'static str,
        sentence: &'static str,
        handler: fn(&Arc<World>, &mut Call, &Captured<'_>) -> Answer,
    ) -> Self {
        Self { method, path, sentence, handler: Handler::Choosy(handler) }
    }

    /// A route whose handler needs nothing of the request and always answers.
    const fn sure(
        method: &'static str,
        path: &'static str,
        sentence: &'static str,
        handler: fn(&World) -> Reply,
    ) -> Self {
        Self { method, path, sentence, handler: Handler::Sure(handler) }
    }

    fn answer(&self, world: &Arc<World>, call: &mut Call, path: &Captured<'_>) -> Answer {
        match self.handler {
            Handler::Choosy(handler) => handler(world, call, path),
            Handler::Sure(handler) => Ok(handler(world)),
        }
    }
}

/// The words of a path that stood where its pattern has braces.
struct Captured<'a>(Vec<(&'a str, &'a str)>);

impl Captured<'_> {
    /// The word that a name in braces stood for; empty for a name that the pattern does not have.
    fn word(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| *known == name).map_or("", |(_, word)| word)
    }
}

/// Whatever is asked below `/__org`.
///
/// # Errors
/// 404 for an unknown route, 405 for a known one with another verb, 400 for a body that does not
/// fit.
pub(crate) fn control(world: &Arc<World>, call: &mut Call, words: &[String]) -> Answer {
    // Control bodies are JSON whatever a curl without options says they are.
    call.headers.remove(CONTENT_TYPE);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => Ok(Reply::ok(&index())),
        [version, rest @ ..] if *version == VERSION => route(world, call, rest),
        _ => Err(unknown_route()),
    }
}

/// Every route, for the index and the documentation.
pub(crate) fn routes() -> impl Iterator<Item = &'static Route> {
    TOPICS.iter().flat_map(|topic| topic.iter())
}

fn route(world: &Arc<World>, call: &mut Call, words: &[&str]) -> Answer {
    let mut allowed = Vec::new();
    for route in routes() {
        let Some(captured) = capture(route.path, words) else { continue };
        if call.method == Method::HEAD && route.method == "GET" || call.method == route.method {
            return route.answer(world, call, &captured);
        }
        allowed.push(route.method);
    }
    if allowed.is_empty() {
        return Err(unknown_route());
    }
    let allowed = allowed.join(", ");
    let message =
        format!("HTTP Method '{}' not allowed. Allowed are {allowed}", call.method.as_str());
    let refusal = Refusal::rest(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message);
    Ok(Reply::from(refusal).with(ALLOW, &allowed))
}

fn unknown_route() -> Refusal {
    let message = "There is no such control route; GET /__org lists them";
    Refusal::rest(StatusCode::NOT_FOUND, "NOT_FOUND", message)
}

/// What the names in braces stand for, if the words fit the pattern.
fn capture<'a>(pattern: &'a str, words: &[&'a str]) -> Option<Captured<'a>> {
    let parts: Vec<&str> = pattern.split('/').collect();
    if parts.len() != words.len() {
        return None;
    }
    let mut captured = Vec::new();
    for (part, word) in parts.into_iter().zip(words) {
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) => captured.push((name, *word)),
            None if part == *word => {}
            None => return None,
        }
    }
    Some(Captured(captured))
}

fn index() -> Value {
    let list: Vec<Value> = routes()
        .map(|route| {
            json!({
                "method": route.method,
                "path": format!("/__org/{VERSION}/{}", route.path),
                "does": route.sentence,
            })
        })
        .collect();
    json!({ "versions": [VERSION], "routes": list })
}

/// The body of a control request; a missing one reads as `{}`.
///
/// # Errors
/// 400 for a body that is no JSON or does not fit; the message names the members that are known.
fn read<T: DeserializeOwned>(call: &Call) -> Result<T, Refusal> {
    let body: &[u8] =
        if call.body.iter().all(u8::is_ascii_whitespace) { b"{}" } else { &call.body };
    serde_json::from_slice(body).map_err(|error| Refusal::malformed_json(&error))
}

/// The answer of a route that has nothing to tell.
fn done() -> Reply {
    Reply::empty(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_in_braces_stands_for_any_one_word() {
        let captured = capture("records/{object}/{id}", &["records", "Account", "001"]).unwrap();

        assert_eq!((captured.word("object"), captured.word("id")), ("Account", "001"));
        assert!(capture("records/{object}", &["records", "Account", "001"]).is_none());
        assert!(capture("records/{object}", &["faults", "Account"]).is_none());
    }

    #[test]
    fn no_two_routes_are_the_same_and_each_says_what_it_does() {
        let mut seen = std::collections::BTreeSet::new();
        for route in routes() {
            assert!(seen.insert((route.method, route.path)), "{} {}", route.method, route.path);
            assert!(route.sentence.ends_with('.'), "{}", route.path);
        }
    }
}
