//! The worker as a process: killed within a poll, and with clocks that disagree with Salesforce's.

use crate::steps::loaded;
use crate::wait::wait_until;
use crate::world::{ACCOUNT, World};
use salesforce_simulator::{Config, Fault, FaultKind};
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_within_a_bulk_poll_is_followed_by_one_that_goes_on_with_its_job() {
    // given sixty thousand rows in step, whose records all change at once
    let mapping = format!("{ACCOUNT}bulk = {{ read_above = 1000 }}\n");
    let org = Config { scale: 60.0, ..Config::default() };
    let world = World::start(org, &[("account.toml", &mapping)]).await;
    let mappings = world.mappings().await;
    let worker = world.worker();
    loaded(&world).await;
    drop(worker);
    let control = world.control();
    control.forget_requests().await.unwrap();
    let slow = FaultKind::Latency { millis: 3_000, after_millis: 0 };
    control.arm(Fault::new(slow).route("*/results*").forever()).await.unwrap();
    let stamp = world.cell("select max(systemmodstamp)::text from salesforce.account").await;
    control.touch("Account", None).await.unwrap();

    // when the worker is killed after the first page of the poll's job
    let newer = format!(
        "select count(*) from salesforce.account where systemmodstamp > '{}'",
        stamp.unwrap()
    );
    let worker = world.worker();
    wait_until("a page is applied", Duration::from_mins(2), async || {
        world.cell(&newer).await.unwrap() != "0"
    })
    .await;
    worker.kill();
    let reached: u32 = world.cell(&newer).await.unwrap().parse().unwrap();
    assert!((25_000..60_000).contains(&reached), "{reached}");
    let _worker = world.worker();
    wait_until("all pages are applied", Duration::from_mins(2), async || {
        world.cell(&newer).await.unwrap() == "60000"
    })
    .await;

    // then it was the same job, and both sides are equal
    assert_eq!(world.differences(&mappings[0]).await, Vec::<String>::new());
    let requests = control.requests().await.unwrap();
    let jobs = requests
        .iter()
        .filter(|request| request.method == "POST" && request.path.ends_with("/jobs/query"));
    assert_eq!(jobs.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_clock_that_is_an_hour_ahead_or_behind_loses_no_change() {
    // Only the difference counts: the org's clock is moved, and with it what it stamps and its `Date`.
    for hours in [-1, 1] {
        // given a worker whose clock, like the database's, is an hour off Salesforce's
        let org = Config { scale: 0.1, ..Config::default() };
        let world = World::start(org, &[("account.toml", ACCOUNT)]).await;
        let mappings = world.mappings().await;
        let control = world.control();
        control.advance_clock(hours * 3_600).await.unwrap();
        let worker = world.worker();
        loaded(&world).await;

        // when records come, change and go, also within a transaction that commits late
        let transaction = control.open_transaction().await.unwrap();
        let late = json!({ "Name": "late" });
        control.create_inside(transaction, "Account", &late).await.unwrap();
        let ids = world.create_accounts(3).await;
        control.update("Account", &ids[0], &json!({ "Name": "changed" })).await.unwrap();
        let equal = "both sides are equal";
        let is_equal = async || world.differences(&mappings[0]).await.is_empty();
        wait_until(equal, Duration::from_mins(1), is_equal).await;
        control.delete("Account", &ids[1]).await.unwrap();
        control.commit(transaction).await.unwrap();

        // then all of it arrives, and the application's own changes go out
        wait_until(equal, Duration::from_mins(1), is_equal).await;
        let insert = "insert into salesforce.account (name) values ('from here')";
        world.application().await.run(insert).await.unwrap();
        wait_until("it is sent", Duration::from_mins(1), async || world.unsettled().await == 0)
            .await;
        wait_until(equal, Duration::from_mins(1), is_equal).await;

        // and no poll has reached into Salesforce's future
        let now = control.clock().await.unwrap().now;
        let future = format!(
            "select count(*) from lockstep.checkpoint where watermark > '{}'",
            now.to_rfc3339()
        );
        assert_eq!(world.cell(&future).await.unwrap(), "0", "{hours} h");

        // when the difference grows by another hour while the worker runs
        control.advance_clock(3_600).await.unwrap();
        control.update("Account", &ids[2], &json!({ "Name": "after the jump" })).await.unwrap();

        // then nothing is lost either
        wait_until(equal, Duration::from_mins(1), is_equal).await;
        assert_eq!(worker.terminate(), Some(0));
    }
}
