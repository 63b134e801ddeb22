//! Mappings that are written in order: every change by itself, in the order in which the application made it.

use super::world::{World, mappings, value};
use super::{COLLECTIONS, sfid_of};
use lockstep::mapping::WriteOrder;
use lockstep::model::SalesforceId;
use salesforce_simulator::control::Page;
use salesforce_simulator::{Fault, FaultKind};
use serde_json::json;

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

#[tokio::test]
async fn a_parked_deletion_does_not_take_the_record_of_a_new_row_with_its_id_along() {
    // given a deletion that Salesforce refuses, because of a case, and a new row with the same id
    let world = ordered().await;
    world.app("insert into account (name, external_id__c) values ('Old', 'k1')").await;
    world.settle().await;
    let old = sfid_of(&world, "account").await;
    let case = json!({ "AccountId": old.as_str() });
    let case = world.control().create("Case", &case).await.unwrap();
    world.app("delete from account").await;
    assert_eq!(world.run().await.unwrap().refused, 1);
    world.app("insert into account (id, name, external_id__c) values (1, 'New', 'k2')").await;
    assert_eq!(world.run().await.unwrap().claimed, 0, "the new row waits");

    // when the case is gone and the deletion is retried
    world.person_deletes("Case", &SalesforceId::parse(&case).unwrap()).await;
    world.app("select lockstep.retry()").await;
    world.settle().await;

    assert_eq!(world.names("Account").await, ["New"]);
    assert_ne!(sfid_of(&world, "account").await, old);
}

#[tokio::test]
async fn more_than_a_bulk_job_s_worth_of_changes_keeps_its_order_too() {
    // given children of two parents in turns, more than what goes by Bulk otherwise
    let mut mappings = mappings();
    for mapping in &mut mappings {
        mapping.write = WriteOrder::Ordered;
        mapping.bulk.write_above = 3;
    }
    let world = World::with(mappings).await;
    world.app("insert into account (name, external_id__c) values ('A', 'a'), ('B', 'b')").await;
    world.settle().await;

    world
        .app(
            "insert into contact (lastname, external_id__c, account_key)
                 select 'C' || n, 'c' || n, case n % 2 when 0 then 'a' else 'b' end from generate_series(1, 6) n",
        )
        .await;
    world.settle().await;

    // then they were made in the order of their rows, and by no Bulk job
    let made = world.rows("select lastname from contact order by sfid").await;
    assert_eq!(made, ["C1", "C2", "C3", "C4", "C5", "C6"]);
    assert!(world.requests("/jobs/ingest").await.is_empty());
}

#[tokio::test]
async fn every_state_means_in_order_what_clients_of_the_log_expect() {
    // given changes that are to be left alone, that come and go, and that are refused and given up
    let world = ordered().await;
    world
        .app(
            "insert into account (name, external_id__c) values ('Kept', 'a1'), ('Gone', 'a2');
             delete from account where name = 'Gone';
             insert into account (name, external_id__c, annualrevenue) values ('Bad', 'a3', -1)",
        )
        .await;
    world.settle().await;
    assert_eq!(world.states().await, ["FAILED|1", "IGNORED|2", "SUCCESS|1"]);
    world
        .app(
            "update _trigger_log set state = 'IGNORED' where state = 'FAILED';
             update account set phone = '1' where name = 'Kept';
             update account set name = 'Kept too' where name = 'Kept';
             update _trigger_log set state = 'IGNORE' where values like '%\"1\"%'",
        )
        .await;
    world.settle().await;

    // then what was left alone is not sent, and what comes after it is, by itself
    assert_eq!(sent(&world).await, ["account INSERT", "account INSERT", "account UPDATE"]);
    assert_eq!(world.states().await, ["IGNORED|4", "SUCCESS|2"]);
    assert_eq!(world.names("Account").await, ["Kept too"]);

    // when the one that was given up is mended and captured by Heroku Connect's function
    world
        .app(
            "set search_path = salesforce, public;
             select hc_capture_insert_from_row(
                 hstore(t.*) || 'annualrevenue=>7', 'account', array[]::text[]) from account t where name = 'Bad'",
        )
        .await;
    world.settle().await;
    assert_eq!(world.names("Account").await, ["Bad", "Kept too"]);
    assert_eq!(world.states().await, ["IGNORED|4", "SUCCESS|3"]);
}

#[tokio::test]
async fn changes_marked_for_requeueing_go_out_again_in_their_order_and_behind_what_waits() {
    // given three changes of a record, sent one by one
    let world = ordered().await;
    world
        .app(
            "insert into account (name, external_id__c) values ('A', 'a1');
             update account set phone = '1';
             update account set phone = '2'",
        )
        .await;
    world.settle().await;

    // when both updates are wanted again, while a third waits
    world
        .app(
            "update account set name = 'B';
             update _trigger_log_archive set state = 'REQUEUE' where action = 'UPDATE'",
        )
        .await;
    world.settle().await;

    // then they follow it, each by itself
    let fields = "select string_agg(sent.key || '=' || sent.value, ' ' order by journal.id) \
                  from lockstep.journal, jsonb_each_text(\"values\") as sent where operation = 'UPDATE'";
    assert_eq!(world.rows(fields).await, ["Phone=1 Phone=2 Name=B Phone=1 Phone=2"]);
    assert_eq!(world.states().await, ["REQUEUED|2", "SUCCESS|4"]);
    assert_eq!(world.records("Account").await[0].values[2], value("2"));
    assert_eq!(world.run().await.unwrap().claimed, 0);
}

#[tokio::test]
async fn a_change_that_has_to_come_again_holds_back_the_next_ones_of_its_record() {
    let world = ordered().await;
    world.app("insert into account (name, external_id__c) values ('A', 'a1')").await;
    world.settle().await;
    let locked = FaultKind::row_error("UNABLE_TO_LOCK_ROW", 1);
    world.fault("PATCH", COLLECTIONS, locked).await;
    world.app("update account set phone = '1'; update account set phone = '2'").await;

    let pushed = world.run().await.unwrap();

    assert_eq!((pushed.accepted, pushed.waiting), (0, 1));
    world.settle().await;
    let sent = "select \"values\" ->> 'Phone' from lockstep.journal where operation = 'UPDATE' order by id";
    assert_eq!(world.rows(sent).await, ["1", "1", "2"]);
    assert_eq!(world.records("Account").await[0].values[2], value("2"));
}

#[tokio::test]
async fn one_call_is_under_way_at_a_time() {
    let world = ordered().await;
    world
        .app("insert into account (name, external_id__c) select 'A' || n, 'a' || n from generate_series(1, 600) n")
        .await;

    assert_eq!(world.run().await.unwrap().accepted, 600);

    assert_eq!(world.most_at_once("accepted").await, "200");
}

#[tokio::test]
async fn nothing_overtakes_a_mapping_that_rests() {
    let world = ordered().await;
    let unwell = Fault::from(FaultKind::Page { page: Page::BadGateway }).object("Account");
    world.fault("POST", COLLECTIONS, unwell.times(3)).await;
    for n in 0..3 {
        let insert = format!("insert into account (name, external_id__c) values ('A', 'a{n}')");
        world.app(&insert).await;
        assert!(world.run().await.is_err());
    }
    world.app("insert into lead (lastname, company) values ('L', 'X')").await;

    assert_eq!(world.run().await.unwrap().claimed, 0);

    assert_eq!(world.names("Lead").await, [""; 0]);
}

#[tokio::test]
async fn nothing_overtakes_a_backlog_that_is_larger_than_a_run() {
    let world = ordered().await;
    world
        .app(
            "insert into account (name, external_id__c) select 'A' || n, 'a' || n from generate_series(1, 10100) n;
             insert into lead (lastname, company) values ('L', 'X')",
        )
        .await;

    assert!(world.run().await.unwrap().more);

    assert_eq!(world.names("Lead").await, [""; 0]);
    world.run().await.unwrap();
    assert_eq!(world.names("Lead").await, ["L"]);
}

#[tokio::test]
async fn a_record_that_waits_for_its_parent_costs_nothing_however_many_changes_it_has() {
    let world = ordered().await;
    world
        .app(
            "insert into account (name, external_id__c, annualrevenue) values ('Bad', 'a1', -1);
             insert into contact (lastname, external_id__c, account_key) values ('C', 'c1', 'a1');
             update contact set lastname = 'D'; update contact set lastname = 'E'",
        )
        .await;
    let pushed = world.run().await.unwrap();
    assert_eq!((pushed.refused, pushed.waiting), (1, 1));

    assert_eq!(world.run().await.unwrap().claimed, 0);

    world.app("update account set annualrevenue = 1").await;
    world.settle().await;
    assert_eq!(world.names("Contact").await, ["E"]);
}
