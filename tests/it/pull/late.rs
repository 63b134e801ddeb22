//! Records that become visible late, one mechanism at a time: the overlap, the tail behind it, and the mark at which
//! the tail begins.

use super::world::World;
use super::{ACCOUNT, error};
use salesforce_simulator::{Fault, FaultKind};
use serde_json::json;

const LATE: &str = "select count(*) from account where name = 'late'";

/// A clock that goes on by so many seconds, and a poll, for so many times.
async fn polls(world: &World, times: usize, seconds: i64) {
    for _ in 0..times {
        world.control().advance_clock(seconds).await.unwrap();
        world.poll().await.unwrap();
    }
}

#[tokio::test]
async fn a_transaction_shorter_than_the_overlap_is_found_where_salesforce_does_not_say_what_it_covers()
 {
    let world = World::start(ACCOUNT).await;
    let control = world.control();
    control.arm(error("NOT_FOUND").route("*/updated*").forever()).await.unwrap();
    control.advance_clock(3_600).await.unwrap();
    world.poll().await.unwrap();
    let transaction = control.open_transaction().await.unwrap();
    control.create_inside(transaction, "Account", &json!({ "Name": "late" })).await.unwrap();

    polls(&world, 4, 60).await;
    control.commit(transaction).await.unwrap();
    polls(&world, 1, 30).await;

    assert_eq!(world.rows(LATE).await, ["1"]);
}

#[tokio::test]
async fn a_transaction_of_hours_is_found_while_salesforce_holds_its_word_back() {
    let world = World::start(ACCOUNT).await;
    let control = world.control();
    polls(&world, 1, 3_600).await;
    let transaction = control.open_transaction().await.unwrap();
    control.create_inside(transaction, "Account", &json!({ "Name": "late" })).await.unwrap();

    polls(&world, 12, 900).await;
    assert_eq!(world.rows(LATE).await, ["0"]);
    control.commit(transaction).await.unwrap();
    polls(&world, 1, 60).await;

    assert_eq!(world.rows(LATE).await, ["1"]);
}

#[tokio::test]
async fn a_late_record_that_had_to_be_left_out_is_looked_for_again() {
    // given a record that commits late, while its row is being sent
    let world = World::start(ACCOUNT).await;
    let control = world.control();
    let id = control.create("Account", &json!({ "Name": "early" })).await.unwrap();
    polls(&world, 2, 3_600).await;
    let transaction = control.open_transaction().await.unwrap();
    let fields = json!({ "Name": "late" });
    control.update_inside(transaction, ("Account", &id), &fields).await.unwrap();
    polls(&world, 3, 900).await;
    let open = format!(
        "insert into lockstep.journal (table_name, record_id, operation, sfid) \
         select 'account', id, 'UPDATE', '{id}' from account returning 1"
    );
    world.rows(&open).await;
    control.commit(transaction).await.unwrap();
    polls(&world, 1, 60).await;
    assert_eq!(world.rows(LATE).await, ["0"], "what was read may be older than what is sent");

    // when the sending is over
    world.rows("delete from lockstep.journal returning 1").await;
    polls(&world, 3, 900).await;

    // then the late version is here
    assert_eq!(world.rows(LATE).await, ["1"]);
}

#[tokio::test]
async fn a_record_left_out_while_its_row_is_sent_is_read_again_however_long_that_takes() {
    // given a change of a record whose row is being sent, and nobody who tells of late ones
    let world = World::start(ACCOUNT).await;
    let control = world.control();
    control.arm(error("NOT_FOUND").route("*/updated*").forever()).await.unwrap();
    let id = control.create("Account", &json!({ "Name": "early" })).await.unwrap();
    polls(&world, 2, 3_600).await;
    let open = format!(
        "insert into lockstep.journal (table_name, record_id, operation, sfid) \
         select 'account', id, 'UPDATE', '{id}' from account returning 1"
    );
    world.rows(&open).await;
    control.update("Account", &id, &json!({ "Name": "late" })).await.unwrap();
    polls(&world, 4, 900).await;
    assert_eq!(world.rows(LATE).await, ["0"], "what was read may be older than what is sent");

    // when the sending is over
    world.rows("delete from lockstep.journal returning 1").await;
    polls(&world, 1, 60).await;

    // then the change is here
    assert_eq!(world.rows(LATE).await, ["1"]);
}

#[tokio::test]
async fn a_record_that_comes_while_a_slow_answer_is_on_its_way_is_within_the_next_window() {
    // given hardly any overlap, and nobody who tells of late records
    let world = World::start(&format!("{ACCOUNT}poll = {{ overlap = \"1s\" }}\n")).await;
    world.control().arm(error("NOT_FOUND").route("*/updated*").forever()).await.unwrap();

    // when a record comes after the query ran, and the answer is given seconds later
    let slow = FaultKind::Latency { millis: 0, after_millis: 5_000 };
    world
        .poll_and_meanwhile(Fault::new(slow).route("*/queryAll*"), async |control| {
            control.create("Account", &json!({ "Name": "late" })).await.unwrap();
            control.advance_clock(4).await.unwrap();
        })
        .await
        .unwrap();
    polls(&world, 1, 60).await;

    // then the next poll has it
    assert_eq!(world.rows(LATE).await, ["1"]);
}

#[tokio::test]
async fn a_record_left_out_of_a_page_is_read_again_by_whoever_goes_on_after_a_failure() {
    // given three pages of changes, long ago, one of whose first records is being sent
    let world = World::start(ACCOUNT).await;
    let control = world.control();
    control.arm(error("NOT_FOUND").route("*/updated*").forever()).await.unwrap();
    let id = control.create("Account", &json!({ "Name": "early" })).await.unwrap();
    world.poll().await.unwrap();
    control.advance_clock(1).await.unwrap();
    control.update("Account", &id, &json!({ "Name": "late" })).await.unwrap();
    control.advance_clock(1).await.unwrap();
    world.create_accounts(4_100).await;
    control.advance_clock(3_600).await.unwrap();
    let open = format!(
        "insert into lockstep.journal (table_name, record_id, operation, sfid) \
         select 'account', id, 'UPDATE', '{id}' from account returning 1"
    );
    world.rows(&open).await;

    // when the poll breaks after the first page, the sending ends, and another worker goes on
    control.arm(error("MALFORMED_QUERY").route("*/queryAll*").after(1)).await.unwrap();
    world.poll().await.unwrap_err();
    assert_eq!(world.rows(LATE).await, ["0"]);
    world.rows("delete from lockstep.journal returning 1").await;
    let another = world.another_puller();
    for _ in 0..2 {
        control.advance_clock(60).await.unwrap();
        another.run_once(&world.lease, &world.mapping).await.unwrap();
    }

    // then the change that was left out is here
    assert_eq!(world.rows(LATE).await, ["1"]);
    assert_eq!(world.count().await, 4_101);
}
