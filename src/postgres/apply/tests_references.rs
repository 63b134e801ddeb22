//! What refers to a page's records, against a real server: names of parents, and merges.

use super::tests::{World, deleted, id, lease, record};
use super::{Cause, Departed, Removal, remove};
use crate::mapping::{Direction, Mapping, ROW_ID, Reference};
use crate::model::{ColumnType, RemoteRecord};
use crate::postgres::testing::{account, mapping, provisioned_database, rows, run};

const NAMES: &str =
    "select accountid, account__external_id__c, _hc_lastop from salesforce.contact order by id";
const STATES: &str = "select state from salesforce._trigger_log order by id";

/// A contact whose second field is the lookup to its account, named by the account's key too.
pub(super) fn contact() -> Mapping {
    let mut child = mapping("Contact", Direction::Both);
    let lookup = &mut child.fields[1];
    (lookup.name, lookup.column) = ("AccountId".to_owned(), "accountid".to_owned());
    lookup.column_type = ColumnType::Varchar(18);
    lookup.reference_to = vec!["Account".to_owned()];
    lookup.reference = Some(Reference {
        object: "Account".to_owned(),
        table: "account".to_owned(),
        match_column: "external_id__c".to_owned(),
        column: "account__external_id__c".to_owned(),
        column_type: ColumnType::Varchar(36),
    });
    child
}

/// Parents and children in one database.
pub(super) async fn family() -> (World, World) {
    let db = provisioned_database(&[account(), contact()]).await;
    let lease = lease(&db).await;
    (
        World { db: db.clone(), lease: lease.clone(), mapping: account() },
        World { db, lease, mapping: contact() },
    )
}

/// A contact of account number `parent`.
pub(super) fn child(number: u32, second: i64, parent: u32) -> RemoteRecord {
    record(number, second, ["c", id(parent).as_str(), &format!("c{number}")])
}

/// As [`family`], but the children name their parents' rows, by a foreign key of the application's.
async fn family_by_row() -> (World, World) {
    let mut by_row = contact();
    by_row.fields[1].reference = Some(Reference {
        object: "Account".to_owned(),
        table: "account".to_owned(),
        match_column: ROW_ID.to_owned(),
        column: "account_id".to_owned(),
        column_type: ColumnType::Bigint,
    });
    let db = provisioned_database(&[account(), by_row.clone()]).await;
    let key =
        "alter table salesforce.contact add foreign key (account_id) references salesforce.account";
    run(&db, key).await;
    let lease = lease(&db).await;
    (
        World { db: db.clone(), lease: lease.clone(), mapping: account() },
        World { db, lease, mapping: by_row },
    )
}

fn merged(loser: u32, second: i64, winner: u32) -> RemoteRecord {
    RemoteRecord { master_record_id: Some(id(winner)), ..deleted(loser, second) }
}

#[tokio::test]
async fn a_child_that_came_before_its_parent_names_it_as_soon_as_the_parent_comes() {
    let (parents, children) = family().await;
    children.apply(vec![child(7, 0, 1), child(8, 0, 2)]).await.unwrap();
    assert_eq!(rows(&children.db, NAMES).await.concat().matches('-').count(), 2);

    parents.apply(vec![record(1, 0, ["a", "1", "k1"])]).await.unwrap();

    let expected = [format!("{}|k1|SYNCED", id(1)), format!("{}|-|SYNCED", id(2))];
    assert_eq!(rows(&children.db, NAMES).await, expected);
    assert_eq!(rows(&children.db, STATES).await, Vec::<String>::new(), "nothing is captured");
}

#[tokio::test]
async fn a_child_names_the_row_of_its_parent_as_soon_as_that_comes_and_of_the_winner_of_a_merge() {
    const ROWS: &str =
        "select accountid, account_id, _hc_lastop from salesforce.contact order by accountid";
    let (parents, children) = family_by_row().await;
    children.apply(vec![child(7, 0, 1), child(8, 0, 2), child(9, 0, 3)]).await.unwrap();
    assert_eq!(rows(&children.db, ROWS).await.concat().matches('-').count(), 3);

    let both = vec![record(2, 0, ["b", "1", "k2"]), record(1, 0, ["a", "1", "k1"])];
    parents.apply(both).await.unwrap();
    let is = |account: u32, row: &str| format!("{}|{row}|SYNCED", id(account));
    assert_eq!(rows(&children.db, ROWS).await, [is(1, "1"), is(2, "2"), is(3, "-")]);
    assert_eq!(children.apply(vec![child(7, 0, 1)]).await.unwrap().updated, 0);

    let applied = parents.apply(vec![merged(1, 5, 2)]).await.unwrap();
    assert_eq!(applied.deleted, 1);
    assert_eq!(rows(&children.db, ROWS).await, [is(2, "2"), is(2, "2"), is(3, "-")]);
    assert_eq!(rows(&children.db, STATES).await, Vec::<String>::new(), "nothing is captured");
}

#[tokio::test]
async fn children_follow_when_the_key_of_their_parent_changes_and_are_left_alone_otherwise() {
    let (parents, children) = family().await;
    parents.apply(vec![record(1, 0, ["a", "1", "k1"])]).await.unwrap();
    children.apply(vec![child(7, 0, 1)]).await.unwrap();
    let version = rows(&children.db, "select xmin, ctid from salesforce.contact").await;

    parents.apply(vec![record(1, 1, ["renamed", "1", "k1"])]).await.unwrap();
    assert_eq!(rows(&children.db, "select xmin, ctid from salesforce.contact").await, version);
    parents.apply(vec![record(1, 2, ["renamed", "1", "k9"])]).await.unwrap();

    assert_eq!(rows(&children.db, NAMES).await, [format!("{}|k9|SYNCED", id(1))]);
    let again = children.apply(vec![child(7, 0, 1)]).await.unwrap();
    assert_eq!(again.updated, 0);
}

#[tokio::test]
async fn a_parents_name_that_the_application_changed_waits_to_be_sent() {
    let (parents, children) = family().await;
    parents.apply(vec![record(1, 0, ["a", "1", "k1"])]).await.unwrap();
    children.apply(vec![child(7, 0, 1)]).await.unwrap();
    run(&children.db, "update salesforce.contact set account__external_id__c = 'other'").await;

    parents.apply(vec![record(1, 1, ["a", "1", "k9"])]).await.unwrap();

    assert_eq!(rows(&children.db, NAMES).await, [format!("{}|other|PENDING", id(1))]);
}

#[tokio::test]
async fn an_index_finds_the_children_of_a_page_of_parents() {
    let (_, children) = family().await;
    let indexes = "select indexname from pg_indexes where indexdef like '%(accountid)%'";
    assert_eq!(rows(&children.db, indexes).await, ["hc_idx_contact_accountid"]);
}

#[tokio::test]
async fn children_of_a_merged_record_refer_to_the_one_it_was_merged_into_in_either_order() {
    for is_child_first in [false, true] {
        // given two parents with a child each
        let (parents, children) = family().await;
        let both = vec![record(1, 0, ["a", "1", "k1"]), record(2, 0, ["b", "1", "k2"])];
        parents.apply(both).await.unwrap();
        children.apply(vec![child(7, 0, 1), child(8, 0, 2)]).await.unwrap();

        // when the first is merged into the second, and the child is read before or after
        if is_child_first {
            children.apply(vec![child(7, 5, 2)]).await.unwrap();
        }
        let applied = parents.apply(vec![merged(1, 5, 2)]).await.unwrap();

        // then both children are the second's
        assert_eq!(applied.deleted, 1);
        let expected = vec![format!("{}|k2|SYNCED", id(2)); 2];
        assert_eq!(rows(&children.db, NAMES).await, expected);
        children.apply(vec![child(7, 5, 2)]).await.unwrap();
        assert_eq!(rows(&children.db, NAMES).await, expected);
        assert_eq!(rows(&children.db, STATES).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn children_follow_a_record_that_was_merged_and_merged_again() {
    for is_one_window in [true, false] {
        let (parents, children) = family().await;
        let all = (1..=3).map(|n| record(n, 0, ["a", "1", &format!("k{n}")])).collect();
        parents.apply(all).await.unwrap();
        children.apply(vec![child(7, 0, 1), child(8, 0, 2)]).await.unwrap();

        if is_one_window {
            parents.apply(vec![merged(1, 1, 2), merged(2, 2, 3)]).await.unwrap();
        } else {
            parents.apply(vec![merged(2, 2, 3)]).await.unwrap();
            parents.apply(vec![merged(1, 1, 2)]).await.unwrap();
        }

        assert_eq!(rows(&children.db, NAMES).await, vec![format!("{}|k3|SYNCED", id(3)); 2]);
    }
}

#[tokio::test]
async fn unsent_changes_that_name_a_merged_record_name_its_winner_and_its_own_wait() {
    // given unsent changes of the loser, and of children that name it by its id and by its key
    let (parents, children) = family().await;
    let both = vec![record(1, 0, ["a", "1", "k1"]), record(2, 0, ["b", "1", "k2"])];
    parents.apply(both).await.unwrap();
    children.apply(vec![child(7, 0, 2), child(8, 0, 2)]).await.unwrap();
    run(
        &children.db,
        &format!(
            "update salesforce.contact set accountid = '{}' where id = 1;
             update salesforce.contact set account__external_id__c = 'k1' where id = 2;
             update salesforce.account set name = 'mine' where id = 1",
            id(1)
        ),
    )
    .await;

    // when it is merged
    let applied = parents.apply(vec![merged(1, 5, 2)]).await.unwrap();

    // then the children's changes name the winner, and the loser's row waits
    assert_eq!(applied.deleted, 0);
    let changes =
        "select values from salesforce._trigger_log where table_name = 'contact' order by id";
    let expected =
        [format!(r#""accountid"=>"{}""#, id(2)), r#""account__external_id__c"=>"k2""#.to_owned()];
    assert_eq!(rows(&children.db, changes).await, expected);
    let waiting = "select sfid, master_sfid, held_by from lockstep.departure";
    let held = format!("{}|{}|changes that are not sent yet", id(1), id(2));
    assert_eq!(rows(&children.db, waiting).await, [held]);
}

#[tokio::test]
async fn a_merge_that_is_named_and_not_read_is_followed_too() {
    let (parents, children) = family().await;
    let both = vec![record(1, 0, ["a", "1", "k1"]), record(2, 0, ["b", "1", "k2"])];
    parents.apply(both).await.unwrap();
    children.apply(vec![child(7, 0, 1)]).await.unwrap();
    let mapping = &parents.mapping;
    let read_started = parents.db.now().await.unwrap();
    let cause = Cause::Deleted;
    let removal = Removal { mapping, read_started, cause, checkpoint: None, more: false };
    let departed = Departed { id: id(1), system_modstamp: None, master_record_id: Some(id(2)) };

    remove(&parents.db, &parents.lease, removal, &[departed]).await.unwrap();

    assert_eq!(rows(&children.db, NAMES).await, [format!("{}|k2|SYNCED", id(2))]);
}
