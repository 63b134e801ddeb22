//! What a mapping that is out of order, or in trouble by itself, is to the others of its group.

use super::*;
use crate::operations::free_port;
use crate::world::{ACCOUNT, CONTACT};
use std::process::Stdio;

/// Accounts and contacts, which refer to them and are worked on together with them.
async fn family(account: &str) -> World {
    let world = super::world(account).await;
    std::fs::write(world.folder.path().join("mappings/contact.toml"), CONTACT).unwrap();
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_whose_load_is_refused_for_a_quota_does_not_keep_its_group_from_being_read_and_sent()
 {
    // given an org that takes no Bulk job for accounts, which are loaded before contacts
    let world = family(&format!("{ACCOUNT}bulk = {{ read_above = 1 }}\n")).await;
    let refused = Fault::new(salesforce_simulator::FaultKind::error("EXCEEDED_QUOTA"));
    let refused = refused.object("Account").route("*/jobs/query*").forever();
    let refused = world.control().arm(refused).await.unwrap().id;

    // when a worker starts
    let worker = world.worker();

    // then contacts are loaded, polled and sent
    let loaded =
        "select string_agg(object, ' ' order by object) from lockstep.checkpoint where loaded";
    until_cell(&world, "contacts are loaded", loaded, "Contact").await;
    let id = world.cell("select min(sfid) from salesforce.contact").await.unwrap();
    world.control().update("Contact", &id, &json!({ "Phone": "0815" })).await.unwrap();
    let phone = format!("select phone from salesforce.contact where sfid = '{id}'");
    until_cell(&world, "the contact's phone number", &phone, "0815").await;
    run(&world, "insert into salesforce.contact (lastname) values ('Meanwhile')").await;
    wait_until("the new contact is sent", PATIENCE, async || world.waiting().await == 0).await;
    assert!(worker.log().contains("EXCEEDED_QUOTA"), "{}", worker.log());

    // and accounts follow when the quota has recovered
    world.control().disarm(refused).await.unwrap();
    until_cell(&world, "both are loaded", loaded, "Account Contact").await;
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_mapping_takes_in_no_record_that_its_parent_releases_and_costs_the_parent_nothing()
{
    // given contacts that are paused since a field of theirs is hidden
    let world = family(ACCOUNT).await;
    let worker = world.worker();
    let both = "select count(*) from lockstep.checkpoint where loaded";
    until_cell(&world, "both are loaded", both, "2").await;
    run(
        &world,
        "alter table salesforce.contact add constraint of_account \
         foreign key (accountid) references salesforce.account (sfid)",
    )
    .await;
    let user = world.org.credentials().username;
    let hide = async |right: FieldRight| {
        world.control().set_field_right(Some(&user), "Contact", "Phone", right).await.unwrap();
    };
    hide(FieldRight::Hidden).await;
    paused(&world, "Phone is gone from Salesforce").await;

    // when an account is polled for which one of them had waited
    let parent = some_account(&world).await;
    let orphan = json!({ "LastName": "Orphan", "Phone": "1", "AccountId": parent });
    let orphan = world.control().create("Contact", &orphan).await.unwrap();
    let parked = format!(
        "insert into lockstep.orphan (table_name, sfid, constraint_name, parent_table, awaited) \
         values ('contact', '{orphan}', 'of_account', 'account', array['{parent}'])"
    );
    run(&world, &parked).await;
    for number in ["42", "43"] {
        edit(&world, &parent, json!({ "Phone": number })).await;
        let phone = format!("select phone from salesforce.account where sfid = '{parent}'");
        until_cell(&world, "the account's phone number", &phone, number).await;
    }

    // then it is released, and waits for its own mapping, and accounts go on
    let released = "select count(*) from lockstep.orphan where is_released";
    assert_eq!(world.cell(released).await.as_deref(), Some("1"));
    let here = "select count(*) from salesforce.contact where lastname = 'Orphan' and phone = '1'";
    assert_eq!(
        world
            .cell("select count(*) from salesforce.contact where lastname = 'Orphan'")
            .await
            .as_deref(),
        Some("0")
    );
    in_step(&world).await;
    let blamed = "select count(*) from lockstep.event where kind = 'paused' and object = 'Account'";
    assert_eq!(world.cell(blamed).await.as_deref(), Some("0"));

    // and it comes in whole when the field is back
    hide(FieldRight::Full).await;
    until_cell(&world, "the record that waited", here, "1").await;
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_comes_back_when_a_mapping_that_is_only_sent_is_in_order_again() {
    // given a worker that answers for its health
    let world = super::world(&NOTED.replace("\"both\"", "\"to_salesforce\"")).await;
    let port = free_port();
    let mut command = world.command(&["worker"]);
    command.env("PORT", port.to_string()).env("LOCKSTEP__HEALTH__BIND", "127.0.0.1");
    let mut worker = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let answers = async |status: u16| {
        let answer = reqwest::get(format!("http://127.0.0.1:{port}/readyz")).await;
        answer.is_ok_and(|answer| answer.status().as_u16() == status)
    };
    wait_until("ready", PATIENCE, async || answers(200).await).await;

    // when its field is gone, and back
    world.control().drop_field("Account", "Note__c").await.unwrap();
    wait_until("not ready", PATIENCE, async || answers(503).await).await;
    world.control().undelete_field("Account", "Note__c").await.unwrap();

    // then it is ready again
    wait_until("ready again", PATIENCE, async || answers(200).await).await;
    worker.kill().unwrap();
    worker.wait().unwrap();
}
