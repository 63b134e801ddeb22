//! The token endpoint and its two companions, revocation and introspection.

use axum::http::{
    StatusCode,
    header::{AUTHORIZATION, CACHE_CONTROL, PRAGMA},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::http::{
    call::Call,
    oauth::{CLIENT_ID, CLIENT_SECRET, PASSWORD, assertion},
    refusal::Refusal,
    reply::Reply,
    world::{Person, World},
};

/// What the connected app may do, as token answers say it.
const SCOPE: &str = "api refresh_token";

/// The form of a token request, with the client's credentials from wherever they were sent.
struct Form {
    pairs: Vec<(String, String)>,
}

impl Form {
    fn read(call: &Call) -> Self {
        let mut pairs = call.form();
        if let Some((id, secret)) = basic_credentials(call) {
            pairs.push(("client_id".to_owned(), id));
            pairs.push(("client_secret".to_owned(), secret));
        }
        Self { pairs }
    }

    fn get(&self, name: &str) -> &str {
        self.pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    fn check_client_id(&self) -> Result<(), Refusal> {
        match self.get("client_id") {
            CLIENT_ID => Ok(()),
            _ => Err(Refusal::oauth("invalid_client_id", "client identifier invalid")),
        }
    }

    /// The secret must be right; where it is optional, a missing one is right too.
    fn check_secret(&self, is_optional: bool) -> Result<(), Refusal> {
        match self.get("client_secret") {
            CLIENT_SECRET => Ok(()),
            "" if is_optional => Ok(()),
            _ => Err(Refusal::oauth("invalid_client", "invalid client credentials")),
        }
    }
}

/// Which flow an answer belongs to; they differ in their members.
#[derive(Clone, Copy, PartialEq)]
enum Flow {
    JwtBearer,
    ClientCredentials,
    RefreshToken,
    Password,
}

/// `POST /services/oauth2/token`
///
/// # Errors
/// The OAuth pair for whatever is wrong with the request.
pub(crate) fn grant(world: &World, call: &Call) -> Result<Reply, Refusal> {
    let form = Form::read(call);
    let (flow, username) = match form.get("grant_type") {
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => {
            let username = assertion::username(form.get("assertion"), world.url(), call.time)?;
            (Flow::JwtBearer, username)
        }
        "client_credentials" => {
            form.check_client_id()
                .and_then(|()| form.check_secret(false))
                .map_err(|_| Refusal::oauth("invalid_client", "invalid client credentials"))?;
            (Flow::ClientCredentials, world.integration_username())
        }
        "refresh_token" => {
            form.check_client_id()?;
            form.check_secret(true)?;
            let username = world.sessions().remembered(form.get("refresh_token"));
            (Flow::RefreshToken, username.ok_or_else(expired)?)
        }
        "password" => {
            form.check_client_id()?;
            form.check_secret(false)?;
            if form.get("password") != PASSWORD {
                return Err(Refusal::oauth("invalid_grant", "authentication failure"));
            }
            (Flow::Password, form.get("username").to_owned())
        }
        "" => {
            return Err(Refusal::oauth(
                "invalid_request",
                "missing required parameter: grant_type",
            ));
        }
        _ => return Err(Refusal::oauth("unsupported_grant_type", "grant type not supported")),
    };
    let Some(person) = world.person_named(&username) else {
        return Err(match flow {
            Flow::JwtBearer => {
                Refusal::oauth("invalid_grant", "user hasn't approved this consumer")
            }
            _ => Refusal::oauth("invalid_grant", "authentication failure"),
        });
    };
    let token = world.sessions().open(person.id, &person.username, call.time);
    let answer = answer(world, call, flow, &person, &token);
    Ok(Reply::ok(&answer).with(CACHE_CONTROL, "no-cache, no-store").with(PRAGMA, "no-cache"))
}

fn answer(world: &World, call: &Call, flow: Flow, person: &Person, token: &str) -> Value {
    let id = world.identity_url(person.id);
    let mut answer = json!({
        "access_token": token,
        "instance_url": world.url(),
        "id": id,
        "token_type": "Bearer",
    });
    let Some(members) = answer.as_object_mut() else { return answer };
    if flow != Flow::Password {
        members.insert("scope".to_owned(), json!(SCOPE));
    }
    if flow != Flow::JwtBearer {
        let issued_at = call.time.timestamp_millis().to_string();
        members.insert("signature".to_owned(), json!(signature(&id, &issued_at)));
        members.insert("issued_at".to_owned(), json!(issued_at));
    }
    answer
}

/// Proof that the identity URL was not changed on the way: base64 of HMAC-SHA256.
fn signature(id: &str, issued_at: &str) -> String {
    let key = EncodingKey::from_secret(CLIENT_SECRET.as_bytes());
    let message = format!("{id}{issued_at}");
    let signed = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256);
    signed
        .ok()
        .and_then(|signed| URL_SAFE_NO_PAD.decode(signed).ok())
        .map_or_else(String::new, |bytes| STANDARD.encode(bytes))
}

fn expired() -> Refusal {
    Refusal::oauth("invalid_grant", "expired access/refresh token")
}

fn basic_credentials(call: &Call) -> Option<(String, String)> {
    let encoded = call.headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

/// `POST /services/oauth2/revoke`
///
/// # Errors
/// An unknown token.
pub(crate) fn revoke(world: &World, call: &Call) -> Result<Reply, Refusal> {
    let form = Form::read(call);
    let token = match form.get("token") {
        "" => call.parameter("token").unwrap_or_default(),
        token => token,
    };
    if world.sessions().revoke(token) {
        return Ok(Reply::empty(StatusCode::OK));
    }
    Err(Refusal::oauth("unsupported_token_type", "this token type is not supported"))
}

/// `POST /services/oauth2/introspect`
///
/// # Errors
/// A client that cannot name itself.
pub(crate) fn introspect(world: &World, call: &Call) -> Result<Reply, Refusal> {
    let form = Form::read(call);
    form.check_client_id()?;
    form.check_secret(false)?;
    let mut sessions = world.sessions();
    let Some(session) = sessions.touch(form.get("token"), call.time) else {
        return Ok(Reply::ok(&json!({ "active": false })));
    };
    let ends = sessions.ends(&session);
    Ok(Reply::ok(&json!({
        "active": true,
        "scope": SCOPE,
        "client_id": CLIENT_ID,
        "username": session.username,
        "sub": world.identity_url(session.user_id),
        "token_type": "access_token",
        "exp": ends.timestamp(),
        "iat": session.started.timestamp(),
        "nbf": session.started.timestamp(),
    })))
}
