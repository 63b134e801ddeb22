//! Mass changes: read again once, and what commits late among them is found all the same.

use super::world::World;
use super::{ACCOUNT, error};
use salesforce_simulator::Control;
use serde_json::json;

/// A mapping for which a thousand records are many.
fn file() -> String {
    format!("{ACCOUNT}bulk = {{ read_above = 1000 }}\n")
}

/// Two thousand changes at once that were read, among them one that is not committed.
async fn after_a_mass_change() -> (World, u64) {
    let world = World::start(&file()).await;
    let control = world.control();
    let transaction = control.open_transaction().await.unwrap();
    create_late(&control, transaction).await;
    world.create_accounts(2_100).await;
    control.advance_clock(60).await.unwrap();
    let pulled = world.poll().await.unwrap();
    assert_eq!(pulled.applied.inserted, 2_100);
    assert_eq!(jobs(&world).await, 1);
    (world, transaction)
}

async fn create_late(control: &Control, transaction: u64) {
    control.create_inside(transaction, "Account", &json!({ "Name": "late" })).await.unwrap();
}

/// The Bulk query jobs since the last look.
async fn jobs(world: &World) -> usize {
    world.requests("POST /services/data/v66.0/jobs/query").await.len()
}

async fn has_late(world: &World) -> bool {
    world.rows("select count(*) from account where name = 'late'").await == ["1"]
}

#[tokio::test]
async fn a_mass_change_is_read_again_once_and_what_committed_late_in_it_is_found_then() {
    // given a mass change, and a record of the same moment that is committed afterwards
    let (world, transaction) = after_a_mass_change().await;
    world.control().commit(transaction).await.unwrap();

    // when polls go on for as long as the overlap lasts
    for minute in 1..=4 {
        world.control().advance_clock(60).await.unwrap();
        let pulled = world.poll().await.unwrap();
        assert_eq!((pulled.calls, pulled.repeats), (1, 0), "minute {minute}: {pulled:?}");
    }
    assert_eq!(jobs(&world).await, 0);
    for _ in 0..3 {
        world.control().advance_clock(60).await.unwrap();
        world.poll().await.unwrap();
    }

    // then all was read once more, with the late record, and never again
    assert!(has_late(&world).await);
    assert_eq!(jobs(&world).await, 1);
    for _ in 0..8 {
        world.control().advance_clock(60).await.unwrap();
        let pulled = world.poll().await.unwrap();
        assert_eq!(pulled.repeats, 0);
    }
    assert_eq!(jobs(&world).await, 0);
}

#[tokio::test]
async fn polls_right_after_a_mass_change_do_not_read_it_again_either() {
    // given a mass change that was read, and another one that the poll after it read
    let (world, transaction) = after_a_mass_change().await;
    world.control().advance_clock(5).await.unwrap();
    world.create_accounts(1_500).await;
    world.control().advance_clock(5).await.unwrap();
    world.poll().await.unwrap();
    assert_eq!(jobs(&world).await, 0, "it fits one page");

    // when polls follow every few seconds
    for _ in 0..5 {
        world.control().advance_clock(5).await.unwrap();
        let pulled = world.poll().await.unwrap();

        // then none of them reads any of it
        assert_eq!((pulled.calls, pulled.repeats, pulled.applied.read), (1, 0, 0), "{pulled:?}");
    }
    assert_eq!(jobs(&world).await, 0);
    world.control().roll_back(transaction).await.unwrap();
}

#[tokio::test]
async fn a_change_after_a_mass_change_arrives_with_the_next_poll() {
    let (world, transaction) = after_a_mass_change().await;
    for number in 0..3 {
        world.control().advance_clock(60).await.unwrap();
        let fields = json!({ "Name": format!("new{number}") });
        world.control().create("Account", &fields).await.unwrap();
        let pulled = world.poll().await.unwrap();
        assert_eq!((pulled.applied.inserted, pulled.calls), (1, 1), "{pulled:?}");
    }
    world.control().roll_back(transaction).await.unwrap();
}

#[tokio::test]
async fn whoever_takes_over_after_a_mass_change_finds_what_was_put_off() {
    // given polls that put the mass change off, in an org that does not tell how far its records are complete
    let (world, transaction) = after_a_mass_change().await;
    let silent = error("NOT_FOUND").route("*/updated*").forever();
    world.control().arm(silent).await.unwrap();
    world.control().advance_clock(280).await.unwrap();
    world.poll().await.unwrap();
    world.control().advance_clock(200).await.unwrap();
    world.poll().await.unwrap();
    world.control().commit(transaction).await.unwrap();

    // when another worker polls
    world.control().advance_clock(60).await.unwrap();
    world.another_puller().run_once(&world.lease, &world.mapping).await.unwrap();

    // then it reads all of it at once
    assert!(has_late(&world).await);
}

#[tokio::test]
async fn a_broken_poll_after_a_mass_change_does_not_move_past_what_was_put_off() {
    // given a poll after a mass change whose Bulk job fails, and which breaks after its first page
    let (world, transaction) = after_a_mass_change().await;
    let silent = error("NOT_FOUND").route("*/updated*").forever();
    world.control().arm(silent).await.unwrap();
    world.control().advance_clock(280).await.unwrap();
    world.create_accounts(4_100).await;
    let refused = error("MALFORMED_QUERY");
    world.control().arm(refused.clone().route("*/results*")).await.unwrap();
    world.control().arm(refused.route("*/queryAll*").after(1)).await.unwrap();
    world.poll().await.unwrap_err();
    world.control().commit(transaction).await.unwrap();

    // when the polls go on
    for _ in 0..3 {
        world.control().advance_clock(200).await.unwrap();
        world.another_puller().run_once(&world.lease, &world.mapping).await.unwrap();
    }

    // then the late record is found
    assert!(has_late(&world).await);
    assert_eq!(world.count().await, 2_100 + 4_100 + 1);
}
