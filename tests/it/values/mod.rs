//! Every type of value, both ways round: what one side holds arrives on the other as it is, and then nobody writes.

mod corpus;
mod normal_form;
mod on_save;
mod sent;
mod unfit;

use crate::wait::wait_until;
use crate::world::World;
use salesforce_simulator::Config;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_mins(1);
const MAPPING: &str = r#"
object = "Value__c"
direction = "both"
key = { external_id = "Key__c" }
poll = { every = "1s" }
fields = ["Name", "Key__c", "Text__c", "Long__c", "Email__c", "Phone__c", "Url__c", "Pick__c", "Multi__c", "Amount__c",
    "Ratio__c", "Whole__c", "Day__c", "Moment__c", "Clock__c", "Flag__c", "Secret__c", "Parent__c"]
"#;
/// Few records go by REST, several rows by one call.
const BY_REST: &str = "types = \"exact\"";
/// Everything goes by Bulk.
const BY_BULK: &str = "types = \"heroku\"\nbulk = { read_above = 1, write_above = 1 }";

/// A world with one object that has a field of every type.
async fn world(settings: &str) -> World {
    let mapping = format!("{settings}\n{MAPPING}");
    let org = Config { scale: 0.0, ..Config::default() };
    let world = World::start(org, &[("value.toml", &mapping)]).await;
    let object = json!({ "name": "Value__c", "fields": [
        { "name": "Name", "nameField": true },
        { "name": "Key__c", "type": "string", "length": 36, "externalId": true, "unique": true },
        { "name": "Text__c", "type": "string", "length": 255 },
        { "name": "Long__c", "type": "textarea", "length": 32000 },
        { "name": "Email__c", "type": "email", "length": 80 },
        { "name": "Phone__c", "type": "phone", "length": 40 },
        { "name": "Url__c", "type": "url", "length": 255 },
        { "name": "Pick__c", "type": "picklist", "picklistValues": ["Hot", "Warm", "Cold"] },
        { "name": "Multi__c", "type": "multipicklist", "picklistValues": ["A", "B", "C"] },
        { "name": "Amount__c", "type": "currency", "precision": 18, "scale": 2 },
        { "name": "Ratio__c", "type": "double", "precision": 18, "scale": 10 },
        { "name": "Whole__c", "type": "int", "digits": 9 },
        { "name": "Day__c", "type": "date" },
        { "name": "Moment__c", "type": "datetime" },
        { "name": "Clock__c", "type": "time" },
        { "name": "Flag__c", "type": "boolean" },
        { "name": "Secret__c", "type": "encryptedstring", "length": 175 },
        { "name": "Parent__c", "type": "reference", "referenceTo": ["Account"], "relationshipName": "Parent__r" },
    ]});
    world.control().create_object(&object).await.unwrap();
    world
}

/// A worker that has loaded everything there is.
async fn worker(world: &World) -> crate::world::Worker {
    assert_eq!(world.run(&["backfill"]).0, 0);
    let worker = world.worker();
    let none = polls(world).await;
    wait_until("the first poll", DEADLINE, async || polls(world).await != none).await;
    worker
}

async fn polls(world: &World) -> Option<String> {
    world.cell("select last_poll::text from lockstep.mapping").await
}

/// How many records were written in Salesforce, by how it ended.
async fn remote_writes(world: &World) -> BTreeMap<String, u64> {
    let mut rows = world.control().counters().await.unwrap().rows;
    rows.remove("read");
    rows
}

/// Waits until every row is sent and what Salesforce stamped is read back.
async fn read_back(world: &World) {
    wait_until("everything is sent", DEADLINE, async || world.waiting().await == 0).await;
    let unread = "select count(*) from salesforce.value__c where systemmodstamp is null or _hc_lastop <> 'SYNCED'";
    wait_until("the records are read back", DEADLINE, async || {
        world.cell(unread).await.as_deref() == Some("0")
    })
    .await;
}

/// Three polls during which neither side may be written.
async fn assert_quiet(world: &World) {
    let versions = "select string_agg(xmin::text || ' ' || ctid::text, ',' order by id) from salesforce.value__c";
    let before = world.cell(versions).await;
    let written = remote_writes(world).await;
    for _ in 0..3 {
        let last = polls(world).await;
        wait_until("another poll", DEADLINE, async || polls(world).await != last).await;
    }
    assert_eq!(world.cell(versions).await, before, "rows were written in silence");
    assert_eq!(remote_writes(world).await, written, "records were written in silence");
}
