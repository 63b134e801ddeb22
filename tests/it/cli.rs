//! What a person meets at the command line, above all when something is wrong.

use crate::steps::loaded;
use crate::wait::wait_until;
use crate::world::{ACCOUNT, World};
use salesforce_simulator::{Config, Fault, FaultKind};
use std::time::Duration;

async fn small_world(mappings: &[(&str, &str)]) -> World {
    World::start(Config { scale: 0.05, ..Config::default() }, mappings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn check_reports_every_problem_of_every_file_with_its_place_and_a_suggestion() {
    // given two files with three problems
    let account = "object = \"Account\"\ndirection = \"both\"\nfields = [\"Name\", \"Fone\"]\n";
    let contact = "object = \"Contcat\"\ndirektion = \"both\"\nfields = [\"LastName\"]\n";
    let world = small_world(&[("account.toml", account), ("contact.toml", contact)]).await;

    // when they are checked
    let (status, out, talk) = world.run(&["check"]);

    // then the unknown key is shown with its place
    let all = format!("{out}{talk}");
    assert_eq!(status, 5, "{all}");
    assert!(all.contains("contact.toml:2:1"), "{all}");
    assert!(all.contains("did you mean `direction`"), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_asks_the_org_for_objects_and_fields() {
    let account = "object = \"Account\"\ndirection = \"both\"\nfields = [\"Name\", \"Fone\"]\n";
    let world = small_world(&[("account.toml", account)]).await;
    let (status, out, talk) = world.run(&["check"]);
    let all = format!("{out}{talk}");
    assert_eq!(status, 5, "{all}");
    assert!(all.contains("account.toml:3:"), "{all}");
    assert!(all.contains("did you mean `Phone`"), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_asks_the_org_about_conditions_and_repeats_its_words() {
    // given conditions of which one is no SOQL, one names a field that is not there, and one is sound
    let file = |object: &str, field: &str, condition: &str| {
        format!("object = \"{object}\"\nfields = [\"{field}\"]\nwhere = \"{condition}\"\n")
    };
    let account = file("Account", "Name", "Industry = = 'Banking'");
    let contact = file("Contact", "LastName", "Emil != null");
    let lead = file("Lead", "LastName", "Company != null");
    let files = [("account.toml", &*account), ("contact.toml", &contact), ("lead.toml", &lead)];
    let world = small_world(&files).await;

    // when they are checked
    let (status, out, talk) = world.run(&["check"]);

    // then each refusal has its place, Salesforce's code and words, and what to do
    let all = format!("{out}{talk}");
    assert_eq!(status, 5, "{all}");
    for part in [
        "account.toml:3:9",
        "MALFORMED_QUERY",
        "contact.toml:3:9",
        "INVALID_FIELD",
        "No such column 'Emil'",
        "as it would stand after WHERE",
        "3 mappings checked: 2 errors",
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
    assert!(!all.contains("lead.toml"), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_is_not_blamed_for_a_refusal_that_passes() {
    let lead = "object = \"Lead\"\nfields = [\"LastName\"]\nwhere = \"Company != null\"\n";
    let world = small_world(&[("lead.toml", lead)]).await;
    let limit = Fault::new(FaultKind::error("LIMIT_EXCEEDED")).operation("query").forever();
    world.control().arm(limit).await.unwrap();

    let (status, out, talk) = world.run(&["check"]);

    assert_eq!(status, 6, "{out}{talk}");
    assert!(!format!("{out}{talk}").contains("lead.toml:3"), "{out}{talk}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_database_is_temporary_and_names_what_to_do() {
    let world = small_world(&[("account.toml", ACCOUNT)]).await;
    let mut command = world.command(&["provision"]);
    let output =
        command.env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none").output().unwrap();
    let talk = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{talk}");
    assert!(talk.contains("next:"), "{talk}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_need_a_login() {
    let world = small_world(&[("account.toml", ACCOUNT)]).await;
    let mut command = world.command(&["provision"]);
    let output = command.env("SALESFORCE_USERNAME", "stranger@example.com").output().unwrap();
    let talk = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{talk}");
    assert!(talk.contains("next:"), "{talk}");
}

#[tokio::test(flavor = "multi_thread")]
async fn config_show_hides_secrets_and_tells_where_each_value_came_from() {
    let world = small_world(&[("account.toml", ACCOUNT)]).await;
    let (status, out, talk) = world.run(&["config", "show"]);
    assert_eq!(status, 0, "{talk}");
    assert!(out.contains("SALESFORCE_USERNAME"), "{out}");
    assert!(!out.contains("PRIVATE KEY"), "{out}");
    assert!(out.contains("[hidden]"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn provisioning_twice_does_nothing_the_second_time() {
    let world = small_world(&[("account.toml", ACCOUNT)]).await;
    let (status, out, talk) = world.run(&["provision"]);
    assert_eq!(status, 0, "{talk}");
    assert!(out.contains("account"), "{out}");
    let (status, out, _) = world.run(&["provision"]);
    assert_eq!(status, 0);
    assert!(out.contains("nothing to do"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_added_to_a_mapping_becomes_a_loaded_column() {
    // given a loaded mapping
    let world = small_world(&[("account.toml", ACCOUNT)]).await;
    assert_eq!(world.run(&["backfill"]).0, 0);

    // when a field is added and the worker starts
    let wider = ACCOUNT.replace("\"Phone\",", "\"Phone\", \"Website\",");
    std::fs::write(world.folder.path().join("mappings/account.toml"), wider).unwrap();
    let _worker = world.worker();

    // then its column is made and filled
    let mappings = world.mappings().await;
    wait_until("the column is filled", Duration::from_secs(30), async || {
        world.cell_if_any("select count(website) from salesforce.account").await.is_some()
            && world.differences(&mappings[0]).await.is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_salesforce_refuses_is_listed_shown_and_retried() {
    // given a row that a validation rule refuses
    let world = small_world(&[("account.toml", ACCOUNT)]).await;
    let _worker = world.worker();
    loaded(&world).await;
    let insert = "insert into salesforce.account (name, annualrevenue) values ('Debtor', -1)";
    world.application().await.run(insert).await.unwrap();
    let parked = "select sf_message from salesforce._trigger_log where state = 'FAILED'";
    wait_until("the refusal", Duration::from_secs(20), async || world.cell(parked).await.is_some())
        .await;

    // when the operator looks
    let (status, out, _) = world.run(&["errors", "list"]);

    // then the cause is there, and the status says that something is to do
    assert_eq!(status, 3, "{out}");
    assert!(out.contains("FIELD_CUSTOM_VALIDATION_EXCEPTION"), "{out}");
    let (status, out, _) = world.run(&["status"]);
    assert_eq!(status, 0, "{out}");
    assert!(out.contains("Account"), "{out}");

    // and the fixed row goes out after a retry, with the value it has now
    let fix = "update salesforce.account set annualrevenue = 1 where name = 'Debtor'";
    world.application().await.run(fix).await.unwrap();
    wait_until("the record", Duration::from_secs(20), async || {
        world.cell("select sfid from salesforce.account where name = 'Debtor'").await.is_some()
    })
    .await;
    let (status, out, _) = world.run(&["errors", "list"]);
    assert_eq!(status, 0, "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn provision_proposes_keys_and_references_that_a_table_could_have_and_check_what_can_be_declined()
 {
    // given a table of the application's own, with a foreign key and a column of keys that has no default
    let contact = |key: &str| {
        format!(
            "object = \"Contact\"\ndirection = \"both\"\nfields = [\"LastName\", \"AccountId\"]\n\
             key = {{ external_id = \"External_Id__c\"{key} }}\n"
        )
    };
    let account = "object = \"Account\"\nfields = [\"Name\"]\n";
    let world = small_world(&[("account.toml", account), ("contact.toml", &contact(""))]).await;
    let tables = "create schema salesforce;
                  create table salesforce.account (id serial primary key);
                  create table salesforce.contact (
                      id serial primary key, external_id__c varchar(255),
                      account integer references salesforce.account
                  )";
    world.application().await.run(tables).await.unwrap();

    // when it is provisioned, then that is said, and it is no fault
    let (status, _, talk) = world.run(&["provision"]);
    assert_eq!(status, 0, "{talk}");
    for part in ["default = \"uuid\"", "match = \"id\", column = \"account\""] {
        assert!(talk.contains(part), "{talk}");
    }
    let (status, out, _) = world.run(&["check"]);
    assert_eq!(status, 0, "{out}");
    assert!(out.contains("contact.external_id__c has no default"), "{out}");
    assert!(!out.contains("no lookup follows it"), "{out}");

    // when the mapping asks for the default, then the column has it
    let file = world.folder.path().join("mappings/contact.toml");
    std::fs::write(file, contact(", default = \"uuid\"")).unwrap();
    let (status, out, talk) = world.run(&["provision"]);
    assert_eq!(status, 0, "{talk}");
    assert!(out.contains("column contact.external_id__c makes up keys"), "{out}");
    assert!(!talk.contains("has no default"), "{talk}");
}
