//! Every documented way in which a login is refused, and the forms of an answer.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Sandbox};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const CLIENT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// A form.
type Pairs<'a> = Vec<(&'a str, &'a str)>;

const HUMAN: &str = "human@lockstep.example";

async fn token(sandbox: &Sandbox, form: &[(&str, &str)]) -> Answer {
    let request = sandbox.bare(Method::POST, "/services/oauth2/token").form(form);
    Answer::of(request.send().await.unwrap()).await
}

async fn rules(sandbox: &Sandbox, rules: Value) {
    let request = sandbox.bare(Method::PATCH, "/__org/v1/login").json(&rules);
    let answer = Answer::of(request.send().await.unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

async fn app(sandbox: &Sandbox, id: &str, app: Value) {
    let request = sandbox.bare(Method::PUT, &format!("/__org/v1/apps/{id}")).json(&app);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

fn signed(sandbox: &Sandbox, claims: &Value) -> String {
    let key = EncodingKey::from_rsa_pem(sandbox.credentials.private_key_pem.as_bytes()).unwrap();
    encode(&Header::new(Algorithm::RS256), claims, &key).unwrap()
}

async fn now(sandbox: &Sandbox) -> i64 {
    let answer = sandbox.control("clock", &json!({ "advance_seconds": 0 })).await.json();
    let now = answer["now"].as_str().unwrap();
    chrono::DateTime::parse_from_rfc3339(now).unwrap().timestamp()
}

async fn assertion(sandbox: &Sandbox, client_id: &str, username: &str, audience: &str) -> String {
    let exp = now(sandbox).await + 180;
    let claims = json!({ "iss": client_id, "sub": username, "aud": audience, "exp": exp });
    signed(sandbox, &claims)
}

#[tokio::test]
async fn every_refusal_of_the_token_endpoint_has_its_pair() {
    let sandbox = Sandbox::empty().await;
    app(&sandbox, "nobody", json!({})).await;
    app(&sandbox, "closed", json!({ "admin_approved_only": true, "approved_users": [] })).await;
    app(&sandbox, "unasked", json!({ "approved_users": [] })).await;
    app(&sandbox, "external", json!({ "is_external": true })).await;
    app(&sandbox, "secretive", json!({ "secret_for_refresh": true })).await;
    let c = &sandbox.credentials;
    let (id, secret) = (("client_id", &*c.client_id), ("client_secret", &*c.client_secret));
    let url = sandbox.simulator.url();
    let closed = assertion(&sandbox, "closed", HUMAN, &url).await;
    let unasked = assertion(&sandbox, "unasked", HUMAN, &url).await;
    let external = assertion(&sandbox, "external", HUMAN, "https://test.salesforce.com").await;
    let jwt = ("grant_type", JWT_BEARER);
    let service = ("grant_type", "client_credentials");
    let refresh = ("grant_type", "refresh_token");
    let password = ("grant_type", "password");
    let code = ("grant_type", "authorization_code");

    #[rustfmt::skip]
    let table: Vec<(Pairs<'_>, &str, &str)> = vec![
        (vec![],                                                  "invalid_request", "missing required parameter: grant_type"),
        (vec![("grant_type", "magic")],                           "unsupported_grant_type", "grant type not supported"),
        (vec![("grant_type", "device"), ("code", "x")],           "unsupported_grant_type", "grant type not supported"),
        (vec![("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")], "unsupported_grant_type", "grant type not supported"),
        (vec![("grant_type", "urn:ietf:params:oauth:grant-type:saml2-bearer")],   "unsupported_grant_type", "grant type not supported"),
        (vec![("response_type", "device_code"), id],              "unauthorized_client", "device flow is not enabled for this app"),
        (vec![("response_type", "device_code")],                  "invalid_client_id", "client identifier invalid"),
        (vec![jwt],                                               "invalid_grant", "invalid assertion"),
        (vec![jwt, ("assertion", &closed)],                       "invalid_app_access", "user is not admin approved to access this app"),
        (vec![jwt, ("assertion", &unasked)],                      "invalid_grant", "user hasn't approved this consumer"),
        (vec![jwt, ("assertion", &external)],                     "app_not_found", "External client app is not installed in this org"),
        (vec![service, id],                                       "invalid_client", "invalid client credentials"),
        (vec![service, id, ("client_secret", "x")],               "invalid_client", "invalid client credentials"),
        (vec![service, secret],                                   "invalid_client", "invalid client credentials"),
        (vec![service, ("client_id", "nobody"), secret],          "invalid_grant", "no client credentials user enabled"),
        (vec![service, id, secret, ("scope", "sudo")],            "invalid_scope", "the requested scope is not allowed"),
        (vec![refresh, ("client_id", "x")],                       "invalid_client_id", "client identifier invalid"),
        (vec![refresh, id],                                       "invalid_request", "missing required parameter: refresh_token"),
        (vec![refresh, id, ("refresh_token", "x")],               "invalid_grant", "expired access/refresh token"),
        (vec![refresh, ("client_id", "nobody"), ("refresh_token", &c.refresh_token)], "invalid_grant", "expired access/refresh token"),
        (vec![refresh, ("client_id", "secretive"), ("refresh_token", "x")], "invalid_client", "invalid client credentials"),
        (vec![refresh, id, ("refresh_token", &c.refresh_token), ("scope", "full")], "invalid_scope", "the requested scope is not allowed"),
        (vec![password, id, secret],                              "invalid_request", "missing required parameter: username"),
        (vec![password, id, secret, ("username", HUMAN), ("password", "x")], "invalid_grant", "authentication failure"),
        (vec![password, id, secret, ("username", "x"), ("password", &c.password)], "invalid_grant", "authentication failure"),
        (vec![password, id, ("username", HUMAN), ("password", &c.password)], "invalid_client", "invalid client credentials"),
        (vec![password, ("client_id", "x"), secret, ("username", HUMAN), ("password", &c.password)], "invalid_client_id", "client identifier invalid"),
        (vec![code, id, secret],                                  "invalid_request", "missing required parameter: code"),
        (vec![code, id, secret, ("code", "x")],                   "redirect_uri_missing", "redirect_uri not provided"),
        (vec![code, id, secret, ("code", "x"), ("redirect_uri", "http://localhost:1/")], "invalid_grant", "expired authorization code"),
    ];
    for (form, error, description) in table {
        let answer = token(&sandbox, &form).await;

        assert_eq!(answer.status, 400, "{form:?}");
        let expected = json!({ "error": error, "error_description": description });
        assert_eq!(answer.json(), expected, "{form:?}");
        assert_eq!(answer.header("cache-control"), "no-cache, no-store", "{form:?}");
    }
}

#[tokio::test]
async fn what_the_administrator_decides_is_refused_with_its_pair() {
    let sandbox = Sandbox::empty().await;
    let c = sandbox.credentials.clone();
    let right = [
        ("grant_type", "password"),
        ("client_id", &*c.client_id),
        ("client_secret", &*c.client_secret),
        ("username", HUMAN),
        ("password", &*c.password),
    ];

    #[rustfmt::skip]
    let table = [
        (json!({ "password_flow": false }),           "invalid_grant",       "authentication failure"),
        (json!({ "security_token_required": true }),  "invalid_grant",       "authentication failure"),
        (json!({ "ip_restricted": true }),            "invalid_grant",       "ip restricted"),
        (json!({ "org_active": false }),              "inactive_org",        "organization is inactive"),
        (json!({ "logins_per_hour": 0 }),             "rate_limit_exceeded", "login rate exceeded"),
    ];
    let before: Value =
        sandbox.bare(Method::GET, "/__org/v1/login").send().await.unwrap().json().await.unwrap();
    for (rule, error, description) in table {
        rules(&sandbox, rule.clone()).await;
        let answer = token(&sandbox, &right).await;
        rules(&sandbox, before.clone()).await;

        assert_eq!(answer.status, 400, "{rule}");
        let expected = json!({ "error": error, "error_description": description });
        assert_eq!(answer.json(), expected, "{rule}");
    }
    assert_eq!(token(&sandbox, &right).await.status, 200, "rules can be taken back");
}

#[tokio::test]
async fn an_inactive_user_is_told_so() {
    let sandbox = Sandbox::empty().await;
    let c = sandbox.credentials.clone();
    let users = sandbox.query(&format!("SELECT Id FROM User WHERE Username = '{HUMAN}'")).await;
    let user = users["records"][0]["Id"].as_str().unwrap();
    let off = sandbox.patch(&format!("sobjects/User/{user}"), &json!({ "IsActive": false })).await;
    assert_eq!(off.status, 204, "{}", off.text);
    let assertion = assertion(&sandbox, &c.client_id, HUMAN, &sandbox.simulator.url()).await;

    let by_jwt = token(&sandbox, &[("grant_type", JWT_BEARER), ("assertion", &assertion)]).await;

    let expected = json!({ "error": "inactive_user", "error_description": "user is inactive" });
    assert_eq!((by_jwt.status, by_jwt.json()), (400, expected));
}

#[tokio::test]
async fn the_rate_of_logins_is_limited_by_user_and_hour() {
    let sandbox = Sandbox::empty().await;
    let c = sandbox.credentials.clone();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &*c.client_id),
        ("client_secret", &*c.client_secret),
    ];
    rules(&sandbox, json!({ "logins_per_hour": 2 })).await;

    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(token(&sandbox, &form).await.status);
    }
    sandbox.control("clock", &json!({ "advance_seconds": 3_600 })).await;

    assert_eq!(statuses, [200, 200, 400]);
    assert_eq!(token(&sandbox, &form).await.status, 200);
}

#[tokio::test]
async fn a_security_token_may_follow_the_password() {
    let sandbox = Sandbox::empty().await;
    let c = sandbox.credentials.clone();
    let password = format!("{}{}", c.password, c.security_token);
    let form = [
        ("grant_type", "password"),
        ("client_id", &*c.client_id),
        ("client_secret", &*c.client_secret),
        ("username", HUMAN),
        ("password", &*password),
    ];

    assert_eq!(token(&sandbox, &form).await.status, 200);
    rules(&sandbox, json!({ "security_token_required": true })).await;
    assert_eq!(token(&sandbox, &form).await.status, 200);
}

#[tokio::test]
async fn a_client_may_prove_itself_by_a_signed_assertion() {
    let sandbox = Sandbox::empty().await;
    let c = sandbox.credentials.clone();
    let endpoint = format!("{}/services/oauth2/token", sandbox.simulator.url());
    let right = assertion(&sandbox, &c.client_id, &c.client_id, &endpoint).await;
    let wrong = assertion(&sandbox, &c.client_id, HUMAN, &endpoint).await;

    let ask = async |assertion: &str| {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", CLIENT_ASSERTION),
            ("client_assertion", assertion),
        ];
        token(&sandbox, &form).await
    };

    assert_eq!(ask(&right).await.status, 200);
    assert_eq!(ask(&wrong).await.json()["error"], "invalid_client");
    assert_eq!(ask("x").await.json()["error"], "invalid_client");
}

#[tokio::test]
async fn client_credentials_are_refused_at_the_login_host() {
    let sandbox = Sandbox::empty().await;
    let c = &sandbox.credentials;

    let request = sandbox
        .bare(Method::POST, "/services/oauth2/token")
        .header("host", "login.salesforce.com")
        .basic_auth(&c.client_id, Some(&c.client_secret))
        .form(&[("grant_type", "client_credentials")]);
    let answer = Answer::of(request.send().await.unwrap()).await;

    let description = "request not supported on this domain";
    assert_eq!(
        answer.json(),
        json!({ "error": "invalid_grant", "error_description": description })
    );
}

#[tokio::test]
async fn the_token_endpoint_takes_posts_only() {
    let sandbox = Sandbox::empty().await;

    let request = sandbox.bare(Method::GET, "/services/oauth2/token?grant_type=password");
    let answer = Answer::of(request.send().await.unwrap()).await;

    assert_eq!(answer.status, 400);
    let expected = json!({ "error": "invalid_request", "error_description": "must use HTTP POST" });
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn an_answer_comes_in_the_form_that_was_asked_for() {
    let sandbox = Sandbox::empty().await;
    let c = sandbox.credentials.clone();
    let ask = async |format: &str, secret: &str| {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &*c.client_id),
            ("client_secret", secret),
            ("format", format),
        ];
        token(&sandbox, &form).await
    };

    let xml = ask("xml", &c.client_secret).await;
    let form = ask("urlencoded", &c.client_secret).await;
    let refused = ask("xml", "x").await;

    assert_eq!(xml.header("content-type"), "application/xml;charset=UTF-8");
    assert!(xml.text.contains("<OAuth>") && xml.text.contains("<access_token>00D"), "{}", xml.text);
    assert_eq!(form.header("content-type"), "application/x-www-form-urlencoded;charset=UTF-8");
    assert!(form.text.split('&').any(|pair| pair.starts_with("access_token=00D")), "{}", form.text);
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("<error>invalid_client</error>"), "{}", refused.text);
}
