//! OAuth: flows, errors and the life of a session.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::{Method, StatusCode};
use salesforce_simulator::Config;
use serde_json::{Value, json};

use crate::support::{Answer, Sandbox, assert_refused};

async fn token(sandbox: &Sandbox, form: &[(&str, &str)]) -> Answer {
    let request = sandbox.bare(Method::POST, "/services/oauth2/token").form(form);
    Answer::of(request.send().await.unwrap()).await
}

async fn now(sandbox: &Sandbox) -> i64 {
    let answer = sandbox.control("clock", &json!({ "advance_seconds": 0 })).await.json();
    let now = answer["now"].as_str().unwrap();
    chrono::DateTime::parse_from_rfc3339(now).unwrap().timestamp()
}

async fn assertion(sandbox: &Sandbox, change: impl FnOnce(&mut Value)) -> String {
    let credentials = &sandbox.credentials;
    let mut claims = json!({
        "iss": credentials.client_id,
        "sub": credentials.username,
        "aud": sandbox.simulator.url(),
        "exp": now(sandbox).await + 180,
    });
    change(&mut claims);
    let key = EncodingKey::from_rsa_pem(credentials.private_key_pem.as_bytes()).unwrap();
    encode(&Header::new(Algorithm::RS256), &claims, &key).unwrap()
}

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

#[tokio::test]
async fn a_signed_assertion_buys_a_session() {
    let sandbox = Sandbox::empty().await;
    let assertion = assertion(&sandbox, |_| ()).await;

    let answer = token(&sandbox, &[("grant_type", JWT_BEARER), ("assertion", &assertion)]).await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/json;charset=UTF-8");
    assert_eq!(answer.header("cache-control"), "no-cache, no-store");
    assert_eq!(answer.header("pragma"), "no-cache");
    assert_eq!(answer.header("sforce-limit-info"), "", "logins are not counted");
    let body = answer.json();
    let access_token = body["access_token"].as_str().unwrap();
    assert!(access_token.starts_with("00D") && access_token.as_bytes()[15] == b'!');
    assert_eq!(body["instance_url"], sandbox.simulator.url());
    assert_eq!(body["token_type"], "Bearer");
    assert!(body.get("issued_at").is_none() && body.get("refresh_token").is_none());
    let limits = sandbox.bare(Method::GET, "/services/data/v66.0/limits");
    assert_eq!(limits.bearer_auth(access_token).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_wrong_assertion_is_refused_with_its_reason() {
    let sandbox = Sandbox::empty().await;
    let stranger = assertion(&sandbox, |claims| claims["sub"] = json!("nobody@example.com")).await;
    let elsewhere = assertion(&sandbox, |claims| claims["aud"] = json!("https://other")).await;
    let foreign = assertion(&sandbox, |claims| claims["iss"] = json!("other")).await;
    let old = assertion(&sandbox, |claims| claims["exp"] = json!(1)).await;

    #[rustfmt::skip]
    let table = [
        (stranger.as_str(),  "invalid_grant",     "user hasn't approved this consumer"),
        (elsewhere.as_str(), "invalid_grant",     "audience is invalid"),
        (foreign.as_str(),   "invalid_client_id", "client identifier invalid"),
        (old.as_str(),       "invalid_grant",     "expired authorization code"),
        ("nonsense",         "invalid_grant",     "invalid assertion"),
    ];
    for (assertion, error, description) in table {
        let answer = token(&sandbox, &[("grant_type", JWT_BEARER), ("assertion", assertion)]).await;

        assert_eq!(answer.status, 400);
        assert_eq!(answer.json(), json!({ "error": error, "error_description": description }));
    }
}

#[tokio::test]
async fn the_other_flows_work_and_refuse_wrong_secrets() {
    let sandbox = Sandbox::empty().await;
    let c = sandbox.credentials.clone();
    let client = [("client_id", c.client_id.as_str()), ("client_secret", c.client_secret.as_str())];
    let with = |rest: &[(&'static str, &str)]| -> Vec<(String, String)> {
        let all = client.iter().chain(rest);
        all.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let ask = async |form: Vec<(String, String)>| {
        let request = sandbox.bare(Method::POST, "/services/oauth2/token").form(&form);
        Answer::of(request.send().await.unwrap()).await
    };

    let service = ask(with(&[("grant_type", "client_credentials")])).await;
    let refreshed =
        ask(with(&[("grant_type", "refresh_token"), ("refresh_token", &c.refresh_token)])).await;
    let password = ask(with(&[
        ("grant_type", "password"),
        ("username", &c.username),
        ("password", &c.password),
    ]))
    .await;

    assert!(service.json()["issued_at"].is_string() && service.json()["signature"].is_string());
    assert_eq!(refreshed.status, 200);
    assert!(refreshed.json().get("refresh_token").is_none());
    assert!(password.json().get("scope").is_none() && password.status == 200);

    #[rustfmt::skip]
    let refused = [
        (vec![("grant_type", "client_credentials"), ("client_id", &*c.client_id), ("client_secret", "x")], "invalid_client", "invalid client credentials"),
        (vec![("grant_type", "refresh_token"), ("client_id", &*c.client_id), ("refresh_token", "x")], "invalid_grant", "expired access/refresh token"),
        (vec![("grant_type", "password"), ("client_id", &*c.client_id), ("client_secret", &*c.client_secret), ("username", &*c.username), ("password", "x")], "invalid_grant", "authentication failure"),
        (vec![("grant_type", "magic")], "unsupported_grant_type", "grant type not supported"),
    ];
    for (form, error, description) in refused {
        let answer = token(&sandbox, &form).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json(), json!({ "error": error, "error_description": description }));
    }
}

#[tokio::test]
async fn client_credentials_may_come_as_basic_authentication() {
    let sandbox = Sandbox::empty().await;
    let c = &sandbox.credentials;

    let request = sandbox
        .bare(Method::POST, "/services/oauth2/token")
        .basic_auth(&c.client_id, Some(&c.client_secret))
        .form(&[("grant_type", "client_credentials")]);

    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn an_unused_session_ends_and_says_so_with_401() {
    let lifetime = Duration::from_mins(1);
    let config = Config { empty: true, session_lifetime: lifetime, ..Config::default() };
    let sandbox = Sandbox::of(config).await;

    sandbox.control("clock", &json!({ "advance_seconds": 50 })).await;
    assert_eq!(sandbox.get("limits").await.status, 200);
    sandbox.control("clock", &json!({ "advance_seconds": 50 })).await;
    assert_eq!(sandbox.get("limits").await.status, 200, "each use prolongs it");
    sandbox.control("clock", &json!({ "advance_seconds": 61 })).await;

    let answer = sandbox.get("limits").await;
    assert_refused(&answer, StatusCode::UNAUTHORIZED, "INVALID_SESSION_ID");
    assert_eq!(
        answer.text,
        r#"[{"errorCode":"INVALID_SESSION_ID","message":"Session expired or invalid"}]"#
    );
    assert_eq!(answer.header("www-authenticate"), "Token");
}

#[tokio::test]
async fn a_request_without_a_bearer_token_is_refused() {
    let sandbox = Sandbox::empty().await;

    #[rustfmt::skip]
    let table = [
        (None,                    "INVALID_SESSION_ID"),
        (Some("Bearer x"),        "INVALID_SESSION_ID"),
        (Some("OAuth x"),         "INVALID_SESSION_ID"),
        (Some("Basic eDp5"),      "INVALID_AUTH_HEADER"),
        (Some("Bearer"),          "INVALID_AUTH_HEADER"),
        (Some("00Dx!token"),      "INVALID_AUTH_HEADER"),
    ];
    for (header, code) in table {
        let mut request = sandbox.bare(Method::GET, "/services/data/v66.0/limits");
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_refused(&answer, StatusCode::UNAUTHORIZED, code);
    }
}

#[tokio::test]
async fn tokens_can_be_inspected_and_revoked() {
    let sandbox = Sandbox::empty().await;
    let c = sandbox.credentials.clone();
    let introspect = async || {
        let form = [
            ("token", c.access_token.as_str()),
            ("client_id", c.client_id.as_str()),
            ("client_secret", c.client_secret.as_str()),
        ];
        let request = sandbox.bare(Method::POST, "/services/oauth2/introspect").form(&form);
        Answer::of(request.send().await.unwrap()).await.json()
    };
    let revoke = async |token: &str| {
        let request = sandbox.bare(Method::POST, "/services/oauth2/revoke");
        Answer::of(request.form(&[("token", token)]).send().await.unwrap()).await
    };

    let before = introspect().await;
    assert_eq!((&before["active"], &before["username"]), (&json!(true), &json!(c.username)));

    assert_eq!(revoke(&c.access_token).await.status, 200);
    assert_eq!(introspect().await, json!({ "active": false }));
    assert_eq!(revoke(&c.access_token).await.status, 400);
    assert_eq!(sandbox.get("limits").await.status, 401);
}

#[tokio::test]
async fn the_identity_url_tells_who_the_token_belongs_to() {
    let sandbox = Sandbox::empty().await;
    let c = &sandbox.credentials;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &*c.client_id),
        ("client_secret", &*c.client_secret),
    ];
    let id = token(&sandbox, &form).await.json()["id"].as_str().unwrap().to_owned();

    let identity = sandbox.http.get(&id).bearer_auth(&c.access_token).send().await.unwrap();
    let nobody = sandbox.http.get(&id).send().await.unwrap();
    let stranger = sandbox.http.get(&id).bearer_auth("x").send().await.unwrap();

    let identity: Value = identity.json().await.unwrap();
    assert_eq!(identity["username"], json!(c.username));
    assert!(id.ends_with(identity["user_id"].as_str().unwrap()));
    assert!(id.contains(identity["organization_id"].as_str().unwrap()));
    assert_eq!(
        (nobody.status().as_u16(), nobody.text().await.unwrap().as_str()),
        (403, "Missing_OAuth_Token")
    );
    assert_eq!(
        (stranger.status().as_u16(), stranger.text().await.unwrap().as_str()),
        (403, "Bad_OAuth_Token")
    );
}
