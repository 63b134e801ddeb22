//! When a mapping is swept: asked for, interrupted, or by its schedule.

use crate::mapping::Mapping;
use crate::postgres::SweepState;
use chrono::TimeDelta;
use std::time::Duration;

/// How often the org is asked again about rows that the guard holds back.
const HELD_AGAIN: TimeDelta = TimeDelta::minutes(30);

/// Why a sweep is due. Those that come first are more urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SweepTurn {
    /// Changes wait to be sent until it is done.
    First,
    /// One was interrupted.
    Interrupted,
    /// Something happened that polls may not see.
    Wanted,
    /// Rows held back may be there again, or may go now.
    Held,
    /// By the schedule.
    Scheduled,
}

/// Whether, and why, the mapping is swept now. Before its load is complete there is nothing to compare.
#[must_use]
pub fn sweep_turn(mapping: &Mapping, state: &SweepState) -> Option<SweepTurn> {
    if !state.is_loaded || !mapping.direction.pulls() {
        return None;
    }
    if state.is_first {
        return Some(SweepTurn::First);
    }
    if state.underway.is_some() {
        return Some(SweepTurn::Interrupted);
    }
    if state.wanted.is_some() {
        return Some(SweepTurn::Wanted);
    }
    if let Some(held) = state.held {
        let may_go = mapping.deletes.hold_above.is_some_and(|limit| limit >= held.count);
        return (may_go || state.now - held.checked_at >= HELD_AGAIN).then_some(SweepTurn::Held);
    }
    let every = mapping.sweep.every?;
    let due = match state.finished_at {
        Some(finished) => finished + delta(every),
        None => state.known_at + delta(every.mul_f64(share(&mapping.object))),
    };
    (due <= state.now).then_some(SweepTurn::Scheduled)
}

/// A share of an interval from a tenth to the whole, the same for the same object, so that the first sweeps of many
/// mappings, and all that follow, are spread.
fn share(object: &str) -> f64 {
    // FNV-1a: stable over releases, unlike the standard library's hasher.
    let hash = object
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    0.1 + 0.9 * f64::from(hash) / f64::from(u32::MAX)
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use super::{SweepTurn, sweep_turn};
    use crate::mapping::{Direction, Mapping, Sweep};
    use crate::postgres::{Held, ScanStart, SweepState, Underway};
    use crate::reconcile::samples::contact;
    use chrono::{DateTime, TimeDelta, Utc};
    use std::time::Duration;

    const DAY: Duration = Duration::from_hours(24);

    fn now() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
    }

    fn state() -> SweepState {
        SweepState {
            object: "Contact".to_owned(),
            known_at: now(),
            wanted: None,
            is_first: false,
            underway: None,
            sample_after: None,
            held: None,
            finished_at: Some(now()),
            is_loaded: true,
            now: now(),
        }
    }

    fn daily() -> Mapping {
        Mapping { sweep: Sweep { every: Some(DAY), sample: 10 }, ..contact() }
    }

    #[test]
    fn a_sweep_is_due_when_asked_for_interrupted_or_by_the_schedule() {
        let ago = |hours| Some(now() - TimeDelta::hours(hours));
        let start = ScanStart { started_at: now(), read_started: now() };
        let underway = Underway { start, is_full: false, job: None, is_compared: true };
        let held = |minutes| Held {
            count: 500,
            allowed: 100,
            checked_at: now() - TimeDelta::minutes(minutes),
        };
        let wanted = Some((now(), "x".to_owned()));
        #[rustfmt::skip]
        let table = [
            ("just swept",          state(),                                                   None),
            ("a day ago",           SweepState { finished_at: ago(24), ..state() },            Some(SweepTurn::Scheduled)),
            ("just loaded",         SweepState { finished_at: None, ..state() },               None),
            ("loaded a day ago",    SweepState { finished_at: None, known_at: now() - TimeDelta::hours(24), ..state() }, Some(SweepTurn::Scheduled)),
            ("asked for",           SweepState { wanted: wanted.clone(), ..state() },          Some(SweepTurn::Wanted)),
            ("not loaded",          SweepState { wanted, is_loaded: false, ..state() },        None),
            ("interrupted",         SweepState { underway: Some(underway), ..state() },        Some(SweepTurn::Interrupted)),
            ("before any push",     SweepState { is_first: true, ..state() },                  Some(SweepTurn::First)),
            ("held for a minute",   SweepState { held: Some(held(1)), finished_at: ago(99), ..state() }, None),
            ("held for long",       SweepState { held: Some(held(30)), ..state() },            Some(SweepTurn::Held)),
        ];
        for (case, state, expected) in table {
            assert_eq!(sweep_turn(&daily(), &state), expected, "{case}");
        }
    }

    #[test]
    fn a_mapping_without_schedule_is_swept_only_when_asked() {
        let never = Mapping { sweep: Sweep { every: None, sample: 10 }, ..contact() };
        let old = SweepState { finished_at: None, known_at: DateTime::UNIX_EPOCH, ..state() };
        assert_eq!(sweep_turn(&never, &old), None);
        let only_sent = Mapping { direction: Direction::ToSalesforce, ..daily() };
        assert_eq!(sweep_turn(&only_sent, &SweepState { is_first: true, ..state() }), None);
    }

    #[test]
    fn a_raised_limit_lets_held_rows_go_at_once() {
        let mut raised = daily();
        raised.deletes.hold_above = Some(500);
        let held = Held { count: 500, allowed: 100, checked_at: now() };
        let state = SweepState { held: Some(held), ..state() };
        assert_eq!(sweep_turn(&raised, &state), Some(SweepTurn::Held));
    }

    #[test]
    fn first_sweeps_of_many_mappings_are_spread_over_the_interval() {
        let shares: Vec<f64> =
            ["Account", "Contact", "Lead", "Case", "Order"].map(super::share).to_vec();
        assert!(shares.iter().all(|share| (0.1..=1.0).contains(share)), "{shares:?}");
        let spread =
            shares.iter().copied().fold(0.0, f64::max) - shares.iter().copied().fold(1.0, f64::min);
        assert!(spread > 0.3, "{shares:?}");
    }
}
