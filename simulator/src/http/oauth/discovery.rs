//! `OpenID` Connect: what the org says of itself, and the tokens that it signs.

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};

use crate::http::{
    oauth::{ALL_SCOPES, PRIVATE_KEY},
    reply::Reply,
    sessions::Session,
    world::{Person, World},
};

/// The name of the one signing key.
const KEY_ID: &str = "230";

/// How long an id token is good.
const ID_TOKEN_LIFETIME: TimeDelta = TimeDelta::minutes(2);

/// `GET /.well-known/openid-configuration`
pub(crate) fn configuration(world: &World) -> Reply {
    let url = world.url();
    let oauth = |name: &str| format!("{url}/services/oauth2/{name}");
    let scopes: Vec<&str> = ALL_SCOPES.split(' ').collect();
    Reply::ok(&json!({
        "issuer": url,
        "authorization_endpoint": oauth("authorize"),
        "token_endpoint": oauth("token"),
        "revocation_endpoint": oauth("revoke"),
        "userinfo_endpoint": oauth("userinfo"),
        "introspection_endpoint": oauth("introspect"),
        "jwks_uri": format!("{url}/id/keys"),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "grant_types_supported": [
            "authorization_code", "refresh_token", "client_credentials", "password",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
        ],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["S256"],
        "display_values_supported": ["page", "popup", "touch"],
        "token_endpoint_auth_methods_supported": [
            "client_secret_post", "client_secret_basic", "private_key_jwt",
        ],
        "claims_supported": [
            "active", "address", "email", "email_verified", "family_name", "given_name",
            "is_app_installed", "language", "locale", "name", "nickname", "organization_id",
            "phone_number", "phone_number_verified", "photos", "picture", "preferred_username",
            "profile", "sub", "updated_at", "urls", "user_id", "user_type", "zoneinfo",
        ],
    }))
}

/// `GET /id/keys`: by what key the org's signatures can be checked.
pub(crate) fn keys() -> Reply {
    let mut key = signing_key()
        .and_then(|key| Jwk::from_encoding_key(&key, Algorithm::RS256).ok())
        .and_then(|key| serde_json::to_value(key).ok())
        .unwrap_or_default();
    if let Some(members) = key.as_object_mut() {
        members.insert("kid".to_owned(), json!(KEY_ID));
        members.insert("use".to_owned(), json!("sig"));
        members.insert("alg".to_owned(), json!("RS256"));
    }
    Reply::ok(&json!({ "keys": [key] }))
}

fn signing_key() -> Option<EncodingKey> {
    let key = EncodingKey::from_rsa_pem(PRIVATE_KEY.as_bytes());
    key.inspect_err(|error| tracing::error!(%error, "the signing key cannot be read")).ok()
}

fn signed(typ: &str, claims: &Value) -> String {
    let mut header = Header::new(Algorithm::RS256);
    header.typ = Some(typ.to_owned());
    header.kid = Some(KEY_ID.to_owned());
    signing_key().and_then(|key| encode(&header, claims, &key).ok()).unwrap_or_default()
}

/// Who logged in, signed for the app.
pub(crate) fn id_token(
    world: &World,
    person: &Person,
    client_id: &str,
    nonce: Option<&str>,
    now: DateTime<Utc>,
) -> String {
    let sub = world.identity_url(person.id);
    let mut claims = json!({
        "iss": world.url(),
        "sub": sub,
        "aud": client_id,
        "iat": now.timestamp(),
        "exp": (now + ID_TOKEN_LIFETIME).timestamp(),
        "user_id": person.id.to_string(),
        "organization_id": world.organization_id(),
        "preferred_username": person.username,
        "name": person.username,
        "email": person.username,
        "email_verified": true,
        "active": true,
    });
    if let (Some(nonce), Some(members)) = (nonce, claims.as_object_mut()) {
        members.insert("nonce".to_owned(), json!(nonce));
    }
    signed("JWT", &claims)
}

/// An access token in the form of a JWT.
pub(crate) fn access_token(world: &World, session: &Session) -> String {
    let ends = world.sessions().ends(session);
    let number: u64 = rand::random();
    signed(
        "JWT",
        &json!({
            "iss": world.url(),
            "sub": format!("uid:{}", session.user_id),
            "aud": [world.url()],
            "client_id": session.client_id,
            "scp": session.scope,
            "mty": "oauth",
            "iat": session.started.timestamp(),
            "nbf": session.started.timestamp(),
            "exp": ends.timestamp(),
            // Two tokens of one second are two tokens.
            "jti": format!("{number:016x}"),
        }),
    )
}
