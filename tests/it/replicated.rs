//! Rows that come by other roads than the application's statements: by logical replication, and in a restored dump.

use crate::recovery::programs;
use crate::wait::wait_until;
use crate::world::{ACCOUNT, World, search};
use lockstep::postgres::Console;
use lockstep::postgres::ephemeral::{EphemeralPostgres, Search};
use salesforce_simulator::Config;
use std::process::{Command, Stdio};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_mins(1);

fn org() -> Config {
    Config { scale: 0.02, ..Config::default() }
}

async fn loaded(world: &World) {
    let loads = "select count(*) from lockstep.checkpoint where loaded";
    wait_until("the load ends", PATIENCE, async || {
        world.cell_if_any(loads).await.as_deref() == Some("1")
    })
    .await;
}

async fn equal(world: &World) {
    let mapping = &world.mappings().await[0];
    wait_until("both sides are equal", PATIENCE, async || {
        world.waiting().await == 0 && world.differences(mapping).await.is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_logical_replication_applies_is_captured_and_sent() {
    // given a mapped table that subscribes to another server's
    let world = World::start(org(), &[("account.toml", ACCOUNT)]).await;
    let worker = world.worker();
    loaded(&world).await;
    let settings = ["wal_level=logical", "max_wal_senders=4"].map(str::to_owned);
    let publishing = Search { settings: settings.to_vec(), ..search() };
    let elsewhere = EphemeralPostgres::start(&publishing).unwrap();
    let there = Console::connect(&elsewhere.url()).await.unwrap();
    there
        .run(
            "create schema salesforce; \
             create table salesforce.account (id int primary key, name varchar(255), external_id__c varchar(36)); \
             create publication accounts for table salesforce.account; \
             insert into salesforce.account values (900001, 'copied', 'copied')",
        )
        .await
        .unwrap();
    let here = world.application().await;
    let subscribe = format!(
        "create subscription accounts connection '{}' publication accounts",
        elsewhere.url()
    );
    here.run(&subscribe).await.unwrap();

    // when a row is copied at first, and others are written there
    there
        .run("insert into salesforce.account values (900002, 'streamed', 'streamed')")
        .await
        .unwrap();
    let sent = "select count(sfid) from salesforce.account where id > 900000";
    wait_until("both are sent", PATIENCE, async || world.cell(sent).await.unwrap() == "2").await;
    there.run("update salesforce.account set name = 'changed' where id = 900002").await.unwrap();
    there.run("delete from salesforce.account where id = 900001").await.unwrap();

    // then all of it comes to Salesforce
    let changed = "select count(*) from salesforce.account where name = 'changed'";
    wait_until("the change", PATIENCE, async || world.cell(changed).await.unwrap() == "1").await;
    let gone = "select count(*) from salesforce.account where id = 900001";
    wait_until("the deletion", PATIENCE, async || world.cell(gone).await.unwrap() == "0").await;
    equal(&world).await;
    here.run("drop subscription accounts").await.unwrap();
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_restored_beside_the_original_sends_no_row_again_and_captures_each_change_once() {
    // given a dump of a database that is in step
    let world = World::start(org(), &[("account.toml", ACCOUNT)]).await;
    let worker = world.worker();
    loaded(&world).await;
    world
        .application()
        .await
        .run("insert into salesforce.account (name, external_id__c) values ('mine', 'mine')")
        .await
        .unwrap();
    equal(&world).await;
    assert_eq!(worker.terminate(), Some(0));
    let records = world.records(&world.mappings().await[0]).await.len();
    let dump = world.folder.path().join("dump.sql");
    let mut command = Command::new(programs().join("pg_dump"));
    command.arg("--file").arg(&dump).arg(world.postgres.url());
    assert!(command.status().unwrap().success());

    // when it is restored into another database of the server, and a worker starts there
    world.application().await.run("create database beside").await.unwrap();
    let url = format!("{}/beside", world.postgres.url().trim_end_matches("/postgres"));
    let mut command = Command::new(programs().join("psql"));
    command.args(["--quiet", "-v", "ON_ERROR_STOP=1", "--file"]).arg(&dump).arg(&url);
    assert!(command.stdout(Stdio::null()).status().unwrap().success());
    let beside = Console::connect(&url).await.unwrap();
    let cell = async |sql: &str| -> Option<String> {
        beside.rows(sql).await.unwrap().into_iter().next()?.into_iter().next()?
    };
    let log = "select count(*) from salesforce._trigger_log";
    assert_eq!(cell(log).await.unwrap(), "0", "no row was captured for being restored");
    let always =
        "select count(*) from pg_trigger where tgname like 'hc_account_%' and tgenabled = 'A'";
    assert_eq!(cell(always).await.unwrap(), "3");
    let worker = world.worker_at("beside", &url);
    let swept = "select count(*) from lockstep.event where kind = 'went back'";
    wait_until("the copy is recognised", PATIENCE, async || cell(swept).await.unwrap() == "1")
        .await;
    beside
        .run("update salesforce.account set phone = 'once' where external_id__c = 'mine'")
        .await
        .unwrap();

    // then that change is sent, once, and nothing else
    let sent = "select count(*) from salesforce._trigger_log_archive \
                where \"values\"::hstore -> 'phone' = 'once' and state = 'SUCCESS'";
    wait_until("the change is sent", PATIENCE, async || cell(sent).await.unwrap() == "1").await;
    assert_eq!(world.records(&world.mappings().await[0]).await.len(), records);
    assert!(worker.log().contains("another one"), "{}", worker.log());
    assert_eq!(worker.terminate(), Some(0));
}
