//! Polls whose sessions end, whose connections break, and whose records change while they are read.

use super::world::World;
use super::{ACCOUNT, error};
use crate::wait::wait_until;
use salesforce_simulator::{Config, Fault, FaultKind};
use serde_json::json;
use std::time::Duration;

/// An org of so many thousand accounts, all of which have just changed, and a mapping that reads such numbers by Bulk.
async fn changed(thousands: u32) -> World {
    let org = Config { scale: f64::from(thousands), ..Config::default() };
    let file = format!("{ACCOUNT}bulk = {{ read_above = 1000 }}\n");
    let world = World::of_org(org, &file).await;
    world.control().advance_clock(60).await.unwrap();
    world.control().touch("Account", None).await.unwrap();
    world
}

/// Rows that are there once, and by how many numbers.
const ROWS: &str = "select count(*), count(distinct sfid) from account";

#[tokio::test]
async fn a_session_that_ends_between_the_pages_of_a_poll_is_renewed_and_nothing_is_read_twice() {
    let world = World::start(ACCOUNT).await;
    world.create_accounts(4_100).await;
    let ended = Fault::new(FaultKind::EndSession {}).route("*/queryAll*").after(1);
    world.control().arm(ended).await.unwrap();
    world.requests("").await;

    let pulled = world.poll().await.unwrap();

    assert_eq!((pulled.applied.read, pulled.applied.inserted), (4_100, 4_100));
    assert_eq!(world.rows(ROWS).await, ["4100|4100"]);
    let requests = world.requests("").await;
    let count = |part: &str| requests.iter().filter(|request| request.contains(part)).count();
    assert_eq!((count("queryAll"), count("oauth2/token")), (4, 1), "{requests:?}");
}

#[tokio::test]
async fn a_session_that_ends_within_a_bulk_download_is_renewed_and_the_job_goes_on() {
    let world = changed(30).await;
    let ended = Fault::new(FaultKind::EndSession {}).route("*/results*").after(1);
    world.control().arm(ended).await.unwrap();
    world.requests("").await;

    let pulled = world.poll().await.unwrap();

    assert_eq!((pulled.applied.read, pulled.applied.inserted), (30_000, 30_000));
    assert_eq!(world.rows(ROWS).await, ["30000|30000"]);
    let requests = world.requests("").await;
    let count = |part: &str| requests.iter().filter(|request| request.contains(part)).count();
    assert_eq!((count("POST /services/data/v66.0/jobs/query"), count("oauth2/token")), (1, 1));
    assert_eq!(count("/results"), 3, "two pages, one of them asked for twice");
}

#[tokio::test]
async fn a_connection_that_breaks_within_the_second_page_of_a_poll_costs_that_page_only() {
    let world = World::start(ACCOUNT).await;
    world.create_accounts(4_100).await;
    let cut = Fault::new(FaultKind::Truncate { bytes: 20_000 }).route("*/queryAll*").after(1);
    world.control().arm(cut).await.unwrap();
    world.requests("").await;

    let pulled = world.poll().await.unwrap();

    assert_eq!((pulled.applied.read, pulled.applied.inserted), (4_100, 4_100));
    assert_eq!(world.rows(ROWS).await, ["4100|4100"]);
    assert_eq!(world.requests("queryAll").await.len(), 4);
}

#[tokio::test]
async fn a_connection_that_breaks_within_a_bulk_download_costs_that_page_only() {
    let world = changed(30).await;
    let cut = Fault::new(FaultKind::Truncate { bytes: 200_000 }).route("*/results*").after(1);
    world.control().arm(cut).await.unwrap();
    world.requests("").await;

    let pulled = world.poll().await.unwrap();

    assert_eq!((pulled.applied.read, pulled.applied.inserted), (30_000, 30_000));
    assert_eq!(world.rows(ROWS).await, ["30000|30000"]);
    let requests = world.requests("jobs/query").await;
    let results = requests.iter().filter(|request| request.contains("/results")).count();
    let created = requests.iter().filter(|request| request.starts_with("POST")).count();
    assert_eq!((results, created), (3, 1), "{requests:?}");
}

#[tokio::test]
async fn a_database_connection_cut_within_a_page_leaves_no_part_of_it_and_the_job_goes_on() {
    // given a Bulk poll whose result arrives slowly
    let world = World::start(&format!("{ACCOUNT}bulk = {{ read_above = 1000 }}\n")).await;
    let control = world.control();
    world.create_accounts(4_100).await;
    let slow = Fault::new(FaultKind::SlowBody { bytes_per_second: 50_000 }).route("*/results*");
    control.arm(slow).await.unwrap();
    world.requests("").await;

    // when the database closes the connection into which it is copied
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity \
               where query ilike 'copy%' and datname = current_database() and pid <> pg_backend_pid()";
    let cutting = wait_until("a page is being copied", Duration::from_secs(20), async || {
        !world.rows(cut).await.is_empty()
    });
    let (pulled, ()) = tokio::join!(world.poll(), cutting);
    pulled.unwrap_err();

    // then nothing of the page is here, and the next poll takes all of it from the same job
    assert_eq!(world.count().await, 0);
    let pulled = world.poll().await.unwrap();
    assert_eq!(pulled.applied.inserted, 4_100);
    assert_eq!(world.rows(ROWS).await, ["4100|4100"]);
    assert_eq!(world.requests("POST /services/data/v66.0/jobs/query").await.len(), 1);
}

#[tokio::test]
async fn records_that_change_between_pages_are_read_in_their_new_version_and_none_is_skipped() {
    // given three pages of records with rows, all changed
    let world = World::start(ACCOUNT).await;
    world.create_accounts(4_100).await;
    world.poll().await.unwrap();
    world.control().advance_clock(400).await.unwrap();
    world.control().touch("Account", None).await.unwrap();
    let ids = world.rows("select sfid from account order by sfid").await;

    // when one of the first page, which was read, and two that were not read yet change before the second page
    let second_page = Fault::new(FaultKind::latency(1_500)).route("*/queryAll*").after(1);
    world
        .poll_and_meanwhile(second_page, async |control| {
            control.advance_clock(20).await.unwrap();
            for (index, name) in [(5, "read"), (2_500, "unread"), (4_000, "last")] {
                let id = &ids[index];
                control.update("Account", id, &json!({ "Name": name })).await.unwrap();
            }
            control.delete("Account", &ids[2_501]).await.unwrap();
        })
        .await
        .unwrap();
    world.control().advance_clock(10).await.unwrap();
    world.poll().await.unwrap();

    // then all are as they are now
    let changed = "select name from account where name !~ '^a[0-9]' order by name";
    assert_eq!(world.rows(changed).await, ["last", "read", "unread"]);
    assert_eq!(world.rows(ROWS).await, ["4099|4099"]);
    let stale = "select count(distinct systemmodstamp), count(*) filter (where systemmodstamp is null) from account";
    assert_eq!(world.rows(stale).await, ["2|0"]);
}

#[tokio::test]
async fn a_record_that_changes_between_its_parts_is_not_torn() {
    // given a record that is read in two parts
    let world = World::start(ACCOUNT).await;
    let old = json!({ "Name": "old", "Phone": "1", "Industry": "Banking" });
    let id = world.control().create("Account", &old).await.unwrap();
    world.control().arm(error("QUERY_TOO_COMPLICATED").route("*/queryAll*")).await.unwrap();

    // when it changes after the first part was read
    let second_part = Fault::new(FaultKind::latency(1_500)).route("*/queryAll*").after(2);
    world
        .poll_and_meanwhile(second_part, async |control| {
            control.advance_clock(2).await.unwrap();
            let new = json!({ "Name": "new", "Phone": "2", "Industry": "Energy" });
            control.update("Account", &id, &new).await.unwrap();
        })
        .await
        .unwrap();

    // then its row is of one version
    let row = world.rows("select name, phone, industry from account").await;
    assert_eq!(row, ["new|2|Energy"]);
}

#[tokio::test]
async fn a_record_that_never_holds_still_between_its_parts_is_left_to_a_later_poll() {
    // given a record that is read in two parts, and nobody who tells of late ones
    let world = World::start(ACCOUNT).await;
    let control = world.control();
    control.arm(error("NOT_FOUND").route("*/updated*").forever()).await.unwrap();
    let id = control.create("Account", &json!({ "Name": "restless" })).await.unwrap();
    control.arm(error("QUERY_TOO_COMPLICATED").route("*/queryAll*")).await.unwrap();

    // when it changes before each answer
    let slow = Fault::new(FaultKind::latency(300)).route("*/queryAll*").forever();
    let slow = control.arm(slow).await.unwrap().id;
    let restless = async {
        for number in 0.. {
            control.advance_clock(1).await.unwrap();
            let fields = json!({ "Phone": number.to_string() });
            control.update("Account", &id, &fields).await.unwrap();
        }
    };
    tokio::select! {
        pulled = world.poll() => assert_eq!(pulled.unwrap().applied.inserted, 0),
        () = restless => {}
    }
    control.disarm(slow).await.unwrap();

    // then a poll that comes long after reads it
    control.advance_clock(3_600).await.unwrap();
    world.poll().await.unwrap();
    assert_eq!(world.rows("select name from account").await, ["restless"]);
}
