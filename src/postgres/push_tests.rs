//! The push side against a real server: claim, journal, record, and what people are told about it.

use super::testing::{account, provisioned_database, rows, run, wait_for_row};
use super::*;
use crate::mapping::{ConflictPolicy, Mapping};
use crate::model::ChangeState::{Failed, Ignore, Pending};
use crate::model::{Action, Change, ChangeState, RemoteRecord, SalesforceId, Value};
use serde_json::json;
use std::time::Duration;

pub(super) const LOG: &str = "select id, state, action, record_id, sfid, sf_message from salesforce._trigger_log order by id";
pub(super) const ARCHIVE: &str = "select id, state, sfid, sf_message, processed_tx is not null \
                       from salesforce._trigger_log_archive order by id";
pub(super) const ROWS: &str = "select id, sfid, name, phone, _hc_lastop, _hc_err is not null from salesforce.account order by id";
pub(super) const FIRST: &str = "001000000000001AAA";

pub(super) struct World {
    pub(super) db: Database,
    pub(super) lease: Lease,
    mapping: Mapping,
}

pub(super) async fn world(statements: &str) -> World {
    let mapping = account();
    let db = provisioned_database(std::slice::from_ref(&mapping)).await;
    let lease =
        acquire(&db, "group:account", "test", Duration::from_mins(5)).await.unwrap().unwrap();
    run(&db, statements).await;
    World { db, lease, mapping }
}

impl World {
    pub(super) async fn claim(&self, limit: i64) -> Vec<(i32, ChangeState)> {
        let changes = self.claim_behind(0, Taking::All, limit).await;
        changes.iter().map(|change| (change.log_id, change.state)).collect()
    }

    pub(super) async fn claim_behind(&self, after: i32, taking: Taking, limit: i64) -> Vec<Change> {
        let tables = ["account".to_owned()];
        let share = Share { taking, after, ..Share::of(&tables, limit) };
        claim(&self.db, &self.lease, &share).await.unwrap()
    }

    pub(super) async fn record(&self, recorded: Recorded) {
        record(&self.db, &self.lease, &self.mapping, &[recorded]).await.unwrap();
    }

    pub(super) async fn app(&self, statements: &str) {
        run(&self.db, statements).await;
    }
}

pub(super) fn recorded(record_id: i32, log_ids: &[i32], outcome: Outcome) -> Recorded {
    Recorded {
        table: "account".to_owned(),
        record_id,
        log_ids: log_ids.to_vec(),
        journal: None,
        outcome,
        adopt: Vec::new(),
        conflicts: Vec::new(),
        restore: None,
        evidence: Evidence::default(),
    }
}

pub(super) fn accepted(lastop: &'static str) -> Outcome {
    Outcome::Accepted { sfid: Some(SalesforceId::parse(FIRST).unwrap()), lastop }
}

pub(super) fn later(seconds: u64) -> Outcome {
    let not_before_in = Duration::from_secs(seconds);
    Outcome::Later { not_before_in, reason: "busy".to_owned(), outcome: "unknown" }
}

pub(super) fn refused() -> Outcome {
    Outcome::Refused { code: "REQUIRED_FIELD_MISSING".to_owned(), message: "Name".to_owned() }
}

pub(super) const INSERT: &str = "insert into salesforce.account (name) values ('a');";

#[tokio::test]
async fn a_parked_insert_comes_again_when_its_row_is_deleted_and_not_a_third_time() {
    let world = world(INSERT).await;
    world.claim(9).await;
    world.record(recorded(1, &[1], refused())).await;
    world.app("delete from salesforce.account").await;
    assert_eq!(world.claim(9).await, [(1, Failed), (2, Ignore)]);
    world.record(recorded(1, &[1, 2], later(600))).await;
    assert_eq!(world.claim(9).await, [], "it waits like any other");
    world.app("update lockstep.delivery set not_before = now()").await;
    assert_eq!(world.claim(9).await, [(1, Failed), (2, Ignore)]);
    world.record(recorded(1, &[1, 2], refused())).await;
    assert_eq!(world.claim(9).await, [], "a person decides about it");
}

#[tokio::test]
async fn what_needs_no_sending_is_archived_but_a_deletion_of_an_unsent_row_comes_along() {
    let world = world(
        "insert into salesforce.account (name) values ('a');
         update salesforce.account set name = 'a';
         delete from salesforce.account",
    )
    .await;
    assert_eq!(world.claim(9).await, [(1, Pending), (3, Ignore)]);
    assert_eq!(rows(&world.db, ARCHIVE).await, ["2|IGNORED|-|-|t"]);
    let settled = Outcome::Settled { reason: "cancelled out".to_owned() };
    world.record(recorded(1, &[1, 3], settled)).await;
    assert_eq!(rows(&world.db, LOG).await, Vec::<String>::new());
    assert_eq!(
        rows(&world.db, ARCHIVE).await,
        ["1|IGNORED|-|cancelled out|t", "2|IGNORED|-|-|t", "3|IGNORED|-|cancelled out|t"]
    );
}

#[tokio::test]
async fn an_accepted_insert_gets_its_id_and_the_last_of_its_changes_is_the_success() {
    let world = world(&format!("{INSERT} update salesforce.account set phone = '1'")).await;
    world.claim(9).await;
    world.record(recorded(1, &[1, 2], accepted("INSERTED"))).await;
    assert_eq!(rows(&world.db, ROWS).await, [format!("1|{FIRST}|a|1|INSERTED|f")]);
    assert_eq!(
        rows(&world.db, ARCHIVE).await,
        [format!("1|MERGED|{FIRST}|-|t"), format!("2|SUCCESS|{FIRST}|-|t")]
    );
    assert_eq!(rows(&world.db, LOG).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_the_application_changed_since_the_claim_stays_its_own() {
    let world = world(INSERT).await;
    world.claim(9).await;
    world.app("update salesforce.account set phone = 'mine'").await;
    let mut outcome = recorded(1, &[1], accepted("INSERTED"));
    outcome.adopt = vec![
        ("name".to_owned(), Value::Text("A".to_owned())),
        ("phone".to_owned(), Value::Text("theirs".to_owned())),
        ("annualrevenue".to_owned(), Value::Double(2.5)),
    ];
    world.record(outcome).await;
    assert_eq!(rows(&world.db, ROWS).await, [format!("1|{FIRST}|A|mine|PENDING|f")]);
    assert_eq!(rows(&world.db, "select annualrevenue from salesforce.account").await, ["2.5"]);
    assert_eq!(rows(&world.db, LOG).await, [format!("2|NEW|UPDATE|1|{FIRST}|-")]);
}

#[tokio::test]
async fn what_the_application_is_about_to_commit_stays_its_own_too() {
    // given a change of the application's that is not committed
    let world = world(INSERT).await;
    world.claim(9).await;
    let mut client = world.db.client().await.unwrap();
    let change = client.transaction().await.unwrap();
    change.batch_execute("update salesforce.account set phone = 'mine'").await.unwrap();
    let mut outcome = recorded(1, &[1], accepted("INSERTED"));
    outcome.adopt = vec![("phone".to_owned(), Value::Text("theirs".to_owned()))];

    // when it is committed while the outcome waits for the row
    let commits = async {
        wait_for_row(&world.db, "select 1 from pg_locks where not granted").await;
        change.commit().await.unwrap();
    };
    tokio::join!(world.record(outcome), commits);

    // then its value and its mark of waiting are there
    assert_eq!(rows(&world.db, ROWS).await, [format!("1|{FIRST}|a|mine|PENDING|f")]);
}

#[tokio::test]
async fn a_row_deleted_while_its_insert_was_under_way_is_deleted_in_salesforce_too() {
    let world = world(INSERT).await;
    world.claim(9).await;
    world.app("delete from salesforce.account").await;
    world.record(recorded(1, &[1], accepted("INSERTED"))).await;
    assert_eq!(rows(&world.db, LOG).await, [format!("2|NEW|DELETE|1|{FIRST}|-")]);
    world.record(recorded(1, &[2], Outcome::Accepted { sfid: None, lastop: "DELETED" })).await;
    let tombstone = "select table_name, sfid, record_id from lockstep.tombstone";
    assert_eq!(rows(&world.db, tombstone).await, [format!("account|{FIRST}|1")]);
}

#[tokio::test]
async fn a_twin_that_a_pull_made_meanwhile_gives_way_with_its_changes() {
    let world = world(INSERT).await;
    world.claim(9).await;
    world
        .app(&format!(
            "insert into salesforce.account (name, sfid) values ('a', '{FIRST}');
             delete from salesforce._trigger_log where record_id = 2;
             update salesforce.account set phone = 'x' where id = 2"
        ))
        .await;
    world.record(recorded(1, &[1], accepted("INSERTED"))).await;
    assert_eq!(rows(&world.db, ROWS).await, [format!("1|{FIRST}|a|-|PENDING|f")]);
    assert_eq!(rows(&world.db, LOG).await, [format!("3|NEW|UPDATE|1|{FIRST}|-")]);
}

#[tokio::test]
async fn an_overruled_deletion_puts_the_row_back_under_its_id() {
    let world = world(&format!(
        "insert into salesforce.account (name, sfid) values ('a', '{FIRST}');
         delete from salesforce._trigger_log; delete from salesforce.account"
    ))
    .await;
    world.claim(9).await;
    let mut outcome =
        recorded(1, &[2], Outcome::Settled { reason: "edited in Salesforce".to_owned() });
    outcome.restore = Some(RemoteRecord {
        id: SalesforceId::parse(FIRST).unwrap(),
        system_modstamp: None,
        is_deleted: false,
        master_record_id: None,
        values: vec![Value::Text("theirs".into()), Value::Null, Value::Double(1.0), Value::Null],
    });
    outcome.conflicts = vec![ConflictRow {
        field: "Name".to_owned(),
        base: Value::Text("a".to_owned()),
        local: Value::Null,
        remote: Value::Text("theirs".to_owned()),
        policy: ConflictPolicy::SalesforceWins,
        winner: "salesforce",
    }];
    world.record(outcome).await;
    assert_eq!(rows(&world.db, ROWS).await, [format!("1|{FIRST}|theirs|-|SYNCED|f")]);
    let kept = "select object, field, base, local, remote, policy, winner from lockstep.conflict";
    assert_eq!(rows(&world.db, kept).await, ["Account|Name|a|-|theirs|salesforce_wins|salesforce"]);
    assert_eq!(rows(&world.db, LOG).await, Vec::<String>::new(), "the restored row was captured");
}

#[tokio::test]
async fn a_stale_holder_records_nothing() {
    let world = world(INSERT).await;
    world.claim(9).await;
    world.app("update lockstep.lease set epoch = epoch + 1").await;
    let outcomes = [recorded(1, &[1], accepted("INSERTED"))];
    let error = record(&world.db, &world.lease, &world.mapping, &outcomes).await.unwrap_err();
    assert_eq!(error, Error::Fenced("group:account".to_owned()));
    assert_eq!(rows(&world.db, LOG).await, ["1|PENDING|INSERT|1|-|-"]);
    let nothing = Share::of(&[], 1);
    assert!(claim(&world.db, &world.lease, &nothing).await.is_err());
}

#[tokio::test]
async fn the_journal_keeps_what_was_sent_and_how_it_ended() {
    let world = world(INSERT).await;
    world.claim(9).await;
    let serde_json::Value::Object(values) = json!({ "Name": "a" }) else { unreachable!() };
    let intent = |record_id| Intent {
        table: "account".to_owned(),
        record_id,
        operation: Action::Insert,
        sfid: None,
        key: Some("k".to_owned()),
        values: values.clone(),
        log_ids: vec![record_id],
        is_part: false,
    };
    let tables = ["account".to_owned()];
    let ids = open_journal(&world.db, &world.lease, &[intent(1), intent(2)], None).await.unwrap();
    let open = open_entries(&world.db, &tables).await.unwrap();
    assert_eq!(open.iter().map(|entry| entry.id).collect::<Vec<_>>(), [ids[1], ids[0]]);
    assert_eq!(open[1].intent, intent(1));

    let outcome = Recorded { journal: Some(ids[0]), ..recorded(1, &[1], later(1)) };
    world.record(outcome).await;
    assert_eq!(open_entries(&world.db, &tables).await.unwrap().len(), 1);
    let attempts = attempts(&world.db, "account", &[1]).await.unwrap();
    assert_eq!(attempts[0].outcome.as_deref(), Some("unknown"));
}

#[tokio::test]
async fn a_bulk_jobs_entries_are_read_page_by_page_until_they_are_settled() {
    let world = world(INSERT).await;
    world.claim(9).await;
    let intent = |record_id| Intent {
        table: "account".to_owned(),
        record_id,
        operation: Action::Insert,
        sfid: None,
        key: Some(format!("k{record_id}")),
        values: serde_json::Map::new(),
        log_ids: vec![record_id],
        is_part: false,
    };
    let job = BulkJob {
        job_id: "750".to_owned(),
        object: "Account".to_owned(),
        operation: "insert".to_owned(),
        state: BulkJobState::Open,
    };
    save_bulk_job(&world.db, &world.lease, &job).await.unwrap();
    let account = ["Account".to_owned()];
    let open = open_bulk_jobs(&world.db, &account).await.unwrap();
    assert_eq!(open, std::slice::from_ref(&job));

    let intents = [intent(1), intent(2), intent(3)];
    let ids = open_journal(&world.db, &world.lease, &intents, Some("750")).await.unwrap();
    open_journal(&world.db, &world.lease, &[intent(4)], None).await.unwrap();

    let page = job_entries(&world.db, "750", ids[0], 1).await.unwrap();
    assert_eq!(page.iter().map(|entry| entry.id).collect::<Vec<_>>(), [ids[1]]);
    assert_eq!(page[0].bulk_job.as_deref(), Some("750"));
    let outcome = Recorded { journal: Some(ids[0]), ..recorded(1, &[1], later(1)) };
    world.record(outcome).await;
    let names = job_names(&world.db, "750", 0, 9).await.unwrap();
    assert_eq!(names, [(ids[1], Some("k2".to_owned())), (ids[2], Some("k3".to_owned()))]);
    let among = job_entries_among(&world.db, "750", &[ids[0], ids[2]]).await.unwrap();
    assert_eq!(among.iter().map(|entry| entry.id).collect::<Vec<_>>(), [ids[2]]);
    assert_eq!(count_job_entries(&world.db, "750").await.unwrap(), 3);

    let done = BulkJob { state: BulkJobState::Done, ..job };
    save_bulk_job(&world.db, &world.lease, &done).await.unwrap();
    assert_eq!(open_bulk_jobs(&world.db, &account).await.unwrap(), []);
}

#[tokio::test]
async fn of_a_row_that_changes_all_the_time_only_the_newest_attempts_and_its_insert_are_read() {
    let world = world(
        "insert into lockstep.journal (table_name, record_id, operation, closed_at, outcome)
         select 'account', 1, case n when 1 then 'INSERT' else 'UPDATE' end, now(), 'accepted'
         from generate_series(1, 200) n",
    )
    .await;
    let attempts = attempts(&world.db, "account", &[1]).await.unwrap();
    assert_eq!(attempts.len(), 51);
    assert_eq!((attempts[0].id, attempts[50].intent.operation), (200, Action::Insert));
}

#[tokio::test]
async fn rows_and_parents_are_read_as_they_stand() {
    let world = world(&format!(
        "insert into salesforce.account (name, annualrevenue, external_id__c, sfid) values ('a', 1.5, 'k', '{FIRST}');
         insert into salesforce.account (name, external_id__c) values ('b', 'l')"
    ))
    .await;
    let local = read_rows(&world.db, &world.mapping, &[1, 2, 7], &[1, 7]).await.unwrap();
    assert_eq!(local.len(), 2);
    assert_eq!(local[0].sfid.as_ref().unwrap().as_str(), FIRST);
    let fields = local[0].fields.as_ref().unwrap();
    assert_eq!(fields["annualrevenue"], Some("1.5".to_owned()));
    assert_eq!(fields.len(), 4);
    assert_eq!(local[1].fields, None, "nobody asked for them");
    let values = ["l".to_owned(), "x".to_owned()];
    let parents = find_parents(&world.db, "account", "external_id__c", &values).await.unwrap();
    assert_eq!(parents, [("l".to_owned(), 2, None)]);
}

#[tokio::test]
async fn people_see_what_failed_and_may_retry_or_give_up() {
    let world = world("insert into salesforce.account (name) values ('a'), ('b'), ('c')").await;
    world.claim(9).await;
    world.record(recorded(1, &[1], refused())).await;
    world.record(recorded(2, &[2], refused())).await;
    add_usage(&world.db, "Account", "query", 2).await.unwrap();
    add_usage(&world.db, "Account", "query", 3).await.unwrap();
    flush_usage(&world.db).await.unwrap();
    set_state(&world.db, "Account", MappingState::Paused, Some("held")).await.unwrap();
    note_poll(&world.db, "Account").await.unwrap();
    log_event(&world.db, "pause", Some("Account"), "held").await.unwrap();

    let status = &status(&world.db).await.unwrap()[0];
    assert_eq!((status.rows, status.pending, status.failed, status.calls_today), (3, 1, 2, 5));
    assert_eq!(
        (status.state, status.state_reason.as_deref()),
        (MappingState::Paused, Some("held"))
    );
    assert!(status.oldest_pending.is_some() && status.last_poll.is_some());

    let failed = failures(&world.db, Some("Account")).await.unwrap();
    assert_eq!(failed.len(), 2);
    assert_eq!(failed[0].message, "REQUIRED_FIELD_MISSING: Name");
    let first = Selection { record_id: Some(1), ..Selection::default() };
    world.app("insert into lockstep.connection (schema_name) values ('salesforce')").await;
    assert_eq!(retry_failures(&world.db, &first, Payload::Captured).await.unwrap(), 1);
    assert_eq!(ignore_failures(&world.db, &Selection::default(), "by hand").await.unwrap(), 1);
    assert_eq!(failures(&world.db, None).await.unwrap().len(), 0);
    assert_eq!(
        rows(&world.db, ARCHIVE).await,
        ["2|IGNORED|-|REQUIRED_FIELD_MISSING: Name; given up: by hand|t"]
    );
    let month = Duration::from_hours(24 * 31);
    assert_eq!(prune(&world.db, month, 100).await.unwrap().rows, 0);
}

#[tokio::test]
async fn an_archived_row_marked_for_requeueing_is_sent_again() {
    let world = world(INSERT).await;
    world.claim(9).await;
    world.record(recorded(1, &[1], accepted("INSERTED"))).await;
    world.app("update salesforce._trigger_log_archive set state = 'REQUEUE'").await;
    assert_eq!(world.claim(9).await, [(2, Pending)]);
    assert_eq!(rows(&world.db, ARCHIVE).await, [format!("1|REQUEUED|{FIRST}|-|t")]);
}
