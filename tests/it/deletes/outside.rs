//! Records that the application's foreign keys keep out.

use super::DEADLINE;
use crate::wait::wait_until;
use crate::world::{ACCOUNT, CONTACT, World};
use salesforce_simulator::Config;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_record_without_its_parent_waits_in_sight_and_comes_with_the_parent() {
    // given the application's foreign key, and an account that has no row, since the application deleted it for itself
    let org = Config { scale: 0.05, ..Config::default() };
    let account = ACCOUNT.replace("hold_above = 10000", "in_postgres = 'ignore'");
    let world = World::start(org, &[("account.toml", &account), ("contact.toml", CONTACT)]).await;
    assert_eq!(world.run(&["backfill"]).0, 0);
    let key = "alter table salesforce.contact add constraint of_account \
               foreign key (accountid) references salesforce.account (sfid)";
    world.application().await.run(key).await.unwrap();
    let worker = world.worker();
    let parent = world.lonely_accounts(1).await.remove(0);
    let row = world.row_of(&parent).await;
    let delete = format!("delete from salesforce.account where id = {row}");
    world.application().await.run(&delete).await.unwrap();
    wait_until("nothing is left to send", DEADLINE, async || world.unsettled().await == 0).await;

    // when users make a contact of it, and one of no account
    let control = world.control();
    let orphan = json!({ "LastName": "Orphan", "AccountId": parent });
    control.create("Contact", &orphan).await.unwrap();
    control.create("Contact", &json!({ "LastName": "Free" })).await.unwrap();

    // then only the first waits, in sight
    let here = "select string_agg(lastname, ' ') from salesforce.contact where lastname in ('Orphan', 'Free')";
    wait_until("the free one comes", DEADLINE, async || {
        world.cell(here).await.as_deref() == Some("Free")
    })
    .await;
    let (_, status, _) = world.run(&["status"]);
    let sentence = "1 record of Contact waits outside for a parent in account that is not here: the foreign key \
                    of_account wants it";
    assert!(status.contains(sentence), "{status}");

    // and the account's return brings it
    control.delete("Account", &parent).await.unwrap();
    world.wait_for_polls("Account").await;
    control.undelete(&[&parent]).await.unwrap();
    world.row_of(&parent).await;
    world.wait_until_equal().await;
    let (_, status, _) = world.run(&["status"]);
    assert!(!status.contains("outside"), "{status}");
    assert_eq!(worker.terminate(), Some(0));
}
