//! Workers that are started while an object does not fit its mapping: that mapping waits, the others go on.

use super::*;
use crate::world::CONTACT;

/// A mapping in step whose worker has ended; beside it one of contacts, which name their accounts by their key.
async fn stopped(mapping: &str) -> World {
    let world = super::world(mapping).await;
    std::fs::write(world.folder.path().join("mappings/contact.toml"), CONTACT).unwrap();
    let worker = world.worker();
    let in_step = "select count(*) from lockstep.mapping where state = 'synced'";
    until_cell(&world, "both mappings are in step", in_step, "2").await;
    let loads = "select count(*) from lockstep.checkpoint where loaded";
    until_cell(&world, "both are loaded", loads, "2").await;
    assert_eq!(worker.terminate(), Some(0));
    world
}

/// A contact changes on either side, and the changes arrive on the other.
async fn contacts_go_on(world: &World) {
    let id = world.cell("select min(sfid) from salesforce.contact").await.unwrap();
    world.control().update("Contact", &id, &json!({ "Phone": "0815" })).await.unwrap();
    let phone = format!("select phone from salesforce.contact where sfid = '{id}'");
    until_cell(world, "the contact's phone number", &phone, "0815").await;
    run(world, "insert into salesforce.contact (lastname) values ('Meanwhile')").await;
    let sent =
        "select count(*) from salesforce.contact where lastname = 'Meanwhile' and sfid is not null";
    until_cell(world, "the new contact", sent, "1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_started_without_a_field_pauses_its_mapping_alone_until_the_field_is_back() {
    // given a mapping whose field goes while no worker runs, and changes of its rows that wait
    let world = stopped(NOTED).await;
    let id = some_account(&world).await;
    world.control().drop_field("Account", "Note__c").await.unwrap();
    edit(&world, &id, json!({ "Phone": "1" })).await;

    // when a worker starts
    let worker = world.worker_named("without the field");
    paused(&world, "Note__c is gone from Salesforce").await;

    // then the other mapping goes on, what is captured waits, and nothing is emptied
    run(&world, "insert into salesforce.account (name, note__c) values ('Waits', 'mine')").await;
    contacts_go_on(&world).await;
    assert_eq!(world.waiting().await, 1);
    assert_eq!(world.cell(EMPTY_NOTES).await.as_deref(), Some("0"));
    let (_, status, _) = world.run(&["status"]);
    assert!(status.contains("the mapping resumes by itself"), "{status}");
    let told = "select count(*) from lockstep.event where kind = 'paused' and message like 'Note__c is gone%'";
    assert_eq!(world.cell(told).await.as_deref(), Some("1"));
    let (checked, report, _) = world.run(&["check"]);
    assert_eq!(checked, 5, "{report}");
    assert!(report.contains("`Note__c` does not exist"), "{report}");

    // when it is back, then everything goes on by itself
    goes_on_with_its_field(&world, &id).await;
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_started_without_an_object_goes_on_with_those_that_do_not_need_it() {
    // given contacts whose accounts are hidden while no worker runs
    let world = stopped(NOTED).await;
    let contact = CONTACT.replace(
        "{ ref = { mapping = \"Account\", match = \"external_id__c\", column = \"account_external_id\" } }",
        "{}",
    );
    let user = world.org.credentials().username;
    let rows = world.cell("select count(*) from salesforce.account").await;
    world.control().allow(Some(&user), "Account", Action::Read, false).await.unwrap();

    // when a worker starts
    let worker = world.worker_named("without the object");
    paused(&world, "Account is gone from Salesforce").await;

    // then contacts wait too, since they name their accounts by a key that is not known
    paused(&world, "`AccountId` is no lookup").await;
    assert_eq!(worker.terminate(), Some(0));

    // when their mapping no longer does
    std::fs::write(world.folder.path().join("mappings/contact.toml"), contact).unwrap();
    let worker = world.worker_named("changed mapping");

    // then they go on, and so do the accounts once they are back
    contacts_go_on(&world).await;
    assert_eq!(world.cell("select count(*) from salesforce.account").await, rows);
    world.control().allow(Some(&user), "Account", Action::Read, true).await.unwrap();
    all_is_well(&world).await;
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_pauses_alone_does_so_over_starts_without_it() {
    // given a mapping whose fields pause alone, and a field that goes while no worker runs
    let world = stopped(&format!("{NOTED}drift = {{ removed_field = \"pause_field\" }}\n")).await;
    let id = some_account(&world).await;
    let user = world.org.credentials().username;
    let hide = async |right: FieldRight| {
        world.control().set_field_right(Some(&user), "Account", "Note__c", right).await.unwrap();
    };
    hide(FieldRight::Hidden).await;
    run(&world, &format!("update salesforce.account set note__c = 'waits' where sfid = '{id}'"))
        .await;
    edit(&world, &id, json!({ "Phone": "2" })).await;

    // when workers start without it, twice
    let phone = format!("select phone from salesforce.account where sfid = '{id}'");
    let worker = world.worker_named("first");
    until_cell(&world, "the phone number", &phone, "2").await;
    assert_eq!(worker.terminate(), Some(0));
    edit(&world, &id, json!({ "Phone": "3" })).await;
    let worker = world.worker_named("second");
    until_cell(&world, "the next phone number", &phone, "3").await;

    // then the change of the field still waits, and is sent once the field is back
    assert_eq!(world.waiting().await, 1);
    assert_eq!(world.cell(EMPTY_NOTES).await.as_deref(), Some("0"));
    hide(FieldRight::Full).await;
    wait_until("the change that waited", PATIENCE, async || world.waiting().await == 0).await;
    let mapping = world.mappings().await.remove(0);
    let note = world.records(&mapping).await.remove(&id).unwrap();
    assert!(note.contains(&Value::Text("waits".to_owned())), "{note:?}");
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_names_a_field_that_never_was_stops_the_start() {
    let world = stopped(NOTED).await;
    let slip = NOTED.replace("\"Phone\"", "\"Phones\"");
    std::fs::write(world.folder.path().join("mappings/account.toml"), slip).unwrap();

    let (status, out, talk) = world.run(&["worker"]);

    assert_eq!(status, 5, "{out} {talk}");
    assert!(talk.contains("did you mean `Phone`?"), "{talk}");
}
