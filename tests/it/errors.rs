//! Refused changes as the operator meets them: what the program tells, what it does about them, and what heals by itself.

use crate::steps::{loaded, run, until_cell};
use crate::world::World;
use salesforce_simulator::org::PicklistChange;
use salesforce_simulator::{Config, Fault};
use serde_json::{Value as Json, json};

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
    until_cell(&world, "the row is held back", FAILED, "1").await;

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
    until_cell(&world, "the row is sent", linked, "1").await;
    assert_eq!(world.run(&["errors", "list"]).0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_rehearsal_salesforce_judges_everything() {
    let world = world(&format!("{TIERED}rehearsal = \"off\"\n")).await;
    let _worker = world.worker();
    loaded(&world).await;
    world.control().forget_requests().await.unwrap();

    run(&world, "insert into salesforce.account (name, tier__c) values ('Canned', 'Tin')").await;
    until_cell(&world, "the row is refused", FAILED, "1").await;

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
    until_cell(&world, "all are refused", FAILED, "4").await;

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
    until_cell(&world, "the flow's row is sent", sent, "1").await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_shown_with_its_three_values_and_a_person_says_whose_stay() {
    // given two accounts that both sides have renamed, in a mapping that leaves names to a person
    let mapping = TIERED.replace(
        r#"fields = ["Name", "Tier__c", "AnnualRevenue", "External_Id__c"]"#,
        "[fields]\nName = { conflict = \"manual\" }\nPhone = {}\nExternal_Id__c = {}\n[poll]\nevery = \"1s\"",
    );
    let world = world(&mapping.replace("poll = { every = \"1s\" }\n", "")).await;
    let worker = world.worker();
    loaded(&world).await;
    run(&world, "insert into salesforce.account (name) values ('One'), ('Two')").await;
    let linked =
        "select count(*) from salesforce.account where name in ('One', 'Two') and sfid is not null";
    until_cell(&world, "both are sent", linked, "2").await;
    until_cell(&world, "nothing is under way", "select count(*) from salesforce._trigger_log", "0")
        .await;
    assert_eq!(worker.terminate(), Some(0));
    for name in ["One", "Two"] {
        let id = format!("select sfid from salesforce.account where name = '{name}'");
        let id = world.cell(&id).await.unwrap();
        let theirs = json!({ "Name": format!("{name} theirs") });
        world.control().update("Account", &id, &theirs).await.unwrap();
    }
    run(
        &world,
        "update salesforce.account set name = name || ' ours' where name in ('One', 'Two')",
    )
    .await;
    let _worker = world.worker();
    until_cell(&world, "a person is asked", FAILED, "2").await;

    // when the operator asks, then all values are told, and what to do
    let (status, out, _) = world.run(&["errors", "list"]);
    assert_eq!(status, 3);
    assert!(out.contains("both sides have changed Name") && out.contains("errors decide"), "{out}");
    let first = "select min(id) from salesforce._trigger_log where state = 'FAILED'";
    let id = world.cell(first).await.unwrap();
    let (_, out, _) = world.run(&["errors", "show", &id]);
    for line in ["base        \"One\"", "Postgres    \"One ours\"", "Salesforce  \"One theirs\""] {
        assert!(out.contains(line), "{out}");
    }
    let (_, out, _) = world.run(&["errors", "show", &id, "--json"]);
    let told: Json = serde_json::from_str(&out).unwrap();
    assert_eq!(told["conflicts"]["Name"]["remote"], json!("One theirs"), "{out}");

    // when it decides one for each side, then both sides hold what was decided
    let (status, out, _) = world.run(&["errors", "decide", "postgres", &id]);
    assert_eq!((status, out.trim()), (0, "1 change decided for Postgres: the worker sends them"));
    let (status, out, _) = world.run(&["errors", "decide", "salesforce", "--all"]);
    assert_eq!(
        (status, out.trim()),
        (0, "1 change decided for Salesforce: the worker mends the rows")
    );
    until_cell(&world, "both are settled", "select count(*) from salesforce._trigger_log", "0")
        .await;
    assert_eq!(world.differences(&world.mappings().await[0]).await, [""; 0]);
    let names = "select string_agg(name, ', ' order by name) from salesforce.account where name ~ 'ours|theirs'";
    assert_eq!(world.cell(names).await.as_deref(), Some("One ours, Two theirs"));
    assert_eq!(world.run(&["errors", "decide", "salesforce", &id]).0, 1, "nothing is left");
}
