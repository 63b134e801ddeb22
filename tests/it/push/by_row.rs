//! Parents that the application names by their rows' `id`, with a foreign key of its own or without.

use super::world::{World, mappings, value};
use lockstep::mapping::{Direction, Mapping, ROW_ID, Reference, WriteOrder};
use lockstep::model::{ColumnType, Value};
use serde_json::json;

const FOREIGN_KEY: &str = "alter table contact add foreign key (account_id) references account \
                           deferrable initially deferred";

/// Lets contacts name their account by its row; accounts have no key.
fn by_row() -> Vec<Mapping> {
    let mut mappings = mappings();
    mappings[0].key = None;
    mappings[1].fields[3].reference = Some(Reference {
        object: "Account".to_owned(),
        table: "account".to_owned(),
        match_column: ROW_ID.to_owned(),
        column: "account_id".to_owned(),
        column_type: ColumnType::Integer,
    });
    mappings
}

async fn world_with(mappings: Vec<Mapping>) -> World {
    let world = World::with(mappings).await;
    world.app(FOREIGN_KEY).await;
    world
}

async fn world() -> World {
    world_with(by_row()).await
}

/// The accounts that the contacts refer to in Salesforce, by name.
async fn accounts_of_contacts(world: &World) -> Vec<String> {
    let accounts = world.records("Account").await;
    let name_of = |id: &Value| {
        let account = accounts.iter().find(|account| id.as_text() == Some(account.id.as_str()));
        account.and_then(|account| account.values[0].as_text()).unwrap_or("-").to_owned()
    };
    world.records("Contact").await.iter().map(|contact| name_of(&contact.values[3])).collect()
}

#[tokio::test]
async fn parents_and_children_of_one_transaction_arrive_in_one_call_each() {
    let world = world().await;

    world
        .app(
            "with parent as (insert into account (name) select 'A' || n from generate_series(1, 3) n returning id, name)
             insert into contact (lastname, external_id__c, account_id)
             select 'C of ' || name, name, id from parent",
        )
        .await;
    let pushed = world.run().await.unwrap();

    assert_eq!((pushed.accepted, pushed.refused, pushed.waiting), (6, 0, 0));
    assert_eq!(accounts_of_contacts(&world).await, ["A1", "A2", "A3"]);
    assert_eq!(world.writes().await.len(), 2);
    assert_eq!(world.states().await, ["SUCCESS|6"]);
}

#[tokio::test]
async fn a_child_that_stands_before_its_parent_in_the_log_arrives_with_its_reference() {
    for order in [WriteOrder::Merged, WriteOrder::Ordered] {
        let mut mappings = by_row();
        mappings[0].write = order;
        let world = world_with(mappings).await;

        world
            .app(
                "begin;
                 insert into contact (lastname, external_id__c, account_id) values ('C', 'c1', 77);
                 insert into account (id, name) values (77, 'A');
                 commit",
            )
            .await;
        world.settle().await;

        assert_eq!(accounts_of_contacts(&world).await, ["A"], "{order:?}");
        assert_eq!(world.states().await, ["SUCCESS|2"], "{order:?}");
    }
}

#[tokio::test]
async fn a_child_of_a_parked_parent_waits_for_the_row_and_is_woken_by_it() {
    // given an account that a validation rule refuses
    let world = world().await;
    world
        .app(
            "insert into account (name, annualrevenue) values ('Bad', -1);
             insert into contact (lastname, external_id__c, account_id) values ('C', 'c1', 1)",
        )
        .await;
    world.run().await.unwrap();
    world.run().await.unwrap();
    assert_eq!(world.states().await, ["FAILED|1", "NEW|1"]);
    let waits = "select reason from lockstep.delivery where table_name = 'contact'";
    assert_eq!(world.rows(waits).await, ["waits for row 1 of account"]);
    assert_eq!(world.writes().await.len(), 1, "the child costs no call");

    // when it is mended, then both arrive
    world.app("update account set annualrevenue = 1").await;
    world.settle().await;
    assert_eq!(accounts_of_contacts(&world).await, ["Bad"]);
}

#[tokio::test]
async fn a_reference_by_row_is_changed_emptied_and_left_out_as_the_row_says() {
    for direction in [Direction::Both, Direction::ToSalesforce] {
        let mut mappings = by_row();
        for mapping in &mut mappings {
            mapping.direction = direction;
            mapping.fields.iter_mut().for_each(|field| field.direction = direction);
        }
        let world = world_with(mappings).await;
        world
            .app(
                "insert into account (name) values ('A'), ('B');
                 insert into contact (lastname, external_id__c, account_id)
                 values ('1', 'c1', 1), ('2', 'c2', 1), ('3', 'c3', null)",
            )
            .await;
        world.settle().await;
        assert_eq!(accounts_of_contacts(&world).await, ["A", "A", "-"], "{direction:?}");

        world
            .app(
                "update contact set account_id = 2 where lastname = '1';
                 update contact set account_id = null where lastname = '2';
                 update contact set account_id = 1 where lastname = '3'",
            )
            .await;
        world.settle().await;

        assert_eq!(accounts_of_contacts(&world).await, ["B", "-", "A"], "{direction:?}");
        assert_eq!(world.states().await, ["SUCCESS|8"], "{direction:?}");
    }
}

#[tokio::test]
async fn a_number_that_is_no_row_waits_for_one_and_says_so() {
    let world = World::with(by_row()).await;
    world.app("alter table contact alter column account_id type bigint").await;
    world
        .app(
            "insert into contact (lastname, external_id__c, account_id)
             values ('1', 'c1', 99), ('2', 'c2', 99999999999), ('3', 'c3', null)",
        )
        .await;

    let pushed = world.run().await.unwrap();

    assert_eq!((pushed.accepted, pushed.waiting), (1, 2), "they wait for a row that may come yet");
    let waits = "select distinct reason from lockstep.delivery where table_name = 'contact'";
    let reason = "no row of account has the value of id it refers to";
    assert_eq!(world.rows(waits).await, [reason]);
}

#[tokio::test]
async fn rows_of_one_table_may_name_each_other_by_row() {
    let mut mappings = by_row();
    let mut parent = mappings[1].fields[3].clone();
    (parent.name, parent.column) = ("ParentId".to_owned(), "parentid".to_owned());
    if let Some(reference) = &mut parent.reference {
        reference.column = "parent".to_owned();
    }
    mappings[0].fields.push(parent);
    let world = world_with(mappings).await;

    world
        .app("insert into account (id, name, parent) values (1, 'A', 1), (2, 'B', 3), (3, 'C', 1)")
        .await;
    world.settle().await;

    let accounts = world.records("Account").await;
    let ids: Vec<Value> = accounts.iter().map(|record| value(record.id.as_str())).collect();
    let parents: Vec<Value> = accounts.iter().map(|record| record.values[4].clone()).collect();
    assert_eq!(parents, [ids[0].clone(), ids[2].clone(), ids[0].clone()]);
}

#[tokio::test]
async fn what_a_person_links_in_salesforce_fills_the_column_of_the_foreign_key() {
    // given two accounts of the application's
    let mut mappings = by_row();
    mappings.swap(0, 1);
    let world = world_with(mappings).await;
    world.app("insert into account (name) values ('A'), ('B')").await;
    world.settle().await;
    let ids: Vec<String> =
        world.records("Account").await.iter().map(|account| account.id.to_string()).collect();

    // when a person links contacts to them, then the rows name the accounts' rows
    let rows = "select lastname, account_id from contact order by lastname";
    world.person_creates("Contact", json!({ "LastName": "1", "AccountId": ids[0] })).await;
    world.person_creates("Contact", json!({ "LastName": "2", "AccountId": ids[1] })).await;
    world.poll_later().await;
    assert_eq!(world.rows(rows).await, ["1|1", "2|2"]);

    let contacts = world.records("Contact").await;
    let (first, second) = (&contacts[0].id, &contacts[1].id);
    world.person_edits("Contact", first, json!({ "AccountId": ids[1] })).await;
    world.person_edits("Contact", second, json!({ "AccountId": null })).await;
    world.poll_later().await;
    assert_eq!(world.rows(rows).await, ["1|2", "2|-"]);
    assert_eq!(world.run().await.unwrap().claimed, 0, "nothing of that is sent back");
}

#[tokio::test]
async fn a_row_whose_parent_has_no_row_here_is_given_another_parent() {
    // given a contact of an account that is not in the database
    let mut mappings = by_row();
    mappings.swap(0, 1);
    let world = world_with(mappings).await;
    let theirs = world.control().create("Account", &json!({ "Name": "Theirs" })).await.unwrap();
    world.person_creates("Contact", json!({ "LastName": "C", "AccountId": theirs })).await;
    world.poll_later().await;
    assert_eq!(
        world.rows("select accountid, account_id from contact").await,
        [format!("{theirs}|-")]
    );

    // when the application moves it
    world
        .app("insert into account (name) values ('Ours'); update contact set account_id = 1")
        .await;
    world.settle().await;

    // then that is no conflict with anybody
    assert_eq!(accounts_of_contacts(&world).await, ["Ours"]);
    assert!(world.rows("select 1 from lockstep.conflict").await.is_empty());
}
