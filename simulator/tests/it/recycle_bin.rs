//! What happens to rows beside ordinary calls: the recycle bin, the delete log, merges and
//! users, ordered by control routes and seen by the REST API.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use salesforce_simulator::Config;
use serde_json::{Value, json};

use crate::support::{Answer, Sandbox};

/// The answer of getDeleted for accounts over the last fourteen days.
async fn deleted(sandbox: &Sandbox) -> Value {
    let answer = sandbox.control("clock", &json!({ "advance_seconds": 0 })).await.json();
    let now: DateTime<Utc> = answer["now"].as_str().unwrap().parse().unwrap();
    let window = [
        ("start", (now - TimeDelta::days(14)).to_rfc3339()),
        ("end", (now + TimeDelta::minutes(1)).to_rfc3339()),
    ];
    let request = sandbox.request(Method::GET, "sobjects/Account/deleted").query(&window);
    Answer::of(request.send().await.unwrap()).await.json()
}

async fn query_all(sandbox: &Sandbox, soql: &str) -> Value {
    let request = sandbox.request(Method::GET, "queryAll").query(&[("q", soql)]);
    Answer::of(request.send().await.unwrap()).await.json()
}

#[tokio::test]
async fn a_deleted_row_leaves_query_all_after_fifteen_days() {
    let session_lifetime = Duration::from_hours(24 * 30);
    let config = Config { empty: true, session_lifetime, ..Config::default() };
    let sandbox = Sandbox::of(config).await;
    let id = sandbox.account("gone").await;
    sandbox.delete(&format!("sobjects/Account/{id}")).await;
    let soql = "SELECT Id FROM Account WHERE IsDeleted = true";
    assert_eq!(query_all(&sandbox, soql).await["totalSize"], 1);

    sandbox.steer().advance_clock(15 * 86_400 + 60).await.unwrap();

    assert_eq!(query_all(&sandbox, soql).await["totalSize"], 0);
    assert_eq!(deleted(&sandbox).await["deletedRecords"], json!([]));
}

#[tokio::test]
async fn an_emptied_bin_is_known_to_get_deleted_until_its_log_is_trimmed() {
    let sandbox = Sandbox::empty().await;
    let id = sandbox.account("gone").await;
    sandbox.delete(&format!("sobjects/Account/{id}")).await;
    sandbox.steer().empty_bin().await.unwrap();

    assert_eq!(query_all(&sandbox, "SELECT Id FROM Account").await["totalSize"], 0);
    let before = deleted(&sandbox).await;
    assert_eq!(before["deletedRecords"][0]["id"], id);

    sandbox.steer().advance_clock(60).await.unwrap();
    sandbox.steer().trim_delete_log("Account", 0).await.unwrap();
    let after = deleted(&sandbox).await;
    assert_eq!(after["deletedRecords"], json!([]));
    let earliest = |answer: &Value| answer["earliestDateAvailable"].as_str().unwrap().to_owned();
    assert!(earliest(&after) > earliest(&before), "{after}");
}

#[tokio::test]
async fn merged_rows_are_deleted_with_the_id_of_the_one_that_remains() {
    let sandbox = Sandbox::empty().await;
    let [winner, loser] = [sandbox.account("winner").await, sandbox.account("loser").await];
    let contact = json!({ "LastName": "c", "AccountId": loser });
    let contact = sandbox.post("sobjects/Contact", &contact).await.json()["id"].clone();

    let fields = json!({ "Fax": "2" });
    let merged = sandbox.steer().merge(&winner, &[&loser], &fields).await.unwrap();

    assert_eq!(merged.id, winner);
    assert_eq!(
        (merged.merged_record_ids, merged.updated_related_ids),
        (vec![loser.clone()], vec![contact.as_str().unwrap().to_owned()])
    );
    let rows = query_all(
        &sandbox,
        "SELECT Id, IsDeleted, MasterRecordId FROM Account WHERE IsDeleted = true",
    )
    .await;
    assert_eq!(rows["records"][0]["Id"], loser);
    assert_eq!(rows["records"][0]["MasterRecordId"], winner);
    let moved = sandbox.query("SELECT AccountId, Account.Fax FROM Contact").await;
    assert_eq!(moved["records"][0]["AccountId"], winner);
    assert_eq!(moved["records"][0]["Account"]["Fax"], "2");
    assert!(sandbox.steer().merge(&winner, &[&winner], &fields).await.is_err());
}

#[tokio::test]
async fn a_user_is_set_up_and_acts() {
    let sandbox = Sandbox::empty().await;
    let fields = json!({ "Username": "eve@example.com" });

    let id = sandbox.steer().add_user(&fields).await.unwrap();

    let session = sandbox.control("as/eve@example.com", &json!({})).await.json();
    assert_eq!(session["user_id"], id);
    assert!(sandbox.steer().add_user(&fields).await.is_err(), "the name is taken");
}

#[tokio::test]
async fn two_upserts_of_a_new_key_leave_one_row() {
    let sandbox = Sandbox::empty().await;
    let path = "sobjects/Account/External_Id__c/key";
    let body = json!({ "Name": "x" });

    let (one, two) = tokio::join!(sandbox.patch(path, &body), sandbox.patch(path, &body));

    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 201]);
    let second =
        sandbox.post("sobjects/Account", &json!({ "Name": "y", "External_Id__c": "KEY" })).await;
    assert_eq!(second.code(), "DUPLICATE_VALUE");
    let message = second.json()[0]["message"].as_str().unwrap().to_owned();
    assert!(
        message.starts_with(
            "duplicate value found: External_Id__c duplicates value on record with id: 001"
        ),
        "{message}"
    );
}

#[tokio::test]
async fn an_upsert_that_may_only_update_creates_nothing() {
    let sandbox = Sandbox::empty().await;
    let path = "sobjects/Account/External_Id__c/key?updateOnly=true";

    let missing = sandbox.patch(path, &json!({ "Name": "x" })).await;
    assert_eq!((missing.status, missing.code().as_str()), (404, "NOT_FOUND"));
    sandbox.post("sobjects/Account", &json!({ "Name": "a", "External_Id__c": "key" })).await;
    assert_eq!(sandbox.patch(path, &json!({ "Name": "x" })).await.status, 200);
}

#[tokio::test]
async fn headers_of_assignment_and_recent_items_are_accepted() {
    let sandbox = Sandbox::empty().await;
    let request = sandbox.request(Method::POST, "sobjects/Case").json(&json!({ "Subject": "x" }));
    let request =
        request.header("Sforce-Auto-Assign", "FALSE").header("Sforce-Mru", "updateMru=false");

    assert_eq!(request.send().await.unwrap().status(), 201);
}
