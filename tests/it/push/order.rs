//! In which order changes go out: parents, circles, children of what is parked, deletions, and how few calls it takes.

use super::sfid_of;
use super::world::{World, mappings, value};
use crate::uncaptured::uncaptured;
use lockstep::mapping::{Mapping, Reference};
use lockstep::model::{ColumnType, Value};
use salesforce_simulator::FaultKind;
use serde_json::json;

/// Writes by Collections, and no reads.
const WRITES: &str = "/services/data/*/composite/sobjects";

/// Lets the mapping at `position` name rows of `parent` in another column, for a lookup of this name.
fn refer(mappings: &mut [Mapping], position: usize, name: &str, parent: usize, column: &str) {
    let mut field = mappings[1].fields[3].clone();
    name.clone_into(&mut field.name);
    field.column = name.to_lowercase();
    field.reference_to = vec![mappings[parent].object.clone()];
    field.reference = Some(Reference {
        object: mappings[parent].object.clone(),
        table: mappings[parent].table.clone(),
        match_column: "external_id__c".to_owned(),
        column: column.to_owned(),
        column_type: ColumnType::Varchar(36),
    });
    mappings[position].fields.push(field);
}

/// Accounts that name a parent account and a first contact; contacts that name an account and whom they report to.
async fn family() -> World {
    family_with(|_| ()).await
}

async fn family_with(change: impl FnOnce(&mut Vec<Mapping>)) -> World {
    let mut mappings = mappings();
    refer(&mut mappings, 0, "ParentId", 0, "parent_key");
    refer(&mut mappings, 0, "First__c", 1, "first_key");
    refer(&mut mappings, 1, "ReportsToId", 1, "chief_key");
    change(&mut mappings);
    let world = World::with(mappings).await;
    let first = json!({ "name": "First__c", "type": "reference", "referenceTo": ["Contact"],
                        "relationshipName": "First__r", "length": 18, "nillable": true });
    world.control().add_field("Account", &first).await.unwrap();
    world
}

/// So many pairs of an account and a contact that refer to each other.
fn pairs(count: usize) -> String {
    format!(
        "begin;
         insert into account (name, external_id__c, first_key)
             select 'A' || n, 'a' || n, 'c' || n from generate_series(1, {count}) n;
         insert into contact (lastname, external_id__c, account_key)
             select 'C' || n, 'c' || n, 'a' || n from generate_series(1, {count}) n;
         commit"
    )
}

/// `name → first contact's name` of all accounts, and `name → account's name` of all contacts.
async fn references(world: &World) -> Vec<String> {
    let (accounts, contacts) = (world.records("Account").await, world.records("Contact").await);
    let text = |value: &Value| value.as_text().unwrap_or("-").to_owned();
    let name_of = |id: &Value| {
        let both = accounts.iter().chain(&contacts);
        both.filter(|record| id.as_text() == Some(record.id.as_str()))
            .map(|record| text(&record.values[0]))
            .next()
            .unwrap_or_else(|| "-".to_owned())
    };
    let of = |records: &[lockstep::model::RemoteRecord], field: usize| -> Vec<String> {
        let line = |record: &lockstep::model::RemoteRecord| {
            format!("{} → {}", text(&record.values[0]), name_of(&record.values[field]))
        };
        records.iter().map(line).collect()
    };
    [of(&accounts, 5), of(&contacts, 3)].concat()
}

#[tokio::test]
async fn rows_that_refer_to_each_other_arrive_with_both_references() {
    let world = family().await;

    world.app(&pairs(2)).await;
    let pushed = world.run().await.unwrap();

    assert_eq!((pushed.accepted, pushed.refused, pushed.waiting), (4, 0, 0));
    assert_eq!(references(&world).await, ["A1 → C1", "A2 → C2", "C1 → A1", "C2 → A2"]);
    assert_eq!(world.writes().await.len(), 3, "accounts, contacts, and the accounts' references");
    assert_eq!(world.states().await, ["SUCCESS|4"]);
    assert_eq!(world.run().await.unwrap().claimed, 0);
    assert!(world.rows("select 1 from lockstep.conflict").await.is_empty());
}

#[tokio::test]
async fn a_row_may_refer_to_itself_and_a_chain_of_rows_comes_in_any_order() {
    let world = family().await;

    world
        .app(
            "begin;
             insert into contact (lastname, external_id__c, chief_key) values ('3', 'c3', 'c2'), ('2', 'c2', 'c1');
             insert into contact (lastname, external_id__c, chief_key) values ('1', 'c1', 'c1');
             commit",
        )
        .await;
    world.run().await.unwrap();

    let contacts = world.records("Contact").await;
    let ids: Vec<Value> = contacts.iter().map(|record| value(record.id.as_str())).collect();
    let chiefs: Vec<Value> = contacts.iter().map(|record| record.values[4].clone()).collect();
    assert_eq!(chiefs, [ids[0].clone(), ids[0].clone(), ids[1].clone()]);
    assert_eq!(world.states().await, ["SUCCESS|3"]);
}

#[tokio::test]
async fn a_circle_in_which_no_reference_can_wait_is_parked_with_the_reason() {
    let world = family_with(|mappings| {
        for field in mappings.iter_mut().flat_map(|mapping| &mut mapping.fields) {
            field.nillable = false;
        }
    })
    .await;

    world.app(&pairs(1)).await;
    let pushed = world.run().await.unwrap();

    assert_eq!((pushed.accepted, pushed.refused), (0, 2));
    let parked = world.rows("select state, sf_message from _trigger_log").await;
    assert!(parked.iter().all(|line| line.starts_with("FAILED|REFERENCE_CYCLE")), "{parked:?}");
    assert!(world.writes().await.is_empty());
}

#[tokio::test]
async fn a_run_that_ends_between_the_two_passes_is_completed_by_the_next() {
    for kind in [FaultKind::CutBefore {}, FaultKind::CutAfter {}] {
        for pass in 0..3 {
            let said = format!("{kind:?} in write {pass}");
            let world = family().await;
            world.app(&pairs(1)).await;
            let fault = salesforce_simulator::Fault::from(kind.clone()).after(pass);
            world.arm(fault.route(WRITES)).await;
            assert!(!matches!(world.run().await, Ok(pushed) if pushed.waiting == 0), "{said}");

            assert!(!world.rows("select 1 from _trigger_log").await.is_empty(), "{said}");
            world.resolve_open().await.unwrap();
            world.settle().await;

            assert_eq!(references(&world).await, ["A1 → C1", "C1 → A1"], "{said}");
            assert!(world.rows("select 1 from lockstep.conflict").await.is_empty(), "{said}");
            assert!(world.rows("select 1 from _trigger_log").await.is_empty(), "{said}");
        }
    }
}

#[tokio::test]
async fn a_first_pass_that_went_by_a_bulk_job_and_was_settled_after_a_crash_is_not_the_whole() {
    let world = family_with(|mappings| mappings[0].bulk.write_above = 1).await;
    world.app(&pairs(3)).await;
    world.fault("PATCH", "/services/data/*/jobs/ingest/*", FaultKind::CutAfter {}).await;
    assert!(world.run().await.is_err());

    world.resolve_open().await.unwrap();
    let unsettled = "select count(*) from _trigger_log where table_name = 'account'";
    assert_eq!(world.rows(unsettled).await, ["3"]);
    world.settle().await;

    let expected = ["A1 → C1", "A2 → C2", "A3 → C3", "C1 → A1", "C2 → A2", "C3 → A3"];
    assert_eq!(references(&world).await, expected);
}

#[tokio::test]
async fn a_reference_that_salesforce_refuses_afterwards_parks_the_row_until_it_is_repaired() {
    let world = family().await;
    let refusing = json!({ "kind": "trigger", "object": "Account", "name": "Refuse", "events": ["before update"],
                           "script": "if row.Phone != \"1\" { add_error(\"no reference\"); }" });
    world.control().define_rule(&serde_json::from_value(refusing).unwrap()).await.unwrap();

    world.app(&pairs(1)).await;
    let pushed = world.run().await.unwrap();
    assert_eq!((pushed.accepted, pushed.refused), (1, 1));
    assert_eq!(world.rows("select state, action from _trigger_log").await, ["FAILED|INSERT"]);
    world.app("update account set phone = '1'").await;
    world.settle().await;

    assert_eq!(references(&world).await, ["A1 → C1", "C1 → A1"]);
    assert_eq!(world.states().await, ["MERGED|1", "SUCCESS|2"]);
}

#[tokio::test]
async fn a_reference_that_was_sent_and_not_read_back_is_changed_and_emptied_as_the_row_says() {
    let world = World::start().await;
    world
        .app(
            "insert into account (name, external_id__c) values ('A', 'a'), ('B', 'b');
             insert into contact (lastname, external_id__c, account_key)
             values ('1', 'c1', 'a'), ('2', 'c2', 'a'), ('3', 'c3', 'a')",
        )
        .await;
    world.settle().await;
    let accounts = world.records("Account").await;
    let [a, b] = [0, 1].map(|n: usize| value(accounts[n].id.as_str()));
    let parents = async || -> Vec<Value> {
        let contacts = world.records("Contact").await;
        contacts.iter().map(|contact| contact.values[3].clone()).collect()
    };

    world.app("update contact set account_key = 'b' where lastname <> '2'").await;
    world.app("update contact set account_key = null where lastname = '2'").await;
    world.settle().await;
    assert_eq!(parents().await, [b.clone(), Value::Null, b.clone()]);

    world.app("update contact set account_key = 'a'").await;
    world.settle().await;
    assert_eq!(parents().await, [a.clone(), a.clone(), a]);
    assert!(world.rows("select 1 from lockstep.conflict").await.is_empty());
}

#[tokio::test]
async fn a_child_of_a_parked_parent_waits_without_costing_anything_and_comes_when_the_parent_does()
{
    let world = World::start().await;
    world
        .app(
            "insert into account (name, external_id__c, annualrevenue) values ('Bad', 'k1', -1);
             insert into contact (lastname, external_id__c, account_key) select 'C' || n, 'c' || n, 'k1'
                 from generate_series(1, 3) n",
        )
        .await;
    let pushed = world.run().await.unwrap();
    assert_eq!((pushed.accepted, pushed.refused, pushed.waiting), (0, 1, 3));

    let calls = world.client.calls_made();
    for _ in 0..3 {
        assert_eq!(world.run().await.unwrap().claimed, 0);
    }
    assert_eq!(world.client.calls_made(), calls);
    let waiting = "select attempts, reason from lockstep.delivery";
    assert_eq!(world.rows(waiting).await, ["1|waits for row 1 of account"; 3]);
    assert_eq!(
        world.rows("select state, count(*) from _trigger_log group by 1 order by 1").await,
        ["FAILED|1", "NEW|3"]
    );

    world.app("update account set annualrevenue = 1").await;
    let parent = world.run().await.unwrap();
    assert_eq!((parent.accepted, parent.more), (1, true), "the children are called for at once");
    assert_eq!(world.run().await.unwrap().accepted, 3);
    assert_eq!(world.names("Contact").await, ["C1", "C2", "C3"]);
    assert!(world.rows("select 1 from lockstep.delivery").await.is_empty());
}

#[tokio::test]
async fn a_waiting_child_that_is_given_another_parent_or_deleted_waits_no_longer() {
    let world = World::start().await;
    world
        .app(
            "insert into account (name, external_id__c, annualrevenue) values ('Bad', 'k1', -1);
             insert into account (name, external_id__c) values ('Good', 'k2');
             insert into contact (lastname, external_id__c, account_key) values
                 ('Moved', 'c1', 'k1'), ('Gone', 'c2', 'k1'), ('Stays', 'c3', 'k1')",
        )
        .await;
    world.run().await.unwrap();
    world.run().await.unwrap();

    world
        .app(
            "update contact set account_key = 'k2' where lastname = 'Moved';
             delete from contact where lastname = 'Gone'",
        )
        .await;
    world.run().await.unwrap();

    assert_eq!(world.names("Contact").await, ["Moved"]);
    let left = "select record_id, action from _trigger_log where table_name = 'contact'";
    assert_eq!(world.rows(left).await, ["3|INSERT"]);
    assert_eq!(world.rows("select record_id from lockstep.delivery").await, ["3"]);
}

#[tokio::test]
async fn a_parent_whose_row_got_its_record_by_a_pull_wakes_its_children_too() {
    let world = World::start().await;
    world
        .app(
            "insert into account (name, external_id__c, annualrevenue) values ('Bad', 'k1', -1);
             insert into contact (lastname, external_id__c, account_key) values ('C', 'c1', 'k1')",
        )
        .await;
    world.run().await.unwrap();
    world.run().await.unwrap();

    world.person_creates("Account", json!({ "Name": "Theirs", "External_Id__c": "k1" })).await;
    let id = world.records("Account").await[0].id.clone();
    world.poll_later().await;
    world.run().await.unwrap();

    assert_eq!(world.records("Contact").await[0].values[3], value(id.as_str()));
}

#[tokio::test]
async fn parents_and_children_written_row_by_row_travel_in_the_fewest_calls() {
    let world = World::start().await;
    world
        .app(
            "do $$ begin
               for n in 1..300 loop
                 insert into contact (lastname, external_id__c, account_key) values ('C' || n, 'c' || n, 'a' || n);
                 insert into account (name, external_id__c) values ('A' || n, 'a' || n);
               end loop;
             end $$",
        )
        .await;
    let pushed = world.run().await.unwrap();
    assert_eq!((pushed.accepted, pushed.waiting), (600, 0));
    assert_eq!(world.writes().await.len(), 4, "two calls of at most 200 for each table");

    world
        .app(
            "do $$ begin
               for n in 1..300 loop
                 update contact set email = 'x@example.com' where id = n;
                 update account set phone = '1' where id = n;
               end loop;
             end $$",
        )
        .await;
    assert_eq!(world.run().await.unwrap().accepted, 600);
    assert_eq!(world.writes().await.len(), 8);
}

#[tokio::test]
async fn children_are_deleted_or_led_away_before_their_parent_is_deleted() {
    let world = World::start().await;
    world
        .app(
            "insert into account (name, external_id__c) values ('Old', 'a1'), ('New', 'a2');
             insert into contact (lastname, external_id__c, account_key) values
                 ('Gone', 'c1', 'a1'), ('Moved', 'c2', 'a1'), ('Named', 'c3', 'a1')",
        )
        .await;
    world.settle().await;
    let old = sfid_of(&world, "account").await;
    // What the pull would have filled in.
    world.app(&uncaptured(&format!("update contact set accountid = '{old}'"))).await;
    let moved = "select sfid from contact where lastname <> 'Gone' order by id";
    let before = world.rows(moved).await;

    world
        .app(
            "begin;
             delete from account where name = 'Old';
             delete from contact where lastname = 'Gone';
             update contact set accountid = (select sfid from account), account_key = 'a2' where lastname = 'Moved';
             update contact set account_key = 'a2' where lastname = 'Named';
             commit",
        )
        .await;
    assert_eq!(world.run().await.unwrap().accepted, 4);

    assert_eq!(world.names("Account").await, ["New"]);
    assert_eq!(
        world.names("Contact").await,
        ["Moved", "Named"],
        "Salesforce deletes contacts with their account"
    );
    assert_eq!(world.states().await, ["SUCCESS|9"]);
    assert_eq!(world.rows(moved).await, before, "it is led away, and not made anew");
}

#[tokio::test]
async fn a_row_that_names_its_parent_for_the_first_time_leaves_the_one_that_a_person_gave_it() {
    // given a contact that a person has put under an account, as the pull has told
    let world = World::start().await;
    world
        .app(
            "insert into account (name, external_id__c) values ('A', 'a'), ('B', 'b');
             insert into contact (lastname, external_id__c) values ('C', 'c')",
        )
        .await;
    world.settle().await;
    let accounts = world.records("Account").await;
    let [a, b] = [0, 1].map(|n: usize| accounts[n].id.clone());
    let contact = sfid_of(&world, "contact").await;
    world.person_edits("Contact", &contact, json!({ "AccountId": a.as_str() })).await;
    world.app(&uncaptured(&format!("update contact set accountid = '{a}'"))).await;

    // when the application names the other one
    world.app("update contact set account_key = 'b'").await;
    world.settle().await;

    // then that is a change from where the row stood, not one against a change of Salesforce's
    assert_eq!(world.records("Contact").await[0].values[3], value(b.as_str()));
    assert!(world.rows("select 1 from lockstep.conflict").await.is_empty());
}

#[tokio::test]
async fn a_child_of_a_row_that_was_given_up_is_shown_instead_of_waiting_for_ever() {
    // given a child that waits for a parked parent
    let world = World::start().await;
    world
        .app(
            "insert into account (name, external_id__c, annualrevenue) values ('Bad', 'k1', -1);
             insert into contact (lastname, external_id__c, account_key) values ('C', 'c1', 'k1')",
        )
        .await;
    assert_eq!(world.run().await.unwrap().waiting, 1);

    // when the parent is given up, some time after the child was made
    world.app("update _trigger_log set created_at = created_at - interval '1 day'").await;
    world.app("update _trigger_log set state = 'IGNORED' where table_name = 'account'").await;
    assert_eq!(world.run().await.unwrap().refused, 1);

    let told = "select state, sf_message from _trigger_log where table_name = 'contact'";
    let words = "PARENT_NOT_FOUND: row 1 of account, which it refers to, is not in Salesforce, and no change of it waits \
                 to be sent";
    assert_eq!(world.rows(told).await, [format!("FAILED|{words}")]);

    // when the parent comes after all and the child is retried, then it arrives
    world.app("update account set annualrevenue = 1").await;
    world.settle().await;
    world.app("select lockstep.retry()").await;
    world.settle().await;
    assert_eq!(world.names("Contact").await, ["C"]);
}
