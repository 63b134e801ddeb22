//! Work that is done twice, late, in part or not at all.

use reqwest::Method;
use salesforce_simulator::{
    Fault, FaultKind,
    control::{JobEnding, LateAnswer},
};
use serde_json::{Value, json};

use crate::{
    faults_answers::until,
    support::{Sandbox, assert_refused},
};

async fn accounts(sandbox: &Sandbox) -> u64 {
    sandbox.query("SELECT COUNT() FROM Account").await["totalSize"].as_u64().unwrap()
}

/// A closed ingest job of these CSV rows of names; its path.
async fn ingest(sandbox: &Sandbox, names: &[&str]) -> String {
    let order = json!({ "object": "Account", "operation": "insert" });
    let job = sandbox.post("jobs/ingest", &order).await.json();
    let path = format!("jobs/ingest/{}", job["id"].as_str().unwrap());
    let csv = format!("Name\n{}\n", names.join("\n"));
    let upload = sandbox.request(Method::PUT, &format!("{path}/batches"));
    let upload = upload.header("content-type", "text/csv").body(csv).send().await.unwrap();
    assert_eq!(upload.status(), 201);
    let closed = sandbox.patch(&path, &json!({ "state": "UploadComplete" })).await;
    assert_eq!(closed.status, 200, "{}", closed.text);
    path
}

#[tokio::test]
async fn work_can_be_done_twice_and_answered_once() {
    let sandbox = Sandbox::empty().await;
    sandbox.steer().arm(FaultKind::ApplyTwice {}).await.unwrap();

    let answer = sandbox.post("sobjects/Account", &json!({ "Name": "twin" })).await;

    assert_eq!(answer.status, 201);
    assert_eq!(accounts(&sandbox).await, 2);
}

#[tokio::test]
async fn work_can_be_done_after_the_client_gave_up() {
    let sandbox = Sandbox::empty().await;
    let kind = FaultKind::ApplyLate { millis: None, answer: LateAnswer::Cut };
    let armed = sandbox.steer().arm(Fault::new(kind).method("POST")).await.unwrap();
    let record = json!({ "attributes": { "type": "Account" }, "Name": "late" });
    let request = sandbox.request(Method::POST, "composite/sobjects");

    let outcome = request.json(&json!({ "records": [record] })).send().await;

    assert!(outcome.is_err(), "{outcome:?}");
    assert_eq!(accounts(&sandbox).await, 0);
    assert_eq!(sandbox.steer().release(armed.id).await.unwrap(), 1);
    assert_eq!(accounts(&sandbox).await, 1);
    assert_eq!(sandbox.steer().release(armed.id).await.unwrap(), 0, "only once");
}

#[tokio::test]
async fn late_work_can_come_by_itself() {
    let sandbox = Sandbox::empty().await;
    let kind = FaultKind::ApplyLate { millis: Some(50), answer: LateAnswer::Cut };
    sandbox.steer().arm(Fault::new(kind).method("POST")).await.unwrap();
    let request =
        sandbox.request(Method::POST, "sobjects/Account").json(&json!({ "Name": "late" }));
    request.send().await.unwrap_err();

    let begun = std::time::Instant::now();
    while accounts(&sandbox).await == 0 {
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "it never comes");
    }
}

#[tokio::test]
async fn a_write_can_become_visible_late_with_its_old_stamp() {
    let sandbox = Sandbox::empty().await;
    let control = sandbox.steer();
    let written = control.freeze_clock().await.unwrap().now;
    let kind = FaultKind::LateCommit { millis: None };
    let armed = control.arm(Fault::new(kind).method("POST")).await.unwrap();
    let request =
        sandbox.request(Method::POST, "sobjects/Account").json(&json!({ "Name": "late" }));
    let waiting = tokio::spawn(request.send());
    until(&sandbox.simulator, armed.id, 1).await;
    control.advance_clock(300).await.unwrap();

    assert_eq!(accounts(&sandbox).await, 0, "nobody sees it yet");
    control.release(armed.id).await.unwrap();
    let answer = waiting.await.unwrap().unwrap();

    assert_eq!(answer.status(), 201, "it is answered when it is done");
    let rows = sandbox.query("SELECT SystemModstamp FROM Account").await;
    let stamp = written.format("%Y-%m-%dT%H:%M:%S.000+0000").to_string();
    assert_eq!(rows["records"][0]["SystemModstamp"], json!(stamp));
}

#[tokio::test]
async fn what_a_job_writes_can_become_visible_late_with_its_old_stamp() {
    let sandbox = Sandbox::empty().await;
    let control = sandbox.steer();
    let written = control.freeze_clock().await.unwrap().now;
    let kind = FaultKind::LateCommit { millis: None };
    let armed = control.arm(Fault::new(kind).route("*/jobs/ingest")).await.unwrap();
    let names: Vec<String> = (0..450).map(|row| format!("n{row}")).collect();
    let job = ingest(&sandbox, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    until(&sandbox.simulator, armed.id, 1).await;
    control.advance_clock(300).await.unwrap();

    assert_eq!(accounts(&sandbox).await, 0, "nobody sees them yet");
    assert_eq!(sandbox.get(&job).await.json()["state"], "InProgress");
    control.release(armed.id).await.unwrap();
    let ended = sandbox.ended(&job).await;

    assert_eq!(
        (&ended["state"], &ended["numberRecordsProcessed"]),
        (&json!("JobComplete"), &json!(450))
    );
    let stamp = written.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let old = format!("SELECT COUNT() FROM Account WHERE SystemModstamp = {stamp}");
    assert_eq!(sandbox.query(&old).await["totalSize"], 450);
}

#[tokio::test]
async fn a_late_job_whose_unique_value_was_taken_meanwhile_fails_and_leaves_nothing() {
    let sandbox = Sandbox::empty().await;
    let control = sandbox.steer();
    let kind = FaultKind::LateCommit { millis: None };
    let armed = control.arm(Fault::new(kind).route("*/jobs/ingest")).await.unwrap();
    let order = json!({ "object": "Account", "operation": "insert" });
    let id = sandbox.post("jobs/ingest", &order).await.json()["id"].clone();
    let path = format!("jobs/ingest/{}", id.as_str().unwrap());
    let upload = sandbox.request(Method::PUT, &format!("{path}/batches"));
    let csv = "Name,External_Id__c\na,k\nb,l\n";
    upload.header("content-type", "text/csv").body(csv).send().await.unwrap();
    sandbox.patch(&path, &json!({ "state": "UploadComplete" })).await;
    until(&sandbox.simulator, armed.id, 1).await;
    let first = json!({ "Name": "first", "External_Id__c": "k" });
    assert_eq!(sandbox.post("sobjects/Account", &first).await.status, 201);

    control.release(armed.id).await.unwrap();
    let ended = sandbox.ended(&path).await;

    assert_eq!(ended["state"], "Failed");
    assert!(ended["errorMessage"].as_str().unwrap().starts_with("DUPLICATE_VALUE"), "{ended}");
    assert_eq!(accounts(&sandbox).await, 1);
}

#[tokio::test]
async fn rows_with_a_value_are_refused_wherever_they_are_written() {
    let sandbox = Sandbox::empty().await;
    let poison = FaultKind::poison("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Name", json!("bad"));
    sandbox.steer().arm(Fault::new(poison).forever()).await.unwrap();
    let record = |name: &str| json!({ "attributes": { "type": "Account" }, "Name": name });

    let single = sandbox.post("sobjects/Account", &json!({ "Name": "bad" })).await;
    let collection = sandbox
        .post("composite/sobjects", &json!({ "records": [record("good"), record("bad")] }))
        .await
        .json();
    let job = ingest(&sandbox, &["fine", "bad", "well"]).await;
    let ended = sandbox.ended(&job).await;
    let failed = sandbox.get(&format!("{job}/failedResults")).await.text;

    assert_refused(&single, reqwest::StatusCode::BAD_REQUEST, "FIELD_CUSTOM_VALIDATION_EXCEPTION");
    assert_eq!(collection[0]["success"], json!(true));
    assert_eq!(collection[1]["errors"][0]["statusCode"], "FIELD_CUSTOM_VALIDATION_EXCEPTION");
    assert_eq!(
        (&ended["numberRecordsProcessed"], &ended["numberRecordsFailed"]),
        (&json!(3), &json!(1))
    );
    assert!(failed.contains("FIELD_CUSTOM_VALIDATION_EXCEPTION:"), "{failed}");
    assert_eq!(accounts(&sandbox).await, 3);
}

#[tokio::test]
async fn jobs_go_wrong_half_way() {
    #[rustfmt::skip]
    let table = [
        (JobEnding::Fail,        "Failed",      json!("InternalServerError : Job failed after an internal error")),
        (JobEnding::Unprocessed, "JobComplete", Value::Null),
    ];
    for (ending, state, message) in table {
        let sandbox = Sandbox::empty().await;
        let kind: FaultKind =
            serde_json::from_value(json!({ "kind": "job", "ending": ending, "after_rows": 2 }))
                .unwrap();
        sandbox.steer().arm(Fault::new(kind).route("*/jobs/ingest")).await.unwrap();

        let job = ingest(&sandbox, &["a", "b", "c"]).await;
        let ended = sandbox.ended(&job).await;

        assert_eq!((&ended["state"], &ended["errorMessage"]), (&json!(state), &message));
        let unprocessed = sandbox.get(&format!("{job}/unprocessedRecords")).await.text;
        assert_eq!(unprocessed, "\"Name\"\n\"c\"\n", "{state}");
        assert_eq!(accounts(&sandbox).await, 2, "what was written stays written");
    }
}

#[tokio::test]
async fn a_job_can_stay_in_progress_until_it_is_aborted() {
    let sandbox = Sandbox::empty().await;
    let kind = json!({ "kind": "job", "ending": "stall", "after_rows": 1 });
    let stall: Fault = serde_json::from_value(kind).unwrap();
    sandbox.steer().arm(stall.route("*/jobs/*")).await.unwrap();
    let job = ingest(&sandbox, &["a", "b"]).await;
    let begun = std::time::Instant::now();
    while accounts(&sandbox).await == 0 {
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "the job does not begin");
    }

    assert_eq!(sandbox.get(&job).await.json()["state"], "InProgress");
    let aborted = sandbox.patch(&job, &json!({ "state": "Aborted" })).await;
    assert_eq!((aborted.status, &aborted.json()["state"]), (200, &json!("Aborted")));
}
