//! The form of an OAuth request, and who sends it.
//!
//! A client names itself by its id, and proves it by its secret in the form or in a Basic header, or
//! by a signed assertion in place of the secret.

use axum::http::header::AUTHORIZATION;
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::http::{
    call::Call,
    oauth::{
        app::App,
        assertion::{self, Purpose},
    },
    refusal::Refusal,
    world::World,
};

/// The kind of `client_assertion` that is understood.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A form, with the client's credentials from wherever they were sent.
#[derive(Default)]
pub(crate) struct Form {
    pairs: Vec<(String, String)>,
}

/// Whether a client has to prove who it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Proof {
    Required,
    /// It may stay away, but must be right if it is there.
    Optional,
}

impl Form {
    /// The form of a request: its body, and for a GET its query.
    pub(crate) fn read(call: &Call) -> Self {
        let mut pairs = call.form();
        if let Some((id, secret)) = basic_credentials(call) {
            pairs.push(("client_id".to_owned(), id));
            pairs.push(("client_secret".to_owned(), secret));
        }
        pairs.extend(call.query.iter().cloned());
        Self { pairs }
    }

    /// A member, empty when it is missing.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    /// A member that must be there.
    ///
    /// # Errors
    /// `invalid_request` when it is not.
    pub(crate) fn require(&self, name: &str) -> Result<&str, Refusal> {
        match self.get(name) {
            "" => Err(missing(name)),
            value => Ok(value),
        }
    }

    /// The app that sends the form, whatever it proves.
    ///
    /// # Errors
    /// `invalid_client_id` for one that is missing or unknown.
    pub(crate) fn app(&self, world: &World) -> Result<App, Refusal> {
        let named = match (self.get("client_id"), self.get("client_assertion")) {
            ("", "") => String::new(),
            ("", assertion) => assertion::issuer(assertion).unwrap_or_default(),
            (id, _) => id.to_owned(),
        };
        world.sessions().apps.find(&named)
    }

    /// Checks that the form comes from this app.
    ///
    /// # Errors
    /// `invalid_client` when the proof is wrong or missing.
    pub(crate) fn prove(
        &self,
        world: &World,
        call: &Call,
        app: &App,
        proof: Proof,
    ) -> Result<(), Refusal> {
        let wrong = || Refusal::oauth("invalid_client", "invalid client credentials");
        if !self.get("client_assertion").is_empty() {
            if self.get("client_assertion_type") != ASSERTION_TYPE {
                return Err(wrong());
            }
            let checked = assertion::check(
                self.get("client_assertion"),
                app,
                world.url(),
                call.time,
                Purpose::Client,
            );
            let subject = checked.map_err(|_| wrong())?;
            return if subject == app.client_id { Ok(()) } else { Err(wrong()) };
        }
        match self.get("client_secret") {
            "" if proof == Proof::Optional => Ok(()),
            secret if secret == app.client_secret && !secret.is_empty() => Ok(()),
            _ => Err(wrong()),
        }
    }
}

/// The refusal of a form without this member.
fn missing(name: &str) -> Refusal {
    Refusal::oauth("invalid_request", format!("missing required parameter: {name}"))
}

/// Id and secret of a Basic header; both are escaped as in a form.
fn basic_credentials(call: &Call) -> Option<(String, String)> {
    let header = call.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((crate::http::route::percent_decode(id), crate::http::route::percent_decode(secret)))
}
