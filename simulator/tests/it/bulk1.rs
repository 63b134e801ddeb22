//! Bulk API 1.0: jobs, batches, their results in the order of their rows, queries and chunks.

use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use salesforce_simulator::Config;
use serde_json::{Value, json};

use crate::support::{Answer, Sandbox};

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const JSON: &str = "application/json";

/// A request of this API with the integration user's session.
pub(crate) async fn send(
    sandbox: &Sandbox,
    method: Method,
    path: &str,
    kind: &str,
    body: &str,
) -> Answer {
    let name = if method == Method::GET { "accept" } else { "content-type" };
    let mut request = request(sandbox, method, path).body(body.to_owned());
    if !kind.is_empty() {
        request = request.header(name, kind);
    }
    Answer::of(request.send().await.unwrap()).await
}

fn request(sandbox: &Sandbox, method: Method, path: &str) -> RequestBuilder {
    sandbox
        .bare(method, &format!("/services/async/59.0/{path}"))
        .header("x-sfdc-session", &sandbox.credentials.access_token)
}

/// Opens a job and answers its id.
pub(crate) async fn open(sandbox: &Sandbox, order: &Value) -> String {
    let answer = send(sandbox, Method::POST, "job", JSON, &order.to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn add(sandbox: &Sandbox, job: &str, kind: &str, body: &str) -> String {
    let answer = send(sandbox, Method::POST, &format!("job/{job}/batch"), kind, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    match answer.text.split_once("<id>") {
        Some((_, rest)) => rest.split_once('<').unwrap().0.to_owned(),
        None => answer.json()["id"].as_str().unwrap().to_owned(),
    }
}

/// Polls a batch until it has ended.
pub(crate) async fn ended(sandbox: &Sandbox, job: &str, batch: &str) -> Value {
    let begun = Instant::now();
    loop {
        let path = format!("job/{job}/batch/{batch}");
        let info = send(sandbox, Method::GET, &path, JSON, "").await.json();
        if !matches!(info["state"].as_str(), Some("Queued" | "InProgress")) {
            return info;
        }
        assert!(begun.elapsed() < PATIENCE, "the batch does not end: {info}");
        tokio::time::timeout(Duration::from_millis(10), std::future::pending::<()>())
            .await
            .unwrap_err();
    }
}

pub(crate) async fn result(sandbox: &Sandbox, job: &str, batch: &str) -> Answer {
    send(sandbox, Method::GET, &format!("job/{job}/batch/{batch}/result"), "", "").await
}

fn insert(content: &str) -> Value {
    json!({ "operation": "insert", "object": "Account", "contentType": content })
}

#[tokio::test]
async fn results_stand_in_the_order_of_the_rows_whatever_the_type_of_the_body() {
    let sandbox = Sandbox::empty().await;
    let xml = "<?xml version=\"1.0\"?><sObjects xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\">\
               <sObject><Name>a</Name></sObject><sObject><Phone>1</Phone></sObject>\
               <sObject><Name>b</Name></sObject></sObjects>";

    #[rustfmt::skip]
    let table = [
        ("CSV",  "text/csv",        "Name,Phone\na,\n,1\nb,\n"),
        ("JSON", JSON,              r#"[{"Name":"a"},{"Phone":"1"},{"Name":"b"}]"#),
        ("XML",  "application/xml", xml),
    ];
    for (content, kind, body) in table {
        let job = open(&sandbox, &insert(content)).await;
        let batch = add(&sandbox, &job, kind, body).await;
        let info = ended(&sandbox, &job, &batch).await;
        let result = result(&sandbox, &job, &batch).await;
        let request =
            send(&sandbox, Method::GET, &format!("job/{job}/batch/{batch}/request"), "", "").await;

        assert!(job.starts_with("750") && batch.starts_with("751"), "{job} {batch}");
        assert_eq!(info["state"], "Completed", "{info}");
        assert_eq!(
            (&info["numberRecordsProcessed"], &info["numberRecordsFailed"]),
            (&json!(3), &json!(1))
        );
        assert_eq!(request.text, body);
        assert_eq!(result.header("content-type"), kind);
        match content {
            "CSV" => {
                let lines: Vec<&str> = result.text.lines().collect();
                assert_eq!(lines[0], "\"Id\",\"Success\",\"Created\",\"Error\"");
                assert!(
                    lines[1].starts_with("\"001") && lines[1].ends_with(",\"true\",\"true\",\"\"")
                );
                assert!(
                    lines[2].starts_with("\"\",\"false\",\"false\",\"REQUIRED_FIELD_MISSING:"),
                    "{}",
                    lines[2]
                );
                assert!(lines[3].starts_with("\"001"));
            }
            "JSON" => {
                let rows = result.json();
                assert_eq!(
                    (&rows[0]["success"], &rows[1]["success"], &rows[2]["created"]),
                    (&json!(true), &json!(false), &json!(true))
                );
                assert_eq!(rows[1]["errors"][0]["statusCode"], "REQUIRED_FIELD_MISSING");
                assert_eq!(rows[1]["errors"][0]["fields"], json!(["Name"]));
            }
            _ => {
                assert_eq!(
                    result.text.matches("<success>true</success>").count(),
                    2,
                    "{}",
                    result.text
                );
                let first_error = result.text.find("<statusCode>").unwrap();
                assert!(result.text.find("<success>true").unwrap() < first_error);
            }
        }
    }
}

#[tokio::test]
async fn xml_is_spoken_unless_the_client_speaks_json() {
    let sandbox = Sandbox::empty().await;
    let order = "\n<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
                 <jobInfo xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\">\
                 <operation>insert</operation><object>Account</object>\
                 <concurrencyMode>Serial</concurrencyMode><contentType>CSV</contentType></jobInfo>";

    let kind = "application/xml; charset=utf-8";
    let opened = send(&sandbox, Method::POST, "job", kind, order.trim()).await;
    let (_, rest) = opened.text.split_once("<id>").unwrap();
    let job = rest.split_once('<').unwrap().0;
    let batch = add(&sandbox, job, "text/csv", "Name\nx\n").await;
    ended(&sandbox, job, &batch).await;
    let close = "<jobInfo><state>Closed</state></jobInfo>";
    let closed = send(&sandbox, Method::POST, &format!("job/{job}"), kind, close).await;
    let list = send(&sandbox, Method::GET, &format!("job/{job}/batch"), "", "").await;
    let in_json = send(&sandbox, Method::GET, &format!("job/{job}"), JSON, "").await.json();

    assert_eq!((opened.status, opened.header("content-type")), (201, "application/xml"));
    assert!(
        opened.text.contains("<jobInfo xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\">")
    );
    assert!(opened.text.contains("<state>Open</state>"), "{}", opened.text);
    assert!(closed.text.contains("<state>Closed</state>"), "{}", closed.text);
    assert!(
        list.text.contains("<batchInfoList") && list.text.contains(&format!("<id>{batch}</id>"))
    );
    assert_eq!(in_json["concurrencyMode"], "Serial");
    assert_eq!(
        (&in_json["numberBatchesCompleted"], &in_json["numberBatchesTotal"]),
        (&json!(1), &json!(1))
    );
}

#[tokio::test]
async fn a_job_of_csv_is_read_back_in_xml_whatever_type_the_request_gives_the_body_it_lacks() {
    let sandbox = Sandbox::empty().await;
    let order = json!({ "operation": "insert", "object": "Account", "contentType": "CSV" });
    let job = open(&sandbox, &order).await;
    let batch = add(&sandbox, &job, "text/csv", "Name\nAcme\n").await;

    for path in
        [format!("job/{job}"), format!("job/{job}/batch"), format!("job/{job}/batch/{batch}")]
    {
        let asked = request(&sandbox, Method::GET, &path).header("content-type", JSON);
        let answer = Answer::of(asked.send().await.unwrap()).await;

        assert!(answer.text.starts_with("<?xml"), "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn every_operation_does_its_work() {
    let sandbox = Sandbox::empty().await;
    let ids = sandbox.accounts(2).await;
    let run = async |operation: &str, key: Option<&str>, body: String| {
        let order = json!({ "operation": operation, "object": "Account", "contentType": "CSV",
                            "externalIdFieldName": key });
        let job = open(&sandbox, &order).await;
        let batch = add(&sandbox, &job, "text/csv", &body).await;
        ended(&sandbox, &job, &batch).await;
        result(&sandbox, &job, &batch).await.text
    };

    let updated =
        run("update", None, format!("Id,Name,Phone\n{},new,1\n{},,#N/A\n", ids[0], ids[1])).await;
    let upserted = run("upsert", Some("Id"), format!("Id,Name\n{},newer\n,made\n", ids[0])).await;
    let deleted = run("delete", None, format!("Id\n{}\n", ids[1])).await;
    let purged = run("hardDelete", None, format!("Id\n{}\n", ids[0])).await;

    assert_eq!(updated.matches("\"true\",\"false\",\"\"").count(), 2, "{updated}");
    assert!(
        upserted.contains("\"true\",\"false\"") && upserted.contains("\"true\",\"true\""),
        "{upserted}"
    );
    assert!(deleted.contains("\"true\"") && purged.contains("\"true\""), "{deleted} {purged}");
    let left = sandbox.query("SELECT Name FROM Account").await;
    assert_eq!((&left["totalSize"], &left["records"][0]["Name"]), (&json!(1), &json!("made")));
    let all = sandbox.get("queryAll?q=SELECT+COUNT()+FROM+Account").await.json();
    assert_eq!(all["totalSize"], 2, "the deleted row is in the bin, the other is gone");
}

#[tokio::test]
async fn a_batch_that_cannot_be_understood_fails_and_others_do_not() {
    let sandbox = Sandbox::empty().await;
    let job = open(&sandbox, &insert("CSV")).await;

    let bad = add(&sandbox, &job, "text/csv", "Nope\nx\n").await;
    let long = add(&sandbox, &job, "text/csv", &format!("Name\n{}", "x\n".repeat(10_001))).await;
    let good = add(&sandbox, &job, "text/csv", "Name\nx\n").await;
    let bad = ended(&sandbox, &job, &bad).await;
    let long = ended(&sandbox, &job, &long).await;
    let good = ended(&sandbox, &job, &good).await;

    assert_eq!(
        (&bad["state"], &long["state"], &good["state"]),
        (&json!("Failed"), &json!("Failed"), &json!("Completed"))
    );
    assert_eq!(bad["stateMessage"], "InvalidBatch : Field name not found : Nope");
    assert!(long["stateMessage"].as_str().unwrap().starts_with("InvalidBatch : "), "{long}");
}

#[tokio::test]
async fn a_query_lists_its_results_and_each_is_a_file_of_the_jobs_type() {
    let sandbox = Sandbox::empty().await;
    sandbox.accounts(3).await;
    let soql = "SELECT Id, Name FROM Account ORDER BY Name";

    for content in ["CSV", "JSON", "XML"] {
        let order = json!({ "operation": "query", "object": "Account", "contentType": content });
        let job = open(&sandbox, &order).await;
        let batch = add(&sandbox, &job, "text/csv", soql).await;
        let info = ended(&sandbox, &job, &batch).await;
        let list = result(&sandbox, &job, &batch).await;
        let id = if content == "JSON" {
            list.json()[0].as_str().unwrap().to_owned()
        } else {
            assert!(list.text.contains("<result-list xmlns="), "{}", list.text);
            let (_, rest) = list.text.split_once("<result>").unwrap();
            rest.split_once('<').unwrap().0.to_owned()
        };
        let path = format!("job/{job}/batch/{batch}/result/{id}");
        let file = send(&sandbox, Method::GET, &path, "", "").await;

        assert_eq!(
            (&info["state"], &info["numberRecordsProcessed"]),
            (&json!("Completed"), &json!(3))
        );
        assert!(id.starts_with("752"), "{id}");
        match content {
            "CSV" => {
                let lines: Vec<&str> = file.text.lines().collect();
                assert_eq!((lines.len(), lines[0]), (4, "\"Id\",\"Name\""));
                assert!(lines[1].ends_with(",\"a0\""));
            }
            "JSON" => {
                assert_eq!(file.json()[2]["Name"], "a2");
                assert_eq!(file.json()[2]["attributes"]["type"], "Account");
            }
            _ => {
                assert_eq!(
                    file.text.matches("<records xsi:type=\"sObject\"><type>Account</type>").count(),
                    3,
                    "{}",
                    file.text
                );
                assert!(file.text.contains("<Name>a1</Name>"));
            }
        }
    }
}

#[tokio::test]
async fn a_statement_that_cannot_run_fails_its_batch() {
    let sandbox = Sandbox::empty().await;
    let order = json!({ "operation": "query", "object": "Account", "contentType": "JSON" });
    let job = open(&sandbox, &order).await;

    let batch = add(&sandbox, &job, JSON, "SELECT Nope FROM Account").await;
    let info = ended(&sandbox, &job, &batch).await;

    assert_eq!(info["state"], "Failed");
    let message = info["stateMessage"].as_str().unwrap();
    assert!(
        message.starts_with("InvalidBatch : Failed to process query: INVALID_FIELD"),
        "{message}"
    );
}

#[tokio::test]
async fn a_chunked_query_runs_as_one_batch_per_range_of_ids() {
    let sandbox = Sandbox::empty().await;
    let ids = sandbox.accounts(25).await;
    let order = json!({ "operation": "query", "object": "Account", "contentType": "CSV" });
    let opened = request(&sandbox, Method::POST, "job")
        .header("sforce-enable-pkchunking", "chunkSize=10; parent=Account")
        .json(&order);
    let job = Answer::of(opened.send().await.unwrap()).await.json();
    let job = job["id"].as_str().unwrap();

    let first = add(&sandbox, job, "text/csv", "SELECT Id FROM Account WHERE Name != 'a3'").await;
    let list = send(&sandbox, Method::GET, &format!("job/{job}/batch"), JSON, "").await.json();
    let list = list["batchInfo"].as_array().unwrap();
    let mut found = Vec::new();
    for info in &list[1..] {
        let batch = info["id"].as_str().unwrap();
        assert_eq!(ended(&sandbox, job, batch).await["state"], "Completed");
        let listed = result(&sandbox, job, batch).await.text;
        let (_, rest) = listed.split_once("<result>").unwrap();
        let id = rest.split_once('<').unwrap().0;
        let path = format!("job/{job}/batch/{batch}/result/{id}");
        let file = send(&sandbox, Method::GET, &path, "", "").await.text;
        found.push(
            file.lines().skip(1).map(|line| line.trim_matches('"').to_owned()).collect::<Vec<_>>(),
        );
    }

    assert_eq!((&list[0]["id"], &list[0]["state"]), (&json!(first), &json!("NotProcessed")));
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [9, 10, 5], "filters still apply");
    let mut all: Vec<String> = found.concat();
    all.sort();
    let mut expected: Vec<String> =
        ids.into_iter().enumerate().filter(|(n, _)| *n != 3).map(|(_, id)| id).collect();
    expected.sort();
    assert_eq!(all, expected);
}

#[tokio::test]
async fn an_aborted_job_leaves_waiting_batches_alone_and_takes_no_more() {
    let config = Config { empty: true, bulk_delay: Duration::from_hours(1), ..Config::default() };
    let sandbox = Sandbox::of(config).await;
    let job = open(&sandbox, &insert("CSV")).await;
    let batch = add(&sandbox, &job, "text/csv", "Name\nx\n").await;

    let state = |state: &str| json!({ "state": state }).to_string();
    let path = format!("job/{job}");
    let aborted = send(&sandbox, Method::POST, &path, JSON, &state("Aborted")).await.json();
    let info = ended(&sandbox, &job, &batch).await;
    let late =
        send(&sandbox, Method::POST, &format!("{path}/batch"), "text/csv", "Name\ny\n").await;
    let reopened = send(&sandbox, Method::POST, &path, JSON, &state("Closed")).await;

    assert_eq!(aborted["state"], "Aborted");
    assert_eq!(info["state"], "NotProcessed");
    assert_eq!(late.status, 400);
    assert!(late.text.contains("<exceptionCode>InvalidJobState</exceptionCode>"), "{}", late.text);
    assert_eq!(reopened.json()["exceptionCode"], "InvalidJobState");
}

#[tokio::test]
async fn each_refusal_has_its_code_in_the_clients_form() {
    let sandbox = Sandbox::empty().await;
    let job = open(&sandbox, &insert("CSV")).await;
    let batches = format!("job/{job}/batch");
    let order = |order: Value| order.to_string();
    let upsert = order(json!({ "operation": "upsert", "object": "Account", "contentType": "CSV" }));

    #[rustfmt::skip]
    let table = [
        (Method::POST, "job", JSON, "{",                                                    400, "InvalidJob"),
        (Method::POST, "job", "application/xml", "<a>",                                     400, "InvalidXML"),
        (Method::POST, "job", JSON, &order(json!({ "operation": "fly", "object": "Account" })), 400, "InvalidJob"),
        (Method::POST, "job", JSON, &order(json!({ "operation": "insert", "object": "Nope" })), 400, "InvalidJob"),
        (Method::POST, "job", JSON, &order(json!({ "operation": "insert", "object": "Account", "contentType": "ZIP_CSV" })), 400, "FeatureNotEnabled"),
        (Method::POST, "job", JSON, &upsert,                                                400, "InvalidJob"),
        (Method::GET,  "job/750000000000000AAA", JSON, "",                                  400, "InvalidJob"),
        (Method::GET,  &format!("{batches}/751000000000000AAA"), JSON, "",                  400, "InvalidBatch"),
        (Method::POST, &batches, JSON, "[]",                                                400, "ClientInputError"),
        (Method::DELETE, "job", JSON, "",                                                   405, "MethodNotAllowed"),
        (Method::GET,  "nothing", JSON, "",                                                 404, "InvalidUrl"),
    ];
    for (method, path, kind, body, status, code) in table {
        let answer = send(&sandbox, method.clone(), path, kind, body).await;

        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.text);
        if kind == JSON {
            assert_eq!(answer.json()["exceptionCode"], code, "{}", answer.text);
            assert!(answer.json()["exceptionMessage"].is_string());
        } else {
            assert!(
                answer.text.contains(&format!("<exceptionCode>{code}</exceptionCode>")),
                "{}",
                answer.text
            );
        }
    }
}

#[tokio::test]
async fn a_session_that_is_over_is_told_as_old_clients_expect() {
    let sandbox = Sandbox::empty().await;
    sandbox.control("expire-sessions", &json!({})).await;

    let xml = send(&sandbox, Method::GET, "job/750000000000000AAA", "", "").await;
    let json = send(&sandbox, Method::GET, "job/750000000000000AAA", JSON, "").await;

    assert_eq!((xml.status, json.status), (400, 400));
    assert!(xml.text.contains("<exceptionCode>InvalidSessionId</exceptionCode>"), "{}", xml.text);
    assert_eq!(
        json.json(),
        json!({ "exceptionCode": "InvalidSessionId", "exceptionMessage": "Invalid session id" })
    );
}

#[tokio::test]
async fn a_row_error_on_demand_strikes_a_batch_too() {
    let sandbox = Sandbox::empty().await;
    let job = open(&sandbox, &insert("CSV")).await;
    let fault =
        json!({ "operation": "bulk_v1", "method": "POST", "kind": "row_error", "every": 2 });
    assert_eq!(sandbox.control("faults", &fault).await.status, 201);

    let batch = add(&sandbox, &job, "text/csv", "Name\na\nb\nc\n").await;
    let info = ended(&sandbox, &job, &batch).await;
    let result = result(&sandbox, &job, &batch).await.text;

    assert_eq!(info["numberRecordsFailed"], 1);
    assert!(result.lines().nth(2).unwrap().contains("UNABLE_TO_LOCK_ROW"), "{result}");
}
