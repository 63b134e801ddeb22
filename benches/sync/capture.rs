//! What capturing changes costs the application: the same writes with our triggers and without.

use crate::bench_world::{BenchWorld, float};
use crate::report::report;
use std::time::Instant;

/// Repetitions; the median counts.
const ROUNDS: usize = 3;

/// Updates of one row each, one after the other in one transaction.
const SINGLES: usize = 5_000;

const ON: usize = 0;
const OFF: usize = 1;

/// Seconds of every kind of write, per repetition.
#[derive(Default)]
struct Timings {
    insert: Vec<f64>,
    update: Vec<f64>,
    single: Vec<f64>,
}

/// Times the writes in turn with and without triggers, so that a slow moment of the machine meets both.
pub(crate) async fn capture(rows: usize) {
    let world = BenchWorld::with_accounts(0, "").await;
    world.run_to_end(&["provision"]).await;
    let mut timings = [Timings::default(), Timings::default()];
    for _ in 0..ROUNDS {
        for form in [OFF, ON] {
            empty(&world).await;
            let switch = if form == ON { "enable" } else { "disable" };
            world.execute(&format!("alter table salesforce.account {switch} trigger user")).await;
            let timings = &mut timings[form];
            timings.insert.push(seconds(&world, &insert(rows)).await);
            timings.update.push(seconds(&world, UPDATE).await);
            timings.single.push(seconds(&world, &singles()).await);
        }
    }
    let [mut on, mut off] = timings;
    let (insert, bare_insert) = (median(&mut on.insert), median(&mut off.insert));
    let (update, bare_update) = (median(&mut on.update), median(&mut off.update));
    let (single, bare_single) = (median(&mut on.single), median(&mut off.single));
    report(
        "capture",
        &[
            ("rows", float(rows)),
            ("insert_seconds", insert),
            ("insert_ratio_to_no_trigger", insert / bare_insert),
            ("update_seconds", update),
            ("update_ratio_to_no_trigger", update / bare_update),
            (
                "microseconds_added_to_a_single_update",
                (single - bare_single) / float(SINGLES) * 1e6,
            ),
        ],
    );
}

const UPDATE: &str = "update salesforce.account set phone = '+1 ' || id, billingcity = 'Hamburg'";

/// A statement that inserts rows with a dozen filled columns.
pub(crate) fn insert(rows: usize) -> String {
    format!(
        "insert into salesforce.account (name, external_id__c, industry, annualrevenue, numberofemployees, phone, \
         website, billingstreet, billingcity, billingcountry, billingpostalcode, description) \
         select 'Northern Lights Trading ' || n, 'ACC-' || n, 'Manufacturing', n * 10.0, n % 9000, '+49 30 ' || n, \
         'https://example.com/' || n, 'Main Street ' || n % 200, 'Berlin', 'Germany', '10115', \
         'Met at the fair, wants an offer, call again' from generate_series(1, {rows}) as n"
    )
}

fn singles() -> String {
    format!(
        "do $$ declare least integer; begin select min(id) into least from salesforce.account; \
         for n in 0 .. {SINGLES} - 1 loop \
         update salesforce.account set phone = '+44 ' || n where id = least + n % 1000; end loop; end $$"
    )
}

async fn empty(world: &BenchWorld) {
    world.execute("alter table salesforce.account disable trigger user").await;
    world.execute("truncate salesforce.account, salesforce._trigger_log").await;
    world.execute("checkpoint").await;
}

async fn seconds(world: &BenchWorld, sql: &str) -> f64 {
    let began = Instant::now();
    world.execute(sql).await;
    began.elapsed().as_secs_f64()
}

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}
