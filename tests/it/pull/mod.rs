//! The puller between a simulated org and a real Postgres.

mod faults;
mod late;
mod mass;
mod process;
mod stamps;
mod world;

use lockstep::sync::Puller;
use salesforce_simulator::{Fault, FaultKind};
use serde_json::json;
use world::World;

const ACCOUNT: &str = "object = \"Account\"\nfields = [\"Name\", \"Phone\", \"Industry\"]\ndeletes = { hold_above = 100000 }\n";

fn error(code: &str) -> Fault {
    FaultKind::Error { code: code.to_owned(), status: None, message: None, fields: Vec::new() }
        .into()
}

#[tokio::test]
async fn a_quiet_object_costs_one_call_and_writes_no_row() {
    // given a table in step, and Salesforce asked what it covers
    let world = World::start(ACCOUNT).await;
    world.create_accounts(3).await;
    world.control().advance_clock(2).await.unwrap();
    world.poll().await.unwrap();
    let before = world.rows("select id, xmin from account order by id").await;
    world.requests("").await;

    // when nothing changes
    for _ in 0..3 {
        let pulled = world.poll().await.unwrap();
        assert_eq!((pulled.calls, pulled.applied.read), (1, 0), "{pulled:?}");
    }

    // then each poll was one request, and the rows are the same versions
    assert_eq!(world.requests("/services/").await.len(), 3);
    assert_eq!(world.rows("select id, xmin from account order by id").await, before);
}

#[tokio::test]
async fn repeats_of_the_overlap_are_not_even_staged() {
    let world = World::start(ACCOUNT).await;
    world.create_accounts(250).await;
    world.control().advance_clock(2).await.unwrap();

    let first = world.poll().await.unwrap();
    let second = world.poll().await.unwrap();
    let other = Puller::new(world.db.clone(), world.client.clone());
    let elsewhere = other.run_once(&world.lease, &world.mapping).await.unwrap();

    assert_eq!((first.applied.inserted, first.repeats), (250, 0));
    assert_eq!((second.applied.read, second.repeats), (0, 250));
    assert_eq!((elsewhere.applied.read, elsewhere.applied.updated), (250, 0), "only a memory");
}

#[tokio::test]
async fn ties_across_pages_lose_nothing_and_a_broken_poll_goes_on_after_the_last_page_applied() {
    // given five thousand records of one stamp, and a poll that breaks at its third page
    let world = World::start(ACCOUNT).await;
    world.create_accounts(5_000).await;
    world.control().arm(error("MALFORMED_QUERY").route("*/queryAll*").after(2)).await.unwrap();
    world.poll().await.unwrap_err();
    assert_eq!(world.count().await, 4_000);
    world.requests("").await;

    // when all cursors are gone and another worker polls
    world.control().expire_cursors().await.unwrap();
    let other = Puller::new(world.db.clone(), world.client.clone());
    let pulled = other.run_once(&world.lease, &world.mapping).await.unwrap();

    // then it reads the rest only
    assert_eq!((pulled.applied.read, pulled.applied.inserted), (1_000, 1_000), "{pulled:?}");
    assert_eq!(world.count().await, 5_000);
    let asked = world.requests("queryAll").await;
    assert_eq!(asked.len(), 1, "{asked:?}");
}

#[tokio::test]
async fn a_second_change_within_the_same_second_is_seen() {
    let world = World::start(ACCOUNT).await;
    let id = world.control().create("Account", &json!({ "Name": "one" })).await.unwrap();
    world.poll().await.unwrap();
    world.control().update("Account", &id, &json!({ "Name": "two" })).await.unwrap();
    world.poll().await.unwrap();
    assert_eq!(world.rows("select name from account").await, ["two"]);
    world.control().update("Account", &id, &json!({ "Name": "one" })).await.unwrap();
    world.poll().await.unwrap();
    assert_eq!(world.rows("select name from account").await, ["one"]);
}

#[tokio::test]
async fn a_transaction_that_outlasts_the_overlap_is_found_once_it_commits() {
    // given a transaction that stays open while polls go by
    let world = World::start(ACCOUNT).await;
    let control = world.control();
    let transaction = control.open_transaction().await.unwrap();
    control.create_inside(transaction, "Account", &json!({ "Name": "late" })).await.unwrap();
    for _ in 0..3 {
        control.advance_clock(700).await.unwrap();
        world.poll().await.unwrap();
    }
    assert_eq!(world.count().await, 0);

    // when it commits after half an hour
    control.commit(transaction).await.unwrap();
    control.advance_clock(60).await.unwrap();
    world.poll().await.unwrap();

    // then its record is there
    assert_eq!(world.rows("select name from account").await, ["late"]);
}

#[tokio::test]
async fn a_wrong_date_or_none_loses_nothing() {
    for skew in [-300, 300] {
        let world = World::start(ACCOUNT).await;
        let control = world.control();
        control.skew_date(skew).await.unwrap();
        let transaction = control.open_transaction().await.unwrap();
        control.create_inside(transaction, "Account", &json!({ "Name": "late" })).await.unwrap();
        for _ in 0..2 {
            control.advance_clock(100).await.unwrap();
            world.poll().await.unwrap();
        }
        control.commit(transaction).await.unwrap();
        for _ in 0..8 {
            control.advance_clock(100).await.unwrap();
            world.poll().await.unwrap();
        }
        assert_eq!(world.rows("select name from account").await, ["late"], "skew {skew}");
    }

    let world = World::start(ACCOUNT).await;
    let no_date = FaultKind::Edit {
        headers: [("Date".to_owned(), None)].into(),
        json: std::collections::BTreeMap::new(),
        replace: std::collections::BTreeMap::new(),
    };
    world.control().arm(Fault::from(no_date).route("*/queryAll*").forever()).await.unwrap();
    for number in 0..3 {
        world.control().advance_clock(400).await.unwrap();
        let fields = json!({ "Name": format!("n{number}") });
        world.control().create("Account", &fields).await.unwrap();
        world.poll().await.unwrap();
    }
    assert_eq!(world.count().await, 3);
    assert_eq!(world.requests("SystemModstamp").await.len(), 3);
}

#[tokio::test]
async fn a_large_window_and_one_that_takes_too_long_go_by_bulk() {
    let file = format!("{ACCOUNT}bulk = {{ read_above = 2500 }}\n");
    let world = World::start(&file).await;
    world.create_accounts(2_600).await;
    world.poll().await.unwrap();
    assert_eq!(world.count().await, 2_600);
    assert!(!world.requests("jobs/query").await.is_empty());

    world.control().arm(error("QUERY_TIMEOUT").route("*/queryAll*")).await.unwrap();
    world.control().create("Account", &json!({ "Name": "more" })).await.unwrap();
    world.poll().await.unwrap();
    assert_eq!(world.count().await, 2_601);
    assert!(!world.requests("jobs/query").await.is_empty());
}

#[tokio::test]
async fn a_bulk_result_that_was_cut_short_is_read_again() {
    let file = format!("{ACCOUNT}bulk = {{ read_above = 1000 }}\n");
    let world = World::start(&file).await;
    world.create_accounts(2_100).await;
    let shorten = Fault::from(FaultKind::Shorten { bytes: 5_000 }).route("*/results*");
    world.control().arm(shorten).await.unwrap();

    world.poll().await.unwrap();

    assert_eq!(world.count().await, 2_100);
}

#[tokio::test]
async fn fields_that_are_too_many_for_one_statement_are_read_in_parts() {
    let world = World::start(ACCOUNT).await;
    let fields = json!({ "Name": "wide", "Phone": "1", "Industry": "Banking" });
    world.control().create("Account", &fields).await.unwrap();
    world.control().arm(error("QUERY_TOO_COMPLICATED").route("*/queryAll*")).await.unwrap();

    world.poll().await.unwrap();

    assert_eq!(world.rows("select name, phone, industry from account").await, ["wide|1|Banking"]);
    assert!(world.requests("queryAll").await.len() > 2);
}

#[tokio::test]
async fn an_object_of_seven_hundred_fields_is_polled_with_one_call() {
    let org_fields: Vec<String> =
        (0..700).map(|number| format!("Wide_Field_Number_{number:03}__c")).collect();
    let world = World::start(ACCOUNT).await;
    for name in &org_fields {
        let field = json!({ "name": name, "type": "boolean" });
        world.control().add_field("Account", &field).await.unwrap();
    }
    let world = world.with_mapping("object = \"Account\"\nfields = \"all_readable\"\n").await;
    world.poll().await.unwrap();
    world.control().create("Account", &json!({ "Name": "wide" })).await.unwrap();

    let pulled = world.poll().await.unwrap();

    assert!(world.mapping.fields.len() > 700);
    assert_eq!((pulled.calls, pulled.applied.inserted), (1, 1));
}

#[tokio::test]
async fn a_record_that_leaves_the_filter_goes_and_a_quiet_filtered_object_costs_one_call() {
    let file = format!("{ACCOUNT}where = \"Industry = 'Banking'\"\n");
    let world = World::start(&file).await;
    let create = async |name: &str, industry: &str| {
        let fields = json!({ "Name": name, "Industry": industry });
        world.control().create("Account", &fields).await.unwrap()
    };
    let leaver = create("leaver", "Banking").await;
    create("stays", "Banking").await;
    create("never", "Energy").await;
    world.poll().await.unwrap();
    let names = "select name from account order by name";
    assert_eq!(world.rows(names).await, ["leaver", "stays"]);

    world.control().update("Account", &leaver, &json!({ "Industry": "Energy" })).await.unwrap();
    world.poll().await.unwrap();
    assert_eq!(world.rows(names).await, ["stays"]);
    assert_eq!(world.poll().await.unwrap().calls, 1);
}

#[tokio::test]
async fn fields_that_move_without_a_stamp_are_refreshed_when_it_is_time() {
    // given a field whose value moves without the record's stamp, as a formula's does
    let mut world = World::start(ACCOUNT).await;
    let fields = json!({ "Name": "a", "Phone": "12345678" });
    world.control().create("Account", &fields).await.unwrap();
    world.poll().await.unwrap();
    for field in &mut world.mapping.fields {
        field.is_calculated = field.name == "Phone";
    }
    world.control().advance_clock(3_600).await.unwrap();
    world.poll().await.unwrap();
    world.rows("update account set phone = 'old' returning 1").await;
    assert_eq!(world.poll().await.unwrap().refreshed, 0, "it is not time yet");

    // when a day has passed
    world
        .rows("update lockstep.poll set refreshed_at = now() - interval '25 hours' returning 1")
        .await;
    let pulled = world.poll().await.unwrap();

    // then its value is here, and nothing runs before the next day
    assert_eq!(pulled.refreshed, 1);
    assert_eq!(world.rows("select phone from account").await, ["12345678"]);
    assert_eq!(world.poll().await.unwrap().calls, 1);
}
