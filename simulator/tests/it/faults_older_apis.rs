//! Faults on SOAP and Bulk API 1.0, which say their errors in forms of their own, and on the jobs of
//! Bulk queries and batches.

use std::time::{Duration, Instant};

use reqwest::Method;
use salesforce_simulator::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::{
    bulk1::{self, JSON},
    soap::{self, PARTNER},
    support::{Answer, Sandbox},
};

fn fault(json: Value) -> Fault {
    serde_json::from_value(json).unwrap()
}

async fn soap(sandbox: &Sandbox, operation: &str) -> Answer {
    soap::call(sandbox, PARTNER, &sandbox.credentials.access_token, operation).await
}

fn order(operation: &str, object: &str) -> Value {
    json!({ "operation": operation, "object": object, "contentType": "CSV" })
}

#[tokio::test]
async fn a_fault_answers_soap_with_a_fault_of_soap() {
    let sandbox = Sandbox::empty().await;

    #[rustfmt::skip]
    let table = [
        (json!({ "kind": "error", "code": "REQUEST_LIMIT_EXCEEDED" }),                    500, "REQUEST_LIMIT_EXCEEDED"),
        (json!({ "kind": "error", "code": "UNABLE_TO_LOCK_ROW", "message": "locked" }),   500, "UNABLE_TO_LOCK_ROW"),
        (json!({ "kind": "error", "code": "SERVER_UNAVAILABLE", "status": 503 }),         503, "SERVER_UNAVAILABLE"),
        (json!({ "kind": "status", "status": 401 }),                                      500, "INVALID_SESSION_ID"),
        (json!({ "kind": "status", "status": 500 }),                                      500, "UNKNOWN_EXCEPTION"),
        (json!({ "kind": "status", "status": 502 }),                                      502, ""),
    ];
    for (kind, status, code) in table {
        sandbox.steer().arm(fault(kind.clone())).await.unwrap();

        let answer = soap(&sandbox, "<urn:getUserInfo/>").await;

        assert_eq!((answer.status, soap::text(&answer.text, "sf:exceptionCode")), (status, code));
        if !code.is_empty() {
            assert_eq!(soap::text(&answer.text, "faultcode"), format!("sf:{code}"), "{kind}");
            assert_eq!(answer.header("content-type"), "text/xml;charset=UTF-8");
        }
        if let Some(message) = kind["message"].as_str() {
            assert_eq!(soap::text(&answer.text, "sf:exceptionMessage"), message);
        }
    }
}

#[tokio::test]
async fn a_fault_answers_bulk_1_in_the_form_that_the_client_speaks() {
    let sandbox = Sandbox::empty().await;

    #[rustfmt::skip]
    let table = [
        (json!({ "kind": "error", "code": "REQUEST_LIMIT_EXCEEDED" }),                  403, "ExceededQuota"),
        (json!({ "kind": "error", "code": "UNABLE_TO_LOCK_ROW" }),                      400, "TooManyLockFailure"),
        (json!({ "kind": "error", "code": "InvalidBatch", "message": "no" }),           400, "InvalidBatch"),
        (json!({ "kind": "error", "code": "INVALID_SESSION_ID" }),                      400, "InvalidSessionId"),
        (json!({ "kind": "error", "code": "SERVER_UNAVAILABLE" }),                      503, "ServerUnavailable"),
        (json!({ "kind": "status", "status": 401 }),                                    400, "InvalidSessionId"),
        (json!({ "kind": "status", "status": 500 }),                                    500, "Unknown"),
    ];
    for (kind, status, code) in table {
        sandbox.steer().arm(fault(kind.clone()).times(2)).await.unwrap();

        let json = bulk1::send(&sandbox, Method::GET, "job/x", JSON, "").await;
        let xml = bulk1::send(&sandbox, Method::GET, "job/x", "application/xml", "").await;

        assert_eq!((json.status, xml.status), (status, status), "{kind}");
        assert_eq!(json.json()["exceptionCode"], code, "{kind}");
        assert!(!json.json()["exceptionMessage"].as_str().unwrap().is_empty());
        assert_eq!(soap::text(&xml.text, "exceptionCode"), code, "{}", xml.text);
    }
}

#[tokio::test]
async fn a_fault_sees_the_object_rows_and_user_of_soap_and_bulk_1() {
    let sandbox = Sandbox::empty().await;
    let account = sandbox.account("a").await;
    let record = |object: &str, field: &str| {
        format!("<urn:sObjects><type>{object}</type><{field}>x</{field}></urn:sObjects>")
    };
    let (contact, account_record) = (record("Contact", "LastName"), record("Account", "Name"));
    let struck = |answer: &Answer| answer.status == 418;
    let control = sandbox.steer();
    let accounts = bulk1::open(&sandbox, &order("insert", "Account")).await;
    let batch = format!("job/{accounts}/batch");

    control.arm(Fault::new(FaultKind::status(418)).object("Account").forever()).await.unwrap();
    #[rustfmt::skip]
    let operations = [
        (format!("<urn:create>{account_record}</urn:create>"), true),
        (format!("<urn:create>{contact}</urn:create>"), false),
        ("<urn:query><urn:queryString>SELECT Id FROM Account</urn:queryString></urn:query>".to_owned(), true),
        ("<urn:query><urn:queryString>SELECT Id FROM Contact</urn:queryString></urn:query>".to_owned(), false),
        (format!("<urn:delete><urn:ids>{account}</urn:ids></urn:delete>"), true),
        ("<urn:describeSObject><urn:sObjectType>Account</urn:sObjectType></urn:describeSObject>".to_owned(), true),
        ("<urn:getUserInfo/>".to_owned(), false),
    ];
    for (operation, expected) in operations {
        assert_eq!(struck(&soap(&sandbox, &operation).await), expected, "{operation}");
    }
    for (object, expected) in [("Account", true), ("Contact", false)] {
        let body = order("insert", object).to_string();
        let answer = bulk1::send(&sandbox, Method::POST, "job", JSON, &body).await;
        assert_eq!(struck(&answer), expected, "{object}");
    }
    let xml = "<jobInfo><operation>insert</operation><object>Account</object></jobInfo>";
    assert!(struck(&bulk1::send(&sandbox, Method::POST, "job", "application/xml", xml).await));
    assert!(struck(&bulk1::send(&sandbox, Method::POST, &batch, "text/csv", "Name\nx\n").await));
    control.disarm_all().await.unwrap();

    control.arm(Fault::new(FaultKind::status(418)).min_rows(2).forever()).await.unwrap();
    let one = soap(&sandbox, &format!("<urn:create>{contact}</urn:create>")).await;
    let two = soap(&sandbox, &format!("<urn:create>{contact}{contact}</urn:create>")).await;
    let few = bulk1::send(&sandbox, Method::POST, &batch, "text/csv", "Name\nx\n").await;
    let many = bulk1::send(&sandbox, Method::POST, &batch, "text/csv", "Name\nx\ny\n").await;
    assert_eq!([&one, &two, &few, &many].map(struck), [false, true, false, true]);
    control.disarm_all().await.unwrap();

    let human = sandbox.credentials.user_username.clone();
    control.arm(Fault::new(FaultKind::status(418)).user(human).forever()).await.unwrap();
    let token = sandbox.credentials.user_token.clone();
    assert!(struck(&soap::call(&sandbox, PARTNER, &token, "<urn:getUserInfo/>").await));
    assert!(!struck(&soap(&sandbox, "<urn:getUserInfo/>").await));
}

#[tokio::test]
async fn batches_go_wrong_half_way_whoever_ordered_the_fault() {
    #[rustfmt::skip]
    let table = [
        ("fail",        "*/job",   "Failed"),
        ("fail",        "*/batch", "Failed"),
        ("unprocessed", "*/batch", "Completed"),
    ];
    for (ending, route, state) in table {
        let sandbox = Sandbox::empty().await;
        let kind = json!({ "kind": "job", "ending": ending, "after_rows": 2 });
        sandbox.steer().arm(fault(kind).route(route)).await.unwrap();

        let job = bulk1::open(&sandbox, &order("insert", "Account")).await;
        let batch = bulk1::add(&sandbox, &job, "text/csv", "Name\na\nb\nc\n").await;
        let info = bulk1::ended(&sandbox, &job, &batch).await;

        assert_eq!(info["state"], state, "{ending} {info}");
        assert_eq!(info["stateMessage"].is_string(), state == "Failed");
        let count = sandbox.query("SELECT COUNT() FROM Account").await;
        assert_eq!(count["totalSize"], 2, "what was written stays written");
        if state == "Completed" {
            let results = bulk1::result(&sandbox, &job, &batch).await.text;
            assert!(results.trim_end().lines().last().unwrap().contains("PROCESSING_HALTED"));
        }
    }
}

#[tokio::test]
async fn queries_of_both_bulk_apis_go_wrong_half_way() {
    #[rustfmt::skip]
    let table = [
        ("fail",        "Failed",      "Failed",    0),
        ("unprocessed", "JobComplete", "Completed", 2),
    ];
    for (ending, state, batch_state, rows) in table {
        let sandbox = Sandbox::empty().await;
        sandbox.accounts(3).await;
        let kind = json!({ "kind": "job", "ending": ending, "after_rows": 2 });
        sandbox.steer().arm(fault(kind).method("POST").times(2)).await.unwrap();

        let query = json!({ "operation": "query", "query": "SELECT Id FROM Account" });
        let job = sandbox.post("jobs/query", &query).await.json();
        let job = sandbox.ended(&format!("jobs/query/{}", job["id"].as_str().unwrap())).await;
        let old = bulk1::open(&sandbox, &order("query", "Account")).await;
        let batch = bulk1::add(&sandbox, &old, "text/csv", "SELECT Id FROM Account").await;
        let batch = bulk1::ended(&sandbox, &old, &batch).await;

        assert_eq!((&job["state"], &job["numberRecordsProcessed"]), (&json!(state), &json!(rows)));
        assert_eq!(batch["state"], batch_state, "{batch}");
        assert_eq!(batch["numberRecordsProcessed"], 2, "a batch tells how far it came");
    }
}

#[tokio::test]
async fn queries_and_batches_can_stay_in_progress_until_they_are_aborted() {
    let sandbox = Sandbox::empty().await;
    let kind = json!({ "kind": "job", "ending": "stall", "after_rows": 1 });
    sandbox.steer().arm(fault(kind).method("POST").times(2)).await.unwrap();

    let query = json!({ "operation": "query", "query": "SELECT Id FROM Account" });
    let job = sandbox.post("jobs/query", &query).await.json();
    let query = format!("jobs/query/{}", job["id"].as_str().unwrap());
    let old = bulk1::open(&sandbox, &order("insert", "Account")).await;
    let batch = bulk1::add(&sandbox, &old, "text/csv", "Name\na\nb\n").await;
    let path = format!("job/{old}/batch/{batch}");
    let state = async || {
        let batch = bulk1::send(&sandbox, Method::GET, &path, JSON, "").await.json();
        (sandbox.get(&query).await.json()["state"].clone(), batch["state"].clone())
    };
    let begun = Instant::now();
    while sandbox.query("SELECT COUNT() FROM Account").await["totalSize"] == 0
        || state().await.0 != "InProgress"
    {
        assert!(begun.elapsed() < Duration::from_secs(20), "the work does not begin");
    }

    assert_eq!(state().await, (json!("InProgress"), json!("InProgress")));
    let aborted = json!({ "state": "Aborted" });
    assert_eq!(sandbox.patch(&query, &aborted).await.json()["state"], "Aborted");
    let order = aborted.to_string();
    let aborted = bulk1::send(&sandbox, Method::POST, &format!("job/{old}"), JSON, &order).await;
    assert_eq!(aborted.json()["state"], "Aborted", "{}", aborted.text);
}
