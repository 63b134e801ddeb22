//! What keeps the server from clearing away old rows: the trigger log and its archive grow with them, and looking for
//! changes to send becomes slow.

use super::{Database, Error};
use chrono::{DateTime, Utc};
use std::time::Duration;
use tokio_postgres::types::Type;

/// Something that has held old rows for long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LongSnapshot {
    /// What it is.
    pub kind: SnapshotKind,
    /// The process id, the prepared transaction's name, or the slot's.
    pub holder: String,
    /// What the session calls itself; empty where it does not, and for what is no session.
    pub application: String,
    /// The role it belongs to; empty for a slot.
    pub role: String,
    /// As the server calls it, such as `idle in transaction`.
    pub state: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// The kinds of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotKind {
    /// A session's open transaction.
    Transaction,
    /// A transaction that was prepared and neither committed nor rolled back.
    Prepared,
    /// A replication slot whose subscriber does not go on.
    Slot,
}

impl SnapshotKind {
    const ALL: [Self; 3] = [Self::Transaction, Self::Prepared, Self::Slot];

    /// The word for it in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transaction => "transaction",
            Self::Prepared => "prepared",
            Self::Slot => "slot",
        }
    }
}

impl LongSnapshot {
    /// What it is, in words, without its age.
    #[must_use]
    pub fn what(&self) -> String {
        let Self { holder, application, role, state, .. } = self;
        let named =
            if application.is_empty() { String::new() } else { format!(" of {application}") };
        match self.kind {
            SnapshotKind::Transaction => {
                format!("the transaction of process {holder}{named} (role {role}, {state})")
            }
            SnapshotKind::Prepared => format!("the prepared transaction {holder} (role {role})"),
            SnapshotKind::Slot => format!("the replication slot {holder} ({state})"),
        }
    }

    /// What a person does about it.
    #[must_use]
    pub fn next(&self) -> String {
        let holder = &self.holder;
        let quoted = super::identifier::literal(holder);
        match self.kind {
            SnapshotKind::Transaction if self.application.starts_with("lockstep") => {
                "let it end: a comparison or a load is under way".to_owned()
            }
            SnapshotKind::Transaction => format!(
                "end it: select pg_terminate_backend({holder}); and let idle_in_transaction_session_timeout end its like"
            ),
            SnapshotKind::Prepared => {
                format!("end it: commit prepared {quoted}, or rollback prepared {quoted}")
            }
            SnapshotKind::Slot => format!(
                "let its subscriber go on; or, if it has none any more: select pg_drop_replication_slot({quoted})"
            ),
        }
    }
}

/// Notes since when replication slots have held the same point, for [`long_snapshots`].
///
/// # Errors
/// When the database cannot be asked.
pub async fn note_slots(db: &Database) -> Result<(), Error> {
    let client = db.client().await?;
    client.execute_typed(include_str!("sql/note_slots.sql"), &[]).await?;
    Ok(())
}

/// What has held old rows for longer than `than`, as far as this role may see, the oldest first.
///
/// # Errors
/// When the database cannot be asked.
pub async fn long_snapshots(db: &Database, than: Duration) -> Result<Vec<LongSnapshot>, Error> {
    let client = db.client().await?;
    let seconds = than.as_secs_f64();
    let statement = include_str!("sql/read_long_snapshots.sql");
    let rows = client.query_typed(statement, &[(&seconds, Type::FLOAT8)]).await?;
    rows.iter()
        .map(|row| {
            let word: &str = row.try_get(0)?;
            let kind = SnapshotKind::ALL.into_iter().find(|kind| kind.as_str() == word);
            Ok(LongSnapshot {
                kind: kind.ok_or_else(|| Error::Unexpected(format!("a snapshot of `{word}`")))?,
                holder: row.try_get(1)?,
                application: row.try_get(2)?,
                role: row.try_get(3)?,
                state: row.try_get(4)?,
                since: row.try_get(5)?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::long_snapshots;
    use crate::postgres::testing::provisioned_database;
    use std::time::Duration;

    const LONG: Duration = Duration::from_millis(1);
    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test]
    async fn a_transaction_that_holds_a_snapshot_is_told_with_who_it_is_and_its_next_step() {
        let db = provisioned_database(&[]).await;
        let session = db.client().await.unwrap();
        session
            .batch_execute(
                "set application_name = 'the report'; \
                 begin isolation level repeatable read; select pg_sleep(0.01)",
            )
            .await
            .unwrap();

        let long = long_snapshots(&db, LONG).await.unwrap();

        let held: Vec<_> = long.iter().filter(|long| long.application == "the report").collect();
        assert_eq!(held.len(), 1, "{long:?}");
        assert_eq!(held[0].state, "idle in transaction");
        assert!(held[0].next().contains(&format!("pg_terminate_backend({})", held[0].holder)));
        assert_eq!(long_snapshots(&db, HOUR).await.unwrap(), []);
        session.batch_execute("rollback").await.unwrap();
        assert_eq!(long_snapshots(&db, LONG).await.unwrap(), []);
    }
}
