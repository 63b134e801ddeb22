//! A user's edit between the moment at which a record is looked at and the moment at which its update arrives.

use super::sfid_of;
use super::world::{World, mappings};
use crate::wait::wait_until;
use lockstep::mapping::{ConflictPolicy, Mapping};
use lockstep::model::SalesforceId;
use serde_json::{Value as Json, json};
use std::time::Duration;

const LOGGED: &str = "select field, base, local, remote, winner from lockstep.conflict";

/// Accounts with this policy, which are updated on a condition or not.
fn accounts(conflict: ConflictPolicy, is_conditional: bool) -> Vec<Mapping> {
    let mut mappings = mappings();
    for mapping in mappings.iter_mut().filter(|mapping| mapping.object == "Account") {
        mapping.is_conditional = is_conditional;
        for field in &mut mapping.fields {
            field.conflict = conflict;
        }
    }
    mappings
}

/// An account that has not changed for a while, and whose next update takes its time on the way.
async fn with_a_slow_way(mappings: Vec<Mapping>) -> (World, SalesforceId) {
    let world = World::with(mappings).await;
    world.app("insert into account (name, phone, external_id__c) values ('Acme', '1', 'k1')").await;
    world.settle().await;
    world.control().advance_clock(10).await.unwrap();
    let slow = json!({ "kind": "latency", "millis": 1500, "method": "PATCH" });
    world.arm(serde_json::from_value(slow).unwrap()).await;
    let id = sfid_of(&world, "account").await;
    (world, id)
}

/// Has a user edit the record when the update has been sent and has not arrived.
async fn meanwhile(world: &World, id: &SalesforceId, edit: Option<Json>) {
    wait_until("the update is on its way", Duration::from_secs(30), async || {
        !world.control().struck().await.unwrap().is_empty()
    })
    .await;
    match edit {
        Some(fields) => world.person_edits("Account", id, fields).await,
        None => world.person_deletes("Account", id).await,
    }
}

async fn names(world: &World) -> (String, String) {
    (world.rows("select name from account").await.concat(), world.names("Account").await.concat())
}

#[tokio::test]
async fn an_edit_between_looking_and_sending_is_not_overwritten_where_updates_are_conditional() {
    use ConflictPolicy::{Manual, Newest, PostgresWins, SalesforceWins};
    #[rustfmt::skip]
    let table = [
        // policy,       conditional, row,      record
        (SalesforceWins, true,        "Theirs", "Theirs"),
        (Newest,         true,        "Theirs", "Theirs"),
        (Manual,         true,        "Ours",   "Theirs"),
        (PostgresWins,   true,        "Ours",   "Ours"),
        (SalesforceWins, false,       "Ours",   "Ours"),
    ];
    for (policy, is_conditional, row, record) in table {
        let case = format!("{policy:?} {is_conditional}");
        let (world, id) = with_a_slow_way(accounts(policy, is_conditional)).await;
        world.app("update account set name = 'Ours'").await;

        let theirs = Some(json!({ "Name": "Theirs" }));
        let (pushed, ()) = tokio::join!(world.run(), meanwhile(&world, &id, theirs));
        pushed.unwrap();
        world.settle().await;

        assert_eq!(names(&world).await, (row.to_owned(), record.to_owned()), "{case}");
        if (policy, row) == (SalesforceWins, "Theirs") {
            assert_eq!(world.rows(LOGGED).await, ["Name|Acme|Ours|Theirs|salesforce"], "{case}");
        }
    }
}

#[tokio::test]
async fn an_edit_of_another_field_meanwhile_delays_an_update_and_both_survive() {
    let (world, id) = with_a_slow_way(accounts(ConflictPolicy::SalesforceWins, true)).await;
    world.app("update account set name = 'Ours'").await;

    let theirs = Some(json!({ "Phone": "7" }));
    let (pushed, ()) = tokio::join!(world.run(), meanwhile(&world, &id, theirs));
    assert_eq!(pushed.unwrap().waiting, 1);
    world.settle().await;

    let record = &world.records("Account").await[0];
    let cells = [0, 2].map(|field| record.values[field].as_text().unwrap().to_owned());
    assert_eq!(cells, ["Ours", "7"]);
    assert_eq!(world.rows("select 1 from lockstep.parked").await, [""; 0]);
    // Each of them alone, and none by Collections.
    let updates = world.requests("sobjects/Account/").await;
    assert!(
        updates.iter().all(|line| line.starts_with("PATCH")) && updates.len() >= 2,
        "{updates:?}"
    );
    assert!(world.writes().await.iter().all(|line| line.starts_with("POST")));
}

#[tokio::test]
async fn a_record_that_is_deleted_meanwhile_is_created_anew_and_nothing_stops() {
    let (world, id) = with_a_slow_way(accounts(ConflictPolicy::SalesforceWins, true)).await;
    world.app("update account set name = 'Ours'").await;

    let (pushed, ()) = tokio::join!(world.run(), meanwhile(&world, &id, None));
    pushed.unwrap();
    world.settle().await;

    assert_eq!(names(&world).await, ("Ours".to_owned(), "Ours".to_owned()));
    assert_ne!(sfid_of(&world, "account").await, id);
}

#[tokio::test]
async fn a_record_that_changed_this_very_second_is_looked_at_again_before_it_is_updated() {
    // given a record that a user changes in a second that does not pass
    let world = World::with(accounts(ConflictPolicy::SalesforceWins, true)).await;
    world.app("insert into account (name, phone, external_id__c) values ('Acme', '1', 'k1')").await;
    world.settle().await;
    let id = sfid_of(&world, "account").await;
    world.control().advance_clock(10).await.unwrap();
    world.control().freeze_clock().await.unwrap();
    world.person_edits("Account", &id, json!({ "Phone": "7" })).await;
    world.app("update account set name = 'Ours'").await;

    assert_eq!(world.run().await.unwrap().waiting, 1);
    assert!(world.requests("sobjects/Account/").await.is_empty());

    // when the second is over, then the update goes
    world.control().thaw_clock().await.unwrap();
    world.control().advance_clock(5).await.unwrap();
    world.settle().await;
    assert_eq!(names(&world).await.1, "Ours");
}
