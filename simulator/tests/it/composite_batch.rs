//! `/composite/batch`: subrequests that know nothing of each other.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Sandbox, assert_refused};

#[tokio::test]
async fn every_subrequest_has_its_status_and_its_result() {
    let sandbox = Sandbox::empty().await;
    let id = sandbox.account("first").await;
    let body = json!({ "batchRequests": [
        { "method": "PATCH", "url": format!("v66.0/sobjects/account/{id}"), "richInput": { "Name": "second" } },
        { "method": "GET", "url": format!("v66.0/sobjects/account/{id}?fields=Name") },
        { "method": "GET", "url": "v66.0/query?q=SELECT+Nope+FROM+Account" },
        { "method": "GET", "url": "/services/data/v66.0/limits" },
    ] });

    let answer = sandbox.post("composite/batch", &body).await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    let answer = answer.json();
    assert_eq!(answer["hasErrors"], true);
    assert_eq!(answer["results"][0], json!({ "statusCode": 204, "result": null }));
    assert_eq!(answer["results"][1]["result"]["Name"], "second");
    assert_eq!(answer["results"][2]["statusCode"], 400);
    assert_eq!(answer["results"][2]["result"][0]["errorCode"], "INVALID_FIELD");
    assert_eq!(answer["results"][3]["statusCode"], 200, "a failure does not stop the others");
}

#[tokio::test]
async fn halt_on_error_skips_what_follows_and_keeps_what_was_done() {
    let sandbox = Sandbox::empty().await;
    let create = |name: Value| json!({ "method": "POST", "url": "v66.0/sobjects/Account", "richInput": { "Name": name } });
    let body = json!({ "haltOnError": true, "batchRequests": [create(json!("a")), create(Value::Null), create(json!("c"))] });

    let answer = sandbox.post("composite/batch", &body).await.json();

    assert_eq!(answer["results"][0]["statusCode"], 201);
    assert_eq!(answer["results"][1]["statusCode"], 400);
    assert_eq!(answer["results"][2]["statusCode"], 412);
    assert_eq!(answer["results"][2]["result"][0]["errorCode"], "BATCH_PROCESSING_HALTED");
    assert_eq!(sandbox.query("SELECT COUNT() FROM Account").await["totalSize"], 1);
}

#[tokio::test]
async fn each_subrequest_counts_as_a_call() {
    let sandbox = Sandbox::empty().await;
    let limits = json!({ "method": "GET", "url": "v66.0/limits" });
    sandbox.control("limits", &json!({ "used": 0, "limit": 3 })).await;

    let answer =
        sandbox.post("composite/batch", &json!({ "batchRequests": vec![limits; 4] })).await;

    let statuses: Vec<u64> = answer.json()["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["statusCode"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [200, 200, 200, 403]);
    assert_eq!(answer.header("sforce-limit-info"), "api-usage=3/3");
}

#[tokio::test]
async fn what_a_batch_cannot_hold_is_refused() {
    let sandbox = Sandbox::empty().await;
    let limits = json!({ "method": "GET", "url": "v66.0/limits" });
    let mut binary = limits.clone();
    binary["binaryPartName"] = json!("part");
    #[rustfmt::skip]
    let table = [
        (json!({ "batchRequests": vec![limits; 26] }), "LIMIT_EXCEEDED"),
        (json!({ "batchRequests": [binary] }),         "INVALID_INPUT"),
        (json!({ "batchRequest": [] }),                "JSON_PARSER_ERROR"),
        (json!([]),                                    "JSON_PARSER_ERROR"),
    ];
    for (body, code) in table {
        let answer = sandbox.post("composite/batch", &body).await;
        assert_refused(&answer, StatusCode::BAD_REQUEST, code);
    }
    let nested = json!({ "batchRequests": [{ "method": "POST", "url": "v66.0/composite", "richInput": {} }] });
    assert_eq!(
        sandbox.post("composite/batch", &nested).await.json()["results"][0]["statusCode"],
        400
    );
}
