//! What is captured, whatever way a row is written.

use super::{inspect, provision};
use crate::mapping::Direction;
use crate::postgres::testing::{account, fresh_database, mapping, provisioned_database, rows, run};
use crate::postgres::{Database, migrate};
use futures_util::future::poll_fn;
use tokio_postgres::AsyncMessage;

const SHORT: &str =
    "select table_name, state, action, record_id from salesforce._trigger_log order by id";
const VALUES: &str = "select action, \"values\" from salesforce._trigger_log order by id";

/// A mapped table that the application divided before it was adopted.
async fn partitioned() -> Database {
    let db = fresh_database().await;
    migrate(&db).await.unwrap();
    run(
        &db,
        "create schema salesforce; \
         create table salesforce.account (id serial, region text, sfid varchar(18), name varchar(255)) \
             partition by list (region); \
         create table salesforce.account_north partition of salesforce.account for values in ('north'); \
         create table salesforce.account_south partition of salesforce.account for values in ('south')",
    )
    .await;
    provision(&db, &[account()]).await.unwrap();
    db
}

#[tokio::test]
async fn a_partitioned_table_is_captured_under_its_own_name_written_through_it_or_beside_it() {
    let db = partitioned().await;

    run(
        &db,
        "insert into salesforce.account (region, name) values ('north', 'a'); \
         insert into salesforce.account_south (region, name) values ('south', 'b'); \
         create table salesforce.account_west partition of salesforce.account for values in ('west'); \
         insert into salesforce.account_west (region, name) values ('west', 'c')",
    )
    .await;

    assert_eq!(
        rows(&db, SHORT).await,
        ["account|NEW|INSERT|1", "account|NEW|INSERT|2", "account|NEW|INSERT|3"]
    );
    assert_eq!(inspect(&db, &[account()]).await.unwrap(), []);
    assert!(provision(&db, &[account()]).await.unwrap().done.is_empty());
}

#[tokio::test]
async fn a_row_that_moves_to_another_partition_is_one_update() {
    let db = partitioned().await;
    run(
        &db,
        "insert into salesforce.account (region, name, sfid) values ('north', 'a', '001000000000001AAA'); \
         delete from salesforce._trigger_log; \
         update salesforce.account set region = 'south', name = 'b'",
    )
    .await;

    let log = "select state, action, record_id, sfid, \"values\", old::hstore -> 'name' from salesforce._trigger_log";
    assert_eq!(
        rows(&db, log).await,
        [r#"NEW|UPDATE|1|001000000000001AAA|"name"=>"b", "region"=>"south"|a"#]
    );
}

#[tokio::test]
async fn copy_merge_and_on_conflict_are_captured_row_by_row() {
    let db = provisioned_database(&[account()]).await;
    run(
        &db,
        "insert into salesforce.account (name, external_id__c) values ('a', 'a'); \
         insert into salesforce.account (name, external_id__c) values ('b', 'a'), ('c', 'c') \
             on conflict (external_id__c) do update set name = excluded.name; \
         delete from salesforce._trigger_log",
    )
    .await;
    run(
        &db,
        "merge into salesforce.account as target using (values ('a'), ('m')) as source (key) \
             on target.external_id__c = source.key \
             when matched then update set name = 'merged' \
             when not matched then insert (name, external_id__c) values ('new', source.key); \
         copy salesforce.account (name) from program 'echo copied'",
    )
    .await;

    let actions = "select action, \"values\"::hstore -> 'name' from salesforce._trigger_log order by action, id";
    assert_eq!(rows(&db, actions).await, ["INSERT|new", "INSERT|copied", "UPDATE|merged"]);
}

#[tokio::test]
async fn cascades_of_foreign_keys_are_captured() {
    let db = provisioned_database(&[account()]).await;
    run(
        &db,
        "create table public.region (name text primary key); insert into public.region values ('north'); \
         alter table salesforce.account add column region text \
             references public.region on update cascade on delete cascade; \
         insert into salesforce.account (name, region) values ('a', 'north'); \
         update public.region set name = 'south'; delete from public.region",
    )
    .await;

    assert_eq!(
        rows(&db, SHORT).await,
        ["account|NEW|INSERT|1", "account|NEW|UPDATE|1", "account|IGNORE|DELETE|1"]
    );
}

#[tokio::test]
async fn what_a_savepoint_takes_back_is_not_captured() {
    let db = provisioned_database(&[account()]).await;
    run(
        &db,
        "begin; insert into salesforce.account (name) values ('a'); savepoint one; \
         update salesforce.account set name = 'b'; rollback to one; update salesforce.account set phone = '1'; commit",
    )
    .await;

    let log = rows(&db, VALUES).await;
    assert_eq!(log.len(), 2, "{log:?}");
    assert_eq!(log[1], r#"UPDATE|"phone"=>"1""#);
}

#[tokio::test]
async fn a_change_of_the_primary_key_names_the_new_key_and_the_old_one() {
    let db = provisioned_database(&[account()]).await;
    run(
        &db,
        "insert into salesforce.account (name) values ('a'); update salesforce.account set id = 7",
    )
    .await;

    let log = "select record_id, old::hstore -> 'id', \"values\" from salesforce._trigger_log where action = 'UPDATE'";
    assert_eq!(rows(&db, log).await, [r#"7|1|"id"=>"7""#]);
}

#[tokio::test]
async fn a_session_in_the_role_of_a_replica_is_captured_and_cannot_truncate() {
    let db = provisioned_database(&[account()]).await;
    run(
        &db,
        "begin; set local session_replication_role = replica; \
         insert into salesforce.account (name) values ('a'); commit",
    )
    .await;
    assert_eq!(rows(&db, SHORT).await, ["account|NEW|INSERT|1"]);
    assert_eq!(rows(&db, "select _hc_lastop from salesforce.account").await, ["PENDING"]);

    let truncate =
        "begin; set local session_replication_role = replica; truncate salesforce.account";
    let refused = db.client().await.unwrap().batch_execute(truncate).await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn a_row_that_the_applications_trigger_rewrites_is_captured_as_it_is_stored() {
    let db = provisioned_database(&[account()]).await;
    run(
        &db,
        "create function rewrite() returns trigger language plpgsql as $$ begin \
             new.name := upper(new.name); return new; end $$; \
         create trigger zz_rewrite before insert or update on salesforce.account \
             for each row execute function rewrite(); \
         insert into salesforce.account (name) values ('a'); update salesforce.account set name = 'b'",
    )
    .await;

    let names = "select \"values\"::hstore -> 'name' from salesforce._trigger_log order by id";
    assert_eq!(rows(&db, names).await, ["A", "B"]);
}

#[tokio::test]
async fn what_the_applications_trigger_changes_again_comes_after_what_made_it_do_so() {
    let db = provisioned_database(&[account()]).await;
    run(
        &db,
        "create function derive() returns trigger language plpgsql as $$ begin \
             if new.phone is distinct from '2' then \
                 update salesforce.account set phone = '2' where id = new.id; \
             end if; return null; end $$; \
         create trigger a_derive after insert or update on salesforce.account \
             for each row execute function derive(); \
         insert into salesforce.account (name, phone) values ('a', '1'); \
         update salesforce.account set phone = '1', name = 'b'",
    )
    .await;

    let log =
        "select action, \"values\"::hstore -> 'phone' from salesforce._trigger_log order by id";
    assert_eq!(rows(&db, log).await, ["INSERT|1", "UPDATE|2", "UPDATE|1", "UPDATE|2"]);
}

#[tokio::test]
async fn tables_functions_and_operators_of_the_callers_do_not_stand_in_for_ours() {
    let db = provisioned_database(&[account()]).await;
    run(
        &db,
        "create schema evil; \
         create function evil.always(text, text) returns boolean language sql as 'select true'; \
         create operator evil.= (leftarg = text, rightarg = text, function = evil.always); \
         create function evil.pg_trigger_depth() returns integer language sql as 'select 1'; \
         begin; set local search_path = evil, pg_catalog, salesforce; \
         create temp table _trigger_log (like salesforce._trigger_log including defaults) on commit drop; \
         insert into salesforce.account (name) values ('a'); commit",
    )
    .await;

    assert_eq!(rows(&db, SHORT).await, ["account|NEW|INSERT|1"]);
}

#[tokio::test]
async fn capturing_leaves_the_sessions_own_forms_as_they_were() {
    let db = provisioned_database(&[account()]).await;
    let client = db.client().await.unwrap();
    client
        .batch_execute(
            "set datestyle = 'German, DMY'; set timezone = 'Asia/Kolkata'; set extra_float_digits = 0; \
             insert into salesforce.account (name) values ('a')",
        )
        .await
        .unwrap();

    let forms = "select current_setting('datestyle') || current_setting('timezone') \
                 || current_setting('extra_float_digits')";
    let row = client.query_one(forms, &[]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), "German, DMYAsia/Kolkata0");
}

#[tokio::test]
async fn a_column_that_is_added_or_dropped_never_breaks_a_write_and_is_captured_at_once() {
    let db = provisioned_database(&[account()]).await;
    run(
        &db,
        "insert into salesforce.account (name, phone) values ('a', '1'); \
         alter table salesforce.account drop column phone; \
         alter table salesforce.account add column mine text; \
         update salesforce.account set mine = 'x'",
    )
    .await;

    assert_eq!(rows(&db, VALUES).await[1], r#"UPDATE|"mine"=>"x""#);
}

/// Whether the statements, in a transaction of their own, send a notification.
async fn announces(db: &Database, statements: &str) -> bool {
    let (client, mut connection) = db.connect_unpooled().await.unwrap();
    let (sender, mut heard) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(notification) = message {
                sender.send(notification.payload().to_owned()).ok();
            }
        }
    });
    let channel = "\"salesforce.hc_trigger_log\"";
    client.batch_execute(&format!("listen {channel}")).await.unwrap();
    client.batch_execute(&format!("begin; {statements}; commit")).await.unwrap();
    // Notifications come in the order of their commits.
    client.batch_execute(&format!("notify {channel}, 'end'")).await.unwrap();
    heard.recv().await.unwrap() == "ping"
}

const INSERT: &str = "insert into salesforce.account (name) values ('a')";

#[tokio::test]
async fn a_change_is_announced_only_while_a_worker_waits_for_changes_of_its_table() {
    let db = provisioned_database(&[account(), mapping("Lead", Direction::Both)]).await;
    let listener = db.listen().await.unwrap();
    let bells = listener.bells();
    let (tables, other) =
        (["account".to_owned()], "insert into salesforce.lead (name) values ('a')");
    assert!(!announces(&db, INSERT).await, "nobody listens at rest");

    assert!(bells.hang(&tables).await.unwrap());
    assert!(bells.hang(&tables).await.unwrap(), "what hangs goes on hanging");
    assert!(announces(&db, INSERT).await);
    assert!(!announces(&db, other).await, "nobody waits for changes of leads");

    bells.take_down(&tables).await.unwrap();
    assert!(!announces(&db, INSERT).await);
    bells.take_down(&tables).await.unwrap();
}

#[tokio::test]
async fn what_is_written_into_the_log_by_hand_is_announced_whoever_waits() {
    let db = provisioned_database(&[account()]).await;
    run(&db, INSERT).await;

    let by_hand = "select salesforce.hc_capture_update_from_row(hstore(one), 'account') from salesforce.account as one";
    assert!(announces(&db, by_hand).await);
}

#[tokio::test]
async fn no_bell_hangs_beside_an_open_transaction_that_captured_unannounced() {
    let db = provisioned_database(&[account(), mapping("Lead", Direction::Both)]).await;
    let listener = db.listen().await.unwrap();
    let (bells, tables) = (listener.bells(), ["lead".to_owned(), "account".to_owned()]);
    let client = db.client().await.unwrap();
    client.batch_execute(&format!("begin; {INSERT}")).await.unwrap();

    assert!(!bells.hang(&tables).await.unwrap());
    let other = "insert into salesforce.lead (name) values ('a')";
    assert!(!announces(&db, other).await, "the other table's bell was left hanging");

    client.batch_execute("commit").await.unwrap();
    assert!(bells.hang(&tables).await.unwrap());
}

#[tokio::test]
async fn the_bells_go_with_the_connection_that_hung_them() {
    let db = provisioned_database(&[account()]).await;
    let listener = db.listen().await.unwrap();
    assert!(listener.bells().hang(&["account".to_owned()]).await.unwrap());

    drop(listener);

    let left = "select count(*) from pg_locks where locktype = 'advisory'";
    while rows(&db, left).await != ["0"] {}
    assert!(!announces(&db, INSERT).await);
}

#[tokio::test]
async fn the_sessions_own_zone_is_as_good_as_any_where_no_mapped_column_has_one() {
    let db = provisioned_database(&[account()]).await;
    let body = "select count(*) from pg_proc where proname = 'hc_account_logger' and prosrc like '%(false and%timezone%'";
    assert_eq!(rows(&db, body).await, ["1"]);

    run(&db, "set timezone = 'Asia/Kolkata'; insert into salesforce.account (annualrevenue) values (0.1)").await;

    let cell = "select (\"values\"::hstore) -> 'annualrevenue' from salesforce._trigger_log";
    assert_eq!(rows(&db, cell).await, ["0.1"]);
}

#[tokio::test]
async fn an_older_database_gets_the_lean_functions_and_triggers_at_the_next_start() {
    let db = provisioned_database(&[account()]).await;
    run(
        &db,
        "create or replace function salesforce.hc_account_logger() returns trigger language plpgsql \
         as 'begin return null; end'; \
         drop trigger tlog_insert_trigger on salesforce._trigger_log; \
         create trigger tlog_insert_trigger after insert on salesforce._trigger_log \
         for each row execute function salesforce.tlog_notify_trigger()",
    )
    .await;

    let done = provision(&db, &[account()]).await.unwrap().done;

    assert_eq!(done, ["trigger tlog_insert_trigger created", "function hc_account_logger created"]);
    assert!(provision(&db, &[account()]).await.unwrap().done.is_empty());
}

#[tokio::test]
async fn a_row_that_a_trigger_puts_back_when_it_is_deleted_is_deleted_first_and_inserted_then() {
    let db = provisioned_database(&[account()]).await;
    run(
        &db,
        "create function put_back() returns trigger language plpgsql as $$ begin \
             if old.name <> 'gone' then \
                 insert into salesforce.account (id, name) values (old.id, 'again'); \
             end if; return null; end $$; \
         create trigger a_put_back after delete on salesforce.account \
             for each row execute function put_back(); \
         insert into salesforce.account (name, sfid) values ('a', '001000000000001AAA'); \
         begin; update salesforce.account set phone = '1'; delete from salesforce.account; \
         update salesforce.account set phone = '2'; commit; \
         update salesforce.account set name = 'gone'; delete from salesforce.account",
    )
    .await;

    let log = "select action, sfid, coalesce(\"values\"::hstore -> 'name', \"values\"::hstore -> 'phone') \
               from salesforce._trigger_log order by id";
    assert_eq!(
        rows(&db, log).await,
        [
            "INSERT|-|a",
            "UPDATE|001000000000001AAA|1",
            "DELETE|001000000000001AAA|-",
            "INSERT|-|again",
            "UPDATE|-|2",
            "UPDATE|-|gone",
            "DELETE|-|-",
        ]
    );
}
