//! Applying pages against a real server.

use super::{Applied, ApplyError, Page, apply};
use crate::mapping::{Direction, Mapping, Reference};
use crate::model::{ColumnType, InvalidValue, RemoteRecord, SalesforceId, Unfit, Value};
use crate::postgres::testing::{account, mapping, provisioned_database, rows, run};
use crate::postgres::{BackfillProgress, Checkpoint, Database, Error, Lease, acquire, progress};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream;
use std::convert::Infallible;
use std::time::Duration;

const ROWS: &str = "select id, sfid, name, phone, annualrevenue, external_id__c, _hc_lastop \
                    from salesforce.account order by id";
const READONLY_STATES: &str =
    "select state, action, record_id from salesforce._trigger_log order by id";

pub(super) struct World {
    pub(super) db: Database,
    pub(super) lease: Lease,
    pub(super) mapping: Mapping,
}

pub(super) async fn world() -> World {
    world_of(account()).await
}

pub(super) async fn world_of(mapping: Mapping) -> World {
    let db = provisioned_database(std::slice::from_ref(&mapping)).await;
    let lease = lease(&db).await;
    World { db, lease, mapping }
}

pub(super) async fn lease(db: &Database) -> Lease {
    acquire(db, "group:account", "test", Duration::from_mins(5)).await.unwrap().unwrap()
}

impl World {
    pub(super) async fn apply(
        &self,
        records: Vec<RemoteRecord>,
    ) -> Result<Applied, ApplyError<Infallible>> {
        self.apply_page(records, false).await
    }

    /// `more` pages of the window follow.
    pub(super) async fn apply_page(
        &self,
        records: Vec<RemoteRecord>,
        more: bool,
    ) -> Result<Applied, ApplyError<Infallible>> {
        let read_started = self.db.now().await.unwrap();
        let page = Page { mapping: &self.mapping, read_started, checkpoint: None, more };
        apply(&self.db, &self.lease, page, stream::iter(records.into_iter().map(Ok))).await
    }
}

pub(super) fn id(number: u32) -> SalesforceId {
    SalesforceId::parse(&format!("001{number:012}")).unwrap()
}

pub(super) fn stamp(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_000_000 + second)
}

pub(super) fn text(text: &str) -> Value {
    if text == "-" { Value::Null } else { Value::Text(text.to_owned()) }
}

/// Name, phone and key; `-` is null.
pub(super) fn record(number: u32, second: i64, [name, phone, key]: [&str; 3]) -> RemoteRecord {
    RemoteRecord {
        id: id(number),
        system_modstamp: Some(stamp(second)),
        is_deleted: false,
        master_record_id: None,
        values: vec![text(name), text(phone), Value::Double(1.5), text(key)],
    }
}

pub(super) fn deleted(number: u32, second: i64) -> RemoteRecord {
    RemoteRecord { is_deleted: true, ..record(number, second, ["-", "-", "-"]) }
}

#[tokio::test]
async fn new_records_become_rows_and_the_same_page_again_writes_nothing() {
    let world = world().await;
    let page = || vec![record(1, 0, ["a", "1", "k1"]), record(2, 0, ["b", "-", "-"])];
    let applied = world.apply(page()).await.unwrap();
    assert_eq!(applied, Applied { read: 2, inserted: 2, ..Applied::default() });
    let first = id(1);
    assert_eq!(
        rows(&world.db, ROWS).await,
        [format!("1|{first}|a|1|1.5|k1|SYNCED"), format!("2|{}|b|-|1.5|-|SYNCED", id(2)),]
    );
    let versions = "select xmin, xmax, ctid from salesforce.account order by id";
    let before = rows(&world.db, versions).await;
    let applied = world.apply(page()).await.unwrap();
    assert_eq!(applied, Applied { read: 2, ..Applied::default() });
    assert_eq!(rows(&world.db, versions).await, before);
    assert_eq!(rows(&world.db, READONLY_STATES).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_record_with_a_value_that_does_not_fit_is_put_aside_until_it_is_read_well_again() {
    let world = world().await;
    world.apply(vec![record(1, 0, ["a", "1", "k1"])]).await.unwrap();
    let unfit = || {
        let column = ColumnType::Varchar(40);
        let mut record = record(1, 1, ["changed", "-", "k1"]);
        record.values[1] = Value::Unreadable(InvalidValue { column, unfit: Unfit::NullCharacter });
        record
    };
    let list = "select sfid, field, reason from lockstep.unreadable where object = 'Account'";
    let names = "select name, phone from salesforce.account order by id";

    let applied = world.apply(vec![unfit(), record(2, 1, ["b", "2", "k2"])]).await.unwrap();

    assert_eq!(applied, Applied { read: 2, inserted: 1, unreadable: 1, ..Applied::default() });
    assert_eq!(rows(&world.db, names).await, ["a|1", "b|2"], "the row stays, the other comes");
    let reason =
        "a value does not fit its column type character varying(40): it holds a null character";
    assert_eq!(rows(&world.db, list).await, [format!("{}|Phone|{reason}", id(1))]);

    let applied = world.apply(vec![unfit()]).await.unwrap();

    assert_eq!(applied, Applied { read: 1, unreadable: 1, ..Applied::default() });
    assert_eq!(rows(&world.db, list).await.len(), 1);

    world.apply(vec![record(1, 2, ["changed", "3", "k1"])]).await.unwrap();

    assert_eq!(rows(&world.db, names).await, ["changed|3", "b|2"]);
    assert_eq!(rows(&world.db, list).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_deleted_record_needs_no_readable_value() {
    let world = world().await;
    world.apply(vec![record(1, 0, ["a", "1", "k1"])]).await.unwrap();
    let mut gone = deleted(1, 1);
    let column = ColumnType::Varchar(255);
    gone.values[0] = Value::Unreadable(InvalidValue { column, unfit: Unfit::NotText });

    let applied = world.apply(vec![gone]).await.unwrap();

    assert_eq!(applied, Applied { read: 1, deleted: 1, ..Applied::default() });
}

#[tokio::test]
async fn only_rows_that_differ_are_written_and_the_later_of_two_versions_counts() {
    let world = world().await;
    world
        .apply(vec![record(1, 0, ["a", "1", "k1"]), record(2, 0, ["b", "2", "k2"])])
        .await
        .unwrap();
    let applied = world
        .apply(vec![
            record(1, 0, ["a", "1", "k1"]),
            record(2, 2, ["b3", "2", "k2"]),
            record(2, 1, ["b2", "2", "k2"]),
        ])
        .await
        .unwrap();
    assert_eq!((applied.read, applied.updated), (3, 1));
    assert_eq!(
        rows(&world.db, "select name from salesforce.account order by id").await,
        ["a", "b3"]
    );
    let older = world.apply(vec![record(2, 1, ["b2", "2", "k2"])]).await.unwrap();
    assert_eq!(older.updated, 0);
}

#[tokio::test]
async fn a_row_without_id_is_adopted_by_its_key_and_keeps_what_the_application_wrote() {
    let world = world().await;
    run(&world.db, "insert into salesforce.account (name, external_id__c) values ('mine', 'k1')")
        .await;
    let applied = world.apply(vec![record(1, 0, ["theirs", "1", "k1"])]).await.unwrap();
    assert_eq!((applied.inserted, applied.updated), (0, 1));
    assert_eq!(rows(&world.db, ROWS).await, [format!("1|{}|mine|1|1.5|k1|PENDING", id(1))]);
    assert_eq!(rows(&world.db, READONLY_STATES).await, ["NEW|INSERT|1"]);
}

#[tokio::test]
async fn fields_with_unsent_changes_are_left_alone_and_the_others_follow() {
    let world = world().await;
    world.apply(vec![record(1, 0, ["a", "1", "k1"])]).await.unwrap();
    for state in ["NEW", "PENDING", "FAILED"] {
        run(
            &world.db,
            &format!(
                "delete from salesforce._trigger_log;
                 update salesforce.account set name = 'mine {state}';
                 update salesforce._trigger_log set state = '{state}'"
            ),
        )
        .await;
        world.apply(vec![record(1, 1, ["theirs", state, "k1"])]).await.unwrap();
        let row = rows(&world.db, "select name, phone, _hc_lastop from salesforce.account").await;
        assert_eq!(row, [format!("mine {state}|{state}|PENDING")]);
    }
}

#[tokio::test]
async fn a_record_that_the_application_deleted_is_not_brought_back() {
    let world = world().await;
    world.apply(vec![record(1, 0, ["a", "1", "k1"])]).await.unwrap();
    run(&world.db, "delete from salesforce.account").await;
    assert_eq!(world.apply(vec![record(1, 1, ["b", "1", "k1"])]).await.unwrap().inserted, 0);
}

#[tokio::test]
async fn a_record_being_sent_while_it_was_read_is_deferred() {
    let world = world().await;
    world.apply(vec![record(1, 0, ["a", "1", "k1"])]).await.unwrap();
    for entry in [
        "('account', 1, 'UPDATE', null, null)".to_owned(),
        format!("('account', 99, 'UPDATE', '{}', now() + interval '1 h')", id(1)),
    ] {
        run(
            &world.db,
            &format!(
                "delete from lockstep.journal;
                 insert into lockstep.journal (table_name, record_id, operation, sfid, closed_at, outcome)
                 select a, b, c, d, e, case when e is not null then 'accepted' end
                 from (values {entry}) as v (a, b, c, d, e)"
            )
            .replace("null, null)", "null::text, null::timestamptz)"),
        )
        .await;
        let applied = world.apply(vec![record(1, 1, ["b", "1", "k1"])]).await.unwrap();
        assert_eq!((applied.deferred, applied.updated), (1, 0));
    }
    run(&world.db, "update lockstep.journal set closed_at = now() - interval '1 h'").await;
    assert_eq!(world.apply(vec![record(1, 1, ["b", "1", "k1"])]).await.unwrap().updated, 1);
}

#[tokio::test]
async fn a_record_whose_sending_was_refused_while_it_was_read_is_not_left_out_of_a_load() {
    let world = world().await;
    world.apply(vec![record(1, 0, ["a", "1", "k1"])]).await.unwrap();
    run(
        &world.db,
        "insert into lockstep.journal (table_name, record_id, operation, closed_at, outcome)
         values ('account', 1, 'UPDATE', now() + interval '1 h', 'refused')",
    )
    .await;
    let applied = world.apply(vec![record(1, 1, ["b", "1", "k1"])]).await.unwrap();
    assert_eq!((applied.deferred, applied.updated), (0, 1));
}

#[tokio::test]
async fn a_stale_holder_writes_nothing() {
    let world = world().await;
    run(&world.db, "update lockstep.lease set epoch = epoch + 1").await;
    let refused = world.apply(vec![record(1, 0, ["a", "1", "k1"])]).await.unwrap_err();
    assert!(matches!(refused, ApplyError::Database(Error::Fenced(_))), "{refused}");
    assert!(matches!(
        world.apply(Vec::new()).await.unwrap_err(),
        ApplyError::Database(Error::Fenced(_))
    ));
    assert_eq!(rows(&world.db, ROWS).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_page_that_breaks_off_leaves_neither_rows_nor_checkpoint() {
    let world = world().await;
    let records = stream::iter([Ok(record(1, 0, ["a", "1", "k1"])), Err("cut")]);
    let page = Page {
        mapping: &world.mapping,
        read_started: world.db.now().await.unwrap(),
        checkpoint: Some(Checkpoint::Watermark(stamp(0))),
        more: false,
    };
    let error = apply(&world.db, &world.lease, page, records).await.unwrap_err();
    assert!(matches!(error, ApplyError::Source("cut")));
    assert_eq!(rows(&world.db, ROWS).await, Vec::<String>::new());
    assert_eq!(progress(&world.db, "Account").await.unwrap().watermark, None);
}

#[tokio::test]
async fn the_checkpoint_moves_with_the_page_and_never_backwards() {
    let world = world().await;
    let save = async |checkpoint| {
        let page = Page {
            mapping: &world.mapping,
            read_started: world.db.now().await.unwrap(),
            checkpoint: Some(checkpoint),
            more: false,
        };
        let none: [Result<RemoteRecord, Infallible>; 0] = [];
        apply(&world.db, &world.lease, page, stream::iter(none)).await.unwrap();
        progress(&world.db, "Account").await.unwrap()
    };
    let position = BackfillProgress {
        job_id: Some("j".to_owned()),
        locator: None,
        rows: 7,
        started_at: stamp(3),
        read_started: world.db.now().await.unwrap(),
    };
    let loading = save(Checkpoint::Backfill(position.clone())).await;
    assert_eq!(loading.backfill, Some(position));
    let loaded = save(Checkpoint::Loaded).await;
    assert_eq!((loaded.loaded, loaded.backfill, loaded.watermark), (true, None, Some(stamp(3))));
    assert_eq!(save(Checkpoint::Watermark(stamp(9))).await.watermark, Some(stamp(9)));
    assert_eq!(save(Checkpoint::Watermark(stamp(8))).await.watermark, Some(stamp(9)));
}

#[tokio::test]
async fn an_update_that_the_application_commits_during_the_page_is_not_lost() {
    let world = world().await;
    world.apply(vec![record(1, 0, ["a", "1", "k1"])]).await.unwrap();
    let mut client = world.db.client().await.unwrap();
    let application = client.transaction().await.unwrap();
    application.batch_execute("update salesforce.account set name = 'mine'").await.unwrap();

    let mut page = Box::pin(world.apply(vec![record(1, 1, ["theirs", "2", "k1"])]));
    let early = tokio::time::timeout(Duration::from_millis(300), &mut page).await;
    assert!(early.is_err(), "the page did not wait for the application");
    application.commit().await.unwrap();
    page.await.unwrap();
    assert_eq!(rows(&world.db, "select name, phone from salesforce.account").await, ["mine|2"]);
    assert_eq!(rows(&world.db, READONLY_STATES).await, ["NEW|UPDATE|1"]);
}

#[tokio::test]
async fn an_update_of_an_equal_row_while_the_page_is_applied_is_not_overwritten() {
    let world = world().await;
    world
        .apply(vec![record(1, 0, ["a", "1", "k1"]), record(2, 0, ["b", "1", "k2"])])
        .await
        .unwrap();
    // The page stands between reading the trigger log and writing the rows.
    let mut client = world.db.client().await.unwrap();
    let application = client.transaction().await.unwrap();
    application
        .batch_execute("lock table lockstep.journal in access exclusive mode")
        .await
        .unwrap();
    let records = vec![record(1, 0, ["a", "1", "k1"]), record(2, 1, ["theirs", "1", "k2"])];
    let mut page = Box::pin(world.apply(records));
    let early = tokio::time::timeout(Duration::from_millis(300), &mut page).await;
    assert!(early.is_err(), "the page did not come so far");
    application
        .batch_execute("update salesforce.account set name = 'mine' where id = 1")
        .await
        .unwrap();
    application.commit().await.unwrap();
    page.await.unwrap();
    let names = rows(&world.db, "select name from salesforce.account order by id").await;
    assert_eq!(names, ["mine", "theirs"]);
}

#[tokio::test]
async fn a_key_that_moved_to_another_record_moves_here_too() {
    let world = world().await;
    world
        .apply(vec![record(1, 0, ["a", "1", "k1"]), record(2, 0, ["b", "2", "k2"])])
        .await
        .unwrap();
    world
        .apply(vec![record(1, 1, ["a", "1", "k2"]), record(2, 1, ["b", "2", "k1"])])
        .await
        .unwrap();
    let keys = rows(&world.db, "select external_id__c from salesforce.account order by id").await;
    assert_eq!(keys, ["k2", "k1"]);
    world.apply(vec![record(3, 2, ["c", "3", "k1"])]).await.unwrap();
    let keys = rows(&world.db, "select external_id__c from salesforce.account order by id").await;
    assert_eq!(keys, ["k2", "-", "k1"]);
}

#[tokio::test]
async fn a_lookup_also_names_the_parent_as_the_application_does() {
    let mut child = mapping("Contact", Direction::Both);
    let lookup = &mut child.fields[1];
    (lookup.name, lookup.column) = ("AccountId".to_owned(), "accountid".to_owned());
    lookup.column_type = ColumnType::Varchar(18);
    lookup.reference = Some(Reference {
        object: "Account".to_owned(),
        table: "account".to_owned(),
        match_column: "external_id__c".to_owned(),
        column: "account__external_id__c".to_owned(),
        column_type: ColumnType::Varchar(36),
    });
    let db = provisioned_database(&[account(), child.clone()]).await;
    let lease = lease(&db).await;
    let parents = World { db: db.clone(), lease: lease.clone(), mapping: account() };
    parents
        .apply(vec![record(1, 0, ["a", "1", "k1"]), record(2, 0, ["b", "2", "k2"])])
        .await
        .unwrap();

    let children = World { db, lease, mapping: child };
    let parent = id(1);
    let names = "select accountid is not null, account__external_id__c from salesforce.contact";
    children.apply(vec![record(7, 0, ["c", parent.as_str(), "c7"])]).await.unwrap();
    assert_eq!(rows(&children.db, names).await, ["t|k1"]);
    let applied = children.apply(vec![record(7, 0, ["c", parent.as_str(), "c7"])]).await.unwrap();
    assert_eq!(applied.updated, 0);
    run(&children.db, "update salesforce.contact set account__external_id__c = 'k2'").await;
    children.apply(vec![record(7, 1, ["c", parent.as_str(), "c7"])]).await.unwrap();
    assert_eq!(rows(&children.db, names).await, ["t|k2"]);
    run(&children.db, "delete from salesforce._trigger_log").await;
    children.apply(vec![record(7, 2, ["c", "-", "c7"])]).await.unwrap();
    assert_eq!(rows(&children.db, names).await, ["f|-"]);
}

#[tokio::test]
async fn a_second_large_page_takes_no_longer_than_a_first() {
    let world = world().await;
    // As autovacuum would leave it before the load: the planner takes the table for empty.
    run(&world.db, "vacuum salesforce.account").await;
    let page = |from: u32| (from..from + 6_000).map(|n| record(n, 0, ["a", "-", "-"])).collect();
    let mut slowest = Duration::ZERO;
    for from in [0, 6_000, 12_000] {
        let began = std::time::Instant::now();
        assert_eq!(world.apply(page(from)).await.unwrap().inserted, 6_000);
        slowest = slowest.max(began.elapsed());
    }
    // Comparing each with each took about ten seconds here; a page takes a fraction of one.
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
}

#[tokio::test]
async fn a_part_of_the_fields_completes_rows_and_neither_makes_one_nor_moves_its_stamp() {
    // given a row, and a newer version of its record
    let world = world().await;
    world.apply(vec![record(1, 1, ["a", "1", "k1"])]).await.unwrap();
    let part = world.mapping.of_fields(|field| field.name == "Phone");
    let phone = |number: u32, second: i64, phone: &str| RemoteRecord {
        values: vec![Value::Text(phone.to_owned())],
        ..record(number, second, ["x", "x", "x"])
    };

    // when only its phone is read, and one of a record without row, and an older one
    let page = async |records: Vec<RemoteRecord>| {
        let read_started = world.db.now().await.unwrap();
        let page = Page { mapping: &part, read_started, checkpoint: None, more: false };
        let records = stream::iter(records.into_iter().map(Ok::<_, Infallible>));
        apply(&world.db, &world.lease, page, records).await.unwrap()
    };
    let applied = page(vec![phone(1, 3, "3"), phone(2, 3, "9")]).await;
    let older = page(vec![phone(1, 0, "0")]).await;

    // then the phone is all that changed
    assert_eq!((applied.inserted, applied.updated, older.updated), (0, 1, 0));
    let rows = rows(&world.db, "select name, phone, systemmodstamp from salesforce.account").await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(rows[0].starts_with("a|3|") && rows[0].ends_with(":41"), "{rows:?}");
}
