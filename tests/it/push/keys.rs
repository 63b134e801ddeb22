//! Inserts whose external id Salesforce has already.

use super::world::{World, mappings, value};
use super::{COLLECTIONS, sfid_of};
use crate::wait::wait_until;
use lockstep::mapping::{ConflictPolicy, Direction, KeyDefault};
use lockstep::model::Value;
use lockstep::postgres;
use salesforce_simulator::control::LateAnswer;
use salesforce_simulator::{Fault, FaultKind};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn an_insert_whose_key_salesforce_has_already_overwrites_nothing_against_the_policy() {
    for (policy, name) in
        [(ConflictPolicy::SalesforceWins, "Theirs"), (ConflictPolicy::PostgresWins, "Ours")]
    {
        let mut mappings = mappings();
        mappings[0].fields[0].conflict = policy;
        let world = World::with(mappings).await;
        let theirs = json!({ "Name": "Theirs", "Phone": "7", "External_Id__c": "k1" });
        world.person_creates("Account", theirs).await;
        world
            .app("insert into account (name, external_id__c, annualrevenue) values ('Ours', 'k1', 3)")
            .await;
        let refused = world.run().await.unwrap();
        assert_eq!((refused.accepted, refused.waiting), (0, 1), "{policy:?}");
        assert!(refused.more, "what Salesforce has is looked at at once");
        let pushed = world.run().await.unwrap();
        assert_eq!((pushed.accepted, pushed.waiting), (1, 0), "{policy:?}");

        let records = world.records("Account").await;
        assert_eq!(records.len(), 1, "{policy:?}");
        let expected = [value(name), value("k1"), value("7"), Value::Double(3.0)];
        assert_eq!(records[0].values, expected, "{policy:?}");
        let row = world.rows("select sfid, name, phone, annualrevenue from account").await;
        assert_eq!(row, [format!("{}|{name}|7|3", records[0].id)], "{policy:?}");
        let logged = world.rows("select field, local, remote from lockstep.conflict").await;
        assert_eq!(logged, ["Name|Ours|Theirs"], "{policy:?}");
    }
}

#[tokio::test]
async fn a_row_without_a_key_goes_out_under_the_one_that_the_database_makes_up() {
    for direction in [Direction::Both, Direction::ToSalesforce] {
        // given a table whose keys the application gave itself, until the mapping asked for a default
        let mut mappings = mappings();
        mappings[0].direction = direction;
        for field in &mut mappings[0].fields {
            field.direction = direction;
        }
        let world = World::with(mappings.clone()).await;
        world.app("alter table account alter column external_id__c drop default").await;
        mappings[0].key.as_mut().unwrap().default = Some(KeyDefault::Uuid);
        let provisioned = postgres::provision(&world.db, &mappings).await.unwrap();
        assert_eq!(provisioned.done, ["column account.external_id__c makes up keys"]);

        // when a row comes without a key, and Salesforce's answer is lost
        world.app("insert into account (name) values ('Acme')").await;
        world.arm(Fault::from(FaultKind::CutAfter {}).route(COLLECTIONS)).await;
        let lost = world.run().await;
        assert!(lost.is_err(), "{direction:?} {lost:?}");
        assert_eq!(world.records("Account").await.len(), 1, "{direction:?}");
        world.settle().await;

        // then there is one record, and it has the row's key
        let records = world.records("Account").await;
        assert_eq!(records.len(), 1, "{direction:?}");
        let row = world.rows("select external_id__c, sfid from account").await;
        let key = records[0].values[1].as_text().unwrap();
        assert_eq!(row, [format!("{key}|{}", records[0].id)], "{direction:?}");
        assert_eq!(key.len(), 36, "{direction:?}");
        assert_eq!(world.states().await, ["SUCCESS|1"], "{direction:?}");
        let written = world.requests("composite/sobjects").await;
        let inserts = written.iter().filter(|line| line.starts_with('P')).count();
        assert_eq!(inserts, 1, "{direction:?}: {written:?}");
    }
}

#[tokio::test]
async fn an_insert_that_equals_the_record_with_its_key_is_linked_without_a_write() {
    let world = World::start().await;
    world.person_creates("Account", json!({ "Name": "Acme", "External_Id__c": "k1" })).await;
    world.app("insert into account (name, external_id__c) values ('Acme', 'k1')").await;
    world.settle().await;
    assert!(
        world.requests("composite/sobjects").await.iter().all(|line| !line.starts_with("PATCH"))
    );
    assert_ne!(world.rows("select sfid from account").await, ["-"]);
    assert_eq!(world.states().await, ["SUCCESS|1"]);
}

#[tokio::test]
async fn a_key_that_moves_to_a_new_row_does_not_take_the_record_of_the_old_one_along() {
    let world = World::start().await;
    world.app("insert into account (name, external_id__c) values ('Old', 'k1')").await;
    world.settle().await;
    let old = sfid_of(&world, "account").await;
    world
        .app(
            "begin;
             update account set external_id__c = 'k2' where name = 'Old';
             insert into account (name, external_id__c) values ('New', 'k1');
             commit",
        )
        .await;
    world.settle().await;
    assert_eq!(world.names("Account").await, ["New", "Old"]);
    assert_eq!(world.rows("select sfid from account where name = 'Old'").await, [old.as_str()]);
    assert_eq!(world.rows("select count(distinct sfid) from account").await, ["2"]);
}

#[tokio::test]
async fn an_insert_looks_for_its_key_only_where_salesforce_says_that_it_is_taken() {
    let world = World::start().await;
    world.person_creates("Account", json!({ "Name": "Theirs", "External_Id__c": "K250" })).await;
    let before = world.client.calls_made();
    world
        .app("insert into account (name, external_id__c) select 'A' || n, 'k' || n from generate_series(1, 400) n")
        .await;
    world.settle().await;

    // Two calls insert; one looks the refused key up, in the other case; one writes nothing but the differing name.
    let calls = world.client.calls_made() - before;
    assert!(calls <= 4, "{calls} calls");
    assert_eq!(world.records("Account").await.len(), 400);
    assert_eq!(world.rows("select count(distinct sfid) from account").await, ["400"]);
    let kept = world.rows("select name from account where external_id__c ilike 'k250'").await;
    assert_eq!(kept, ["Theirs"], "Salesforce's value wins");
}

#[tokio::test]
async fn an_insert_that_is_carried_out_between_the_look_and_the_repetition_is_taken_over() {
    let world = World::start().await;
    let late = FaultKind::ApplyLate { millis: None, answer: LateAnswer::Cut };
    let late = world.fault("POST", COLLECTIONS, late).await;
    world.app("insert into account (name, external_id__c) values ('Acme', 'k1')").await;
    assert!(world.run().await.is_err());

    let looked = world.requests("/query").await.len();
    world.fault("POST", COLLECTIONS, FaultKind::latency(1_500)).await;
    let meanwhile = async {
        wait_until("the record was looked for", Duration::from_secs(20), async || {
            world.requests("/query").await.len() > looked
        })
        .await;
        world.release(late).await;
    };
    let again = async {
        wait_until("the insert was sent again", Duration::from_secs(20), async || {
            world.run().await.unwrap().claimed > 0
        })
        .await;
    };
    tokio::join!(again, meanwhile);
    world.settle().await;

    assert_eq!(world.names("Account").await, ["Acme"]);
    assert_eq!(world.rows("select count(sfid) from account").await, ["1"]);
    assert_eq!(world.states().await, ["SUCCESS|1"]);
}

/// A row whose key moved, which Salesforce does not know yet since it refuses the change, and a new row with that key.
async fn a_key_between_two_rows() -> World {
    let world = World::start().await;
    world.app("insert into account (name, external_id__c) values ('Old', 'k1')").await;
    world.settle().await;
    world
        .app(
            "update account set external_id__c = 'k2', annualrevenue = -1 where name = 'Old';
             insert into account (name, external_id__c) values ('New', 'k1')",
        )
        .await;
    assert_eq!(world.run().await.unwrap().refused, 1);
    world
}

#[tokio::test]
async fn a_record_whose_key_another_row_is_to_give_up_is_waited_for_and_not_taken_over() {
    let world = a_key_between_two_rows().await;
    let looked = world.run().await.unwrap();

    assert_eq!((looked.accepted, looked.refused, looked.waiting), (0, 0, 1));
    assert_eq!(world.rows("select sfid from account where name = 'New'").await, ["-"]);
    assert_eq!(world.names("Account").await, ["Old"]);
    world.app("update account set annualrevenue = 1 where name = 'Old'").await;
    world.settle().await;
    assert_eq!(world.names("Account").await, ["New", "Old"]);
    assert_eq!(world.rows("select count(distinct sfid) from account").await, ["2"]);
}

#[tokio::test]
async fn a_key_that_another_row_does_not_give_up_is_a_persons_matter_after_a_while() {
    let world = a_key_between_two_rows().await;
    world
        .app("update _trigger_log set created_at = created_at - interval '11 minutes' where state <> 'FAILED'")
        .await;

    assert_eq!(world.run().await.unwrap().refused, 1);

    let parked =
        world.rows("select code, message from lockstep.parked where operation is null").await;
    assert_eq!(parked.len(), 1, "nothing was sent for it: {parked:?}");
    assert!(parked[0].starts_with("DUPLICATE_VALUE|"), "{parked:?}");
    assert!(parked[0].ends_with("holds the external id, and belongs to row 1"), "{parked:?}");
}

#[tokio::test]
async fn a_record_that_is_about_to_be_deleted_is_not_taken_over_by_a_new_row_with_its_key() {
    // given an account that Salesforce refuses to delete since it has a case
    let world = World::start().await;
    world.app("insert into account (name, external_id__c) values ('Old', 'k1')").await;
    world.settle().await;
    let old = sfid_of(&world, "account").await;
    let case = json!({ "AccountId": old.as_str() });
    let case = world.control().create("Case", &case).await.unwrap();
    world.app("delete from account").await;
    assert_eq!(world.run().await.unwrap().refused, 1);

    // when a new row has its key, then it waits
    world.app("insert into account (name, external_id__c) values ('New', 'k1')").await;
    for _ in 0..2 {
        assert_eq!(world.run().await.unwrap().waiting, 1);
    }
    assert_eq!(world.rows("select sfid from account").await, ["-"]);

    // when the deletion goes through, then the new row becomes a record of its own
    world.control().delete("Case", &case).await.unwrap();
    world.app("select lockstep.retry()").await;
    world.settle().await;
    assert_eq!(world.names("Account").await, ["New"]);
    assert_ne!(sfid_of(&world, "account").await, old);
}
