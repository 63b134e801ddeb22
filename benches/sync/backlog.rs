//! Whether claiming stays cheap and the log small: beside a million processed rows, beside a long snapshot, and after
//! the archive was pruned.

use crate::accounts;
use crate::bench_world::{BenchWorld, median};
use crate::capture;
use crate::report::report;
use lockstep::postgres::{Database, Lease};
use std::time::{Duration, Instant};

/// Repetitions; the median counts.
const ROUNDS: usize = 15;

/// Changes that each timed claim finds.
const CLAIMED: usize = 200;

/// Rows of the table, and changes that go through the log at once.
const BATCH: usize = 50_000;

/// How many days old what was processed first is, when the archive is pruned of what is older than a month.
const DAYS: u32 = 40;
const MONTH: Duration = Duration::from_hours(24 * 30);

const LOG: &str = "salesforce._trigger_log";
const OLD: &str = "salesforce._trigger_log_archive";

/// A claim of 200 changes after ever more history, and what pruning leaves of it.
pub(crate) async fn backlog(rows: usize) {
    let world = BenchWorld::with_accounts_mapped(0, &accounts::mapping()).await;
    world.run_to_end(&["provision"]).await;
    world.execute(&capture::insert(BATCH)).await;
    let db = world.database().await;
    let lease = lockstep::postgres::acquire(&db, "bench", "bench", Duration::from_hours(1));
    let lease = lease.await.unwrap().unwrap();
    let log = Log { world: &world, db: &db, lease: &lease };
    log.all_processed(0).await;
    world.execute("truncate salesforce._trigger_log_archive").await;
    log.measure("nothing_processed").await;
    log.process(rows, DAYS).await;
    log.measure("beside_processed_rows").await;

    let snapshot = world.session().await;
    snapshot
        .run("begin isolation level repeatable read; select from lockstep.lease")
        .await
        .unwrap();
    log.process(rows, 0).await;
    log.measure("beside_a_long_snapshot").await;
    snapshot.run("commit").await.unwrap();
    log.process(BATCH, 0).await;
    log.measure("after_the_long_snapshot").await;

    while lockstep::postgres::prune(&db, MONTH, 10_000).await.unwrap().more {}
    // As autovacuum does by itself, sooner or later.
    world.execute("vacuum salesforce._trigger_log_archive").await;
    log.measure("after_pruning").await;
    log.process(rows, 0).await;
    log.measure("as_much_processed_again").await;
}

/// The trigger log of a mapping that has this many rows and more.
struct Log<'a> {
    world: &'a BenchWorld,
    db: &'a Database,
    lease: &'a Lease,
}

impl Log<'_> {
    /// Claims what there is.
    async fn claim(&self, limit: usize) -> usize {
        let tables = ["account".to_owned()];
        let limit = i64::try_from(limit).unwrap();
        let share = lockstep::postgres::Share::of(&tables, limit);
        let claimed = lockstep::postgres::claim(self.db, self.lease, &share).await;
        claimed.unwrap().len()
    }

    /// Claims and archives all that waits, as if it had been captured so many days ago.
    async fn all_processed(&self, days_ago: u32) {
        while self.claim(BATCH).await > 0 {
            self.archive(days_ago).await;
        }
    }

    /// What a push leaves behind of what it claimed.
    async fn archive(&self, days_ago: u32) {
        let statement = format!(
            "with done as (delete from {LOG} where state = 'PENDING' returning *) insert into {OLD} \
             select id, txid, created_at - interval '{days_ago} days', now(), now(), txid_current(), 'SUCCESS', action, \
                 table_name, record_id, sfid, old, \"values\", sf_result, sf_message \
             from done"
        );
        self.world.execute(&statement).await;
    }

    /// Lets so many changes through the log and into the archive.
    async fn process(&self, changes: usize, days_ago: u32) {
        for _ in 0..changes.div_ceil(BATCH) {
            self.world.execute("update salesforce.account set phone = '+1 ' || random()").await;
            self.all_processed(days_ago).await;
        }
    }

    /// The cost of a claim of a few changes, of a look that finds none, and the sizes of log and archive.
    async fn measure(&self, name: &str) {
        let (mut claims, mut looks) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let change = format!(
                "update salesforce.account set phone = '+2 {round}' where id in \
                 (select id from salesforce.account order by id limit {CLAIMED})"
            );
            self.world.execute(&change).await;
            claims.push(self.timed(CLAIMED).await);
            self.archive(0).await;
            looks.push(self.timed(0).await);
        }
        let archived = self.world.number(&format!("select count(*) from {OLD}")).await;
        let (log, archive) = (self.megabytes(LOG).await, self.megabytes(OLD).await);
        report(
            &format!("backlog_{name}"),
            &[
                ("archived_rows", archived),
                ("milliseconds_of_a_claim", median(&mut claims)),
                ("milliseconds_of_a_look", median(&mut looks)),
                ("log_mb", log),
                ("archive_mb", archive),
            ],
        );
    }

    /// Milliseconds of a claim that finds so many changes.
    async fn timed(&self, found: usize) -> f64 {
        let began = Instant::now();
        assert_eq!(self.claim(CLAIMED).await, found);
        began.elapsed().as_secs_f64() * 1000.0
    }

    /// With its indexes.
    async fn megabytes(&self, table: &str) -> f64 {
        self.world.number(&format!("select pg_total_relation_size('{table}') / 1048576.0")).await
    }
}
