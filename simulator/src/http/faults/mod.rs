//! The faults that wait for requests, and what they do to one. How they are ordered:
//! [`crate::control::Fault`].

mod answer;
mod body;
mod codes;
mod request;
mod trouble;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    time::Duration,
};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    control::{ArmedFault, Fault, FaultKind, Rule, StruckRequest},
    http::late::Late,
};
pub(crate) use answer::ordered;
pub(crate) use body::{is_exact, spoil};
pub(crate) use request::{Content, Seen};
use trouble::RowError;
pub(crate) use trouble::{JobFault, Trouble};

/// How many struck requests are remembered.
const HISTORY_KEPT: usize = 10_000;

/// How many faults wait at most; the oldest go first.
const WAITING_KEPT: usize = 10_000;

/// How many pieces of work are held back at most; the oldest are dropped first.
const HELD_KEPT: usize = 1_000;

/// Work that a fault holds back until it is released.
pub(crate) type Held = Box<dyn FnOnce() + Send>;

/// The faults that wait for their requests, and what they did.
#[derive(Default)]
pub(crate) struct Faults {
    waiting: VecDeque<Waiting>,
    accepted: u64,
    history: VecDeque<StruckRequest>,
    held: BTreeMap<u64, Vec<Held>>,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

/// A fault and its dice.
struct Waiting {
    armed: ArmedFault,
    dice: ChaCha8Rng,
}

/// What the matching faults do to one request, in one place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strike {
    /// The pause before the work.
    pub(crate) before: Duration,
    /// The pause after it.
    pub(crate) after: Duration,
    /// What the resources see of it.
    pub(crate) trouble: Trouble,
    /// Whether the session of the request ends first.
    pub(crate) ends_session: bool,
    /// At most one of the kinds that decide the request's fate, and the fault's id.
    pub(crate) fate: Option<(u64, FaultKind)>,
    /// What is done to the answer, in the order of the faults.
    pub(crate) spoiled: Vec<FaultKind>,
    /// The kinds that struck.
    names: Vec<&'static str>,
}

impl Faults {
    /// Takes a fault in and answers it with its id.
    pub(crate) fn add(&mut self, fault: Fault) -> ArmedFault {
        self.accepted += 1;
        let dice = ChaCha8Rng::seed_from_u64(fault.rule.seed);
        let armed = ArmedFault { id: self.accepted, seen: 0, struck: 0, held: 0, fault };
        if self.waiting.len() == WAITING_KEPT {
            self.waiting.pop_front();
        }
        self.waiting.push_back(Waiting { armed: armed.clone(), dice });
        armed
    }

    /// The faults that are not spent.
    pub(crate) fn waiting(&self) -> Vec<ArmedFault> {
        let held = |id| self.held.get(&id).map_or(0, Vec::len) as u64;
        let list = self.waiting.iter().map(|waiting| &waiting.armed);
        list.map(|armed| ArmedFault { held: held(armed.id), ..armed.clone() }).collect()
    }

    /// The requests that were struck, oldest first.
    pub(crate) fn history(&self) -> impl Iterator<Item = &StruckRequest> {
        self.history.iter()
    }

    /// Forgets all faults, or the one with this id, and the work that it holds back.
    pub(crate) fn remove(&mut self, id: Option<u64>) {
        self.waiting.retain(|waiting| id.is_some_and(|id| id != waiting.armed.id));
        self.held.retain(|held, _| id.is_some_and(|id| id != *held));
        if id.is_none() {
            self.history.clear();
        }
    }

    /// Keeps work back until the fault is released.
    pub(crate) fn hold(&mut self, id: u64, work: Held) {
        if self.held.values().map(Vec::len).sum::<usize>() >= HELD_KEPT {
            self.held.pop_first();
        }
        self.held.entry(id).or_default().push(work);
    }

    /// How much work each fault holds back, spent ones included.
    pub(crate) fn held(&self) -> BTreeMap<u64, usize> {
        self.held.iter().map(|(id, held)| (*id, held.len())).collect()
    }

    /// Hands out the work that a fault has held back, in the order in which it was asked for.
    pub(crate) fn release(&mut self, id: u64) -> Vec<Held> {
        self.held.remove(&id).unwrap_or_default()
    }

    /// What strikes a request; counts it against every fault that matches.
    pub(crate) fn strike(&mut self, seen: &Seen<'_>) -> Strike {
        let mut strike = Strike::default();
        for Waiting { armed, dice } in &mut self.waiting {
            let rule = &armed.fault.rule;
            if !seen.fits(rule) {
                continue;
            }
            armed.seen += 1;
            if !is_turn(rule, armed.seen, dice) || !strike.take(armed.id, &armed.fault.kind) {
                continue;
            }
            armed.struck += 1;
            if self.history.len() == HISTORY_KEPT {
                self.history.pop_front();
            }
            self.history.push_back(seen.struck(armed.id, armed.fault.kind.name()));
        }
        self.waiting.retain(|waiting| {
            let armed = &waiting.armed;
            armed.fault.rule.times.is_none_or(|times| armed.struck < times)
        });
        strike
    }
}

/// Whether the request that is the `seen`th to match is one to strike.
fn is_turn(rule: &Rule, seen: u64, dice: &mut ChaCha8Rng) -> bool {
    let Some(turn) = seen.checked_sub(rule.after).filter(|turn| *turn > 0) else { return false };
    turn.is_multiple_of(rule.nth.max(1))
        && (rule.probability >= 1.0 || dice.random::<f64>() < rule.probability)
}

impl Strike {
    /// The name of what struck, for the request log.
    pub(crate) fn name(&self) -> Option<&'static str> {
        let fate = self.fate.as_ref().map(|(_, kind)| kind.name());
        fate.or_else(|| self.names.first().copied())
    }

    /// Adds what a fault does; false when another fault has already decided the request's fate.
    fn take(&mut self, id: u64, kind: &FaultKind) -> bool {
        match kind {
            FaultKind::Latency { millis, after_millis } => {
                self.before += Duration::from_millis(*millis);
                self.after += Duration::from_millis(*after_millis);
            }
            FaultKind::EndSession {} => self.ends_session = true,
            FaultKind::RowError { .. } => self.trouble.rows.extend(RowError::of(kind)),
            FaultKind::Job { ending, after_rows, message } => {
                let (ending, message) = (*ending, message.clone());
                self.trouble.job = Some(JobFault { ending, after_rows: *after_rows, message });
            }
            FaultKind::SlowBody { .. }
            | FaultKind::Truncate { .. }
            | FaultKind::Shorten { .. }
            | FaultKind::Flood { .. }
            | FaultKind::Edit { .. }
            | FaultKind::Shuffle { .. }
            | FaultKind::LoseRows { .. } => self.spoiled.push(kind.clone()),
            _ if self.fate.is_some() => return false,
            fate => {
                if let FaultKind::LateCommit { millis } = fate {
                    self.trouble.late = Some(Late { fault: id, millis: *millis });
                }
                self.fate = Some((id, fate.clone()));
            }
        }
        self.names.push(kind.name());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(json: &str) -> Fault {
        serde_json::from_str(json).unwrap()
    }

    /// Which of so many requests are struck.
    fn struck(json: &str, requests: usize) -> Vec<bool> {
        let mut faults = Faults::default();
        faults.add(fault(json));
        let strike = |_| faults.strike(&Seen::bare("GET", "/a", "query")).fate.is_some();
        (0..requests).map(strike).collect()
    }

    #[test]
    fn a_fault_lets_some_pass_strikes_some_and_is_spent() {
        let pattern = struck(r#"{"route":"/a","after":1,"times":2,"kind":"cut_before"}"#, 5);

        assert_eq!(pattern, [false, true, true, false, false]);
    }

    #[test]
    fn every_so_many_requests_can_be_struck_without_end() {
        let pattern = struck(r#"{"after":1,"nth":2,"times":null,"kind":"cut_before"}"#, 7);

        assert_eq!(pattern, [false, false, true, false, true, false, true]);
    }

    #[test]
    fn the_same_seed_strikes_the_same_requests_and_about_as_many_as_asked() {
        let order = r#"{"probability":0.25,"seed":7,"times":null,"kind":"cut_before"}"#;

        let pattern = struck(order, 1_000);

        assert_eq!(pattern, struck(order, 1_000));
        let count = pattern.iter().filter(|is_struck| **is_struck).count();
        assert!((200..300).contains(&count), "{count}");
    }

    #[test]
    fn a_fault_waits_for_its_method_and_operation() {
        let mut faults = Faults::default();
        faults.add(fault(r#"{"method":"patch","operation":"row","kind":"cut_after"}"#));

        let mut strike = |method, operation| faults.strike(&Seen::bare(method, "/a", operation));
        assert!(strike("GET", "row").fate.is_none());
        assert!(strike("PATCH", "query").fate.is_none());
        assert_eq!(strike("PATCH", "row").fate, Some((1, FaultKind::CutAfter {})));
    }

    #[test]
    fn latency_adds_to_another_fault_and_two_fates_come_one_after_the_other() {
        let mut faults = Faults::default();
        faults.add(fault(r#"{"kind":"latency","millis":5}"#));
        faults.add(fault(r#"{"kind":"cut_before"}"#));
        faults.add(fault(r#"{"kind":"status","status":503}"#));

        let first = faults.strike(&Seen::bare("GET", "/", ""));
        let second = faults.strike(&Seen::bare("GET", "/", ""));

        assert_eq!((first.before.as_millis(), first.name()), (5, Some("cut_before")));
        assert!(matches!(second.fate, Some((3, FaultKind::Status { status: 503, .. }))));
        let struck: Vec<u64> = faults.history().map(|struck| struck.fault).collect();
        assert_eq!(struck, [1, 2, 3]);
    }
}
