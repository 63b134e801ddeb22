//! Refused changes as the operator meets them: what the program tells, what it does about them, and what heals by itself.

use crate::wait::wait_until;
use crate::world::World;
use salesforce_simulator::org::PicklistChange;
use salesforce_simulator::{Config, Fault};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// Long enough for a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_mins(2);

/// Accounts with a picklist that takes its own values only.
const TIERED: &str = r#"
object = "Account"
direction = "both"
key = { external_id = "External_Id__c" }
fields = ["Name", "Tier__c", "AnnualRevenue", "External_Id__c"]
poll = { every = "1s" }
"#;

const FAILED: &str = "select count(*) from salesforce._trigger_log where state = 'FAILED'";

/// A world in step, whose worker looks at objects every second.
async fn world(mapping: &str) -> World {
    let org = Config { scale: 0.05, ..Config::default() };
    let world = World::start(org, &[("account.toml", mapping)]).await;
    let settings = "[worker]\ndescribe_every = \"1s\"\n";
    std::fs::write(world.folder.path().join("lockstep.toml"), settings).unwrap();
    world
}

async fn loaded(world: &World) {
    let loads = "select count(*) from lockstep.checkpoint where loaded";
    wait_until("the load ends", PATIENCE, async || {
        world.cell_if_any(loads).await.as_deref() == Some("1")
    })
    .await;
}

async fn run(world: &World, sql: &str) {
    world.application().await.run(sql).await.unwrap();
}

async fn until(world: &World, what: &str, sql: &str, expected: &str) {
    wait_until(what, PATIENCE, async || world.cell(sql).await.as_deref() == Some(expected)).await;
}

/// Writing requests since they were last forgotten.
async fn writes(world: &World) -> usize {
    let requests = world.control().requests().await.unwrap();
    requests.iter().filter(|request| request.path.contains("composite/sobjects")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_outside_a_restricted_picklist_is_held_back_until_the_org_has_it() {
    // given a row whose value the picklist does not have
    let world = world(TIERED).await;
    let _worker = world.worker();
    loaded(&world).await;
    world.control().forget_requests().await.unwrap();
    run(&world, "insert into salesforce.account (name, tier__c) values ('Canned', 'Tin')").await;
    until(&world, "the row is held back", FAILED, "1").await;

    // then nothing was sent, and the operator reads why, and what was not sent
    assert_eq!(writes(&world).await, 0);
    let (status, out, _) = world.run(&["errors", "list"]);
    assert_eq!(status, 3);
    let words = "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST: would be refused: Tier__c: bad value";
    assert!(out.contains(words), "{out}");
    let id =
        world.cell("select id from salesforce._trigger_log where state = 'FAILED'").await.unwrap();
    let (_, out, _) = world.run(&["errors", "show", &id]);
    assert!(out.contains("not sent") && out.contains("> Tier__c: \"Tin\""), "{out}");

    // when the administrator adds the value, then the row goes by itself
    let tin = PicklistChange { add: vec!["Tin".to_owned()], ..PicklistChange::default() };
    world.control().change_picklist("Account", "Tier__c", &tin).await.unwrap();
    let linked =
        "select count(*) from salesforce.account where name = 'Canned' and sfid is not null";
    until(&world, "the row is sent", linked, "1").await;
    assert_eq!(world.run(&["errors", "list"]).0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_rehearsal_salesforce_judges_everything() {
    let world = world(&format!("{TIERED}rehearsal = \"off\"\n")).await;
    let _worker = world.worker();
    loaded(&world).await;
    world.control().forget_requests().await.unwrap();

    run(&world, "insert into salesforce.account (name, tier__c) values ('Canned', 'Tin')").await;
    until(&world, "the row is refused", FAILED, "1").await;

    assert_eq!(writes(&world).await, 1);
    let origin = "select origin from lockstep.parked";
    assert_eq!(world.cell(origin).await.as_deref(), Some("salesforce"));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_by_cause_and_settled_by_cause() {
    // given three rows that break one rule, and one that breaks another
    let world = world(TIERED).await;
    let _worker = world.worker();
    loaded(&world).await;
    let other: Fault = serde_json::from_value(json!({
        "kind": "row_error", "code": "CANNOT_EXECUTE_FLOW_TRIGGER", "message": "the flow broke", "fields": [],
        "where": { "field": "Name", "equals": "Flow" }, "times": null
    }))
    .unwrap();
    let other = world.control().arm(other).await.unwrap();
    run(
        &world,
        "insert into salesforce.account (name, annualrevenue) values ('One', -1), ('Two', -2), ('Three', -3);
         insert into salesforce.account (name) values ('Flow')",
    )
    .await;
    until(&world, "all are refused", FAILED, "4").await;

    // when the operator asks, then there are two causes, each with its count, remedy and command
    let (status, out, _) = world.run(&["errors", "list", "account"]);
    assert_eq!(status, 3);
    assert!(out.contains("3 changes of Account") && out.contains("1 change of Account"), "{out}");
    assert!(out.contains("Annual revenue cannot be negative"), "{out}");
    assert!(out.contains("change the rule, then retry") && out.contains("--alike"), "{out}");
    let (_, out, _) = world.run(&["errors", "list", "--rows"]);
    assert_eq!(out.matches("INSERT").count(), 4, "{out}");
    let (_, out, _) = world.run(&["errors", "list", "--json"]);
    let told: Json = serde_json::from_str(&out).unwrap();
    assert_eq!(told["groups"][0]["count"], 3, "{out}");
    let flow = told["errors"]
        .as_array()
        .unwrap()
        .iter()
        .find(|error| error["code"] == "CANNOT_EXECUTE_FLOW_TRIGGER");
    let flow = flow.unwrap();
    assert_eq!(
        (&flow["refused_by"], &flow["attempts"]),
        (&json!("salesforce"), &json!(1)),
        "{out}"
    );

    // when the broken rule is mended and its group retried, then it goes; the others are given up together
    world.control().disarm(other.id).await.unwrap();
    let (status, out, _) = world.run(&["errors", "retry", &flow["id"].to_string(), "--alike"]);
    assert_eq!((status, out.trim()), (0, "1 change to be sent again by the worker"));
    let sent = "select count(*) from salesforce.account where name = 'Flow' and sfid is not null";
    until(&world, "the flow's row is sent", sent, "1").await;
    let first = told["groups"][0]["ids"][0].to_string();
    let (status, out, _) =
        world.run(&["errors", "ignore", &first, "--alike", "--reason", "debtors"]);
    assert_eq!((status, out.trim()), (0, "3 changes given up"));
    assert_eq!(world.run(&["errors", "list"]).0, 0);
    assert_eq!(world.cell("select count(*) from lockstep.parked").await.as_deref(), Some("0"));

    // and settling what is settled already says that there is nothing
    assert_eq!(world.run(&["errors", "ignore", &first]).0, 1);
    let given_up = "select count(*) from salesforce._trigger_log_archive where state = 'IGNORED' and sf_message like '%debtors'";
    assert_eq!(world.cell(given_up).await.as_deref(), Some("3"));
}
