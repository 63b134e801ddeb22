//! The benchmark program: `cargo bench --bench sync -- [scenario…]`.
//!
//! Each scenario runs the release build of the program as a process of its own, against a throw-away Postgres and the
//! simulated org, and prints one line of figures per thing measured, and a table of all at the end. Scenarios:
//! `backfill`, `push`, `latency`, `capture`, and, only when named, `memory`, `poll`, `sweep` and `backlog`. See
//! `benches/README.md`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a benchmark that cannot go on must fail where it stands, and its figures are its output"
)]

mod accounts;
mod backfill;
mod backlog;
mod bench_world;
mod capture;
mod org;
mod poll;
mod process;
mod report;
mod sweep;

use bench_world::{BenchWorld, float};
use report::report;
use std::time::{Duration, Instant};

/// Rows of the backfill, push and capture scenarios; `ROWS` in the environment overrides it.
const ROWS: usize = 100_000;

/// Changes of the latency scenario.
const SAMPLES: u64 = 50;

#[tokio::main]
async fn main() {
    let names: Vec<String> =
        std::env::args().skip(1).filter(|name| !name.starts_with("--")).collect();
    let chosen = |name: &str| names.is_empty() || names.iter().any(|chosen| chosen == name);
    let rows = bench_world::variable("ROWS").and_then(|rows| rows.parse().ok()).unwrap_or(ROWS);
    if chosen("backfill") {
        backfill::backfill(rows).await;
    }
    if names.iter().any(|name| name == "memory") {
        backfill::memory(rows).await;
    }
    if chosen("push") {
        push(rows).await;
    }
    if chosen("latency") {
        latency().await;
    }
    if names.iter().any(|name| name == "poll") {
        poll::poll(rows).await;
    }
    if names.iter().any(|name| name == "sweep") {
        sweep::sweep(rows).await;
    }
    if chosen("capture") {
        capture::capture(rows).await;
    }
    if names.iter().any(|name| name == "backlog") {
        backlog::backlog(rows).await;
    }
    report::table();
}

/// One statement of the application that inserts many rows, until every row has its Salesforce id; then one that
/// changes every row. First by Bulk jobs, then by Collections.
async fn push(rows: usize) {
    push_by("bulk", rows, "bulk = { write_above = 2000 }").await;
    push_by("collections", rows, "bulk = { write_above = 100000000 }").await;
}

async fn push_by(api: &str, rows: usize, line: &str) {
    let world = BenchWorld::with_accounts(0, line).await;
    let worker = world.worker();
    world.loaded().await;
    for (name, sql) in [
        ("push_insert", capture::insert(rows)),
        ("push_update", "update salesforce.account set phone = '+1 ' || id".to_owned()),
    ] {
        let calls = world.calls().await;
        world.execute(&sql).await;
        let began = Instant::now();
        world
            .until_none(
                "select from salesforce._trigger_log where state in ('NEW', 'PENDING') limit 1",
                Duration::from_mins(10),
            )
            .await;
        let seconds = began.elapsed().as_secs_f64();
        let calls = world.calls().await - calls;
        let unsent =
            "select count(*) from salesforce.account where sfid is null or _hc_err is not null";
        assert!(world.number(unsent).await < 0.5, "rows were not accepted");
        let changes = float(rows);
        report(
            &format!("{name}_{api}"),
            &[
                ("changes", changes),
                ("seconds", seconds),
                ("changes_per_second", changes / seconds),
                ("api_calls_per_1000_changes", calls / changes * 1000.0),
                ("peak_memory_mb", worker.peak_memory_mb().unwrap_or_default()),
            ],
        );
    }
}

/// One change at a time, at rest: from the commit, or the user's answer, to its arrival on the other side. Towards
/// Salesforce, arrival is when the row carries the new id, which includes noting the answer.
async fn latency() {
    let world = BenchWorld::with_accounts(1_000, "poll = { every = \"1s\" }").await;
    let _worker = world.worker();
    world.loaded().await;
    let mut to_salesforce = Vec::new();
    let mut from_salesforce = Vec::new();
    for sample in 0..SAMPLES {
        let sql = format!(
            "insert into salesforce.account (name, external_id__c) values ('Latency {sample}', 'LAT-{sample}')"
        );
        world.execute(&sql).await;
        let began = Instant::now();
        let sfid = world
            .text(&format!("select sfid from salesforce.account where name = 'Latency {sample}' and sfid is not null"))
            .await;
        to_salesforce.push(began.elapsed());
        // What came before ended with a poll; spread the edits over the time between two polls.
        tokio::time::sleep(Duration::from_millis(sample * 37 % 100 * 10)).await;
        world.edit_as_user(&sfid, &format!("+44 {sample}")).await;
        let began = Instant::now();
        world
            .text(&format!("select phone from salesforce.account where sfid = '{sfid}' and phone = '+44 {sample}'"))
            .await;
        from_salesforce.push(began.elapsed());
    }
    for (name, mut samples) in
        [("latency_to_salesforce", to_salesforce), ("latency_from_salesforce", from_salesforce)]
    {
        samples.sort();
        let milliseconds = |share: usize| {
            samples
                .get(samples.len() * share / 100)
                .map_or(0.0, |sample| sample.as_secs_f64() * 1000.0)
        };
        report(name, &[("p50_ms", milliseconds(50)), ("p95_ms", milliseconds(95))]);
    }
}
