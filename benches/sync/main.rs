//! The benchmark program: `cargo bench --bench sync -- [scenario…]`.
//!
//! Each scenario runs the release build of the program as a process of its own, against a throw-away Postgres and the
//! simulated org, and prints one line of figures. Scenarios: `backfill`, `push`, `latency`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a benchmark that cannot go on must fail where it stands, and its figures are its output"
)]

mod bench_world;

use bench_world::BenchWorld;
use std::time::{Duration, Instant};

/// Rows of the backfill and push scenarios; `ROWS` in the environment overrides it.
const ROWS: usize = 100_000;

/// Changes of the latency scenario.
const SAMPLES: usize = 50;

#[tokio::main]
async fn main() {
    let names: Vec<String> =
        std::env::args().skip(1).filter(|name| !name.starts_with("--")).collect();
    let chosen = |name: &str| names.is_empty() || names.iter().any(|chosen| chosen == name);
    let rows = bench_world::variable("ROWS").and_then(|rows| rows.parse().ok()).unwrap_or(ROWS);
    if chosen("backfill") {
        backfill(rows).await;
    }
    if chosen("push") {
        push(rows).await;
    }
    if chosen("latency") {
        latency().await;
    }
}

/// One object, loaded into an empty table by the one-shot command.
async fn backfill(rows: usize) {
    let world = BenchWorld::with_accounts(rows).await;
    let began = Instant::now();
    let peak = world.run_to_end(&["backfill"]);
    let seconds = began.elapsed().as_secs_f64();
    let loaded = world.number("select count(*) from salesforce.account").await;
    report(
        "backfill",
        &[
            ("rows", loaded),
            ("seconds", seconds),
            ("rows_per_second", loaded / seconds),
            ("api_calls", world.calls().await),
            ("peak_memory_mb", peak),
        ],
    );
}

/// One statement of the application that inserts many rows, until every row has its Salesforce id; then one that
/// changes every row.
async fn push(rows: usize) {
    let world = BenchWorld::with_accounts(0).await;
    let worker = world.worker();
    world.loaded().await;
    for (name, sql) in [
        (
            "push_insert",
            format!(
                "insert into salesforce.account (name) select 'Row ' || n from generate_series(1, {rows}) n"
            ),
        ),
        ("push_update", "update salesforce.account set phone = '+1 ' || id".to_owned()),
    ] {
        let calls = world.calls().await;
        let began = Instant::now();
        world.execute(&sql).await;
        world.until_zero(
            "select count(*) from salesforce._trigger_log where state in ('NEW', 'PENDING', 'FAILED')",
            Duration::from_mins(10),
        )
        .await;
        let seconds = began.elapsed().as_secs_f64();
        let calls = world.calls().await - calls;
        let changes = bench_world::float(rows);
        report(
            name,
            &[
                ("changes", changes),
                ("seconds", seconds),
                ("changes_per_second", changes / seconds),
                ("api_calls_per_1000_changes", calls / changes * 1000.0),
                ("memory_mb", worker.memory_mb()),
            ],
        );
    }
}

/// One change at a time, at rest: from the commit, or the user's answer, to its arrival on the other side.
async fn latency() {
    let world = BenchWorld::with_accounts(1_000).await;
    let _worker = world.worker();
    world.loaded().await;
    let mut to_salesforce = Vec::new();
    let mut from_salesforce = Vec::new();
    for sample in 0..SAMPLES {
        let sql = format!("insert into salesforce.account (name) values ('Latency {sample}')");
        let began = Instant::now();
        world.execute(&sql).await;
        let sfid = world
            .text(&format!("select sfid from salesforce.account where name = 'Latency {sample}' and sfid is not null"))
            .await;
        to_salesforce.push(began.elapsed());
        let began = Instant::now();
        world.edit_as_user(&sfid, &format!("+44 {sample}")).await;
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

fn report(scenario: &str, figures: &[(&str, f64)]) {
    let figures: Vec<String> =
        figures.iter().map(|(name, figure)| format!("\"{name}\": {figure:.1}")).collect();
    println!("{{\"scenario\": \"{scenario}\", {}}}", figures.join(", "));
}
