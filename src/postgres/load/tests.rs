//! Pages straight into tables, against a real server.

use super::{LoadState, Records, Rows, close_load, load_direct, load_state, open_load};
use crate::mapping::{Direction, Mapping, Reference};
use crate::model::{ColumnType, RemoteRecord, SalesforceId, Value};
use crate::postgres::testing::{account, mapping, provisioned_database, rows, run, wait_for_row};
use crate::postgres::{
    Applied, BackfillProgress, Checkpoint, Database, Lease, Page, acquire, progress, provision,
};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream;
use std::convert::Infallible;
use std::time::Duration;

const ROWS: &str = "select id, sfid, name, phone, annualrevenue, external_id__c, isdeleted, _hc_lastop, _hc_err \
                    from salesforce.account order by id";
const INDEXES: &str = "select indexname from pg_indexes where tablename = 'account' order by 1";
const TRIGGERS: &str = "select tgname, tgenabled from pg_trigger \
                        where tgrelid = 'salesforce.account'::regclass and not tgisinternal order by 1";
const SET_ASIDE: &str = "select unnest(index_names) from lockstep.load order by 1";

struct World {
    db: Database,
    lease: Lease,
    mapping: Mapping,
    position: BackfillProgress,
}

/// A provisioned table whose load has begun.
async fn begun(mappings: &[Mapping], statements: &str) -> World {
    let db = provisioned_database(mappings).await;
    run(&db, statements).await;
    let lease = acquire(&db, "backfill:Account", "test", Duration::from_mins(5)).await;
    let read_started = db.now().await.unwrap();
    let position = BackfillProgress {
        job_id: None,
        locator: None,
        rows: 0,
        started_at: moment(0),
        read_started,
    };
    let (lease, mapping) = (lease.unwrap().unwrap(), mappings[0].clone());
    open_load(&db, &lease, &mapping, &position, true).await.unwrap();
    World { db, lease, mapping, position }
}

impl World {
    async fn load(&self, numbers: std::ops::Range<u32>) -> Option<Applied> {
        self.page(numbers.map(record).collect(), None).await
    }

    async fn page(
        &self,
        records: Vec<RemoteRecord>,
        last: Option<DateTime<Utc>>,
    ) -> Option<Applied> {
        let records = Records(stream::iter(records.into_iter().map(Ok::<_, Infallible>)));
        let rows = Rows::received(&self.mapping, records, usize::MAX).await.unwrap();
        let locator = Some("next".to_owned());
        let after = BackfillProgress { locator, ..self.position.clone() };
        let page = Page {
            mapping: &self.mapping,
            read_started: self.position.read_started,
            checkpoint: Some(Checkpoint::Backfill(after)),
            more: true,
        };
        load_direct(&self.db, &self.lease, &page, &rows.whole()?, last).await.unwrap()
    }

    async fn state(&self) -> LoadState {
        load_state(&self.db, &self.mapping.object).await.unwrap()
    }
}

fn moment(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_000_000 + second)
}

fn record(number: u32) -> RemoteRecord {
    RemoteRecord {
        id: SalesforceId::parse(&format!("001{number:012}")).unwrap(),
        system_modstamp: Some(moment(0)),
        is_deleted: false,
        master_record_id: None,
        values: vec![
            Value::Text(format!("name {number}")),
            Value::Null,
            Value::Double(1.5),
            Value::Text(format!("k{number}")),
        ],
    }
}

#[tokio::test]
async fn a_page_goes_straight_in_with_its_checkpoint_and_leaves_no_trace() {
    let world = begun(&[account()], "").await;
    let triggers = rows(&world.db, TRIGGERS).await;

    let applied = world.load(1..3).await.unwrap();

    assert_eq!(applied, Applied { read: 2, inserted: 2, ..Applied::default() });
    let [first, second] = [record(1), record(2)].map(|record| record.id);
    assert_eq!(
        rows(&world.db, ROWS).await,
        [
            format!("1|{first}|name 1|-|1.5|k1|f|SYNCED|-"),
            format!("2|{second}|name 2|-|1.5|k2|f|SYNCED|-")
        ]
    );
    assert_eq!(rows(&world.db, "select 1 from salesforce._trigger_log").await.len(), 0);
    assert_eq!(rows(&world.db, TRIGGERS).await, triggers);
    let progress = progress(&world.db, "Account").await.unwrap();
    assert_eq!(progress.backfill.unwrap().locator.as_deref(), Some("next"));
}

#[tokio::test]
async fn a_trigger_that_somebody_disabled_stays_disabled() {
    let off = "alter table salesforce.account disable trigger hc_account_logtrigger";
    let world = begun(&[account()], off).await;
    let triggers = rows(&world.db, TRIGGERS).await;

    world.load(1..3).await.unwrap();

    assert_eq!(rows(&world.db, TRIGGERS).await, triggers);
}

#[tokio::test]
async fn only_the_first_load_of_an_empty_table_of_ours_is_direct() {
    let table = [
        ("", true),
        ("insert into salesforce.account (name) values ('there')", false),
        (
            "insert into lockstep.checkpoint (object, watermark) values ('Account', now()) \
          on conflict (object) do update set watermark = now()",
            false,
        ),
        (
            "create view salesforce.seen as select 1; create role other; \
          alter table salesforce.account owner to other; alter table salesforce.account owner to postgres",
            true,
        ),
    ];
    for (statements, expected) in table {
        assert_eq!(
            begun(&[account()], statements).await.state().await.is_direct,
            expected,
            "{statements}"
        );
    }
}

#[tokio::test]
async fn what_the_application_did_meanwhile_sends_the_page_to_the_merge() {
    let table = [
        "insert into salesforce.account (name, external_id__c) values ('theirs', 'k9')",
        "update salesforce.account set phone = '1'",
        "delete from salesforce.account",
        "insert into lockstep.journal (table_name, record_id, operation) values ('account', 7, 'INSERT')",
        "insert into lockstep.journal (table_name, record_id, operation, closed_at, outcome) \
         values ('account', 7, 'DELETE', now(), 'accepted')",
        "insert into lockstep.tombstone (table_name, sfid, record_id) values ('account', '001', 7)",
    ];
    for statement in table {
        let world = begun(&[account()], "").await;
        world.load(1..3).await.unwrap();
        run(&world.db, statement).await;
        let before = rows(&world.db, ROWS).await;

        assert_eq!(world.load(3..5).await, None, "{statement}");

        assert_eq!(rows(&world.db, ROWS).await, before, "{statement}");
    }
}

#[tokio::test]
async fn a_record_that_has_a_row_sends_the_page_to_the_merge() {
    let world = begun(&[account()], "").await;
    world.load(1..3).await.unwrap();

    assert_eq!(world.load(2..5).await, None);

    assert_eq!(rows(&world.db, ROWS).await.len(), 2);
}

#[tokio::test]
async fn a_writer_who_stays_in_the_table_sends_the_page_to_the_merge() {
    let world = begun(&[account()], "").await;
    let mut client = world.db.client().await.unwrap();
    let writer = client.transaction().await.unwrap();
    writer.batch_execute("update salesforce.account set phone = '1'").await.unwrap();

    assert_eq!(world.load(1..3).await, None);

    writer.commit().await.unwrap();
    assert!(world.load(1..3).await.is_some(), "an update of no row captures nothing");
}

#[tokio::test]
async fn what_a_writer_commits_while_the_lock_is_waited_for_is_seen() {
    // given a writer who is not done
    let world = begun(&[account()], "").await;
    let mut client = world.db.client().await.unwrap();
    let writer = client.transaction().await.unwrap();
    let insert = "insert into salesforce.account (name, external_id__c) values ('theirs', 'k9')";
    writer.batch_execute(insert).await.unwrap();

    // when a page waits for the table, and the writer commits
    let commits = async {
        let waits = "select 1 from pg_locks where relation = 'salesforce.account'::regclass and not granted";
        wait_for_row(&world.db, waits).await;
        writer.commit().await.unwrap();
    };
    let (loaded, ()) = tokio::join!(world.load(1..3), commits);

    // then it is merged instead, with the writer's row
    assert_eq!(loaded, None);
}

#[tokio::test]
async fn parents_are_named_by_their_own_column() {
    let mut contact = mapping("Contact", Direction::Both);
    contact.fields[1].reference = Some(Reference {
        object: "Account".to_owned(),
        table: "account".to_owned(),
        match_column: "external_id__c".to_owned(),
        column: "account_key".to_owned(),
        column_type: ColumnType::Varchar(36),
    });
    let parent = record(1).id.to_string();
    let insert = format!(
        "insert into salesforce.account (sfid, external_id__c) values ('{parent}', 'the key')"
    );
    let world = begun(&[contact, account()], &insert).await;
    let mut child = record(2);
    child.values[1] = Value::Text(parent.clone());

    let applied = world.page(vec![child, record(3)], None).await.unwrap();

    assert_eq!(applied.inserted, 2);
    let named = "select phone, account_key from salesforce.contact order by id";
    assert_eq!(rows(&world.db, named).await, [format!("{parent}|the key"), "-|-".to_owned()]);
}

#[tokio::test]
async fn plain_indexes_wait_for_the_end_and_come_back_whoever_ends_the_load() {
    let all = [
        "account_pkey",
        "hc_idx_account_name",
        "hc_idx_account_systemmodstamp",
        "hcu_idx_account_external_id__c",
        "hcu_idx_account_sfid",
    ];
    let own = "create index own on salesforce.account (phone)";
    let expected = || {
        let mut all: Vec<String> = all.map(str::to_owned).to_vec();
        all.push("own".to_owned());
        all
    };

    // given a load under way
    let world = begun(&[account()], own).await;
    let waiting = ["account_pkey", "hcu_idx_account_external_id__c", "hcu_idx_account_sfid", "own"];
    assert_eq!(rows(&world.db, INDEXES).await, waiting);

    // when the program starts again, they stay away, and a load that begins anew does not forget them
    provision(&world.db, &[account()]).await.unwrap();
    assert_eq!(rows(&world.db, INDEXES).await, waiting);
    open_load(&world.db, &world.lease, &world.mapping, &world.position, true).await.unwrap();
    assert_eq!(rows(&world.db, SET_ASIDE).await.len(), 2);

    // then the end of the load brings them back
    close_load(&world.db, &world.lease, &world.mapping, true).await.unwrap();
    assert_eq!(rows(&world.db, INDEXES).await, expected());
    assert!(progress(&world.db, "Account").await.unwrap().loaded);
    assert_eq!(world.state().await, LoadState::default());

    // and so does the next start where nobody ended it
    let world = begun(&[account()], own).await;
    run(
        &world.db,
        "update lockstep.checkpoint set backfill_started_at = null, backfill_rows = null",
    )
    .await;
    provision(&world.db, &[account()]).await.unwrap();
    assert_eq!(rows(&world.db, INDEXES).await, expected());
    assert_eq!(world.state().await, LoadState::default());
}

#[tokio::test]
async fn the_last_page_of_a_load_that_was_given_up_is_not_written() {
    let world = begun(&[account()], "").await;
    run(&world.db, "delete from lockstep.load").await;
    let records = Records(stream::iter([Ok::<_, Infallible>(record(1))]));
    let rows = Rows::received(&world.mapping, records, usize::MAX).await.unwrap();
    let page = Page {
        mapping: &world.mapping,
        read_started: world.position.read_started,
        checkpoint: None,
        more: false,
    };

    let last = Some(world.position.started_at);
    let outcome = load_direct(&world.db, &world.lease, &page, &rows.whole().unwrap(), last).await;

    assert_eq!(outcome, Err(crate::postgres::Error::Superseded("Account".to_owned())));
    assert_eq!(crate::postgres::testing::rows(&world.db, ROWS).await.len(), 0);
}
