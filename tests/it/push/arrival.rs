//! How the application waits until its own changes have arrived.

use super::COLLECTIONS;
use super::world::World;
use crate::wait::wait_until;
use futures_util::future::poll_fn;
use lockstep::postgres::Console;
use salesforce_simulator::FaultKind;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_postgres::{AsyncMessage, Client, NoTls};

const INSERT: &str = "insert into account (name, external_id__c) values ('Acme', 'k1')";
const WAIT: &str = "select lockstep.wait('30 s')";
const LOOK: &str = "select lockstep.wait('0')";

/// Another session of the application.
async fn other(world: &World) -> Console {
    let session = Console::connect(world.url()).await.unwrap();
    session.run("set search_path to salesforce").await.unwrap();
    session
}

/// A session that hears notifications, and what it hears.
async fn hearing(world: &World) -> (Client, UnboundedReceiver<String>) {
    let (client, mut connection) = tokio_postgres::connect(world.url(), NoTls).await.unwrap();
    let (sender, heard) = unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(note) = message {
                sender.send(note.channel().to_owned()).ok();
            }
        }
    });
    (client, heard)
}

#[tokio::test]
async fn a_session_waits_until_its_changes_have_arrived() {
    let world = World::start().await;
    assert_eq!(world.rows(LOOK).await, ["t"], "it has changed nothing");

    world.app(INSERT).await;
    assert_eq!(world.rows(LOOK).await, ["f"]);
    assert_eq!(world.rows("select lockstep.wait('20 ms')").await, ["f"], "nobody sends them");
    let (arrived, pushed) = tokio::join!(world.rows(WAIT), world.run());

    assert_eq!((arrived, pushed.unwrap().accepted), (vec!["t".to_owned()], 1));
    assert_eq!(world.names("Account").await, ["Acme"]);
}

#[tokio::test]
async fn a_session_does_not_wait_for_the_changes_of_others() {
    let world = World::start().await;
    world.app("insert into account (name, external_id__c) values ('Mine', 'k0')").await;
    world.settle().await;
    let session = other(&world).await;
    session.run(INSERT).await.unwrap();

    assert_eq!(world.rows(LOOK).await, ["t"], "its own has arrived");
    let own = session.rows(LOOK).await.unwrap();
    assert_eq!(own, [[Some("f".to_owned())]]);
}

#[tokio::test]
async fn what_another_session_changed_in_between_is_not_waited_for() {
    let world = World::start().await;
    world.app(INSERT).await;
    let late = "insert into lead (lastname, company) values ('Byron', 'Acme');
                insert into lockstep.delivery (table_name, record_id, attempts, not_before, reason)
                    values ('lead', 1, 1, now() + interval '1 hour', 'a limit')";
    other(&world).await.run(late).await.unwrap();
    world.app("update account set name = 'Acme Ltd'").await;

    let (arrived, pushed) = tokio::join!(world.rows(WAIT), world.run());

    assert_eq!((arrived, pushed.unwrap().accepted), (vec!["t".to_owned()], 1));
}

#[tokio::test]
async fn changes_that_were_undone_or_came_to_nothing_are_not_waited_for() {
    let world = World::start().await;
    world.app(&format!("begin; {INSERT}; rollback")).await;
    assert_eq!(world.rows(LOOK).await, ["t"]);

    world.app(&format!("begin; savepoint a; {INSERT}; rollback to a; commit")).await;
    assert_eq!(world.rows(LOOK).await, ["t"]);
}

#[tokio::test]
async fn to_wait_where_it_would_never_end_is_refused_with_what_to_do() {
    let world = World::start().await;
    let refused = world.refused(&format!("begin; {INSERT}; {WAIT}")).await;
    assert!(refused.contains("waits for its own changes"), "{refused}");
    world.app("rollback").await;

    world.app(INSERT).await;
    let refused = world.refused(&format!("begin isolation level repeatable read; {WAIT}")).await;
    assert!(refused.contains("repeatable read transaction does not see"), "{refused}");
    world.app("rollback").await;

    // A transaction that has changed nothing itself may wait for the ones before it.
    world.app("begin").await;
    let (arrived, _) = tokio::join!(world.rows(WAIT), world.run());
    assert_eq!(arrived, ["t"]);
    world.app("commit").await;
}

#[tokio::test]
async fn a_change_that_is_refused_is_told_once_and_apart_from_one_that_takes_long() {
    let world = World::start().await;
    let bad = "insert into account (name, external_id__c, annualrevenue) values ('Bad', 'k1', -1)";
    world.app(bad).await;
    let (told, _) = tokio::join!(world.rows(WAIT), world.run());
    assert_eq!(told, ["-"], "neither true nor false");

    world.app("insert into account (name, external_id__c) values ('Good', 'k2')").await;
    let (told, _) = tokio::join!(world.rows(WAIT), world.run());
    assert_eq!(told, ["t"]);
}

#[tokio::test]
async fn a_lost_answer_has_not_arrived_until_it_is_resolved() {
    let world = World::start().await;
    world.fault("POST", COLLECTIONS, FaultKind::CutAfter {}).await;
    world.app(INSERT).await;
    assert!(world.run().await.is_err());
    assert_eq!(world.rows(LOOK).await, ["f"]);

    world.settle().await;

    assert_eq!(world.rows(LOOK).await, ["t"]);
}

#[tokio::test]
async fn a_session_of_many_transactions_waits_for_the_first_of_them_too() {
    let world = World::start().await;
    world.app(INSERT).await;
    for number in 0..160 {
        let name = format!("insert into lead (lastname, company) values ('L{number}', 'Acme')");
        world.app(&name).await;
    }
    let kept = "select length(current_setting('lockstep.own')) < 400, current_setting('lockstep.own') like '%+%'";
    assert_eq!(world.rows(kept).await, ["t|t"], "what is remembered is bounded");

    // Only the first is left.
    world.app("update _trigger_log set state = 'IGNORED' where table_name = 'lead'").await;
    assert_eq!(world.rows(LOOK).await, ["f"]);
    world.settle().await;
    assert_eq!(world.rows(LOOK).await, ["t"]);
}

#[tokio::test]
async fn a_refusal_that_lies_further_back_than_is_remembered_is_told_too() {
    let world = World::start().await;
    world
        .app("insert into account (name, external_id__c, annualrevenue) values ('Bad', 'k1', -1)")
        .await;
    for number in 0..70 {
        let name = format!("insert into lead (lastname, company) values ('L{number}', 'Acme')");
        world.app(&name).await;
    }
    world.settle().await;

    assert_eq!(world.rows(LOOK).await, ["-"]);
}

#[tokio::test]
async fn a_deletion_that_follows_its_insert_while_that_is_under_way_has_not_arrived_before_it_is_decided()
 {
    // given an insert whose answer is lost, so that nobody knows yet whether there is something to delete
    let world = World::start().await;
    world.fault("POST", COLLECTIONS, FaultKind::CutAfter {}).await;
    world.app(INSERT).await;
    assert!(world.run().await.is_err());

    let session = other(&world).await;
    session.run("delete from account").await.unwrap();

    let arrived = async || session.rows(LOOK).await.unwrap()[0][0].clone().unwrap();
    assert_eq!(arrived().await, "f");
    world.settle().await;
    assert_eq!(arrived().await, "t");
    assert_eq!(world.names("Account").await, [""; 0]);
}

#[tokio::test]
async fn behind_a_pooler_the_transaction_is_named() {
    let world = World::start().await;
    let session = other(&world).await;
    session.run("begin").await.unwrap();
    session.run(INSERT).await.unwrap();
    let number = session.rows("select txid_current()").await.unwrap()[0][0].clone().unwrap();
    let look = format!("select lockstep.wait('0', {number})");

    assert_eq!(world.rows(&look).await, ["f"], "it is not committed");
    session.run("commit").await.unwrap();
    assert_eq!(world.rows(&look).await, ["f"], "it is not sent");
    world.settle().await;
    assert_eq!(world.rows(&look).await, ["t"]);

    let undone = session.rows(&format!("begin; {INSERT}; select txid_current()")).await;
    assert!(undone.is_err(), "the key is there");
    session
        .run("rollback; begin; insert into lead (lastname, company) values ('a', 'b')")
        .await
        .unwrap();
    let number = session.rows("select txid_current()").await.unwrap()[0][0].clone().unwrap();
    session.run("rollback").await.unwrap();
    let refused = world.refused(&format!("select lockstep.wait('0', {number})")).await;
    assert!(refused.contains("was rolled back"), "{refused}");
}

#[tokio::test]
async fn a_role_that_owns_nothing_may_wait_and_see_no_more_than_that() {
    let world = World::start().await;
    world.app("create role clerk; grant usage on schema salesforce to clerk; grant insert on account to clerk").await;
    world.app("grant usage on sequence account_id_seq to clerk").await;
    let session = other(&world).await;
    session.run("set role clerk").await.unwrap();
    session.run(INSERT).await.unwrap();

    assert_eq!(session.rows(LOOK).await.unwrap(), [[Some("f".to_owned())]]);
    assert!(session.rows("select state from _trigger_log").await.is_err());
    assert!(session.rows("select schema_name from lockstep.connection").await.is_err());
    world.app("reset role; drop owned by clerk; drop role clerk").await;
}

#[tokio::test]
async fn outcomes_are_notified_while_somebody_listens_and_not_otherwise() {
    let world = World::start().await;
    let (quiet, mut overheard) = hearing(&world).await;
    quiet.batch_execute("listen \"salesforce.lockstep_outcome\"").await.unwrap();
    world.app(INSERT).await;
    world.settle().await;

    let (session, mut heard) = hearing(&world).await;
    session.batch_execute("select lockstep.listen()").await.unwrap();
    world.app("update account set name = 'Acme Ltd'").await;
    world.settle().await;
    let channel = tokio::time::timeout(Duration::from_secs(20), heard.recv()).await.unwrap();
    assert_eq!(channel.as_deref(), Some("salesforce.lockstep_outcome"));
    let soon = tokio::time::timeout(Duration::from_secs(20), overheard.recv());
    assert!(soon.await.unwrap().is_some());
    assert!(overheard.try_recv().is_err(), "the first outcome was told to nobody");

    // What was still on its way is heard before the answer to a statement that comes later.
    let pid = session.query_one("select pg_backend_pid()", &[]).await.unwrap().get::<_, i32>(0);
    drop(session);
    let is_gone = format!("select count(*) from pg_stat_activity where pid = {pid}");
    wait_until("the server has noticed", Duration::from_secs(20), async || {
        world.rows(&is_gone).await == ["0"]
    })
    .await;
    world.app("update account set name = 'Acme plc'").await;
    world.settle().await;
    quiet.batch_execute("select 1").await.unwrap();
    assert!(overheard.try_recv().is_err(), "nobody listens any more");
}
