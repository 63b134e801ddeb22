//! Merges by Salesforce's users.

use super::{DEADLINE, family};
use crate::wait::wait_until;
use crate::world::World;
use serde_json::json;

impl World {
    /// Two accounts with a contact each, all with rows: the accounts' ids and the contacts'.
    async fn families(&self) -> ([String; 2], [String; 2]) {
        let control = self.control();
        let accounts = self.lonely_accounts(2).await;
        let mut contacts = Vec::new();
        for (number, account) in accounts.iter().enumerate() {
            let key = format!("merge-{number}");
            control.update("Account", account, &json!({ "External_Id__c": key })).await.unwrap();
            let contact = json!({ "LastName": format!("Child {number}"), "AccountId": account });
            contacts.push(control.create("Contact", &contact).await.unwrap());
        }
        let named =
            "select count(*) from salesforce.contact where account_external_id like 'merge-%'";
        wait_until("both contacts name their accounts", DEADLINE, async || {
            self.cell(named).await.as_deref() == Some("2")
        })
        .await;
        (accounts.try_into().unwrap(), contacts.try_into().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_follow_a_merge_and_nothing_of_it_is_sent_back() {
    // given two accounts with a contact each
    let world = family().await;
    let _worker = world.worker();
    let ([winner, loser], _) = world.families().await;
    let before = world.control().counters().await.unwrap().rows;

    // when one is merged into the other
    world.control().merge(&winner, &[&loser], &json!({})).await.unwrap();

    // then the loser's row goes, and both contacts are the winner's, by its id and by its key
    world.wait_until_gone(&loser).await;
    let children = format!(
        "select count(*) from salesforce.contact where accountid = '{winner}' and account_external_id = 'merge-0'"
    );
    wait_until("both contacts follow", DEADLINE, async || {
        world.cell(&children).await.as_deref() == Some("2")
    })
    .await;
    world.wait_until_equal().await;
    let log = "select count(*) from salesforce._trigger_log";
    assert_eq!(world.cell(log).await.as_deref(), Some("0"));
    let after = world.control().counters().await.unwrap().rows;
    assert_eq!(after.get("created"), before.get("created"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_a_merged_record_waits_for_a_person_and_never_brings_the_duplicate_back() {
    // given an edit of a record that was merged while no worker ran
    let world = family().await;
    let worker = world.worker();
    let ([winner, loser], _) = world.families().await;
    assert_eq!(worker.terminate(), Some(0));
    world.control().merge(&winner, &[&loser], &json!({})).await.unwrap();
    let edit = format!("update salesforce.account set phone = '42' where sfid = '{loser}'");
    world.application().await.run(&edit).await.unwrap();
    let live = world.control().counters().await.unwrap().rows;

    // when a worker starts
    let _worker = world.worker_named("second");

    // then the edit is parked, naming the winner, and its row stays
    wait_until("the edit is parked", DEADLINE, async || !world.parked().await.is_empty()).await;
    let (status, list, _) = world.run(&["errors", "list"]);
    assert_eq!(status, 3);
    assert!(list.contains("RECORD_WAS_MERGED") && list.contains(&winner), "{list}");
    world.wait_for_polls("Account").await;
    world.row_of(&loser).await;
    let (_, text, _) = world.run(&["status"]);
    assert!(text.contains("1 row of Account waits to be deleted"), "{text}");

    // and when a person gives the edit up, the row goes too
    assert_eq!(world.run(&["errors", "ignore", "--all"]).0, 0);
    world.wait_until_gone(&loser).await;
    world.wait_until_equal().await;
    let after = world.control().counters().await.unwrap().rows;
    let created = |rows: &std::collections::BTreeMap<String, u64>| {
        rows.get("created").copied().unwrap_or_default()
    };
    assert_eq!(created(&after), created(&live) + 2, "only the tests' own records are new");
}
