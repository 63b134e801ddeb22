//! What Heroku Connect documents as to be expected, and what does not happen here.

use super::world::{World, mappings, value};
use super::{COLLECTIONS, sfid_of};
use crate::uncaptured::uncaptured;
use salesforce_simulator::FaultKind;
use serde_json::json;

const NAME: &str = "select name from account";

#[tokio::test]
async fn two_quick_changes_do_not_flip_flop() {
    // given a first change that is sent, and a second one that is not
    let world = World::start().await;
    world.app("insert into account (name, external_id__c) values ('Acme', 'k1')").await;
    world.settle().await;
    world.app("update account set name = 'A'").await;
    world.settle().await;
    world.app("update account set name = 'B'").await;
    assert_eq!(world.names("Account").await, ["A"]);

    // when the first is read before the second is sent
    world.poll_later().await;
    assert_eq!(world.rows(NAME).await, ["B"], "what is read does not overwrite what is to be sent");
    world.settle().await;

    // then neither side goes back, whatever is read or sent afterwards
    for _ in 0..2 {
        assert_eq!(world.rows(NAME).await, ["B"]);
        assert_eq!(world.names("Account").await, ["B"]);
        world.poll_later().await;
        world.settle().await;
    }
    let writes = world.writes().await;
    assert_eq!(writes.len(), 3, "the insert and each change once: {writes:?}");
    assert!(world.rows("select field from lockstep.conflict").await.is_empty());
}

#[tokio::test]
async fn a_change_made_while_the_one_before_it_is_under_way_does_not_flip_flop() {
    let world = World::start().await;
    world.app("insert into account (name, external_id__c) values ('Acme', 'k1')").await;
    world.settle().await;
    world.fault("PATCH", COLLECTIONS, FaultKind::CutAfter {}).await;
    world.app("update account set name = 'A'").await;
    assert!(world.run().await.is_err());
    world.app("update account set name = 'B'").await;

    world.poll_later().await;

    assert_eq!(world.rows(NAME).await, ["B"]);
    world.settle().await;
    world.poll_later().await;
    assert_eq!(world.rows(NAME).await, ["B"]);
    assert_eq!(world.names("Account").await, ["B"]);
}

#[tokio::test]
async fn what_we_wrote_ourselves_is_no_foreign_edit_where_the_former_value_is_not_known() {
    let world = World::start().await;
    world.app("insert into account (name, external_id__c) values ('Acme', 'k1')").await;
    world.settle().await;
    world.app(&uncaptured("update account set name = 'New'")).await;

    // Captured by hand, without what the row held before.
    world
        .app(
            "set search_path = salesforce, public;
             select hc_capture_update_from_row(hstore(t.*), 'account', array['name']) from account t",
        )
        .await;
    world.settle().await;

    assert_eq!(world.names("Account").await, ["New"]);
    assert!(world.rows("select field from lockstep.conflict").await.is_empty());
}

#[tokio::test]
async fn a_deleted_row_does_not_come_back_before_its_deletion_is_sent() {
    let world = World::start().await;
    world.app("insert into account (name, external_id__c) values ('Acme', 'k1')").await;
    world.settle().await;
    world.app("delete from account").await;

    // The overlap reads the record that is still there.
    let pulled = world.poll_later().await;

    assert!(pulled.applied.read > 0, "{pulled:?}");
    assert!(world.rows(NAME).await.is_empty());
    world.settle().await;
    assert!(world.records("Account").await.is_empty());
    world.poll_later().await;
    assert!(world.rows(NAME).await.is_empty());
}

#[tokio::test]
async fn a_deleted_row_whose_record_was_edited_comes_back_for_good_or_not_at_all() {
    // given a deletion that is not sent, of a record that somebody edits
    let world = World::start().await;
    world.app("insert into account (name, external_id__c) values ('Acme', 'k1')").await;
    world.settle().await;
    let id = sfid_of(&world, "account").await;
    world.app("delete from account").await;
    world.person_edits("Account", &id, json!({ "Name": "Edited" })).await;

    // when the edit is read first
    world.poll_later().await;
    let after_poll = world.rows("select name, sfid from account").await;
    world.settle().await;
    world.poll_later().await;

    // then the edit wins on both sides, and the row that came never goes
    assert_eq!(world.names("Account").await, ["Edited"]);
    let row = vec![format!("Edited|{id}")];
    assert_eq!(world.rows("select name, sfid from account").await, row);
    assert!(after_poll.is_empty() || after_poll == row, "{after_poll:?}");
    let deletions = world.requests("composite/sobjects").await;
    assert!(!deletions.iter().any(|line| line.starts_with("DELETE")), "{deletions:?}");
}

#[tokio::test]
async fn a_deletion_that_was_sent_is_not_undone_by_what_the_overlap_reads() {
    let world = World::start().await;
    world.app("insert into account (name, external_id__c) values ('Acme', 'k1')").await;
    world.settle().await;
    world.poll_later().await;
    world.app("delete from account").await;
    world.settle().await;

    for _ in 0..2 {
        world.poll_later().await;
        assert!(world.rows(NAME).await.is_empty());
    }
    assert_eq!(world.run().await.unwrap().claimed, 0);
}

#[tokio::test]
async fn a_row_deleted_and_inserted_again_with_its_key_is_one_row_and_one_record() {
    let world = World::start().await;
    world.app("insert into account (name, external_id__c) values ('Old', 'k1')").await;
    world.settle().await;
    world.app("delete from account").await;
    world.app("insert into account (name, external_id__c) values ('New', 'k1')").await;

    // The old record is read between the two.
    world.poll_later().await;
    world.settle().await;
    world.poll_later().await;

    assert_eq!(world.rows(NAME).await, ["New"]);
    let records = world.records("Account").await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].values[0], value("New"));
    assert_eq!(sfid_of(&world, "account").await, records[0].id);
}

#[tokio::test]
async fn an_insert_without_key_that_is_read_before_its_id_is_known_is_one_row() {
    // given a record whose making was not answered, so that its row has no id
    let lead = mappings().into_iter().filter(|mapping| mapping.object == "Lead").collect();
    let world = World::with(lead).await;
    world.fault("POST", COLLECTIONS, FaultKind::CutAfter {}).await;
    world.app("insert into lead (lastname, company) values ('Byron', 'Acme')").await;
    assert!(world.run().await.is_err());
    assert_eq!(world.rows("select sfid from lead").await, ["-"]);

    // when the record is read before the outcome is found out
    world.poll_later().await;
    world.settle().await;
    world.poll_later().await;

    // then there is one of each, the application's own
    let records = world.records("Lead").await;
    assert_eq!(records.len(), 1);
    let row = format!("1|{}|Byron", records[0].id);
    assert_eq!(world.rows("select id, sfid, lastname from lead").await, [row]);
}
