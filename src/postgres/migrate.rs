//! Brings the control schema `lockstep` up to date.
//!
//! Only our own bookkeeping is migrated. The tables of the mapping schema depend on the user's mappings and are
//! provisioned instead.

use super::connect::begin;
use super::{Database, Error};

mod embedded {
    #![allow(missing_docs, unreachable_pub, clippy::pedantic, reason = "generated")]
    refinery::embed_migrations!("migrations");
}

/// Any constant will do, as long as all workers use the same.
const MIGRATION_LOCK: i64 = 0x10c5_7e90;

/// Creates or upgrades the control schema. Safe to call from many workers at once; does nothing when up to date.
///
/// # Errors
/// When a migration fails (it is rolled back), or the database was migrated by a newer version.
pub async fn migrate(db: &Database) -> Result<(), Error> {
    // The lock lives in a transaction of another connection, so that a pooler between us and the server cannot
    // hand it to somebody else while the migrations commit one by one.
    let mut guard = db.client().await?;
    let lock = begin(&mut guard).await?;
    lock.batch_execute("set local idle_in_transaction_session_timeout = 0").await?;
    lock.execute_typed(
        "select pg_advisory_xact_lock($1)",
        &[(&MIGRATION_LOCK, tokio_postgres::types::Type::INT8)],
    )
    .await?;
    let (mut client, connection) = db.connect_unpooled().await?;
    let driver = tokio::spawn(connection);
    let result = run(&mut client).await;
    drop(client);
    // The connection ends by itself once its client is gone; how it ends changes nothing.
    driver.await.ok();
    lock.commit().await?;
    result
}

async fn run(client: &mut tokio_postgres::Client) -> Result<(), Error> {
    client.batch_execute("create schema if not exists lockstep").await?;
    let mut runner = embedded::migrations::runner();
    runner.set_migration_table_name("lockstep.migration");
    runner.run_async(client).await.map_err(|error| Error::Migration(error.to_string()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::migrate;
    use crate::postgres::testing::{connect_to, fresh_url};

    #[tokio::test]
    async fn many_workers_may_migrate_at_once_and_again() {
        let url = fresh_url().await;
        let (one, two) = (connect_to(&url).await, connect_to(&url).await);
        let results = tokio::join!(migrate(&one), migrate(&two));
        assert_eq!(results, (Ok(()), Ok(())));
        assert_eq!(migrate(&one).await, Ok(()));
    }
}
