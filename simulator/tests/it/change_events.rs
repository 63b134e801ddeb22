//! Change Data Capture: which events a change yields, and what they say.

use salesforce_simulator::Config;
use serde_json::{Value, json};

use crate::{bayeux::Bayeux, support::Sandbox};

const CHANNEL: &str = "/data/ChangeEvents";

async fn capturing(objects: &[&str]) -> (Sandbox, Bayeux) {
    let config = Config {
        empty: true,
        cdc: objects.iter().map(|name| (*name).to_owned()).collect(),
        connect_timeout: std::time::Duration::from_millis(200),
        ..Config::default()
    };
    let sandbox = Sandbox::of(config).await;
    let mut bayeux = Bayeux::new(&sandbox);
    bayeux.handshake().await;
    bayeux.subscribe(CHANNEL, -1).await;
    (sandbox, bayeux)
}

fn header(event: &Value) -> &Value {
    &event["data"]["payload"]["ChangeEventHeader"]
}

#[tokio::test]
async fn a_row_is_told_of_from_its_creation_to_its_return_from_the_bin() {
    let (sandbox, mut bayeux) = capturing(&["Account"]).await;
    let body = json!({ "Name": "Ada", "Phone": "1", "BillingCity": "Paris" });
    let id = sandbox.post("sobjects/Account", &body).await.json()["id"].clone();
    let path = format!("sobjects/Account/{}", id.as_str().unwrap());
    sandbox.control("clock", &json!({ "advance_seconds": 5 })).await;
    sandbox.patch(&path, &json!({ "Phone": null, "BillingCity": "Rome" })).await;
    sandbox.delete(&path).await;
    sandbox.control("undelete", &json!({ "ids": [id] })).await;

    let events = bayeux.events(4).await;

    let kinds: Vec<&Value> = events.iter().map(|event| &header(event)["changeType"]).collect();
    assert_eq!(kinds, ["CREATE", "UPDATE", "DELETE", "UNDELETE"]);
    for event in &events {
        assert_eq!(header(event)["entityName"], "Account");
        assert_eq!(header(event)["recordIds"], json!([id]));
        assert_eq!(header(event)["sequenceNumber"], 1);
    }
    let payloads: Vec<&Value> = events.iter().map(|event| &event["data"]["payload"]).collect();
    assert_eq!(payloads[0]["Name"], "Ada");
    assert_eq!(payloads[0]["BillingAddress"], json!({ "City": "Paris" }), "compounds are nested");
    assert_eq!(payloads[0].get("Fax"), None, "a creation tells what is not null");
    assert_eq!(payloads[0].get("SystemModstamp"), None);
    assert_eq!(header(events.first().unwrap())["changedFields"], json!([]));
    assert_eq!(
        header(&events[1])["changedFields"],
        json!(["BillingAddress.City", "Phone", "LastModifiedDate"]),
        "an update tells what changed"
    );
    assert_eq!(payloads[1]["Phone"], Value::Null);
    assert_eq!(payloads[1].get("Name"), None);
    assert!(payloads[1]["LastModifiedDate"].as_str().unwrap().ends_with('Z'));
    assert_eq!(payloads[2].as_object().unwrap().len(), 1, "a deletion tells its header alone");
    assert_eq!(payloads[3]["Name"], "Ada");
}

#[tokio::test]
async fn the_origin_names_the_api_and_the_client_and_is_empty_for_people() {
    let (sandbox, mut bayeux) = capturing(&["Account"]).await;
    let request = sandbox
        .request(reqwest::Method::POST, "sobjects/Account")
        .header("Sforce-Call-Options", "client=MySync, defaultNamespace=x")
        .json(&json!({ "Name": "synced" }));
    request.send().await.unwrap();
    sandbox.account("without a name of its own").await;
    sandbox.control("records/Account", &json!({ "Name": "by hand" })).await;

    let events = bayeux.events(3).await;

    let origins: Vec<&Value> = events.iter().map(|event| &header(event)["changeOrigin"]).collect();
    assert_eq!(
        origins,
        ["com/salesforce/api/rest/66.0;client=MySync", "com/salesforce/api/rest/66.0", ""]
    );
    assert_ne!(header(&events[0])["commitUser"], header(&events[2])["commitUser"]);
}

#[tokio::test]
async fn rows_of_one_call_are_one_transaction_and_equal_changes_one_event() {
    let (sandbox, mut bayeux) = capturing(&["Account"]).await;
    let ids = sandbox.accounts(3).await;
    let created = bayeux.events(3).await;
    let rename = |id: &String, name: &str| json!({ "attributes": { "type": "Account" }, "id": id, "Site__x": null, "Name": name });
    let records: Vec<Value> = [("x", 0), ("x", 1), ("y", 2)]
        .map(|(name, at)| {
            let mut record = rename(&ids[at], name);
            record.as_object_mut().unwrap().remove("Site__x");
            record
        })
        .into();
    sandbox.control("clock", &json!({ "advance_seconds": 1 })).await;
    sandbox.patch("composite/sobjects", &json!({ "records": records })).await;

    let updated = bayeux.events(2).await;

    let key = |event: &Value| header(event)["transactionKey"].clone();
    let numbers = |events: &[Value]| -> Vec<i64> {
        events.iter().map(|event| header(event)["sequenceNumber"].as_i64().unwrap()).collect()
    };
    assert!(created.iter().all(|event| key(event) == key(&created[0])));
    assert_eq!(numbers(&created), [1, 2, 3]);
    assert_ne!(key(&created[0]), key(&updated[0]));
    assert_eq!(header(&updated[0])["recordIds"], json!([ids[0], ids[1]]));
    assert_eq!(header(&updated[1])["recordIds"], json!([ids[2]]));
    let commit = |event: &Value| header(event)["commitNumber"].as_u64().unwrap();
    assert!(commit(&created[0]) < commit(&updated[0]));
}

#[tokio::test]
async fn what_was_taken_back_is_not_told() {
    let (sandbox, mut bayeux) = capturing(&["Account"]).await;
    let record = |name: &str| json!({ "attributes": { "type": "Account" }, "Name": name });
    let body = json!({ "allOrNone": true, "records": [record("a"), record("")] });
    let answer = sandbox.post("composite/sobjects", &body).await.json();
    assert_eq!(answer[0]["success"], json!(false), "{answer}");
    sandbox.account("kept").await;

    let events = bayeux.events(1).await;

    assert_eq!(events[0]["data"]["payload"]["Name"], "kept");
}

#[tokio::test]
async fn objects_are_selected_while_the_org_runs() {
    let (sandbox, mut bayeux) = capturing(&[]).await;
    sandbox.account("unseen").await;
    let answer = sandbox.control("events/capture", &json!({ "objects": ["account"] })).await;
    assert_eq!(answer.json()["captured"], json!(["Account"]), "{}", answer.text);
    sandbox.account("seen").await;
    sandbox.control("events/capture", &json!({ "objects": ["Nothing"] })).await;

    assert_eq!(bayeux.events(1).await[0]["data"]["payload"]["Name"], "seen");
}

#[tokio::test]
async fn gaps_and_overflows_tell_that_something_happened() {
    let (sandbox, mut bayeux) = capturing(&["Account"]).await;
    let id = "001000000000001AAA";
    let gap = json!({ "object": "Account", "ids": [id], "change_type": "GAP_DELETE" });
    sandbox.control("events/gap", &gap).await;
    sandbox.control("events/settings", &json!({ "overflow_at": 1 })).await;
    sandbox.accounts(3).await;

    let events = bayeux.events(3).await;

    let kinds: Vec<&Value> = events.iter().map(|event| &header(event)["changeType"]).collect();
    assert_eq!(kinds, ["GAP_DELETE", "CREATE", "GAP_OVERFLOW"]);
    assert_eq!(header(&events[0])["recordIds"], json!([id]));
    assert_eq!(header(&events[2])["recordIds"], json!(["000000000000000AAA"]));
    assert_eq!(events[2]["data"]["payload"].as_object().unwrap().len(), 1, "without a body");
}

#[tokio::test]
async fn a_bulk_job_tells_of_its_rows() {
    let (sandbox, mut bayeux) = capturing(&["Account"]).await;
    let order = json!({ "object": "Account", "operation": "insert" });
    let job = sandbox.post("jobs/ingest", &order).await.json();
    let path = format!("jobs/ingest/{}", job["id"].as_str().unwrap());
    let upload = sandbox.request(reqwest::Method::PUT, &format!("{path}/batches"));
    upload.header("Content-Type", "text/csv").body("Name\na\nb\n").send().await.unwrap();
    sandbox.patch(&path, &json!({ "state": "UploadComplete" })).await;
    sandbox.ended(&path).await;

    let events = bayeux.events(2).await;

    assert_eq!(header(&events[0])["changeOrigin"], "com/salesforce/api/bulk/66.0");
    assert_eq!(header(&events[0])["transactionKey"], header(&events[1])["transactionKey"]);
}

#[tokio::test]
async fn a_composite_request_is_one_transaction_with_one_origin_and_a_failed_one_is_not_told() {
    let (sandbox, mut bayeux) = capturing(&["Account"]).await;
    let step = |id: &str, fields: Value| {
        let url = "/services/data/v66.0/sobjects/Account";
        let mut step = json!({ "method": "POST", "url": url, "referenceId": id });
        step["body"] = fields;
        step
    };
    let request =
        |steps: [Value; 2]| json!({ "allOrNone": true, "compositeRequest": Vec::from(steps) });
    let failed = request([step("a", json!({ "Name": "gone" })), step("b", json!({}))]);
    let kept = request([step("a", json!({ "Name": "1" })), step("b", json!({ "Name": "2" }))]);

    sandbox.post("composite", &failed).await;
    sandbox.post("composite", &kept).await;
    let events = bayeux.events(2).await;

    let keys: Vec<&Value> = events.iter().map(|event| &header(event)["transactionKey"]).collect();
    assert_eq!(keys.first(), keys.last(), "one transaction");
    for (event, name) in events.iter().zip(["1", "2"]) {
        assert_eq!(event["data"]["payload"]["Name"], name);
        assert_eq!(header(event)["changeOrigin"], "com/salesforce/api/rest/66.0");
    }
}
