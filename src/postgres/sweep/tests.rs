//! Tests of the statements, against a real Postgres.

use super::{
    Scan, ScanStart, Underway, begin_sweep, end_sweep, forget_late_stamps, hold_back, needs_sweep,
    settle_findings,
};
use crate::model::SalesforceId;
use crate::postgres::testing::{account, fresh_database, rows, run};
use crate::postgres::{Error, acquire, migrate, provision};
use std::time::Duration;

#[tokio::test]
async fn requests_for_a_sweep_join_and_keep_their_reasons() {
    let db = fresh_database().await;
    migrate(&db).await.unwrap();

    for reason in ["a load of a table with rows", "getDeleted failed", "getDeleted failed"] {
        needs_sweep(&db, "Account", reason).await.unwrap();
    }

    let found = rows(&db, "select object, wanted_reason, is_first from lockstep.sweep").await;
    assert_eq!(found, ["Account|a load of a table with rows; getDeleted failed|f"]);
    assert_eq!(rows(&db, "select count(*) from lockstep.event").await, ["3"]);
}

#[tokio::test]
async fn a_sweep_whose_lease_was_taken_over_writes_nothing() {
    // given a sweep under way, whose lease another worker has taken over
    let db = fresh_database().await;
    migrate(&db).await.unwrap();
    let mapping = account();
    provision(&db, std::slice::from_ref(&mapping)).await.unwrap();
    let name = "sweep:Account";
    let ttl = Duration::from_mins(1);
    let lease = acquire(&db, name, "first", ttl).await.unwrap().unwrap();
    let now = db.now().await.unwrap();
    let start = ScanStart { started_at: now, read_started: now };
    let underway = Underway { start, is_full: false, job: None, is_compared: false };
    begin_sweep(&db, &lease, "Account", &underway).await.unwrap();
    let id = SalesforceId::parse("001000000000001").unwrap();
    let ghost = format!(
        "insert into salesforce.account (sfid, systemmodstamp) values ('{id}', '2030-01-01'); \
         insert into lockstep.sweep_finding (object, sfid, kind) values ('Account', '{id}', 'extra')"
    );
    run(&db, &ghost).await;
    let mut scan = Scan::begin(&db, &mapping, start, false).await.unwrap();
    scan.compare().await.unwrap();
    run(&db, "update lockstep.lease set expires_at = now() - interval '1 s'").await;
    acquire(&db, name, "second", ttl).await.unwrap().unwrap();
    let kept = "select sweep::text, (select string_agg(finding::text, ' ') from lockstep.sweep_finding as finding), \
                (select string_agg(systemmodstamp::text, ' ') from salesforce.account) from lockstep.sweep as sweep";
    let before = rows(&db, kept).await;

    // when
    let ids = [id.clone()];
    let late = [(id, now)];
    let outcomes = [
        scan.save(&lease, None).await,
        begin_sweep(&db, &lease, "Account", &underway).await,
        settle_findings(&db, &lease, "Account", &ids, &[]).await,
        hold_back(&db, &lease, "Account", Some((9, 1))).await,
        forget_late_stamps(&db, &lease, &mapping, (&late, now + Duration::from_hours(99_999)))
            .await,
        end_sweep(&db, &lease, "Account", true, 0).await,
    ];

    // then
    for outcome in outcomes {
        assert_eq!(outcome, Err(Error::Fenced(name.to_owned())));
    }
    assert_eq!(rows(&db, kept).await, before);
}
