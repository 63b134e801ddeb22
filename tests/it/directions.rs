//! A mapping sends, reads, or both, as its file says.

use crate::wait::wait_until;
use crate::world::{ACCOUNT, World};
use salesforce_simulator::Config;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(30);

async fn world(direction: &str) -> World {
    let mapping = ACCOUNT.replace("\"both\"", &format!("\"{direction}\""));
    let org = Config { scale: 0.05, ..Config::default() };
    World::start(org, &[("account.toml", &mapping)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_only_sends_sends_without_reading() {
    // given a mapping to Salesforce, and an org with records of its own
    let world = world("to_salesforce").await;
    assert_eq!(world.run(&["provision"]).0, 0);
    let _worker = world.worker();

    // when the application inserts a row
    let insert = "insert into salesforce.account (name) values ('One way')";
    world.application().await.run(insert).await.unwrap();

    // then it becomes a record, and nothing comes back
    wait_until("the row is sent", DEADLINE, async || {
        world.cell("select sfid from salesforce.account where name = 'One way'").await.is_some()
    })
    .await;
    let rows = world.cell("select count(*) from salesforce.account").await;
    assert_eq!(rows.as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_only_reads_reads_without_sending() {
    // given a loaded mapping from Salesforce
    let world = world("from_salesforce").await;
    assert_eq!(world.run(&["backfill"]).0, 0);
    let _worker = world.worker();
    let written = world.control().counters().await.unwrap().rows;

    // when the application changes a row all the same, and a user creates a record
    let change = "update salesforce.account set phone = 'not sent' where id = 1";
    world.application().await.run(change).await.unwrap();
    let record = serde_json::Map::from_iter([("Name".to_owned(), "Newcomer".into())]);
    world.user().create("Account", vec![record]).await.unwrap();

    // then the record arrives, the change is logged as READONLY, and nothing was written but by the user
    wait_until("the record arrives", DEADLINE, async || {
        world.cell("select sfid from salesforce.account where name = 'Newcomer'").await.is_some()
    })
    .await;
    let state =
        world.cell("select state from salesforce._trigger_log where action = 'UPDATE'").await;
    assert_eq!(state.as_deref(), Some("READONLY"));
    let after = world.control().counters().await.unwrap().rows;
    assert_eq!(after.get("updated"), written.get("updated"));
}
