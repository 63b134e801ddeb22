//! Holes in the capturing of changes that open under a running worker, and how one at rest hears of changes.

use crate::wait::wait_until;
use crate::world::{ACCOUNT, World};
use salesforce_simulator::Config;
use std::time::Duration;

/// Long enough for a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_is_dropped_or_disabled_under_a_running_worker_is_noticed_at_the_next_look()
{
    // given a worker at rest
    let world = World::start(Config::default(), &[("account.toml", ACCOUNT)]).await;
    let worker = world.worker();
    let loads = "select count(*) from lockstep.checkpoint where loaded";
    wait_until("the load ends", PATIENCE, async || {
        world.cell_if_any(loads).await.as_deref() == Some("1")
    })
    .await;
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

    // and when somebody disables it, then that is told, once
    application
        .run("alter table salesforce.account disable trigger hc_account_logtrigger")
        .await
        .unwrap();
    let told = "select count(*) from lockstep.event where kind = 'capture' and message like '%is disabled%'";
    wait_until("the disabled trigger is told", PATIENCE, async || {
        world.cell_if_any(told).await.as_deref() == Some("1")
    })
    .await;
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
