//! Foreign keys and keys of the application's, against a real server: what they keep out waits and comes.

use super::tests::{World, deleted, id, record, world, world_of};
use super::tests_references::{child, family};
use super::{Applied, forget_orphans, released_orphans};
use crate::model::ColumnType;
use crate::postgres::testing::{account, provisioned_database, rows, run};
use crate::postgres::{Wait, Waiting, provision, waiting};
use crate::runtime::Retry;

const KEY: &str = "alter table salesforce.contact add constraint of_account \
                   foreign key (accountid) references salesforce.account (sfid)";
const CHILDREN: &str = "select id, sfid, accountid from salesforce.contact order by id";

impl World {
    async fn released(&self) -> Vec<String> {
        let ids = released_orphans(&self.db, &self.mapping.table, 10).await.unwrap();
        ids.iter().map(ToString::to_string).collect()
    }
}

#[tokio::test]
async fn a_child_without_its_parent_waits_and_its_page_goes_on() {
    // given the application's foreign key, and one parent
    let (parents, children) = family().await;
    run(&parents.db, KEY).await;
    parents.apply(vec![record(1, 0, ["a", "1", "k1"])]).await.unwrap();

    // when a page brings a child of it, one of an unknown parent, and one without
    let nobodys = record(9, 0, ["c", "-", "c9"]);
    let applied = children.apply(vec![child(7, 0, 1), child(8, 0, 2), nobodys]).await.unwrap();

    // then only the second waits, for all to see, and is not written again when it is read again
    assert_eq!(applied.inserted, 2);
    let constraint = "of_account".to_owned();
    let what = Wait::ToCome { constraint, parent_table: "account".to_owned() };
    let expected = Waiting { object: "Contact".to_owned(), count: 1, what };
    assert_eq!(waiting(&parents.db).await.unwrap(), [expected]);
    let version = rows(&parents.db, "select xmin from lockstep.orphan").await;
    children.apply(vec![child(8, 0, 2)]).await.unwrap();
    assert_eq!(rows(&parents.db, "select xmin from lockstep.orphan").await, version);
    assert_eq!(children.released().await, Vec::<String>::new());

    // and the parent's page releases it
    let parent = parents.apply(vec![record(2, 0, ["b", "1", "k2"])]).await.unwrap();
    assert_eq!(parent.released, 1);
    assert_eq!(children.released().await, [id(8).to_string()]);
    assert_eq!(children.apply(vec![child(8, 0, 2)]).await.unwrap().inserted, 1);
    assert_eq!(waiting(&parents.db).await.unwrap(), []);
}

#[tokio::test]
async fn a_row_whose_record_moves_to_an_unknown_parent_stays_as_it_is_until_that_comes() {
    let (parents, children) = family().await;
    run(&parents.db, KEY).await;
    parents.apply(vec![record(1, 0, ["a", "1", "k1"])]).await.unwrap();
    children.apply(vec![child(7, 0, 1)]).await.unwrap();

    let moved = children.apply(vec![child(7, 1, 2)]).await.unwrap();
    parents.apply(vec![record(2, 0, ["b", "1", "k2"])]).await.unwrap();

    assert_eq!(moved.updated, 0);
    assert_eq!(children.released().await, [id(7).to_string()]);
    assert_eq!(children.apply(vec![child(7, 1, 2)]).await.unwrap().updated, 1);
}

#[tokio::test]
async fn a_child_whose_foreign_key_is_dropped_or_whose_record_is_gone_waits_no_longer() {
    let (parents, children) = family().await;
    run(&parents.db, KEY).await;
    children.apply(vec![child(7, 0, 1), child(8, 0, 1), child(9, 0, 1)]).await.unwrap();

    children.apply(vec![deleted(7, 1)]).await.unwrap();
    forget_orphans(&parents.db, "contact", &[id(8)]).await.unwrap();
    run(&parents.db, "alter table salesforce.contact drop constraint of_account").await;
    children.apply(Vec::new()).await.unwrap();

    assert_eq!(children.released().await, [id(9).to_string()]);
}

#[tokio::test]
async fn a_parent_that_a_foreign_key_holds_goes_after_its_last_child() {
    // given a parent with a child, and the application's foreign key
    let (parents, children) = family().await;
    run(&parents.db, KEY).await;
    let both = vec![record(1, 0, ["a", "1", "k1"]), record(2, 0, ["b", "1", "k2"])];
    parents.apply(both).await.unwrap();
    children.apply(vec![child(7, 0, 1)]).await.unwrap();

    // when both parents are deleted
    let applied = parents.apply(vec![deleted(1, 1), deleted(2, 1)]).await.unwrap();

    // then the one with the child stays until the child is gone
    assert_eq!(applied.deleted, 1);
    let held = "select sfid, held_by from lockstep.departure";
    let expected = format!("{}|the foreign key of_account of contact", id(1));
    assert_eq!(rows(&parents.db, held).await, [expected]);
    children.apply(vec![record(7, 2, ["c", "-", "c7"])]).await.unwrap();
    assert_eq!(parents.apply(Vec::new()).await.unwrap().deleted, 1);
}

#[tokio::test]
async fn a_foreign_key_that_cascades_is_followed() {
    let (parents, children) = family().await;
    run(&parents.db, &format!("{KEY} on delete set null")).await;
    parents.apply(vec![record(1, 0, ["a", "1", "k1"])]).await.unwrap();
    children.apply(vec![child(7, 0, 1)]).await.unwrap();

    assert_eq!(parents.apply(vec![deleted(1, 1)]).await.unwrap().deleted, 1);

    assert_eq!(rows(&parents.db, CHILDREN).await, [format!("1|{}|-", id(7))]);
}

#[tokio::test]
async fn a_merge_under_a_foreign_key_waits_for_the_winner() {
    let (parents, children) = family().await;
    run(&parents.db, KEY).await;
    parents.apply(vec![record(1, 0, ["a", "1", "k1"])]).await.unwrap();
    children.apply(vec![child(7, 0, 1)]).await.unwrap();
    let mut loser = deleted(1, 1);
    loser.master_record_id = Some(id(2));

    assert_eq!(parents.apply(vec![loser]).await.unwrap().deleted, 0);
    parents.apply(vec![record(2, 1, ["b", "1", "k2"])]).await.unwrap();
    assert_eq!(parents.apply(Vec::new()).await.unwrap().deleted, 1);

    assert_eq!(rows(&parents.db, CHILDREN).await, [format!("1|{}|{}", id(7), id(2))]);
}

#[tokio::test]
async fn records_of_a_table_that_refers_to_itself_come_and_go_in_any_order() {
    // given a table whose second column refers to the table itself, with rows that come back under old numbers
    let mut mapping = account();
    mapping.fields[1].column_type = ColumnType::Varchar(18);
    let world = world_of(mapping).await;
    run(
        &world.db,
        "alter table salesforce.account add constraint of_parent \
         foreign key (phone) references salesforce.account (sfid)",
    )
    .await;
    let node = |number: u32, second: i64, parent: u32| {
        let parent = if parent == 0 { "-".to_owned() } else { id(parent).to_string() };
        record(number, second, ["n", &parent, "-"])
    };
    world.apply(vec![node(1, 0, 0)]).await.unwrap();
    world.apply(vec![deleted(1, 1)]).await.unwrap();

    // when a page brings a tree, its root last, a branch without root, and a circle
    let page = vec![
        node(3, 2, 2),
        node(2, 2, 1),
        node(1, 2, 0),
        node(6, 2, 5),
        node(5, 2, 4),
        node(7, 2, 8),
        node(8, 2, 7),
    ];
    let applied = world.apply(page).await.unwrap();

    // then only the branch waits
    assert_eq!(applied.inserted, 5);
    let waiting = rows(&world.db, "select sfid from lockstep.orphan order by sfid").await;
    assert_eq!(waiting, [id(5).to_string(), id(6).to_string()]);

    // and the tree goes, its root first, but not what something else refers to
    run(
        &world.db,
        &format!("update salesforce.account set name = 'mine' where sfid = '{}'", id(3)),
    )
    .await;
    assert_eq!(
        world.apply(vec![deleted(1, 3), deleted(2, 3), deleted(3, 3)]).await.unwrap().deleted,
        0
    );
    run(&world.db, "delete from salesforce._trigger_log").await;
    assert_eq!(world.apply(Vec::new()).await.unwrap().deleted, 3);
}

#[tokio::test]
async fn a_record_whose_key_an_unsent_row_holds_waits_until_the_key_is_free() {
    // given a row that the application gave a key which another record has in Salesforce
    let world = world().await;
    world.apply(vec![record(1, 0, ["a", "1", "k1"])]).await.unwrap();
    run(&world.db, "update salesforce.account set external_id__c = 'k2'").await;

    // when that record is read together with others
    let page = || vec![record(2, 0, ["b", "1", "k2"]), record(3, 0, ["c", "1", "k3"])];
    let applied = world.apply(page()).await.unwrap();

    // then it waits alone, until the key is free
    assert_eq!(applied.inserted, 1);
    let constraint = "the key external_id__c".to_owned();
    let what = Wait::ToCome { constraint, parent_table: "account".to_owned() };
    let expected = Waiting { object: "Account".to_owned(), count: 1, what };
    assert_eq!(waiting(&world.db).await.unwrap(), [expected]);
    assert_eq!(world.released().await, Vec::<String>::new());
    run(&world.db, "update salesforce.account set external_id__c = 'k1' where id = 1").await;
    assert_eq!(world.apply(Vec::new()).await.unwrap().released, 1);
    assert_eq!(world.apply(page()).await.unwrap().inserted, 1);
    assert_eq!(waiting(&world.db).await.unwrap(), []);
}

const TOLD: &str = "select kind, object, message from lockstep.event where kind = 'ambiguous'";

fn unclear(count: u64) -> Waiting {
    let what = Wait::ToBeTold { constraint: "the key external_id__c".to_owned() };
    Waiting { object: "Account".to_owned(), count, what }
}

#[tokio::test]
async fn a_key_held_by_a_row_bound_to_a_record_never_seen_is_told_and_not_taken() {
    // given rows from before Lockstep: one bound to a record that was never read, one bound to none
    let world = world().await;
    run(
        &world.db,
        &format!(
            "alter table salesforce.account disable trigger user; \
             insert into salesforce.account (sfid, name, external_id__c) \
             values ('{}', 'bound', 'k1'), (null, 'free', 'k2'); \
             alter table salesforce.account enable trigger user; \
             alter table salesforce.account enable always trigger hc_account_logtrigger",
            id(9)
        ),
    )
    .await;

    // when records with their keys are read, twice
    let page = || vec![record(1, 0, ["a", "1", "k1"]), record(2, 0, ["b", "2", "k2"])];
    let applied = world.apply(page()).await.unwrap();
    let again = world.apply(page()).await.unwrap();

    // then the free row is adopted, the other left alone, and that is told once and counted each time
    let left_out = Applied { read: 2, ambiguous: 1, ..Applied::default() };
    assert_eq!((applied, again), (Applied { updated: 1, ..left_out }, left_out));
    let held = "select id, sfid, external_id__c from salesforce.account order by id";
    let expected = [format!("1|{}|k1", id(9)), format!("2|{}|k2", id(2))];
    assert_eq!(rows(&world.db, held).await, expected);
    let told = "ambiguous|Account|1 record of Account is left out: the key external_id__c is held by several \
                rows, or by a row of another record";
    assert_eq!(rows(&world.db, TOLD).await, [told]);
    assert_eq!(waiting(&world.db).await.unwrap(), [unclear(1)]);

    // and when the row is unbound, it is the record's
    assert_eq!(world.apply(Vec::new()).await.unwrap().released, 0);
    run(&world.db, "update salesforce.account set sfid = null where id = 1").await;
    assert_eq!(world.apply(Vec::new()).await.unwrap().released, 1);
    assert_eq!(world.apply(page()).await.unwrap().updated, 1);
    assert_eq!(rows(&world.db, held).await[0], format!("1|{}|k1", id(1)));
    assert_eq!(waiting(&world.db).await.unwrap(), []);
}

#[tokio::test]
async fn of_several_rows_with_a_records_key_none_is_chosen_and_that_is_told() {
    // given a table whose key is unique no longer
    let world = world().await;
    run(
        &world.db,
        "drop index salesforce.hcu_idx_account_external_id__c; \
         alter table salesforce.account disable trigger user; \
         insert into salesforce.account (name, external_id__c) values ('x', 'k1'), ('y', 'k1'); \
         alter table salesforce.account enable trigger user; \
             alter table salesforce.account enable always trigger hc_account_logtrigger",
    )
    .await;

    // when the record is read
    let page = || vec![record(1, 0, ["a", "1", "k1"]), record(2, 0, ["b", "2", "k2"])];
    let applied = world.apply(page()).await.unwrap();

    // then it waits alone
    let expected = Applied { read: 2, inserted: 1, ambiguous: 1, ..Applied::default() };
    assert_eq!(applied, expected);
    let bound =
        "select count(*) from salesforce.account where external_id__c = 'k1' and sfid is not null";
    assert_eq!(rows(&world.db, bound).await, ["0"]);
    assert_eq!(rows(&world.db, TOLD).await.len(), 1);

    // and when one of them is left, that is the record's
    assert_eq!(world.apply(Vec::new()).await.unwrap().released, 0);
    run(&world.db, "update salesforce.account set external_id__c = null where name = 'y'").await;
    assert_eq!(world.apply(Vec::new()).await.unwrap().released, 1);
    assert_eq!(world.apply(page()).await.unwrap().updated, 1);
    assert_eq!(rows(&world.db, bound).await, ["1"]);
    assert_eq!(waiting(&world.db).await.unwrap(), []);
}

#[tokio::test]
async fn keys_that_a_table_has_twice_are_refused_with_what_to_do() {
    let mapping = account();
    let db = provisioned_database(std::slice::from_ref(&mapping)).await;
    run(
        &db,
        "drop index salesforce.hcu_idx_account_external_id__c; \
         insert into salesforce.account (name, external_id__c) values ('x', 'k1'), ('y', 'k1')",
    )
    .await;

    let refused = provision(&db, &[mapping]).await.unwrap_err();

    assert_eq!(refused.retry(), Retry::Never);
    assert_eq!(
        refused.to_string(),
        "rows of account share a value, but hcu_idx_account_external_id__c wants one row for each"
    );
    assert!(refused.remedy().unwrap().contains("leave each value to the row"), "{refused:?}");
}
