//! Mappings that are written in order: every change by itself, in the order in which the application made it.

use super::COLLECTIONS;
use super::world::{World, mappings, value};
use lockstep::mapping::WriteOrder;
use salesforce_simulator::FaultKind;

async fn ordered() -> World {
    let mut mappings = mappings();
    for mapping in &mut mappings {
        mapping.write = WriteOrder::Ordered;
    }
    World::with(mappings).await
}

/// What was sent, the earliest first.
async fn sent(world: &World) -> Vec<String> {
    world.rows("select table_name || ' ' || operation from lockstep.journal order by id").await
}

#[tokio::test]
async fn every_change_is_sent_by_itself_in_the_order_in_which_it_was_made() {
    let world = ordered().await;

    world
        .app(
            "insert into account (name, external_id__c) values ('A', 'a1');
             insert into contact (lastname, external_id__c, account_key) values ('C', 'c1', 'a1');
             update account set phone = '1';
             update account set phone = '2';
             update contact set lastname = 'D'",
        )
        .await;
    world.settle().await;

    assert_eq!(
        sent(&world).await,
        ["account INSERT", "contact INSERT", "account UPDATE", "account UPDATE", "contact UPDATE"]
    );
    assert_eq!(world.writes().await.len(), 5);
    assert_eq!(world.states().await, ["SUCCESS|5"]);
    assert_eq!(world.names("Contact").await, ["D"]);
    assert_eq!(world.records("Account").await[0].values[2], value("2"));
}

#[tokio::test]
async fn neighbours_of_one_kind_share_a_call_though_each_change_is_sent() {
    let world = ordered().await;

    world
        .app(
            "insert into account (name, external_id__c) select 'A' || n, 'a' || n from generate_series(1, 150) n;
             update account set phone = '1'",
        )
        .await;
    world.settle().await;

    assert_eq!(world.writes().await.len(), 2);
    assert_eq!(world.states().await, ["SUCCESS|300"]);
}

#[tokio::test]
async fn a_child_that_was_inserted_before_its_parent_steps_back_and_arrives_with_its_reference() {
    let world = ordered().await;

    world
        .app(
            "insert into contact (lastname, external_id__c, account_key) values ('C', 'c1', 'a1');
             update contact set lastname = 'D';
             insert into account (name, external_id__c) values ('A', 'a1')",
        )
        .await;
    world.settle().await;

    let account = world.records("Account").await.remove(0).id;
    let contact = world.records("Contact").await.remove(0);
    assert_eq!((&contact.values[0], &contact.values[3]), (&value("D"), &value(account.as_str())));
    assert_eq!(
        sent(&world).await.last().map(String::as_str),
        Some("contact UPDATE"),
        "what follows a step that went back comes behind it"
    );
}

#[tokio::test]
async fn a_refused_change_goes_with_the_next_of_its_record_and_holds_up_no_other() {
    // given an account that a validation rule refuses, and changes behind it
    let world = ordered().await;
    world
        .app(
            "insert into account (name, external_id__c, annualrevenue) values ('Bad', 'a1', -1);
             insert into account (name, external_id__c) values ('Good', 'a2');
             update account set phone = '2' where name = 'Good'",
        )
        .await;
    world.settle().await;
    assert_eq!(world.states().await, ["FAILED|1", "SUCCESS|2"]);
    assert_eq!(world.names("Account").await, ["Good"]);

    // when it is mended, then it arrives with both changes
    world.app("update account set annualrevenue = 1 where name = 'Bad'").await;
    world.settle().await;
    assert_eq!(world.names("Account").await, ["Bad", "Good"]);
    assert!(world.rows("select 1 from _trigger_log where state = 'FAILED'").await.is_empty());
}

#[tokio::test]
async fn what_follows_a_call_that_failed_waits_with_it() {
    // given a change of another table behind one whose call is cut before Salesforce hears of it
    let world = ordered().await;
    world.fault("POST", COLLECTIONS, FaultKind::CutBefore {}).await;
    world
        .app(
            "insert into account (name, external_id__c) values ('A', 'a1');
             insert into lead (lastname, company) values ('L', 'X')",
        )
        .await;

    assert!(world.run().await.is_err());

    assert_eq!(world.names("Lead").await, [""; 0]);
    world.settle().await;
    assert_eq!(world.names("Account").await, ["A"]);
    assert_eq!(world.names("Lead").await, ["L"]);
}
