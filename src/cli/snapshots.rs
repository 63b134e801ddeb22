//! What `lockstep status` says about what keeps the server from clearing away old rows.

use crate::postgres::LongSnapshot;
use chrono::{DateTime, Utc};
use serde_json::json;

/// A line for each.
pub(super) fn lines(snapshots: &[LongSnapshot], now: DateTime<Utc>) -> Vec<String> {
    let line = |snapshot: &LongSnapshot| {
        let age = (now - snapshot.since).to_std().unwrap_or_default();
        format!(
            "For {}, {} has kept old rows from being cleared away: tables and the trigger log grow. Next: {}",
            super::status::duration(age),
            snapshot.what(),
            snapshot.next()
        )
    };
    snapshots.iter().map(line).collect()
}

/// The same for programs.
pub(super) fn as_json(snapshots: &[LongSnapshot], now: DateTime<Utc>) -> serde_json::Value {
    snapshots
        .iter()
        .map(|snapshot| {
            json!({
                "kind": snapshot.kind.as_str(),
                "holder": snapshot.holder,
                "application": snapshot.application,
                "role": snapshot.role,
                "state": snapshot.state,
                "since": snapshot.since,
                "age_seconds": (now - snapshot.since).num_seconds(),
                "next": snapshot.next(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::lines;
    use crate::postgres::{LongSnapshot, SnapshotKind};
    use chrono::{DateTime, TimeDelta};

    #[test]
    fn each_is_told_with_its_age_who_it_is_and_the_next_step() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let report = LongSnapshot {
            kind: SnapshotKind::Transaction,
            holder: "4711".to_owned(),
            application: "the report".to_owned(),
            role: "app".to_owned(),
            state: "idle in transaction".to_owned(),
            since: now - TimeDelta::hours(6),
        };
        let slot = LongSnapshot {
            kind: SnapshotKind::Slot,
            holder: "old_replica".to_owned(),
            state: "inactive".to_owned(),
            ..report.clone()
        };

        let text = lines(&[report, slot], now);

        assert!(text[0].starts_with("For 6h, the transaction of process 4711 of the report (role app, idle in transaction)"), "{text:?}");
        assert!(text[0].contains("select pg_terminate_backend(4711)"));
        assert!(text[1].contains("select pg_drop_replication_slot('old_replica')"));
    }
}
