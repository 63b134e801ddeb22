//! Records that are deleted, purged, restored, merged or kept out, from the org to the table, with a worker running.

mod asked;
mod merges;
mod outside;
mod rules;

use crate::wait::{wait_for, wait_until};
use crate::world::{ACCOUNT, CONTACT, World};
use salesforce_simulator::Config;
use serde_json::json;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(40);

/// A small org with accounts and contacts, both loaded; no worker runs.
async fn family() -> World {
    let org = Config { scale: 0.05, ..Config::default() };
    let world = World::start(org, &[("account.toml", ACCOUNT), ("contact.toml", CONTACT)]).await;
    let (status, _, talk) = world.run(&["backfill"]);
    assert_eq!(status, 0, "{talk}");
    world
}

impl World {
    /// The ids of some accounts that have no children, so that users may do with them what they like.
    async fn lonely_accounts(&self, count: usize) -> Vec<String> {
        let control = self.control();
        let mut ids = Vec::new();
        for number in 0..count {
            let fields = json!({ "Name": format!("Lonely {number}") });
            ids.push(control.create("Account", &fields).await.unwrap());
        }
        ids
    }

    /// The row's number, once the record has one.
    async fn row_of(&self, id: &str) -> String {
        let sql = format!("select id from salesforce.account where sfid = '{id}'");
        wait_for("the record has a row", DEADLINE, async || self.cell(&sql).await).await
    }

    async fn wait_until_gone(&self, id: &str) {
        let sql = format!("select id from salesforce.account where sfid = '{id}'");
        wait_until("the row is gone", DEADLINE, async || self.cell(&sql).await.is_none()).await;
    }

    /// Waits until a poll of the mapping has begun and ended after this moment.
    async fn wait_for_polls(&self, object: &str) {
        let control = self.control();
        for _ in 0..2 {
            let name = format!("Seen {}", uuid());
            let id = control.create("Account", &json!({ "Name": name })).await.unwrap();
            self.row_of(&id).await;
        }
        if object != "Account" {
            let sql = format!("select last_poll from lockstep.mapping where object = '{object}'");
            let before = self.cell(&sql).await;
            for _ in 0..2 {
                let before = before.clone();
                wait_until("a poll", DEADLINE, async || self.cell(&sql).await != before).await;
            }
        }
    }

    /// Waits until both sides are equal, in both mappings.
    async fn wait_until_equal(&self) {
        let mappings = self.mappings().await;
        for mapping in &mappings {
            wait_until("both sides are equal", DEADLINE, async || {
                self.differences(mapping).await.is_empty()
            })
            .await;
        }
    }
}

fn uuid() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undeleted_record_gets_its_old_row_even_after_a_restart() {
    // given a row whose record is deleted, and a worker that was killed since
    let world = family().await;
    let worker = world.worker();
    let id = world.lonely_accounts(1).await.remove(0);
    let row = world.row_of(&id).await;
    world.control().delete("Account", &id).await.unwrap();
    world.wait_until_gone(&id).await;
    worker.kill();

    // when it is restored, and changed
    world.control().undelete(&[&id]).await.unwrap();
    world.control().update("Account", &id, &json!({ "Name": "Back" })).await.unwrap();
    let _worker = world.worker_named("second");

    // then it has its old row
    assert_eq!(world.row_of(&id).await, row);
    world.wait_until_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_polled_deletion_does_not_take_an_unsent_edit_along() {
    // given a row that the application edits while its record is deleted, and no worker
    let world = family().await;
    let id = world.lonely_accounts(1).await.remove(0);
    let worker = world.worker();
    let row = world.row_of(&id).await;
    assert_eq!(worker.terminate(), Some(0));
    world.control().delete("Account", &id).await.unwrap();
    let edit = format!("update salesforce.account set phone = '42' where id = {row}");
    world.application().await.run(&edit).await.unwrap();

    // when a worker starts
    let _worker = world.worker_named("second");

    // then the edit wins: the record is there again, under a new id, in the same row
    let sql = format!("select sfid from salesforce.account where id = {row} and sfid <> '{id}'");
    wait_for("the record is made anew", DEADLINE, async || world.cell(&sql).await).await;
    world.wait_until_equal().await;
    assert_eq!(world.parked().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mass_deletion_stops_the_mapping_whole_says_what_to_do_and_goes_on_when_it_is_undone() {
    // given a table of 300 rows with the usual guard
    let org = Config { scale: 1.0, ..Config::default() };
    let mapping = ACCOUNT.replace("deletes = { hold_above = 10000 }", "");
    let world = World::start(org, &[("account.toml", &mapping)]).await;
    let ids = world.lonely_accounts(120).await;
    assert_eq!(world.run(&["backfill"]).0, 0);
    let rows = world.cell("select count(*) from salesforce.account").await;

    // when 120 records are deleted
    for id in &ids {
        world.control().delete("Account", id).await.unwrap();
    }
    let _worker = world.worker();

    // then the mapping is paused, with the count and the next step, and no row is gone
    let paused = "select state_reason from lockstep.mapping where state = 'paused'";
    wait_until("the mapping is paused", DEADLINE, async || world.cell(paused).await.is_some())
        .await;
    let (_, status, _) = world.run(&["status"]);
    for word in
        ["120 rows of Account", "100 are allowed", "lockstep verify Account", "hold_above = 120"]
    {
        assert!(status.contains(word), "{word} is not in: {status}");
    }
    assert_eq!(world.cell("select count(*) from salesforce.account").await, rows);

    // and when they are restored, it goes on by itself
    world.control().undelete(&ids).await.unwrap();
    wait_until("the mapping goes on", Duration::from_mins(1), async || {
        world.cell(paused).await.is_none()
    })
    .await;
    assert_eq!(world.cell("select count(*) from salesforce.account").await, rows);
}
