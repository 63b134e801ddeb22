//! Holes in the capturing of changes that open under a running worker.

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
