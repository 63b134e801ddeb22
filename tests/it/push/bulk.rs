//! Bulk jobs that go wrong: every record ends as what became of it, and none is written twice.

use super::world::{World, value};
use salesforce_simulator::control::{JobEnding, LateAnswer};
use salesforce_simulator::{Fault, FaultKind};
use tokio_util::sync::CancellationToken;

const JOBS: &str = "/services/data/*/jobs/ingest";
const A_JOB: &str = "/services/data/*/jobs/ingest/*";
const INSERTS: &str = "insert into account (name, external_id__c) \
     select 'A' || n, 'k' || n from generate_series(1, 2100) n";

/// All 2,100 accounts are there once, and their rows know them.
async fn assert_all_there(world: &World, said: &str) {
    assert_eq!(world.records("Account").await.len(), 2_100, "{said}");
    assert_eq!(world.rows("select count(distinct sfid) from account").await, ["2100"], "{said}");
    assert_eq!(world.states().await, ["SUCCESS|2100"], "{said}");
    assert_no_job_is_left(world, said).await;
}

/// Every job that was begun is over, for the engine and in the org.
async fn assert_no_job_is_left(world: &World, said: &str) {
    for line in
        world.rows("select job_id, state in ('done', 'aborted') from lockstep.bulk_job").await
    {
        let (job, is_over) = line.split_once('|').unwrap();
        assert_eq!(is_over, "t", "{said}");
        let known = world.client.ingest_job(job).await.unwrap();
        assert!(known.state.is_final(), "{said}: {:?}", known.state);
    }
}

#[tokio::test]
async fn a_job_that_ends_before_all_its_records_gives_the_rest_back_unharmed() {
    for ending in [JobEnding::Fail, JobEnding::Unprocessed] {
        let said = format!("{ending:?}");
        let world = World::start().await;
        let kind = FaultKind::Job { ending, after_rows: 700, message: "broken".to_owned() };
        world.fault("POST", JOBS, kind).await;
        world.app(INSERTS).await;

        world.settle().await;

        assert_all_there(&world, &said).await;
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_anywhere_in_a_job_makes_no_duplicate() {
    let late = || FaultKind::ApplyLate { millis: Some(300), answer: LateAnswer::GatewayTimeout };
    for (method, route, kind) in [
        ("POST", JOBS, FaultKind::CutAfter {}),
        ("PUT", A_JOB, FaultKind::CutAfter {}),
        ("PUT", A_JOB, FaultKind::CutBefore {}),
        ("PATCH", A_JOB, FaultKind::CutAfter {}),
        ("PATCH", A_JOB, FaultKind::CutBefore {}),
        ("PATCH", A_JOB, late()),
    ] {
        let said = format!("{method} {kind:?}");
        let world = World::start().await;
        world.fault(method, route, kind).await;
        world.app(INSERTS).await;

        world.settle().await;

        assert_all_there(&world, &said).await;
    }
}

#[tokio::test]
async fn results_that_are_torn_or_in_another_order_find_their_records() {
    for kind in [
        FaultKind::LoseRows { every: 5 },
        FaultKind::Shuffle { seed: 7 },
        FaultKind::Truncate { bytes: 9_000 },
        FaultKind::Shorten { bytes: 9_000 },
    ] {
        let said = format!("{kind:?}");
        let world = World::start().await;
        world.fault("GET", "*/successfulResults*", kind).await;
        world.app(INSERTS).await;

        world.settle().await;

        assert_all_there(&world, &said).await;
    }
}

#[tokio::test]
async fn a_job_that_was_never_closed_is_aborted_by_whoever_comes_next() {
    let world = World::start().await;
    world.fault("PUT", A_JOB, FaultKind::CutAfter {}).await;
    world.fault("PATCH", A_JOB, FaultKind::CutBefore {}).await;
    world.app(INSERTS).await;
    assert!(world.run().await.is_err());
    let open = "select count(*) from lockstep.bulk_job where state not in ('done', 'aborted')";
    assert_eq!(world.rows(open).await, ["1"]);

    world.resolve_open().await.unwrap();

    assert_eq!(world.rows(open).await, ["0"]);
    assert_no_job_is_left(&world, "at once").await;
    assert_eq!(world.records("Account").await.len(), 0, "a job that is not closed has no effect");
    world.settle().await;
    assert_all_there(&world, "after").await;
}

#[tokio::test]
async fn one_record_that_is_refused_in_a_job_costs_the_others_nothing() {
    let world = World::start().await;
    let poison = FaultKind::poison("STRING_TOO_LONG", "Name", "A77".into());
    world.fault("PUT", A_JOB, Fault::from(poison).forever()).await;
    world.app(INSERTS).await;

    let pushed = world.run().await.unwrap();

    assert_eq!((pushed.accepted, pushed.refused, pushed.waiting), (2_099, 1, 0));
    assert_eq!(world.rows("select name from account where sfid is null").await, ["A77"]);
}

#[tokio::test]
async fn whoever_stops_while_a_job_is_at_work_leaves_its_records_to_it() {
    let world = World::start().await;
    world.fault("PATCH", A_JOB, FaultKind::CutAfter {}).await;
    world.app(INSERTS).await;
    assert!(world.run().await.is_err());
    let stopped = CancellationToken::new();
    stopped.cancel();

    world.pusher.resolve_open(&world.lease, &stopped).await.unwrap();

    let open =
        "select count(*) from lockstep.journal where outcome is null and bulk_job is not null";
    assert_eq!(world.rows(open).await, ["2100"]);
    world.settle().await;
    assert_all_there(&world, "after").await;
}

#[tokio::test]
async fn an_update_that_is_refused_in_a_job_is_parked_though_the_job_went_well() {
    let world = World::start().await;
    world.app(INSERTS).await;
    world.settle().await;
    let poison = FaultKind::poison("STRING_TOO_LONG", "Phone", "77".into());
    world.fault("PUT", A_JOB, Fault::from(poison).forever()).await;
    world.app("update account set phone = id::text").await;

    let pushed = world.run().await.unwrap();

    assert_eq!((pushed.accepted, pushed.refused, pushed.waiting), (2_099, 1, 0));
    assert_eq!(world.rows("select record_id from lockstep.parked").await, ["77"]);
}

#[tokio::test]
async fn updates_that_a_job_ends_before_are_sent_again() {
    let world = World::start().await;
    world.app(INSERTS).await;
    world.settle().await;
    let kind = FaultKind::Job {
        ending: JobEnding::Unprocessed,
        after_rows: 700,
        message: "broken".to_owned(),
    };
    world.fault("POST", JOBS, kind).await;
    world.app("update account set phone = 'new'").await;

    world.settle().await;

    let records = world.records("Account").await;
    let changed = records.iter().filter(|record| record.values[2] == value("new"));
    assert_eq!(changed.count(), 2_100);
}

#[tokio::test]
async fn a_text_that_stands_for_null_in_a_job_goes_another_way() {
    let world = World::start().await;
    world.app(INSERTS).await;
    world.app("update account set phone = '#N/A' where name = 'A77'").await;

    world.settle().await;

    let records = world.records("Account").await;
    let phones: Vec<_> = records.iter().map(|record| &record.values[2]).collect();
    assert_eq!(phones.iter().filter(|phone| ***phone == value("#N/A")).count(), 1);
    assert_eq!(world.writes().await.len(), 1, "the others by the job");
}

#[tokio::test]
async fn a_job_that_did_all_it_was_given_costs_no_list_of_results_to_know() {
    let world = World::start().await;
    world.app(INSERTS).await;
    world.settle().await;
    world.app("update account set phone = id::text").await;
    let before = world.client.calls_made();

    assert_eq!(world.run().await.unwrap().accepted, 2_100);

    // It is looked at, opened, filled and closed; what remains are looks at its state.
    let looks = world.requests("jobs/ingest/").await;
    assert!(!looks.iter().rev().take(4).any(|line| line.contains("Results")), "{looks:?}");
    assert!(world.client.calls_made() - before <= 10);
    assert_eq!(world.rows("select count(*) from account where phone = id::text").await, ["2100"]);
}
