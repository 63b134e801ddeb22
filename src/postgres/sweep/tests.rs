//! Tests of the statements, against a real Postgres.

use super::needs_sweep;
use crate::postgres::migrate;
use crate::postgres::testing::{fresh_database, rows};

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
