//! A load of mixed work with faults armed: nothing panics, no error is the org's own, and memory
//! comes back to where it was.
//!
//! `SOAK_SECONDS` sets how long the load lasts, after a warm-up of half of that; 5 unless said.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use salesforce_simulator::{
    Control, Fault, FaultKind,
    control::{JobEnding, Page},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_salesforce-simulator");

/// Clients at the same time.
const CLIENTS: u64 = 10;

/// By how much memory may differ between two equal levels: what allocators keep for later.
const SLACK_KB: u64 = 96 * 1024;

/// The program under load.
struct Program {
    child: Child,
    url: String,
    token: String,
}

impl Program {
    async fn start() -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["--port", "0", "--empty", "--json", "--daily-limit", "1000000000"])
            .env("RUST_LOG", "error")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.next_line().await.unwrap().unwrap();
        let ready: Value = serde_json::from_str(&ready).unwrap();
        let text = |name: &str| ready[name].as_str().unwrap().to_owned();
        Self { url: text("url"), token: text("access_token"), child }
    }

    fn control(&self) -> Control {
        Control::new(&self.url).unwrap()
    }

    /// The memory that it has resident, in kilobytes.
    fn memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id().unwrap());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Ends it and answers what it said of errors.
    async fn end(mut self) -> String {
        let id = self.child.id().unwrap().to_string();
        Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
        said
    }

    /// All clients work for this long; answers what was wrong.
    async fn load(&self, time: Duration, seed: u64) -> Vec<String> {
        let clients = (0..CLIENTS).map(|number| {
            let worker = Worker::new(self, seed + number);
            tokio::spawn(worker.work(Instant::now() + time))
        });
        let mut wrong = Vec::new();
        for client in clients.collect::<Vec<_>>() {
            wrong.extend(client.await.unwrap());
        }
        wrong
    }
}

/// One client.
struct Worker {
    http: reqwest::Client,
    base: String,
    token: String,
    dice: StdRng,
}

impl Worker {
    fn new(program: &Program, seed: u64) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20));
        Self {
            http: http.build().unwrap(),
            base: format!("{}/services/data/v66.0", program.url),
            token: program.token.clone(),
            dice: StdRng::seed_from_u64(seed),
        }
    }

    async fn work(mut self, end: Instant) -> Vec<String> {
        let mut wrong = Vec::new();
        while Instant::now() < end {
            let (what, outcome) = self.step().await;
            // A fault may cut a connection or end an answer early; what is answered must be an answer.
            let Ok(response) = outcome else { continue };
            let status = response.status().as_u16();
            let body = response.text().await.unwrap_or_default();
            if status == 500 || body.contains("UNKNOWN_EXCEPTION") {
                wrong.push(format!("{what}: {status} {body}"));
            }
        }
        wrong
    }

    async fn step(&mut self) -> (&'static str, reqwest::Result<reqwest::Response>) {
        let n: u32 = self.dice.random_range(0..500);
        let key = format!("k{n}");
        let record = json!({
            "attributes": { "type": "Account" }, "Name": format!("n{n}"), "External_Id__c": key,
        });
        let row = format!("sobjects/Account/External_Id__c/{key}");
        let soql = "query?q=SELECT+Id,Name+FROM+Account+ORDER+BY+Name+LIMIT+300";
        let (what, method, path, body) = match self.dice.random_range(0..9) {
            0 => ("upsert", "PATCH", row, json!({ "Name": format!("n{n}") })),
            1 => ("delete", "DELETE", row, Value::Null),
            2 => ("read", "GET", row, Value::Null),
            3 => ("query", "GET", soql.to_owned(), Value::Null),
            4 => ("describe", "GET", "sobjects/Account/describe".to_owned(), Value::Null),
            5 => {
                let path = "composite/sobjects/Account/External_Id__c".to_owned();
                ("collection", "PATCH", path, json!({ "records": vec![record; 20] }))
            }
            6 => {
                let order =
                    json!({ "operation": "query", "query": "SELECT Id, Name FROM Account" });
                ("query job", "POST", "jobs/query".to_owned(), order)
            }
            7 => return ("ingest job", self.ingest(n).await),
            _ => ("nonsense", "POST", "query/%00".to_owned(), json!(["?"])),
        };
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request =
            self.http.request(method, format!("{}/{path}", self.base)).bearer_auth(&self.token);
        if !body.is_null() {
            request = request.json(&body);
        }
        (what, request.send().await)
    }

    /// A job by one request: its order and its rows.
    async fn ingest(&self, n: u32) -> reqwest::Result<reqwest::Response> {
        let order = json!({
            "object": "Account", "operation": "upsert", "externalIdFieldName": "External_Id__c",
            "contentType": "CSV",
        });
        let rows = format!("Name,External_Id__c\nn{n},k{n}\nm{n},k{}\n", n + 1);
        let body = format!(
            "--b\r\nContent-Type: application/json\r\nContent-Disposition: form-data; name=\"job\"\r\n\r\n\
             {order}\r\n--b\r\nContent-Type: text/csv\r\nContent-Disposition: form-data; name=\"content\"; \
             filename=\"content\"\r\n\r\n{rows}\r\n--b--\r\n"
        );
        let request = self.http.post(format!("{}/jobs/ingest", self.base));
        let request = request.header("content-type", "multipart/form-data; boundary=b");
        request.bearer_auth(&self.token).body(body).send().await
    }
}

async fn arm(control: &Control) {
    let kinds = [
        FaultKind::error("SERVER_UNAVAILABLE"),
        FaultKind::Page { page: Page::BadGateway },
        FaultKind::CutBefore {},
        FaultKind::CutAfter {},
        FaultKind::ApplyTwice {},
        FaultKind::LateCommit { millis: Some(5) },
        FaultKind::latency(5),
        FaultKind::Truncate { bytes: 20 },
        FaultKind::Shorten { bytes: 20 },
        FaultKind::Shuffle { seed: 1 },
        FaultKind::row_error("UNABLE_TO_LOCK_ROW", 3),
        FaultKind::Job {
            ending: JobEnding::Fail,
            after_rows: 1,
            message: "InternalServerError".to_owned(),
        },
    ];
    for (seed, kind) in kinds.into_iter().enumerate() {
        control.arm(Fault::new(kind).probability(0.02, seed as u64)).await.unwrap();
    }
}

fn seconds() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the run is as long as whoever runs it says")]
    let said = std::env::var("SOAK_SECONDS").ok();
    said.and_then(|said| said.parse().ok()).unwrap_or(5)
}

#[tokio::test(flavor = "multi_thread")]
async fn mixed_work_under_faults_leaves_neither_panics_nor_memory_behind() {
    let program = Program::start().await;
    let control = program.control();
    let time = Duration::from_secs(seconds());

    arm(&control).await;
    let mut wrong = program.load(time / 2, 1).await;
    control.reset().await.unwrap();
    let before = program.memory();
    arm(&control).await;
    wrong.extend(program.load(time, 100).await);
    let struck = control.struck().await.unwrap().len();
    control.reset().await.unwrap();
    let after = program.memory();
    let said = program.end().await;

    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(struck > 0, "no fault struck");
    assert!(!said.contains("panicked"), "{said}");
    assert!(after < before + SLACK_KB, "{before} kB before, {after} kB after the load");
}
