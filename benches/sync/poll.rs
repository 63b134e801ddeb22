//! The poll: what a quiet object costs, and what a thousand changed records cost, beside a large table.

use crate::accounts;
use crate::bench_world::{BenchWorld, float};
use crate::report::report;
use std::path::Path;
use std::time::{Duration, Instant};

/// Records that users change at once.
const CHANGED: usize = 1_000;

/// Quiet polls that are counted.
const POLLS: usize = 5;

/// Writes to the table so far. The server counts them with a second's delay, so it is asked between polls.
const WRITES: &str = "select (n_tup_ins + n_tup_upd + n_tup_del)::float8 from pg_stat_user_tables \
                      where schemaname = 'salesforce' and relname = 'account'";

/// Quiet polls first, then one with changes, then those that see the changes again within their overlap.
pub(crate) async fn poll(rows: usize) {
    let mapping = format!("{}poll = {{ every = \"5s\" }}\n", accounts::mapping());
    let world = BenchWorld::with_synthetic_accounts(rows, &mapping).await;
    world.run_to_end(&["backfill"]).await;
    let log = world.file("worker.log");
    let worker = world.worker_logging_to(&log);
    polls(&world, 2).await;
    quiet(&world, "poll_quiet", rows).await;
    changed(&world, rows, &log).await;
    quiet(&world, "poll_seen_again", rows).await;
    drop(worker);
}

async fn quiet(world: &BenchWorld, name: &str, rows: usize) {
    let (writes, calls) = (world.number(WRITES).await, world.calls().await);
    let polls = polls(world, POLLS).await;
    let written = world.number(WRITES).await - writes;
    let per_poll = (world.calls().await - calls) / float(polls);
    assert!(written.abs() < 0.5, "quiet polls wrote {written} rows");
    report(name, &[("rows", float(rows)), ("calls_per_poll", per_poll), ("rows_written", written)]);
}

async fn changed(world: &BenchWorld, rows: usize, log: &Path) {
    let ids = world
        .texts(&format!("select sfid from salesforce.account order by md5(sfid) limit {CHANGED}"))
        .await;
    let (writes, read) = (world.number(WRITES).await, rows_read(log));
    let calls_of_user = world.calls().await;
    world.edit_all_as_user(&ids, "+49 30 1").await;
    let calls = world.calls().await;
    let began = Instant::now();
    let missing = format!(
        "select 1 where (select count(*) from salesforce.account where phone = '+49 30 1') < {CHANGED}"
    );
    world.until_none(&missing, Duration::from_mins(2)).await;
    let seconds = began.elapsed().as_secs_f64();
    let calls = world.calls().await - calls;
    polls(world, 1).await;
    report(
        "poll_changed",
        &[
            ("rows", float(rows)),
            ("changed", float(CHANGED)),
            ("seconds_until_all_are_rows", seconds),
            ("calls", calls),
            ("calls_of_the_user", world.calls().await - calls_of_user - calls),
            ("rows_read", rows_read(log) - read),
            ("rows_written", world.number(WRITES).await - writes),
        ],
    );
}

/// Rows that polls with changes have read so far, as the worker's log says.
fn rows_read(log: &Path) -> f64 {
    let text = std::fs::read_to_string(log).unwrap();
    let read = text.lines().filter(|line| line.contains("pulled")).filter_map(|line| {
        let (_, rest) = line.split_once(" read=")?;
        rest.split_whitespace().next()?.parse::<f64>().ok()
    });
    read.sum()
}

/// Waits until so many polls were finished, and a moment for the server to count what they wrote.
async fn polls(world: &BenchWorld, count: usize) -> usize {
    let last = "select coalesce(extract(epoch from last_poll), 0)::float8 from lockstep.mapping";
    for _ in 0..count {
        let before = world.number(last).await;
        let began = Instant::now();
        while world.number(last).await <= before {
            assert!(began.elapsed() < Duration::from_mins(1), "no poll came");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    count
}
