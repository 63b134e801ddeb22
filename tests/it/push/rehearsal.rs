//! The rehearsal: what Salesforce would refuse for certain costs no request, and is not held back for longer than it would
//! be refused.

use super::world::{World, mappings};
use lockstep::mapping::{Direction, Mapping, MappingGroup, Rehearsal, ValueLimit};
use lockstep::model::Action;
use lockstep::sync::Pusher;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Leads need a company and have last names of at most four letters: so says the description, whatever the org thinks.
fn rehearsing(longest: u32) -> Vec<Mapping> {
    let rehearsal = Rehearsal {
        required: ["LastName".to_owned(), "Company".to_owned()].into(),
        limits: [("LastName".to_owned(), ValueLimit::Length(longest))].into(),
        ..Rehearsal::default()
    };
    let mut mappings = mappings();
    for mapping in mappings.iter_mut().filter(|mapping| mapping.object == "Lead") {
        mapping.rehearsal = Some(Arc::new(rehearsal.clone()));
    }
    mappings
}

/// The same worker, with another binding of its mappings.
fn rebound(world: &World, mappings: Vec<Mapping>) -> Pusher {
    let group = MappingGroup { name: "account".to_owned(), mappings };
    Pusher::new(world.db.clone(), world.client.clone(), group)
}

const STATES: &str = "select state, record_id from _trigger_log order by id";

#[tokio::test]
async fn what_salesforce_would_refuse_for_certain_is_parked_without_a_request() {
    // given a row without what is required, and one that is too long
    let world = World::with(rehearsing(4)).await;
    world
        .app(
            "insert into lead (lastname) values ('Ada');
             insert into lead (lastname, company) values ('Lovelace', 'Acme')",
        )
        .await;
    let before = world.client.calls_made();

    let pushed = world.run().await.unwrap();

    // then both are parked in Salesforce's manner, said to be ours, and nobody was asked
    assert_eq!((pushed.accepted, pushed.refused), (0, 2));
    assert_eq!(world.client.calls_made() - before, 0);
    let log = world.rows("select state, sf_message from _trigger_log order by id").await;
    assert_eq!(
        log,
        [
            "FAILED|REQUIRED_FIELD_MISSING: would be refused: Required fields are missing: [Company]",
            "FAILED|STRING_TOO_LONG: would be refused: LastName: data value too large (max length=4)",
        ]
    );
    let parked = "select origin, operation, fields, sent ->> 'LastName', attempts from lockstep.parked order by log_id";
    assert_eq!(
        world.rows(parked).await,
        ["rehearsal|INSERT|{Company}|Ada|0", "rehearsal|INSERT|{LastName}|Lovelace|0"]
    );
    let error = world.rows("select _hc_lastop, _hc_err from lead where id = 2").await.remove(0);
    let error: Json = serde_json::from_str(error.strip_prefix("FAILED|").unwrap()).unwrap();
    assert_eq!((&error["src"], &error["op"]), (&json!("REHEARSAL"), &json!("INSERT")));

    // when one is repaired and another comes, then both go; the third is still held
    world
        .app(
            "update lead set company = 'Acme' where id = 1;
             insert into lead (lastname, company) values ('Bob', 'Acme')",
        )
        .await;
    assert_eq!(world.run().await.unwrap().accepted, 2);
    assert_eq!(world.names("Lead").await, ["Ada", "Bob"]);
    assert_eq!(world.rows(STATES).await, ["FAILED|2"]);
}

#[tokio::test]
async fn an_update_that_empties_a_required_field_is_held_back_and_others_are_not() {
    let world = World::with(rehearsing(10)).await;
    world.app("insert into lead (lastname, company) values ('Ada', 'A'), ('Bob', 'B')").await;
    world.settle().await;

    world.app("update lead set company = null where id = 1; update lead set company = 'C' where id = 2").await;
    let pushed = world.run().await.unwrap();

    assert_eq!((pushed.accepted, pushed.refused), (1, 1));
    assert_eq!(world.rows(STATES).await, ["FAILED|1"]);
}

#[tokio::test]
async fn what_the_user_may_not_do_is_parked_without_a_request_until_the_right_is_given() {
    // given leads that the user may create and not delete
    let mut readonly = mappings();
    for mapping in readonly.iter_mut().filter(|mapping| mapping.object == "Lead") {
        let rehearsal = Rehearsal { forbidden: [Action::Delete].into(), ..Rehearsal::default() };
        mapping.rehearsal = Some(Arc::new(rehearsal));
    }
    let world = World::with(readonly).await;
    world.app("insert into lead (lastname, company) values ('Ada', 'Acme')").await;
    world.settle().await;

    world.app("delete from lead").await;
    assert_eq!(world.run().await.unwrap().refused, 1);

    // then nobody was asked, and the operator knows which right is wanting
    assert!(world.requests("DELETE").await.is_empty());
    let log = world.rows("select state, sf_message from _trigger_log").await;
    let words = "would be refused: the integration user may not delete Lead records";
    assert_eq!(log, [format!("FAILED|INSUFFICIENT_ACCESS_OR_READONLY: {words}")]);

    // when the right is given, then it goes
    let stop = CancellationToken::new();
    let permitted = rebound(&world, mappings());
    permitted.resolve_open(&world.lease, &stop).await.unwrap();
    assert_eq!(permitted.run_once(&world.lease, &stop).await.unwrap().accepted, 1);
    assert_eq!(world.names("Lead").await, [""; 0]);
}

#[tokio::test]
async fn a_change_that_was_held_back_and_is_retried_by_hand_is_salesforces_to_judge() {
    for retry in
        ["select lockstep.retry()", "update _trigger_log set state = 'NEW' where state = 'FAILED'"]
    {
        let world = World::with(rehearsing(4)).await;
        world.app("insert into lead (lastname, company) values ('Lovelace', 'Acme')").await;
        assert_eq!(world.run().await.unwrap().refused, 1);
        assert_eq!(world.run().await.unwrap().claimed, 0, "it does not go by itself");

        world.app(retry).await;

        assert_eq!(world.run().await.unwrap().accepted, 1, "{retry}");
        assert_eq!(world.names("Lead").await, ["Lovelace"]);
        assert!(world.rows("select 1 from lockstep.parked").await.is_empty());
    }
}

#[tokio::test]
async fn a_change_that_was_held_back_goes_when_the_description_permits_it_and_not_before() {
    // given one that is too long by far and one that is a little too long
    let world = World::with(rehearsing(4)).await;
    world
        .app(
            "insert into lead (lastname, company) values ('Babbage', 'Acme');
             insert into lead (lastname, company) values ('Lovelace-King', 'Acme')",
        )
        .await;
    assert_eq!(world.run().await.unwrap().refused, 2);
    let stop = CancellationToken::new();
    let before = world.client.calls_made();

    // when a term begins with the same description, then nothing moves
    world.resolve_open().await.unwrap();
    assert_eq!(world.rows(STATES).await, ["FAILED|1", "FAILED|2"]);

    // when the field has become longer, then what fits goes, and the rest costs nothing
    let wider = rebound(&world, rehearsing(8));
    wider.resolve_open(&world.lease, &stop).await.unwrap();
    assert_eq!(world.rows(STATES).await, ["NEW|1", "FAILED|2"]);
    assert_eq!(world.client.calls_made() - before, 0);
    assert_eq!(wider.run_once(&world.lease, &stop).await.unwrap().accepted, 1);

    // when the rehearsal is switched off, then the rest goes
    let off = rebound(&world, mappings());
    off.resolve_open(&world.lease, &stop).await.unwrap();
    assert_eq!(off.run_once(&world.lease, &stop).await.unwrap().accepted, 1);
    assert_eq!(world.names("Lead").await, ["Babbage", "Lovelace-King"]);
}

#[tokio::test]
async fn a_row_without_a_key_that_was_held_back_is_not_released_and_held_back_again_by_each_term() {
    // given accounts that are only written, have an external id, and need a name
    let required = Rehearsal { required: ["Name".to_owned()].into(), ..Rehearsal::default() };
    let mut mappings = mappings();
    for mapping in mappings.iter_mut().filter(|mapping| mapping.object == "Account") {
        mapping.direction = Direction::ToSalesforce;
        mapping.rehearsal = Some(Arc::new(required.clone()));
    }
    let world = World::with(mappings).await;
    world.app("insert into account (phone) values ('1')").await;
    assert_eq!(world.run().await.unwrap().refused, 1);

    world.resolve_open().await.unwrap();

    assert_eq!(world.rows(STATES).await, ["FAILED|1"]);
}
