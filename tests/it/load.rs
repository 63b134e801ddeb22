//! The first load and reloads: whatever happens on the way, every record ends up with one row that equals it.

use crate::steps::loaded;
use crate::uncaptured::uncaptured;
use crate::wait::wait_until;
use crate::world::{ACCOUNT, World};
use lockstep::mapping::Mapping;
use salesforce_simulator::control::JobEnding;
use salesforce_simulator::{Config, Fault, FaultKind};
use serde_json::json;
use std::fmt::Write;
use std::time::Duration;
use tempfile::TempDir;

const COUNT: &str = "select count(*) from salesforce.account where sfid is not null";
const LOADED: &str = "select count(*) from lockstep.checkpoint where loaded";
const RESULTS: &str = "*/jobs/query/*/results*";
const PAUSE: Duration = Duration::from_mins(2);

fn bulk() -> String {
    format!("{ACCOUNT}bulk = {{ read_above = 1000 }}\n")
}

/// An org of so many accounts and nothing else.
async fn world(accounts: usize) -> (World, Mapping) {
    let folder = TempDir::new().unwrap();
    let csv = folder.path().join("Account.csv");
    let mut text = "Name,Phone,Industry,NumberOfEmployees,External_Id__c\n".to_owned();
    for n in 1..=accounts {
        writeln!(text, "\"Account, {n}\",+49 {n},Banking,{n},ACC-{n:06}").unwrap();
    }
    std::fs::write(&csv, text).unwrap();
    let org = Config { empty: true, csv: vec![csv], ..Config::default() };
    let world = World::start(org, &[("account.toml", &bulk())]).await;
    let mapping = world.mappings().await.remove(0);
    (world, mapping)
}

/// Makes each page of a result come late enough for something to happen in between.
async fn slow_pages(world: &World, millis: u64) {
    let fault = Fault::new(FaultKind::Latency { millis, after_millis: 0 }).route(RESULTS).forever();
    world.control().arm(fault).await.unwrap();
}

async fn count(world: &World) -> i64 {
    world.cell_if_any(COUNT).await.and_then(|cell| cell.parse().ok()).unwrap_or_default()
}

/// Kills workers, each after it has brought some more rows, `most` times at most; answers how many.
async fn kill_again_and_again(world: &World, most: usize) -> usize {
    let mut kills = 0;
    let mut reached = count(world).await;
    while kills < most && world.cell_if_any(LOADED).await.as_deref() != Some("1") {
        let worker = world.worker();
        wait_until("more rows arrive", PAUSE, async || {
            count(world).await > reached || world.cell_if_any(LOADED).await.as_deref() == Some("1")
        })
        .await;
        worker.kill();
        kills += 1;
        reached = count(world).await;
    }
    kills
}

/// Everything that a load must leave behind as it is without one.
async fn assert_nothing_is_left_over(world: &World) {
    let indexes = "select string_agg(indexname, ' ' order by indexname) from pg_indexes \
                   where schemaname = 'salesforce' and tablename = 'account'";
    assert_eq!(
        world.cell(indexes).await.unwrap(),
        "account_pkey hc_idx_account_systemmodstamp hcu_idx_account_external_id__c hcu_idx_account_sfid"
    );
    let off = "select count(*) from pg_trigger where tgenabled = 'D' and not tgisinternal";
    assert_eq!(world.cell(off).await.unwrap(), "0");
    assert_eq!(world.cell("select count(*) from lockstep.load").await.unwrap(), "0");
    assert_eq!(world.cell("select count(*) from salesforce._trigger_log").await.unwrap(), "0");
}

/// The records of each page of a result that was asked for.
async fn pages(world: &World) -> Vec<u64> {
    let requests = world.control().requests().await.unwrap();
    let pages = requests.iter().filter(|request| request.path.ends_with("/results"));
    pages.map(|request| request.records).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_load_killed_at_page_after_page_ends_with_every_record_once() {
    let (world, mapping) = world(10_000).await;
    slow_pages(&world, 150).await;

    let kills = kill_again_and_again(&world, 6).await;
    assert!(kills >= 3, "the load was over after {kills} kills");
    let _worker = world.worker();
    loaded(&world).await;

    assert_eq!(world.differences(&mapping).await, Vec::<String>::new());
    assert_eq!(world.cell("select count(*) from salesforce.account").await.unwrap(), "10000");
    assert_nothing_is_left_over(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merging_load_killed_at_page_after_page_adopts_rows_and_doubles_none() {
    // given rows with keys of the org's records, from before Lockstep saw the table
    let (world, mapping) = world(10_000).await;
    assert_eq!(world.run(&["provision"]).0, 0);
    let rows = uncaptured(
        "insert into salesforce.account (name, external_id__c) \
         select 'Local ' || n, 'ACC-' || lpad(n::text, 6, '0') from generate_series(1, 6000) n",
    );
    world.application().await.run(&rows).await.unwrap();
    let keys = "select string_agg(id || external_id__c, ' ' order by id) from salesforce.account where id <= 6000";
    let before = world.cell(keys).await;
    slow_pages(&world, 150).await;

    let kills = kill_again_and_again(&world, 6).await;
    assert!(kills >= 3, "the load was over after {kills} kills");
    let _worker = world.worker();
    loaded(&world).await;

    assert_eq!(world.cell(keys).await, before);
    let adopted = "select count(*) from salesforce.account where id <= 6000 and sfid is not null";
    assert_eq!(world.cell(adopted).await.unwrap(), "6000");
    assert_eq!(world.cell("select count(*) from salesforce.account").await.unwrap(), "10000");
    assert_eq!(world.differences(&mapping).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobodys_change_is_lost_to_a_page_of_a_direct_load() {
    // given a load in its midst
    let (world, mapping) = world(10_000).await;
    slow_pages(&world, 700).await;
    let _worker = world.worker();
    wait_until("the load is in its midst", PAUSE, async || count(&world).await > 0).await;
    assert_ne!(world.cell_if_any(LOADED).await.as_deref(), Some("1"));

    // when the application changes, deletes and inserts rows, keys of records to come among them
    let application = world.application().await;
    for statement in [
        "update salesforce.account set phone = 'app ' || id where id % 100 = 1",
        "delete from salesforce.account where id % 100 = 2",
        "insert into salesforce.account (name, phone, external_id__c) \
         select 'App ' || n, 'app', 'ACC-' || lpad(n::text, 6, '0') from generate_series(9900, 9940) n \
         on conflict do nothing",
        "insert into salesforce.account (name) select 'New ' || n from generate_series(1, 20) n",
    ] {
        application.run(statement).await.unwrap();
    }
    // and Salesforce's users change and delete records, loaded or not
    let ids: Vec<String> = world.records(&mapping).await.into_keys().collect();
    for (at, id) in ids.iter().enumerate().step_by(1_500) {
        let control = world.control();
        if at % 2 == 0 {
            control.update("Account", id, &json!({ "Industry": "Energy" })).await.unwrap();
        } else {
            // The application may have deleted it first.
            control.delete("Account", id).await.ok();
        }
    }
    loaded(&world).await;

    // then both sides become equal, with nothing lost
    wait_until("both sides are equal", PAUSE, async || {
        world.waiting().await == 0 && world.differences(&mapping).await.is_empty()
    })
    .await;
    assert_eq!(world.parked().await, Vec::<String>::new());
    let records = world.records(&mapping).await;
    let has = |name: &str| records.values().any(|values| format!("{:?}", values[0]).contains(name));
    assert!(has("New 20"), "what the application inserted arrived");
    let phones = records.values().filter(|v| format!("{:?}", v[1]).contains("app ")).count();
    assert!(phones > 0, "what the application changed arrived");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_breaks_off_ends_early_or_loses_its_session_is_read_again() {
    let (world, mapping) = world(10_000).await;
    let control = world.control();
    for (after, kind) in [
        (0, FaultKind::Truncate { bytes: 20_000 }),
        (1, FaultKind::Shorten { bytes: 50_000 }),
        (2, FaultKind::EndSession {}),
        (3, FaultKind::LoseRows { every: 500 }),
    ] {
        control.arm(Fault::new(kind).route(RESULTS).after(after)).await.unwrap();
    }

    let (status, _, talk) = world.run(&["backfill"]);

    assert_eq!(status, 0, "{talk}");
    assert_eq!(world.differences(&mapping).await, Vec::<String>::new());
    assert_eq!(count(&world).await, 10_000);
    assert_eq!(control.struck().await.unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_page_is_read_once() {
    let (world, _) = world(10_000).await;

    assert_eq!(world.run(&["backfill"]).0, 0);

    let pages = pages(&world).await;
    assert_eq!(pages.iter().sum::<u64>(), 10_000, "{pages:?}");
    assert!(pages.len() >= 2, "{pages:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_job_that_fails_is_replaced_by_itself_and_a_person_asked_in_the_end() {
    let (world, _) = world(4_000).await;
    let fail = |times| {
        let kind = FaultKind::Job {
            ending: JobEnding::Fail,
            after_rows: 0,
            message: "InternalServerError".to_owned(),
        };
        Fault::new(kind).route("*/jobs/query").method("POST").times(times)
    };

    world.control().arm(fail(2)).await.unwrap();
    let (status, _, talk) = world.run(&["backfill"]);
    assert_eq!(status, 0, "{talk}");
    assert_eq!(count(&world).await, 4_000);

    world.control().arm(fail(3)).await.unwrap();
    let (status, _, talk) = world.run(&["backfill"]);
    assert_eq!(status, 1, "{talk}");
    assert!(talk.contains("next:"), "{talk}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_drops_its_connections_delays_a_load_and_no_more() {
    let (world, mapping) = world(10_000).await;
    slow_pages(&world, 150).await;
    let _worker = world.worker();
    for least in [1, 4_000] {
        wait_until("more rows arrive", PAUSE, async || count(&world).await >= least).await;
        let all = "select pg_terminate_backend(pid) from pg_stat_activity \
                   where backend_type = 'client backend' and pid <> pg_backend_pid()";
        world.application().await.run(all).await.unwrap();
    }

    loaded(&world).await;

    assert_eq!(world.differences(&mapping).await, Vec::<String>::new());
    assert_nothing_is_left_over(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_of_what_is_equal_writes_nothing_and_asks_for_a_sweep() {
    let (world, _) = world(4_000).await;
    assert_eq!(world.run(&["backfill"]).0, 0);
    let asked = "select count(*) from lockstep.sweep where wanted_at is not null";
    let written = "select sum(hashtext(ctid::text || xmin::text)) from salesforce.account";
    assert_eq!(world.cell(asked).await.unwrap(), "0");
    let before = world.cell(written).await;

    assert_eq!(world.run(&["backfill"]).0, 0);

    assert_eq!(world.cell(written).await, before);
    assert_eq!(world.cell(asked).await.unwrap(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_whose_row_is_not_clear_is_counted_and_told_and_comes_when_a_person_has_decided() {
    // given rows from before Lockstep: one that is bound to no record of this org, and one without record
    let (world, mapping) = world(50).await;
    assert_eq!(world.run(&["provision"]).0, 0);
    let rows = "alter table salesforce.account disable trigger user; \
        insert into salesforce.account (sfid, name, external_id__c) \
        values ('001999999999999AAA', 'Other', 'ACC-000001'), (null, 'Mine', 'ACC-000002'); \
        alter table salesforce.account enable trigger user";
    let application = world.application().await;
    application.run(rows).await.unwrap();

    // when the records with their keys are loaded, twice
    let (status, out, talk) = world.run(&["backfill", "--json"]);
    let (_, _, again) = world.run(&["backfill"]);

    // then one is left out, and each way to look says so
    assert_eq!(status, 0, "{talk}");
    let summary: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(summary["mappings"][0]["ambiguous_records"], 1, "{out}");
    assert!(again.contains("1 left out since it is not clear which row is theirs"), "{again}");
    let (_, text, _) = world.run(&["status"]);
    assert!(text.contains("1 record of Account waits outside"), "{text}");
    let told =
        "select count(*) from lockstep.event where kind = 'ambiguous' and object = 'Account'";
    assert_eq!(world.cell(told).await.unwrap(), "1");
    let other = "select sfid || ' ' || external_id__c from salesforce.account where id = 1";
    assert_eq!(world.cell(other).await.unwrap(), "001999999999999AAA ACC-000001");
    assert_eq!(count(&world).await, 50, "the row of the record that is left out is not among them");

    // and it comes when a person has decided
    application.run("update salesforce.account set sfid = null where id = 1").await.unwrap();
    let _worker = world.worker();
    wait_until("the record has its row", PAUSE, async || {
        world.differences(&mapping).await.is_empty()
    })
    .await;
    let keys = "select string_agg(id || external_id__c, ' ' order by id) from salesforce.account where id <= 2";
    assert_eq!(world.cell(keys).await.unwrap(), "1ACC-000001 2ACC-000002");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_load_by_bulk_takes_small_pages_and_the_dry_run_knows() {
    let (world, _) = world(4_000).await;
    assert_eq!(world.run(&["provision"]).0, 0);
    let (_, out, talk) = world.run(&["backfill", "--dry-run", "--json", "--rate", "300"]);
    let told: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{talk}"));
    let forecast = &told["loads"][0];
    assert_eq!((&forecast["api"], &forecast["road"]), (&json!("bulk"), &json!("direct")));
    assert_eq!(forecast["pages"], 5);

    let mut load = world.command(&["backfill", "--rate", "300"]).spawn().unwrap();
    wait_until("half of it is there", PAUSE, async || count(&world).await >= 1_800).await;
    load.kill().unwrap();
    load.wait().unwrap();

    let pages = pages(&world).await;
    assert!(pages.len() >= 2 && pages.iter().all(|rows| *rows == 900), "{pages:?}");
}
