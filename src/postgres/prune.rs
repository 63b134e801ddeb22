//! Forgetting old history, a bounded batch at a time.

use super::connect::begin;
use super::status::unsigned;
use super::{Database, Error};
use std::time::Duration;
use tokio_postgres::types::Type;

/// What one batch came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Rows forgotten.
    pub rows: u64,
    /// Whether there may be more to forget.
    pub more: bool,
}

/// Forgets what is older than `keep`: archived changes, closed journal entries, events, conflicts, usage; and
/// tombstones after 30 days. At most so many rows of each kind, the oldest first: to be called again while there is more.
///
/// # Errors
/// When the database cannot be asked.
pub async fn prune(db: &Database, keep: Duration, at_most: i64) -> Result<Pruned, Error> {
    let mut client = db.client().await?;
    let transaction = begin(&mut client).await?;
    let statement = db.statement(include_str!("sql/prune.sql"));
    let seconds = keep.as_secs_f64();
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&seconds, Type::FLOAT8), (&at_most, Type::INT8)];
    let row = transaction.query_typed_one(&statement, &parameters).await?;
    let pruned = Pruned { rows: unsigned(row.try_get(0)?), more: row.try_get(1)? };
    transaction.commit().await?;
    Ok(pruned)
}

#[cfg(test)]
mod tests {
    use super::{Pruned, prune};
    use crate::postgres::testing::{account, provisioned_database, rows, run};
    use std::time::Duration;

    const MONTH: Duration = Duration::from_hours(24 * 30);
    const LEFT: &str =
        "select state, count(*) from salesforce._trigger_log_archive group by state order by state";

    #[tokio::test]
    async fn what_is_older_than_the_setting_goes_in_bounded_batches_and_the_rest_stays() {
        let db = provisioned_database(&[account()]).await;
        run(
            &db,
            "insert into salesforce._trigger_log_archive (id, created_at, state) \
             select n, now() - make_interval(days => 31), 'SUCCESS' from generate_series(1, 12) as n; \
             insert into salesforce._trigger_log_archive (id, created_at, state) \
             values (20, now() - interval '31 days', 'FAILED'), (21, now() - interval '29 days', 'MERGED'); \
             insert into lockstep.event (at, kind, message) values (now() - interval '31 days', 'old', 'old')",
        )
        .await;

        let mut batches = Vec::new();
        loop {
            let pruned = prune(&db, MONTH, 5).await.unwrap();
            batches.push(pruned.rows);
            if !pruned.more {
                break;
            }
        }

        assert_eq!(batches, [6, 5, 2]);
        assert_eq!(rows(&db, LEFT).await, ["FAILED|1", "MERGED|1"]);
        assert_eq!(prune(&db, MONTH, 5).await.unwrap(), Pruned::default());
        prune(&db, Duration::from_hours(24 * 28), 5).await.unwrap();
        assert_eq!(rows(&db, LEFT).await, ["FAILED|1"], "a shorter time is heeded");
    }

    #[tokio::test]
    async fn the_archive_is_cleared_up_often_enough_to_stay_as_large_as_what_it_keeps() {
        let db = provisioned_database(&[account()]).await;
        let settings = "select unnest(reloptions) from pg_class where relname = '_trigger_log_archive' \
                        union all select unnest(reloptions) from pg_class \
                        where oid = 'lockstep.journal'::regclass";

        let set = rows(&db, settings).await;

        assert_eq!(
            set,
            ["autovacuum_vacuum_scale_factor=0.02", "autovacuum_vacuum_scale_factor=0.02"]
        );
    }
}
