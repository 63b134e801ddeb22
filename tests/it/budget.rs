//! The API budget at work: what can best wait stops first, and all of it resumes by itself.

use crate::steps::{loaded, run};
use crate::wait::{wait_for, wait_until};
use crate::world::{ACCOUNT, World};
use salesforce_simulator::{Config, Control, Fault};
use serde_json::json;
use std::time::Duration;

/// Long enough for a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_mins(1);

/// The org's daily limit in these tests: the calls of a test are few beside it.
const LIMIT: u64 = 100_000;

/// A world whose worker asks for the org's limits every second where it has to.
async fn world() -> World {
    let org = Config { scale: 0.05, ..Config::default() };
    let world = World::start(org, &[("account.toml", ACCOUNT)]).await;
    std::fs::write(world.folder.path().join("lockstep.toml"), "[worker]\nlimits_every = \"1s\"\n")
        .unwrap();
    world.control().set_limits(0, LIMIT).await.unwrap();
    world
}

/// The org has made this share of its requests, in percent; waits until the worker knows.
async fn spend(world: &World, percent: u64, level: &str) {
    world.control().set_limits(LIMIT * percent / 100, LIMIT).await.unwrap();
    is_at(world, level).await;
}

async fn is_at(world: &World, level: &str) {
    let sql = "select budget_level from lockstep.connection";
    wait_until(&format!("the budget is at {level}"), PATIENCE, async || {
        world.cell_if_any(sql).await.as_deref() == Some(level)
    })
    .await;
}

async fn has_record(world: &World, name: &str) -> bool {
    let mapping = &world.mappings().await[0];
    let name = lockstep::model::Value::Text(name.to_owned());
    world.records(mapping).await.values().any(|record| record.contains(&name))
}

/// Lets the worker leave its mark twice, between which it looks whether a sweep is due.
async fn two_beats(world: &World) {
    let beat = world.cell("select beat::text from lockstep.marker").await.unwrap();
    let passed = format!("select beat >= {beat} + 2 from lockstep.marker");
    wait_until("two beats", PATIENCE, async || world.cell(&passed).await.as_deref() == Some("t"))
        .await;
}

/// When the worker polled accounts since requests were last forgotten.
async fn polls(control: &Control) -> Vec<chrono::DateTime<chrono::Utc>> {
    let requests = control.requests().await.unwrap();
    let is_poll = |request: &&salesforce_simulator::control::LoggedRequest| {
        request.path.ends_with("/queryAll")
            && request.username.as_deref().is_some_and(|name| name.starts_with("integration"))
    };
    requests.iter().filter(is_poll).map(|request| request.time.parse().unwrap()).collect()
}

fn fault(json: serde_json::Value) -> Fault {
    serde_json::from_value(json).unwrap()
}

/// Requests of the integration user since they were last forgotten, but for those that only look at the limits.
async fn calls(control: &Control) -> usize {
    let requests = control.requests().await.unwrap();
    let is_ours = |name: &str| name.starts_with("integration");
    requests
        .iter()
        .filter(|request| request.username.as_deref().is_some_and(is_ours))
        .filter(|request| request.api != "limits")
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn work_is_shed_in_order_as_the_limit_comes_nearer_and_resumes_by_itself() {
    // given a worker in step, with one row to be changed and one to be deleted
    let world = world().await;
    let control = world.control();
    let worker = world.worker();
    loaded(&world).await;
    run(&world, "insert into salesforce.account (name) values ('To change'), ('To delete')").await;
    wait_until("both are sent", PATIENCE, async || world.waiting().await == 0).await;
    is_at(&world, "open").await;

    // when 72 % are used, then a load that is asked for waits, while polls and pushes go on
    spend(&world, 72, "no_backfill").await;
    run(&world, "update lockstep.checkpoint set loaded = false").await;
    run(&world, "update salesforce.account set name = 'Changed' where name = 'To change'").await;
    wait_until("the update is sent", PATIENCE, async || has_record(&world, "Changed").await).await;
    let loaded_again = "select count(*) from lockstep.checkpoint where loaded";
    assert_eq!(world.cell(loaded_again).await.as_deref(), Some("0"));

    // when 82 % are used, then a sweep that is asked for waits
    spend(&world, 82, "no_sweep").await;
    run(
        &world,
        "insert into lockstep.sweep (object, wanted_at, wanted_reason) values ('Account', now(), 'the test') \
         on conflict (object) do update set wanted_at = now(), wanted_reason = 'the test'",
    )
    .await;
    run(&world, "update lockstep.checkpoint set loaded = true").await;
    two_beats(&world).await;
    let swept = "select count(*) from lockstep.sweep where wanted_at is null or phase is not null";
    assert_eq!(world.cell(swept).await.as_deref(), Some("0"));
    run(&world, "update lockstep.checkpoint set loaded = false").await;

    // when 91 % are used, then polls come a quarter as often
    spend(&world, 91, "slow_polls").await;
    control.forget_requests().await.unwrap();
    wait_until("two polls", PATIENCE, async || polls(&control).await.len() >= 2).await;
    let polls = polls(&control).await;
    assert!(polls[1] - polls[0] >= chrono::TimeDelta::seconds(3), "{polls:?}");

    // when 96 % are used, then updates wait, while inserts and deletions go on
    spend(&world, 96, "no_updates").await;
    run(&world, "update salesforce.account set name = 'Changed again' where name = 'Changed'")
        .await;
    run(&world, "delete from salesforce.account where name = 'To delete'").await;
    run(&world, "insert into salesforce.account (name) values ('Inserted')").await;
    wait_until("insert and deletion are sent", PATIENCE, async || world.waiting().await == 1).await;
    assert!(has_record(&world, "Inserted").await);
    assert!(!has_record(&world, "To delete").await);
    assert!(!has_record(&world, "Changed again").await);

    // when 99 % are used, then nothing is asked any more, and status says so
    spend(&world, 99, "closed").await;
    run(&world, "insert into salesforce.account (name) values ('Too late')").await;
    world.control().forget_requests().await.unwrap();
    wait_until("the worker asks for the limits, twice", PATIENCE, async || {
        let requests = world.control().requests().await.unwrap();
        requests.iter().filter(|request| request.api == "limits").count() >= 2
    })
    .await;
    assert_eq!(calls(&world.control()).await, 0);
    let (_, status, _) = world.run(&["status"]);
    assert!(status.contains("everything waits; changes are captured on"), "{status}");

    // when the day moves on, then everything that waited is done
    spend(&world, 10, "open").await;
    wait_until("nothing waits", PATIENCE, async || world.waiting().await == 0).await;
    loaded(&world).await;
    assert!(has_record(&world, "Changed again").await && has_record(&world, "Too late").await);
    let told = "select count(*) from lockstep.event where kind = 'budget'";
    assert_eq!(world.cell(told).await.as_deref(), Some("6"), "each level once");
    assert_eq!(worker.log().matches("API budget:").count(), 6);
    let (_, status, _) = world.run(&["status"]);
    assert!(!status.contains("API budget"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_the_limit_closes_the_budget_until_the_org_answers_again() {
    // given a worker in step whose header tells nothing alarming
    let world = world().await;
    let _worker = world.worker();
    loaded(&world).await;
    is_at(&world, "open").await;

    // when the org refuses for its limit
    let fault = fault(json!({ "kind": "error", "code": "REQUEST_LIMIT_EXCEEDED", "times": null }));
    let fault = world.control().arm(fault).await.unwrap();
    is_at(&world, "closed").await;

    // then one request now and then is all that is tried, and when it is answered, work goes on
    run(&world, "insert into salesforce.account (name) values ('Meanwhile')").await;
    world.control().forget_requests().await.unwrap();
    wait_until("two probes", PATIENCE, async || {
        world.control().requests().await.unwrap().len() >= 2
    })
    .await;
    let requests = world.control().requests().await.unwrap();
    assert!(requests.iter().all(|request| request.api == "limits"), "{requests:?}");
    world.control().disarm(fault.id).await.unwrap();
    is_at(&world, "open").await;
    wait_until("the row is sent", PATIENCE, async || has_record(&world, "Meanwhile").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_is_absent_or_wrong_neither_opens_nor_closes_the_budget() {
    for header in [json!(null), json!("api-usage=5/0"), json!("api-usage=999999999/15000")] {
        // given an org whose header says nothing that can be believed
        let world = world().await;
        let control = world.control();
        let fault = fault(json!({
            "kind": "edit", "headers": { "Sforce-Limit-Info": header }, "times": null
        }));
        control.arm(fault).await.unwrap();
        let _worker = world.worker();
        loaded(&world).await;
        is_at(&world, "open").await;

        // when much of the limit is used, then the list of limits tells it, and what is counted here from then on
        spend(&world, 96, "no_updates").await;
        let used = "select api_used from lockstep.connection";
        let known = wait_for("usage is noted", PATIENCE, async || {
            world.cell(used).await?.parse::<u64>().ok().filter(|used| *used > 90_000)
        })
        .await;
        assert!(known >= LIMIT * 96 / 100, "{header}: {known}");

        // and when it is over, then everything goes on
        spend(&world, 5, "open").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_may_be_a_part_of_the_limit() {
    // given a worker that may use half of the org's requests
    let world = world().await;
    let settings = "[salesforce]\napi_budget = \"50%\"\n[worker]\nlimits_every = \"1s\"\n";
    std::fs::write(world.folder.path().join("lockstep.toml"), settings).unwrap();
    let _worker = world.worker();
    loaded(&world).await;

    // when 36 % of the limit are used, then that is 72 % of the budget
    spend(&world, 36, "no_backfill").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_counted_per_mapping_and_kind() {
    let world = world().await;
    let worker = world.worker();
    loaded(&world).await;
    run(&world, "insert into salesforce.account (name) values ('Counted')").await;
    wait_until("the row is sent", PATIENCE, async || has_record(&world, "Counted").await).await;

    worker.terminate();

    let sql = "select string_agg(distinct object || ' ' || kind, ', ' order by object || ' ' || kind) \
               from lockstep.api_usage where object = 'Account'";
    let counted = world.cell(sql).await.unwrap();
    for kind in ["Account load", "Account push"] {
        assert!(counted.contains(kind), "{counted}");
    }
}
