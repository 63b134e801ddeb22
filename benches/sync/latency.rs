//! From the commit of a change to its arrival on the other side.
//!
//! Towards Salesforce, arrival is when the row carries its new id, which includes the way back of the answer and
//! its noting: a change is with Salesforce earlier than that.

use crate::bench_world::{BenchWorld, float};
use crate::report::report;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Changes in each direction, one at a time.
const SAMPLES: u64 = 50;

/// Changes per second, and how many of them.
const RATES: [(u64, u64); 3] = [(1, 60), (10, 300), (100, 3_000)];

/// The pause between two looks at the table.
const LOOK: Duration = Duration::from_millis(5);

pub(crate) async fn latency() {
    let world = BenchWorld::with_accounts(1_000, "poll = { every = \"1s\" }").await;
    let _worker = world.worker();
    world.loaded().await;
    one_at_a_time(&world).await;
    for (rate, changes) in RATES {
        at_rate(&world, rate, changes).await;
    }
}

async fn one_at_a_time(world: &BenchWorld) {
    let mut to_salesforce = Vec::new();
    let mut from_salesforce = Vec::new();
    for sample in 0..SAMPLES {
        world.execute(&insert("ONE", sample)).await;
        let began = Instant::now();
        let sfid = world
            .text(&format!("select sfid from salesforce.account where external_id__c = 'ONE-{sample}' and sfid is not null"))
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
    report_samples("latency_to_salesforce_at_rest", to_salesforce, &[]);
    report_samples("latency_from_salesforce", from_salesforce, &[]);
}

/// Transactions of one change each, begun at an even pace whether or not earlier ones have arrived.
async fn at_rate(world: &BenchWorld, rate: u64, changes: u64) {
    let application = world.session().await;
    let prefix = format!("AT{rate}");
    let calls = world.calls().await;
    let writing = {
        let prefix = prefix.clone();
        tokio::spawn(async move {
            let began = Instant::now();
            let mut committed = HashMap::new();
            for change in 0..changes {
                let due = Duration::from_secs(change) / u32::try_from(rate).unwrap();
                tokio::time::sleep(due.saturating_sub(began.elapsed())).await;
                application.run(&insert(&prefix, change)).await.unwrap();
                committed.insert(format!("{prefix}-{change}"), Instant::now());
            }
            committed
        })
    };
    let arrived = arrivals(world, &prefix, usize::try_from(changes).unwrap()).await;
    let committed = writing.await.unwrap();
    let samples =
        arrived.into_iter().map(|(key, at)| at.saturating_duration_since(committed[&key]));
    let changes = float(usize::try_from(changes).unwrap());
    let calls = (world.calls().await - calls) / changes;
    report_samples(
        &format!("latency_to_salesforce_{rate}_per_second"),
        samples.collect(),
        &[("changes", changes), ("api_calls_per_change", calls)],
    );
}

/// When each row was first seen with its id.
async fn arrivals(world: &BenchWorld, prefix: &str, expected: usize) -> HashMap<String, Instant> {
    let mut arrived = HashMap::new();
    let began = Instant::now();
    // Rows before this one have all arrived.
    let mut from = "0".to_owned();
    while arrived.len() < expected {
        assert!(began.elapsed() < Duration::from_mins(5), "changes did not arrive");
        // Asked before the look: what arrives in between is seen by it.
        let waiting = world
            .text(&format!(
                "select coalesce(min(id) filter (where sfid is null), max(id), 0) \
                 from salesforce.account where id >= {from}"
            ))
            .await;
        let seen = world
            .texts(&format!(
                "select external_id__c from salesforce.account \
                 where id >= {from} and external_id__c like '{prefix}-%' and sfid is not null"
            ))
            .await;
        let now = Instant::now();
        for key in seen {
            arrived.entry(key).or_insert(now);
        }
        from = waiting;
        tokio::time::sleep(LOOK).await;
    }
    arrived
}

fn insert(prefix: &str, change: u64) -> String {
    format!(
        "insert into salesforce.account (name, external_id__c) values ('Latency {change}', '{prefix}-{change}')"
    )
}

fn report_samples(name: &str, mut samples: Vec<Duration>, beside: &[(&str, f64)]) {
    samples.sort();
    let milliseconds = |share: usize| {
        samples
            .get((samples.len() * share / 100).min(samples.len() - 1))
            .map_or(0.0, |sample| sample.as_secs_f64() * 1000.0)
    };
    let mut figures = vec![
        ("p50_ms", milliseconds(50)),
        ("p95_ms", milliseconds(95)),
        ("p99_ms", milliseconds(99)),
    ];
    figures.extend_from_slice(beside);
    report(name, &figures);
}
