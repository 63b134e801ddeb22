//! Objects that change in Salesforce while the worker runs: followed where that is safe, held where it is not.

mod beside;
mod start;

use crate::steps::{self, run, until_cell};
use crate::wait::wait_until;
use crate::world::{Worker, World};
use lockstep::model::Value;
use salesforce_simulator::org::{Action, FieldRight};
use salesforce_simulator::{Config, Fault, VersionState};
use serde_json::json;
use std::time::Duration;

/// Long enough for a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_mins(2);

/// Accounts with a note, which is the field that things happen to.
const NOTED: &str = r#"
object = "Account"
direction = "both"
key = { external_id = "External_Id__c" }
fields = ["Name", "Phone", "Note__c", "External_Id__c"]
poll = { every = "1s" }
deletes = { hold_above = 10000 }
"#;

const EVERYTHING: &str = r#"
object = "Account"
direction = "from_salesforce"
fields = "all_readable"
poll = { every = "1s" }
"#;

/// A world with a field `Note__c` of ten characters, whose worker looks at objects every second.
async fn world(mapping: &str) -> World {
    let org = Config { scale: 0.05, ..Config::default() };
    let world = World::start(org, &[("account.toml", mapping)]).await;
    let settings = "[worker]\ndescribe_every = \"1s\"\n";
    std::fs::write(world.folder.path().join("lockstep.toml"), settings).unwrap();
    let note = json!({ "name": "Note__c", "type": "string", "length": 10, "defaultValue": "kept" });
    world.control().add_field("Account", &note).await.unwrap();
    world
}

async fn loaded(world: &World) -> Worker {
    let worker = world.worker();
    steps::loaded(world).await;
    worker
}

const STATE: &str = "select state from lockstep.mapping where object = 'Account'";

async fn paused(world: &World, reason: &str) {
    let sql = "select string_agg(state_reason, '; ') from lockstep.mapping where state = 'paused'";
    wait_until(&format!("paused: {reason}"), PATIENCE, async || {
        world.cell_if_any(sql).await.is_some_and(|text| text.contains(reason))
    })
    .await;
}

async fn in_step(world: &World) {
    until_cell(world, "the mapping is in step", STATE, "synced").await;
}

/// One account, as the world's rows have it.
async fn some_account(world: &World) -> String {
    world.cell("select min(sfid) from salesforce.account").await.unwrap()
}

async fn edit(world: &World, id: &str, fields: serde_json::Value) {
    world.control().update("Account", id, &fields).await.unwrap();
}

/// The application's and the users' changes of all fields arrive, and both sides are equal.
async fn all_is_well(world: &World) {
    in_step(world).await;
    let id = some_account(world).await;
    run(world, &format!("update salesforce.account set note__c = 'mine' where sfid = '{id}'"))
        .await;
    let mapping = world.mappings().await.remove(0);
    wait_until("both sides are equal", PATIENCE, async || {
        world.waiting().await == 0 && world.differences(&mapping).await.is_empty()
    })
    .await;
    let note = world.records(&mapping).await.remove(&id).unwrap();
    assert!(note.contains(&Value::Text("mine".to_owned())), "{note:?}");
    assert_eq!(world.parked().await, [""; 0]);
}

const EMPTY_NOTES: &str =
    "select count(*) from salesforce.account where note__c is null and sfid is not null";

#[tokio::test(flavor = "multi_thread")]
async fn a_new_field_gets_a_column_that_is_loaded() {
    // given a mapping of all readable fields, in step
    let world = world(EVERYTHING).await;
    let _worker = loaded(&world).await;
    in_step(&world).await;

    // when a field appears whose values move no stamp
    let field =
        json!({ "name": "Fresh__c", "type": "string", "length": 20, "defaultValue": "fresh" });
    world.control().add_field("Account", &field).await.unwrap();

    // then every row has its value, without a restart, and the timeline tells it
    let fresh = "select count(*) from salesforce.account where fresh__c is distinct from 'fresh'";
    until_cell(&world, "the column is loaded", fresh, "0").await;
    let told = "select count(*) from lockstep.event where kind = 'drift' and message like 'Fresh__c is new%'";
    assert_eq!(world.cell(told).await.as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_field_is_left_out_where_the_mapping_says_so() {
    let world = world(&format!("{EVERYTHING}drift = {{ new_field = \"ignore\" }}\n")).await;
    let _worker = loaded(&world).await;
    in_step(&world).await;

    let field = json!({ "name": "Fresh__c", "type": "string", "length": 20 });
    world.control().add_field("Account", &field).await.unwrap();
    world.control().forget_requests().await.unwrap();
    wait_until("the object was described anew", PATIENCE, async || {
        let requests = world.control().requests().await.unwrap();
        let looked = requests.iter().filter(|request| request.path.ends_with("/sobjects"));
        looked.count() >= 3
    })
    .await;

    let columns = "select count(*) from information_schema.columns where column_name = 'fresh__c'";
    assert_eq!(world.cell(columns).await.as_deref(), Some("0"));
    in_step(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_grows_widens_its_column() {
    // given a column of ten characters
    let world = world(NOTED).await;
    let _worker = loaded(&world).await;
    in_step(&world).await;

    // when the field grows, and a value comes at once that needs it
    let long = "a value of more than ten characters";
    world.control().alter_field("Account", "Note__c", &json!({ "length": 200 })).await.unwrap();
    let id = some_account(&world).await;
    edit(&world, &id, json!({ "Note__c": long })).await;

    // then the column takes it
    let note = format!("select note__c from salesforce.account where sfid = '{id}'");
    until_cell(&world, "the long value", &note, long).await;
    all_is_well(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_cut_changes_nothing_for_its_column() {
    let world = world(NOTED).await;
    let _worker = loaded(&world).await;
    in_step(&world).await;

    world.control().alter_field("Account", "Note__c", &json!({ "length": 5 })).await.unwrap();

    all_is_well(&world).await;
    let length = "select character_maximum_length from information_schema.columns \
                  where table_schema = 'salesforce' and table_name = 'account' and column_name = 'note__c'";
    assert_eq!(world.cell(length).await.as_deref(), Some("10"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_removed_pauses_the_mapping_and_empties_no_cell() {
    // given a mapping in step
    let world = world(NOTED).await;
    let _worker = loaded(&world).await;
    in_step(&world).await;
    let id = some_account(&world).await;

    // when its field is gone, and records change meanwhile on both sides
    world.control().drop_field("Account", "Note__c").await.unwrap();
    edit(&world, &id, json!({ "Phone": "1" })).await;
    run(&world, "insert into salesforce.account (name, note__c) values ('Meanwhile', 'mine too')")
        .await;
    paused(&world, "Note__c is gone from Salesforce").await;

    // then no cell is emptied, the change is captured, and status says what to do
    assert_eq!(world.cell(EMPTY_NOTES).await.as_deref(), Some("0"));
    assert_eq!(world.waiting().await, 1);
    let (_, status, _) = world.run(&["status"]);
    assert!(status.contains("the mapping resumes by itself"), "{status}");

    // when it is back, then everything goes on by itself
    goes_on_with_its_field(&world, &id).await;
}

/// The field comes back, and with it the mapping and what was changed meanwhile: the phone number of this record.
async fn goes_on_with_its_field(world: &World, id: &str) {
    world.control().undelete_field("Account", "Note__c").await.unwrap();
    all_is_well(world).await;
    let phone = format!("select phone from salesforce.account where sfid = '{id}'");
    assert_eq!(world.cell(&phone).await.as_deref(), Some("1"));
    let (_, status, _) = world.run(&["status"]);
    assert!(!status.contains("gone from Salesforce"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_hidden_can_pause_alone_while_the_others_go_on() {
    // given a mapping whose fields pause alone
    let world = world(&format!("{NOTED}drift = {{ removed_field = \"pause_field\" }}\n")).await;
    let worker = loaded(&world).await;
    in_step(&world).await;
    let id = some_account(&world).await;
    let user = world.org.credentials().username;

    // when its field is hidden
    let hide = async |right: FieldRight| {
        world.control().set_field_right(Some(&user), "Account", "Note__c", right).await.unwrap();
    };
    hide(FieldRight::Hidden).await;
    let told = "select count(*) from lockstep.drift where field = 'Note__c'";
    until_cell(&world, "the drift is told", told, "1").await;

    // then the other fields go both ways, no cell is emptied, and a change of the hidden one waits
    run(&world, &format!("update salesforce.account set note__c = 'waits' where sfid = '{id}'"))
        .await;
    run(&world, "insert into salesforce.account (name) values ('Not noted')").await;
    let other = world.cell("select max(sfid) from salesforce.account").await.unwrap();
    edit(&world, &other, json!({ "Phone": "2", "Note__c": "theirs" })).await;
    let phone = format!("select phone from salesforce.account where sfid = '{other}'");
    until_cell(&world, "the phone number", &phone, "2").await;
    let sent =
        "select count(*) from salesforce.account where name = 'Not noted' and sfid is not null";
    until_cell(&world, "the insert", sent, "1").await;
    assert_eq!(world.waiting().await, 1);
    let kept = format!("select note__c from salesforce.account where sfid = '{other}'");
    assert_eq!(world.cell(&kept).await.as_deref(), Some("kept"));
    assert!(world.run(&["status"]).1.contains("its column stays as it is"));
    drop(worker);

    // when it is back, even if only after a restart, then what was missed is read and sent
    hide(FieldRight::Full).await;
    let _worker = world.worker();
    until_cell(&world, "the value that was missed", &kept, "theirs").await;
    wait_until("the change that waited", PATIENCE, async || world.waiting().await == 0).await;
    all_is_well(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_of_another_kind_pauses_the_mapping_until_it_is_as_it_was() {
    let world = world(NOTED).await;
    let _worker = loaded(&world).await;
    in_step(&world).await;

    let alter = async |change: serde_json::Value| {
        world.control().alter_field("Account", "Note__c", &change).await.unwrap();
    };
    alter(json!({ "type": "date" })).await;
    paused(&world, "Note__c was string and is date").await;

    // Salesforce empties what it cannot convert; what it holds afterwards is what both sides agree on.
    alter(json!({ "type": "string", "length": 10 })).await;
    all_is_well(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_hidden_pauses_its_mapping_until_it_is_back() {
    let world = world(NOTED).await;
    let _worker = loaded(&world).await;
    in_step(&world).await;
    let user = world.org.credentials().username;
    let rows = world.cell("select count(*) from salesforce.account").await;

    world.control().allow(Some(&user), "Account", Action::Read, false).await.unwrap();
    paused(&world, "Account is gone from Salesforce").await;
    assert_eq!(world.cell("select count(*) from salesforce.account").await, rows);

    world.control().allow(Some(&user), "Account", Action::Read, true).await.unwrap();
    all_is_well(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_removed_in_the_middle_of_a_load_leaves_nothing_half_read() {
    // given a Bulk load whose result is slow to come
    let world = world(&format!("{NOTED}bulk = {{ read_above = 1 }}\n")).await;
    let slow = json!({ "operation": "bulk_query", "after": 1, "kind": "latency", "millis": 4000 });
    world.control().arm(serde_json::from_value::<Fault>(slow).unwrap()).await.unwrap();
    let _worker = world.worker();
    wait_until("the job is made", PATIENCE, async || {
        let requests = world.control().requests().await.unwrap();
        requests.iter().any(|request| request.api == "bulk_query")
    })
    .await;

    // when the field goes while it is under way
    world.control().drop_field("Account", "Note__c").await.unwrap();
    paused(&world, "Note__c is gone from Salesforce").await;

    // then nothing was read as empty, and once it is back everything is read
    assert_eq!(world.cell(EMPTY_NOTES).await.as_deref(), Some("0"));
    world.control().undelete_field("Account", "Note__c").await.unwrap();
    let loads = "select count(*) from lockstep.checkpoint where loaded";
    until_cell(&world, "the load ends", loads, "1").await;
    assert_eq!(world.cell(EMPTY_NOTES).await.as_deref(), Some("0"));
    all_is_well(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_lost_narrows_the_field_and_the_rest_is_sent() {
    // given a mapping in step
    let world = world(NOTED).await;
    let worker = loaded(&world).await;
    in_step(&world).await;
    let id = some_account(&world).await;
    let user = world.org.credentials().username;

    // when a field may be written no longer and the application writes it together with another
    let right = async |right: FieldRight| {
        world.control().set_field_right(Some(&user), "Account", "Note__c", right).await.unwrap();
    };
    right(FieldRight::ReadOnly).await;
    let change =
        format!("update salesforce.account set note__c = 'no', phone = '3' where sfid = '{id}'");
    run(&world, &change).await;

    // then the other one is sent, and it is said that this one is only read
    wait_until("the change is sent", PATIENCE, async || world.waiting().await == 0).await;
    assert!(worker.log().contains("Note__c can no longer be written"), "{}", worker.log());
    assert_eq!(world.parked().await, [""; 0]);
    let mapping = world.mappings().await.remove(0);
    let record = world.records(&mapping).await.remove(&id).unwrap();
    assert!(record.contains(&Value::Text("3".to_owned())), "{record:?}");

    // when it may again, then it is
    right(FieldRight::Full).await;
    let again = "select count(*) from lockstep.drift";
    until_cell(&world, "the right is noticed", again, "0").await;
    all_is_well(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_api_version_pauses_the_mappings_and_names_the_setting() {
    let world = world(NOTED).await;
    let _worker = loaded(&world).await;
    in_step(&world).await;

    let version = format!("v{}", lockstep::salesforce::DEFAULT_API_VERSION);
    world.control().set_version(&version, VersionState::Retired).await.unwrap();
    paused(&world, "salesforce.api_version").await;

    world.control().set_version(&version, VersionState::Served).await.unwrap();
    all_is_well(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nothing_changes_a_look_costs_one_request_for_all_mappings() {
    // given two mappings of objects made a while ago, and a worker that has looked since
    let world = world(NOTED).await;
    world.control().advance_clock(60).await.unwrap();
    let contact = crate::world::CONTACT;
    std::fs::write(world.folder.path().join("mappings/contact.toml"), contact).unwrap();
    let _worker = world.worker();
    let looks = async || {
        let requests = world.control().requests().await.unwrap();
        requests.iter().filter(|request| request.path.ends_with("/sobjects")).count()
    };
    wait_until("the worker has looked", PATIENCE, async || looks().await >= 2).await;

    // when it looks again
    world.control().forget_requests().await.unwrap();
    wait_until("the worker looks", PATIENCE, async || looks().await >= 3).await;

    // then the answers were empty, and no object was described
    let requests = world.control().requests().await.unwrap();
    let asked = |path: &str| {
        requests.iter().filter(|request| request.path.ends_with(path)).collect::<Vec<_>>()
    };
    assert!(asked("/sobjects").iter().all(|look| look.status == Some(304)), "{requests:?}");
    assert!(asked("/describe").is_empty(), "{requests:?}");

    // when one object changes
    let field = json!({ "name": "Fresh__c", "type": "string", "length": 20 });
    world.control().add_field("Account", &field).await.unwrap();

    // then only its description is answered
    wait_until("both are asked for", PATIENCE, async || {
        let requests = world.control().requests().await.unwrap();
        requests.iter().any(|request| request.path.ends_with("/Contact/describe"))
    })
    .await;
    let requests = world.control().requests().await.unwrap();
    let statuses = |path: &str| {
        requests
            .iter()
            .filter(|request| request.path.ends_with(path))
            .map(|request| request.status)
            .collect::<Vec<_>>()
    };
    assert!(statuses("/Account/describe").contains(&Some(200)), "{requests:?}");
    assert!(
        statuses("/Contact/describe").iter().all(|status| *status == Some(304)),
        "{requests:?}"
    );
}
