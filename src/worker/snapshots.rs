//! Tells of what keeps the server from clearing away old rows: once when it has lasted too long, and again when it is over.

use crate::postgres::{self, Database, Error, LongSnapshot};
use std::time::Duration;

/// Those that were told and are not over.
pub(super) struct Snapshots {
    db: Database,
    long: Duration,
    told: Vec<LongSnapshot>,
}

impl Snapshots {
    /// Tells of what lasts longer than `long`.
    pub(super) fn new(db: Database, long: Duration) -> Self {
        Self { db, long, told: Vec::new() }
    }

    /// Looks once.
    pub(super) async fn look(&mut self) -> Result<(), Error> {
        postgres::note_slots(&self.db).await?;
        let found = postgres::long_snapshots(&self.db, self.long).await?;
        let is_same = |one: &LongSnapshot, other: &LongSnapshot| {
            (one.kind, &one.holder, one.since) == (other.kind, &other.holder, other.since)
        };
        for news in &found {
            if self.told.iter().any(|known| is_same(known, news)) {
                continue;
            }
            let (what, next) = (news.what(), news.next());
            let since = news.since.format("%Y-%m-%d %H:%M:%S UTC");
            tracing::warn!(%since, %next, "{what} keeps old rows from being cleared away: tables and the trigger log grow");
            let message =
                format!("{what} keeps old rows from being cleared away, since {since}; {next}");
            postgres::log_event(&self.db, "snapshot", None, &message).await?;
        }
        for over in
            self.told.iter().filter(|known| !found.iter().any(|found| is_same(known, found)))
        {
            tracing::info!("{} is over", over.what());
        }
        self.told = found;
        Ok(())
    }
}
