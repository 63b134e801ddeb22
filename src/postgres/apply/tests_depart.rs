//! Rows that go, against a real server: counted, held, remembered.

use super::tests::{World, deleted, id, record, stamp, world};
use super::{ApplyError, Cause, Departed, Removal, remove};
use crate::mapping::{DeleteRule, Filter, LeaveRule};
use crate::model::RemoteRecord;
use crate::postgres::Applied;
use crate::postgres::testing::{rows, run};
use std::convert::Infallible;

const IDS: &str = "select id from salesforce.account order by id";
const WAITING: &str = "select sfid, cause, coalesce(held_by, 'window') from lockstep.departure";

impl World {
    pub(super) async fn gone(
        &self,
        cause: Cause,
        numbers: &[u32],
        second: Option<i64>,
    ) -> Result<Applied, ApplyError<Infallible>> {
        let departed: Vec<Departed> = numbers
            .iter()
            .map(|number| Departed {
                id: id(*number),
                system_modstamp: second.map(stamp),
                master_record_id: None,
            })
            .collect();
        let read_started = self.db.now().await.unwrap();
        let mapping = &self.mapping;
        let removal = Removal { mapping, read_started, cause, checkpoint: None, more: false };
        remove(&self.db, &self.lease, removal, &departed).await
    }

    async fn with(self, count: u32) -> Self {
        let all = (1..=count).map(|n| record(n, 0, ["a", "1", &format!("k{n}")])).collect();
        self.apply(all).await.unwrap();
        self
    }
}

fn gone(numbers: std::ops::RangeInclusive<u32>) -> Vec<RemoteRecord> {
    numbers.map(|n| deleted(n, 1)).collect()
}

#[tokio::test]
async fn deletions_are_counted_over_all_pages_of_a_window_and_none_is_done_before() {
    // given a table, and a window of three pages with 60 deletions in each of two
    let mut world = world().await.with(150).await;
    world.apply_page(gone(1..=60), true).await.unwrap();
    world.apply_page(gone(61..=120), true).await.unwrap();
    assert_eq!(rows(&world.db, "select count(*) from salesforce.account").await, ["150"]);

    // when the last page comes, with an update
    let last = || vec![record(150, 1, ["changed", "1", "k150"])];
    let refused = world.apply(last()).await.unwrap_err();

    // then all are counted, and nothing of that page is done, however often it is tried
    assert!(
        matches!(&refused, ApplyError::TooManyDeletes { object, count: 120, allowed: 100 } if object == "Account")
    );
    assert!(world.apply(last()).await.is_err());
    assert!(world.apply(Vec::new()).await.is_err());
    let names = "select count(*), count(*) filter (where name = 'changed') from salesforce.account";
    assert_eq!(rows(&world.db, names).await, ["150|0"]);

    // and when more are allowed, all of it is
    world.mapping.deletes.hold_above = Some(120);
    assert_eq!(world.apply(last()).await.unwrap().deleted, 120);
    assert_eq!(rows(&world.db, names).await, ["30|1"]);
    assert_eq!(rows(&world.db, WAITING).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_record_that_is_restored_later_in_the_window_keeps_its_row() {
    let world = world().await.with(2).await;
    world.apply_page(vec![deleted(1, 1)], true).await.unwrap();

    let applied = world.apply(vec![record(1, 2, ["back", "1", "k1"])]).await.unwrap();

    assert_eq!((applied.deleted, applied.updated), (0, 1));
    assert_eq!(rows(&world.db, IDS).await, ["1", "2"]);
    assert_eq!(rows(&world.db, WAITING).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_row_with_unsent_changes_goes_with_the_first_window_after_they_are_settled() {
    // given a deletion that waits for an unsent change
    let world = world().await.with(1).await;
    run(&world.db, "update salesforce.account set name = 'mine'").await;
    assert_eq!(world.apply(vec![deleted(1, 1)]).await.unwrap().deleted, 0);
    let waiting = [format!("{}|deleted|changes that are not sent yet", id(1))];
    assert_eq!(rows(&world.db, WAITING).await, waiting);
    let version = rows(&world.db, "select xmin from lockstep.departure").await;
    world.apply(Vec::new()).await.unwrap();
    assert_eq!(rows(&world.db, "select xmin from lockstep.departure").await, version);

    // when the change is settled without a new record
    run(&world.db, "delete from salesforce._trigger_log").await;

    // then the next window takes the row along, even one that shows nothing
    assert_eq!(world.apply(Vec::new()).await.unwrap().deleted, 1);
    assert_eq!(rows(&world.db, WAITING).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_row_that_got_another_record_does_not_go_with_the_old_one() {
    let world = world().await.with(1).await;
    run(&world.db, "update salesforce.account set name = 'mine'").await;
    world.apply(vec![deleted(1, 1)]).await.unwrap();
    // As a push leaves it that creates the record anew.
    run(
        &world.db,
        &format!(
            "alter table salesforce.account disable trigger user;
             update salesforce.account set sfid = '{}'; delete from salesforce._trigger_log;
             alter table salesforce.account enable trigger user;
             alter table salesforce.account enable always trigger hc_account_logtrigger",
            id(9)
        ),
    )
    .await;

    assert_eq!(world.apply(Vec::new()).await.unwrap().deleted, 0);

    assert_eq!(rows(&world.db, IDS).await, ["1"]);
    assert_eq!(rows(&world.db, WAITING).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_record_that_is_missing_loses_its_row_whatever_its_stamp_and_a_deleted_one_by_its_stamp()
{
    let world = world().await;
    world.apply((1..=3).map(|n| record(n, 5, ["a", "1", "-"])).collect()).await.unwrap();

    let deleted = world.gone(Cause::Deleted, &[1, 2], Some(4)).await.unwrap();
    let missing = world.gone(Cause::Missing, &[2, 9], None).await.unwrap();

    assert_eq!((deleted.deleted, missing.deleted), (0, 1));
    assert_eq!(rows(&world.db, IDS).await, ["1", "3"]);
    let back = world.apply(vec![record(2, 5, ["a", "1", "-"])]).await.unwrap();
    assert_eq!(back.inserted, 1, "what becomes visible again has its old stamp");
    assert_eq!(rows(&world.db, IDS).await, ["1", "2", "3"]);
}

#[tokio::test]
async fn removals_by_name_pass_the_same_guard_and_are_done_whole_or_not_at_all() {
    let world = world().await.with(150).await;
    let all: Vec<u32> = (1..=101).collect();

    let refused = world.gone(Cause::Missing, &all, None).await.unwrap_err();

    assert!(matches!(refused, ApplyError::TooManyDeletes { count: 101, .. }));
    assert_eq!(rows(&world.db, "select count(*) from salesforce.account").await, ["150"]);
    assert_eq!(rows(&world.db, WAITING).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_record_that_leaves_the_filter_loses_its_row_or_keeps_it_and_returns_to_it() {
    for leave in [LeaveRule::Delete, LeaveRule::Keep] {
        let mut world = world().await.with(2).await;
        world.mapping.filter = Some(Filter { condition: "Phone = '1'".to_owned(), leave });
        let expected: &[&str] = if leave == LeaveRule::Keep { &["1", "2"] } else { &["2"] };

        world.gone(Cause::LeftFilter, &[1], Some(1)).await.unwrap();

        assert_eq!(rows(&world.db, IDS).await, expected, "{leave:?}");
        let log = rows(&world.db, "select * from salesforce._trigger_log").await;
        assert_eq!(log, Vec::<String>::new(), "nothing of it is sent to Salesforce");
        world.apply(vec![record(1, 2, ["again", "1", "k1"])]).await.unwrap();
        let names = rows(&world.db, "select id, name from salesforce.account order by id").await;
        assert_eq!(names, ["1|again", "2|a"], "{leave:?}");
    }
}

#[tokio::test]
async fn a_row_that_leaves_the_filter_with_an_unsent_change_leaves_after_it_is_sent() {
    let mut world = world().await.with(1).await;
    let condition = "Phone = '1'".to_owned();
    world.mapping.filter = Some(Filter { condition, leave: LeaveRule::Delete });
    run(&world.db, "update salesforce.account set name = 'mine'").await;

    let while_unsent = world.gone(Cause::LeftFilter, &[1], Some(1)).await.unwrap();
    run(&world.db, "delete from salesforce._trigger_log").await;
    let afterwards = world.apply(Vec::new()).await.unwrap();

    assert_eq!((while_unsent.deleted, afterwards.deleted), (0, 1));
}

#[tokio::test]
async fn a_mapping_that_keeps_rows_of_deleted_records_marks_them_until_they_return() {
    let mut world = world().await.with(2).await;
    world.mapping.deletes.in_salesforce = DeleteRule::Ignore;
    let marks = "select id, isdeleted, xmin::text from salesforce.account order by id";
    let marked = async || -> Vec<String> {
        let rows = rows(&world.db, marks).await;
        rows.iter().map(|row| row.rsplit_once('|').unwrap().0.to_owned()).collect()
    };

    assert_eq!(world.apply(vec![deleted(1, 1)]).await.unwrap().deleted, 0);
    assert_eq!(world.gone(Cause::Missing, &[2], None).await.unwrap().deleted, 0);
    assert_eq!(marked().await, ["1|t", "2|t"]);
    let before = rows(&world.db, marks).await;
    world.apply(vec![deleted(1, 1)]).await.unwrap();
    assert_eq!(rows(&world.db, marks).await, before, "a mark is written once");

    world.apply(vec![record(1, 2, ["back", "1", "k1"])]).await.unwrap();
    assert_eq!(marked().await, ["1|f", "2|t"]);
}

#[tokio::test]
async fn a_row_that_the_application_deleted_for_itself_stays_away_until_the_record_is_restored() {
    // given a row whose deletion is not sent
    let world = world().await.with(1).await;
    run(
        &world.db,
        &format!(
            "delete from salesforce.account; delete from salesforce._trigger_log;
             insert into lockstep.tombstone (table_name, sfid, record_id, cause)
             values ('account', '{}', 1, 'kept_away')",
            id(1)
        ),
    )
    .await;

    // when the record changes
    let changed = world.apply(vec![record(1, 1, ["changed", "1", "k1"])]).await.unwrap();

    // then it has no row, until Salesforce deletes and restores it
    assert_eq!(changed.inserted, 0);
    world.apply(vec![deleted(1, 2)]).await.unwrap();
    assert_eq!(world.apply(vec![record(1, 1, ["stale", "1", "k1"])]).await.unwrap().inserted, 0);
    assert_eq!(world.apply(vec![record(1, 3, ["back", "1", "k1"])]).await.unwrap().inserted, 1);
    assert_eq!(rows(&world.db, IDS).await, ["1"]);
}

#[tokio::test]
async fn an_undeleted_record_gets_its_old_row_whatever_happened_meanwhile() {
    // given deleted records, one of whose keys another record has taken, and one whose key the application has
    let world = world().await.with(3).await;
    world.apply(gone(1..=3)).await.unwrap();
    world.apply(vec![record(4, 2, ["taker", "1", "k1"])]).await.unwrap();
    let insert = "insert into salesforce.account (name, external_id__c) values ('mine', 'k2')";
    run(&world.db, insert).await;

    // when all of them come back
    let back = (1..=3).map(|n| record(n, 5, ["back", "1", &format!("k{n}")])).collect();
    let applied = world.apply(back).await.unwrap();

    // then each has its old id, but the one that is the application's new row now
    assert_eq!((applied.inserted, applied.updated), (2, 1));
    let found = "select id, name, external_id__c from salesforce.account order by id";
    assert_eq!(rows(&world.db, found).await, ["1|back|k1", "3|back|k3", "4|taker|-", "5|mine|k2"]);
}

#[tokio::test]
async fn a_page_that_shows_nothing_new_writes_nothing_at_all() {
    let world = world().await.with(20).await;
    let page = || (1..=20).map(|n| record(n, 0, ["a", "1", &format!("k{n}")])).collect();
    let before = rows(&world.db, "select xmin, ctid from salesforce.account order by id").await;

    assert_eq!(world.apply(page()).await.unwrap(), Applied { read: 20, ..Applied::default() });

    let after = rows(&world.db, "select xmin, ctid from salesforce.account order by id").await;
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_deleted_record_takes_its_row_along_and_gets_its_old_id_when_it_returns() {
    let world = world().await;
    world
        .apply(vec![record(1, 0, ["a", "1", "k1"]), record(2, 0, ["b", "2", "k2"])])
        .await
        .unwrap();
    let applied = world.apply(vec![deleted(1, 5)]).await.unwrap();
    assert_eq!(applied.deleted, 1);
    assert_eq!(rows(&world.db, "select id from salesforce.account").await, ["2"]);

    let stale = world.apply(vec![record(1, 0, ["a", "1", "k1"])]).await.unwrap();
    assert_eq!(stale.inserted, 0, "a record read before its deletion came back");
    let back = world.apply(vec![record(1, 9, ["a", "1", "k1"])]).await.unwrap();
    assert_eq!(back.inserted, 1);
    assert_eq!(rows(&world.db, "select id from salesforce.account order by id").await, ["1", "2"]);
    assert_eq!(rows(&world.db, "select sfid from lockstep.tombstone").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_deleted_record_with_unsent_changes_stays_and_so_does_one_that_the_mapping_keeps() {
    let mut world = world().await;
    world
        .apply(vec![record(1, 0, ["a", "1", "k1"]), record(2, 0, ["b", "2", "k2"])])
        .await
        .unwrap();
    run(&world.db, "update salesforce.account set name = 'mine' where id = 1").await;
    world.mapping.deletes.in_salesforce = DeleteRule::Ignore;
    assert_eq!(world.apply(vec![deleted(2, 1)]).await.unwrap().deleted, 0);
    world.mapping.deletes.in_salesforce = DeleteRule::Delete;
    assert_eq!(world.apply(vec![deleted(1, 1), deleted(2, 1)]).await.unwrap().deleted, 1);
    assert_eq!(rows(&world.db, "select id from salesforce.account").await, ["1"]);
}

#[tokio::test]
async fn too_many_deletions_at_once_are_held_back_whole() {
    let mut world = world().await;
    let all: Vec<_> = (1..=150).map(|n| record(n, 0, ["a", "-", "-"])).collect();
    world.apply(all).await.unwrap();
    let gone = |count: u32| (1..=count).map(|n| deleted(n, 1)).collect::<Vec<_>>();
    let refused = world.apply(gone(101)).await.unwrap_err();
    assert!(
        matches!(refused, ApplyError::TooManyDeletes { count: 101, allowed: 100, .. }),
        "{refused}"
    );
    assert_eq!(rows(&world.db, "select count(*) from salesforce.account").await, ["150"]);
    world.mapping.deletes.hold_above = Some(5);
    assert!(world.apply(gone(6)).await.is_err());
    world.mapping.deletes.hold_above = Some(500);
    assert_eq!(world.apply(gone(101)).await.unwrap().deleted, 101);
}
