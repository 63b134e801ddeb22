//! The sweep of a running worker: what polls cannot see is found and put right, and nothing is inferred too early.

use crate::steps::{loaded, run};
use crate::uncaptured::uncaptured;
use crate::wait::wait_until;
use crate::world::{ACCOUNT, World};
use salesforce_simulator::control::JobEnding;
use salesforce_simulator::org::Permission;
use salesforce_simulator::{Config, Control, Fault, FaultKind};
use std::collections::BTreeMap;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_mins(2);

fn org() -> Config {
    Config { scale: 0.2, ..Config::default() }
}

/// Changes rows behind everybody's back, as a restored dump or a disabled trigger would.
async fn drift(world: &World, sql: &str) {
    run(world, &uncaptured(sql)).await;
}

/// From now on the integration user does not see what is private to others.
async fn see_no_more_than_is_shared(control: &Control) {
    for permission in [Permission::ViewAllData, Permission::ModifyAllData] {
        control.permit(None, permission, false).await.unwrap();
    }
}

/// Asks for a sweep as an anomaly does.
async fn want(world: &World) {
    run(
        world,
        "insert into lockstep.sweep (object, wanted_at, wanted_reason) \
         values ('Account', clock_timestamp(), 'the test') \
         on conflict (object) do update set wanted_at = clock_timestamp(), wanted_reason = 'the test'",
    )
    .await;
}

async fn swept(world: &World) {
    want(world).await;
    wait_until("the sweep ends", PATIENCE, async || {
        let wanted =
            "select 1 from lockstep.sweep where wanted_at is not null or phase is not null";
        world.cell(wanted).await.is_none()
    })
    .await;
}

async fn equal(world: &World) {
    let mapping = &world.mappings().await[0];
    wait_until("both sides are equal", PATIENCE, async || {
        world.waiting().await == 0 && world.differences(mapping).await.is_empty()
    })
    .await;
}

async fn rows(world: &World) -> u64 {
    world.cell("select count(*) from salesforce.account").await.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_deleted_for_good_missed_rows_and_spoilt_ones_are_put_right() {
    // given a loaded mapping, and drift that no poll can see
    let world = World::start(org(), &[("account.toml", ACCOUNT)]).await;
    let gone = world.create_accounts(5).await;
    let worker = world.worker();
    loaded(&world).await;
    world.purge_accounts(&gone).await;
    drift(&world, "delete from salesforce.account where id in (1, 2)").await;
    drift(
        &world,
        "update salesforce.account set name = 'spoilt', systemmodstamp = '2019-01-01' where id = 3",
    )
    .await;
    drift(&world, "update salesforce.account set name = 'spoilt by value' where id = 4").await;

    // when
    swept(&world).await;

    // then
    equal(&world).await;
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyless_mapping_with_a_filter_is_swept_within_its_filter() {
    // given a mapping of some accounts, and rows of others that left the filter long ago
    let mapping = "object = \"Account\"\ndirection = \"both\"\nfields = [\"Name\", \"Phone\", \"Industry\"]\n\
                   poll = { every = \"1s\" }\ndeletes = { hold_above = 10000 }\n\
                   where = \"Industry = 'Banking'\"\n";
    let world = World::start(org(), &[("account.toml", mapping)]).await;
    let _worker = world.worker();
    loaded(&world).await;
    let before = rows(&world).await;
    let control = world.control();
    let outside = control.create("Account", &serde_json::json!({ "Name": "Out" })).await.unwrap();
    drift(
        &world,
        &format!("insert into salesforce.account (sfid, name, systemmodstamp) values ('{outside}', 'Out', '2020-01-01')"),
    )
    .await;
    drift(
        &world,
        "delete from salesforce.account where id = (select min(id) from salesforce.account)",
    )
    .await;

    // when
    swept(&world).await;

    // then
    assert_eq!(rows(&world).await, before);
    let left = format!("select count(*) from salesforce.account where sfid = '{outside}'");
    assert_eq!(world.cell(&left).await.unwrap(), "0");
    assert!(control.read("Account", &outside).await.is_ok(), "the record stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_visibility_of_two_records_in_five_removes_nothing_and_says_so() {
    // given a mapping whose guard allows few removals, and an integration user who loses sight of all accounts
    let mapping = ACCOUNT.replace("hold_above = 10000", "hold_above = 10");
    let world = World::start(org(), &[("account.toml", &mapping)]).await;
    // What a user creates is the user's own, and no longer seen once accounts are private.
    let lost = 150;
    world.create_accounts(lost).await;
    let worker = world.worker();
    loaded(&world).await;
    let before = rows(&world).await;
    assert!(lost as u64 * 100 >= before * 40, "{lost} of {before}");
    let control = world.control();
    control.permit(None, Permission::ViewAllData, false).await.unwrap();
    control.permit(None, Permission::ModifyAllData, false).await.unwrap();
    control.set_private("Account", true).await.unwrap();

    // when
    want(&world).await;
    let state = "select state from lockstep.mapping where object = 'Account'";
    wait_until("the mapping is paused", PATIENCE, async || {
        world.cell(state).await.as_deref() == Some("paused")
    })
    .await;

    // then
    assert_eq!(rows(&world).await, before);
    let reason = world.cell("select state_reason from lockstep.mapping").await.unwrap();
    assert!(reason.contains("lockstep verify Account"), "{reason}");

    // when the rights are given back
    control.set_private("Account", false).await.unwrap();
    swept(&world).await;

    // then it goes on by itself
    wait_until("the mapping goes on", PATIENCE, async || {
        world.cell(state).await.as_deref() == Some("synced")
    })
    .await;
    assert_eq!(rows(&world).await, before);
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_is_cut_short_and_a_job_that_fails_infer_nothing() {
    // given a mapping that is swept by a Bulk query
    let mapping = format!("{ACCOUNT}bulk = {{ read_above = 20 }}\n");
    let lost = || Fault::new(FaultKind::LoseRows { every: 2 }).route("*/results");
    let count = BTreeMap::from([("Sforce-NumberOfRecords".to_owned(), None)]);
    let uncounted =
        FaultKind::Edit { headers: count, json: BTreeMap::default(), replace: BTreeMap::default() };
    let failing =
        FaultKind::Job { ending: JobEnding::Fail, after_rows: 0, message: "no".to_owned() };
    for (case, faults) in [
        ("rows are lost", vec![lost()]),
        (
            "rows are lost, and the count with them",
            vec![lost(), Fault::new(uncounted).route("*/results")],
        ),
        (
            "the body ends early",
            vec![Fault::new(FaultKind::Shorten { bytes: 500 }).route("*/results")],
        ),
        ("the job fails", vec![Fault::new(failing).route("*/jobs/query")]),
    ] {
        let world =
            World::start(Config { scale: 3.0, ..Config::default() }, &[("account.toml", &mapping)])
                .await;
        assert_eq!(world.run(&["backfill", "Account"]).0, 0);
        let before = rows(&world).await;
        drift(
            &world,
            "insert into salesforce.account (sfid, name) values ('001000000009999AAA', 'ghost')",
        )
        .await;
        for fault in faults {
            world.control().arm(fault.forever()).await.unwrap();
        }

        // when
        let (status, _, talk) =
            world.run(&["verify", "Account", "--repair", "--allow-deletes", "100000"]);

        // then
        assert_ne!(status, 0, "{case}: {talk}");
        assert_eq!(rows(&world).await, before + 1, "{case}");
        world.control().disarm_all().await.unwrap();
        assert_eq!(world.run(&["verify", "Account", "--repair"]).0, 0, "{case}");
        assert_eq!(rows(&world).await, before, "{case}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_killed_in_the_middle_goes_on_with_the_same_job() {
    // given a worker whose sweep's result comes slowly
    let mapping = format!("{ACCOUNT}bulk = {{ read_above = 20 }}\n");
    let world =
        World::start(Config { scale: 3.0, ..Config::default() }, &[("account.toml", &mapping)])
            .await;
    assert_eq!(world.run(&["backfill", "Account"]).0, 0);
    drift(&world, "delete from salesforce.account where id in (1, 2, 3)").await;
    let slow = Fault::new(FaultKind::latency(60_000)).route("*/results");
    world.control().arm(slow).await.unwrap();
    let worker = world.worker();
    want(&world).await;
    let job = "select job from lockstep.sweep where phase = 'scan' and job is not null";
    wait_until("the job is saved", PATIENCE, async || world.cell_if_any(job).await.is_some()).await;
    let saved = world.cell(job).await.unwrap();

    // when
    worker.kill();
    world.control().disarm_all().await.unwrap();
    world.control().forget_requests().await.unwrap();
    let _worker = world.worker_named("successor");
    let done = "select count(*) from lockstep.sweep where finished_at is not null";
    wait_until("it is swept", PATIENCE, async || world.cell(done).await.as_deref() == Some("1"))
        .await;

    // then
    equal(&world).await;
    let requests = world.control().requests().await.unwrap();
    assert!(requests.iter().any(|call| call.path.contains(&saved)), "the saved job was read");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_mapping_is_sent_before_the_sweep_that_goes_first() {
    // given a mapping that is to be swept first, and somebody who keeps the sweep from beginning
    let world = World::start(org(), &[("account.toml", ACCOUNT)]).await;
    let worker = world.worker();
    loaded(&world).await;
    run(
        &world,
        "insert into lockstep.lease (name, epoch, holder, token, expires_at) \
         values ('sweep:Account', 1, 'somebody', gen_random_uuid(), now() + interval '1 hour') \
         on conflict (name) do update set holder = 'somebody', expires_at = excluded.expires_at; \
         insert into lockstep.sweep (object, wanted_at, wanted_reason, is_first) \
         values ('Account', now(), 'the test', true) \
         on conflict (object) do update set wanted_at = now(), wanted_reason = 'the test', is_first = true",
    )
    .await;

    // when the application writes, and polls come and go
    run(&world, "insert into salesforce.account (name) values ('Waits')").await;
    for turn in 0..2 {
        let name = format!("Polled {turn}");
        let polled = serde_json::json!({ "Name": name });
        world.control().create("Account", &polled).await.unwrap();
        let here = format!("select 1 from salesforce.account where name = '{name}'");
        wait_until("a poll", PATIENCE, async || world.cell(&here).await.is_some()).await;
    }

    // then what was written waits, until the sweep could run
    assert_eq!(world.waiting().await, 1);
    run(&world, "update lockstep.lease set expires_at = now() where name = 'sweep:Account'").await;
    wait_until("it is sent", PATIENCE, async || world.waiting().await == 0).await;
    equal(&world).await;
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_on_both_sides_during_sweeps_are_all_kept() {
    // given sweeps one after the other
    let world = World::start(org(), &[("account.toml", ACCOUNT)]).await;
    let worker = world.worker();
    loaded(&world).await;
    let control = world.control();
    let ids = world
        .application()
        .await
        .rows("select id::text, sfid from salesforce.account order by id limit 10")
        .await
        .unwrap();

    // when both sides write meanwhile
    for (turn, row) in ids.iter().enumerate() {
        want(&world).await;
        let (id, sfid) = (row[0].clone().unwrap(), row[1].clone().unwrap());
        run(
            &world,
            &format!("update salesforce.account set phone = 'here {turn}' where id = {id}"),
        )
        .await;
        control
            .update(
                "Account",
                &sfid,
                &serde_json::json!({ "Description": format!("there {turn}") }),
            )
            .await
            .unwrap();
        run(&world, &format!("insert into salesforce.account (name) values ('new {turn}')")).await;
    }
    swept(&world).await;
    equal(&world).await;

    // then
    for turn in 0..ids.len() {
        let kept = format!(
            "select count(*) from salesforce.account where phone = 'here {turn}' and description = 'there {turn}'"
        );
        assert_eq!(world.cell(&kept).await.unwrap(), "1", "{turn}");
        let new = format!("select count(*) from salesforce.account where name = 'new {turn}'");
        assert_eq!(world.cell(&new).await.unwrap(), "1", "{turn}");
    }
    assert_eq!(world.unsettled().await, 0);
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_load_is_not_swept_at_once_and_the_schedule_is_kept() {
    // given
    let world = World::start(org(), &[("account.toml", ACCOUNT)]).await;
    let _worker = world.worker();
    loaded(&world).await;
    let known = "select count(*) from lockstep.sweep where finished_at is null and phase is null";
    wait_until("the sweeps know it", PATIENCE, async || {
        world.cell(known).await.as_deref() == Some("1")
    })
    .await;

    // when a day has passed since
    run(&world, "update lockstep.sweep set known_at = known_at - interval '1 day'").await;

    // then
    let done = "select count(*) from lockstep.sweep where finished_at is not null";
    wait_until("it is swept", PATIENCE, async || world.cell(done).await.as_deref() == Some("1"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_seen_again_when_it_is_asked_for_by_its_id_keeps_its_row() {
    // given records that the integration user does not see while the scan is read
    let mapping = format!("{ACCOUNT}sweep = {{ sample = 0 }}\n");
    let world = World::start(org(), &[("account.toml", &mapping)]).await;
    world.create_accounts(20).await;
    let worker = world.worker();
    loaded(&world).await;
    let before = rows(&world).await;
    let control = world.control();
    see_no_more_than_is_shared(&control).await;
    control.set_private("Account", true).await.unwrap();
    let slow = Fault::new(FaultKind::latency(5_000)).route("*/composite/sobjects/Account");
    control.arm(slow).await.unwrap();

    // when they are seen again before they are asked for by their ids
    want(&world).await;
    wait_until("the rows are asked for", PATIENCE, async || {
        !control.struck().await.unwrap().is_empty()
    })
    .await;
    control.set_private("Account", false).await.unwrap();
    wait_until("the sweep ends", PATIENCE, async || {
        let done = "select 1 from lockstep.sweep where finished_at is not null and phase is null";
        world.cell(done).await.is_some()
    })
    .await;

    // then
    assert_eq!(rows(&world).await, before);
    assert_eq!(world.cell("select count(*) from lockstep.tombstone").await.unwrap(), "0");
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_whose_records_left_the_filter_stay_where_the_mapping_keeps_them() {
    // given a mapping that keeps such rows, one of which is the row of a record that has left, and one of a purged one
    let mapping = "object = \"Account\"\ndirection = \"from_salesforce\"\nfields = [\"Name\", \"Industry\"]\n\
                   poll = { every = \"1s\" }\nwhere = \"Industry = 'Banking'\"\nleave = \"keep\"\n";
    let world = World::start(org(), &[("account.toml", mapping)]).await;
    let control = world.control();
    let banking = serde_json::json!({ "Name": "Mine", "Industry": "Banking" });
    let left = control.create("Account", &banking).await.unwrap();
    let purged = control.create("Account", &banking).await.unwrap();
    let _worker = world.worker();
    loaded(&world).await;
    let before = rows(&world).await;
    let other = serde_json::json!({ "Industry": "Energy" });
    control.update("Account", &left, &other).await.unwrap();
    world.purge_accounts(std::slice::from_ref(&purged)).await;
    drift(
        &world,
        "delete from salesforce.account where id = (select min(id) from salesforce.account)",
    )
    .await;

    // when
    swept(&world).await;

    // then the missed row is back, the purged one is gone, and the leaver's stays as it was
    assert_eq!(rows(&world).await, before - 1);
    let industry = format!("select industry from salesforce.account where sfid = '{left}'");
    assert_eq!(world.cell(&industry).await.as_deref(), Some("Banking"));
    let gone = format!("select count(*) from salesforce.account where sfid = '{purged}'");
    assert_eq!(world.cell(&gone).await.as_deref(), Some("0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_back_before_an_interrupted_repair_goes_on_keeps_its_row() {
    // given a repair that was interrupted when it had found a record gone, which was restored and polled since
    let world = World::start(org(), &[("account.toml", ACCOUNT)]).await;
    assert_eq!(world.run(&["backfill", "Account"]).0, 0);
    let before = rows(&world).await;
    run(
        &world,
        "insert into lockstep.sweep (object, started_at, read_started, phase) \
         values ('Account', now() - interval '1 day', now() - interval '1 day', 'repair') \
         on conflict (object) do update \
         set started_at = excluded.started_at, read_started = excluded.read_started, phase = excluded.phase; \
         insert into lockstep.sweep_finding (object, sfid, kind) \
         select 'Account', max(sfid), 'gone' from salesforce.account",
    )
    .await;

    // when a worker goes on with it
    let worker = world.worker();
    wait_until("the sweep ends", PATIENCE, async || {
        let done = "select 1 from lockstep.sweep where finished_at is not null and phase is null";
        world.cell(done).await.is_some()
    })
    .await;

    // then
    assert_eq!(rows(&world).await, before);
    let kept = "select (select count(*) from lockstep.tombstone) + (select count(*) from lockstep.sweep_finding)";
    assert_eq!(world.cell(kept).await.as_deref(), Some("0"));
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_records_out_of_sight_lose_their_rows_and_get_the_same_ones_back() {
    // given some records that only their owner sees once accounts are private
    let world = World::start(org(), &[("account.toml", ACCOUNT)]).await;
    let lost = world.create_accounts(5).await;
    let worker = world.worker();
    loaded(&world).await;
    let before = rows(&world).await;
    let own = format!("select id from salesforce.account where sfid = '{}'", lost[0]);
    let row = world.cell(&own).await;
    let control = world.control();
    see_no_more_than_is_shared(&control).await;

    // when they go out of sight
    control.set_private("Account", true).await.unwrap();
    swept(&world).await;

    // then so do their rows, and none of it is sent as a deletion
    assert!(rows(&world).await <= before - 5);
    assert_eq!(world.cell(&own).await, None);
    assert!(control.read("Account", &lost[0]).await.is_ok(), "the record stays");

    // when they are seen again, then they have their rows
    control.set_private("Account", false).await.unwrap();
    swept(&world).await;
    assert_eq!(rows(&world).await, before);
    assert_eq!(world.cell(&own).await, row);
    equal(&world).await;
    assert_eq!(worker.terminate(), Some(0));
}
