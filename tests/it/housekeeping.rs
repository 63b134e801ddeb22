//! What a running worker does beside its work: old history is forgotten, and what lets tables grow is told of.

use crate::wait::wait_until;
use crate::world::{ACCOUNT, World, search};
use lockstep::postgres::ephemeral::{EphemeralPostgres, Search};
use salesforce_simulator::Config;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_mins(1);

fn org() -> Config {
    Config { scale: 0.02, ..Config::default() }
}

async fn told(world: &World, words: &str) {
    let event = format!(
        "select count(*) from lockstep.event where kind = 'snapshot' and message like '%{words}%'"
    );
    wait_until(words, PATIENCE, async || world.cell_if_any(&event).await.as_deref() == Some("1"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_a_snapshot_for_long_is_told_once_with_its_next_step() {
    // given a database with an open report, a forgotten prepared transaction and a slot that nobody reads
    let mut world = World::start(org(), &[("account.toml", ACCOUNT)]).await;
    let settings = ["wal_level=logical", "max_prepared_transactions=5"].map(str::to_owned);
    let replicating = Search { settings: settings.to_vec(), ..search() };
    world.postgres = EphemeralPostgres::start(&replicating).unwrap();
    let report = world.application().await;
    report
        .run(
            "set application_name = 'the report'; \
             begin isolation level repeatable read; select count(*) from pg_class",
        )
        .await
        .unwrap();
    let other = world.application().await;
    // Making a slot waits for transactions that have written.
    other
        .run("select pg_create_logical_replication_slot('old_replica', 'pgoutput')")
        .await
        .unwrap();
    other.run("begin; create table forgotten (); prepare transaction 'forgotten'").await.unwrap();

    // when a worker runs whose patience is short
    let file = world.folder.path().join("lockstep.toml");
    std::fs::write(file, "[worker]\nlong_snapshot = \"2s\"\n").unwrap();
    let worker = world.worker();

    // then each is told
    told(&world, "of the report (role postgres, idle in transaction)%pg_terminate_backend").await;
    told(&world, "prepared transaction forgotten%rollback prepared").await;
    told(&world, "replication slot old_replica (inactive)%pg_drop_replication_slot").await;
    let (status, shown, _) = world.run(&["status"]);
    assert_eq!(status, 0);
    for words in ["the report", "prepared transaction forgotten", "replication slot old_replica"] {
        assert!(shown.contains(words), "{shown}");
    }

    // and when they are over, that is said too, and nothing is told a second time
    report.run("rollback").await.unwrap();
    other.run("rollback prepared 'forgotten'").await.unwrap();
    other.run("select pg_drop_replication_slot('old_replica')").await.unwrap();
    wait_until("all are over", PATIENCE, async || {
        let log = worker.log();
        ["the report", "transaction forgotten", "slot old_replica"]
            .iter()
            .all(|what| log.lines().any(|line| line.contains(what) && line.contains("is over")))
    })
    .await;
    let log = worker.log();
    let warned =
        log.lines().filter(|line| line.contains("the report") && line.contains("keeps old"));
    assert_eq!(warned.count(), 1, "{log}");
    let shown = world.run(&["status"]).1;
    assert!(!shown.contains("the report"), "{shown}");
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_archive_is_pruned_by_the_age_that_is_set() {
    // given a worker that keeps two days
    let world = World::start(org(), &[("account.toml", ACCOUNT)]).await;
    assert_eq!(world.run(&["provision"]).0, 0);
    let application = world.application().await;
    application
        .run(
            "insert into salesforce._trigger_log_archive (id, created_at, state) \
             select n, now() - interval '3 days', 'SUCCESS' from generate_series(1, 12000) as n; \
             insert into salesforce._trigger_log_archive (id, created_at, state) \
             values (20000, now() - interval '1 day', 'SUCCESS')",
        )
        .await
        .unwrap();
    let file = world.folder.path().join("lockstep.toml");
    std::fs::write(file, "[worker]\nkeep_history = \"2d\"\n").unwrap();

    // when
    let worker = world.worker();

    // then batch after batch goes, and no more
    let left = "select string_agg(id::text, ' ') from salesforce._trigger_log_archive";
    wait_until("the old rows are gone", PATIENCE, async || {
        world.cell_if_any(left).await.as_deref() == Some("20000")
    })
    .await;
    assert_eq!(worker.terminate(), Some(0));
}
