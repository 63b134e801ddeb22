//! The pusher between a real Postgres and a simulated org.

mod anomalies;
mod arrival;
mod bulk;
mod by_row;
mod conditional;
mod errors;
mod flight;
mod in_order;
mod jobs;
mod keys;
mod locks;
mod lost;
mod manual;
mod net_effects;
mod order;
mod rehearsal;
mod renumbered;
mod world;

use crate::wait::wait_until;
use chrono::TimeDelta;
use lockstep::mapping::ConflictPolicy;
use lockstep::model::{SalesforceId, Value};
use lockstep::sync::{Error, Pushed};
use salesforce_simulator::FaultKind;
use serde_json::json;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use world::{World, mappings, value};

const COLLECTIONS: &str = "/services/data/*/composite/sobjects*";

/// Long enough for a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(40);

async fn sfid_of(world: &World, table: &str) -> SalesforceId {
    let rows = world.rows(&format!("select sfid from {table} order by id limit 1")).await;
    SalesforceId::parse(rows.first().unwrap()).unwrap()
}

#[tokio::test]
async fn a_row_becomes_a_record_is_changed_and_deleted() {
    let world = World::start().await;

    world.app("insert into account (name, external_id__c) values ('Acme', 'k1')").await;
    let pushed = world.run().await.unwrap();
    assert_eq!(pushed, Pushed { claimed: 1, accepted: 1, ..Pushed::default() });
    let id = sfid_of(&world, "account").await;
    let records = world.records("Account").await;
    assert_eq!(records[0].id, id);
    assert_eq!(records[0].values[0], value("Acme"));
    assert_eq!(world.rows("select _hc_lastop, _hc_err from account").await, ["INSERTED|-"]);

    world.app("update account set name = 'Acme Ltd', phone = '1'").await;
    world.app("update account set phone = null").await;
    let pushed = world.run().await.unwrap();
    assert_eq!((pushed.claimed, pushed.accepted), (2, 1));
    assert_eq!(world.names("Account").await, ["Acme Ltd"]);
    assert_eq!(world.rows("select _hc_lastop from account").await, ["UPDATED"]);

    world.app("delete from account").await;
    world.settle().await;
    assert!(world.records("Account").await.is_empty());
    assert_eq!(world.states().await, ["MERGED|1", "SUCCESS|3"]);
    assert!(world.rows("select 1 from _trigger_log").await.is_empty(), "all archived");
}

#[tokio::test]
async fn a_quiet_database_costs_no_request_and_writes_nothing() {
    let world = World::start().await;
    world.app("insert into account (name, external_id__c) values ('Acme', 'k1')").await;
    world.settle().await;
    let before = world.client.calls_made();
    assert_eq!(world.run().await.unwrap(), Pushed::default());
    assert_eq!(world.client.calls_made(), before);
}

#[tokio::test]
async fn a_child_inserted_with_its_parent_follows_it_by_the_reference_column() {
    let world = World::start().await;
    world
        .app(
            "begin;
             insert into contact (lastname, external_id__c, account_key) values ('Byron', 'c1', 'k1');
             insert into account (name, external_id__c) values ('Acme', 'k1');
             commit",
        )
        .await;
    let pushed = world.run().await.unwrap();
    assert_eq!((pushed.accepted, pushed.waiting), (2, 0));
    let account = sfid_of(&world, "account").await;
    let contacts = world.records("Contact").await;
    assert_eq!(contacts[0].values[3], value(account.as_str()));
}

#[tokio::test]
async fn a_child_waits_for_a_parent_that_comes_later() {
    let world = World::start().await;
    world
        .app("insert into contact (lastname, external_id__c, account_key) values ('Byron', 'c1', 'k1')")
        .await;
    let pushed = world.run().await.unwrap();
    assert_eq!((pushed.accepted, pushed.waiting), (0, 1));
    world.app("insert into account (name, external_id__c) values ('Acme', 'k1')").await;
    world.settle().await;
    assert_eq!(world.names("Contact").await, ["Byron"]);
}

#[tokio::test]
async fn a_child_of_a_row_that_never_came_is_parked_after_a_while() {
    let world = World::start().await;
    world
        .app("insert into contact (lastname, external_id__c, account_key) values ('Byron', 'c1', 'nobody')")
        .await;
    assert_eq!(world.run().await.unwrap().waiting, 1);

    world
        .app(
            "update _trigger_log set created_at = created_at - interval '11 minutes';
             update lockstep.delivery set not_before = now()",
        )
        .await;

    assert_eq!(world.run().await.unwrap().refused, 1);
    assert_eq!(world.rows("select code from lockstep.parked").await, ["PARENT_NOT_FOUND"]);
}

#[tokio::test]
async fn a_refused_row_is_parked_with_salesforces_words_until_an_update_repairs_it() {
    let world = World::start().await;
    world
        .app(
            "insert into account (name, external_id__c, annualrevenue) values ('Bad', 'k1', -1);
             insert into account (name, external_id__c) values ('Good', 'k2')",
        )
        .await;
    let pushed = world.run().await.unwrap();
    assert_eq!((pushed.accepted, pushed.refused), (1, 1));
    let parked = world.rows("select state, sf_message from _trigger_log").await;
    assert_eq!(parked.len(), 1);
    assert!(parked[0].starts_with("FAILED|FIELD_CUSTOM_VALIDATION_EXCEPTION"), "{parked:?}");
    assert!(parked[0].contains("Annual revenue cannot be negative"), "{parked:?}");
    let row = world.rows("select _hc_lastop, _hc_err is not null from account where name = 'Bad'");
    assert_eq!(row.await, ["FAILED|t"]);
    assert_eq!(world.run().await.unwrap().claimed, 0, "a parked row is left alone");

    world.app("update account set annualrevenue = 5 where name = 'Bad'").await;
    assert_eq!(world.run().await.unwrap().accepted, 1);
    assert_eq!(world.names("Account").await, ["Bad", "Good"]);
    assert_eq!(world.states().await, ["MERGED|1", "SUCCESS|2"]);
    let row = world.rows("select _hc_lastop, _hc_err from account where name = 'Bad'").await;
    assert_eq!(row, ["INSERTED|-"]);
}

#[tokio::test]
async fn a_parked_insert_whose_row_is_deleted_does_not_stay_parked_for_ever() {
    let world = World::start().await;
    world
        .app("insert into account (name, external_id__c, annualrevenue) values ('Bad', 'k1', -1)")
        .await;
    assert_eq!(world.run().await.unwrap().refused, 1);
    world.app("delete from account").await;
    let pushed = world.run().await.unwrap();
    assert_eq!((pushed.claimed, pushed.settled), (2, 1));
    assert_eq!(world.states().await, ["IGNORED|2"]);
    assert!(world.records("Account").await.is_empty());
}

#[tokio::test]
async fn both_sides_change_the_same_field_and_the_policy_decides() {
    for (policy, name, winner) in [
        (ConflictPolicy::SalesforceWins, "Theirs", "salesforce"),
        (ConflictPolicy::PostgresWins, "Ours", "postgres"),
    ] {
        let mut mappings = mappings();
        mappings[0].fields[0].conflict = policy;
        let world = World::with(mappings).await;
        world.app("insert into account (name, external_id__c) values ('Acme', 'k1')").await;
        world.settle().await;
        let id = sfid_of(&world, "account").await;
        // An earlier attempt of ours wrote `Acme`; only a value that nobody of us sent is a foreign edit.
        world.person_edits("Account", &id, json!({ "Name": "Theirs", "Phone": "7" })).await;
        world.app("update account set name = 'Ours', annualrevenue = 3").await;
        world.settle().await;
        let record = &world.records("Account").await[0];
        assert_eq!(record.values[0], value(name), "{policy:?}");
        assert_eq!(record.values[2], value("7"), "the other field stays");
        assert_eq!(record.values[3], Value::Double(3.0), "the other field is sent");
        assert_eq!(world.rows("select name from account").await, [name], "{policy:?}");
        let logged = world.rows("select field, winner from lockstep.conflict").await;
        assert_eq!(logged, [format!("Name|{winner}")]);
        assert_eq!(world.run().await.unwrap(), Pushed::default(), "both sides are equal");
    }
}

#[tokio::test]
async fn what_came_and_went_before_it_was_sent_is_never_sent() {
    let world = World::start().await;
    world
        .app(
            "insert into account (name, external_id__c) values ('Acme', 'k1');
             update account set phone = '1';
             delete from account",
        )
        .await;
    world.settle().await;
    assert!(world.requests("composite/sobjects").await.is_empty());
    assert!(world.rows("select 1 from _trigger_log").await.is_empty(), "all archived");
}

#[tokio::test]
async fn an_edit_wins_over_a_deletion_on_either_side() {
    let world = World::start().await;
    world
        .app(
            "insert into account (name, external_id__c) values ('There', 'k1');
             insert into account (name, external_id__c) values ('Here', 'k2')",
        )
        .await;
    world.settle().await;
    let ids = world.rows("select sfid from account order by id").await;
    let [there, here] = [0, 1].map(|i: usize| SalesforceId::parse(&ids[i]).unwrap());

    world.person_deletes("Account", &there).await;
    world.app("update account set phone = '1' where name = 'There'").await;
    world.person_edits("Account", &here, json!({ "Phone": "2" })).await;
    world.app("delete from account where name = 'Here'").await;
    world.settle().await;

    let records = world.records("Account").await;
    let summary: Vec<_> =
        records.iter().map(|r| (r.values[0].clone(), r.values[2].clone())).collect();
    assert_eq!(summary, [(value("Here"), value("2")), (value("There"), value("1"))]);
    let rows = world.rows("select name, phone, sfid from account order by name").await;
    let expected: Vec<String> = records
        .iter()
        .map(|r| {
            let [name, phone] = [0, 2].map(|i: usize| r.values[i].as_text().unwrap().to_owned());
            format!("{name}|{phone}|{}", r.id)
        })
        .collect();
    assert_eq!(rows, expected);
    let logged = world.rows("select field, winner from lockstep.conflict order by field").await;
    assert_eq!(logged, ["IsDeleted|postgres", "Phone|salesforce"]);
}

#[tokio::test]
async fn three_thousand_inserts_go_by_one_bulk_job() {
    let world = World::start().await;
    world.app("insert into account (name, external_id__c) select 'A' || n, 'k' || n from generate_series(1, 3000) n").await;
    let pushed = world.run().await.unwrap();
    assert_eq!(pushed.accepted, 3_000);
    assert_eq!(world.records("Account").await.len(), 3_000);
    let linked = world.rows("select count(distinct sfid) from account").await;
    assert_eq!(linked, ["3000"]);
    assert!(world.requests("composite/sobjects").await.is_empty());
    let created: Vec<_> = world.requests("jobs/ingest").await;
    let posts = created.iter().filter(|line| line.starts_with("POST")).count();
    assert_eq!(posts, 1);
}

#[tokio::test]
async fn a_bulk_job_whose_closing_got_lost_is_settled_by_its_id() {
    let world = World::start().await;
    world.app("insert into account (name, external_id__c) select 'A' || n, 'k' || n from generate_series(1, 2001) n").await;
    world.fault("PATCH", "/services/data/*/jobs/ingest/*", FaultKind::CutAfter {}).await;
    assert!(world.run().await.is_err());
    world.resolve_open().await.unwrap();
    world.settle().await;
    assert_eq!(world.records("Account").await.len(), 2_001);
    let created: Vec<_> = world.requests("jobs/ingest").await;
    let posts = created.iter().filter(|line| line.starts_with("POST")).count();
    assert_eq!(posts, 1, "nothing is sent twice");
}

#[tokio::test]
async fn a_row_deleted_while_its_insert_is_under_way_is_deleted_in_salesforce() {
    let world = World::start().await;
    let held = FaultKind::LateCommit { millis: None };
    let held = world.fault("POST", COLLECTIONS, held).await;
    world.app("insert into account (name, external_id__c) values ('Acme', 'k1')").await;
    let (pushed, ()) = tokio::join!(world.run(), async {
        wait_until("the insert is under way", PATIENCE, async || {
            world.control().held().await.unwrap().contains_key(&held)
        })
        .await;
        let journalled = world.rows("select operation, outcome from lockstep.journal").await;
        assert_eq!(journalled, ["INSERT|-"], "written down before it is sent");
        world.app("delete from account").await;
        world.release(held).await;
    });
    assert_eq!(pushed.unwrap().accepted, 1);
    world.settle().await;
    assert!(world.records("Account").await.is_empty());
}

#[tokio::test]
async fn two_hundred_inserts_cost_one_call() {
    let world = World::start().await;
    world.app("insert into account (name, external_id__c) values ('Acme', 'k')").await;
    world.settle().await;
    let insert = "insert into account (name, external_id__c) \
                  select 'A' || n, gen_random_uuid() from generate_series(1, 200) n";
    world.app(insert).await;
    let before = world.client.calls_made();
    assert_eq!(world.run().await.unwrap().accepted, 200);
    assert_eq!(world.client.calls_made() - before, 1);
}

#[tokio::test]
async fn a_parked_deletion_is_not_sent_again_for_a_new_row_with_its_id() {
    let world = World::start().await;
    world.app("insert into account (name, external_id__c) values ('Old', 'k1')").await;
    world.settle().await;
    let account = sfid_of(&world, "account").await;
    // Salesforce refuses to delete an account that has a case.
    world.person_creates("Case", json!({ "AccountId": account.as_str() })).await;
    world.app("delete from account").await;
    assert_eq!(world.run().await.unwrap().refused, 1);
    world.app("insert into account (id, name, external_id__c) values (1, 'New', 'k2')").await;
    let before = world.client.calls_made();
    let pushed = world.run().await.unwrap();
    assert_eq!((pushed.claimed, pushed.refused, pushed.more), (0, 0, false));
    assert_eq!(world.client.calls_made(), before);
    assert_eq!(
        world.rows("select state, action from _trigger_log order by id").await,
        ["FAILED|DELETE", "NEW|INSERT"]
    );
}

#[tokio::test]
async fn a_mapping_that_salesforce_refuses_does_not_hold_up_the_others() {
    let world = World::start().await;
    let refusal = json!([{ "errorCode": "INVALID_FIELD", "message": "no", "fields": [] }]);
    world.fault("POST", COLLECTIONS, FaultKind::json(400, refusal)).await;
    world
        .app(
            "insert into account (name, external_id__c) values ('Acme', 'k1');
             insert into lead (lastname, company) values ('Byron', 'Acme')",
        )
        .await;
    let Err(Error::MappingRefused { object, .. }) = world.run().await else { panic!() };
    assert_eq!(object, "Account");
    let stop = CancellationToken::new();
    let others = world.pusher.run_once_except(&world.lease, &stop, &[object]).await.unwrap();
    assert_eq!((others.claimed, others.accepted), (1, 1));
    assert_eq!(world.names("Lead").await, ["Byron"]);
    assert_eq!(world.rows("select state, table_name from _trigger_log").await, ["NEW|account"]);
}

#[tokio::test]
async fn the_calls_of_a_push_are_counted_for_its_mapping() {
    let world = World::start().await;
    world.app("insert into account (name, external_id__c) values ('Acme', 'k1')").await;
    world.run().await.unwrap();
    lockstep::postgres::flush_usage(&world.db).await.unwrap();
    let counted = world.rows("select object, kind, calls from lockstep.api_usage").await;
    assert_eq!(counted, ["Account|push|1"]);
}

#[tokio::test]
async fn a_record_that_becomes_visible_after_its_moment_was_polled_is_found_all_the_same() {
    let world = World::start().await;
    world.person_creates("Account", json!({ "Name": "Late" })).await;
    let stamp = world.records("Account").await[0].system_modstamp.unwrap();
    let pulled = world.poll(stamp + TimeDelta::seconds(299)).await;
    // The second call of this first poll asks up to when Salesforce's word is complete.
    assert_eq!((pulled.applied.inserted, pulled.calls), (1, 2));
    assert_eq!(world.rows("select name from account").await, ["Late"]);
    let pulled = world.poll(stamp + TimeDelta::seconds(301)).await;
    assert_eq!(pulled.applied.read, 0, "what lies further back is not read again");
}

#[tokio::test]
async fn a_person_who_restores_a_value_that_we_once_sent_has_edited_the_record() {
    let world = World::start().await;
    world.app("insert into account (name, external_id__c) values ('First', 'k1')").await;
    world.settle().await;
    world.app("update account set name = 'Second'").await;
    world.settle().await;
    let id = sfid_of(&world, "account").await;
    world.person_edits("Account", &id, json!({ "Name": "First" })).await;
    world.app("update account set name = 'Third'").await;
    world.settle().await;
    assert_eq!(world.names("Account").await, ["First"]);
    assert_eq!(world.rows("select name from account").await, ["First"]);
    let logged = world.rows("select local, remote, winner from lockstep.conflict").await;
    assert_eq!(logged, ["Third|First|salesforce"]);
}
