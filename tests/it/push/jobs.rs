//! Bulk jobs that span several claims: what they cost, what goes on beside them, and what they must not do.

use super::world::World;
use crate::wait::wait_until;
use salesforce_simulator::{Fault, FaultKind};
use std::time::Duration;

const A_JOB: &str = "/services/data/*/jobs/ingest/*";
const SOON: Duration = Duration::from_mins(3);

/// So many accounts, which are more than one claim takes.
fn accounts(count: usize) -> String {
    format!(
        "insert into account (name, external_id__c) select 'A' || n, 'k' || n from generate_series(1, {count}) n"
    )
}

/// Requests that are more than looks at a job's state.
async fn calls(world: &World) -> Vec<String> {
    let mut requests = world.requests("/services/data/").await;
    let is_look = |line: &String| {
        let path = line.rsplit('/').next().unwrap_or_default();
        line.starts_with("GET") && line.contains("/jobs/ingest/") && !path.ends_with("esults")
    };
    requests.retain(|line| !is_look(line));
    requests
}

/// Waits until the job is closed, so that only its end is missing.
async fn closed(world: &World) {
    wait_until("the job is closed", SOON, async || {
        world.requests("jobs/ingest/").await.iter().any(|line| line.starts_with("PATCH"))
    })
    .await;
}

#[tokio::test]
async fn a_backlog_of_several_claims_goes_by_one_job() {
    let world = World::start().await;
    world.app(&accounts(21_000)).await;

    let pushed = world.run().await.unwrap();

    assert_eq!((pushed.claimed, pushed.accepted), (21_000, 21_000));
    let calls = calls(&world).await;
    assert!(calls.len() <= 5, "{calls:?}");
    assert_eq!(world.rows("select count(distinct sfid) from account").await, ["21000"]);
    assert_eq!(world.states().await, ["SUCCESS|21000"]);
    assert_eq!(world.rows("select state from lockstep.bulk_job").await, ["done"]);
}

#[tokio::test]
async fn what_the_application_changes_while_a_job_carries_it_goes_out_after_it() {
    let world = World::start().await;
    world.app(&accounts(10_500)).await;
    world.fault("PUT", A_JOB, FaultKind::latency(1_500)).await;

    let changes = async {
        wait_until("the job is opened", SOON, async || {
            world.rows("select 1 from lockstep.bulk_job").await.len() == 1
        })
        .await;
        world
            .app("update account set name = 'Anew' where external_id__c in ('k7', 'k10400')")
            .await;
    };
    let (pushed, ()) = tokio::join!(world.run(), changes);
    pushed.unwrap();
    world.settle_within(SOON).await;

    assert_eq!(world.records("Account").await.len(), 10_500);
    let names = world.names("Account").await;
    assert_eq!(names.iter().filter(|name| *name == "Anew").count(), 2);
    assert_eq!(world.rows("select count(distinct sfid) from account").await, ["10500"]);
}

#[tokio::test]
async fn changes_of_other_objects_go_out_while_a_job_is_waited_for() {
    let world = World::start().await;
    world.app(&accounts(2_100)).await;
    world.fault("GET", A_JOB, FaultKind::latency(6_000)).await;

    let changes = async {
        closed(&world).await;
        world.app("insert into lead (lastname, company) values ('Byron', 'Acme')").await;
        wait_until("the lead arrives", SOON, async || world.names("Lead").await == ["Byron"]).await;
        world.rows("select state from lockstep.bulk_job").await
    };
    let (pushed, job) = tokio::join!(world.run(), changes);

    assert_eq!(pushed.unwrap().accepted, 2_101);
    assert_eq!(job, ["open"], "it arrived before the job was through");
}

#[tokio::test]
async fn a_deletion_waits_for_a_job_that_leads_the_children_away() {
    let world = World::start().await;
    world
        .app("insert into account (name, external_id__c) values ('From', 'from'), ('To', 'to')")
        .await;
    world
        .app(
            "insert into contact (lastname, external_id__c, account_key)
             select 'C' || n, 'c' || n, 'from' from generate_series(1, 2100) n",
        )
        .await;
    world.settle_within(SOON).await;
    world.fault("GET", A_JOB, FaultKind::latency(3_000)).await;
    let before = world.requests("jobs/ingest/").await.len();
    world.app("update contact set account_key = 'to'").await;

    let changes = async {
        wait_until("the job is closed", SOON, async || {
            let requests = world.requests("jobs/ingest/").await;
            requests.iter().skip(before).any(|line| line.starts_with("PATCH"))
        })
        .await;
        world.app("delete from account where external_id__c = 'from'").await;
    };
    let (pushed, ()) = tokio::join!(world.run(), changes);
    pushed.unwrap();
    world.settle_within(SOON).await;

    assert_eq!(world.names("Account").await, ["To"]);
    assert_eq!(world.records("Contact").await.len(), 2_100, "Salesforce deletes what refers to it");
    assert_eq!(world.rows("select count(*) from contact where sfid is not null").await, ["2100"]);
}

#[tokio::test]
async fn a_deletion_in_a_later_claim_waits_for_the_job_that_leads_the_children_away() {
    let world = World::start().await;
    world
        .app("insert into account (name, external_id__c) values ('From', 'from'), ('To', 'to')")
        .await;
    world
        .app(
            "insert into contact (lastname, external_id__c, account_key)
             select 'C' || n, 'c' || n, 'from' from generate_series(1, 10000) n",
        )
        .await;
    world.settle_within(SOON).await;
    world.app("update contact set account_key = 'to'").await;
    world.app("delete from account where external_id__c = 'from'").await;

    world.settle_within(SOON).await;

    assert_eq!(world.names("Account").await, ["To"]);
    assert_eq!(world.records("Contact").await.len(), 10_000);
}

#[tokio::test]
async fn a_child_of_what_a_job_carries_waits_for_it() {
    let world = World::start().await;
    world.app(&accounts(10_500)).await;
    world
        .app(
            "insert into contact (lastname, external_id__c, account_key)
             select 'C' || n, 'c' || n, 'k' || n from generate_series(1, 300) n",
        )
        .await;

    world.settle_within(SOON).await;

    let contacts = world.records("Contact").await;
    assert_eq!(contacts.len(), 300);
    assert!(contacts.iter().all(|contact| !contact.values[3].is_null()));
    assert_eq!(world.records("Account").await.len(), 10_500);
}

#[tokio::test]
async fn one_job_carries_only_one_of_two_rows_with_the_same_key() {
    let world = World::start().await;
    world.app(&accounts(2_100)).await;
    world.app("insert into account (name, external_id__c) values ('Twin', 'K5')").await;

    let pushed = world.run().await.unwrap();

    assert_eq!(pushed.accepted, 2_100, "of the two, one came first");
    let linked = "select count(distinct sfid), count(sfid) from account";
    assert_eq!(world.rows(linked).await, ["2100|2100"]);
    let winner = world
        .rows("select name from account where lower(external_id__c) = 'k5' and sfid is not null")
        .await;
    assert!(world.names("Account").await.contains(&winner[0]), "the row has its own record");
}

#[tokio::test]
async fn a_run_that_ends_while_results_come_in_leaves_the_rest_to_the_next() {
    let world = World::start().await;
    world.app(&accounts(6_000)).await;
    let torn = Fault::from(FaultKind::Truncate { bytes: 150_000 });
    world.fault("GET", "*/successfulResults*", torn).await;

    let pushed = world.run().await.unwrap();
    assert!(0 < pushed.accepted && pushed.accepted < 6_000, "some results were recorded");
    assert!(pushed.more, "the others come with the next run");
    world.settle_within(SOON).await;

    assert_eq!(world.records("Account").await.len(), 6_000);
    assert_eq!(world.rows("select count(distinct sfid) from account").await, ["6000"]);
    assert_eq!(world.states().await, ["SUCCESS|6000"]);
}
