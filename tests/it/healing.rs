//! A connection that is cut or a session that ends, in the middle of anything: the worker goes on by itself.

use crate::steps::loaded;
use crate::wait::wait_until;
use crate::world::{ACCOUNT, World};
use salesforce_simulator::{Config, Fault};
use serde_json::{Value, json};
use std::time::Duration;

/// Long enough for a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_mins(2);

/// Loads by Bulk query, pushes by Bulk ingest, polls every second: under this trouble both sides become equal.
async fn heals_from(trouble: Value) {
    // given a worker, a fifth of whose requests are struck, or so
    let mapping = format!("{ACCOUNT}bulk = {{ read_above = 20, write_above = 20 }}\n");
    let org = Config { scale: 0.2, ..Config::default() };
    let world = World::start(org, &[("account.toml", &mapping)]).await;
    let mapping = world.mappings().await.remove(0);
    let username = world.org.credentials().username;
    let mut trouble = trouble;
    trouble["user"] = json!(username);
    trouble["times"] = Value::Null;
    let fault: Fault = serde_json::from_value(trouble.clone()).unwrap();
    world.control().arm(fault).await.unwrap();
    let worker = world.worker();
    loaded(&world).await;

    // when rows and records are made and changed
    let application = world.application().await;
    let rows = "insert into salesforce.account (name, external_id__c) \
                select 'Row ' || n, 'heal-' || n from generate_series(1, 120) as n";
    application.run(rows).await.unwrap();
    for number in 0..10 {
        let name = format!("Record {number}");
        world.control().create("Account", &json!({ "Name": name })).await.unwrap();
    }
    let change = "update salesforce.account set phone = '1' where name like 'Row %'";
    application.run(change).await.unwrap();

    // then all of it arrives, once, and nothing is parked
    wait_until("both sides are equal", PATIENCE, async || {
        world.waiting().await == 0 && world.differences(&mapping).await.is_empty()
    })
    .await;
    assert_eq!(world.parked().await, [""; 0], "{trouble}");
    let made = "select count(*), count(distinct external_id__c) from salesforce.account \
                where name like 'Row %'";
    let made = application.rows(made).await.unwrap().remove(0);
    assert_eq!(made, [Some("120".to_owned()), Some("120".to_owned())], "{trouble}");
    let struck = world.control().struck().await.unwrap().len();
    assert!(struck > 3, "{struck} requests struck");
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_end_in_the_middle_of_anything_are_renewed() {
    heals_from(json!({ "kind": "end_session", "nth": 4 })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_cut_in_the_middle_are_asked_for_again() {
    heals_from(json!({ "kind": "truncate", "bytes": 40, "probability": 0.2, "seed": 7 })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_before_or_after_the_work_lose_and_double_nothing() {
    heals_from(json!({ "kind": "cut_before", "probability": 0.2, "seed": 7 })).await;
    heals_from(json!({ "kind": "cut_after", "probability": 0.2, "seed": 7 })).await;
}
