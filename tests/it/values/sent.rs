//! What of a row is sent, and in which form: no more than was changed, nothing that may not be written, null as null.

use super::DEADLINE;
use crate::wait::wait_until;
use crate::world::{Worker, World};
use salesforce_simulator::Config;
use salesforce_simulator::org::FieldRight;
use serde_json::{Value as Json, json};

const MAPPING: &str = r#"
object = "Sent__c"
direction = "both"
key = { external_id = "Key__c" }
types = "exact"
poll = { every = "1s" }

[fields]
Name = {}
Text__c = {}
Note__c = {}
Locked__c = {}
Once__c = {}
Shown__c = {}
Ours__c = { direction = "to_salesforce" }
Theirs__c = { direction = "from_salesforce" }
Amount__c = {}
Day__c = {}
Moment__c = {}
Multi__c = {}
"#;
const BY_COLLECTIONS: &str = "";
const BY_BULK: &str = "bulk = { write_above = 1 }\n";

/// A worker that is in step, with one record that has a row.
async fn world(settings: &str) -> (World, Worker, String) {
    let org = Config { scale: 0.0, ..Config::default() };
    let world = World::start(org, &[("sent.toml", &format!("{settings}{MAPPING}"))]).await;
    let object = json!({ "name": "Sent__c", "fields": [
        { "name": "Name", "nameField": true },
        { "name": "Key__c", "type": "string", "length": 36, "externalId": true, "unique": true },
        { "name": "Text__c", "type": "string", "length": 255 },
        { "name": "Note__c", "type": "string", "length": 255 },
        { "name": "Locked__c", "type": "string", "length": 255 },
        { "name": "Once__c", "type": "string", "length": 255, "updateable": false },
        { "name": "Shown__c", "type": "string", "length": 255, "calculatedFormula": "'formula'" },
        { "name": "Ours__c", "type": "string", "length": 255 },
        { "name": "Theirs__c", "type": "string", "length": 255 },
        { "name": "Amount__c", "type": "currency", "precision": 18, "scale": 2 },
        { "name": "Day__c", "type": "date" },
        { "name": "Moment__c", "type": "datetime" },
        { "name": "Multi__c", "type": "multipicklist", "picklistValues": ["A", "B", "C"] },
    ]});
    let control = world.control();
    control.create_object(&object).await.unwrap();
    let user = world.org.credentials().username;
    control
        .set_field_right(Some(&user), "Sent__c", "Locked__c", FieldRight::ReadOnly)
        .await
        .unwrap();
    let fields = json!({
        "Name": "one", "Key__c": "k", "Text__c": "text", "Note__c": "note", "Locked__c": "locked", "Once__c": "once",
        "Ours__c": "ours", "Theirs__c": "theirs", "Amount__c": 1, "Multi__c": "A",
    });
    let id = control.create("Sent__c", &fields).await.unwrap();
    let (status, _, talk) = world.run(&["backfill"]);
    assert_eq!(status, 0, "{talk}");
    let worker = world.worker();
    (world, worker, id)
}

/// Runs a statement as the application and waits until everything of it is sent.
async fn write(world: &World, sql: &str) {
    world.application().await.run(sql).await.unwrap();
    wait_until("everything is sent", DEADLINE, async || world.waiting().await == 0).await;
    assert_eq!(world.parked().await, Vec::<String>::new());
}

/// The fields that were sent last, with their values.
async fn sent(world: &World) -> Json {
    let last = "select \"values\"::text from lockstep.journal order by id desc limit 1";
    serde_json::from_str(&world.cell(last).await.unwrap()).unwrap()
}

async fn wait_for_cell(world: &World, column: &str, value: &str) {
    let cell = format!("select {column}::text from salesforce.sent__c");
    wait_until(&format!("{column} is {value}"), DEADLINE, async || {
        world.cell(&cell).await.as_deref() == Some(value)
    })
    .await;
}

async fn nulls_and_unchanged_columns(settings: &str) {
    // given a row whose record a user is about to edit
    let (world, _worker, id) = world(settings).await;

    // when the application empties cells and writes others as they were, while the user edits one of those
    world.control().update("Sent__c", &id, &json!({ "Note__c": "edited" })).await.unwrap();
    let update = "update salesforce.sent__c \
                  set text__c = null, amount__c = null, multi__c = null, note__c = 'note', name = name";
    write(&world, update).await;

    // then null is sent for what was emptied, and nothing else
    assert_eq!(sent(&world).await, json!({ "Text__c": null, "Amount__c": null, "Multi__c": null }));
    let record = world.control().read("Sent__c", &id).await.unwrap();
    for field in ["Text__c", "Amount__c", "Multi__c"] {
        assert_eq!(record[field], Json::Null, "{field}");
    }
    assert_eq!(record["Note__c"], "edited");
    wait_for_cell(&world, "note__c", "edited").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nulls_are_sent_as_such_and_unchanged_columns_never_by_collections() {
    nulls_and_unchanged_columns(BY_COLLECTIONS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nulls_are_sent_as_such_and_unchanged_columns_never_by_bulk() {
    nulls_and_unchanged_columns(BY_BULK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn read_only_and_formula_fields_are_never_sent_whatever_the_application_writes() {
    // given a field that the integration user may not write, one that is written at first only, and a formula
    let (world, _worker, id) = world(BY_COLLECTIONS).await;

    // when the application writes them beside another one
    let update = "update salesforce.sent__c \
                  set text__c = 'new', locked__c = 'forced', shown__c = 'forged', once__c = 'twice'";
    write(&world, update).await;

    // then only that one is sent, and the cells get Salesforce's values again
    assert_eq!(sent(&world).await, json!({ "Text__c": "new" }));
    let record = world.control().read("Sent__c", &id).await.unwrap();
    assert_eq!((&record["Text__c"], &record["Locked__c"]), (&json!("new"), &json!("locked")));
    wait_for_cell(&world, "locked__c", "locked").await;
    wait_for_cell(&world, "once__c", "once").await;
    wait_for_cell(&world, "shown__c", "formula").await;

    // and a new row with all of them is accepted
    let insert = "insert into salesforce.sent__c (name, key__c, locked__c, shown__c, once__c) \
                  values ('two', 'k2', 'x', 'y', 'z')";
    write(&world, insert).await;
    assert_eq!(sent(&world).await, json!({ "Name": "two", "Key__c": "k2", "Once__c": "z" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_goes_in_its_own_direction() {
    // given a field that only the application writes, and one that only Salesforce does
    let (world, _worker, id) = world(BY_COLLECTIONS).await;

    // when both sides write both, and a third one
    let update =
        "update salesforce.sent__c set ours__c = 'by us', theirs__c = 'by us', text__c = 'by us'";
    write(&world, update).await;
    let fields = json!({ "Ours__c": "by them", "Theirs__c": "by them", "Note__c": "by them" });
    world.control().update("Sent__c", &id, &fields).await.unwrap();
    wait_for_cell(&world, "note__c", "by them").await;

    // then each field went its own way
    assert_eq!(sent(&world).await, json!({ "Ours__c": "by us", "Text__c": "by us" }));
    wait_for_cell(&world, "theirs__c", "by them").await;
    let ours = world.cell("select ours__c from salesforce.sent__c").await;
    assert_eq!(ours.as_deref(), Some("by us"));
}

async fn forms(settings: &str) {
    // given a worker that is in step
    let (world, _worker, id) = world(settings).await;

    // when the application writes an amount, a day, a moment of another zone and several choices
    let update = "update salesforce.sent__c set amount__c = 1234567.89, day__c = '2024-02-29', \
                  moment__c = '2024-03-31 03:30:00+02', multi__c = 'A;C'";
    write(&world, update).await;

    // then Salesforce has them
    let record = world.control().read("Sent__c", &id).await.unwrap();
    assert_eq!(record["Amount__c"], json!(1_234_567.89));
    assert_eq!(record["Day__c"], "2024-02-29");
    assert_eq!(record["Moment__c"], "2024-03-31T01:30:00.000+0000");
    assert_eq!(record["Multi__c"], "A;C");
}

#[tokio::test(flavor = "multi_thread")]
async fn currency_dates_and_several_choices_are_sent_as_the_api_wants_them_by_collections() {
    forms(BY_COLLECTIONS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn currency_dates_and_several_choices_are_sent_as_the_api_wants_them_by_bulk() {
    forms(BY_BULK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lookup_to_several_objects_leads_to_any_of_them_both_ways() {
    // given tasks, which refer to records of several objects
    let mapping = r#"
object = "Task"
direction = "both"
fields = ["Subject", "WhatId", "WhoId"]
poll = { every = "1s" }
"#;
    let org = Config { scale: 0.0, ..Config::default() };
    let world = World::start(org, &[("task.toml", mapping)]).await;
    let control = world.control();
    let account = control.create("Account", &json!({ "Name": "A" })).await.unwrap();
    let contact = control.create("Contact", &json!({ "LastName": "C" })).await.unwrap();
    let lead = control.create("Lead", &json!({ "LastName": "L", "Company": "L" })).await.unwrap();
    let product = control.create("Product2", &json!({ "Name": "P" })).await.unwrap();
    assert_eq!(world.run(&["backfill"]).0, 0);
    let _worker = world.worker();

    // when the application refers to some of them, once by the short form of an id
    let insert = format!(
        "insert into salesforce.task (subject, whatid, whoid) values ('Call', '{}', '{contact}')",
        &account[..15]
    );
    write(&world, &insert).await;
    let id = world.cell("select sfid from salesforce.task").await.unwrap();
    let task = control.read("Task", &id).await.unwrap();
    assert_eq!((&task["WhatId"], &task["WhoId"]), (&json!(account), &json!(contact)));
    let update = format!("update salesforce.task set whatid = '{product}', whoid = null");
    write(&world, &update).await;

    // then the record follows
    let task = control.read("Task", &id).await.unwrap();
    assert_eq!((&task["WhatId"], &task["WhoId"]), (&json!(product), &Json::Null));

    // when the application writes the short form of the same id, then nothing is sent
    let attempts = "select count(*) from lockstep.journal";
    let before = world.cell(attempts).await;
    let short = format!("update salesforce.task set whatid = '{}'", &product[..15]);
    write(&world, &short).await;
    assert_eq!(world.cell(attempts).await, before);

    // when a user refers to another one, then the row follows
    control.update("Task", &id, &json!({ "WhoId": lead, "WhatId": null })).await.unwrap();
    wait_until("the row follows", DEADLINE, async || {
        let row = "select concat(whatid, '|', whoid) from salesforce.task";
        world.cell(row).await == Some(format!("|{lead}"))
    })
    .await;
}
