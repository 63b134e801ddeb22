//! Conflicts that a person decides: until then neither side is overwritten, and then exactly what was shown is decided.

use super::sfid_of;
use super::world::{World, mappings, value};
use lockstep::mapping::{ConflictPolicy, Mapping};
use lockstep::model::SalesforceId;
use serde_json::json;

/// Accounts of whose names a person decides.
fn asking() -> Vec<Mapping> {
    let mut mappings = mappings();
    for mapping in mappings.iter_mut().filter(|mapping| mapping.object == "Account") {
        mapping.fields[0].conflict = ConflictPolicy::Manual;
    }
    mappings
}

/// An account that both sides have renamed; the row has another phone too.
async fn contested() -> (World, SalesforceId) {
    let world = World::with(asking()).await;
    world.app("insert into account (name, phone, external_id__c) values ('Acme', '1', 'k1')").await;
    world.settle().await;
    let id = sfid_of(&world, "account").await;
    world.person_edits("Account", &id, json!({ "Name": "Theirs" })).await;
    world.app("update account set name = 'Ours', phone = '2'").await;
    assert_eq!(world.run().await.unwrap().refused, 1);
    (world, id)
}

/// Name and phone on both sides.
async fn sides(world: &World) -> (String, String) {
    let row = world.rows("select name || ' ' || phone from account").await.concat();
    let records = world.records("Account").await;
    let cells = records.iter().flat_map(|record| [&record.values[0], &record.values[2]]);
    let cells: Vec<&str> = cells.filter_map(|value| value.as_text()).collect();
    (row, cells.join(" "))
}

fn are(row: &str, record: &str) -> (String, String) {
    (row.to_owned(), record.to_owned())
}

const PARKED: &str = "select code, operation, fields, conflicts -> 'Name' ->> 'base', \
                      conflicts -> 'Name' ->> 'local', conflicts -> 'Name' ->> 'remote', winner from lockstep.parked";
const LOGGED: &str = "select field, base, local, remote, policy, winner from lockstep.conflict";

#[tokio::test]
async fn until_a_person_decides_neither_side_is_overwritten_whatever_else_happens() {
    let (world, id) = contested().await;
    let writes = world.writes().await.len();

    // then the person sees all three values
    let asked = "CONFLICT|UPDATE|{Name}|Acme|Ours|Theirs|-";
    assert_eq!(world.rows(PARKED).await, [asked]);
    let log = world.rows("select state, sf_message from _trigger_log").await;
    assert_eq!(log, ["FAILED|CONFLICT: both sides have changed Name"]);

    // when runs, polls and a mere retry go by, then nothing of the record moves, and nothing is logged as decided
    assert_eq!(world.run().await.unwrap().claimed, 0);
    world.poll_later().await;
    assert_eq!(sides(&world).await, are("Ours 2", "Theirs 1"));
    assert_eq!(world.rows("select lockstep.retry()").await, ["1"]);
    assert_eq!(world.run().await.unwrap().refused, 1);
    assert_eq!(sides(&world).await, are("Ours 2", "Theirs 1"));
    assert_eq!(world.rows(PARKED).await, [asked]);
    assert_eq!(world.rows(LOGGED).await, [""; 0]);
    assert_eq!(world.writes().await.len(), writes);

    // when the application changes the row again, then it is asked about the latest values
    world.app("update account set name = 'Ours too'").await;
    world.person_edits("Account", &id, json!({ "Name": "Theirs too" })).await;
    assert_eq!(world.run().await.unwrap().refused, 1);
    assert_eq!(world.rows(PARKED).await, ["CONFLICT|UPDATE|{Name}|Acme|Ours too|Theirs too|-"]);
    assert_eq!(sides(&world).await, are("Ours too 2", "Theirs too 1"));

    // when Salesforce's side is taken back, then there is nothing left to decide
    world.person_edits("Account", &id, json!({ "Name": "Acme" })).await;
    world.app("select lockstep.retry()").await;
    world.settle().await;
    assert_eq!(sides(&world).await, are("Ours too 2", "Ours too 2"));
    assert_eq!(world.rows(PARKED).await, [""; 0]);
}

#[tokio::test]
async fn what_a_person_decides_for_one_side_arrives_on_the_other_and_is_logged() {
    #[rustfmt::skip]
    let table = [
        ("postgres",   "Ours 2"),
        ("salesforce", "Theirs 2"),
    ];
    for (winner, both) in table {
        let (world, _) = contested().await;

        let decide = format!("select lockstep.decide('{winner}', changes => array[2])");
        assert_eq!(world.rows(&decide).await, ["1"], "{winner}");
        world.settle().await;

        assert_eq!(sides(&world).await, are(both, both), "{winner}");
        assert_eq!(world.rows(LOGGED).await, [format!("Name|Acme|Ours|Theirs|manual|{winner}")]);
        assert_eq!(world.rows(PARKED).await, [""; 0], "{winner}");
        assert_eq!(world.run().await.unwrap().claimed, 0, "{winner}");
    }
}

#[tokio::test]
async fn a_decision_does_not_overrule_what_was_not_shown() {
    // given a decision for the row, and another edit in Salesforce before it is carried out
    let (world, id) = contested().await;
    world.app("select lockstep.decide('postgres')").await;
    world.person_edits("Account", &id, json!({ "Name": "Newer" })).await;
    assert_eq!(world.run().await.unwrap().refused, 1);
    assert_eq!(sides(&world).await, are("Ours 2", "Newer 1"));
    assert_eq!(world.rows(PARKED).await, ["CONFLICT|UPDATE|{Name}|Acme|Ours|Newer|-"]);

    // given a decision for Salesforce, and another change of the application's
    world.app("select lockstep.decide('salesforce')").await;
    world.app("update account set name = 'Newest'").await;
    assert_eq!(world.run().await.unwrap().refused, 1);
    assert_eq!(sides(&world).await, are("Newest 2", "Newer 1"));
}

#[tokio::test]
async fn a_deletion_that_meets_an_edit_waits_for_a_person_too() {
    for (winner, left) in [("postgres", 0), ("salesforce", 1)] {
        let world = World::with(asking()).await;
        world.app("insert into account (name, external_id__c) values ('Acme', 'k1')").await;
        world.settle().await;
        let id = sfid_of(&world, "account").await;
        world.person_edits("Account", &id, json!({ "Name": "Theirs" })).await;
        world.app("delete from account").await;

        assert_eq!(world.run().await.unwrap().refused, 1);
        world.poll_later().await;
        assert_eq!(world.names("Account").await, ["Theirs"]);
        assert_eq!(world.rows("select 1 from account").await, [""; 0]);
        assert_eq!(world.rows(PARKED).await, ["CONFLICT|DELETE|{Name}|Acme|-|Theirs|-"]);

        assert_eq!(world.rows(&format!("select lockstep.decide('{winner}')")).await, ["1"]);
        world.settle().await;
        let names = vec!["Theirs".to_owned(); left];
        assert_eq!(world.names("Account").await, names, "{winner}");
        assert_eq!(world.rows("select name from account").await, names, "{winner}");
    }
}

#[tokio::test]
async fn conflicts_are_decided_by_those_who_may_update_the_table() {
    let (world, _) = contested().await;
    let role = format!("clerk_{}", std::process::id());
    world
        .app(&format!(
            "create role {role}; grant usage on schema salesforce to {role}; set role {role}"
        ))
        .await;

    assert_eq!(world.rows("select lockstep.decide('postgres')").await, ["0"]);
    let denied = world.app_fails("select lockstep.decide('postgres', object => 'Account')").await;
    assert!(denied.contains("permission denied"), "{denied}");
    let wrong = world.app_fails("select lockstep.decide('oracle')").await;
    assert!(wrong.contains("22023"), "{wrong}");

    world.app(&format!("reset role; grant update on account to {role}; set role {role}")).await;
    assert_eq!(world.rows("select lockstep.decide('postgres', record_id => 1)").await, ["1"]);
    world.app(&format!("reset role; drop owned by {role}; drop role {role}")).await;
    assert_eq!(world.run().await.unwrap().accepted, 1);
    assert_eq!(world.records("Account").await[0].values[0], value("Ours"));
}
