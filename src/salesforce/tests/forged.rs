//! The client against a peer that misbehaves in ways a Salesforce org does not: forged addresses, redirections,
//! answers shortened on the way, and logins watched from the other side.

use crate::model::{ColumnType, StampField};
use crate::salesforce::{
    AssignmentRules, Auth, Client, Config, DEFAULT_API_VERSION, Error, IngestOperation,
    LoginFailure, Query, RequestOptions, Scope, Shape,
};
use axum::Router;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use futures_util::TryStreamExt;
use futures_util::future::join_all;
use serde_json::json;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;

const QUERY: &str = "/services/data/v66.0/query";
const RESULTS: &str = "/services/data/v66.0/jobs/query/750/results";
const SOQL: &str = "SELECT Id FROM Account";

/// What the peer was asked for.
#[derive(Clone, Default)]
struct Peer {
    url: String,
    logins: Arc<AtomicU32>,
    refresh_tokens: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    /// Serves logins, and `routes` beside them.
    async fn start(routes: Router<Peer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let peer = Self { url, ..Self::default() };
        let routes = Router::new()
            .route("/services/oauth2/token", post(log_in))
            .merge(routes)
            .with_state(peer.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        peer
    }

    fn client(&self) -> Client {
        self.client_with(Auth::ClientCredentials {
            client_id: "app".into(),
            client_secret: "secret".to_owned().into(),
        })
    }

    fn client_with(&self, auth: Auth) -> Client {
        Client::new(self.config(auth)).unwrap()
    }

    fn config(&self, auth: Auth) -> Config {
        Config {
            login_url: self.url.parse().unwrap(),
            auth,
            api_version: DEFAULT_API_VERSION.into(),
            timeout: Duration::from_secs(10),
        }
    }
}

/// Accepts everybody; the n-th login gets `session n` and, if it came with a refresh token, the next one.
async fn log_in(State(peer): State<Peer>, Form(form): Form<HashMap<String, String>>) -> Response {
    let number = peer.logins.fetch_add(1, Ordering::SeqCst) + 1;
    let mut answer = grant(&peer.url, number);
    if let Some(token) = form.get("refresh_token") {
        peer.refresh_tokens.lock().unwrap().push(token.clone());
        answer["refresh_token"] = json!(format!("refresh {number}"));
    }
    axum::Json(answer).into_response()
}

fn grant(instance_url: &str, number: u32) -> serde_json::Value {
    json!({
        "access_token": format!("session{number}"),
        "instance_url": instance_url,
        "id": "https://login.salesforce.com/id/00D000000000001/005000000000001",
        "token_type": "Bearer",
        "issued_at": "1435269208465",
        "signature": "x",
    })
}

fn only_ids() -> Shape {
    Shape {
        fields: vec![],
        has_is_deleted: false,
        has_master_record_id: false,
        stamp: StampField::None,
    }
}

fn page(next: Option<&str>) -> Response {
    axum::Json(json!({
        "totalSize": 2,
        "done": next.is_none(),
        "nextRecordsUrl": next,
        "records": [{ "Id": "001D000000IqhSL" }],
    }))
    .into_response()
}

fn session_ended() -> Response {
    let body =
        json!([{ "message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID" }]);
    (StatusCode::UNAUTHORIZED, axum::Json(body)).into_response()
}

#[tokio::test]
async fn a_login_answer_cannot_send_the_token_to_another_host() {
    let hostile = post(async || axum::Json(grant("https://169.254.169.254", 1)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer =
        Peer { url: format!("http://{}", listener.local_addr().unwrap()), ..Peer::default() };
    let routes = Router::new().route("/services/oauth2/token", hostile);
    tokio::spawn(async move { axum::serve(listener, routes).await });

    let error = peer.client().identity().await.unwrap_err();

    let Error::Login(LoginFailure::UntrustedHost { host }) = error else { panic!("{error}") };
    assert_eq!(host, "169.254.169.254");
}

#[tokio::test]
async fn the_next_page_is_read_from_the_pinned_host_whatever_host_is_named() {
    let next = "https://evil.example/services/data/v66.0/query/01g-2000";
    let peer = Peer::start(
        Router::new()
            .route(QUERY, get(async || page(Some(next))))
            .route(&format!("{QUERY}/{{locator}}"), get(async || page(None))),
    )
    .await;
    let client = peer.client();

    let first = client.query(SOQL, Scope::Live, &only_ids()).await.unwrap();
    let second = client.query_more(&first.next.unwrap(), &only_ids()).await.unwrap();

    assert_eq!(second.next, None);
    assert_eq!(second.records.len(), 1);
}

#[tokio::test]
async fn a_redirection_is_not_followed() {
    let peer = Peer::start(
        Router::new()
            .route("/services/data/v66.0/composite/sobjects", post(async || Redirect::to("/evil")))
            .route("/evil", get(async || "[]")),
    )
    .await;

    let record = json!({ "Name": "x" }).as_object().unwrap().clone();
    let error = peer.client().create("Account", vec![record]).await.unwrap_err();

    assert!(error.outcome_is_unknown(), "{error}");
}

#[tokio::test]
async fn a_session_that_ended_is_renewed_once_for_all_waiting_calls() {
    let answer = async |headers: HeaderMap| match headers[header::AUTHORIZATION].as_bytes() {
        b"Bearer session1" => session_ended(),
        _ => page(None),
    };
    let peer = Peer::start(Router::new().route(QUERY, get(answer))).await;
    let client = peer.client();

    let shape = only_ids();
    let calls = (0..20).map(|_| client.query(SOQL, Scope::Live, &shape));
    let pages = join_all(calls).await;

    assert!(pages.iter().all(Result::is_ok));
    assert_eq!(peer.logins.load(Ordering::SeqCst), 2, "the first login and one renewal");
}

#[tokio::test]
async fn a_fresh_session_that_is_refused_needs_a_person() {
    let peer = Peer::start(Router::new().route(QUERY, get(async || session_ended()))).await;

    let error = peer.client().query(SOQL, Scope::Live, &only_ids()).await.unwrap_err();

    assert!(matches!(error, Error::SessionRefused), "{error}");
    assert!(error.remedy().is_some());
    assert_eq!(peer.logins.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_fresh_session_that_not_every_server_knows_yet_is_tried_again_without_another_login() {
    let refusals = Arc::new(AtomicU32::new(0));
    let answer = {
        let refusals = Arc::clone(&refusals);
        async move || match refusals.fetch_add(1, Ordering::SeqCst) {
            0..3 => session_ended(),
            _ => page(None),
        }
    };
    let peer = Peer::start(Router::new().route(QUERY, get(answer))).await;

    peer.client().query(SOQL, Scope::Live, &only_ids()).await.unwrap();

    assert_eq!(refusals.load(Ordering::SeqCst), 4);
    assert_eq!(peer.logins.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn calls_that_waited_for_a_login_share_its_failure() {
    let logins = Arc::new(AtomicU32::new(0));
    let refuse = {
        let logins = Arc::clone(&logins);
        async move || {
            logins.fetch_add(1, Ordering::SeqCst);
            let body = json!({ "error": "invalid_grant", "error_description": "user is inactive" });
            (StatusCode::BAD_REQUEST, axum::Json(body))
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let routes = Router::new().route("/services/oauth2/token", post(refuse));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let client = Peer { url, ..Peer::default() }.client();

    let outcomes = join_all((0..20).map(|_| client.identity())).await;

    assert!(outcomes.iter().all(|outcome| matches!(
        outcome,
        Err(Error::Login(LoginFailure::Refused { code, .. })) if code == "invalid_grant"
    )));
    assert_eq!(logins.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_rotated_refresh_token_is_used_from_then_on_even_if_the_caller_went_away() {
    let answer = async |headers: HeaderMap| match headers[header::AUTHORIZATION].as_bytes() {
        b"Bearer session3" => page(None),
        _ => session_ended(),
    };
    let peer = Peer::start(Router::new().route(QUERY, get(answer))).await;
    let client = peer.client_with(Auth::RefreshToken {
        client_id: "app".into(),
        client_secret: None,
        refresh_token: "configured".to_owned().into(),
    });

    // Polled once, the first caller has started the login; then it is dropped.
    let mut impatient = Box::pin(client.identity());
    assert!(futures_util::poll!(&mut impatient).is_pending());
    drop(impatient);
    client.query(SOQL, Scope::Live, &only_ids()).await.unwrap_err();
    client.query(SOQL, Scope::Live, &only_ids()).await.unwrap();

    let tokens = peer.refresh_tokens.lock().unwrap().clone();
    assert_eq!(tokens, ["configured", "refresh 1", "refresh 2"]);
}

#[tokio::test]
async fn a_maintenance_page_is_survived_by_reading_and_reported_by_writing() {
    let is_up = Arc::new(AtomicU32::new(0));
    let reading = async move || match is_up.fetch_add(1, Ordering::SeqCst) {
        0 => (StatusCode::SERVICE_UNAVAILABLE, "<html>maintenance</html>").into_response(),
        1 => "<html>still not JSON</html>".into_response(),
        _ => page(None),
    };
    let writing = async || (StatusCode::BAD_GATEWAY, "<html>bad gateway</html>");
    let peer = Peer::start(
        Router::new()
            .route(QUERY, get(reading))
            .route("/services/data/v66.0/composite/sobjects", post(writing)),
    )
    .await;
    let client = peer.client();

    assert!(client.query(SOQL, Scope::Live, &only_ids()).await.is_ok());
    let record = json!({ "Name": "x" }).as_object().unwrap().clone();
    let error = client.create("Account", vec![record]).await.unwrap_err();

    assert!(matches!(error, Error::Unavailable { status: 502, code: None, .. }), "{error}");
    assert!(error.outcome_is_unknown());
}

#[tokio::test]
async fn a_statement_too_long_for_an_address_travels_in_a_body() {
    let composite = async |axum::Json(body): axum::Json<serde_json::Value>| {
        let url = body["compositeRequest"][0]["url"].as_str().unwrap().to_owned();
        assert!(url.starts_with("/services/data/v66.0/queryAll?q=SELECT+Id"));
        let result =
            json!({ "totalSize": 1, "done": true, "records": [{ "Id": "001D000000IqhSL" }] });
        axum::Json(json!({ "compositeResponse": [
            { "body": result, "httpHeaders": {}, "httpStatusCode": 200, "referenceId": "part0" }
        ] }))
    };
    let routes = Router::new().route("/services/data/v66.0/composite", post(composite));
    let peer = Peer::start(routes).await;
    let soql = format!("{SOQL} WHERE Name IN ('{}')", "x".repeat(15_000));

    let page = peer.client().query(&soql, Scope::WithDeleted, &only_ids()).await.unwrap();

    assert_eq!(page.records.len(), 1);
}

#[tokio::test]
async fn queries_asked_together_get_their_own_answers_and_failures() {
    let composite = async || {
        let page = |id: &str| json!({ "totalSize": 1, "done": true, "records": [{ "Id": id }] });
        let refusal = json!([{ "errorCode": "MALFORMED_QUERY", "message": "no" }]);
        let part = |index: u16, status: u16, body: serde_json::Value| json!({ "body": body, "httpStatusCode": status, "referenceId": format!("part{index}") });
        axum::Json(json!({ "compositeResponse": [
            part(2, 200, page("003D000000IqhSL")), part(1, 400, refusal), part(0, 200, page("001D000000IqhSL"))
        ] }))
    };
    let routes = Router::new().route("/services/data/v66.0/composite", post(composite));
    let peer = Peer::start(routes).await;
    let query = Query { soql: SOQL.to_owned(), scope: Scope::Live, shape: only_ids() };

    let client = peer.client();
    let answers = client.query_together(&[query.clone(), query.clone(), query]).await.unwrap();

    let ids: Vec<_> = answers
        .iter()
        .map(|answer| answer.as_ref().ok().map(|page| page.records[0].id.as_str()[..3].to_owned()))
        .collect();
    assert_eq!(ids, [Some("001".to_owned()), None, Some("003".to_owned())]);
    assert!(
        matches!(&answers[1], Err(Error::Refused(refusal)) if refusal.code == "MALFORMED_QUERY")
    );
    assert_eq!(client.calls_made(), 1);
}

#[tokio::test]
async fn a_download_that_was_shortened_on_the_way_ends_in_an_error() {
    let shortened = async || {
        let body = "\"Id\",\"Name\"\n\"001D000000IqhSLIAZ\",\"Acme\"\n\"001D000000IqhSLIAZ\",\"Ac";
        ([("Sforce-NumberOfRecords", "2"), ("Sforce-Locator", "MTAw")], body)
    };
    let peer = Peer::start(Router::new().route(RESULTS, get(shortened))).await;
    let shape = Shape { fields: vec![("Name".into(), ColumnType::Text)], ..only_ids() };

    let page = peer.client().query_job_page("750", None, 100, &shape).await.unwrap();
    assert_eq!(page.next.as_deref(), Some("MTAw"));
    let outcome: Result<Vec<_>, _> = page.rows.into_records().try_collect().await;

    let error = outcome.unwrap_err();
    assert!(matches!(error, Error::Truncated { expected: 2, received: 1 }), "{error}");
}

#[tokio::test]
async fn an_address_that_answers_nothing_is_known_to_have_received_nothing() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let peer = Peer { url: format!("http://{free}"), ..Peer::default() };

    let record = json!({ "Name": "x" }).as_object().unwrap().clone();
    let error = peer.client().create("Account", vec![record]).await.unwrap_err();

    assert!(matches!(error, Error::Login(LoginFailure::Unreachable)), "{error}");
    assert!(!error.outcome_is_unknown());
}

#[tokio::test]
async fn a_bulk_job_for_leads_names_the_assignment_rule_that_was_set() {
    // The job that is answered has what was asked for as its id.
    let jobs = async |axum::Json(body): axum::Json<serde_json::Value>| {
        let rule = body.get("assignmentRuleId").map_or("none".to_owned(), ToString::to_string);
        axum::Json(json!({ "id": rule, "state": "Open", "object": "Lead", "operation": "insert" }))
    };
    let peer =
        Peer::start(Router::new().route("/services/data/v66.0/jobs/ingest", post(jobs))).await;
    let rule = AssignmentRules::Rule("01Q000000000001AAA".to_owned());
    let options = RequestOptions { assignment_rules: rule, ..RequestOptions::default() };
    let auth = Auth::ClientCredentials {
        client_id: "app".into(),
        client_secret: "secret".to_owned().into(),
    };
    let client = Client::with(peer.config(auth), options).unwrap();

    for (object, expected) in [("Lead", "\"01Q000000000001AAA\""), ("Contact", "none")] {
        let told = client.start_ingest_job(object, IngestOperation::Insert, None).await.unwrap();
        assert_eq!(told, expected, "{object}");
    }
}
