//! getDeleted beside polling: what it finds, what it is not believed, and what is done where it cannot answer.

use super::{DEADLINE, family};
use crate::wait::wait_until;
use crate::world::World;
use salesforce_simulator::{Fault, FaultKind};
use serde_json::json;

impl World {
    /// A purged record that no poll saw in the recycle bin: deleted and purged while no worker ran. Answers its id.
    async fn purged(&self) -> String {
        let worker = self.worker_named("before");
        let id = self.lonely_accounts(1).await.remove(0);
        self.row_of(&id).await;
        wait_until("deletions were asked for", DEADLINE, async || {
            self.cell("select count(*) from lockstep.deletions_asked").await.as_deref() == Some("2")
        })
        .await;
        assert_eq!(worker.terminate(), Some(0));
        self.control().advance_clock(600).await.unwrap();
        self.control().delete("Account", &id).await.unwrap();
        self.control().purge(&[&id]).await.unwrap();
        self.control().advance_clock(600).await.unwrap();
        id
    }

    /// As if a quarter of an hour had passed.
    async fn ask_soon(&self) {
        let due = "update lockstep.deletions_asked set asked_at = asked_at - interval '1 hour'";
        self.application().await.run(due).await.unwrap();
    }

    async fn asked(&self) -> u64 {
        let requests = self.control().requests().await.unwrap();
        let asked = requests.iter().filter(|request| request.path.contains("/deleted"));
        asked.count() as u64
    }

    async fn wait_until_asked(&self) {
        let due = "select count(*) from lockstep.deletions_asked where asked_at < now() - interval '30 minutes'";
        wait_until("deletions are asked for", DEADLINE, async || {
            self.cell(due).await.as_deref() == Some("0")
        })
        .await;
    }

    async fn sweep_reason(&self) -> Option<String> {
        self.cell(
            "select message from lockstep.event where object = 'Account' and kind = 'sweep wanted'",
        )
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_was_purged_before_a_poll_could_see_it_goes_by_asking() {
    // given a purged record, with a row
    let world = family().await;
    let id = world.purged().await;
    world.ask_soon().await;

    // when a worker runs
    let _worker = world.worker();

    // then the row goes
    world.wait_until_gone(&id).await;
    world.wait_until_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_record_that_is_named_among_the_deleted_ones_keeps_its_row() {
    // given an answer that names a live record
    let world = family().await;
    let id = world.purged().await;
    let live = world.cell("select sfid from salesforce.account order by id limit 1").await.unwrap();
    let now = world.control().clock().await.unwrap().now;
    let date = now.format("%Y-%m-%dT%H:%M:%S.000+0000").to_string();
    let records = json!([{ "id": live, "deletedDate": date }, { "id": id, "deletedDate": date }]);
    let edit = FaultKind::Edit {
        headers: std::collections::BTreeMap::new(),
        json: [("/deletedRecords".to_owned(), records)].into_iter().collect(),
        replace: std::collections::BTreeMap::new(),
    };
    world.control().arm(Fault::new(edit).object("Account").route("*/deleted*")).await.unwrap();
    world.ask_soon().await;

    // when deletions are asked for
    let _worker = world.worker();

    // then only the record that is really gone loses its row
    world.wait_until_gone(&id).await;
    world.row_of(&live).await;
    world.wait_until_equal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_deletions_for_one_answer_are_asked_for_in_parts() {
    let world = family().await;
    let id = world.purged().await;
    let fault = Fault::new(FaultKind::error("EXCEEDED_ID_LIMIT")).object("Account");
    world.control().arm(fault.route("*/deleted*")).await.unwrap();
    world.ask_soon().await;

    let _worker = world.worker();

    world.wait_until_gone(&id).await;
    assert_eq!(world.sweep_reason().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_is_asked_for_where_deletions_cannot_be_told_and_polling_goes_on() {
    for error in ["INVALID_REPLICATION_DATE", "LIMIT_EXCEEDED", "a log that was cut"] {
        // given an org that cannot tell all deletions
        let world = family().await;
        world.purged().await;
        if error == "a log that was cut" {
            world.control().trim_delete_log("Account", 60).await.unwrap();
        } else {
            let fault = Fault::new(FaultKind::error(error)).object("Account");
            world.control().arm(fault.route("*/deleted*")).await.unwrap();
        }
        world.ask_soon().await;

        // when they are asked for
        let _worker = world.worker();

        // then a sweep is asked for, and the mapping goes on
        wait_until("a sweep is wanted", DEADLINE, async || world.sweep_reason().await.is_some())
            .await;
        world.wait_until_asked().await;
        world.wait_for_polls("Account").await;
        let state = "select state from lockstep.mapping where object = 'Account'";
        assert_eq!(world.cell(state).await.as_deref(), Some("synced"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_are_asked_for_rarely_beside_the_polls() {
    let world = family().await;
    let _worker = world.worker();
    world.wait_for_polls("Account").await;
    let asked = world.asked().await;

    world.wait_for_polls("Contact").await;
    world.wait_for_polls("Account").await;

    assert!(asked <= 2, "{asked} requests for two objects");
    assert_eq!(world.asked().await, asked);
}
