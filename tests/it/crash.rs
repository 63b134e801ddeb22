//! SIGKILL at any moment, and the end is the same: everything arrives, nothing twice.

use crate::wait::wait_until;
use crate::world::{ACCOUNT, World};
use salesforce_simulator::Config;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_again_and_again_during_the_first_load_ends_with_every_row_once() {
    // given an org that is loaded page by page through the Bulk API
    let mapping = format!("{ACCOUNT}bulk = {{ read_above = 1000 }}\n");
    let org = Config { scale: 60.0, ..Config::default() };
    let world = World::start(org, &[("account.toml", &mapping)]).await;
    let mappings = world.mappings().await;
    let count = "select count(*) from salesforce.account";
    let loaded = "select count(*) from lockstep.checkpoint where loaded";

    // when the worker is killed after each bit of progress
    let mut reached = 0;
    let mut kills = 0;
    while world.cell_if_any(loaded).await.as_deref() != Some("1") && kills < 5 {
        let worker = world.worker();
        wait_until("more rows arrive", Duration::from_secs(90), async || {
            let rows =
                world.cell_if_any(count).await.and_then(|cell| cell.parse().ok()).unwrap_or(0);
            rows > reached
        })
        .await;
        worker.kill();
        kills += 1;
        reached = world.cell(count).await.unwrap().parse().unwrap();
    }
    assert!(kills >= 2, "the load was over before it could be killed twice");
    let _worker = world.worker();

    // then it ends with the same rows, each once
    wait_until("the load ends", Duration::from_mins(2), async || {
        world.cell_if_any(loaded).await.as_deref() == Some("1")
    })
    .await;
    assert_eq!(world.differences(&mappings[0]).await, Vec::<String>::new());
    assert_eq!(world.cell(count).await.unwrap(), "60000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_again_and_again_while_sending_makes_no_duplicate() {
    // given an empty org, and an application that inserts rows with and without an external id of its own
    let org = Config { empty: true, ..Config::default() };
    let world = World::start(org, &[("account.toml", ACCOUNT)]).await;
    let mappings = world.mappings().await;
    assert_eq!(world.run(&["provision"]).0, 0);
    let insert =
        "insert into salesforce.account (name) select 'Twin ' || n from generate_series(1, 3000) n";
    world.application().await.run(insert).await.unwrap();

    // when the worker is killed each time some more have gone out
    let sent = "select count(*) from salesforce.account where sfid is not null";
    let mut reached: i64 = 0;
    for _ in 0..4 {
        let worker = world.worker();
        wait_until("more records go out", Duration::from_mins(1), async || {
            world.cell(sent).await.unwrap().parse::<i64>().unwrap() > reached
                || world.unsettled().await == 0
        })
        .await;
        worker.kill();
        reached = world.cell(sent).await.unwrap().parse().unwrap();
    }
    let _worker = world.worker();

    // then every row is one record
    wait_until("all is sent", Duration::from_mins(2), async || world.unsettled().await == 0).await;
    wait_until("both sides are equal", Duration::from_mins(1), async || {
        world.differences(&mappings[0]).await.is_empty()
    })
    .await;
    assert_eq!(world.records(&mappings[0]).await.len(), 3_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_told_to_stop_does_not_wait_for_a_bulk_job() {
    // given a load whose Bulk job takes minutes
    let mapping = format!("{ACCOUNT}bulk = {{ read_above = 1 }}\n");
    let org = Config { bulk_delay: Duration::from_mins(5), ..Config::default() };
    let world = World::start(org, &[("account.toml", &mapping)]).await;
    let worker = world.worker();
    let started = "select count(*) from lockstep.checkpoint where backfill_job is not null";
    wait_until("the load begins", Duration::from_mins(1), async || {
        world.cell_if_any(started).await.as_deref() == Some("1")
    })
    .await;

    // when the worker is told to stop
    let told = Instant::now();
    assert_eq!(worker.terminate(), Some(0));

    // then it ends at once and leaves its leases to the next
    assert!(told.elapsed() < Duration::from_secs(10), "{:?}", told.elapsed());
    let held = "select count(*) from lockstep.lease where expires_at > now()";
    assert_eq!(world.cell(held).await.unwrap(), "0");
}
