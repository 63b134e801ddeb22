//! Bulk 2.0 query jobs.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use salesforce_simulator::Config;
use serde_json::{Value, json};

use crate::support::{Answer, Sandbox, assert_refused};

async fn start(sandbox: &Sandbox, soql: &str) -> Value {
    let answer = sandbox.post("jobs/query", &json!({ "operation": "query", "query": soql })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

fn path(job: &Value) -> String {
    format!("jobs/query/{}", job["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_job_runs_by_itself_and_its_result_comes_in_pages() {
    let sandbox = Sandbox::empty().await;
    sandbox.accounts(5).await;

    let job = start(&sandbox, "SELECT Id, Name FROM Account ORDER BY Name").await;
    assert_eq!(job["state"], "UploadComplete");
    assert_eq!(job["object"], "Account");
    assert_eq!(job["apiVersion"], json!(66.0));
    assert!(job["id"].as_str().unwrap().starts_with("750") && job.get("contentUrl").is_none());
    let report = sandbox.ended(&path(&job)).await;
    assert_eq!(report["state"], "JobComplete");
    assert_eq!(
        (&report["jobType"], &report["numberRecordsProcessed"]),
        (&json!("V2Query"), &json!(5))
    );

    let mut names = Vec::new();
    let mut sizes = Vec::new();
    let mut locator = String::new();
    while locator != "null" {
        let at = if locator.is_empty() { String::new() } else { format!("&locator={locator}") };
        let page = sandbox.get(&format!("{}/results?maxRecords=2{at}", path(&job))).await;
        assert_eq!(page.header("content-type"), "text/csv");
        let mut lines = page.text.lines();
        assert_eq!(lines.next(), Some("\"Id\",\"Name\""), "every page has the header");
        names.extend(lines.map(|line| line.rsplit('"').nth(1).unwrap().to_owned()));
        sizes.push(page.header("sforce-numberofrecords").to_owned());
        page.header("sforce-locator").clone_into(&mut locator);
    }
    assert_eq!(names, ["a0", "a1", "a2", "a3", "a4"]);
    assert_eq!(sizes, ["2", "2", "1"]);
}

#[tokio::test]
async fn a_result_does_not_change_under_its_reader() {
    let sandbox = Sandbox::empty().await;
    let id = sandbox.account("before").await;
    let job = start(&sandbox, "SELECT Name FROM Account").await;
    sandbox.ended(&path(&job)).await;

    sandbox.patch(&format!("sobjects/Account/{id}"), &json!({ "Name": "after" })).await;

    let page = sandbox.get(&format!("{}/results", path(&job))).await;
    assert_eq!(page.text, "\"Name\"\n\"before\"\n");
}

#[tokio::test]
async fn an_empty_result_is_a_header() {
    let sandbox = Sandbox::empty().await;
    let job = start(&sandbox, "SELECT Id, Name FROM Account").await;
    sandbox.ended(&path(&job)).await;

    let page = sandbox.get(&format!("{}/results/", path(&job))).await;

    assert_eq!(page.text, "\"Id\",\"Name\"\n");
    assert_eq!(
        (page.header("sforce-numberofrecords"), page.header("sforce-locator")),
        ("0", "null")
    );
}

#[tokio::test]
async fn a_job_takes_its_time_and_can_be_aborted_meanwhile() {
    let config = Config { empty: true, bulk_delay: Duration::from_hours(1), ..Config::default() };
    let sandbox = Sandbox::of(config).await;
    let job = start(&sandbox, "SELECT Id FROM Account").await;

    let early = sandbox.get(&format!("{}/results", path(&job))).await;
    assert_refused(&early, StatusCode::BAD_REQUEST, "INVALIDJOBSTATE");
    let aborted = sandbox.patch(&path(&job), &json!({ "state": "Aborted" })).await;
    assert_eq!(aborted.json()["state"], "Aborted");
    let again = sandbox.patch(&path(&job), &json!({ "state": "Aborted" })).await;
    assert_refused(&again, StatusCode::BAD_REQUEST, "INVALIDJOBSTATE");
    assert_eq!(sandbox.delete(&path(&job)).await.status, 204);
    assert_refused(&sandbox.get(&path(&job)).await, StatusCode::NOT_FOUND, "NOT_FOUND");
}

#[tokio::test]
async fn what_bulk_cannot_do_is_refused_at_once() {
    let sandbox = Sandbox::empty().await;

    for soql in ["SELECT Nope FROM Account", "nonsense", "SELECT COUNT() FROM Account"] {
        let answer =
            sandbox.post("jobs/query", &json!({ "operation": "query", "query": soql })).await;
        assert_eq!(answer.status, 400, "{soql}: {}", answer.text);
    }
    let update = sandbox
        .post("jobs/query", &json!({ "operation": "update", "query": "SELECT Id FROM Account" }))
        .await;
    assert_refused(&update, StatusCode::BAD_REQUEST, "INVALIDJOB");
}

#[tokio::test]
async fn results_belong_to_the_version_of_their_job() {
    let sandbox = Sandbox::empty().await;
    let job = start(&sandbox, "SELECT Id FROM Account").await;
    sandbox.ended(&path(&job)).await;

    let request = sandbox
        .bare(Method::GET, &format!("/services/data/v60.0/{}/results", path(&job)))
        .bearer_auth(&sandbox.credentials.access_token);

    assert_eq!(Answer::of(request.send().await.unwrap()).await.status, 409);
}

#[tokio::test]
async fn jobs_are_listed_and_pages_are_told_in_advance() {
    let sandbox = Sandbox::empty().await;
    let job = start(&sandbox, "SELECT Id FROM Account").await;
    sandbox.ended(&path(&job)).await;

    let list = sandbox.get("jobs/query?jobType=V2Query").await.json();
    assert_eq!((&list["done"], list["records"].as_array().unwrap().len()), (&json!(true), 1));
    assert_eq!(sandbox.get("jobs/ingest").await.json()["records"], json!([]));
    let pages = sandbox.get(&format!("{}/resultPages", path(&job))).await.json();
    let url = pages["resultPages"][0]["resultUrl"].as_str().unwrap();
    let page = sandbox.get(url.trim_start_matches("/services/data/v66.0/")).await;
    assert_eq!(page.text, "\"Id\"\n");
}

#[tokio::test]
async fn a_query_job_is_no_ingest_job() {
    let sandbox = Sandbox::empty().await;
    let job = start(&sandbox, "SELECT Id FROM Account").await;

    let answer = sandbox.get(&path(&job).replace("query", "ingest")).await;

    assert_refused(&answer, StatusCode::NOT_FOUND, "NOT_FOUND");
}
