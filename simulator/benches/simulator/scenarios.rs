//! What is measured.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    Figure,
    accounts::{self, FIELDS},
    program::{Program, Spent},
};

/// Rows of one Collections call.
const CALL: usize = 200;

/// Insert, update and upsert of twenty fields, two hundred rows per call.
pub(crate) async fn collections(rows: usize) -> Vec<Figure> {
    let program = Program::start(&[]);
    let path = "composite/sobjects";
    let keyed = "composite/sobjects/Account/External_Id__c";
    let (ids, inserted) =
        program.measure(write(&program, Method::POST, path, bodies(rows, &[]))).await;
    let changes = bodies(rows, &ids);
    let (_, updated) = program.measure(write(&program, Method::PATCH, path, changes)).await;
    let (_, upserted) =
        program.measure(write(&program, Method::PATCH, keyed, bodies(rows, &[]))).await;
    let rate = |spent: Spent| rows as f64 / spent.processor;
    let name = "collections";
    vec![
        (name, "insert, rows per processor second", rate(inserted), "rows/s"),
        (name, "update, rows per processor second", rate(updated), "rows/s"),
        (name, "upsert, rows per processor second", rate(upserted), "rows/s"),
        (name, "insert, rows per second", rows as f64 / inserted.wall, "rows/s"),
        (name, "memory", program.memory("VmRSS"), "MiB"),
    ]
}

/// The bodies of all calls; with ids they are updates.
fn bodies(rows: usize, ids: &[String]) -> Vec<String> {
    let record = |number: usize| {
        let mut record = accounts::record(number);
        if let Some(id) = ids.get(number) {
            record["Id"] = json!(id);
        }
        record
    };
    let call = |start: usize| {
        let records: Vec<Value> = (start..rows.min(start + CALL)).map(record).collect();
        json!({"allOrNone": false, "records": records}).to_string()
    };
    (0..rows).step_by(CALL).map(call).collect()
}

/// Makes the calls one after the other; answers the ids.
async fn write(program: &Program, method: Method, path: &str, bodies: Vec<String>) -> Vec<String> {
    let mut ids = Vec::new();
    for body in bodies {
        let request = program.request(method.clone(), path).body(body);
        let request = request.header("content-type", "application/json");
        let results: Vec<Value> = request.send().await.unwrap().json().await.unwrap();
        for result in results {
            assert_eq!(result["success"], json!(true), "{result}");
            ids.push(result["id"].as_str().unwrap().to_owned());
        }
    }
    ids
}

/// A Bulk query of stored rows.
pub(crate) async fn bulk_query(rows: usize) -> Vec<Figure> {
    let folder = tempfile::tempdir().unwrap();
    let program = loaded(folder.path(), rows);
    let mut figures = Vec::new();
    bulk("bulk_query", &program, rows, &mut figures).await;
    figures
}

/// Accounts of twenty fields in memory.
pub(crate) async fn memory(rows: usize) -> Vec<Figure> {
    let folder = tempfile::tempdir().unwrap();
    let program = loaded(folder.path(), rows);
    let name = "memory";
    let resident = program.memory("VmRSS");
    let counted = program.query("SELECT COUNT() FROM Account").await;
    assert_eq!(counted["totalSize"], json!(rows));
    vec![
        (name, "load of a CSV file, processor seconds", program.processor_seconds(), "s"),
        (name, "resident", resident, "MiB"),
        (name, "resident, bytes per row", resident * 1_048_576.0 / rows as f64, "B"),
        (name, "peak", program.memory("VmHWM"), "MiB"),
    ]
}

fn loaded(folder: &std::path::Path, rows: usize) -> Program {
    let path = folder.join("Account.csv");
    accounts::write_csv(&path, rows);
    Program::start(&["--csv".to_owned(), path.display().to_string()])
}

/// Rows that are computed: start, memory, small queries, and a Bulk query of them all.
pub(crate) async fn synthetic(rows: usize) -> Vec<Figure> {
    let program = Program::start(&["--synthetic".to_owned(), format!("Account={rows}")]);
    let name = "synthetic";
    let mut figures = vec![
        (name, "start", program.ready_after.as_secs_f64(), "s"),
        (name, "resident after the start", program.memory("VmRSS"), "MiB"),
    ];
    for (title, soql) in [
        ("COUNT()", "SELECT COUNT() FROM Account"),
        ("first page of all", "SELECT Id, Name FROM Account"),
        (
            "by a filter without an index, LIMIT 10",
            "SELECT Id FROM Account WHERE Industry = 'Energy' LIMIT 10",
        ),
        ("last by stamp", "SELECT Id FROM Account ORDER BY SystemModstamp DESC, Id DESC LIMIT 1"),
    ] {
        let (_, spent) = program.measure(program.query(soql)).await;
        figures.push((name, title, spent.wall * 1000.0, "ms"));
    }
    bulk(name, &program, rows, &mut figures).await;
    figures
}

/// Runs a Bulk query of all accounts and downloads its result.
async fn bulk(name: &'static str, program: &Program, rows: usize, figures: &mut Vec<Figure>) {
    let soql = format!("SELECT Id, {}, SystemModstamp FROM Account", FIELDS.join(", "));
    let (id, job) = program.measure(run_job(program, &soql)).await;
    let ((bytes, lines), download) = program.measure(download(program, &id)).await;
    assert_eq!(lines, rows);
    let megabytes = bytes as f64 / 1e6;
    figures.extend([
        (name, "Bulk query, size of the result", megabytes, "MB"),
        (
            name,
            "Bulk query, MB per processor second",
            megabytes / (job.processor + download.processor),
            "MB/s",
        ),
        (name, "Bulk query, the job alone", megabytes / job.processor, "MB/s"),
        (name, "Bulk query, the download alone", megabytes / download.processor, "MB/s"),
        (name, "Bulk query, job and download, wall", job.wall + download.wall, "s"),
        (name, "resident after the Bulk query", program.memory("VmRSS"), "MiB"),
        (name, "peak of the Bulk query", program.memory("VmHWM"), "MiB"),
    ]);
}

/// Runs a query job to its end; answers its id.
async fn run_job(program: &Program, soql: &str) -> String {
    let order = json!({"operation": "query", "query": soql});
    let request = program.request(Method::POST, "jobs/query").json(&order);
    let job: Value = request.send().await.unwrap().json().await.unwrap();
    let id = job["id"].as_str().unwrap().to_owned();
    loop {
        let job: Value = program.get(&format!("jobs/query/{id}")).await.json().await.unwrap();
        match job["state"].as_str().unwrap() {
            "JobComplete" => return id,
            "UploadComplete" | "InProgress" => {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            state => panic!("the job is {state}: {job}"),
        }
    }
}

/// Reads all pages of a result; answers its size and its lines without headers.
async fn download(program: &Program, id: &str) -> (usize, usize) {
    let (mut bytes, mut rows, mut locator) = (0, 0, String::new());
    loop {
        let path = format!("jobs/query/{id}/results?maxRecords=250000{locator}");
        let mut page = program.get(&path).await;
        let header = |name: &str| page.headers()[name].to_str().unwrap().to_owned();
        let (next, count) = (header("sforce-locator"), header("sforce-numberofrecords"));
        while let Some(piece) = page.chunk().await.unwrap() {
            bytes += piece.len();
        }
        rows += count.parse::<usize>().unwrap();
        if next == "null" {
            return (bytes, rows);
        }
        locator = format!("&locator={next}");
    }
}
