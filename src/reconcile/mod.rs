//! The decisions of sync: what a record's captured changes come to, what to send, adopt, restore or report.
//!
//! Everything here is a pure function of what was observed: no I/O, no clock, no async, no randomness. Whoever
//! calls gathers the inputs (captured changes, the record as Salesforce holds it, journalled attempts) and
//! carries out the answer.

mod ask;
mod budget;
mod circles;
mod classify;
mod coalesce;
mod codes;
mod decide;
mod merge;
mod ordered;
mod oscillation;
mod rehearse;
mod schedule;
mod values;

#[cfg(test)]
mod properties;
#[cfg(test)]
pub(crate) mod samples;

pub use ask::Decided;
pub use budget::{Level, Meter, Reading, Work};
pub use classify::{ATTEMPTS_MAX, Class, Verdict, cause, classify, delay_before_attempt, is_lock};
pub use coalesce::{Coalesced, Net, Operation, coalesce};
pub use decide::{
    Attempt, Conflict, Decision, Deletion, Known, Remote, Step, is_compared, reconcile_delete,
    reconcile_found, reconcile_insert, reconcile_update,
};
pub use merge::{Facts, Ours, Resolution, Winner, merge_field};
pub use ordered::{runs, steps};
pub use oscillation::{Past, Repeats, UNDONE_MAX, freeze};
pub use rehearse::{Objection, Target, rehearse};
pub use schedule::{Batch, Need, Node, RecordRef, Schedule, schedule};
pub use values::{
    Base, FieldValues, Local, ParentKey, Resolved, Unreadable, Wish, normal_record,
    row_before_delete, value_of_json, whole_row, wishes,
};
