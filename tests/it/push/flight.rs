//! Calls under way: what one record, one mapping or one backlog costs the others.

use super::COLLECTIONS;
use super::world::{World, mappings};
use salesforce_simulator::control::Page;
use salesforce_simulator::{Fault, FaultKind};

const INSERTS: &str = "insert into account (name, external_id__c) \
     select 'A' || n, 'k' || n from generate_series(1, 1000) n";

fn bad_gateway() -> Fault {
    Fault::from(FaultKind::Page { page: Page::BadGateway })
}

#[tokio::test]
async fn a_call_that_nobody_answers_holds_up_none_of_the_others() {
    let world = World::start().await;
    world.fault("POST", COLLECTIONS, bad_gateway().after(1)).await;
    world.app(INSERTS).await;

    assert!(world.run().await.is_err());

    assert_eq!(world.records("Account").await.len(), 800, "four calls of five went through");
    world.settle().await;
    assert_eq!(world.records("Account").await.len(), 1_000);
    assert_eq!(world.rows("select count(distinct sfid) from account").await, ["1000"]);
}

#[tokio::test]
async fn a_mapping_whose_calls_keep_failing_rests_and_the_others_go_on() {
    let world = World::start().await;
    world.fault("POST", COLLECTIONS, bad_gateway().object("Account").forever()).await;
    world.app("insert into account (name, external_id__c) values ('A', 'k1')").await;
    world.app("insert into lead (lastname, company) values ('Byron', 'Acme')").await;

    assert!(world.run().await.is_err());
    assert_eq!(world.names("Lead").await, ["Byron"], "in the run in which the other one failed");
    for n in 0..2 {
        world
            .app(&format!("insert into account (name, external_id__c) values ('B', 'm{n}')"))
            .await;
        assert!(world.run().await.is_err());
    }
    let tried = world.requests("composite/sobjects").await.len();
    world.app("insert into account (name, external_id__c) values ('C', 'k3')").await;
    world.app("insert into lead (lastname, company) values ('Clare', 'Acme')").await;
    world.run().await.unwrap();

    assert_eq!(world.names("Lead").await, ["Byron", "Clare"]);
    assert_eq!(world.requests("composite/sobjects").await.len(), tried + 1, "it rests");
}

#[tokio::test]
async fn records_that_were_locked_go_out_again_one_call_after_the_other() {
    let world = World::start().await;
    world.app("insert into account (name, external_id__c) values ('Acme', 'k')").await;
    world.settle().await;
    let locked = FaultKind::row_error("UNABLE_TO_LOCK_ROW", 3);
    world.fault("POST", COLLECTIONS, Fault::from(locked).times(3)).await;
    world
        .app(
            "insert into contact (lastname, external_id__c, account_key)
             select 'C' || n, 'c' || n, 'k' from generate_series(1, 600) n",
        )
        .await;

    world.settle().await;

    assert_eq!(world.records("Contact").await.len(), 600);
    assert_eq!(world.states().await, ["SUCCESS|601"]);
}

#[tokio::test]
async fn a_backlog_of_one_table_does_not_keep_another_one_waiting() {
    let world = World::start().await;
    world
        .app(
            "insert into account (name, external_id__c)
             select 'A' || n, 'k' || n from generate_series(1, 11000) n",
        )
        .await;
    world.app("insert into lead (lastname, company) values ('Byron', 'Acme')").await;

    let pushed = world.run().await.unwrap();

    assert!(pushed.more, "the backlog is larger than one run takes");
    assert_eq!(world.names("Lead").await, ["Byron"]);
}

#[tokio::test]
async fn five_calls_carry_a_thousand_inserts_and_one_more_looks_at_all_that_is_updated() {
    let mut mappings = mappings();
    for mapping in &mut mappings {
        mapping.bulk.write_above = 100_000;
    }
    let world = World::with(mappings).await;
    let before = world.client.calls_made();
    world
        .app(
            "insert into account (name, external_id__c)
             select 'A' || n, 'k' || n from generate_series(1, 4000) n",
        )
        .await;
    assert_eq!(world.run().await.unwrap().accepted, 4_000);
    let inserted = world.client.calls_made();
    world.app("update account set phone = id::text").await;
    assert_eq!(world.run().await.unwrap().accepted, 4_000);

    // The first call logs in.
    assert!(inserted - before <= 21, "{}", inserted - before);
    assert_eq!(world.client.calls_made() - inserted, 21);
}
