//! Answers that are not what they should be.

use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use salesforce_simulator::{
    Fault, FaultKind, Simulator,
    control::{LateAnswer, Page},
};
use serde_json::{Value, json};

use crate::support::{Answer, Sandbox};

fn fault(json: Value) -> Fault {
    serde_json::from_value(json).unwrap()
}

/// A request by a client that does not ask for compression.
fn plain(sandbox: &Sandbox, path: &str) -> RequestBuilder {
    let http = reqwest::Client::builder().no_proxy().gzip(false).build().unwrap();
    http.get(format!("{}/services/data/v66.0/{path}", sandbox.simulator.url()))
        .bearer_auth(&sandbox.credentials.access_token)
}

/// A finished query job over so many accounts; its path.
async fn query_job(sandbox: &Sandbox, accounts: usize) -> String {
    sandbox.accounts(accounts).await;
    let order = json!({ "operation": "query", "query": "SELECT Name FROM Account ORDER BY Name" });
    let job = sandbox.post("jobs/query", &order).await.json();
    let path = format!("jobs/query/{}", job["id"].as_str().unwrap());
    assert_eq!(sandbox.ended(&path).await["state"], "JobComplete");
    path
}

#[tokio::test]
async fn a_code_gets_the_status_and_the_form_of_the_api_that_was_asked() {
    let sandbox = Sandbox::empty().await;
    #[rustfmt::skip]
    let table = [
        ("REQUEST_LIMIT_EXCEEDED", 403, json!([{ "errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded." }])),
        ("UNABLE_TO_LOCK_ROW",     400, json!([{ "errorCode": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access to this record", "fields": [] }])),
        ("INVALID_SESSION_ID",     401, json!([{ "errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid" }])),
        ("SERVER_UNAVAILABLE",     503, json!([{ "errorCode": "SERVER_UNAVAILABLE", "message": "Server is temporarily unavailable. Please try again later." }])),
        ("NEVER_HEARD_OF",         400, json!([{ "errorCode": "NEVER_HEARD_OF", "message": "refused by a fault" }])),
    ];
    for (code, status, body) in table {
        sandbox.steer().arm(FaultKind::error(code)).await.unwrap();

        let answer = sandbox.get("limits").await;

        assert_eq!((answer.status, answer.json()), (status, body), "{code}");
        assert!(answer.header("sforce-limit-info").starts_with("api-usage="), "{code}");
    }
}

#[tokio::test]
async fn the_token_endpoint_refuses_in_the_form_of_oauth() {
    let sandbox = Sandbox::empty().await;
    sandbox
        .steer()
        .arm(Fault::new(FaultKind::error("invalid_grant")).operation("oauth"))
        .await
        .unwrap();
    sandbox
        .steer()
        .arm(Fault::new(FaultKind::error("REQUEST_LIMIT_EXCEEDED")).operation("oauth"))
        .await
        .unwrap();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &sandbox.credentials.client_id),
        ("client_secret", &sandbox.credentials.client_secret),
    ];
    let mut answers = Vec::new();
    for _ in 0..3 {
        let request = sandbox.bare(Method::POST, "/services/oauth2/token").form(&form);
        answers.push(Answer::of(request.send().await.unwrap()).await);
    }

    assert_eq!((answers[0].status, &answers[0].json()["error"]), (400, &json!("invalid_grant")));
    assert_eq!((answers[1].status, answers[1].code().as_str()), (403, "REQUEST_LIMIT_EXCEEDED"));
    assert_eq!(answers[2].status, 200, "{}", answers[2].text);
}

#[tokio::test]
async fn what_stands_before_the_org_answers_with_pages() {
    let sandbox = Sandbox::empty().await;
    #[rustfmt::skip]
    let table = [
        (Page::BadGateway,     502),
        (Page::Maintenance,    503),
        (Page::GatewayTimeout, 504),
        (Page::UnknownRouting, 420),
    ];
    for (page, status) in table {
        sandbox.steer().arm(FaultKind::Page { page }).await.unwrap();

        let answer = sandbox.get("limits").await;

        assert_eq!(answer.status, status);
        assert!(answer.header("content-type").starts_with("text/html"));
        assert!(answer.text.starts_with("<html>"), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_session_can_end_in_the_middle_of_the_work() {
    let sandbox = Sandbox::empty().await;
    sandbox.steer().arm(Fault::new(FaultKind::EndSession {}).after(1)).await.unwrap();

    let statuses = [
        sandbox.get("limits").await.status,
        sandbox.get("limits").await.status,
        sandbox.get("limits").await.status,
    ];

    assert_eq!(statuses, [200, 401, 401], "an ended session stays ended");
}

#[tokio::test]
async fn an_answer_can_end_early_as_if_that_were_all() {
    let sandbox = Sandbox::empty().await;
    let job = query_job(&sandbox, 3).await;
    let whole = sandbox.get(&format!("{job}/results")).await.text;
    sandbox.steer().arm(FaultKind::Shorten { bytes: 12 }).await.unwrap();

    let response = plain(&sandbox, &format!("{job}/results")).send().await.unwrap();

    assert_eq!(response.headers()["sforce-numberofrecords"], "3");
    assert_eq!(response.headers()["content-length"], "12");
    assert_eq!(response.text().await.unwrap(), whole[..12]);
}

#[tokio::test]
async fn headers_and_members_can_lie_or_be_missing() {
    let sandbox = Sandbox::empty().await;
    let job = query_job(&sandbox, 3).await;
    sandbox
        .steer()
        .arm(fault(json!({
            "kind": "edit", "headers": { "Sforce-NumberOfRecords": "7", "Sforce-Locator": null },
        })))
        .await
        .unwrap();
    let lying = sandbox.get(&format!("{job}/results")).await;
    sandbox
        .steer()
        .arm(fault(
            json!({ "kind": "edit", "json": { "/nextRecordsUrl": "http://169.254.169.254/" } }),
        ))
        .await
        .unwrap();
    let hostile = sandbox.query("SELECT Id FROM Account").await;

    assert_eq!(lying.header("sforce-numberofrecords"), "7");
    assert!(!lying.headers.contains_key("sforce-locator"));
    assert_eq!(hostile["nextRecordsUrl"], "http://169.254.169.254/");
    assert_eq!(hostile["totalSize"], 3);
}

#[tokio::test]
async fn rows_of_a_result_can_be_lost_or_come_in_another_order() {
    let sandbox = Sandbox::empty().await;
    let path = format!("{}/results", query_job(&sandbox, 4).await);
    sandbox.steer().arm(FaultKind::LoseRows { every: 2 }).await.unwrap();
    let lossy = sandbox.get(&path).await;
    sandbox.steer().arm(FaultKind::Shuffle { seed: 3 }).await.unwrap();
    let mixed = sandbox.get(&path).await;
    let right = sandbox.get(&path).await;

    assert_eq!(lossy.text, "\"Name\"\n\"a0\"\n\"a2\"\n");
    assert_eq!(lossy.header("sforce-numberofrecords"), "4");
    assert_ne!(mixed.text, right.text);
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(sorted(&mixed.text), sorted(&right.text));
}

#[tokio::test]
async fn an_answer_can_come_drop_by_drop_or_without_end() {
    let sandbox = Sandbox::empty().await;
    let size = plain(&sandbox, "limits").send().await.unwrap().text().await.unwrap().len();
    let rate = size as u64 * 4;
    sandbox.steer().arm(FaultKind::SlowBody { bytes_per_second: rate }).await.unwrap();
    let begun = Instant::now();
    let slow = plain(&sandbox, "limits").send().await.unwrap().text().await.unwrap();
    let took = begun.elapsed();
    sandbox.steer().arm(FaultKind::Flood { bytes: 3_000_000 }).await.unwrap();
    let flood = plain(&sandbox, "limits").send().await.unwrap().text().await.unwrap();

    assert!(took >= Duration::from_millis(200), "{took:?}");
    assert_eq!((slow.len(), flood.len()), (size, size + 3_000_000));
}

#[tokio::test]
async fn a_redirect_can_be_ordered() {
    let sandbox = Sandbox::empty().await;
    sandbox
        .steer()
        .arm(fault(json!({
            "kind": "status", "status": 302, "headers": { "Location": "http://169.254.169.254/" },
        })))
        .await
        .unwrap();
    let policy = reqwest::redirect::Policy::none();
    let http = reqwest::Client::builder().no_proxy().redirect(policy).build().unwrap();

    let answer =
        http.get(format!("{}/services/data", sandbox.simulator.url())).send().await.unwrap();

    assert_eq!(answer.status(), 302);
    assert_eq!(answer.headers()["location"], "http://169.254.169.254/");
}

#[tokio::test]
async fn pauses_come_before_and_after_the_work() {
    let sandbox = Sandbox::empty().await;
    let kind = FaultKind::Latency { millis: 100, after_millis: 150 };
    sandbox.steer().arm(kind).await.unwrap();

    let begun = Instant::now();
    sandbox.get("limits").await;

    assert!(begun.elapsed() >= Duration::from_millis(250));
}

#[tokio::test]
async fn too_many_long_requests_keep_others_out_until_one_has_ended() {
    let sandbox = Sandbox::empty().await;
    let control = sandbox.steer();
    control.set_concurrency(2, 20).await.unwrap();
    let hold = Fault::new(FaultKind::LateCommit { millis: None }).route("*/describe").times(2);
    let hold = control.arm(hold).await.unwrap();
    let long = |sandbox: &Sandbox| {
        let request = sandbox.request(Method::GET, "sobjects/Account/describe").send();
        tokio::spawn(async move { request.await.unwrap().status().as_u16() })
    };
    let (first, second) = (long(&sandbox), long(&sandbox));
    until(&sandbox.simulator, hold.id, 2).await;
    assert_eq!(sandbox.get("limits").await.status, 200, "they do not take long yet");

    control.advance_clock(20).await.unwrap();
    let refused = sandbox.get("limits").await;
    assert_eq!(control.limits().await.unwrap().long_now, 2);
    control.release(hold.id).await.unwrap();

    assert_eq!((refused.status, refused.code().as_str()), (403, "REQUEST_LIMIT_EXCEEDED"));
    assert!(refused.text.contains("ConcurrentRequests"), "{}", refused.text);
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (200, 200));
    assert_eq!(sandbox.get("limits").await.status, 200);
}

#[tokio::test]
async fn a_gateway_can_give_up_before_the_org_does() {
    let sandbox = Sandbox::empty().await;
    let kind = FaultKind::ApplyLate { millis: None, answer: LateAnswer::GatewayTimeout };
    let armed = sandbox.steer().arm(Fault::new(kind).method("POST")).await.unwrap();

    let answer = sandbox.post("sobjects/Account", &json!({ "Name": "late" })).await;

    assert_eq!((answer.status, answer.text.starts_with("<html>")), (504, true));
    assert_eq!(sandbox.query("SELECT COUNT() FROM Account").await["totalSize"], 0);
    assert_eq!(sandbox.steer().release(armed.id).await.unwrap(), 1);
    assert_eq!(sandbox.query("SELECT COUNT() FROM Account").await["totalSize"], 1);
}

/// Waits until a fault holds so much work back.
pub(crate) async fn until(simulator: &Simulator, fault: u64, held: u64) {
    let control = simulator.control().unwrap();
    let begun = Instant::now();
    loop {
        let list = control.held().await.unwrap();
        if list.get(&fault) == Some(&held) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "too little is held back: {list:?}");
        tokio::task::yield_now().await;
    }
}
