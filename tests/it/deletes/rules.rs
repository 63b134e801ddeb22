//! `deletes.in_postgres` and `deletes.in_salesforce`.

use super::DEADLINE;
use crate::wait::wait_until;
use crate::world::{ACCOUNT, World};
use salesforce_simulator::Config;
use serde_json::json;

async fn world(rule: &str) -> World {
    let mapping = ACCOUNT.replace("hold_above = 10000", rule);
    let org = Config { scale: 0.05, ..Config::default() };
    let world = World::start(org, &[("account.toml", &mapping)]).await;
    assert_eq!(world.run(&["backfill"]).0, 0);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_deleted_for_the_application_only_returns_by_restoring_or_loading_again() {
    // given two rows that the application deletes, which is not sent
    let world = world("in_postgres = 'ignore'").await;
    let worker = world.worker();
    let ids = world.lonely_accounts(2).await;
    let rows = [world.row_of(&ids[0]).await, world.row_of(&ids[1]).await];
    let delete = format!("delete from salesforce.account where id in ({}, {})", rows[0], rows[1]);
    world.application().await.run(&delete).await.unwrap();
    wait_until("nothing is left to send", DEADLINE, async || world.unsettled().await == 0).await;

    // when their records change
    for id in &ids {
        world.control().update("Account", id, &json!({ "Phone": "42" })).await.unwrap();
    }
    world.wait_for_polls("Account").await;

    // then they stay away, and stay in Salesforce
    let here = format!(
        "select count(*) from salesforce.account where sfid in ('{}', '{}')",
        ids[0], ids[1]
    );
    assert_eq!(world.cell(&here).await.as_deref(), Some("0"));
    world.control().read("Account", &ids[0]).await.unwrap();

    // and the first returns into its row when it is deleted and restored, the second when a load is asked for
    world.control().delete("Account", &ids[0]).await.unwrap();
    world.wait_for_polls("Account").await;
    world.control().undelete(&[&ids[0]]).await.unwrap();
    assert_eq!(world.row_of(&ids[0]).await, rows[0]);
    assert_eq!(worker.terminate(), Some(0));
    let (status, _, talk) = world.run(&["backfill", "Account"]);
    assert_eq!(status, 0, "{talk}");
    assert_eq!(world.row_of(&ids[1]).await, rows[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_outlives_its_record_is_marked_until_the_record_returns() {
    // given a mapping that keeps rows of deleted records
    let world = world("in_salesforce = 'ignore'").await;
    let _worker = world.worker();
    let id = world.lonely_accounts(1).await.remove(0);
    let row = world.row_of(&id).await;
    let mark = format!("select isdeleted from salesforce.account where id = {row}");
    let marked = async |wanted: &str| {
        wait_until("the mark is right", DEADLINE, async || {
            world.cell(&mark).await.as_deref() == Some(wanted)
        })
        .await;
    };

    // when its record is deleted and restored, then the mark follows
    world.control().delete("Account", &id).await.unwrap();
    marked("t").await;
    world.control().undelete(&[&id]).await.unwrap();
    marked("f").await;
}
