//! Provisioning and capture against a real server.

use super::{as_found, inspect, provision};
use crate::mapping::Direction;
use crate::model::ColumnType;
use crate::postgres::migrate;
use crate::postgres::testing::{
    account, connect_to, fresh_database, fresh_url, mapping, provisioned_database, rows, run,
};

const LOG: &str =
    "select state, action, record_id, sfid, \"values\" from salesforce._trigger_log order by id";

/// Runs statements in a transaction that carries the marks of a worker with a lease.
async fn as_worker(db: &crate::postgres::Database, statements: &str) {
    let marks = "begin; set local xmlbinary = hex; select set_config('lockstep.token', token::text, true) \
                 from lockstep.lease;";
    run(db, &format!("{marks} {statements}; commit")).await;
}

async fn grant_lease(db: &crate::postgres::Database) {
    run(
        db,
        "insert into lockstep.lease values ('group:account', 1, 'me', gen_random_uuid(), now() + interval '1 h')",
    )
    .await;
}

#[tokio::test]
async fn the_system_objects_are_heroku_connects_to_the_letter() {
    let db = provisioned_database(&[account()]).await;
    let columns = "select column_name, data_type, character_maximum_length from information_schema.columns \
                   where table_schema = 'salesforce' and table_name = '_trigger_log' order by ordinal_position";
    let expected = [
        "id|integer|-",
        "txid|bigint|-",
        "created_at|timestamp with time zone|-",
        "updated_at|timestamp with time zone|-",
        "processed_at|timestamp with time zone|-",
        "processed_tx|bigint|-",
        "state|character varying|8",
        "action|character varying|7",
        "table_name|character varying|128",
        "record_id|integer|-",
        "sfid|character varying|18",
        "old|text|-",
        "values|text|-",
        "sf_result|integer|-",
        "sf_message|text|-",
    ];
    assert_eq!(rows(&db, columns).await, expected);
    assert_eq!(
        rows(&db, &columns.replace("'_trigger_log'", "'_trigger_log_archive'")).await,
        expected
    );

    let indexes =
        rows(&db, "select indexname from pg_indexes where schemaname = 'salesforce'").await;
    for name in [
        "_trigger_log_pkey",
        "_trigger_log_idx_created_at",
        "_trigger_log_idx_state_id",
        "_trigger_log_idx_state_table_name",
        "_trigger_log_archive_pkey",
        "_trigger_log_archive_idx_created_at",
        "_trigger_log_archive_idx_record_id",
        "_trigger_log_archive_idx_state_table_name",
        "_hcmeta_pkey",
        "idx__sf_event_log_comp_key",
        "idx__sf_event_log_sfid",
        "account_pkey",
        "hcu_idx_account_sfid",
        "hc_idx_account_systemmodstamp",
        "hcu_idx_account_external_id__c",
        "hc_idx_account_name",
    ] {
        assert!(indexes.iter().any(|index| index == name), "{name} in {indexes:?}");
    }
}

#[tokio::test]
async fn functions_and_triggers_have_the_names_that_clients_know() {
    let db = provisioned_database(&[account()]).await;
    let functions = "select proname, pg_get_function_arguments(oid), prorettype::regtype from pg_proc \
                     where pronamespace = 'salesforce'::regnamespace order by 1";
    assert_eq!(
        rows(&db, functions).await,
        [
            "hc_account_logger||trigger",
            "hc_account_status||trigger",
            "hc_capture_insert_from_row|source_row hstore, table_name character varying, \
             excluded_cols text[] DEFAULT ARRAY[]::text[]|integer",
            "hc_capture_update_from_row|source_row hstore, table_name character varying, \
             columns_to_include text[] DEFAULT ARRAY[]::text[]|integer",
            "tlog_notify_trigger||trigger",
        ]
    );
    let triggers =
        "select tgrelid::regclass, tgname from pg_trigger where not tgisinternal order by 2";
    assert_eq!(
        rows(&db, triggers).await,
        [
            "salesforce.account|hc_account_logtrigger",
            "salesforce.account|hc_account_status_trigger",
            "salesforce.account|hc_account_truncate",
            "salesforce._trigger_log|tlog_insert_trigger",
        ]
    );
    assert_eq!(rows(&db, "select public.get_xmlbinary()").await, ["base64"]);
}

#[tokio::test]
async fn a_second_run_does_nothing_and_workers_may_run_at_once() {
    let url = fresh_url().await;
    let (one, two) = (connect_to(&url).await, connect_to(&url).await);
    migrate(&one).await.unwrap();
    let mappings = [account(), mapping("Lead", Direction::FromSalesforce)];
    let (first, second) = tokio::join!(provision(&one, &mappings), provision(&two, &mappings));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert!(first.done.is_empty() != second.done.is_empty());
    assert_eq!([first.to_load, second.to_load].concat(), ["Account", "Lead"]);
    assert_eq!(provision(&one, &mappings).await.unwrap().done, Vec::<String>::new());
    assert_eq!(inspect(&one, &mappings).await.unwrap(), Vec::new());
}

#[tokio::test]
async fn an_existing_table_is_adopted_and_nothing_is_dropped() {
    let db = fresh_database().await;
    migrate(&db).await.unwrap();
    run(
        &db,
        "create schema salesforce;
         create table salesforce.account (id serial primary key, sfid varchar(18), name varchar(10), mine int);
         create unique index hcu_idx_account_sfid on salesforce.account (sfid);
         insert into salesforce.account (name, mine) values ('a', 1)",
    )
    .await;
    let provisioned = provision(&db, &[account()]).await.unwrap();
    assert_eq!(provisioned.to_load, ["Account"]);
    let kept = rows(&db, "select id, name, mine, external_id__c from salesforce.account").await;
    assert_eq!(kept, ["1|a|1|-"]);
    let findings = inspect(&db, &[account()]).await.unwrap();
    let messages: Vec<_> = findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(
        messages,
        ["column account.name is character varying(10), the mapping needs character varying(255)"]
    );
    assert!(provision(&db, &[account()]).await.unwrap().done.is_empty());
}

#[tokio::test]
async fn a_new_field_adds_its_column_and_asks_for_a_load() {
    let db = provisioned_database(&[account()]).await;
    run(&db, "update lockstep.checkpoint set loaded = true").await;
    let mut wider = account();
    let mut field = wider.fields[0].clone();
    (field.name, field.column) = ("Site".to_owned(), "site".to_owned());
    wider.fields.push(field);
    let provisioned = provision(&db, &[wider]).await.unwrap();
    assert_eq!(provisioned.done, ["column account.site added", "mapping Account recorded"]);
    assert_eq!(provisioned.to_load, ["Account"]);
    assert_eq!(rows(&db, "select loaded from lockstep.checkpoint").await, ["f"]);
    assert_eq!(rows(&db, "select revision from lockstep.mapping").await, ["2"]);
}

#[tokio::test]
async fn each_kind_of_write_is_captured_as_heroku_connect_would() {
    let db = provisioned_database(&[account()]).await;
    run(
        &db,
        "insert into salesforce.account (name, external_id__c) values ('a \"b\"', 'k');
         update salesforce.account set phone = '1';
         update salesforce.account set phone = '1';
         delete from salesforce.account;
         insert into salesforce.account (name, sfid, external_id__c) values ('b', '001000000000001AAA', 'l');
         delete from salesforce.account",
    )
    .await;
    let log = rows(&db, LOG).await;
    let short: Vec<String> =
        log.iter().map(|row| row.split('|').take(4).collect::<Vec<_>>().join("|")).collect();
    assert_eq!(
        short,
        [
            "NEW|INSERT|1|-",
            "NEW|UPDATE|1|-",
            "IGNORE|UPDATE|1|-",
            "IGNORE|DELETE|1|-",
            "NEW|INSERT|2|-",
            "NEW|DELETE|2|001000000000001AAA",
        ]
    );
    assert!(log[0].contains(r#""name"=>"a \"b\"""#), "{}", log[0]);
    assert!(log[0].contains(r#""phone"=>NULL"#) && !log[0].contains("_hc_"), "{}", log[0]);
    assert!(log[1].ends_with(r#"|"phone"=>"1""#), "{}", log[1]);
    assert!(log[2].ends_with('|'), "{}", log[2]);
    assert!(log[3].ends_with("|-"), "{}", log[3]);
}

#[tokio::test]
async fn a_table_that_is_only_pulled_logs_without_asking_for_a_push() {
    let db = provisioned_database(&[mapping("Lead", Direction::FromSalesforce)]).await;
    run(
        &db,
        "insert into salesforce.lead (name) values ('a'); update salesforce.lead set name = 'a'",
    )
    .await;
    let states = "select state from salesforce._trigger_log";
    assert_eq!(rows(&db, states).await, ["READONLY", "READONLY"]);
}

#[tokio::test]
async fn only_a_worker_with_its_token_writes_unseen_and_only_at_the_first_level() {
    let db = provisioned_database(&[account(), mapping("Lead", Direction::Both)]).await;
    grant_lease(&db).await;
    run(
        &db,
        "create function derive() returns trigger language plpgsql as $$ begin
             insert into salesforce.lead (name) values (new.name); return null; end $$;
         create trigger derive after insert on salesforce.account for each row execute function derive()",
    )
    .await;
    as_worker(&db, "insert into salesforce.account (name, _hc_lastop) values ('a', 'SYNCED')")
        .await;
    let captured = "select table_name, action from salesforce._trigger_log order by id";
    assert_eq!(rows(&db, captured).await, ["lead|INSERT"]);
    assert_eq!(rows(&db, "select _hc_lastop from salesforce.account").await, ["SYNCED"]);

    run(
        &db,
        "begin; set local xmlbinary = hex; select set_config('lockstep.token', gen_random_uuid()::text, true);
         update salesforce.account set name = 'spoofed'; commit",
    )
    .await;
    assert_eq!(rows(&db, captured).await, ["lead|INSERT", "account|UPDATE"]);

    run(
        &db,
        "begin; select set_config('lockstep.token', token::text, true) from lockstep.lease;
         update salesforce.account set name = 'by the token alone'; commit",
    )
    .await;
    assert_eq!(rows(&db, captured).await, ["lead|INSERT", "account|UPDATE", "account|UPDATE"]);
}

#[tokio::test]
async fn an_update_that_changes_nothing_leaves_the_mark_as_it_is() {
    let db = provisioned_database(&[account()]).await;
    grant_lease(&db).await;
    as_worker(&db, "insert into salesforce.account (name, _hc_lastop) values ('a', 'SYNCED')")
        .await;

    run(&db, "update salesforce.account set name = 'a'").await;

    assert_eq!(rows(&db, "select _hc_lastop from salesforce.account").await, ["SYNCED"]);
}

#[tokio::test]
async fn dropping_a_mapped_column_never_breaks_the_applications_insert() {
    let db = provisioned_database(&[account()]).await;
    run(
        &db,
        "insert into salesforce.account (name) values ('a');
         alter table salesforce.account drop column phone;
         insert into salesforce.account (name) values ('b')",
    )
    .await;
    assert_eq!(rows(&db, LOG).await.len(), 2);
}

#[tokio::test]
async fn a_role_with_rights_on_the_table_alone_can_write() {
    let db = provisioned_database(&[account()]).await;
    run(
        &db,
        "create role app_alone; grant usage on schema salesforce to app_alone;
         grant insert, update on salesforce.account to app_alone;
         grant usage on sequence salesforce.account_id_seq to app_alone;
         begin; set local role app_alone; set local xmlbinary = hex;
         insert into salesforce.account (name) values ('a'); commit;
         drop owned by app_alone; drop role app_alone",
    )
    .await;
    assert_eq!(
        rows(&db, "select state, action from salesforce._trigger_log").await,
        ["NEW|INSERT"]
    );
}

#[tokio::test]
async fn truncate_is_refused_with_a_way_out() {
    let db = provisioned_database(&[account()]).await;
    let client = db.client().await.unwrap();
    let error = client.batch_execute("truncate salesforce.account").await.unwrap_err();
    let refusal = error.as_db_error().unwrap();
    assert!(refusal.message().contains("salesforce.account"), "{refusal:?}");
    assert!(refusal.hint().unwrap().contains("hc_account_truncate"), "{refusal:?}");
}

#[tokio::test]
async fn a_disabled_trigger_is_found_and_left_alone() {
    let db = provisioned_database(&[account()]).await;
    run(&db, "alter table salesforce.account disable trigger hc_account_logtrigger").await;
    assert!(provision(&db, &[account()]).await.unwrap().done.is_empty());
    let findings = inspect(&db, &[account()]).await.unwrap();
    assert_eq!(findings.len(), 1);
    assert!(findings[0].message.contains("disabled") && !findings[0].is_repairable);
}

#[tokio::test]
async fn rows_can_be_captured_by_hand() {
    let db = provisioned_database(&[account()]).await;
    run(
        &db,
        "insert into salesforce.account (name, phone, sfid) values ('a', '1', '001000000000001AAA');
         delete from salesforce._trigger_log",
    )
    .await;
    for call in [
        "hc_capture_insert_from_row(hstore(t.*), 'account', array['phone', 'id']::text[])",
        "hc_capture_update_from_row(hstore(t.*), 'account', array['phone']::text[])",
        "hc_capture_update_from_row(hstore(t.*), 'account')",
    ] {
        rows(&db, &format!("select salesforce.{call} as id from salesforce.account as t")).await;
    }
    let log = rows(&db, LOG).await;
    assert!(log[0].starts_with("NEW|INSERT|1|-|") && !log[0].contains("phone"), "{log:?}");
    assert!(log[0].contains(r#""id"=>"1""#), "{log:?}");
    assert_eq!(log[1], r#"NEW|UPDATE|1|001000000000001AAA|"phone"=>"1""#);
    assert!(log[2].contains("name") && !log[2].contains("_hc_"), "{log:?}");
}

#[tokio::test]
async fn a_column_whose_field_has_grown_is_widened_without_touching_a_row() {
    let narrow = account();
    let db = provisioned_database(std::slice::from_ref(&narrow)).await;
    run(&db, "insert into salesforce.account (name) values ('kept')").await;
    let file = "select pg_relation_filenode('salesforce.account')";
    let before = rows(&db, file).await;
    let mut wide = narrow.clone();
    wide.fields[0].column_type = crate::model::ColumnType::Varchar(5_000);

    let done = provision(&db, std::slice::from_ref(&wide)).await.unwrap().done;

    assert!(done.iter().any(|step| step.contains("name widened to")), "{done:?}");
    assert_eq!(rows(&db, file).await, before, "the table was not rewritten");
    assert_eq!(inspect(&db, std::slice::from_ref(&wide)).await.unwrap(), []);

    // A mapping that asks for less leaves the column as it is.
    provision(&db, std::slice::from_ref(&narrow)).await.unwrap();
    assert_eq!(inspect(&db, std::slice::from_ref(&wide)).await.unwrap(), []);
}

#[tokio::test]
async fn what_is_captured_has_one_form_whatever_the_applications_session_prints() {
    let mut mapping = account();
    mapping.fields[1].column_type = ColumnType::TimestampTz;
    let db = provisioned_database(&[mapping]).await;

    run(
        &db,
        "set datestyle = 'German'; set timezone = 'Asia/Kolkata'; set extra_float_digits = 0; \
         insert into salesforce.account (phone, annualrevenue) values ('2024-01-02 03:04:05+00', 0.1::float8 + 0.2)",
    )
    .await;

    let cells = "select (\"values\"::hstore) -> 'phone', (\"values\"::hstore) -> 'annualrevenue' \
                 from salesforce._trigger_log";
    assert_eq!(rows(&db, cells).await, ["2024-01-02 03:04:05+00|0.30000000000000004"]);
}

#[tokio::test]
async fn a_column_of_a_wider_type_is_used_as_it_is_and_one_that_is_too_small_is_reported() {
    let db = fresh_database().await;
    migrate(&db).await.unwrap();
    run(
        &db,
        "create schema salesforce; create table salesforce.account \
         (id serial primary key, name text, phone varchar(10), annualrevenue numeric(20,4))",
    )
    .await;
    let mut mapping = account();
    mapping.fields[2].limits.digits = Some((18, 2));
    provision(&db, std::slice::from_ref(&mapping)).await.unwrap();

    let found = as_found(&db, vec![mapping]).await.unwrap();

    let types: Vec<ColumnType> = found[0].fields.iter().map(|field| field.column_type).collect();
    assert_eq!(types[0], ColumnType::Text);
    assert_eq!(types[1], ColumnType::Varchar(40), "ten characters are too few");
    assert_eq!(types[2], ColumnType::Numeric(20, 4));
    let findings = inspect(&db, &found).await.unwrap();
    let messages: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(
        messages,
        ["column account.phone is character varying(10), the mapping needs character varying(40)"]
    );
}
