//! Holes in the capturing of changes that open under a running worker, and how one at rest hears of changes.

use crate::wait::wait_until;
use crate::world::{ACCOUNT, CONTACT, World};
use salesforce_simulator::Config;
use std::time::Duration;

/// Long enough for a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_mins(1);

async fn loaded(world: &World, mappings: usize) {
    let loads = "select count(*) from lockstep.checkpoint where loaded";
    wait_until("the load ends", PATIENCE, async || {
        world.cell_if_any(loads).await == Some(mappings.to_string())
    })
    .await;
}

fn org() -> Config {
    Config { scale: 0.02, ..Config::default() }
}

/// Waits until the mapping of accounts rests since so many rows were missed.
async fn rests(world: &World, missed: &str) {
    let state = format!(
        "select 1 from lockstep.mapping where object = 'Account' and state = 'paused' \
         and state_reason like '{missed} written since%--send%--repair%'"
    );
    wait_until("the mapping rests", PATIENCE, async || world.cell(&state).await.is_some()).await;
}

/// Waits until the mapping is in step, and nothing differs.
async fn in_step(world: &World) {
    let mappings = world.mappings().await;
    let mapping = mappings.iter().find(|mapping| mapping.object == "Account").unwrap();
    let state = "select 1 from lockstep.mapping where object = 'Account' and state = 'synced'";
    wait_until("both sides are equal", PATIENCE, async || {
        world.cell(state).await.is_some()
            && world.waiting().await == 0
            && world.differences(mapping).await.is_empty()
    })
    .await;
}

const PHONE: &str = "select phone from salesforce.account where id = 1";

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_captured_is_never_written_over_and_is_sent_when_a_person_says_so() {
    // given a migration that drops the trigger and writes rows before the worker can put it back
    let mappings = [("account.toml", ACCOUNT), ("contact.toml", CONTACT)];
    let world = World::start(org(), &mappings).await;
    let worker = world.worker();
    loaded(&world, 2).await;
    let application = world.application().await;
    application
        .run(
            "begin; drop trigger hc_account_logtrigger on salesforce.account; \
             update salesforce.account set phone = 'missed' where id = 1; \
             insert into salesforce.account (name, external_id__c) values ('missed', 'missed'); commit",
        )
        .await
        .unwrap();
    rests(&world, "2 rows were").await;

    // when somebody edits another field of the same record in Salesforce, and polls go on
    let id = world.cell("select sfid from salesforce.account where id = 1").await.unwrap();
    let control = world.control();
    control.update("Account", &id, &serde_json::json!({ "Industry": "Banking" })).await.unwrap();
    control.create("Contact", &serde_json::json!({ "LastName": "Polled" })).await.unwrap();
    let polled = "select id from salesforce.contact where lastname = 'Polled'";
    wait_until("a poll", PATIENCE, async || world.cell(polled).await.is_some()).await;
    assert_eq!(world.cell(PHONE).await.unwrap(), "missed", "the row is as the application left it");

    // then a person has what was missed sent, and both edits are kept
    let (status, said, _) = world.run(&["verify", "Account", "--send"]);
    assert_eq!((status, said.trim()), (0, "Account: 2 rows are sent as captured late"));
    in_step(&world).await;
    let row = "select phone || ' ' || industry from salesforce.account where id = 1";
    assert_eq!(world.cell(row).await.unwrap(), "missed Banking");
    let inserted = "select sfid from salesforce.account where external_id__c = 'missed'";
    assert!(world.cell(inserted).await.is_some());
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hole_that_opened_while_no_worker_ran_rests_the_mapping_until_salesforces_values_are_taken()
 {
    // given a loaded mapping, and a trigger that is dropped while no worker runs
    let world = World::start(org(), &[("account.toml", ACCOUNT)]).await;
    let worker = world.worker();
    loaded(&world, 1).await;
    let before = world.cell(PHONE).await;
    assert_eq!(worker.terminate(), Some(0));
    world
        .application()
        .await
        .run(
            "drop trigger hc_account_logtrigger on salesforce.account; \
             update salesforce.account set phone = 'missed' where id = 1",
        )
        .await
        .unwrap();

    // when
    let worker = world.worker();
    rests(&world, "1 row was").await;
    let (status, said, _) = world.run(&["verify", "Account", "--repair"]);

    // then
    assert_eq!(status, 0, "{said}");
    // A record that changed since the last poll is the next one's to bring.
    in_step(&world).await;
    assert_eq!(world.cell(PHONE).await, before);
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_trigger_rests_its_mapping_until_it_is_enabled_and_what_was_missed_is_settled() {
    // given a worker at rest, and a trigger that somebody disables
    let world = World::start(org(), &[("account.toml", ACCOUNT)]).await;
    let worker = world.worker();
    loaded(&world, 1).await;
    let application = world.application().await;
    application
        .run("alter table salesforce.account disable trigger hc_account_logtrigger")
        .await
        .unwrap();
    let paused = "select 1 from lockstep.mapping where state = 'paused' and state_reason like '%is disabled%'";
    wait_until("the mapping rests", PATIENCE, async || world.cell(paused).await.is_some()).await;
    application
        .run(
            "update salesforce.account set phone = 'same' where id = 1; \
             update salesforce.account set phone = phone where id = 2; \
             delete from salesforce.account where id = 3",
        )
        .await
        .unwrap();
    let (status, _, said) = world.run(&["verify", "Account", "--send"]);
    assert!(status != 0 && said.contains("still not captured"), "{said}");

    // when it is enabled
    application
        .run("alter table salesforce.account enable always trigger hc_account_logtrigger")
        .await
        .unwrap();
    rests(&world, "1 row was").await;
    assert_eq!(world.run(&["verify", "Account", "--send"]).0, 0);

    // then what was changed is sent, and what was deleted comes back: a deletion is never inferred
    in_step(&world).await;
    assert_eq!(world.cell(PHONE).await.unwrap(), "same");
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_is_dropped_or_disabled_under_a_running_worker_is_noticed_at_the_next_look()
{
    // given a worker at rest
    let world = World::start(Config::default(), &[("account.toml", ACCOUNT)]).await;
    let worker = world.worker();
    loaded(&world, 1).await;
    let application = world.application().await;

    // when a migration drops the trigger, then it is put back, and a row is pushed again
    application.run("drop trigger hc_account_logtrigger on salesforce.account").await.unwrap();
    let told = "select count(*) from lockstep.event where kind = 'capture' and message like '%was dropped%'";
    wait_until("the drop is told", PATIENCE, async || {
        world.cell_if_any(told).await.as_deref() == Some("1")
    })
    .await;
    application
        .run("insert into salesforce.account (name, external_id__c) values ('after', 'after')")
        .await
        .unwrap();
    let sent =
        "select sfid from salesforce.account where external_id__c = 'after' and sfid is not null";
    wait_until("the row is sent", PATIENCE, async || world.cell_if_any(sent).await.is_some()).await;

    // and when somebody disables it, then that is told
    application
        .run("alter table salesforce.account disable trigger hc_account_logtrigger")
        .await
        .unwrap();
    let told = "select count(*) from lockstep.event where kind = 'capture' and message like '%is disabled%'";
    wait_until("the disabled trigger is told", PATIENCE, async || {
        world.cell_if_any(told).await.as_deref() == Some("1")
    })
    .await;

    // and only once, however often it is found while it stays so
    for number in ["1", "2"] {
        application.run("drop trigger hc_account_truncate on salesforce.account").await.unwrap();
        let other = "select count(*) from lockstep.event where kind = 'capture' and message like '%truncate%was dropped%'";
        wait_until("the other trigger is told", PATIENCE, async || {
            world.cell_if_any(other).await.as_deref() == Some(number)
        })
        .await;
    }
    assert_eq!(world.cell_if_any(told).await.as_deref(), Some("1"));
    assert_eq!(worker.terminate(), Some(0));
}

/// How many bells hang: locks that a worker at rest holds alone.
const HUNG: &str = "select count(*) from pg_locks where locktype = 'advisory' and classid = 1819042867 \
                    and mode = 'ExclusiveLock' and granted";

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_comes_to_rest_only_when_no_transaction_is_open_that_captured_unannounced() {
    // given a transaction that captured a change before a worker was there
    let world = World::start(Config::default(), &[("account.toml", ACCOUNT)]).await;
    let (code, _, told) = world.run(&["provision"]);
    assert_eq!(code, 0, "{told}");
    let (early, late) = (world.application().await, world.application().await);
    let insert = |name: &str| {
        format!("insert into salesforce.account (name, external_id__c) values ('{name}', '{name}')")
    };
    early.run(&format!("begin; {}", insert("early"))).await.unwrap();
    let worker = world.worker();
    let sent = async |name: &str| {
        let sent = format!(
            "select sfid from salesforce.account where external_id__c = '{name}' and sfid is not null"
        );
        wait_until("the row is sent", PATIENCE, async || world.cell_if_any(&sent).await.is_some())
            .await;
    };

    // then others' changes are sent meanwhile, and nothing is at rest
    late.run(&insert("meanwhile")).await.unwrap();
    sent("meanwhile").await;
    assert_eq!(world.cell_if_any(HUNG).await.as_deref(), Some("0"));

    // and its own when it commits, whereupon the worker rests
    early.run("commit").await.unwrap();
    sent("early").await;
    let rests = async || world.cell_if_any(HUNG).await.as_deref() == Some("1");
    wait_until("the worker rests", PATIENCE, rests).await;

    // and what wakes it is sent, and it rests again; it leaves nothing behind
    late.run(&insert("late")).await.unwrap();
    sent("late").await;
    wait_until("the worker rests again", PATIENCE, rests).await;
    assert_eq!(worker.terminate(), Some(0));
    wait_until("the bells are gone", PATIENCE, async || {
        world.cell_if_any(HUNG).await.as_deref() == Some("0")
    })
    .await;
}
