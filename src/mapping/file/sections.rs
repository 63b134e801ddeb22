//! The tables of a mapping file beside its fields: when to poll, how deletions travel, who wins, and so on.

use crate::mapping::reader::{Entry, Reader};
use crate::mapping::validated::{
    BulkThresholds, ConflictPolicy, DeleteRule, Deletes, Drift, NewFieldRule, Poll,
    RemovedFieldRule, Sweep, WiderFieldRule,
};
use std::time::Duration;
use toml::Spanned;

const POLL_LEAST: Duration = Duration::from_secs(1);
const SCHEDULE_LEAST: Duration = Duration::from_mins(1);

pub(in crate::mapping) const POLL_KEYS: [&str; 3] = ["every", "overlap", "refresh"];
pub(in crate::mapping) const DELETES_KEYS: [&str; 3] =
    ["in_salesforce", "in_postgres", "hold_above"];
pub(in crate::mapping) const CONFLICT_KEYS: [&str; 1] = ["policy"];
pub(in crate::mapping) const BULK_KEYS: [&str; 2] = ["read_above", "write_above"];
pub(in crate::mapping) const SWEEP_KEYS: [&str; 2] = ["every", "sample"];
pub(in crate::mapping) const DRIFT_KEYS: [&str; 3] = ["new_field", "wider_field", "removed_field"];

const POLICIES: [(&str, ConflictPolicy); 4] = [
    ("salesforce_wins", ConflictPolicy::SalesforceWins),
    ("postgres_wins", ConflictPolicy::PostgresWins),
    ("newest", ConflictPolicy::Newest),
    ("manual", ConflictPolicy::Manual),
];
const DELETE_RULES: [(&str, DeleteRule); 2] =
    [("delete", DeleteRule::Delete), ("ignore", DeleteRule::Ignore)];
const NEW_FIELD_RULES: [(&str, NewFieldRule); 2] =
    [("add", NewFieldRule::Add), ("ignore", NewFieldRule::Ignore)];
const WIDER_FIELD_RULES: [(&str, WiderFieldRule); 2] =
    [("widen", WiderFieldRule::Widen), ("pause_mapping", WiderFieldRule::PauseMapping)];
const REMOVED_FIELD_RULES: [(&str, RemovedFieldRule); 2] = [
    ("pause_mapping", RemovedFieldRule::PauseMapping),
    ("pause_field", RemovedFieldRule::PauseField),
];

pub(super) fn read_poll(reader: &mut Reader, entry: &Entry<'_>) -> Poll {
    let mut poll = Poll::default();
    let Some(table) = reader.table(entry) else { return poll };
    for part in reader.entries(table, &POLL_KEYS, "`poll`") {
        match part.key {
            "every" => poll.every = reader.duration(&part, POLL_LEAST).unwrap_or(poll.every),
            "overlap" => poll.overlap = reader.duration(&part, POLL_LEAST).unwrap_or(poll.overlap),
            _ => poll.refresh = read_schedule(reader, &part, poll.refresh),
        }
    }
    poll
}

pub(super) fn read_deletes(reader: &mut Reader, entry: &Entry<'_>) -> Deletes {
    let mut deletes = Deletes::default();
    let Some(table) = reader.table(entry) else { return deletes };
    for part in reader.entries(table, &DELETES_KEYS, "`deletes`") {
        match part.key {
            "in_salesforce" => deletes.in_salesforce = read_rule(reader, &part),
            "in_postgres" => deletes.in_postgres = read_rule(reader, &part),
            _ => deletes.hold_above = reader.count(&part, 0),
        }
    }
    deletes
}

fn read_rule(reader: &mut Reader, entry: &Entry<'_>) -> DeleteRule {
    chosen(reader, entry, &DELETE_RULES)
}

pub(super) fn read_conflict(reader: &mut Reader, entry: &Entry<'_>) -> Option<ConflictPolicy> {
    let Some(table) = entry.value.get_ref().as_table() else {
        return reader.word(entry, &POLICIES).map(Spanned::into_inner);
    };
    let parts = reader.entries(table, &CONFLICT_KEYS, "`conflict`");
    parts.first().and_then(|part| reader.word(part, &POLICIES)).map(Spanned::into_inner)
}

pub(super) fn read_bulk(reader: &mut Reader, entry: &Entry<'_>) -> BulkThresholds {
    let mut bulk = BulkThresholds::default();
    let Some(table) = reader.table(entry) else { return bulk };
    for part in reader.entries(table, &BULK_KEYS, "`bulk`") {
        let count = reader.count(&part, 0);
        match part.key {
            "read_above" => bulk.read_above = count.unwrap_or(bulk.read_above),
            _ => {
                bulk.write_above =
                    count.and_then(|count| count.try_into().ok()).unwrap_or(bulk.write_above);
            }
        }
    }
    bulk
}

pub(super) fn read_sweep(reader: &mut Reader, entry: &Entry<'_>) -> Sweep {
    let mut sweep = Sweep::default();
    let Some(table) = reader.table(entry) else { return sweep };
    for part in reader.entries(table, &SWEEP_KEYS, "`sweep`") {
        match part.key {
            "every" => sweep.every = read_schedule(reader, &part, sweep.every),
            _ => sweep.sample = reader.count(&part, 0).unwrap_or(sweep.sample),
        }
    }
    sweep
}

pub(super) fn read_drift(reader: &mut Reader, entry: &Entry<'_>) -> Drift {
    let mut drift = Drift::default();
    let Some(table) = reader.table(entry) else { return drift };
    for part in reader.entries(table, &DRIFT_KEYS, "`drift`") {
        match part.key {
            "new_field" => drift.new_field = chosen(reader, &part, &NEW_FIELD_RULES),
            "wider_field" => drift.wider_field = chosen(reader, &part, &WIDER_FIELD_RULES),
            _ => drift.removed_field = chosen(reader, &part, &REMOVED_FIELD_RULES),
        }
    }
    drift
}

fn chosen<T: Copy + Default>(reader: &mut Reader, entry: &Entry<'_>, words: &[(&str, T)]) -> T {
    reader.word(entry, words).map(Spanned::into_inner).unwrap_or_default()
}

/// A duration, or `"off"` for never. A mistake is reported and leaves the default.
fn read_schedule(
    reader: &mut Reader,
    entry: &Entry<'_>,
    default: Option<Duration>,
) -> Option<Duration> {
    if entry.value.get_ref().as_str() == Some("off") {
        return None;
    }
    reader.duration(entry, SCHEDULE_LEAST).or(default)
}
