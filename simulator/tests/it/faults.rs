//! Trouble on demand.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, Sandbox};

#[tokio::test]
async fn a_lost_request_leaves_no_trace_and_a_lost_answer_does() {
    let sandbox = Sandbox::empty().await;

    for (kind, created) in [("cut_before", 0), ("cut_after", 1)] {
        let fault = json!({ "route": "*/sobjects/Account", "method": "POST", "kind": kind });
        assert_eq!(sandbox.control("faults", &fault).await.status, 201);

        let outcome = sandbox
            .request(Method::POST, "sobjects/Account")
            .json(&json!({ "Name": "x" }))
            .send()
            .await;

        assert!(outcome.is_err(), "{kind} answered {outcome:?}");
        assert_eq!(
            sandbox.query("SELECT COUNT() FROM Account").await["totalSize"],
            created,
            "{kind}"
        );
    }
    assert_eq!(
        sandbox.bare(Method::GET, "/__org/v1/faults").send().await.unwrap().text().await.unwrap(),
        "[]"
    );
}

#[tokio::test]
async fn an_ordered_status_comes_with_its_body_or_a_maintenance_page() {
    let sandbox = Sandbox::empty().await;
    sandbox
        .control("faults", &json!({ "operation": "limits", "kind": "status", "status": 503 }))
        .await;
    let body = json!([{ "errorCode": "SERVER_UNAVAILABLE", "message": "busy" }]);
    sandbox
        .control(
            "faults",
            &json!({ "route": "*/limits", "kind": "status", "status": 503, "body": body }),
        )
        .await;
    sandbox.control("faults", &json!({ "route": "*/limits", "after": 0, "times": 1, "kind": "status", "status": 401 })).await;

    let page = sandbox.get("limits").await;
    let busy = sandbox.get("limits").await;
    let expired = sandbox.get("limits").await;
    let well = sandbox.get("limits").await;

    assert_eq!((page.status, page.text.starts_with("<html>")), (503, true));
    assert_eq!((busy.status, busy.json()), (503, body));
    assert_eq!((expired.status, expired.code().as_str()), (401, "INVALID_SESSION_ID"));
    assert_eq!(well.status, 200);
}

#[tokio::test]
async fn a_fault_can_wait_for_its_turn() {
    let sandbox = Sandbox::empty().await;
    sandbox.control("faults", &json!({ "route": "*/limits", "after": 1, "times": 2, "kind": "status", "status": 500 })).await;

    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(sandbox.get("limits").await.status);
    }

    assert_eq!(statuses, [200, 500, 500, 200]);
}

#[tokio::test]
async fn every_kth_row_can_fail() {
    let sandbox = Sandbox::empty().await;
    sandbox
        .control("faults", &json!({ "operation": "collection", "kind": "row_error", "every": 2 }))
        .await;
    let record = json!({ "attributes": { "type": "Account" }, "Name": "x" });

    let answer = sandbox
        .post("composite/sobjects", &json!({ "records": [record, record, record] }))
        .await
        .json();

    assert_eq!(answer[0]["success"], json!(true));
    assert_eq!(answer[1]["errors"][0]["statusCode"], "UNABLE_TO_LOCK_ROW");
    assert_eq!(answer[2]["success"], json!(true));
}

#[tokio::test]
async fn an_answer_can_break_off_in_the_middle() {
    let sandbox = Sandbox::empty().await;
    sandbox
        .control("faults", &json!({ "operation": "describe", "kind": "truncate", "bytes": 10 }))
        .await;

    let http = reqwest::Client::builder().no_proxy().gzip(false).build().unwrap();
    let url = format!("{}/services/data/v66.0/sobjects/Account/describe", sandbox.simulator.url());
    let response =
        http.get(url).bearer_auth(&sandbox.credentials.access_token).send().await.unwrap();

    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err(), "the body must not look complete");
}

#[tokio::test]
async fn an_answer_can_be_late() {
    let sandbox = Sandbox::empty().await;
    sandbox
        .control("faults", &json!({ "operation": "limits", "kind": "latency", "millis": 200 }))
        .await;

    let begun = Instant::now();
    let answer = sandbox.get("limits").await;

    assert_eq!(answer.status, 200);
    assert!(begun.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn faults_can_be_listed_and_taken_back() {
    let sandbox = Sandbox::empty().await;
    let fault = sandbox.control("faults", &json!({ "kind": "cut_before" })).await.json();
    let list = sandbox.bare(Method::GET, "/__org/v1/faults").send().await.unwrap();
    let list = Answer::of(list).await.json();
    assert_eq!(list[0]["id"], fault["id"]);
    assert_eq!((&list[0]["route"], &list[0]["times"]), (&json!("*"), &json!(1)));

    let path = format!("/__org/v1/faults/{}", fault["id"]);
    assert_eq!(sandbox.bare(Method::DELETE, &path).send().await.unwrap().status(), 204);

    assert_eq!(sandbox.get("limits").await.status, 200);
    assert_eq!(sandbox.control("faults", &json!({ "kind": "nonsense" })).await.status, 400);
}
