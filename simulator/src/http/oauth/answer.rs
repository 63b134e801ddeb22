//! What the token endpoint answers, in the three forms that can be asked for.

use aws_lc_rs::hmac;
use axum::http::{
    StatusCode,
    header::{ACCEPT, CACHE_CONTROL, PRAGMA},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::http::{
    call::Call,
    oauth::{app::App, discovery, form::Form},
    refusal::Refusal,
    reply::Reply,
    sessions::Session,
    world::{Person, World},
    xml::Element,
};

/// Which flow an answer belongs to; they differ in their members.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Flow {
    JwtBearer,
    ClientCredentials,
    AuthorizationCode,
    RefreshToken,
    Password,
}

/// A login that succeeded.
pub(crate) struct Login {
    pub(crate) flow: Flow,
    pub(crate) app: App,
    pub(crate) person: Person,
    pub(crate) scope: String,
    /// The nonce of the browser flow.
    pub(crate) nonce: Option<String>,
    /// The refresh token that the answer brings.
    pub(crate) refresh_token: Option<String>,
}

/// Opens the session of a login and writes its answer.
pub(crate) fn answer(world: &World, now: DateTime<Utc>, login: Login) -> Value {
    let Login { flow, app, person, scope, nonce, refresh_token } = login;
    let session = Session {
        user_id: person.id,
        username: person.username.clone(),
        client_id: app.client_id.clone(),
        scope: scope.clone(),
        started: now,
        last_used: now,
    };
    let token = if app.jwt_access_tokens {
        let token = discovery::access_token(world, &session);
        world.sessions().admit_as(token.clone(), session);
        token
    } else {
        world.sessions().admit(session)
    };
    let id = world.identity_url(person.id);
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
    put("access_token", json!(token));
    if let Some(token) = refresh_token {
        put("refresh_token", json!(token));
    }
    put("instance_url", json!(world.url()));
    put("id", json!(id));
    put("token_type", json!("Bearer"));
    if flow != Flow::Password {
        put("scope", json!(scope));
    }
    if flow != Flow::JwtBearer {
        let issued_at = now.timestamp_millis().to_string();
        put("signature", json!(signature(&app.client_secret, &id, &issued_at)));
        put("issued_at", json!(issued_at));
    }
    let is_openid = scope.split(' ').any(|scope| scope == "openid");
    if is_openid && matches!(flow, Flow::AuthorizationCode | Flow::RefreshToken) {
        let token = discovery::id_token(world, &person, &app.client_id, nonce.as_deref(), now);
        put("id_token", json!(token));
    }
    Value::Object(members)
}

/// Proof that the identity URL was not changed on the way: base64 of HMAC-SHA256.
fn signature(secret: &str, id: &str, issued_at: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    STANDARD.encode(hmac::sign(&key, format!("{id}{issued_at}").as_bytes()))
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Format {
    Json,
    Xml,
    UrlEncoded,
}

impl Format {
    /// What `format`, or else the Accept header, asks for.
    fn wanted(call: &Call, form: &Form) -> Self {
        let accept = call.headers.get(ACCEPT).and_then(|value| value.to_str().ok());
        match (form.get("format"), accept.unwrap_or_default()) {
            ("xml", _) => Self::Xml,
            ("urlencoded", _) => Self::UrlEncoded,
            ("", accept) if accept.starts_with("application/xml") => Self::Xml,
            ("", accept) if accept.starts_with("application/x-www-form-urlencoded") => {
                Self::UrlEncoded
            }
            _ => Self::Json,
        }
    }
}

/// An answer or a refusal in the form that was asked for; nobody may keep it.
pub(crate) fn formatted(call: &Call, form: &Form, outcome: Result<Value, Refusal>) -> Reply {
    let (status, body) = match outcome {
        Ok(body) => (StatusCode::OK, body),
        Err(refusal) => match refusal.body() {
            Some(body) => (refusal.status(), body),
            None => return refusal.into(),
        },
    };
    let reply = match Format::wanted(call, form) {
        Format::Json => Reply::json(status, &body),
        Format::Xml => Reply::text(status, "application/xml;charset=UTF-8", as_xml("OAuth", &body)),
        Format::UrlEncoded => {
            let content_type = "application/x-www-form-urlencoded;charset=UTF-8";
            Reply::text(status, content_type, as_form(&body))
        }
    };
    reply.with(CACHE_CONTROL, "no-cache, no-store").with(PRAGMA, "no-cache")
}

fn members(body: &Value) -> impl Iterator<Item = (&str, &str)> {
    let members = body.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()))
}

/// An object as XML below an element of this name.
pub(crate) fn as_xml(root: &str, body: &Value) -> String {
    Element::all_of_json(root, body).first().map(Element::document).unwrap_or_default()
}

fn as_form(body: &Value) -> String {
    let pairs: Vec<String> =
        members(body).map(|(name, value)| format!("{name}={}", escape(value))).collect();
    pairs.join("&")
}

/// Text as a URL's query or a form writes it.
pub(crate) fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_that_clients_compute() {
        // From RFC 4231, test case 2.
        let signed = signature("Jefe", "what do ya want ", "for nothing?");

        assert_eq!(signed, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
    }

    #[test]
    fn an_answer_can_be_read_as_xml_and_as_a_form() {
        let body = json!({ "id": "a&b=c", "scope": "api web" });

        assert_eq!(as_form(&body), "id=a%26b%3Dc&scope=api%20web");
        assert!(
            as_xml("OAuth", &body)
                .ends_with("<OAuth><id>a&amp;b=c</id><scope>api web</scope></OAuth>")
        );
    }
}
