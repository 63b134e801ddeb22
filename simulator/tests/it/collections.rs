//! Many rows in one call.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Sandbox, assert_refused};

fn account(fields: &Value) -> Value {
    let mut record = json!({ "attributes": { "type": "Account" } });
    for (name, value) in fields.as_object().unwrap() {
        record[name] = value.clone();
    }
    record
}

#[tokio::test]
async fn each_row_has_its_own_outcome_in_the_order_of_the_input() {
    let sandbox = Sandbox::empty().await;
    let records =
        [account(&json!({ "Name": "a" })), account(&json!({})), account(&json!({ "Name": "c" }))];

    let answer = sandbox
        .post("composite/sobjects", &json!({ "allOrNone": false, "records": records }))
        .await;

    assert_eq!(answer.status, 200);
    let results = answer.json();
    assert_eq!(results[0]["success"], json!(true));
    assert_eq!(results[1]["success"], json!(false));
    assert_eq!(results[1]["errors"][0]["statusCode"], "REQUIRED_FIELD_MISSING");
    assert_eq!(results[1]["errors"][0]["fields"], json!(["Name"]));
    assert_eq!(results[2]["errors"], json!([]));
    assert_eq!(sandbox.query("SELECT COUNT() FROM Account").await["totalSize"], 2);
}

#[tokio::test]
async fn all_or_none_takes_everything_back() {
    let sandbox = Sandbox::empty().await;
    let records = [account(&json!({ "Name": "a" })), account(&json!({}))];

    let answer =
        sandbox.post("composite/sobjects", &json!({ "allOrNone": true, "records": records })).await;

    let results = answer.json();
    assert_eq!(results[0]["errors"][0]["statusCode"], "ALL_OR_NONE_OPERATION_ROLLED_BACK");
    assert_eq!(results[1]["errors"][0]["statusCode"], "REQUIRED_FIELD_MISSING");
    assert_eq!(sandbox.query("SELECT COUNT() FROM Account").await["totalSize"], 0);
}

#[tokio::test]
async fn rows_are_changed_upserted_retrieved_and_deleted_together() {
    let sandbox = Sandbox::empty().await;
    let ids = sandbox.accounts(2).await;

    let changed = sandbox
        .patch(
            "composite/sobjects",
            &json!({ "records": [
        account(&json!({ "id": ids[0], "Name": "changed" })),
        account(&json!({ "Name": "no id" })),
    ] }),
        )
        .await
        .json();
    assert_eq!(changed[0], json!({ "id": ids[0], "success": true, "errors": [] }));
    assert_eq!(changed[1]["errors"][0]["statusCode"], "MISSING_ARGUMENT");

    let upsert =
        json!({ "records": [account(&json!({ "External_Id__c": "k", "Name": "keyed" }))] });
    let path = "composite/sobjects/Account/External_Id__c";
    assert_eq!(sandbox.patch(path, &upsert).await.json()[0]["created"], json!(true));
    assert_eq!(sandbox.patch(path, &upsert).await.json()[0]["created"], json!(false));

    let asked = json!({ "ids": [ids[1], "001000000000000AAA", ids[0]], "fields": ["Name"] });
    let read = sandbox.post("composite/sobjects/Account", &asked).await.json();
    assert_eq!(read[0]["Name"], "a1");
    assert_eq!(read[1], Value::Null);
    assert_eq!(read[2]["Name"], "changed");
    let by_url =
        sandbox.get(&format!("composite/sobjects/Account?ids={}&fields=Name", ids[0])).await;
    assert_eq!(by_url.json()[0]["Name"], "changed");

    let deleted = sandbox
        .delete(&format!("composite/sobjects?ids={},{}&allOrNone=false", ids[0], ids[0]))
        .await
        .json();
    assert_eq!(deleted[0]["success"], json!(true));
    assert_eq!(deleted[1]["errors"][0]["statusCode"], "ENTITY_IS_DELETED");
}

#[tokio::test]
async fn too_many_rows_ids_or_runs_are_refused_as_a_whole() {
    let sandbox = Sandbox::empty().await;
    let many: Vec<Value> = (0..201).map(|_| account(&json!({ "Name": "x" }))).collect();
    let runs: Vec<Value> = (0..11)
        .map(|n| {
            let kind = if n % 2 == 0 { "Account" } else { "Contact" };
            json!({ "attributes": { "type": kind }, "LastName": "x" })
        })
        .collect();
    let ids: Vec<String> = (0..2001).map(|n| format!("001{n:015}")).collect();

    let rows = sandbox.post("composite/sobjects", &json!({ "records": many })).await;
    assert_refused(&rows, StatusCode::BAD_REQUEST, "EXCEEDED_ID_LIMIT");
    let runs = sandbox.post("composite/sobjects", &json!({ "records": runs })).await;
    assert_refused(&runs, StatusCode::BAD_REQUEST, "LIMIT_EXCEEDED");
    let ids =
        sandbox.post("composite/sobjects/Account", &json!({ "ids": ids, "fields": ["Id"] })).await;
    assert_refused(&ids, StatusCode::BAD_REQUEST, "EXCEEDED_ID_LIMIT");
    assert_eq!(sandbox.query("SELECT COUNT() FROM Account").await["totalSize"], 0);
}

#[tokio::test]
async fn a_field_that_is_no_key_is_not_found() {
    let sandbox = Sandbox::empty().await;
    let body = json!({ "records": [account(&json!({ "Name": "x" }))] });

    for field in ["Nope__c", "Id"] {
        let answer = sandbox.patch(&format!("composite/sobjects/Account/{field}"), &body).await;
        assert_refused(&answer, StatusCode::NOT_FOUND, "NOT_FOUND");
    }
}

#[tokio::test]
async fn requests_of_the_wrong_shape_are_refused_as_a_whole() {
    let sandbox = Sandbox::empty().await;
    let typeless = json!({ "records": [account(&json!({ "Name": "x" })), { "Name": "y" }] });

    let created = sandbox.post("composite/sobjects", &typeless).await;
    assert_refused(&created, StatusCode::BAD_REQUEST, "INVALID_INPUT");
    let changed = sandbox.patch("composite/sobjects", &typeless).await;
    assert_refused(&changed, StatusCode::BAD_REQUEST, "INVALID_INPUT");
    let without_ids = sandbox.delete("composite/sobjects").await;
    assert_refused(&without_ids, StatusCode::BAD_REQUEST, "MISSING_ARGUMENT");
    let mixed: Vec<String> = (0..11)
        .map(|n| format!("{}00000000000{n:03}", if n % 2 == 0 { "001" } else { "003" }))
        .collect();
    let runs = sandbox.delete(&format!("composite/sobjects?ids={}", mixed.join(","))).await;
    assert_refused(&runs, StatusCode::BAD_REQUEST, "LIMIT_EXCEEDED");
    let other =
        json!({ "records": [{ "attributes": { "type": "Contact" }, "External_Id__c": "x" }] });
    let upserted = sandbox.patch("composite/sobjects/Account/External_Id__c", &other).await;
    assert_refused(&upserted, StatusCode::BAD_REQUEST, "INVALID_TYPE");
    assert_eq!(sandbox.query("SELECT COUNT() FROM Account").await["totalSize"], 0);
}

#[tokio::test]
async fn rows_of_several_types_are_written_in_one_call_and_an_unknown_type_fails_alone() {
    let sandbox = Sandbox::empty().await;
    let records = json!([
        account(&json!({ "Name": "a" })),
        { "attributes": { "type": "Contact" }, "LastName": "b" },
        { "attributes": { "type": "Nope__c" }, "Name": "c" },
    ]);

    let answer = sandbox.post("composite/sobjects", &json!({ "records": records })).await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    let results = answer.json();
    assert!(results[0]["id"].as_str().unwrap().starts_with("001"));
    assert!(results[1]["id"].as_str().unwrap().starts_with("003"));
    assert_eq!(results[2]["errors"][0]["statusCode"], "INVALID_TYPE");
}
