//! Calls under way: what one record, one mapping or one backlog costs the others.

use super::COLLECTIONS;
use super::world::{World, mappings};
use lockstep::mapping::Mapping;
use salesforce_simulator::control::Page;
use salesforce_simulator::{Fault, FaultKind};
use std::time::Duration;

const INSERTS: &str = "insert into account (name, external_id__c) \
     select 'A' || n, 'k' || n from generate_series(1, 1000) n";

fn bad_gateway() -> Fault {
    Fault::from(FaultKind::Page { page: Page::BadGateway })
}

/// The usual mappings, which never write by Bulk jobs.
fn without_bulk() -> Vec<Mapping> {
    let mut mappings = mappings();
    for mapping in &mut mappings {
        mapping.bulk.write_above = 100_000;
    }
    mappings
}

#[tokio::test]
async fn a_call_that_nobody_answers_holds_up_none_of_the_others() {
    let world = World::start().await;
    world.fault("POST", COLLECTIONS, bad_gateway().after(1)).await;
    world.app(INSERTS).await;

    let pushed = world.run().await.unwrap();

    assert_eq!((pushed.accepted, pushed.waiting), (800, 200), "four calls of five went through");
    assert_eq!(world.records("Account").await.len(), 800);
    world.settle().await;
    assert_eq!(world.records("Account").await.len(), 1_000);
    assert_eq!(world.rows("select count(distinct sfid) from account").await, ["1000"]);
}

#[tokio::test]
async fn a_push_of_which_every_second_write_fails_arrives_whole_and_once() {
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let world = World::start().await;
    world.arm(bad_gateway().probability(0.5, seed).route(COLLECTIONS)).await;
    world.arm(bad_gateway().probability(0.2, seed + 1).route("*/query*")).await;
    world.app(&INSERTS.replace("1000", "300")).await;

    // What meets failures in a row waits and rests, longer each time: that is where the time goes.
    world.settle_within(Duration::from_mins(8)).await;
    world.app("update account set phone = id::text").await;
    world.settle_within(Duration::from_mins(8)).await;
    world.control().disarm_all().await.unwrap();

    assert_eq!(world.records("Account").await.len(), 300, "seed {seed}");
    let linked = world.rows("select count(distinct sfid) from account").await;
    assert_eq!(linked, ["300"], "seed {seed}");
    assert_eq!(world.states().await, ["SUCCESS|600"], "seed {seed}");
    let phones = world.records("Account").await;
    assert!(phones.iter().all(|record| !record.values[2].is_null()), "seed {seed}");
}

#[tokio::test]
async fn a_mapping_some_of_whose_calls_are_answered_does_not_rest() {
    let world = World::start().await;
    world.fault("POST", COLLECTIONS, bad_gateway().nth(2)).await;

    for n in 0..4 {
        let insert = INSERTS.replace("'k'", &format!("'k{n}-'"));
        world.app(&insert).await;
        let before = world.records("Account").await.len();
        world.run().await.unwrap();
        assert!(world.records("Account").await.len() > before, "run {n}");
    }
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
async fn records_that_were_locked_go_out_again_and_all_arrive_once() {
    let world = World::start().await;
    world.app("insert into account (name, external_id__c) values ('Acme', 'k')").await;
    world.settle().await;
    let locked = FaultKind::row_error("UNABLE_TO_LOCK_ROW", 1);
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
    assert_eq!(world.most_at_once("accepted").await, "200", "one after the other");
}

#[tokio::test]
async fn three_calls_of_one_kind_are_under_way_at_most() {
    let world = World::with(without_bulk()).await;
    world.app(&INSERTS.replace("1000", "2000")).await;

    assert_eq!(world.run().await.unwrap().accepted, 2_000);

    let most: u32 = world.most_at_once("accepted").await.parse().unwrap();
    assert!((400..=600).contains(&most), "several, of 200 records each: {most}");
}

#[tokio::test]
async fn two_calls_that_fail_in_a_row_end_the_flight() {
    let world = World::with(without_bulk()).await;
    world.fault("POST", COLLECTIONS, bad_gateway().forever()).await;
    world.app(&INSERTS.replace("1000", "2000")).await;

    assert!(world.run().await.is_err());

    let calls = world.writes().await.len();
    assert!((2..=5).contains(&calls), "those that were under way, of ten: {calls}");
}

#[tokio::test]
async fn two_mappings_whose_calls_fail_end_the_run() {
    let world = World::start().await;
    world.fault("POST", COLLECTIONS, bad_gateway().forever()).await;
    world
        .app(
            "insert into account (name, external_id__c) values ('A', 'k1');
             insert into contact (lastname, external_id__c) values ('C', 'c1');
             insert into lead (lastname, company) values ('Byron', 'Acme')",
        )
        .await;

    assert!(world.run().await.is_err());

    assert_eq!(world.writes().await.len(), 2, "a third mapping would meet the same");
}

#[tokio::test]
async fn a_call_that_goes_well_makes_good_the_failures_before_it() {
    let world = World::start().await;
    let insert = async |key: &str| {
        let insert = format!("insert into account (name, external_id__c) values ('A', '{key}')");
        world.app(&insert).await;
        world.run().await
    };
    world.fault("POST", COLLECTIONS, bad_gateway().times(2)).await;
    assert!(insert("k1").await.is_err());
    assert!(insert("k2").await.is_err());
    insert("k3").await.unwrap();
    world.fault("POST", COLLECTIONS, bad_gateway()).await;
    // What failed first may be due again by now, and arrive.
    let fourth = insert("k4").await;
    let said = "a third failure in all, and the first in a row";
    assert!(!matches!(fourth, Ok(pushed) if pushed.waiting == 0), "{said}");

    assert!(insert("k5").await.unwrap().claimed > 0, "it does not rest");
}

#[tokio::test]
async fn a_few_records_go_out_before_the_backlog_of_another_table() {
    let world = World::start().await;
    world.app(INSERTS).await;
    world.app("insert into lead (lastname, company) values ('Byron', 'Acme')").await;

    world.run().await.unwrap();

    let first = world.rows("select table_name from lockstep.journal order by id limit 1").await;
    assert_eq!(first, ["lead"]);
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

    world.run().await.unwrap();

    assert_eq!(world.names("Lead").await, ["Byron"]);
    let requests = world.requests("/services/data/").await;
    let place = |part: &str| requests.iter().position(|line| line.contains(part));
    let (lead, end) = (place("composite/sobjects"), place("PATCH /services/data"));
    assert!(lead.unwrap() < end.unwrap(), "before the backlog's job was even closed");
}

#[tokio::test]
async fn five_calls_carry_a_thousand_inserts_and_one_more_looks_at_all_that_is_updated() {
    let world = World::with(without_bulk()).await;
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
