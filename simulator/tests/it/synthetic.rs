//! Rows that are computed (`--synthetic`): the same rows whichever way they are read.

use std::time::Duration;

use salesforce_simulator::Config;
use serde_json::{Value, json};

use crate::support::Sandbox;

/// Enough for several pieces of a Bulk result, the last of them not full.
const ROWS: usize = 4_500;

const FIELDS: [&str; 7] = [
    "Id",
    "Name",
    "External_Id__c",
    "Industry",
    "Description",
    "Contract_Start__c",
    "LastModifiedById",
];

async fn org() -> Sandbox {
    let synthetic = vec![("Account".to_owned(), ROWS as u64)];
    let config = Config { empty: true, bulk_delay: Duration::ZERO, synthetic, ..Config::default() };
    Sandbox::of(config).await
}

fn soql() -> String {
    format!("SELECT {} FROM Account ORDER BY Id", FIELDS.join(", "))
}

/// The fields of a record as cells; null is empty.
fn cells(record: &Value) -> Vec<String> {
    FIELDS.map(|field| record[field].as_str().unwrap_or_default().to_owned()).into()
}

/// All rows by a query, page by page.
async fn queried(sandbox: &Sandbox) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut page = sandbox.get(&format!("query?q={}", soql().replace(' ', "+"))).await.json();
    loop {
        rows.extend(page["records"].as_array().unwrap().iter().map(cells));
        let Some(next) = page["nextRecordsUrl"].as_str() else { return rows };
        let path = next.split_once("/v66.0/").unwrap().1;
        page = sandbox.get(path).await.json();
    }
}

/// Starts a Bulk query of all rows and waits for its end; answers the path of its results.
async fn job(sandbox: &Sandbox) -> String {
    let order = json!({ "operation": "query", "query": soql() });
    let job = sandbox.post("jobs/query", &order).await.json();
    let path = format!("jobs/query/{}", job["id"].as_str().unwrap());
    assert_eq!(sandbox.ended(&path).await["numberRecordsProcessed"], json!(ROWS));
    format!("{path}/results")
}

/// The rows of a Bulk result, page by page.
async fn downloaded(sandbox: &Sandbox, path: &str) -> Vec<Vec<String>> {
    let (mut rows, mut locator) = (Vec::new(), String::new());
    while locator != "null" {
        let at = if locator.is_empty() { String::new() } else { format!("&locator={locator}") };
        let page = sandbox.get(&format!("{path}?maxRecords=1700{at}")).await;
        let mut reader = csv::Reader::from_reader(page.text.as_bytes());
        assert_eq!(reader.headers().unwrap(), &FIELDS[..]);
        let lines = reader.records().map(|line| line.unwrap());
        rows.extend(lines.map(|line| line.iter().map(str::to_owned).collect::<Vec<_>>()));
        page.header("sforce-locator").clone_into(&mut locator);
    }
    rows
}

#[tokio::test]
async fn computed_rows_are_the_same_by_id_by_query_and_by_bulk_query() {
    let sandbox = org().await;

    let by_query = queried(&sandbox).await;
    let by_bulk = downloaded(&sandbox, &job(&sandbox).await).await;

    assert_eq!(by_query.len(), ROWS);
    assert_eq!(by_bulk, by_query);
    for row in by_query.iter().step_by(499) {
        let record = sandbox.get(&format!("sobjects/Account/{}", row[0])).await.json();
        assert_eq!(&cells(&record), row);
    }
}

#[tokio::test]
async fn a_bulk_result_shows_computed_rows_as_they_were_when_the_job_ran() {
    let sandbox = org().await;
    let before = queried(&sandbox).await;
    let first = job(&sandbox).await;

    let changed = &before[2_500][0];
    let gone = &before[10][0];
    let body = json!({ "Name": "say \"hi\"" });
    assert_eq!(sandbox.patch(&format!("sobjects/Account/{changed}"), &body).await.status, 204);

    // What was there when the first job ran, and what was there when the second one did.
    let second = job(&sandbox).await;
    assert_eq!(sandbox.delete(&format!("sobjects/Account/{gone}")).await.status, 204);
    assert_eq!(downloaded(&sandbox, &first).await, before);
    let after = downloaded(&sandbox, &second).await;
    assert_eq!((&after[2_500][1][..], &after[10]), ("say \"hi\"", &before[10]));
    assert_eq!(queried(&sandbox).await.len(), ROWS - 1);
}
