//! What every request says beside what it is about: headers by setting.

use crate::wait::wait_until;
use crate::world::World;
use salesforce_simulator::Config;
use salesforce_simulator::org::{DuplicateAction, RuleSpec};
use std::collections::BTreeMap;
use std::time::Duration;

const PAUSE: Duration = Duration::from_mins(1);

/// Bulk for more than five rows.
const ACCOUNT: &str = r#"
object = "Account"
direction = "both"
key = { external_id = "External_Id__c" }
fields = ["Name", "Phone", "External_Id__c"]
poll = { every = "1s" }
bulk = { write_above = 5 }
"#;

async fn world(settings: &str) -> World {
    let world =
        World::start(Config { empty: true, ..Config::default() }, &[("account.toml", ACCOUNT)])
            .await;
    std::fs::write(world.folder.path().join("lockstep.toml"), settings).unwrap();
    assert_eq!(world.run(&["provision"]).0, 0);
    world
}

fn same_phone() -> RuleSpec {
    RuleSpec::Duplicate {
        object: "Account".to_owned(),
        name: "Same_Phone".to_owned(),
        fields: vec!["Phone".to_owned()],
        action: DuplicateAction::Alert,
    }
}

/// The options of the requests so far whose path ends so.
async fn options(world: &World, method: &str, end: &str) -> Vec<BTreeMap<String, String>> {
    let requests = world.control().requests().await.unwrap();
    let asked = requests.into_iter().filter(|request| request.method == method);
    asked.filter(|request| request.path.ends_with(end)).map(|request| request.options).collect()
}

const ALIKE: &str = "insert into salesforce.account (name, phone, external_id__c) \
                     values ('a', '1', 'k1'); \
                     insert into salesforce.account (name, phone, external_id__c) \
                     values ('b', '1', 'k2')";
const MANY: &str = "insert into salesforce.account (name, external_id__c) \
                    select 'many', 'm' || number from generate_series(1, 20) as number";

#[tokio::test(flavor = "multi_thread")]
async fn settings_choose_the_name_and_what_salesforce_does_beside_a_write() {
    let settings = "[salesforce]\nclient_name = \"crm-sync\"\nassignment_rules = \"on\"\n\
                    duplicate_rules = \"save\"\nrecently_viewed = \"on\"\n";
    let world = world(settings).await;
    world.control().define_rule(&same_phone()).await.unwrap();
    let _worker = world.worker();

    let application = world.application().await;
    application.run(ALIKE).await.unwrap();
    wait_until("both are sent", PAUSE, async || world.unsettled().await == 0).await;
    application.run(MANY).await.unwrap();
    wait_until("all are sent", PAUSE, async || world.unsettled().await == 0).await;

    let bound = "select count(*) from salesforce.account where sfid is not null";
    assert_eq!(world.cell(bound).await.unwrap(), "22", "an alert for duplicates holds nobody up");
    let writes = options(&world, "POST", "/composite/sobjects").await;
    let jobs = options(&world, "POST", "/jobs/ingest").await;
    assert!(!writes.is_empty() && !jobs.is_empty());
    for told in writes.iter().chain(&jobs) {
        assert_eq!(told["sforce-call-options"], "client=crm-sync");
        assert_eq!(told["sforce-auto-assign"], "TRUE");
        assert_eq!(told["sforce-duplicate-rule-header"], "allowSave=true");
        assert_eq!(told["sforce-mru"], "updateMru=true");
    }
    let reads = options(&world, "GET", "/query").await;
    assert!(!reads.is_empty());
    for told in reads {
        assert_eq!(told["sforce-call-options"], "client=crm-sync");
        assert!(!told.contains_key("sforce-auto-assign"), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_settings_owners_stay_and_duplicates_are_refused() {
    let world = world("").await;
    world.control().define_rule(&same_phone()).await.unwrap();
    let _worker = world.worker();

    world.application().await.run(ALIKE).await.unwrap();
    wait_until("one is refused", PAUSE, async || world.parked().await.len() == 1).await;

    assert!(world.parked().await[0].contains("DUPLICATES_DETECTED"));
    let writes = options(&world, "POST", "/composite/sobjects").await;
    assert!(!writes.is_empty());
    for told in writes {
        assert_eq!(told["sforce-call-options"], "client=lockstep");
        assert_eq!(told["sforce-auto-assign"], "FALSE");
        assert_eq!(told["sforce-mru"], "updateMru=false");
        assert!(!told.contains_key("sforce-duplicate-rule-header"), "{told:?}");
    }
}
