//! Pause, resume and cancel from a second terminal.

use super::{
    ACCOUNTS, Load, PATIENCE, SLOW, is_equal, is_loaded, reached, reaches, records_read, rows,
    world,
};
use crate::wait::{wait_for, wait_until};
use crate::world::{ACCOUNT, World};
use salesforce_simulator::Config;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_load_paused_from_a_second_process_stops_after_its_page_and_is_resumed_there() {
    // given a load under way
    let world = world().await;
    let load = Load::start(&world, &SLOW);
    reaches(&world, 2_000).await;

    // when another process pauses it
    let (status, out, talk) = world.run(&["backfill", "pause", "Account"]);

    // then it ends, says how to go on, and what it read is there
    assert_eq!(status, 0, "{out}{talk}");
    assert!(out.contains("Account: paused at"), "{out}");
    assert!(out.contains("next") || out.contains("lockstep backfill resume Account"), "{out}");
    let (status, _, talk) = load.ended().await;
    assert_eq!(status, 6, "{talk}");
    assert!(talk.contains("paused") && talk.contains("lockstep backfill resume Account"), "{talk}");
    let paused_at = reached(&world).await;
    assert_eq!(rows(&world).await, paused_at);
    assert!(paused_at < ACCOUNTS);

    // and it does not begin by mistake
    let (status, _, talk) = world.run(&["backfill", "Account"]);
    assert_eq!(status, 6, "{talk}");
    assert!(talk.contains("the load of Account is paused"), "{talk}");
    let (_, out, _) = world.run(&["backfill", "status"]);
    assert!(out.contains("paused"), "{out}");
    let (_, out, _) = world.run(&["status"]);
    assert!(out.contains("paused") && !out.contains("loading"), "{out}");
    assert!(out.contains("lockstep backfill resume Account"), "{out}");

    // and resumed it goes on at its page, reading nothing twice
    let (status, _, talk) = world.run(&["backfill", "resume"]);
    assert_eq!(status, 0, "{talk}");
    assert!(talk.contains("going on at row"), "{talk}");
    assert_eq!(records_read(&world).await, ACCOUNTS);
    is_equal(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_in_the_worker_is_paused_and_resumed_from_a_second_process() {
    // given a load that a worker goes on with, at the rate that was asked for
    let world = world().await;
    let load = Load::start(&world, &["backfill", "Account", "--rate", "1000"]);
    reaches(&world, 2_000).await;
    load.signal("-INT");
    assert_eq!(load.ended().await.0, 130);
    let begun_at = reached(&world).await;
    let worker = world.worker();
    reaches(&world, begun_at + 2_000).await;

    // when it is paused
    let (status, out, talk) = world.run(&["backfill", "pause"]);
    assert_eq!(status, 0, "{out}{talk}");

    // then the worker says so, and leaves it while it does its other work
    wait_until("the worker tells", PATIENCE, async || {
        worker.log().contains("the load is paused by a person")
    })
    .await;
    let paused_at = reached(&world).await;
    let insert = "insert into salesforce.account (name) values ('While paused')";
    world.application().await.run(insert).await.unwrap();
    wait_until("the row is sent", PATIENCE, async || {
        let sql = "select sfid from salesforce.account where name = 'While paused'";
        world.cell(sql).await.is_some()
    })
    .await;
    assert_eq!(reached(&world).await, paused_at);
    assert!(paused_at < ACCOUNTS && !is_loaded(&world).await);
    assert_eq!(worker.log().matches("the load is paused by a person").count(), 1);

    // and resumed it is completed, by the worker or here
    let (status, out, talk) = world.run(&["backfill", "resume", "Account"]);
    assert_eq!(status, 0, "{out}{talk}");
    wait_until("the load ends", PATIENCE, async || is_loaded(&world).await).await;
    wait_until("both sides are equal", PATIENCE, async || {
        world.differences(&world.mappings().await[0]).await.is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_first_load_keeps_its_rows_and_no_worker_begins_it_again_by_itself() {
    // given a load under way
    let world = world().await;
    let load = Load::start(&world, &SLOW);
    reaches(&world, 2_000).await;

    // when it is cancelled
    let (status, out, talk) = world.run(&["backfill", "cancel", "Account"]);

    // then it is given up, its rows stay, and the mapping is unloaded
    assert_eq!(status, 0, "{out}{talk}");
    assert!(out.contains("stays unloaded"), "{out}");
    let (status, _, talk) = load.ended().await;
    assert_eq!(status, 1, "{talk}");
    assert!(talk.contains("cancelled; its rows stay"), "{talk}");
    let kept = rows(&world).await;
    assert!((2_000..ACCOUNTS).contains(&kept), "{kept}");

    // and a worker leaves it alone
    let worker = world.worker();
    let insert = "insert into salesforce.account (name) values ('Meanwhile')";
    world.application().await.run(insert).await.unwrap();
    wait_until("the row is sent", PATIENCE, async || {
        let sql = "select sfid from salesforce.account where name = 'Meanwhile'";
        world.cell(sql).await.is_some()
    })
    .await;
    assert_eq!((rows(&world).await, is_loaded(&world).await), (kept + 1, false));
    let (_, out, _) = world.run(&["backfill", "status"]);
    assert!(out.contains("cancelled") && out.contains("begin again"), "{out}");
    assert_eq!(worker.terminate(), Some(0));

    // until a person begins it again
    let (status, _, talk) = world.run(&["backfill", "Account"]);
    assert_eq!(status, 0, "{talk}");
    is_equal(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_reload_leaves_the_mapping_polled_from_its_earlier_watermark() {
    // given a loaded mapping that is loaded again
    let world = world().await;
    assert_eq!(world.run(&["backfill"]).0, 0);
    let watermark = "select watermark from lockstep.checkpoint";
    let before = world.cell(watermark).await;
    let load = Load::start(&world, &SLOW);
    reaches(&world, 2_000).await;

    // when that is cancelled
    let (status, out, talk) = world.run(&["backfill", "cancel"]);

    // then all rows stay, and a change is polled
    assert_eq!(status, 0, "{out}{talk}");
    assert!(out.contains("polling goes on from its earlier watermark"), "{out}");
    assert_eq!(load.ended().await.0, 1);
    assert_eq!((rows(&world).await, world.cell(watermark).await), (ACCOUNTS, before));
    let _worker = world.worker();
    let fields = serde_json::json!({ "Name": "Made meanwhile" });
    world.control().create("Account", &fields).await.unwrap();
    wait_until("the record is polled", PATIENCE, async || {
        let sql = "select sfid from salesforce.account where name = 'Made meanwhile'";
        world.cell(sql).await.is_some()
    })
    .await;
}

/// A world whose accounts come by a Bulk job that takes its time, and the load that waits for it.
async fn waiting_for_a_job() -> (World, Load, String) {
    let mapping = format!("{ACCOUNT}bulk = {{ read_above = 1 }}\n");
    let org = Config { scale: 0.05, bulk_delay: Duration::from_mins(10), ..Config::default() };
    let world = World::start(org, &[("account.toml", &mapping)]).await;
    let load = Load::start(&world, &["backfill"]);
    let job = wait_for("the job", PATIENCE, async || {
        world.cell_if_any("select backfill_job from lockstep.checkpoint").await
    })
    .await;
    (world, load, job)
}

async fn state_of(world: &World, job: &str) -> String {
    let url = format!("{}/services/data/v66.0/jobs/query/{job}", world.org.url());
    let token = world.org.credentials().access_token;
    let answer = reqwest::Client::new().get(url).bearer_auth(token).send().await.unwrap();
    let job: serde_json::Value = answer.json().await.unwrap();
    job["state"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_a_load_aborts_its_bulk_job_in_salesforce() {
    for is_killed in [false, true] {
        // given a load that waits for its Bulk job, or was killed while it did
        let (world, load, job) = waiting_for_a_job().await;
        if is_killed {
            load.signal("-KILL");
        }

        // when it is cancelled
        let (status, out, talk) = world.run(&["backfill", "cancel", "account"]);

        // then so is the job
        assert_eq!(status, 0, "{out}{talk}");
        assert_eq!(state_of(&world, &job).await, "Aborted");
        assert_eq!(world.cell("select backfill_job from lockstep.checkpoint").await, None);
        let expected = if is_killed { -1 } else { 1 };
        assert_eq!(load.ended().await.0, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pausing_a_load_that_waits_for_a_bulk_job_keeps_the_job() {
    // given a load that waits for its Bulk job
    let (world, load, job) = waiting_for_a_job().await;

    // when it is paused
    let (status, out, talk) = world.run(&["backfill", "pause"]);

    // then it stops at once, and the job goes on
    assert_eq!(status, 0, "{out}{talk}");
    assert_eq!(load.ended().await.0, 6);
    assert_ne!(state_of(&world, &job).await, "Aborted");
    let kept = world.cell("select backfill_job from lockstep.checkpoint").await;
    assert_eq!(kept.as_deref(), Some(job.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_not_can_be_neither_paused_nor_resumed_nor_cancelled_and_says_so() {
    // given a loaded mapping
    let world = super::small_world().await;
    assert_eq!(world.run(&["backfill"]).0, 0);

    // then each answer is plain, and changes nothing
    #[rustfmt::skip]
    let table: [(&[&str], &str); 6] = [
        (&["backfill", "pause"], "no load is under way"),
        (&["backfill", "pause", "Account"], "Account: no load is under way"),
        (&["backfill", "resume"], "no load is paused or interrupted"),
        (&["backfill", "resume", "Account"], "begin one with: lockstep backfill Account"),
        (&["backfill", "cancel"], "no load is under way"),
        (&["backfill", "cancel", "account"], "Account: no load is under way"),
    ];
    for (command, expected) in table {
        let (status, out, talk) = world.run(command);
        assert_eq!(status, 0, "{command:?}: {out}{talk}");
        assert!(out.contains(expected), "{command:?}: {out}");
    }
    assert!(is_loaded(&world).await);
    assert_eq!(world.cell("select wish from lockstep.backfill").await.as_deref(), Some("run"));
}
