//! The faults that wait for requests, and what they do to one. How they are ordered:
//! [`crate::control::Fault`].

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{
    ApiError,
    control::{ArmedFault, Fault, FaultKind, Rule},
};

/// How many codes of its own a run may order row errors with; each stays in memory for good.
const CODES_KEPT: usize = 1_000;

/// The faults that wait for their requests.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    waiting: Vec<Waiting>,
    accepted: u64,
}

/// A fault, and the matching requests that it still lets pass.
#[derive(Debug)]
struct Waiting {
    armed: ArmedFault,
    to_pass: u64,
}

/// What the matching faults do to one request, in one place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strike {
    pub(crate) latency: Duration,
    pub(crate) row_error: Option<RowError>,
    /// At most one of the kinds that decide the answer.
    pub(crate) ending: Option<FaultKind>,
}

/// An error for every `every`th row.
#[derive(Clone, Debug)]
pub(crate) struct RowError {
    pub(crate) every: usize,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl RowError {
    /// The error as the org would have said it.
    pub(crate) fn as_api_error(&self) -> ApiError {
        ApiError::row(self.code, self.message.clone(), &[])
    }

    /// Whether the row at `index`, counted from 0, fails.
    pub(crate) fn strikes(&self, index: usize) -> bool {
        (index + 1).is_multiple_of(self.every.max(1))
    }
}

impl Faults {
    /// Takes a fault in and answers it with its id.
    pub(crate) fn add(&mut self, fault: Fault) -> ArmedFault {
        self.accepted += 1;
        let to_pass = fault.rule.after;
        let armed = ArmedFault { id: self.accepted, struck: 0, fault };
        self.waiting.push(Waiting { armed: armed.clone(), to_pass });
        armed
    }

    /// The faults that are not spent.
    pub(crate) fn waiting(&self) -> Vec<&ArmedFault> {
        self.waiting.iter().map(|waiting| &waiting.armed).collect()
    }

    /// Forgets all faults, or the one with this id.
    pub(crate) fn remove(&mut self, id: Option<u64>) {
        self.waiting.retain(|waiting| id.is_some_and(|id| id != waiting.armed.id));
    }

    /// What strikes a request; counts it against every fault that matches.
    pub(crate) fn strike(&mut self, method: &str, path: &str, operation: &str) -> Strike {
        let mut strike = Strike::default();
        for Waiting { armed, to_pass } in &mut self.waiting {
            if !is_meant(&armed.fault.rule, method, path, operation) {
                continue;
            }
            if *to_pass > 0 {
                *to_pass -= 1;
                continue;
            }
            if strike.take(&armed.fault.kind) {
                armed.struck += 1;
            }
        }
        self.waiting.retain(|waiting| waiting.armed.struck < waiting.armed.fault.rule.times);
        strike
    }
}

impl Strike {
    /// The name of what struck, for the request log.
    pub(crate) fn name(&self) -> Option<&'static str> {
        match &self.ending {
            Some(FaultKind::Status { .. }) => Some("status"),
            Some(FaultKind::CutBefore {}) => Some("cut_before"),
            Some(FaultKind::CutAfter {}) => Some("cut_after"),
            Some(FaultKind::Truncate { .. }) => Some("truncate"),
            _ if self.row_error.is_some() => Some("row_error"),
            _ if !self.latency.is_zero() => Some("latency"),
            _ => None,
        }
    }

    /// Adds what a fault does; false when another fault has already decided the answer.
    fn take(&mut self, kind: &FaultKind) -> bool {
        match kind {
            FaultKind::Latency { millis } => self.latency += Duration::from_millis(*millis),
            FaultKind::RowError { every, code, message } => {
                let (code, message) = (lasting(code), message.clone());
                self.row_error = Some(RowError { every: *every, code, message });
            }
            _ if self.ending.is_some() => return false,
            ending => self.ending = Some(ending.clone()),
        }
        true
    }
}

fn is_meant(rule: &Rule, method: &str, path: &str, operation: &str) -> bool {
    rule.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
        && rule.operation.as_ref().is_none_or(|wanted| wanted == operation)
        && glob(&rule.route.to_ascii_lowercase(), &path.to_ascii_lowercase())
}

/// A code that outlives its fault, as the org's errors want it. Beyond so many different ones all
/// read `UNKNOWN_EXCEPTION`, so that they take no more memory.
fn lasting(code: &str) -> &'static str {
    static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(code) = known.get(code) {
        return code;
    }
    if known.len() >= CODES_KEPT {
        return "UNKNOWN_EXCEPTION";
    }
    let code: &'static str = Box::leak(code.to_owned().into_boxed_str());
    known.insert(code);
    code
}

/// Whether `text` as a whole matches `pattern`, in which `*` stands for anything.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    let mut rest = rest;
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(json: &str) -> Fault {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_star_stands_for_anything() {
        #[rustfmt::skip]
        let table = [
            ("*",          "/a/b",     true),
            ("/a/*",       "/a/b/c",   true),
            ("/a",         "/a",       true),
            ("/a",         "/a/b",     false),
            ("*/b",        "/a/b",     true),
            ("*/b",        "/a/b/c",   false),
            ("/a/*/c",     "/a/b/c",   true),
            ("/a/*/c",     "/a/c",     false),
            ("*/a/*/a*",   "/a/a",     false),
            ("*ab*ba",     "/aba",     false),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(glob(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn a_fault_lets_some_pass_strikes_some_and_is_spent() {
        let mut faults = Faults::default();
        faults.add(fault(r#"{"route":"/a","after":1,"times":2,"kind":"cut_before"}"#));

        let endings: Vec<bool> =
            (0..5).map(|_| faults.strike("GET", "/a", "query").ending.is_some()).collect();

        assert_eq!(endings, [false, true, true, false, false]);
        assert!(faults.waiting().is_empty());
    }

    #[test]
    fn a_fault_waits_for_its_method_and_operation() {
        let mut faults = Faults::default();
        faults.add(fault(r#"{"method":"patch","operation":"row","kind":"cut_after"}"#));

        assert!(faults.strike("GET", "/a", "row").ending.is_none());
        assert!(faults.strike("PATCH", "/a", "query").ending.is_none());
        assert_eq!(faults.strike("PATCH", "/a", "row").ending, Some(FaultKind::CutAfter {}));
    }

    #[test]
    fn latency_adds_to_another_fault_and_two_endings_come_one_after_the_other() {
        let mut faults = Faults::default();
        faults.add(fault(r#"{"kind":"latency","millis":5}"#));
        faults.add(fault(r#"{"kind":"cut_before"}"#));
        faults.add(fault(r#"{"kind":"status","status":503}"#));

        let first = faults.strike("GET", "/", "");
        let second = faults.strike("GET", "/", "");

        assert_eq!((first.latency.as_millis(), first.ending), (5, Some(FaultKind::CutBefore {})));
        assert!(matches!(second.ending, Some(FaultKind::Status { status: 503, .. })));
    }
}
