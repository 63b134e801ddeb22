//! The conversation with Postgres: the mapped tables, the trigger log and the control schema.
//!
//! Callers speak in mappings, records and changes; what a statement looks like stays in here. Nothing in here
//! knows Salesforce's API, and nothing decides what should win: that is `reconcile/`.

mod address;
mod apply;
mod backfill;
mod bulk_jobs;
mod cell;
mod claim;
#[cfg(test)]
mod claim_tests;
mod connect;
mod connection;
mod console;
mod decided;
mod deletions;
mod drift;
pub mod ephemeral;
mod error;
mod facts;
mod failures;
mod frozen;
mod hole;
mod identifier;
mod journal;
mod lease;
mod listen;
mod load;
mod marker;
mod migrate;
mod numeric;
mod poll;
mod progress;
mod provision;
mod prune;
#[cfg(test)]
mod push_tests;
mod record;
mod rehearsed;
mod snapshots;
mod statistics;
mod status;
mod sweep;
#[cfg(test)]
mod testing;
mod tls;
mod twins;
mod unreadable;
mod usage;
mod waiting;

pub use apply::{
    Applied, ApplyError, Cause, Departed, Page, Removal, apply, apply_rows, forget_orphans,
    released_orphans, remove,
};
pub use backfill::{
    BackfillStatus, LastBackfill, Part, Request, Took, Wish, ask_backfill, backfills,
    give_up_backfill, heed_wish, note_backfill, set_backfill_rate, wish,
};
pub use bulk_jobs::{
    BulkJob, BulkJobState, count_job_entries, job_entries, job_entries_among, job_names,
    open_bulk_jobs, save_bulk_job,
};
pub use claim::{
    LocalRow, Share, Taking, claim, find_leaving, find_parents, find_unsent, is_waited_for,
    read_rows, unsent, waits_more_than,
};
pub use connect::{Config, Database};
pub use connection::{OrgUsage, bind_org, note_org_usage, org_usage};
pub use console::Console;
pub use decided::decided;
pub use deletions::{DeletionsAsked, deletions_asked, welcome_kept_away};
pub use drift::{DriftNote, applied, drifts, note_drift, require_load};
pub use error::Error;
pub use facts::{TableFacts, foreign_keys, table_facts};
pub use failures::{
    Failure, FailureGroup, Payload, Refusal, Selection, decide_failures, failure, failure_groups,
    failures, ignore_failures, retry_failures,
};
pub use frozen::{Frozen, FrozenField, frozen};
pub use hole::{OpenHole, close_hole, note_missed, note_whole, open_holes};
pub use journal::{Intent, JournalEntry, attempts, open_entries, open_journal, suspect, tried};
pub use lease::{Holder, Lease, acquire, holder, release, renew};
pub use listen::{Bells, Listener};
pub use load::{
    LoadState, Records, Rows, Whole, close_load, load_direct, load_state, may_be_direct,
    note_failed_job, open_load,
};
pub use marker::{beat, settle_marker};
pub use migrate::migrate;
pub use poll::{
    JobPosition, PollEnd, PollPosition, PollState, RefreshPosition, finish_poll, poll_state,
    save_poll, unknown_records,
};
pub use progress::{
    BackfillProgress, Checkpoint, Progress, needs_load, progress, restart_load, save,
};
pub use provision::{
    CaptureState, Finding, Hole, Proposal, Provisioned, as_found, capture_state, inspect,
    is_captured, mend_capture, propose, provision,
};
pub use prune::{Pruned, prune};
pub use record::{ConflictRow, Evidence, Outcome, Recorded, record};
pub use rehearsed::{Rehearsed, rehearsed, rehearsed_before, release_rehearsed};
pub use snapshots::{LongSnapshot, SnapshotKind, long_snapshots, note_slots};
pub use status::{MappingState, MappingStatus, log_event, note_poll, set_state, status};
pub use sweep::{
    Difference, FindingKind, Findings, Held, MissedScan, Scan, ScanStart, SweepState, Underway,
    begin_sweep, capture_missed, count_gone, count_rows, end_sweep, findings, forget_late_stamps,
    held_back, hold_back, needs_sweep, needs_sweep_first, settle_findings, sweep_state, sweeps,
    swept_first,
};
pub use unreadable::{LeftOut, UnreadableValue, left_out};
pub use usage::{BudgetNote, add_usage, budget_note, counted_usage, flush_usage, note_budget};
pub use waiting::{Wait, Waiting, waiting};
