//! Sweeps as the control schema keeps them: which are wanted, how far one has come, what it found.

use super::{Database, Error, log_event};
use tokio_postgres::types::Type;

/// Asks for a sweep of the object beside its schedule, because something happened that polls may not see. `reason`
/// goes to the connection's timeline and must hold no cell's value. Cheap and safe to repeat; the sweep runs in a
/// worker, soon.
///
/// # Errors
/// When the database cannot be asked.
pub async fn needs_sweep(db: &Database, object: &str, reason: &str) -> Result<(), Error> {
    let client = db.client().await?;
    client
        .execute_typed(
            include_str!("sql/want_sweep.sql"),
            &[(&object, Type::TEXT), (&reason, Type::TEXT), (&false, Type::BOOL)],
        )
        .await?;
    drop(client);
    log_event(db, "sweep wanted", Some(object), reason).await
}

#[cfg(test)]
mod tests {
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
}
