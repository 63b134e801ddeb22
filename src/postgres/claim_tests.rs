//! Which changes a claim takes, against a real server.

use super::push_tests::{FIRST, LOG, ROWS, later, recorded, refused, world};
use super::testing::rows;
use super::*;
use crate::model::ChangeState::{Failed, Pending};
use crate::model::{Action, Change};

#[tokio::test]
async fn changes_are_claimed_oldest_first_and_records_come_whole() {
    let world = world(
        "insert into salesforce.account (name) values ('a'), ('b'), ('c');
         update salesforce.account set phone = '1' where id = 1",
    )
    .await;
    assert_eq!(world.claim(2).await, [(1, Pending), (2, Pending), (4, Pending)]);
    let changes = world.claim_behind(0, Taking::All, 2).await;
    let update = changes.iter().find(|change| change.log_id == 4).unwrap();
    assert_eq!(update.action, Action::Update);
    assert_eq!(update.values.as_ref().unwrap()["phone"], Some("1".to_owned()));
    assert_eq!(update.old.as_ref().unwrap()["phone"], None);
    assert_eq!(update.old.as_ref().unwrap().get("name"), None, "it did not change");
    assert_eq!(world.claim(9).await.len(), 4, "what a dead worker left pending comes again");
}

#[tokio::test]
async fn a_claim_stops_short_where_changes_are_large() {
    let world = world(
        "alter table salesforce.account add column mine text;
         alter table salesforce.account alter column mine set storage external;
         insert into salesforce.account (name, mine) select 'a', repeat('x', 65536) from generate_series(1, 250)",
    )
    .await;
    assert_eq!(world.claim(10_000).await.len(), 200, "a call's worth");
    world.app("update salesforce._trigger_log set \"values\" = '\"name\"=>\"a\"'").await;
    assert_eq!(world.claim(10_000).await.len(), 250);
}

#[tokio::test]
async fn a_change_that_commits_late_is_claimed_all_the_same() {
    let world = world("insert into salesforce.account (name) values ('a')").await;
    let mut client = world.db.client().await.unwrap();
    let late = client.transaction().await.unwrap();
    late.batch_execute("insert into salesforce.account (name) values ('late')").await.unwrap();
    world.app("insert into salesforce.account (name) values ('b')").await;
    assert_eq!(world.claim(9).await.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 3]);
    late.commit().await.unwrap();
    assert_eq!(world.claim(9).await.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 2, 3]);
}

#[tokio::test]
async fn in_order_a_records_later_changes_come_after_those_of_others_that_lie_before_them() {
    let world = world(
        "insert into salesforce.account (name) values ('a'), ('b'), ('c');
         update salesforce.account set phone = '1' where id = 1",
    )
    .await;
    let tables = ["account".to_owned()];
    let share = Share { in_order: true, ..Share::of(&tables, 2) };

    let claimed = claim(&world.db, &world.lease, &share).await.unwrap();

    assert_eq!(claimed.iter().map(|change| change.log_id).collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test]
async fn records_that_wait_for_each_other_come_together_however_far_apart_they_are() {
    // given a circle of three, of which each came to wait for the next, and one that waits for a parked row
    let world = world(
        "insert into salesforce.account (name) values ('a'), ('b'), ('c'), ('parked'), ('its child'), ('d')",
    )
    .await;
    world.claim(9).await;
    for (record_id, parent) in [(1, 3), (3, 6), (6, 1), (5, 4)] {
        let waits = Outcome::WaitsFor { table: "account".to_owned(), record_id: parent };
        world.record(recorded(record_id, &[record_id], waits)).await;
    }
    world.record(recorded(4, &[4], refused())).await;

    let claimed = world.claim(1).await;

    let ids: Vec<i32> = claimed.iter().map(|(log_id, _)| *log_id).collect();
    assert_eq!(ids, [1, 3, 6]);
    assert_eq!(
        rows(&world.db, "select record_id from lockstep.delivery order by 1").await,
        ["5"],
        "what waits for a parked row goes on waiting"
    );
}

#[tokio::test]
async fn a_parked_record_comes_only_when_it_changes_again_and_waiting_ones_not_before_their_time() {
    let world = world("insert into salesforce.account (name) values ('a'), ('b')").await;
    world.claim(9).await;
    world.record(recorded(1, &[1], refused())).await;
    world.record(recorded(2, &[2], later(600))).await;
    assert_eq!(world.claim(9).await, []);
    assert_eq!(
        rows(&world.db, LOG).await,
        ["1|FAILED|INSERT|1|-|REQUIRED_FIELD_MISSING: Name", "2|NEW|INSERT|2|-|-"]
    );
    assert_eq!(rows(&world.db, ROWS).await, ["1|-|a|-|FAILED|t", "2|-|b|-|PENDING|f"]);
    world.app("update salesforce.account set name = 'fixed' where id = 1").await;
    assert_eq!(world.claim(9).await, [(1, Failed), (3, Pending)]);
    world.app("update lockstep.delivery set not_before = now()").await;
    assert_eq!(world.claim(9).await.len(), 3);
}

#[tokio::test]
async fn a_claim_behind_a_log_row_takes_what_is_due_behind_it_and_brings_the_record_whole() {
    let world = world(
        "insert into salesforce.account (name) values ('a'), ('b'), ('c');
         update salesforce.account set phone = '1' where name = 'a'",
    )
    .await;

    let first = world.claim_behind(0, Taking::All, 2).await;
    let rest = world.claim_behind(2, Taking::All, 9).await;

    let ids = |changes: &[Change]| changes.iter().map(|change| change.log_id).collect::<Vec<_>>();
    assert_eq!(ids(&first), [1, 2, 4]);
    assert_eq!(ids(&rest), [1, 3, 4]);
}

#[tokio::test]
async fn updates_can_be_left_waiting_while_inserts_and_deletions_are_claimed() {
    let world = world(&format!(
        "insert into salesforce.account (name, sfid) values ('a', '{FIRST}'), ('b', '001000000000002AAA'); \
         delete from salesforce._trigger_log; \
         update salesforce.account set name = 'changed' where name = 'a'; \
         update salesforce.account set name = 'last words' where name = 'b'; \
         delete from salesforce.account where name = 'last words'; \
         insert into salesforce.account (name) values ('c'); \
         update salesforce.account set phone = '1' where name = 'c'"
    ))
    .await;

    let some = world.claim_behind(0, Taking::InsertsAndDeletions, 9).await;
    let rest = world.claim(9).await;

    let records: Vec<(i32, Action)> =
        some.iter().map(|change| (change.record_id, change.action)).collect();
    let update = |record| (record, Action::Update);
    assert_eq!(records, [update(2), (2, Action::Delete), (3, Action::Insert), update(3)]);
    assert_eq!(rest.len(), 5, "and the update comes when it may");
}
