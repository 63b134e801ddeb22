//! The browser flow, what becomes of its tokens, and what the org says of itself.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, jwk::JwkSet};
use reqwest::{Method, redirect::Policy};
use serde_json::{Value, json};

use crate::support::{Answer, Sandbox};

const CALLBACK: &str = "http://localhost:1717/OauthRedirect";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

type Pairs = Vec<(String, String)>;

/// Members that differ from the usual.
type Change<'a> = &'a [(&'a str, &'a str)];

/// What a browser asks for, with some members changed.
fn question(sandbox: &Sandbox, change: &[(&str, &str)]) -> Pairs {
    let base = [
        ("response_type", "code"),
        ("client_id", sandbox.credentials.client_id.as_str()),
        ("redirect_uri", CALLBACK),
        ("state", "a b"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    changed(&base, change)
}

fn changed(base: &[(&str, &str)], change: &[(&str, &str)]) -> Pairs {
    let kept = base.iter().filter(|(key, _)| change.iter().all(|(other, _)| other != key));
    let all = kept.chain(change).filter(|(_, value)| !value.is_empty());
    all.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Where the browser is sent, as pairs.
fn landed(answer: &Answer) -> Pairs {
    assert_eq!(answer.status, 302, "{}", answer.text);
    let place = answer.header("location");
    let query = place.strip_prefix(&format!("{CALLBACK}?")).unwrap_or_else(|| panic!("{place}"));
    let url = reqwest::Url::parse(&format!("http://x/?{query}")).unwrap();
    url.query_pairs().into_owned().collect()
}

fn value<'a>(pairs: &'a Pairs, name: &str) -> &'a str {
    pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

async fn ask(sandbox: &Sandbox, query: &Pairs) -> Answer {
    let browser = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    let url = format!("{}/services/oauth2/authorize", sandbox.simulator.url());
    Answer::of(browser.get(url).query(query).send().await.unwrap()).await
}

async fn post(sandbox: &Sandbox, form: &Pairs) -> Answer {
    let browser = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    let url = format!("{}/services/oauth2/authorize", sandbox.simulator.url());
    Answer::of(browser.post(url).form(form).send().await.unwrap()).await
}

async fn token(sandbox: &Sandbox, form: &Pairs) -> Answer {
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

/// A code for the question with these changes, without a page.
async fn code(sandbox: &Sandbox, change: &[(&str, &str)]) -> String {
    rules(sandbox, json!({ "consent": "allow" })).await;
    let landed = landed(&ask(sandbox, &question(sandbox, change)).await);
    value(&landed, "code").to_owned()
}

fn exchange(sandbox: &Sandbox, code: &str, change: &[(&str, &str)]) -> Pairs {
    let c = &sandbox.credentials;
    let base = [
        ("grant_type", "authorization_code"),
        ("client_id", c.client_id.as_str()),
        ("client_secret", c.client_secret.as_str()),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    changed(&base, change)
}

fn refresh(sandbox: &Sandbox, token: &str, change: &[(&str, &str)]) -> Pairs {
    let client_id = sandbox.credentials.client_id.as_str();
    let base =
        [("grant_type", "refresh_token"), ("client_id", client_id), ("refresh_token", token)];
    changed(&base, change)
}

#[track_caller]
fn assert_oauth_error(answer: &Answer, error: &str, description: &str) {
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert_eq!(answer.json(), json!({ "error": error, "error_description": description }));
}

#[tokio::test]
async fn a_person_logs_in_on_a_page_and_the_code_buys_tokens() {
    let sandbox = Sandbox::empty().await;
    let hint = [("login_hint", "human@lockstep.example")];

    let page = ask(&sandbox, &question(&sandbox, &hint)).await;
    let form = question(
        &sandbox,
        &[
            ("username", "human@lockstep.example"),
            ("password", &sandbox.credentials.password),
            ("decision", "allow"),
        ],
    );
    let landed = landed(&post(&sandbox, &form).await);
    let bought = token(&sandbox, &exchange(&sandbox, value(&landed, "code"), &[])).await;

    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=UTF-8"));
    assert!(page.text.contains("value=\"human@lockstep.example\""), "{}", page.text);
    assert!(page.text.contains(CHALLENGE), "the page carries the question along");
    assert_eq!(value(&landed, "state"), "a b");
    assert!(value(&landed, "code").ends_with("=="), "codes must be escaped in URLs");
    let bought = bought.json();
    for member in ["access_token", "refresh_token", "signature", "issued_at", "id_token", "scope"] {
        assert!(bought[member].is_string(), "{member}: {bought}");
    }
    let identity = sandbox.http.get(bought["id"].as_str().unwrap());
    let identity = identity.bearer_auth(bought["access_token"].as_str().unwrap());
    let identity: Value = identity.send().await.unwrap().json().await.unwrap();
    assert_eq!(identity["username"], "human@lockstep.example");
    assert_eq!(identity["display_name"], "Hannah Human");
}

#[tokio::test]
async fn a_wrong_password_shows_the_page_again_and_a_no_goes_back_to_the_app() {
    let sandbox = Sandbox::empty().await;
    let wrong = [("username", "human@lockstep.example"), ("password", "x"), ("decision", "allow")];

    let again = post(&sandbox, &question(&sandbox, &wrong)).await;
    let no = landed(&post(&sandbox, &question(&sandbox, &[("decision", "deny")])).await);

    assert_eq!(again.status, 200);
    assert!(again.text.contains("Please check your username and password."));
    assert_eq!(value(&no, "error"), "access_denied");
    assert_eq!(value(&no, "error_description"), "end-user denied authorization");
    assert_eq!(value(&no, "state"), "a b");
}

#[tokio::test]
async fn nothing_is_sent_to_a_place_that_the_app_did_not_register() {
    let sandbox = Sandbox::empty().await;
    rules(&sandbox, json!({ "consent": "allow" })).await;

    #[rustfmt::skip]
    let table = [
        (("client_id", "unknown"),                  "error=invalid_client_id"),
        (("redirect_uri", ""),                      "error=redirect_uri_missing"),
        (("redirect_uri", "https://evil.example/"), "error=redirect_uri_mismatch"),
    ];
    for (change, expected) in table {
        let answer = ask(&sandbox, &question(&sandbox, &[change])).await;

        assert_eq!(answer.status, 400, "{change:?}");
        assert_eq!(answer.header("location"), "", "{change:?}");
        assert!(answer.text.contains(expected), "{change:?}: {}", answer.text);
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_question_is_told_to_the_app() {
    let sandbox = Sandbox::empty().await;
    rules(&sandbox, json!({ "consent": "allow" })).await;
    app(
        &sandbox,
        "strict",
        json!({ "pkce_required": true, "admin_approved_only": true, "approved_users": [] }),
    )
    .await;

    #[rustfmt::skip]
    let table: [(Change<'_>, &str); 9] = [
        (&[("response_type", "token")],            "unsupported_response_type"),
        (&[("response_type", "")],                 "invalid_request"),
        (&[("scope", "api sudo")],                 "invalid_scope"),
        (&[("scope", "visualforce")],              "invalid_scope"),
        (&[("code_challenge_method", "plain")],    "invalid_request"),
        (&[("code_challenge", "too-short")],       "invalid_request"),
        (&[("client_id", "strict"), ("code_challenge", "")], "invalid_request"),
        (&[("client_id", "strict")],               "OAUTH_APP_ACCESS_DENIED"),
        (&[("login_hint", "nobody@example.com")],  "access_denied"),
    ];
    for (change, expected) in table {
        let landed = landed(&ask(&sandbox, &question(&sandbox, change)).await);

        assert_eq!(value(&landed, "error"), expected, "{change:?}");
        assert_ne!(value(&landed, "error_description"), "", "{change:?}");
        assert_eq!(value(&landed, "state"), "a b", "{change:?}");
        assert_eq!(value(&landed, "code"), "", "{change:?}");
    }
}

#[tokio::test]
async fn a_code_is_exchanged_once_by_its_app_for_its_place_with_its_verifier() {
    let sandbox = Sandbox::empty().await;
    app(&sandbox, "other", json!({})).await;
    let gone = ("invalid_grant", "expired authorization code");

    #[rustfmt::skip]
    let table: [(Change<'_>, (&str, &str)); 7] = [
        (&[("client_id", "other")],              gone),
        (&[("code", "nonsense")],                gone),
        (&[("code_verifier", "x")],              ("invalid_grant", "invalid code verifier")),
        (&[("code_verifier", "")],               ("invalid_grant", "invalid code verifier")),
        (&[("redirect_uri", "http://localhost:1/")], ("redirect_uri_mismatch", "redirect_uri must match configuration")),
        (&[("redirect_uri", "")],                ("redirect_uri_missing", "redirect_uri not provided")),
        (&[("client_secret", "")],               ("invalid_client", "invalid client credentials")),
    ];
    for (change, (error, description)) in table {
        let code = code(&sandbox, &[]).await;
        let answer = token(&sandbox, &exchange(&sandbox, &code, change)).await;
        assert_oauth_error(&answer, error, description);
    }

    let code = code(&sandbox, &[]).await;
    assert_eq!(token(&sandbox, &exchange(&sandbox, &code, &[])).await.status, 200);
    let again = token(&sandbox, &exchange(&sandbox, &code, &[])).await;
    assert_oauth_error(&again, gone.0, gone.1);
}

#[tokio::test]
async fn a_code_is_good_for_a_quarter_of_an_hour_of_the_orgs_clock() {
    let sandbox = Sandbox::empty().await;
    let (young, old) = (code(&sandbox, &[]).await, code(&sandbox, &[]).await);

    sandbox.control("clock", &json!({ "advance_seconds": 890 })).await;
    let in_time = token(&sandbox, &exchange(&sandbox, &young, &[])).await;
    sandbox.control("clock", &json!({ "advance_seconds": 10 })).await;
    let late = token(&sandbox, &exchange(&sandbox, &old, &[])).await;

    assert_eq!(in_time.status, 200, "{}", in_time.text);
    assert_oauth_error(&late, "invalid_grant", "expired authorization code");
}

#[tokio::test]
async fn scopes_decide_what_a_token_is_good_for() {
    let sandbox = Sandbox::empty().await;
    let code = code(&sandbox, &[("scope", "openid id")]).await;

    let bought = token(&sandbox, &exchange(&sandbox, &code, &[])).await.json();

    assert_eq!(bought["scope"], "openid id");
    assert!(bought.get("refresh_token").is_none(), "{bought}");
    let access_token = bought["access_token"].as_str().unwrap();
    let limits = sandbox.bare(Method::GET, "/services/data/v66.0/limits").bearer_auth(access_token);
    let limits = Answer::of(limits.send().await.unwrap()).await;
    assert_eq!((limits.status, limits.code().as_str()), (403, "INVALID_SESSION_ID"));
    let user = sandbox.bare(Method::GET, "/services/oauth2/userinfo").bearer_auth(access_token);
    assert_eq!(user.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_refresh_token_stays_unless_the_app_rotates_them() {
    let sandbox = Sandbox::empty().await;
    let code = code(&sandbox, &[]).await;
    let bought = token(&sandbox, &exchange(&sandbox, &code, &[])).await.json();
    let first = bought["refresh_token"].as_str().unwrap();

    let plain = token(&sandbox, &refresh(&sandbox, first, &[])).await.json();
    let narrow = token(&sandbox, &refresh(&sandbox, first, &[("scope", "api")])).await.json();
    let client_id = sandbox.credentials.client_id.clone();
    app(&sandbox, &client_id, json!({ "rotate_refresh_tokens": true })).await;
    let rotated = token(&sandbox, &refresh(&sandbox, first, &[])).await.json();
    let second = rotated["refresh_token"].as_str().unwrap();
    let again = token(&sandbox, &refresh(&sandbox, first, &[])).await;
    let family = token(&sandbox, &refresh(&sandbox, second, &[])).await;

    assert!(plain.get("refresh_token").is_none() && plain["id_token"].is_string(), "{plain}");
    assert_eq!(narrow["scope"], "api");
    assert_ne!(second, first);
    assert_oauth_error(&again, "invalid_grant", "expired access/refresh token");
    assert_oauth_error(&family, "invalid_grant", "expired access/refresh token");
    let access_token = rotated["access_token"].as_str().unwrap();
    let limits = sandbox.bare(Method::GET, "/services/data/v66.0/limits").bearer_auth(access_token);
    assert_eq!(limits.send().await.unwrap().status(), 401, "the family's sessions end too");
}

#[tokio::test]
async fn either_token_can_be_inspected_and_revoked_by_get_and_post() {
    let sandbox = Sandbox::empty().await;
    let code = code(&sandbox, &[]).await;
    let bought = token(&sandbox, &exchange(&sandbox, &code, &[])).await.json();
    let of = |name: &str| bought[name].as_str().unwrap().to_owned();
    let (access, refresh_token) = (of("access_token"), of("refresh_token"));
    let c = &sandbox.credentials;
    let inspect = async |token: &str, hint: &str| {
        let request = sandbox
            .bare(Method::POST, "/services/oauth2/introspect")
            .basic_auth(&c.client_id, Some(&c.client_secret))
            .form(&[("token", token), ("token_type_hint", hint)]);
        Answer::of(request.send().await.unwrap()).await.json()
    };

    let access_seen = inspect(&access, "access_token").await;
    let refresh_seen = inspect(&refresh_token, "refresh_token").await;
    let by_get = sandbox.bare(Method::GET, "/services/oauth2/revoke").query(&[("token", &access)]);
    assert_eq!(by_get.send().await.unwrap().status(), 200);
    let still = token(&sandbox, &refresh(&sandbox, &refresh_token, &[])).await;
    let by_post = sandbox.bare(Method::POST, "/services/oauth2/revoke");
    let by_post = by_post.form(&[("token", &refresh_token)]).send().await.unwrap();
    let gone = token(&sandbox, &refresh(&sandbox, &refresh_token, &[])).await;

    assert_eq!(access_seen["token_type"], "access_token");
    assert_eq!(access_seen["client_id"], json!(c.client_id));
    assert!(access_seen["exp"].as_i64() > access_seen["iat"].as_i64());
    assert_eq!(refresh_seen["token_type"], "refresh_token");
    assert_eq!(inspect(&access, "").await, json!({ "active": false }));
    assert_eq!((still.status, by_post.status().as_u16()), (200, 200));
    assert_oauth_error(&gone, "invalid_grant", "expired access/refresh token");
    assert_eq!(inspect(&refresh_token, "").await, json!({ "active": false }));
}

#[tokio::test]
async fn an_id_token_is_signed_by_the_key_that_discovery_names() {
    let sandbox = Sandbox::empty().await;
    let discovered = sandbox.bare(Method::GET, "/.well-known/openid-configuration");
    let discovered: Value = discovered.send().await.unwrap().json().await.unwrap();
    let keys = sandbox.http.get(discovered["jwks_uri"].as_str().unwrap()).send().await.unwrap();
    let keys: JwkSet = keys.json().await.unwrap();
    let code = code(&sandbox, &[("nonce", "once")]).await;
    let bought = token(&sandbox, &exchange(&sandbox, &code, &[])).await.json();
    let id_token = bought["id_token"].as_str().unwrap();

    let header = jsonwebtoken::decode_header(id_token).unwrap();
    let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[&sandbox.credentials.client_id]);
    validation.set_issuer(&[&sandbox.simulator.url()]);
    let claims = decode::<Value>(id_token, &key, &validation).unwrap().claims;

    assert_eq!(claims["nonce"], "once");
    assert_eq!(claims["sub"], bought["id"]);
    assert_eq!(discovered["issuer"], json!(sandbox.simulator.url()));
    assert_eq!(
        discovered["token_endpoint"],
        json!(format!("{}/services/oauth2/token", sandbox.simulator.url()))
    );
}

#[tokio::test]
async fn an_app_may_have_access_tokens_in_the_form_of_jwts() {
    let sandbox = Sandbox::empty().await;
    app(
        &sandbox,
        "modern",
        json!({ "jwt_access_tokens": true, "run_as": "human@lockstep.example" }),
    )
    .await;
    let secret = sandbox.credentials.client_secret.as_str();
    let form =
        [("grant_type", "client_credentials"), ("client_id", "modern"), ("client_secret", secret)];

    let bought = token(&sandbox, &changed(&form, &[])).await.json();

    let access_token = bought["access_token"].as_str().unwrap();
    let claims = URL_SAFE_NO_PAD.decode(access_token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["client_id"], "modern");
    assert_eq!(claims["scp"], bought["scope"]);
    let limits = sandbox.bare(Method::GET, "/services/data/v66.0/limits").bearer_auth(access_token);
    assert_eq!(limits.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn identity_and_user_info_name_user_and_places() {
    let sandbox = Sandbox::empty().await;
    let c = &sandbox.credentials;
    let info = sandbox.bare(Method::GET, "/services/oauth2/userinfo").bearer_auth(&c.access_token);
    let info: Value = info.send().await.unwrap().json().await.unwrap();
    let id = info["sub"].as_str().unwrap();

    let latest = sandbox.http.get(format!("{id}?version=latest")).bearer_auth(&c.access_token);
    let latest: Value = latest.send().await.unwrap().json().await.unwrap();
    let xml = sandbox.http.get(format!("{id}?format=xml&oauth_token={}", c.access_token));
    let xml = Answer::of(xml.send().await.unwrap()).await;
    let wrong = id.replace("/id/00D", "/id/00E");
    let wrong = sandbox.http.get(wrong).bearer_auth(&c.access_token).send().await.unwrap();

    assert_eq!((&info["name"], &info["family_name"]), (&json!("Integration User"), &json!("User")));
    assert!(info["urls"]["rest"].as_str().unwrap().ends_with("/services/data/v{version}/"));
    assert!(latest["urls"]["rest"].as_str().unwrap().ends_with("/services/data/v68.0/"));
    assert_eq!(latest["asserted_user"], true);
    assert_eq!(xml.header("content-type"), "application/xml;charset=UTF-8");
    assert!(xml.text.contains(&format!("<username>{}</username>", c.username)), "{}", xml.text);
    assert_eq!((wrong.status().as_u16(), wrong.text().await.unwrap().as_str()), (403, "Wrong_Org"));
}
