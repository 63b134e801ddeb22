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
mod clients;
mod latency;
mod org;
mod poll;
mod process;
mod push;
mod report;
mod sweep;

/// Rows of the backfill, push and capture scenarios; `ROWS` in the environment overrides it.
const ROWS: usize = 100_000;

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
        push::push(rows).await;
    }
    if chosen("latency") {
        latency::latency().await;
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
