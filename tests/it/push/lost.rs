//! Answers that never came: what was written is found out by reading, and nothing is written twice.

use super::world::{World, value};
use super::{COLLECTIONS, sfid_of};
use crate::uncaptured::uncaptured;
use lockstep::model::Value;
use salesforce_simulator::FaultKind;

#[tokio::test]
async fn a_lost_answer_makes_no_duplicate_with_an_external_id() {
    for kind in [FaultKind::CutBefore {}, FaultKind::CutAfter {}] {
        let said = format!("{kind:?}");
        let world = World::start().await;
        world.fault("POST", COLLECTIONS, kind).await;
        world.app("insert into account (name, external_id__c) values ('Acme', 'k1')").await;
        assert!(world.run().await.is_err(), "{said}");
        world.app("update account set phone = '1'").await;
        world.settle().await;
        let records = world.records("Account").await;
        assert_eq!(records.len(), 1, "{said}");
        assert_eq!(records[0].id, sfid_of(&world, "account").await);
        assert_eq!(records[0].values[2], value("1"), "{said}");
    }
}

#[tokio::test]
async fn a_lost_answer_makes_no_duplicate_without_an_external_id() {
    for kind in [FaultKind::CutBefore {}, FaultKind::CutAfter {}] {
        let said = format!("{kind:?}");
        let world = World::start().await;
        world.fault("POST", COLLECTIONS, kind).await;
        world
            .app(
                "insert into lead (lastname, company) values ('Byron', 'Acme');
                 insert into lead (lastname, company) values ('Byron', 'Acme');
                 insert into lead (lastname, company) values ('Lovelace', 'Acme')",
            )
            .await;
        assert!(world.run().await.is_err(), "{said}");
        world.settle().await;
        assert_eq!(world.names("Lead").await, ["Byron", "Byron", "Lovelace"], "{said}");
        let linked = world.rows("select count(distinct sfid) from lead").await;
        assert_eq!(linked, ["3"], "{said}");
    }
}

#[tokio::test]
async fn a_lost_answer_to_an_update_or_a_delete_is_resolved_by_reading() {
    let world = World::start().await;
    world.app("insert into account (name, external_id__c) values ('A', 'k1')").await;
    world.settle().await;

    world.fault("PATCH", COLLECTIONS, FaultKind::CutAfter {}).await;
    world.app("update account set name = 'B'").await;
    assert!(world.run().await.is_err());
    world.app("update account set name = 'C'").await;
    world.settle().await;
    assert_eq!(world.names("Account").await, ["C"], "our own lost write is no foreign edit");

    world.fault("DELETE", COLLECTIONS, FaultKind::CutAfter {}).await;
    world.app("delete from account").await;
    assert!(world.run().await.is_err());
    world.settle().await;
    assert!(world.records("Account").await.is_empty());
    assert!(world.rows("select 1 from lockstep.conflict").await.is_empty());
}

#[tokio::test]
async fn a_row_deleted_after_its_insert_got_lost_leaves_no_record_behind() {
    let world = World::start().await;
    world.fault("POST", COLLECTIONS, FaultKind::CutAfter {}).await;
    world.app("insert into account (name, external_id__c) values ('Acme', 'k1')").await;
    assert!(world.run().await.is_err());
    world.app("delete from account").await;
    world.settle().await;
    assert!(world.records("Account").await.is_empty());
}

#[tokio::test]
async fn an_entry_left_open_by_a_crash_is_resolved_by_reading() {
    let world = World::start().await;
    world.app("insert into lead (lastname, company) values ('Byron', 'Acme')").await;
    world.settle().await;
    // The moment between Salesforce's answer and its recording, as a crash leaves it.
    world
        .app(
            "set xmlbinary = hex; update lead set sfid = null; reset xmlbinary;
             update lockstep.journal set outcome = null, closed_at = null;
             insert into _trigger_log select * from _trigger_log_archive;
             update _trigger_log set state = 'PENDING'; delete from _trigger_log_archive;
             delete from _trigger_log where action <> 'INSERT'",
        )
        .await;
    world.resolve_open().await.unwrap();
    let open = "select 1 from lockstep.journal where outcome is null";
    assert!(world.rows(open).await.is_empty(), "nothing is taken for under way");
    world.settle().await;
    assert_eq!(world.names("Lead").await, ["Byron"]);
    assert_eq!(world.rows("select sfid from lead").await.len(), 1);
    assert_ne!(world.rows("select sfid from lead").await, ["-"]);
}

#[tokio::test]
async fn a_twin_pulled_in_while_an_insert_was_lost_becomes_the_row_itself() {
    let world = World::start().await;
    world.fault("POST", COLLECTIONS, FaultKind::CutAfter {}).await;
    world.app("insert into lead (lastname, company) values ('Byron', 'Acme')").await;
    assert!(world.run().await.is_err());
    let id = world.records("Lead").await[0].id.clone();
    let pulled =
        format!("insert into lead (lastname, company, sfid) values ('Byron', 'Acme', '{id}')");
    world.app(&uncaptured(&pulled)).await;
    world.settle().await;
    assert_eq!(world.names("Lead").await, ["Byron"]);
    assert_eq!(world.rows("select id, sfid from lead").await, [format!("1|{id}")]);
}

#[tokio::test]
async fn a_value_emptied_after_its_insert_got_lost_does_not_come_back() {
    let world = World::start().await;
    world.fault("POST", COLLECTIONS, FaultKind::CutAfter {}).await;
    world.app("insert into account (name, external_id__c, phone) values ('Acme', 'k1', '1')").await;
    assert!(world.run().await.is_err());
    world.app("update account set phone = null").await;
    world.settle().await;
    assert_eq!(world.records("Account").await[0].values[2], Value::Null);
    assert_eq!(world.rows("select phone from account").await, ["-"]);
}
