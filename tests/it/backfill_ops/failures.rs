//! What happens to a load meanwhile: killed, cut off, logged out, its job gone, somebody else at it.

use super::{
    ACCOUNTS, Load, PATIENCE, SLOW, is_equal, reached, reaches, records_read, rows, world,
};
use crate::wait::wait_until;
use crate::world::{ACCOUNT, World};
use salesforce_simulator::Config;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_load_goes_on_with_the_same_command_and_reads_only_the_last_page_twice() {
    // given a load that is killed, twice
    let world = world().await;
    for rows in [2_000, 4_000] {
        let load = Load::start(&world, &SLOW);
        reaches(&world, rows).await;
        load.signal("-KILL");
        assert_eq!(load.ended().await.0, -1);
    }
    let killed_at = reached(&world).await;
    assert_eq!(rows(&world).await, killed_at);

    // when the same command is run again at once, while the dead one's lease still runs
    let (status, _, talk) = world.run(&SLOW);

    // then it goes on there
    assert_eq!(status, 0, "{talk}");
    assert!(talk.contains("waiting up to"), "{talk}");
    assert!(talk.contains("going on at row"), "{talk}");
    let read = records_read(&world).await;
    assert!((ACCOUNTS..=ACCOUNTS + 2 * 2_000).contains(&read), "{read} records read");
    is_equal(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_whose_session_expires_logs_in_again_and_reads_nothing_twice() {
    // given a load under way
    let world = world().await;
    let load = Load::start(&world, &SLOW);
    reaches(&world, 2_000).await;

    // when its session ends
    assert!(world.control().expire_sessions().await.unwrap() > 0);

    // then it does not matter
    let (status, _, talk) = load.ended().await;
    assert_eq!(status, 0, "{talk}");
    assert_eq!(records_read(&world).await, ACCOUNTS);
    is_equal(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_whose_bulk_job_fails_says_so_and_the_next_one_starts_anew() {
    // given an org whose Bulk jobs fail for now
    let mapping = format!("{ACCOUNT}bulk = {{ read_above = 1 }}\n");
    let org = Config { scale: 0.05, ..Config::default() };
    let world = World::start(org, &[("account.toml", &mapping)]).await;
    let fault = serde_json::json!({
        "route": "*/jobs/query", "method": "POST", "kind": "job", "ending": "fail", "message": "too deep",
        "times": null
    });
    let fault: salesforce_simulator::Fault = serde_json::from_value(fault).unwrap();
    let fault = world.control().arm(fault).await.unwrap();

    // when it is loaded
    let (status, _, talk) = world.run(&["backfill"]);

    // then the failure has a next step, and the next load has a job of its own
    assert_eq!(status, 1, "{talk}");
    assert!(talk.contains("Failed") && talk.contains("next:"), "{talk}");
    world.control().disarm(fault.id).await.unwrap();
    let (status, _, talk) = world.run(&["backfill"]);
    assert_eq!(status, 0, "{talk}");
    is_equal(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_loads_of_one_mapping_the_second_refuses() {
    // given a load under way
    let world = world().await;
    let load = Load::start(&world, &SLOW);
    reaches(&world, 2_000).await;

    // when the same is asked for again
    let (status, _, talk) = world.run(&SLOW);

    // then that is refused, and the first one is not disturbed
    assert_eq!(status, 6, "{talk}");
    assert!(talk.contains("is being loaded by another process"), "{talk}");
    assert!(talk.contains("next: watch it with: lockstep backfill status Account"), "{talk}");
    let (status, _, talk) = load.ended().await;
    assert_eq!(status, 0, "{talk}");
    assert_eq!(records_read(&world).await, ACCOUNTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_stops_where_the_api_budget_ends_and_goes_on_when_there_is_more() {
    // given a load under way
    let world = world().await;
    let load = Load::start(&world, &SLOW);
    reaches(&world, 2_000).await;

    // when the org's other apps use up three quarters of the limit
    world.control().set_limits(75_000, 100_000).await.unwrap();

    // then it stops with the command to go on with, which works once there is room again
    let (status, _, talk) = load.ended().await;
    assert_eq!(status, 6, "{talk}");
    assert!(
        talk.contains("API budget") && talk.contains("lockstep backfill resume Account"),
        "{talk}"
    );
    assert!(rows(&world).await < ACCOUNTS);
    world.control().set_limits(1_000, 100_000).await.unwrap();
    let (status, _, talk) = world.run(&["backfill", "resume", "Account"]);
    assert_eq!(status, 0, "{talk}");
    is_equal(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_load_ends_with_130_and_the_command_that_goes_on() {
    // given a load under way
    let world = world().await;
    let load = Load::start(&world, &SLOW);
    reaches(&world, 2_000).await;

    // when Ctrl-C is pressed
    load.signal("-INT");

    // then it ends at once, with its lease free
    let (status, _, talk) = load.ended().await;
    assert_eq!(status, 130, "{talk}");
    assert!(talk.contains("lockstep backfill resume Account"), "{talk}");
    let (_, out, _) = world.run(&["backfill", "status", "Account"]);
    assert!(out.contains("interrupted"), "{out}");
    let (status, _, talk) = world.run(&["backfill", "resume", "Account"]);
    assert_eq!(status, 0, "{talk}");
    wait_until("nothing was read twice", PATIENCE, async || {
        records_read(&world).await <= ACCOUNTS + 2_000
    })
    .await;
}
