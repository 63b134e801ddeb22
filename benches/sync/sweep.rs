//! The sweep: a table of which some rows were spoilt, compared with the org and put right.

use crate::accounts;
use crate::bench_world::{BenchWorld, float};
use crate::report::report;

/// Rows of each of the four kinds of drift.
const DRIFTS: usize = 250;

/// The rows that the first sample compares by value: the mapping's default.
const SAMPLE: usize = 10_000;

/// Sweeps by ids, stamps and a sample, then with every value.
pub(crate) async fn sweep(rows: usize) {
    let world = BenchWorld::with_synthetic_accounts(rows, &accounts::mapping()).await;
    world.run_to_end(&["backfill"]).await;
    for (name, arguments) in [
        ("sweep", &["verify", "Account", "--repair", "--json"][..]),
        ("sweep_full", &["verify", "Account", "--full", "--repair", "--json"][..]),
    ] {
        spoil(&world).await;
        world.control().forget_requests().await.unwrap();
        let cost = world.run_to_end(arguments).await;
        let left = world.number(&left(rows)).await;
        assert!(left.abs() < 0.5, "{left} drifts are left");
        let requests = world.control().requests().await.unwrap();
        let jobs = requests
            .iter()
            .filter(|call| call.method == "POST" && call.path.ends_with("/jobs/query"))
            .count();
        assert_eq!(jobs, 1, "Bulk query jobs");
        report(
            name,
            &[
                ("rows", float(rows)),
                ("drifts_found_and_repaired", float(4 * DRIFTS)),
                ("seconds", cost.engine.seconds),
                ("engine_cpu_seconds", cost.engine.cpu),
                ("simulator_cpu_seconds", cost.simulator_cpu),
                ("postgres_cpu_seconds", cost.postgres_cpu),
                ("peak_memory_mb", cost.engine.peak_mb),
                ("bulk_query_jobs", float(jobs)),
                ("api_calls", cost.calls),
            ],
        );
    }
}

/// Spoils rows behind everybody's back: removes some, adds some without record, puts some back to an older stamp and
/// value, and changes values alone, within the first rows, which are the sample.
async fn spoil(world: &BenchWorld) {
    let place = |from: usize, to: usize| {
        format!(
            "id in (select id from salesforce.account order by sfid offset {from} limit {})",
            to - from
        )
    };
    let far = SAMPLE * 2;
    world
        .execute(&format!(
            "set session_replication_role = replica; \
             update salesforce.account set fax = 'drifted' where {}; \
             update salesforce.account set fax = 'drifted', systemmodstamp = systemmodstamp - interval '1 day' \
             where {}; \
             delete from salesforce.account where {}; \
             insert into salesforce.account (sfid, name, systemmodstamp) \
             select '001' || lpad(n::text, 12, '0') || 'AAA', 'drifted', '2020-01-01' \
             from generate_series(1, {DRIFTS}) as n; \
             reset session_replication_role",
            place(0, DRIFTS),
            place(far, far + DRIFTS),
            place(2 * far, 2 * far + DRIFTS),
        ))
        .await;
}

/// How many drifts are left.
fn left(rows: usize) -> String {
    format!(
        "select (abs(count(*) - {rows}) + count(*) filter (where fax = 'drifted' or name = 'drifted'))::float8 \
         from salesforce.account"
    )
}
