//! Rows whose number the application changes.

use super::world::{World, value};

#[tokio::test]
async fn a_row_that_gets_another_number_keeps_its_record() {
    // given a row that has a record
    let world = World::start().await;
    world.app("insert into account (name, external_id__c) values ('a', 'a')").await;
    world.settle().await;

    // when its number changes, together with a value and before another one
    world.app("update account set id = 77, name = 'b'").await;
    world.app("update account set phone = '1'").await;
    world.settle().await;

    // then its record has both, and there is no other
    let records = world.records("Account").await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].values[0], value("b"));
    assert_eq!(records[0].values[2], value("1"));
    let row = format!("77|{}", records[0].id);
    assert_eq!(world.rows("select id, sfid from account").await, [row]);
}

#[tokio::test]
async fn a_row_that_gets_another_number_before_it_was_ever_sent_is_one_record() {
    let world = World::start().await;

    world.app("insert into account (name, external_id__c) values ('a', 'a')").await;
    world.app("update account set id = 77").await;
    world.app("update account set phone = '1'").await;
    world.settle().await;

    let records = world.records("Account").await;
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0].values[2], value("1"));
    let row = format!("77|{}", records[0].id);
    assert_eq!(world.rows("select id, sfid from account").await, [row]);
}
