//! `/composite`: subrequests that build on each other, alone or in one transaction.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Answer, Sandbox, assert_refused};

const BASE: &str = "/services/data/v66.0";

fn step(method: &str, path: &str, id: &str, body: Value) -> Value {
    let mut step = json!({ "method": method, "url": format!("{BASE}/{path}"), "referenceId": id });
    if !body.is_null() {
        step["body"] = body;
    }
    step
}

async fn composite(sandbox: &Sandbox, all_or_none: bool, steps: Vec<Value>) -> Answer {
    let body = json!({ "allOrNone": all_or_none, "compositeRequest": steps });
    sandbox.post("composite", &body).await
}

/// The subrequests' answers.
fn parts(answer: &Answer) -> Vec<Value> {
    answer.json()["compositeResponse"]
        .as_array()
        .unwrap_or_else(|| panic!("{}", answer.text))
        .clone()
}

async fn count(sandbox: &Sandbox, object: &str) -> Value {
    sandbox.query(&format!("SELECT COUNT() FROM {object}")).await["totalSize"].clone()
}

#[tokio::test]
async fn later_subrequests_use_the_results_of_earlier_ones() {
    let sandbox = Sandbox::empty().await;

    let answer = composite(
        &sandbox,
        true,
        vec![
            step(
                "POST",
                "sobjects/Account",
                "acme",
                json!({ "Name": "Acme", "NumberOfEmployees": 7 }),
            ),
            step(
                "POST",
                "sobjects/Contact",
                "ada",
                json!({ "LastName": "A", "AccountId": "@{acme.id}" }),
            ),
            step("GET", "sobjects/Account/@{acme.id}", "read", Value::Null),
            step(
                "PATCH",
                "sobjects/Contact/@{ada.id}",
                "patch",
                json!({ "Description": "of @{read.Name}" }),
            ),
            step(
                "GET",
                "query?q=SELECT+Id,AccountId+FROM+Contact+WHERE+Id='@{ada.id}'",
                "found",
                Value::Null,
            ),
            step("DELETE", "sobjects/Contact/@{found.records[0].Id}", "gone", Value::Null),
        ],
    )
    .await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    let parts = parts(&answer);
    let statuses: Vec<&Value> = parts.iter().map(|part| &part["httpStatusCode"]).collect();
    assert_eq!(statuses, [201, 201, 200, 204, 200, 204], "{}", answer.text);
    let account = parts[0]["body"]["id"].as_str().unwrap();
    assert_eq!(parts[0]["referenceId"], "acme");
    assert_eq!(parts[0]["httpHeaders"]["Location"], format!("{BASE}/sobjects/Account/{account}"));
    assert_eq!(parts[2]["body"]["Name"], "Acme");
    assert!(parts[2]["httpHeaders"]["Last-Modified"].is_string());
    assert_eq!(
        parts[3],
        json!({ "body": null, "httpHeaders": {}, "httpStatusCode": 204, "referenceId": "patch" })
    );
    assert_eq!(parts[4]["body"]["records"][0]["AccountId"], account);
    assert_eq!(count(&sandbox, "Contact").await, 0);
}

#[tokio::test]
async fn without_all_or_none_a_failure_stops_only_what_refers_to_it() {
    let sandbox = Sandbox::empty().await;

    let answer = composite(
        &sandbox,
        false,
        vec![
            step("POST", "sobjects/Account", "bad", json!({})),
            step(
                "POST",
                "sobjects/Contact",
                "needs",
                json!({ "LastName": "x", "AccountId": "@{bad.id}" }),
            ),
            step("POST", "sobjects/Account", "good", json!({ "Name": "kept" })),
            step("GET", "sobjects/Account/@{good.Id}", "case", Value::Null),
        ],
    )
    .await;

    let parts = parts(&answer);
    assert_eq!(parts[0]["httpStatusCode"], 400);
    assert_eq!(parts[0]["body"][0]["errorCode"], "REQUIRED_FIELD_MISSING");
    assert_eq!(parts[1]["httpStatusCode"], 400);
    assert_eq!(
        parts[1]["body"][0],
        json!({
            "errorCode": "PROCESSING_HALTED",
            "message": "Invalid reference specified. No value for bad.id found in bad"
        })
    );
    assert_eq!(parts[2]["httpStatusCode"], 201);
    assert_eq!(parts[3]["body"][0]["errorCode"], "PROCESSING_HALTED", "names are case-sensitive");
    assert_eq!(
        (count(&sandbox, "Account").await, count(&sandbox, "Contact").await),
        (json!(1), json!(0))
    );
}

#[tokio::test]
async fn all_or_none_takes_everything_back_and_tells_the_others_so() {
    let sandbox = Sandbox::empty().await;
    let kept = sandbox.account("kept").await;
    let accounts = json!({ "allOrNone": true, "records": [{ "attributes": { "type": "Account" }, "Name": "c" }] });

    let answer = composite(
        &sandbox,
        true,
        vec![
            step("POST", "sobjects/Account", "one", json!({ "Name": "one" })),
            step("PATCH", &format!("sobjects/Account/{kept}"), "two", json!({ "Name": "changed" })),
            step("POST", "composite/sobjects", "rows", accounts),
            step("POST", "sobjects/Account", "bad", json!({})),
            step("POST", "sobjects/Account", "never", json!({ "Name": "x" })),
        ],
    )
    .await;

    assert_eq!(answer.status, 200);
    let parts = parts(&answer);
    for at in [0, 1, 2, 4] {
        assert_eq!(parts[at]["httpStatusCode"], 400);
        assert_eq!(
            parts[at]["body"],
            json!([{
                "errorCode": "PROCESSING_HALTED",
                "message": "The transaction was rolled back since another operation in the same transaction failed."
            }])
        );
    }
    assert_eq!(parts[3]["body"][0]["errorCode"], "REQUIRED_FIELD_MISSING");
    assert_eq!(parts[4]["referenceId"], "never");
    assert_eq!(count(&sandbox, "Account").await, 1);
    let read = sandbox.get(&format!("sobjects/Account/{kept}?fields=Name")).await.json();
    assert_eq!(read["Name"], "kept");
}

#[tokio::test]
async fn a_failed_row_of_a_collection_fails_an_all_or_none_request() {
    let sandbox = Sandbox::empty().await;
    let records = json!([{ "attributes": { "type": "Account" }, "Name": "a" }, { "attributes": { "type": "Account" } }]);

    let answer = composite(
        &sandbox,
        true,
        vec![
            step("POST", "sobjects/Account", "one", json!({ "Name": "one" })),
            step(
                "POST",
                "composite/sobjects",
                "rows",
                json!({ "allOrNone": false, "records": records }),
            ),
        ],
    )
    .await;

    let parts = parts(&answer);
    assert_eq!(parts[0]["body"][0]["errorCode"], "PROCESSING_HALTED");
    assert_eq!(parts[1]["httpStatusCode"], 200);
    assert_eq!(parts[1]["body"][0]["success"], true, "the row is gone, and its answer misleads");
    assert_eq!(count(&sandbox, "Account").await, 0);
}

#[tokio::test]
async fn requests_that_cannot_be_meant_are_refused_as_a_whole() {
    let sandbox = Sandbox::empty().await;
    let many = |count: usize, path: &str| -> Vec<Value> {
        (0..count).map(|n| step("GET", path, &format!("r{n}"), Value::Null)).collect()
    };
    let mut with_header = step("GET", "limits", "one", Value::Null);
    with_header["httpHeaders"] = json!({ "authorization": "Bearer x" });
    #[rustfmt::skip]
    let table = [
        (many(26, "limits"),                                              "LIMIT_EXCEEDED"),
        (many(6, "query?q=SELECT+Id+FROM+Account"),                       "LIMIT_EXCEEDED"),
        (many(6, "composite/sobjects/Account?ids=a&fields=Id"),           "LIMIT_EXCEEDED"),
        (vec![step("GET", "limits", "no-hyphens", Value::Null)],          "JSON_PARSER_ERROR"),
        (vec![step("GET", "limits", "", Value::Null)],                    "JSON_PARSER_ERROR"),
        (vec![many(1, "limits").remove(0), many(1, "limits").remove(0)],  "INVALID_INPUT"),
        (vec![with_header],                                               "INVALID_INPUT"),
    ];
    for (steps, code) in table {
        let answer = composite(&sandbox, false, steps).await;

        assert_eq!(answer.status, 400, "{}", answer.text);
        let part = &parts(&answer)[0];
        assert_eq!(part["body"][0]["errorCode"], code, "{}", answer.text);
        assert_eq!(part["referenceId"], Value::Null);
    }
    let wide = composite(&sandbox, false, many(25, "limits")).await;
    assert_eq!(parts(&wide).len(), 25);
    let shapeless = sandbox.post("composite", &json!({ "requests": [] })).await;
    assert_refused(&shapeless, StatusCode::BAD_REQUEST, "JSON_PARSER_ERROR");
}

#[tokio::test]
async fn a_subrequest_that_leads_nowhere_fails_alone() {
    let sandbox = Sandbox::empty().await;
    #[rustfmt::skip]
    let table = [
        ("GET",  "/services/data/v66.0/nothing",        404, "NOT_FOUND"),
        ("PUT",  "/services/data/v66.0/limits",         405, "METHOD_NOT_ALLOWED"),
        ("GET",  "/services/data/v1.0/limits",          404, "NOT_FOUND"),
        ("GET",  "/services/oauth2/userinfo",           400, "INVALID_INPUT"),
        ("BREW", "/services/data/v66.0/limits",         400, "INVALID_INPUT"),
        ("POST", "/services/data/v66.0/composite",      400, "INVALID_INPUT"),
        ("POST", "/services/data/v66.0/jobs/query",     400, "INVALID_INPUT"),
        ("GET",  "/services/data/v66.0/query?q=SELEC",  400, "MALFORMED_QUERY"),
    ];
    for (method, url, status, code) in table {
        let steps = vec![
            json!({ "method": method, "url": url, "referenceId": "one" }),
            step("GET", "limits", "two", Value::Null),
        ];
        let answer = composite(&sandbox, false, steps).await;

        let parts = parts(&answer);
        assert_eq!(parts[0]["httpStatusCode"], status, "{url}: {}", answer.text);
        assert_eq!(parts[0]["body"][0]["errorCode"], code, "{url}");
        assert_eq!(parts[1]["httpStatusCode"], 200, "{url}");
    }
}

#[tokio::test]
async fn a_statement_too_long_for_a_url_fits_into_a_subrequest_and_pages_as_usual() {
    let sandbox = Sandbox::empty().await;
    sandbox.accounts(201).await;
    let names: Vec<String> = (0..1_500).map(|n| format!("'a{n:08}'")).collect();
    let soql = format!("SELECT+Id+FROM+Account+WHERE+Name+NOT+IN+({})", names.join(","));
    assert!(soql.len() > 16_384);
    let mut query = step("GET", &format!("query?q={soql}"), "long", Value::Null);
    query["httpHeaders"] = json!({ "Sforce-Query-Options": "batchSize=200" });

    let answer = composite(&sandbox, false, vec![query]).await;

    let body = parts(&answer)[0]["body"].clone();
    assert_eq!((&body["totalSize"], &body["done"]), (&json!(201), &json!(false)), "{body}");
    let next = body["nextRecordsUrl"].as_str().unwrap();
    let more = composite(
        &sandbox,
        false,
        vec![json!({ "method": "GET", "url": next, "referenceId": "more" })],
    )
    .await;
    assert_eq!(parts(&more)[0]["body"]["records"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_composite_request_is_one_call_and_lists_what_lies_below_it() {
    let sandbox = Sandbox::empty().await;
    let usage = async || {
        sandbox.get("limits").await.json()["DailyApiRequests"]["Remaining"].as_i64().unwrap()
    };
    let before = usage().await;

    let steps = (0..5).map(|n| step("GET", "limits", &format!("r{n}"), Value::Null)).collect();
    composite(&sandbox, false, steps).await;

    assert_eq!(before - usage().await, 2, "one call, and the one that asks");
    let below = sandbox.get("composite").await.json();
    assert_eq!(below["batch"], "/services/data/v66.0/composite/batch");
    assert_eq!(below["sobjects"], "/services/data/v66.0/composite/sobjects");
}
