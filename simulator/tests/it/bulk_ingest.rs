//! Bulk 2.0 ingest jobs.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use salesforce_simulator::Config;
use serde_json::{Value, json};

use crate::support::{Answer, Sandbox, assert_refused};

async fn open(sandbox: &Sandbox, order: &Value) -> String {
    let answer = sandbox.post("jobs/ingest", order).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let job = answer.json();
    let path = format!("jobs/ingest/{}", job["id"].as_str().unwrap());
    assert_eq!(job["state"], "Open");
    assert_eq!(job["contentUrl"], format!("services/data/v66.0/{path}/batches"));
    path
}

async fn upload(sandbox: &Sandbox, job: &str, csv: &str) -> Answer {
    let request = sandbox.request(Method::PUT, &format!("{job}/batches"));
    let request = request.header("content-type", "text/csv").body(csv.to_owned());
    Answer::of(request.send().await.unwrap()).await
}

async fn close(sandbox: &Sandbox, job: &str) -> Value {
    let answer = sandbox.patch(job, &json!({ "state": "UploadComplete" })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    sandbox.ended(job).await
}

async fn run(sandbox: &Sandbox, order: &Value, csv: &str) -> (String, Value) {
    let job = open(sandbox, order).await;
    let uploaded = upload(sandbox, &job, csv).await;
    assert_eq!((uploaded.status, uploaded.text.as_str()), (201, ""));
    let report = close(sandbox, &job).await;
    (job, report)
}

fn insert() -> Value {
    json!({ "object": "Account", "operation": "insert", "contentType": "CSV" })
}

#[tokio::test]
async fn rows_succeed_or_fail_one_by_one() {
    let sandbox = Sandbox::empty().await;

    let (job, report) =
        run(&sandbox, &insert(), "Name,Website\na,https://a\n,https://b\n\"c, \"\"d\"\"\",\n")
            .await;

    assert_eq!(report["state"], "JobComplete", "{report}");
    assert_eq!(
        (&report["numberRecordsProcessed"], &report["numberRecordsFailed"]),
        (&json!(3), &json!(1))
    );
    let successful = sandbox.get(&format!("{job}/successfulResults/")).await.text;
    let lines: Vec<&str> = successful.lines().collect();
    assert_eq!(lines[0], "\"sf__Id\",\"sf__Created\",\"Name\",\"Website\"");
    assert!(
        lines[1].ends_with(",\"true\",\"c, \"\"d\"\"\",\"\""),
        "not in the upload's order: {lines:?}"
    );
    assert!(lines[2].ends_with(",\"true\",\"a\",\"https://a\""), "{lines:?}");
    let failed = sandbox.get(&format!("{job}/failedResults")).await.text;
    assert_eq!(
        failed,
        "\"sf__Id\",\"sf__Error\",\"Name\",\"Website\"\n\
         \"\",\"REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --\",\"\",\"https://b\"\n"
    );
    let unprocessed = sandbox.get(&format!("{job}/unprocessedrecords/")).await.text;
    assert_eq!(unprocessed, "\"Name\",\"Website\"\n");
}

#[tokio::test]
async fn an_upsert_tells_what_it_created_and_empty_is_not_null() {
    let sandbox = Sandbox::empty().await;
    let order = json!({ "object": "Account", "operation": "upsert", "externalIdFieldName": "External_Id__c" });
    run(&sandbox, &order, "External_Id__c,Name,Website,Phone\nk1,one,https://one,123\n").await;

    let (job, report) =
        run(&sandbox, &order, "External_Id__c,Name,Website,Phone\nk1,,#N/A,\nk2,two,,\n").await;

    assert_eq!(report["numberRecordsFailed"], 0, "{report}");
    let created = sandbox.get(&format!("{job}/successfulResults")).await.text;
    assert!(
        created.contains("\"false\",\"k1\"") && created.contains("\"true\",\"k2\""),
        "{created}"
    );
    let rows =
        sandbox.query("SELECT Name, Website, Phone FROM Account WHERE External_Id__c = 'k1'").await;
    let row = &rows["records"][0];
    assert_eq!(
        (&row["Name"], &row["Website"], &row["Phone"]),
        (&json!("one"), &Value::Null, &json!("123"))
    );
}

#[tokio::test]
async fn rows_are_changed_and_deleted_by_id() {
    let sandbox = Sandbox::empty().await;
    let ids = sandbox.accounts(2).await;

    let update = json!({ "object": "Account", "operation": "update" });
    run(&sandbox, &update, &format!("Id,Name\n{},changed\n", ids[0])).await;
    let delete = json!({ "object": "Account", "operation": "delete" });
    let (_, report) = run(&sandbox, &delete, &format!("Id\n{}\n{}\n", ids[1], ids[1])).await;

    assert_eq!(
        (&report["numberRecordsProcessed"], &report["numberRecordsFailed"]),
        (&json!(2), &json!(1))
    );
    let rows = sandbox.query("SELECT Name FROM Account").await;
    assert_eq!((&rows["totalSize"], &rows["records"][0]["Name"]), (&json!(1), &json!("changed")));
}

#[tokio::test]
async fn a_bad_header_fails_the_job_and_gives_all_rows_back() {
    let sandbox = Sandbox::empty().await;

    let (job, report) = run(&sandbox, &insert(), "Name,Foo\na,b\n").await;

    assert_eq!(report["state"], "Failed");
    assert_eq!(report["errorMessage"], "InvalidBatch : Field name not found : Foo");
    let rows = sandbox.get(&format!("{job}/unprocessedrecords")).await.text;
    assert_eq!(rows, "\"Name\",\"Foo\"\n\"a\",\"b\"\n");
    let (_, empty) = run(&sandbox, &insert(), "").await;
    assert_eq!(empty["state"], "Failed");
}

#[tokio::test]
async fn a_row_that_is_no_text_fails_the_job_but_keeps_what_was_written() {
    let sandbox = Sandbox::empty().await;
    let job = open(&sandbox, &insert()).await;
    let request = sandbox.request(Method::PUT, &format!("{job}/batches"));
    let request = request.header("content-type", "text/csv").body(b"Name\na\n\xff\n".to_vec());
    assert_eq!(request.send().await.unwrap().status(), 201);

    let report = close(&sandbox, &job).await;

    assert_eq!(report["state"], "Failed", "{report}");
    assert_eq!(report["numberRecordsProcessed"], 1);
    let written = sandbox.get(&format!("{job}/successfulResults")).await.text;
    assert!(written.ends_with("\"true\",\"a\"\n"), "{written}");
}

#[tokio::test]
async fn a_job_takes_one_upload_and_only_while_it_is_open() {
    let config = Config { empty: true, bulk_delay: Duration::from_hours(1), ..Config::default() };
    let sandbox = Sandbox::of(config).await;
    let job = open(&sandbox, &insert()).await;

    assert_eq!(upload(&sandbox, &job, "Name\na\n").await.status, 201);
    let second = upload(&sandbox, &job, "Name\nb\n").await;
    assert_refused(&second, StatusCode::BAD_REQUEST, "INVALIDJOBSTATE");
    assert_refused(&sandbox.delete(&job).await, StatusCode::BAD_REQUEST, "INVALIDJOBSTATE");
    let closed = sandbox.patch(&job, &json!({ "state": "UploadComplete" })).await.json();
    assert_eq!(closed["state"], "UploadComplete");
    assert!(closed.get("contentUrl").is_none());
    let early = sandbox.get(&format!("{job}/successfulResults")).await;
    assert_refused(&early, StatusCode::BAD_REQUEST, "INVALIDJOBSTATE");

    let aborted = sandbox.patch(&job, &json!({ "state": "Aborted" })).await;
    assert_eq!(aborted.json()["state"], "Aborted");
    let rows = sandbox.get(&format!("{job}/unprocessedrecords")).await.text;
    assert_eq!(rows, "\"Name\"\n\"a\"\n");
    assert_eq!(sandbox.delete(&job).await.status, 204);
    assert_eq!(sandbox.get(&job).await.status, 404);
    assert_eq!(sandbox.query("SELECT COUNT() FROM Account").await["totalSize"], 0);
}

#[tokio::test]
async fn other_delimiters_and_line_ends_are_kept_in_the_results() {
    let sandbox = Sandbox::empty().await;
    let mut order = insert();
    order["columnDelimiter"] = json!("PIPE");
    order["lineEnding"] = json!("CRLF");

    let (job, report) = run(&sandbox, &order, "Name|Website\r\na|\r\n").await;

    assert_eq!(report["numberRecordsFailed"], 0, "{report}");
    let text = sandbox.get(&format!("{job}/successfulResults")).await.text;
    assert!(text.starts_with("\"sf__Id\"|\"sf__Created\"|\"Name\"|\"Website\"\r\n"), "{text:?}");
}

#[tokio::test]
async fn every_kth_row_of_an_upload_can_fail() {
    let sandbox = Sandbox::empty().await;
    let fault = json!({ "route": "*/batches", "kind": "row_error", "every": 3 });
    sandbox.control("faults", &fault).await;

    let (job, report) = run(&sandbox, &insert(), "Name\na\nb\nc\nd\n").await;

    assert_eq!(report["numberRecordsFailed"], 1, "{report}");
    let failed = sandbox.get(&format!("{job}/failedResults")).await.text;
    let line = failed.lines().nth(1).unwrap();
    assert!(line.starts_with("\"\",\"UNABLE_TO_LOCK_ROW:") && line.ends_with("\"c\""), "{line}");
}

#[tokio::test]
async fn impossible_orders_are_refused() {
    let sandbox = Sandbox::empty().await;

    #[rustfmt::skip]
    let table = [
        (json!({ "object": "Nope", "operation": "insert" }), "INVALIDENTITY"),
        (json!({ "object": "Account", "operation": "replace" }), "INVALIDJOB"),
        (json!({ "object": "Account", "operation": "upsert" }), "INVALIDJOB"),
        (json!({ "object": "Account", "operation": "insert", "columnDelimiter": "DOT" }), "JSON_PARSER_ERROR"),
    ];
    for (order, code) in table {
        let answer = sandbox.post("jobs/ingest", &order).await;
        assert_refused(&answer, StatusCode::BAD_REQUEST, code);
    }
}

#[tokio::test]
async fn order_and_rows_may_come_in_one_multipart_body() {
    let sandbox = Sandbox::empty().await;
    let body = "--B\r\nContent-Type: application/json\r\nContent-Disposition: form-data; name=\"job\"\r\n\r\n\
                {\"object\":\"Account\",\"operation\":\"insert\"}\r\n--B\r\nContent-Type: text/csv\r\n\
                Content-Disposition: form-data; name=\"content\"; filename=\"content\"\r\n\r\nName\na\n\r\n--B--\r\n";

    let request = sandbox
        .request(Method::POST, "jobs/ingest")
        .header("content-type", "multipart/form-data; boundary=B")
        .body(body);
    let job = Answer::of(request.send().await.unwrap()).await.json();

    assert_eq!(job["state"], "UploadComplete", "{job}");
    let report = sandbox.ended(&format!("jobs/ingest/{}", job["id"].as_str().unwrap())).await;
    assert_eq!(
        (&report["numberRecordsProcessed"], &report["numberRecordsFailed"]),
        (&json!(1), &json!(0))
    );
}

#[tokio::test]
async fn a_thousand_rows_all_arrive() {
    let sandbox = Sandbox::empty().await;
    let rows: Vec<String> = (0..1000).map(|n| format!("row {n}")).collect();

    let (job, report) = run(&sandbox, &insert(), &format!("Name\n{}\n", rows.join("\n"))).await;

    assert_eq!(report["numberRecordsProcessed"], 1000);
    let text = sandbox.get(&format!("{job}/successfulResults")).await.text;
    assert_eq!(text.lines().count(), 1001);
    assert!((0..1000).all(|n| text.contains(&format!("\"row {n}\""))));
}
