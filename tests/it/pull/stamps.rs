//! Objects that have no `SystemModstamp`, and those with more fields than most.

use super::ACCOUNT;
use super::world::World;
use salesforce_simulator::org::FieldRight;
use serde_json::json;

const HISTORY: &str =
    "object = \"AccountHistory\"\nfields = [\"AccountId\", \"Field\", \"NewValue\"]\n";

/// A new account whose industry then changes so often, each of which is a record of the history.
async fn change_industry(world: &World, industries: &[&str]) {
    let control = world.control();
    let id = control.create("Account", &json!({ "Name": "a" })).await.unwrap();
    for industry in industries {
        control.update("Account", &id, &json!({ "Industry": industry })).await.unwrap();
    }
}

#[tokio::test]
async fn an_object_without_system_modstamp_is_read_by_created_date() {
    // given a history, whose records have nothing but the time of their creation
    let world = World::start(ACCOUNT).await.with_mapping(HISTORY).await;
    world.set_watermark(world.control().clock().await.unwrap().now).await;
    world.control().advance_clock(60).await.unwrap();
    change_industry(&world, &["Banking", "Energy"]).await;
    world.requests("").await;

    // when it is polled
    world.poll().await.unwrap();

    // then its new records are there, by one query that asks for the time of creation
    let values = "select newvalue from accounthistory where field = 'Industry' order by newvalue";
    assert_eq!(world.rows(values).await, ["Banking", "Energy"]);
    let asked = world.requests("queryAll").await;
    assert!(asked[0].contains("CreatedDate+%3E%3D"), "{asked:?}");

    // and what comes later is found by later polls, once
    world.control().advance_clock(900).await.unwrap();
    change_industry(&world, &["Finance"]).await;
    let pulled = world.poll().await.unwrap();
    assert_eq!(world.rows(values).await, ["Banking", "Energy", "Finance"]);
    assert_eq!(pulled.applied.updated, 0, "{pulled:?}");
    let mut pulled = pulled;
    for _ in 0..3 {
        world.control().advance_clock(900).await.unwrap();
        pulled = world.poll().await.unwrap();
    }
    assert_eq!(pulled.applied.read, 0, "{pulled:?}");
}

#[tokio::test]
async fn an_object_without_any_stamp_is_read_whole_and_at_most_once_an_hour() {
    // given the same history with the time of creation hidden
    let world = World::start(ACCOUNT).await;
    let hidden = FieldRight::Hidden;
    world.control().set_field_right(None, "AccountHistory", "CreatedDate", hidden).await.unwrap();
    let world = world.with_mapping(HISTORY).await;
    world.set_watermark(world.control().clock().await.unwrap().now).await;
    change_industry(&world, &["Banking", "Energy"]).await;
    world.control().advance_clock(86_400).await.unwrap();
    world.requests("").await;

    // when it is polled
    world.poll().await.unwrap();

    // then all of it was read, however old, without a condition
    let values = "select newvalue from accounthistory where field = 'Industry' order by newvalue";
    assert_eq!(world.rows(values).await, ["Banking", "Energy"]);
    let asked = world.requests("queryAll").await;
    assert!(asked.iter().all(|query| !query.contains("WHERE")), "{asked:?}");

    // and it is left alone until an hour has passed
    change_industry(&world, &["Finance"]).await;
    assert_eq!(world.poll().await.unwrap().calls, 0);
    let hour_ago = "update lockstep.poll set polled_at = polled_at - interval '1 hour' \
                    where object = 'AccountHistory' returning 1";
    world.rows(hour_ago).await;
    world.poll().await.unwrap();
    assert_eq!(world.rows(values).await, ["Banking", "Energy", "Finance"]);
}

#[tokio::test]
async fn an_object_of_twelve_hundred_fields_is_polled_and_its_changes_applied() {
    // given an object whose rows, side by side with what was read, are wider than Postgres can form
    let world = World::start(ACCOUNT).await;
    for number in 0..1_200 {
        let name = format!("Wide_{number:04}__c");
        let field = json!({ "name": name, "type": "boolean" });
        world.control().add_field("Account", &field).await.unwrap();
    }
    let world = world.with_mapping("object = \"Account\"\nfields = \"all_readable\"\n").await;
    assert!(world.mapping.fields.len() > 1_200);
    world.create_accounts(150).await;
    let id = world.control().create("Account", &json!({ "Name": "wide" })).await.unwrap();
    world.poll().await.unwrap();
    assert_eq!(world.count().await, 151);

    // when fields of its first and of its last part change, and then one of the last part only
    let columns = "select phone, wide_0000__c, wide_1199__c from account where name = 'wide'";
    world.control().advance_clock(30).await.unwrap();
    let fields = json!({ "Phone": "1", "Wide_0000__c": true, "Wide_1199__c": true });
    world.control().update("Account", &id, &fields).await.unwrap();
    let pulled = world.poll().await.unwrap();
    assert_eq!(world.rows(columns).await, ["1|t|t"]);
    assert_eq!((pulled.calls, pulled.applied.updated), (1, 1));
    world.control().update("Account", &id, &json!({ "Wide_1199__c": false })).await.unwrap();
    world.poll().await.unwrap();

    // then the row has it, and what is equal is not written
    assert_eq!(world.rows(columns).await, ["1|t|f"]);
    let before = world.rows("select id, xmin from account order by id").await;
    world.another_puller().run_once(&world.lease, &world.mapping).await.unwrap();
    assert_eq!(world.rows("select id, xmin from account order by id").await, before);
}

#[tokio::test]
async fn fields_that_move_without_a_stamp_are_refreshed_by_bulk_where_they_are_many() {
    // given many records with a field whose value moves without the record's stamp
    let file = format!("{ACCOUNT}bulk = {{ read_above = 1000 }}\n");
    let mut world = World::start(&file).await;
    world.create_accounts(2_100).await;
    for field in &mut world.mapping.fields {
        field.is_calculated = field.name == "Name";
    }
    for _ in 0..3 {
        world.poll().await.unwrap();
        world.control().advance_clock(3_600).await.unwrap();
    }
    world.poll().await.unwrap();
    world.rows("update account set name = 'old' returning 1").await;
    world.requests("").await;

    // when it is time
    world
        .rows("update lockstep.poll set refreshed_at = now() - interval '25 hours' returning 1")
        .await;
    let mut refreshed = 0;
    loop {
        let pulled = world.poll().await.unwrap();
        refreshed += pulled.refreshed;
        if !pulled.more {
            break;
        }
    }

    // then one job brought all of them
    assert_eq!(refreshed, 2_100);
    assert_eq!(world.rows("select count(*) from account where name = 'old'").await, ["0"]);
    assert_eq!(world.requests("POST /services/data/v66.0/jobs/query").await.len(), 1);
}
