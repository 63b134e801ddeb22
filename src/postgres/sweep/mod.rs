//! Sweeps as the database sees them: which are wanted, how far one has come, what differs between a scan and a table.
//!
//! Comparing and repairing are apart: a scan only finds. What it found is kept, if it is to be repaired, so that a
//! worker that is killed goes on with the repair and not with the scan.

mod missed;
mod scan;
mod state;
mod statements;
#[cfg(test)]
mod tests;

pub use missed::{MissedScan, capture_missed};
pub use scan::{Difference, FindingKind, Scan, ScanStart};
pub use state::{
    Findings, Held, SweepState, Underway, begin_sweep, count_gone, count_rows, end_sweep, findings,
    forget_late_stamps, held_back, hold_back, needs_sweep, needs_sweep_first, settle_findings,
    sweep_state, sweeps, swept_first,
};
