//! What several changes of one record come to in Salesforce, made in one transaction or in one each.

use super::world::World;
use lockstep::model::Value;

/// Runs the statements as one transaction, or as one each.
async fn change(world: &World, is_one: bool, statements: &[&str]) {
    if is_one {
        world.app(&format!("begin; {}; commit", statements.join("; "))).await;
    } else {
        for statement in statements {
            world.app(statement).await;
        }
    }
}

/// `name|phone|revenue` of each record.
async fn accounts(world: &World) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::Text(text) => text.clone(),
        Value::Double(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let records = world.records("Account").await;
    let line = |values: &[Value]| [&values[0], &values[2], &values[3]].map(text).join("|");
    records.iter().map(|record| line(&record.values)).collect()
}

const INSERT: &str = "insert into account (name, external_id__c) values ('A', 'k1')";

#[tokio::test]
async fn an_insert_and_updates_come_to_one_insert_of_the_latest_values() {
    for is_one in [true, false] {
        let world = World::start().await;
        let updates =
            ["update account set phone = '1'", "update account set phone = '2', annualrevenue = 3"];
        change(&world, is_one, &[INSERT, updates[0], updates[1]]).await;
        world.settle().await;
        assert_eq!(accounts(&world).await, ["A|2|3"]);
        assert_eq!(world.writes().await.len(), 1);
        assert_eq!(world.states().await, ["MERGED|2", "SUCCESS|1"]);
    }
}

#[tokio::test]
async fn updates_come_to_one_and_one_that_changes_nothing_is_ignored() {
    for is_one in [true, false] {
        let world = World::start().await;
        world.app(INSERT).await;
        world.settle().await;
        let updates = [
            "update account set phone = '1', annualrevenue = 1",
            "update account set phone = phone",
            "update account set phone = '2'",
        ];
        change(&world, is_one, &updates).await;
        world.settle().await;
        assert_eq!(accounts(&world).await, ["A|2|1"]);
        assert_eq!(world.writes().await.len(), 2);
        assert_eq!(world.states().await, ["IGNORED|1", "MERGED|1", "SUCCESS|2"]);
    }
}

#[tokio::test]
async fn what_is_inserted_changed_and_deleted_before_it_is_sent_is_never_sent() {
    for is_one in [true, false] {
        let world = World::start().await;
        let rest = ["update account set phone = '1'", "delete from account"];
        change(&world, is_one, &[INSERT, rest[0], rest[1]]).await;
        world.settle().await;
        assert_eq!(accounts(&world).await, Vec::<String>::new());
        assert!(world.requests("composite").await.is_empty());
        assert_eq!(world.states().await, ["IGNORED|3"]);
    }
}

#[tokio::test]
async fn a_row_deleted_and_inserted_again_with_the_same_key_is_one_record_with_the_new_values() {
    for is_one in [true, false] {
        for keeps_id in [true, false] {
            let said = format!("one transaction: {is_one}, same id: {keeps_id}");
            let world = World::start().await;
            world
                .app("insert into account (name, external_id__c, phone) values ('Old', 'k1', '7')")
                .await;
            world.settle().await;
            let id = if keeps_id { "1" } else { "2" };
            let insert = format!(
                "insert into account (id, name, external_id__c, annualrevenue) values ({id}, 'New', 'k1', 5)"
            );
            let statements =
                ["delete from account", insert.as_str(), "update account set annualrevenue = 6"];
            change(&world, is_one, &statements).await;
            world.settle().await;
            assert_eq!(accounts(&world).await, ["New|-|6"], "{said}");
            let row = world.rows("select id, sfid from account").await;
            let record = world.records("Account").await[0].id.clone();
            assert_eq!(row, [format!("{id}|{record}")], "{said}");
            assert!(world.rows("select 1 from lockstep.conflict").await.is_empty(), "{said}");
        }
    }
}
