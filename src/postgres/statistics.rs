//! Keeps the planner's picture of quickly changing tables true before large set-based statements.
//!
//! A queue that was empty when autovacuum last looked is planned for as empty: its joins then compare each row with
//! each, which turns a second into minutes. Small statements run well on any plan and skip this.

use super::Error;
use super::identifier::{literal, qualify};
use deadpool_postgres::Transaction;

/// Below this many rows any plan is good enough.
pub(super) const LARGE: usize = 1_000;

/// Looks at the trigger log and the journal afresh. Skips what another worker is looking at.
pub(super) async fn refresh_queues(
    transaction: &Transaction<'_>,
    schema: &str,
) -> Result<(), Error> {
    let log = qualify(schema, "_trigger_log");
    transaction
        .batch_execute(&format!(
            "analyze (skip_locked) {log} (id, state, action, table_name, record_id, sfid); \
             analyze (skip_locked) lockstep.journal (id, table_name, record_id, sfid, closed_at)"
        ))
        .await?;
    Ok(())
}

/// Looks at a table afresh if it has at least doubled since the last time.
pub(super) async fn refresh_grown(
    transaction: &Transaction<'_>,
    qualified_table: &str,
) -> Result<(), Error> {
    let grown = format!(
        "select pg_relation_size(oid) / current_setting('block_size')::bigint > 2 * relpages + 8 \
         from pg_class where oid = {}::regclass",
        literal(qualified_table)
    );
    if transaction.query_typed_one(&grown, &[]).await?.try_get(0)? {
        transaction.batch_execute(&format!("analyze (skip_locked) {qualified_table}")).await?;
    }
    Ok(())
}
