//! The order of changes under kills and under load, by real workers.

use crate::wait::wait_until;
use crate::world::{ACCOUNT, World};
use salesforce_simulator::{Config, Fault, FaultKind};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(90);

const SHIP: &str = r#"
object = "Account"
direction = "both"
key = { external_id = "External_Id__c" }
poll = { every = "1s" }

[fields]
Name = {}
External_Id__c = {}
First__c = { ref = { mapping = "Contact", match = "external_id__c", column = "first_key" } }
"#;

const SAILOR: &str = r#"
object = "Contact"
direction = "both"
key = { external_id = "External_Id__c" }
poll = { every = "1s" }

[fields]
LastName = {}
External_Id__c = {}
AccountId = { ref = { mapping = "Account", match = "external_id__c", column = "account_key" } }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_between_the_two_passes_of_a_circle_leaves_the_second_to_the_next() {
    // given rows that refer to each other, and an org that takes its time over the second pass
    let org = Config { empty: true, ..Config::default() };
    let world = World::start(org, &[("account.toml", SHIP), ("contact.toml", SAILOR)]).await;
    let first = json!({ "name": "First__c", "type": "reference", "referenceTo": ["Contact"],
                        "relationshipName": "First__r", "length": 18, "nillable": true });
    world.control().add_field("Account", &first).await.unwrap();
    let mappings = world.mappings().await;
    assert_eq!(world.run(&["provision"]).0, 0);
    let slow = Fault::from(FaultKind::latency(120_000))
        .method("PATCH")
        .route("/services/data/*/composite/sobjects*");
    world.control().arm(slow).await.unwrap();
    let app = world.application().await;
    app.run(
        "begin;
         insert into salesforce.account (name, external_id__c, first_key) values ('Ship', 'a1', 'c1');
         insert into salesforce.contact (lastname, external_id__c, account_key) values ('Mate', 'c1', 'a1');
         commit",
    )
    .await
    .unwrap();

    // when the worker is killed while the second pass is on its way
    let worker = world.worker();
    let second = "select count(*) from lockstep.journal \
                  where table_name = 'account' and operation = 'UPDATE' and outcome is null";
    wait_until("the second pass is on its way", PATIENCE, async || {
        world.cell_if_any(second).await.as_deref() == Some("1")
    })
    .await;
    assert_eq!(world.unsettled().await, 1, "the account's insert is not settled by half");
    worker.kill();
    world.control().disarm_all().await.unwrap();
    let _worker = world.worker();

    // then the next one completes it
    let references = "select count(*) from salesforce.account, salesforce.contact \
                      where first__c = contact.sfid and accountid = account.sfid";
    wait_until("both references are there", PATIENCE, async || {
        world.cell(references).await.as_deref() == Some("1") && world.unsettled().await == 0
    })
    .await;
    for mapping in &mappings {
        assert_eq!(world.differences(mapping).await, Vec::<String>::new());
        assert_eq!(world.records(mapping).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rapid_updates_of_the_same_rows_arrive_in_their_order_and_never_twice() {
    // given an org that refuses a number that does not grow, and workers that compete
    const SESSIONS: usize = 4;
    const UPDATES: usize = 150;
    let org = Config { empty: true, ..Config::default() };
    let world = World::start(org, &[("account.toml", ACCOUNT)]).await;
    let mappings = world.mappings().await;
    assert_eq!(world.run(&["provision"]).0, 0);
    let growing = json!({ "kind": "trigger", "object": "Account", "name": "Growing", "events": ["before update"],
        "script": "if row.NumberOfEmployees <= old.NumberOfEmployees { add_error(\"an inversion or a repetition\"); }" });
    world.control().define_rule(&serde_json::from_value(growing).unwrap()).await.unwrap();
    let insert = "insert into salesforce.account (name, external_id__c, numberofemployees) \
                  select 'A' || n, 'k' || n, 0 from generate_series(0, 39) n";
    world.application().await.run(insert).await.unwrap();
    let mut workers: BTreeMap<_, _> = ["one", "two", "three", "four"]
        .map(|name| (name.to_owned(), world.worker_named(name)))
        .into();
    wait_until("the rows are there", PATIENCE, async || world.unsettled().await == 0).await;

    // when several sessions count up in the same rows, the one at work being killed half-way
    let mut sessions = Vec::new();
    for session in 0..SESSIONS {
        let app = world.application().await;
        sessions.push(tokio::spawn(async move {
            for turn in 0..UPDATES {
                let key = (session * 11 + turn * 13) % 40;
                let update = format!(
                    "update salesforce.account set numberofemployees = numberofemployees + 1 \
                     where external_id__c = 'k{key}'"
                );
                app.run(&update).await.unwrap();
                app.run("select pg_sleep(0.02)").await.unwrap();
            }
        }));
    }
    let half_way = SESSIONS * UPDATES / 2;
    let counted = format!("select sum(numberofemployees) >= {half_way} from salesforce.account");
    wait_until("half of it is written", PATIENCE, async || {
        world.cell(&counted).await.as_deref() == Some("t")
    })
    .await;
    let holder = "select split_part(holder, '#', 1) from lockstep.lease where name like 'group:%'";
    let holder = world.cell(holder).await.unwrap();
    workers.remove(&holder).unwrap().kill();
    for session in sessions {
        session.await.unwrap();
    }
    wait_until("everything is sent", PATIENCE, async || world.waiting().await == 0).await;

    // then nothing was refused, and all of it counts
    assert_eq!(world.parked().await, Vec::<String>::new());
    let total = "select sum(numberofemployees) from salesforce.account";
    assert_eq!(world.cell(total).await.unwrap(), (SESSIONS * UPDATES).to_string());
    assert_eq!(world.differences(&mappings[0]).await, Vec::<String>::new());
    assert_eq!(world.cell("select count(*) from lockstep.conflict").await.unwrap(), "0");
    let together = "select count(*) from lockstep.journal a, lockstep.journal b \
                    where a.record_id = b.record_id and a.id < b.id and b.opened_at < a.closed_at";
    assert_eq!(world.cell(together).await.unwrap(), "0", "one flight of a record at a time");
}

const PORT: &str = r#"
object = "Account"
direction = "both"
poll = { every = "1s" }
fields = ["Name"]
"#;

const DOCKER: &str = r#"
object = "Contact"
direction = "both"
key = { external_id = "External_Id__c" }
poll = { every = "1s" }

[fields]
LastName = {}
AccountId = { ref = { mapping = "Account", match = "id", column = "account_id" } }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_applications_foreign_key_is_kept_in_step_in_both_directions() {
    // given a table of the application's own that refers to accounts by a foreign key
    let org = Config { empty: true, ..Config::default() };
    let world = World::start(org, &[("account.toml", PORT), ("contact.toml", DOCKER)]).await;
    let mappings = world.mappings().await;
    let app = world.application().await;
    app.run(
        "create schema salesforce;
         create table salesforce.account (id serial primary key, name varchar(255));
         create table salesforce.contact (
             id serial primary key, lastname varchar(80),
             account_id bigint references salesforce.account on delete cascade
         )",
    )
    .await
    .unwrap();
    assert_eq!(world.run(&["provision"]).0, 0);
    let _worker = world.worker();

    // when it inserts parents and children together
    app.run(
        "begin;
         insert into salesforce.account (name) values ('North'), ('South');
         insert into salesforce.contact (lastname, account_id) values ('Ann', 1), ('Ben', 2), ('Cid', null);
         commit",
    )
    .await
    .unwrap();

    // then the records refer to each other, and what a person changes there comes back as numbers of rows
    wait_until("everything is sent", PATIENCE, async || world.unsettled().await == 0).await;
    let records = world.records(&mappings[1]).await;
    assert_eq!(records.len(), 3);
    let lookups = "select count(*) from salesforce.contact join salesforce.account \
                   on account.id = account_id and account.sfid = accountid";
    wait_until("the lookups are read back", PATIENCE, async || {
        world.cell(lookups).await.as_deref() == Some("2")
    })
    .await;
    let cell = async |sql: &str| world.cell(sql).await.unwrap();
    let south = cell("select sfid from salesforce.account where name = 'South'").await;
    for name in ["Ann", "Cid"] {
        let find = format!("select sfid from salesforce.contact where lastname = '{name}'");
        let edit = json!({ "AccountId": south });
        world.control().update("Contact", &cell(&find).await, &edit).await.unwrap();
    }
    let moved =
        "select string_agg(lastname || account_id, ' ' order by id) from salesforce.contact";
    wait_until("the rows follow", PATIENCE, async || {
        world.cell(moved).await.as_deref() == Some("Ann2 Ben2 Cid2")
    })
    .await;
    for mapping in &mappings {
        assert_eq!(world.differences(mapping).await, Vec::<String>::new());
    }
    assert_eq!(world.cell("select count(*) from lockstep.conflict").await.as_deref(), Some("0"));
}
