//! Every way in which capturing may stop is found, and closed where that is ours to do.

use super::{CaptureState, Hole, capture_state, inspect, mend_capture, provision};
use crate::postgres::testing::{account, provisioned_database, rows, run};
use crate::postgres::{Database, Error};

/// What is found after the statements; [`capture_state`] has to have changed.
async fn holes(db: &Database, statements: &str) -> Vec<Hole> {
    let before = capture_state(db).await.unwrap();
    run(db, statements).await;
    let state = capture_state(db).await.unwrap();
    assert_ne!(state, before, "{statements}");
    mend_capture(db, &[account()]).await.unwrap()
}

/// The statements open a hole that says these words, and that is closed by being found.
async fn closes(statements: &str, words: &str) {
    let db = provisioned_database(&[account()]).await;

    let found = holes(&db, statements).await;

    assert!(
        found.iter().any(|hole| hole.is_mended && hole.message.contains(words)),
        "{statements}: {found:?}"
    );
    assert_eq!(mend_capture(&db, &[account()]).await.unwrap(), [], "{statements}");
    assert_eq!(inspect(&db, &[account()]).await.unwrap(), [], "{statements}");
    run(&db, "insert into salesforce.account (name) values ('after')").await;
    let captured = "select count(*) from salesforce._trigger_log where state = 'NEW'";
    assert_eq!(rows(&db, captured).await, ["1"], "{statements}");
}

#[tokio::test]
async fn a_trigger_that_was_dropped_is_put_back() {
    closes("drop trigger hc_account_logtrigger on salesforce.account", "was dropped").await;
    closes("drop trigger hc_account_truncate on salesforce.account", "was dropped").await;
}

#[tokio::test]
async fn triggers_that_a_restore_disabled_and_enabled_again_are_told_and_fire_in_every_session_again()
 {
    // What `pg_restore --disable-triggers` does around the data of each table.
    closes(
        "alter table salesforce.account disable trigger all; \
         insert into salesforce.account (name) values ('missed'); \
         alter table salesforce.account enable trigger all",
        "disabled for a while",
    )
    .await;
}

#[tokio::test]
async fn a_function_that_was_replaced_is_put_back() {
    closes(
        "create or replace function salesforce.hc_account_logger() returns trigger language plpgsql \
         as $$ begin return null; end $$",
        "hc_account_logger was replaced",
    )
    .await;
}

#[tokio::test]
async fn a_trigger_with_a_condition_of_somebodys_is_put_back() {
    closes(
        "drop trigger hc_account_logtrigger on salesforce.account; \
         create trigger hc_account_logtrigger after insert or delete or update on salesforce.account \
         for each row when (false) execute function salesforce.hc_account_logger()",
        "was replaced",
    )
    .await;
}

#[tokio::test]
async fn a_trigger_that_is_disabled_is_told_with_its_way_out_and_stays() {
    let db = provisioned_database(&[account()]).await;
    let off = "alter table salesforce.account disable trigger hc_account_logtrigger";

    let found = holes(&db, off).await;

    assert!(!found[0].is_mended && found[0].message.contains("disabled"), "{found:?}");
    run(&db, found[0].help.split(';').next().unwrap()).await;
    assert_eq!(mend_capture(&db, &[account()]).await.unwrap(), []);
}

#[tokio::test]
async fn a_renamed_table_goes_on_capturing_is_told_and_is_not_made_anew() {
    let db = provisioned_database(&[account()]).await;

    let found = holes(&db, "alter table salesforce.account rename to customer").await;

    assert!(found[0].message.contains("renamed to salesforce.customer"), "{found:?}");
    let refused = provision(&db, &[account()]).await.unwrap_err();
    assert!(matches!(refused, Error::Renamed { .. }), "{refused:?}");
    assert!(inspect(&db, &[account()]).await.unwrap()[0].message.contains("salesforce.customer"));
    run(
        &db,
        "insert into salesforce.customer (name) values ('a'); \
         alter table salesforce.customer rename to account",
    )
    .await;
    let captured = "select table_name, action from salesforce._trigger_log";
    assert_eq!(rows(&db, captured).await, ["account|INSERT"]);
    assert_eq!(mend_capture(&db, &[account()]).await.unwrap(), []);
}

#[tokio::test]
async fn a_mapped_column_that_was_dropped_is_told() {
    let db = provisioned_database(&[account()]).await;

    let found = holes(&db, "alter table salesforce.account drop column phone").await;

    assert!(
        found.iter().any(|hole| hole.message == "column account.phone was dropped"),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_partition_that_was_detached_is_told() {
    let db = provisioned_database(&[account()]).await;
    run(
        &db,
        "create table salesforce.divided (id int) partition by list (id); \
         create table salesforce.part partition of salesforce.divided for values in (1)",
    )
    .await;
    let before = capture_state(&db).await.unwrap();
    run(&db, "alter table salesforce.divided detach partition salesforce.part").await;
    let now = capture_state(&db).await.unwrap();
    let mut divided = account();
    divided.table = "divided".to_owned();

    let lost = before.lost_partitions(&now, &divided);

    assert_eq!(lost.len(), 1);
    assert!(lost[0].message.contains("salesforce.part is no longer a partition"), "{lost:?}");
    assert_eq!(CaptureState::default().lost_partitions(&now, &divided), []);
}

#[tokio::test]
async fn a_look_at_a_quiet_database_sees_the_same_and_finds_nothing() {
    let db = provisioned_database(&[account()]).await;
    let before = capture_state(&db).await.unwrap();
    run(&db, "insert into salesforce.account (name) values ('a')").await;

    assert_eq!(capture_state(&db).await.unwrap(), before);
    assert_eq!(mend_capture(&db, &[account()]).await.unwrap(), []);
}
