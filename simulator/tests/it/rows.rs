//! Single rows, by id and by external id, and getUpdated and getDeleted.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Answer, Sandbox, assert_refused};

#[tokio::test]
async fn a_row_is_created_read_changed_and_deleted() {
    let sandbox = Sandbox::empty().await;

    let created = sandbox.post("sobjects/account", &json!({ "Name": "Ada" })).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let body = created.json();
    let id = body["id"].as_str().unwrap();
    assert_eq!(body, json!({ "id": id, "success": true, "errors": [] }));
    let path = format!("sobjects/Account/{id}");
    assert_eq!(created.header("location"), format!("/services/data/v66.0/{path}"));

    let changed = sandbox.patch(&path, &json!({ "Name": "Ada L." })).await;
    assert_eq!((changed.status, changed.text.as_str()), (204, ""));

    let read = sandbox.get(&format!("{path}?fields=Name,Id")).await.json();
    assert_eq!(read["Name"], "Ada L.");
    assert_eq!(read["attributes"]["url"], format!("/services/data/v66.0/{path}"));

    assert_eq!(sandbox.delete(&path).await.status, 204);
    let gone = sandbox.patch(&path, &json!({ "Name": "x" })).await;
    assert_refused(&gone, StatusCode::NOT_FOUND, "ENTITY_IS_DELETED");
    assert_eq!(gone.json()[0]["fields"], json!([]));
}

#[tokio::test]
async fn refusals_have_salesforces_codes() {
    let sandbox = Sandbox::empty().await;
    let id = sandbox.account("x").await;
    let missing = "sobjects/Account/001000000000000AAA";

    let nameless = sandbox.post("sobjects/Account", &json!({})).await;
    assert_refused(&nameless, StatusCode::BAD_REQUEST, "REQUIRED_FIELD_MISSING");
    assert_eq!(nameless.json()[0]["fields"], json!(["Name"]));
    let unknown = sandbox.post("sobjects/Account", &json!({ "Name": "x", "Nope": 1 })).await;
    assert_refused(&unknown, StatusCode::BAD_REQUEST, "INVALID_FIELD");
    assert_refused(&sandbox.get(missing).await, StatusCode::NOT_FOUND, "NOT_FOUND");
    let absent = sandbox.patch(missing, &json!({ "Name": "x" })).await;
    assert_refused(&absent, StatusCode::NOT_FOUND, "INVALID_CROSS_REFERENCE_KEY");
    let short = sandbox.get("sobjects/Account/123").await;
    assert_refused(&short, StatusCode::NOT_FOUND, "NOT_FOUND");
    assert!(short.text.contains("Provided external ID field does not exist"));
    let field = sandbox.get(&format!("sobjects/Account/{id}?fields=Nope")).await;
    assert_refused(&field, StatusCode::BAD_REQUEST, "INVALID_FIELD");
    let with_id = sandbox.patch(&format!("sobjects/Account/{id}"), &json!({ "Id": id })).await;
    assert_refused(&with_id, StatusCode::BAD_REQUEST, "INVALID_FIELD");
}

#[tokio::test]
async fn an_upsert_creates_then_changes() {
    let sandbox = Sandbox::empty().await;
    let path = "sobjects/Account/External_Id__c/key%2F1";

    let created = sandbox.patch(path, &json!({ "Name": "one" })).await;
    let changed = sandbox.patch(path, &json!({ "Name": "two" })).await;

    assert_eq!((created.status, &created.json()["created"]), (201, &json!(true)));
    assert_eq!((changed.status, &changed.json()["created"]), (200, &json!(false)));
    assert_eq!(created.json()["id"], changed.json()["id"]);
    assert!(created.header("location").contains("/sobjects/Account/001"));
    let read = sandbox.get(&format!("{path}?fields=Name,External_Id__c")).await.json();
    assert_eq!((&read["Name"], &read["External_Id__c"]), (&json!("two"), &json!("key/1")));
    assert_eq!(sandbox.delete(path).await.status, 204);
    assert_refused(&sandbox.get(path).await, StatusCode::NOT_FOUND, "NOT_FOUND");
}

#[tokio::test]
async fn an_upsert_by_a_field_that_is_no_key_is_not_found() {
    let sandbox = Sandbox::empty().await;

    let answer = sandbox.patch("sobjects/Account/Nope__c/1", &json!({ "Name": "x" })).await;

    assert_refused(&answer, StatusCode::NOT_FOUND, "NOT_FOUND");
    assert!(answer.text.contains("Provided external ID field does not exist or is not accessible"));
}

#[tokio::test]
async fn a_write_that_must_not_overwrite_a_newer_one_is_refused_with_412() {
    let sandbox = Sandbox::empty().await;
    let id = sandbox.account("first").await;
    let path = format!("sobjects/Account/{id}");
    let seen = sandbox.get(&path).await.header("last-modified").to_owned();
    let write = async |since: &str| {
        let request = sandbox
            .request(Method::PATCH, &path)
            .header("if-unmodified-since", since)
            .json(&json!({ "Name": "mine" }));
        Answer::of(request.send().await.unwrap()).await
    };

    assert_eq!(write(&seen).await.status, 204, "nobody wrote since");
    sandbox.control("clock", &json!({ "advance_seconds": 5 })).await;
    sandbox.patch(&path, &json!({ "Name": "theirs" })).await;
    let late = write(&seen).await;
    assert_refused(&late, StatusCode::PRECONDITION_FAILED, "PRECONDITION_FAILED");
    assert_eq!(write("yesterday").await.status, 400);
    let unchanged = sandbox.request(Method::GET, &path);
    let now = sandbox.get(&path).await.header("last-modified").to_owned();
    let unchanged = unchanged.header("if-modified-since", now).send().await.unwrap();
    assert_eq!(unchanged.status(), 304);
}

#[tokio::test]
async fn changed_and_deleted_rows_are_listed_by_time() {
    let sandbox = Sandbox::empty().await;
    let kept = sandbox.account("kept").await;
    let gone = sandbox.account("gone").await;
    sandbox.delete(&format!("sobjects/Account/{gone}")).await;
    sandbox.control("clock", &json!({ "advance_seconds": 120 })).await;
    let answer = sandbox.control("clock", &json!({ "advance_seconds": 0 })).await.json();
    let end = chrono::DateTime::parse_from_rfc3339(answer["now"].as_str().unwrap()).unwrap();
    let start = end - chrono::TimeDelta::minutes(10);
    let ask = async |kind: &str| {
        let request = sandbox.request(Method::GET, &format!("sobjects/Account/{kind}/"));
        let window = [("start", start.to_rfc3339()), ("end", end.to_rfc3339())];
        Answer::of(request.query(&window).send().await.unwrap()).await.json()
    };

    let updated = ask("updated").await;
    let deleted = ask("deleted").await;

    assert_eq!(updated["ids"], json!([kept]), "{updated}");
    assert!(updated["latestDateCovered"].as_str().unwrap().ends_with("+0000"));
    assert_eq!(deleted["deletedRecords"][0]["id"], json!(gone), "{deleted}");
    assert!(deleted["earliestDateAvailable"].is_string());
    let backwards = sandbox
        .get("sobjects/Account/updated?start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z")
        .await;
    assert_refused(&backwards, StatusCode::BAD_REQUEST, "INVALID_REPLICATION_DATE");
}

#[tokio::test]
async fn records_are_counted() {
    let sandbox = Sandbox::empty().await;
    sandbox.account("x").await;

    let answer = sandbox.get("limits/recordCount?sObjects=Account,Contact").await.json();

    assert_eq!(answer["sObjects"][0], json!({ "count": 1, "name": "Account" }));
    assert_eq!(answer["sObjects"][1], json!({ "count": 0, "name": "Contact" }));
}

#[tokio::test]
async fn an_object_tells_the_rows_its_user_changed_last() {
    let sandbox = Sandbox::empty().await;
    let id = sandbox.account("Acme").await;

    let told = sandbox.get("sobjects/Account").await.json();

    assert_eq!(told["objectDescribe"]["name"], "Account");
    assert_eq!(told["recentItems"][0]["Id"], id);
    assert_eq!(told["recentItems"][0]["Name"], "Acme");
    assert_eq!(told["recentItems"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_row_by_its_key_is_asked_for_read_and_deleted_and_an_upsert_can_be_kept_from_creating() {
    let sandbox = Sandbox::empty().await;
    let path = "sobjects/Account/External_Id__c/k";

    let kept = sandbox.patch(&format!("{path}?updateOnly=true"), &json!({ "Name": "x" })).await;
    assert_refused(&kept, StatusCode::NOT_FOUND, "NOT_FOUND");
    let made =
        sandbox.post("sobjects/Account/Id", &json!({ "Name": "x", "External_Id__c": "k" })).await;
    assert_eq!(made.status, 201);
    let head = Answer::of(sandbox.request(Method::HEAD, path).send().await.unwrap()).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    let changed = sandbox.patch(&format!("{path}?updateOnly=true"), &json!({ "Name": "y" })).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(sandbox.get(path).await.json()["Name"], "y");
    assert_eq!(sandbox.delete(path).await.status, 204);
    let head = Answer::of(sandbox.request(Method::HEAD, path).send().await.unwrap()).await;
    assert_eq!(head.status, 404);
}
