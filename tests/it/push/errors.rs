//! What Salesforce refuses: it is parked with everything a person needs, costs nobody else anything, and goes again in each
//! of the ways there are.

use super::world::{World, value};
use super::{COLLECTIONS, sfid_of};
use crate::uncaptured::uncaptured;
use lockstep::postgres::{Payload, Selection, retry_failures};
use lockstep::sync::Error;
use salesforce_simulator::{Fault, FaultKind};
use serde_json::{Value as Json, json};

/// Of each parked change: what a person is told.
const PARKED: &str = "select code, operation, origin, fields, sent ->> 'AnnualRevenue', attempts, \
                      first_at < last_at, log_ids from lockstep.parked order by log_id";

fn fault(json: Json) -> Fault {
    serde_json::from_value(json).unwrap()
}

/// Has Salesforce refuse accounts of this name, so many times.
async fn refuse(world: &World, name: &str, times: Json) {
    let mut poison = json!({
        "kind": "row_error", "code": "STRING_TOO_LONG", "message": "Name: data value too large",
        "fields": ["Name"], "where": { "field": "Name", "equals": name }, "times": times
    });
    if !times.is_null() {
        // The call that writes: what is read before it is no strike.
        poison["route"] = json!("*/composite/sobjects");
        poison["object"] = json!("Account");
    }
    world.arm(fault(poison)).await;
}

/// An account that was refused once, and will not be again.
async fn with_a_parked_account() -> World {
    let world = World::start().await;
    refuse(&world, "Acme", json!(1)).await;
    world.app("insert into account (name, external_id__c) values ('Acme', 'k1')").await;
    assert_eq!(world.run().await.unwrap().refused, 1);
    world
}

async fn count(world: &World, sql: &str) -> String {
    world.rows(sql).await.remove(0)
}

#[tokio::test]
async fn a_parked_change_tells_its_field_its_payload_its_attempts_and_its_times() {
    // given a row that a validation rule refuses
    let world = World::start().await;
    world
        .app("insert into account (name, external_id__c, annualrevenue) values ('Bad', 'k1', -1)")
        .await;
    assert_eq!(world.run().await.unwrap().refused, 1);

    // then all of it is known, in the control schema and on the row
    let parked = world.rows(PARKED).await;
    assert_eq!(parked.len(), 1);
    assert!(
        parked[0].starts_with("FIELD_CUSTOM_VALIDATION_EXCEPTION|INSERT|salesforce|"),
        "{parked:?}"
    );
    assert!(parked[0].ends_with("|-1.0|1|f|{1}"), "{parked:?}");
    let error: Json =
        serde_json::from_str(&count(&world, "select _hc_err from account").await).unwrap();
    assert_eq!((&error["op"], &error["src"]), (&json!("INSERT"), &json!("SALESFORCE")));
    assert!(error["msg"].as_str().unwrap().contains("Annual revenue cannot be negative"));

    // when it is changed and refused again, then it is still one, with its history
    world.app("update account set annualrevenue = -2").await;
    assert_eq!(world.run().await.unwrap().refused, 1);
    let parked = world.rows(PARKED).await;
    assert_eq!(parked.len(), 1);
    assert!(parked[0].ends_with("|-2.0|2|t|{1,2}"), "{parked:?}");

    // when it is repaired, then it is forgotten
    world.app("update account set annualrevenue = 2").await;
    assert_eq!(world.run().await.unwrap().accepted, 1);
    assert_eq!(world.rows(PARKED).await, [""; 0]);
}

#[tokio::test]
async fn one_poison_row_in_two_hundred_is_parked_with_its_field_and_the_others_pass_at_once() {
    let world = World::start().await;
    refuse(&world, "A77", json!(null)).await;
    world.app("insert into account (name, external_id__c) select 'A' || n, 'k' || n from generate_series(1, 200) n").await;
    let before = world.client.calls_made();

    let pushed = world.run().await.unwrap();

    assert_eq!((pushed.accepted, pushed.refused, pushed.waiting), (199, 1, 0));
    // One query for external ids that are there already, one call that writes.
    assert!(world.client.calls_made() - before <= 3);
    let parked = world.rows("select record_id, fields, sent ->> 'Name' from lockstep.parked").await;
    assert_eq!(parked, ["77|{Name}|A77"]);
}

#[tokio::test]
async fn one_poison_row_in_a_bulk_job_is_parked_with_its_field_and_the_others_pass_at_once() {
    let world = World::start().await;
    refuse(&world, "A77", json!(null)).await;
    world.app("insert into account (name, external_id__c) select 'A' || n, 'k' || n from generate_series(1, 2001) n").await;

    let pushed = world.run().await.unwrap();

    assert_eq!((pushed.accepted, pushed.refused, pushed.waiting), (2_000, 1, 0));
    assert!(world.requests("composite/sobjects").await.is_empty(), "all by the job");
    let parked = world.rows("select record_id, fields, sent ->> 'Name' from lockstep.parked").await;
    assert_eq!(parked, ["77|{Name}|A77"]);
}

#[tokio::test]
async fn a_call_of_two_hundred_that_is_refused_as_a_whole_parks_one_and_the_others_pass_at_once() {
    // given a call that is refused as long as the first record is in it
    let world = World::start().await;
    world.app("insert into account (name, external_id__c) select 'A' || n, 'k' || n from generate_series(1, 200) n").await;
    let refusal =
        json!([{ "errorCode": "JSON_PARSER_ERROR", "message": "no", "fields": ["Name"] }]);
    let halvings = 8;
    world
        .fault("POST", COLLECTIONS, Fault::from(FaultKind::json(400, refusal)).times(halvings))
        .await;

    let pushed = world.run().await.unwrap();

    assert_eq!((pushed.accepted, pushed.refused, pushed.waiting), (199, 1, 0));
    let calls = world.requests("composite/sobjects").await.len();
    assert!(calls <= 16, "{calls} calls");
    assert_eq!(world.rows("select fields from lockstep.parked").await, ["{Name}"]);
}

#[tokio::test]
async fn children_that_lock_each_other_out_at_their_parent_all_arrive_and_none_is_parked() {
    // given ninety contacts of one account, of whom each third is refused for a lock, three times over
    let world = World::start().await;
    world.app("insert into account (name, external_id__c) values ('Acme', 'k1')").await;
    world.settle().await;
    let locked = json!({
        "kind": "row_error", "code": "UNABLE_TO_LOCK_ROW", "object": "Contact", "route": "*/composite/sobjects", "every": 3,
        "message": "unable to obtain exclusive access to this record or 1 records", "times": 3
    });
    world.arm(fault(locked)).await;
    world
        .app(
            "insert into contact (lastname, external_id__c, account_key)
             select 'C' || n, 'c' || n, 'k1' from generate_series(1, 90) n",
        )
        .await;

    let pushed = world.run().await.unwrap();
    assert_eq!((pushed.accepted, pushed.refused, pushed.waiting), (60, 0, 30));
    world.settle().await;

    assert_eq!(world.records("Contact").await.len(), 90);
    assert_eq!(world.rows("select 1 from lockstep.parked").await, [""; 0]);
    assert_eq!(world.rows("select 1 from contact where sfid is null").await, [""; 0]);
    // At most 90, then 30, 10 and 3: those that were refused go together, not one by one.
    let sent = world
        .rows("select count(*) <= 133 from lockstep.journal where table_name = 'contact'")
        .await;
    assert_eq!(sent, ["t"]);
}

#[tokio::test]
async fn the_daily_limit_parks_nothing() {
    let world = World::start().await;
    let limit = fault(json!({
        "kind": "error", "code": "REQUEST_LIMIT_EXCEEDED", "method": "POST", "operation": "collection"
    }));
    world.arm(limit).await;
    world.app("insert into account (name, external_id__c) values ('Acme', 'k1')").await;

    assert!(matches!(world.run().await, Err(Error::Salesforce(_))));

    assert_eq!(world.rows("select state from _trigger_log").await, ["NEW"]);
    assert_eq!(world.rows(PARKED).await, [""; 0]);
}

#[tokio::test]
async fn an_unknown_code_parks_the_record_with_salesforces_words() {
    let world = World::start().await;
    let refusal = json!({
        "kind": "row_error", "code": "CODE_OF_TOMORROW", "message": "not before noon", "fields": [],
        "method": "POST", "operation": "collection"
    });
    world.arm(fault(refusal)).await;
    world.app("insert into account (name, external_id__c) values ('Acme', 'k1')").await;

    assert_eq!(world.run().await.unwrap().refused, 1);

    let log = world.rows("select state, sf_message from _trigger_log").await;
    assert_eq!(log, ["FAILED|CODE_OF_TOMORROW: not before noon"]);
}

#[tokio::test]
async fn an_object_that_is_forbidden_as_a_whole_pauses_its_mapping_alone() {
    let world = World::start().await;
    let refusal = json!([{ "errorCode": "INSUFFICIENT_ACCESS", "message": "no", "fields": [] }]);
    world.fault("POST", COLLECTIONS, FaultKind::json(403, refusal)).await;
    world.app("insert into account (name, external_id__c) values ('Acme', 'k1')").await;

    let Err(Error::MappingRefused { object, .. }) = world.run().await else { panic!() };

    assert_eq!(object, "Account");
    assert_eq!(world.rows("select state from _trigger_log").await, ["NEW"]);
}

#[tokio::test]
async fn a_parked_change_is_sent_again_by_its_number_with_what_was_captured() {
    let world = with_a_parked_account().await;
    // A change that nothing captured, as a restore may leave it.
    world.app(&uncaptured("update account set name = 'Present'")).await;

    let one = Selection { log_ids: Some(vec![1]), ..Selection::default() };
    assert_eq!(retry_failures(&world.db, &one, Payload::Captured).await.unwrap(), 1);

    assert_eq!(world.run().await.unwrap().accepted, 1);
    assert_eq!(world.names("Account").await, ["Acme"]);
    assert_eq!(world.rows(PARKED).await, [""; 0]);
}

#[tokio::test]
async fn a_parked_change_is_sent_again_with_the_values_its_row_has_now() {
    let world = with_a_parked_account().await;
    world.app(&uncaptured("update account set name = 'Present', annualrevenue = 1234567891")).await;
    world.app("set extra_float_digits = -10; set datestyle = german").await;

    assert_eq!(count(&world, "select lockstep.retry(present => true)").await, "1");

    assert_eq!(world.run().await.unwrap().accepted, 1);
    let records = world.records("Account").await;
    assert_eq!(records[0].values[0], value("Present"));
    assert_eq!(records[0].values[3], lockstep::model::Value::Double(1_234_567_891.0));
}

#[tokio::test]
async fn of_a_parked_update_only_the_captured_columns_take_the_present_values() {
    let world = World::start().await;
    world.app("insert into account (name, phone, external_id__c) values ('Acme', '1', 'k1')").await;
    world.settle().await;
    refuse(&world, "Bad", json!(1)).await;
    world.app("update account set name = 'Bad'").await;
    assert_eq!(world.run().await.unwrap().refused, 1);
    world.app(&uncaptured("update account set name = 'Good', phone = '2'")).await;

    assert_eq!(
        count(&world, "select lockstep.retry(object => 'account', present => true)").await,
        "1"
    );
    world.settle().await;

    let records = world.records("Account").await;
    assert_eq!((&records[0].values[0], &records[0].values[2]), (&value("Good"), &value("1")));
}

#[tokio::test]
async fn parked_changes_are_sent_again_by_their_common_cause_and_by_their_mapping() {
    // given two accounts refused for one reason, one for another, and a lead
    let world = World::start().await;
    for name in ["A1", "A2"] {
        refuse(&world, name, json!(1)).await;
    }
    let lead = json!({
        "kind": "row_error", "object": "Lead", "method": "POST", "code": "STRING_TOO_LONG", "message": "no",
        "fields": ["Name"]
    });
    world
        .app(
            "insert into account (name, external_id__c) values ('A1', 'k1'), ('A2', 'k2');
             insert into account (name, external_id__c, annualrevenue) values ('A3', 'k3', -1)",
        )
        .await;
    world.arm(fault(lead)).await;
    world.app("insert into lead (lastname, company) values ('Byron', 'Acme')").await;
    world.settle().await;
    let failed = "select string_agg(table_name || record_id, ' ' order by id) from _trigger_log where state = 'FAILED'";
    let before = count(&world, failed).await;

    // when one is retried with those alike, then the others stay parked
    let alike = "select lockstep.retry(changes => array[1], alike => true)";
    assert_eq!(count(&world, alike).await, "2", "{before}");
    world.settle().await;
    assert_eq!(world.names("Account").await, ["A1", "A2"]);
    assert_eq!(count(&world, failed).await, "account3 lead1");

    // when a mapping is, then only its changes are
    assert_eq!(count(&world, "select lockstep.retry(object => 'Lead')").await, "1");
    world.settle().await;
    assert_eq!(world.names("Lead").await, ["Byron"]);
    assert_eq!(count(&world, failed).await, "account3");
}

#[tokio::test]
async fn an_application_retries_changes_of_the_tables_that_it_may_update_and_of_no_others() {
    let world = with_a_parked_account().await;
    let role = format!("shop_{}", std::process::id());
    world
        .app(&format!(
            "create role {role}; grant usage on schema salesforce to {role}; set role {role}"
        ))
        .await;

    // given a role without any right, then it moves nothing, and is told so where it names the mapping
    assert_eq!(count(&world, "select lockstep.retry()").await, "0");
    let denied = world.app_fails("select lockstep.retry(object => 'Account')").await;
    assert!(denied.contains("permission denied"), "{denied}");
    assert!(world.app_fails("select lockstep.retry(object => 'Acount')").await.contains("Acount"));

    // when it may update the table, then it need not see the log
    world.app(&format!("reset role; grant update on account to {role}; set role {role}")).await;
    assert!(world.app_fails("select 1 from _trigger_log").await.contains("permission denied"));
    assert_eq!(count(&world, "select lockstep.retry(record_id => 1)").await, "1");
    world.app(&format!("reset role; drop owned by {role}; drop role {role}")).await;
    assert_eq!(world.run().await.unwrap().accepted, 1);
}

#[tokio::test]
async fn a_parked_change_whose_state_is_set_to_new_is_sent_again() {
    let world = with_a_parked_account().await;

    world.app("update _trigger_log set state = 'NEW' where state = 'FAILED'").await;

    assert_eq!(world.run().await.unwrap().accepted, 1);
    assert_eq!(world.rows("select _hc_lastop, _hc_err from account").await, ["INSERTED|-"]);
    assert_eq!(world.rows(PARKED).await, [""; 0]);
}

#[tokio::test]
async fn a_retry_does_not_wait_for_what_the_record_waited_for() {
    let world = with_a_parked_account().await;
    let waits = "insert into lockstep.delivery (table_name, record_id, attempts, not_before, reason) \
                 values ('account', 1, 5, now() + interval '1 hour', 'a limit')";
    world.app(waits).await;

    world.app("select lockstep.retry()").await;

    assert_eq!(world.run().await.unwrap().accepted, 1);
}

#[tokio::test]
async fn an_archived_change_marked_for_requeueing_is_sent_again() {
    let world = with_a_parked_account().await;
    let given_up = Selection { log_ids: Some(vec![1]), ..Selection::default() };
    let ignored = lockstep::postgres::ignore_failures(&world.db, &given_up, "by mistake").await;
    assert_eq!(ignored.unwrap(), 1);
    assert_eq!(world.rows(PARKED).await, [""; 0]);

    world.app("update _trigger_log_archive set state = 'REQUEUE'").await;

    assert_eq!(world.run().await.unwrap().accepted, 1);
    assert_eq!(world.names("Account").await, ["Acme"]);
    assert_eq!(world.states().await, ["REQUEUED|1", "SUCCESS|1"]);
}

#[tokio::test]
async fn the_capture_functions_send_a_row_that_was_refused_or_never_captured() {
    // given a row whose insert was given up, and one changed behind the triggers' back
    let world = with_a_parked_account().await;
    world.app("insert into account (name, external_id__c) values ('Other', 'k2')").await;
    let given_up = Selection { log_ids: Some(vec![1]), ..Selection::default() };
    lockstep::postgres::ignore_failures(&world.db, &given_up, "for now").await.unwrap();
    world.settle().await;
    world.app(&uncaptured("update account set phone = '7' where name = 'Other'")).await;

    // when a tool captures both, as it would with Heroku Connect
    world
        .app(
            "set search_path = salesforce, public;
             select hc_capture_insert_from_row(hstore(t.*), 'account', array[]::text[]) from account t where name = 'Acme';
             select hc_capture_update_from_row(hstore(t.*), 'account', array['phone']) from account t where name = 'Other'",
        )
        .await;
    world.settle().await;

    // then both are sent
    let records = world.records("Account").await;
    assert_eq!((&records[0].values[0], &records[1].values[2]), (&value("Acme"), &value("7")));
    assert!(!sfid_of(&world, "account").await.as_str().is_empty());
}
