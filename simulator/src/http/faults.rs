//! Trouble on demand: answers that fail, get lost or come late.
//!
//! A fault waits for requests that match its route, method and operation, lets the first `after` of
//! them pass, strikes the next `times` (1 unless said), and is spent. Requests to the control routes
//! never match.
//!
//! ```json
//! {"route": "*/composite/sobjects*", "method": "PATCH", "after": 2, "times": 1, "kind": "cut_after"}
//! ```
//!
//! Kinds: `status` (with `status`, and `body` as JSON or `html`), `cut_before`, `cut_after`,
//! `truncate` (`bytes`), `latency` (`millis`), `row_error` (`every`, `code`, `message`). Operations are
//! the request log's: `oauth`, `identity`, `versions`, `limits`, `count`, `describe`, `row`, `upsert`,
//! `replication`, `query`, `collection`, `composite`, `bulk_query`, `bulk_ingest`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ApiError;

/// A fault as it is ordered and as it is listed.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Fault {
    /// Set when the fault is accepted.
    #[serde(default)]
    pub(crate) id: u64,
    /// Pattern for the whole path; `*` stands for anything, slashes included.
    #[serde(default = "any_route")]
    pub(crate) route: String,
    /// Only requests with this method.
    #[serde(default)]
    pub(crate) method: Option<String>,
    /// Only requests of this kind, as the request log names it, such as `query`.
    #[serde(default)]
    pub(crate) operation: Option<String>,
    /// Matching requests that pass before the fault strikes.
    #[serde(default)]
    pub(crate) after: u64,
    /// Requests the fault strikes before it is spent.
    #[serde(default = "once")]
    pub(crate) times: u64,
    /// Requests struck so far.
    #[serde(default)]
    pub(crate) struck: u64,
    #[serde(flatten)]
    pub(crate) kind: FaultKind,
}

/// What happens to a request that a fault strikes.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum FaultKind {
    /// Nothing is done and this is answered; without a body, a maintenance page for 5xx.
    Status {
        status: u16,
        #[serde(default)]
        body: Option<serde_json::Value>,
        #[serde(default)]
        html: Option<String>,
    },
    /// Nothing is done and the connection closes without an answer.
    CutBefore,
    /// Everything is done, then the connection closes without an answer.
    CutAfter,
    /// The answer breaks off after this many bytes of its body.
    Truncate {
        #[serde(default)]
        bytes: usize,
    },
    /// Everything is done, later.
    Latency { millis: u64 },
    /// Every `every`th row of a collection or bulk upload fails with this error.
    RowError {
        every: usize,
        #[serde(default)]
        code: RowCode,
        #[serde(default = "lock_message")]
        message: String,
    },
}

fn any_route() -> String {
    "*".to_owned()
}

fn once() -> u64 {
    1
}

fn lock_message() -> String {
    "unable to obtain exclusive access to this record".to_owned()
}

/// The codes that a row can be made to fail with.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum RowCode {
    #[default]
    UnableToLockRow,
    CannotInsertUpdateActivateEntity,
    DuplicatesDetected,
    EntityIsLocked,
    FieldCustomValidationException,
    InsufficientAccessOrReadonly,
    StorageLimitExceeded,
    UnknownException,
}

impl RowCode {
    fn as_str(self) -> &'static str {
        match self {
            Self::UnableToLockRow => "UNABLE_TO_LOCK_ROW",
            Self::CannotInsertUpdateActivateEntity => "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
            Self::DuplicatesDetected => "DUPLICATES_DETECTED",
            Self::EntityIsLocked => "ENTITY_IS_LOCKED",
            Self::FieldCustomValidationException => "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            Self::InsufficientAccessOrReadonly => "INSUFFICIENT_ACCESS_OR_READONLY",
            Self::StorageLimitExceeded => "STORAGE_LIMIT_EXCEEDED",
            Self::UnknownException => "UNKNOWN_EXCEPTION",
        }
    }
}

/// The faults that wait for their requests.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    waiting: Vec<Fault>,
    accepted: u64,
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
    pub(crate) code: RowCode,
    pub(crate) message: String,
}

impl RowError {
    /// The error as the org would have said it.
    pub(crate) fn as_api_error(&self) -> ApiError {
        ApiError::row(self.code.as_str(), self.message.clone(), &[])
    }

    /// Whether the row at `index`, counted from 0, fails.
    pub(crate) fn strikes(&self, index: usize) -> bool {
        (index + 1).is_multiple_of(self.every.max(1))
    }
}

impl Faults {
    /// Takes a fault in and answers it with its id.
    pub(crate) fn add(&mut self, mut fault: Fault) -> Fault {
        self.accepted += 1;
        fault.id = self.accepted;
        fault.struck = 0;
        self.waiting.push(fault.clone());
        fault
    }

    /// The faults that are not spent.
    pub(crate) fn waiting(&self) -> &[Fault] {
        &self.waiting
    }

    /// Forgets all faults, or the one with this id.
    pub(crate) fn remove(&mut self, id: Option<u64>) {
        self.waiting.retain(|fault| id.is_some_and(|id| id != fault.id));
    }

    /// What strikes a request; counts it against every fault that matches.
    pub(crate) fn strike(&mut self, method: &str, path: &str, operation: &str) -> Strike {
        let mut strike = Strike::default();
        for fault in &mut self.waiting {
            if !fault.matches(method, path, operation) {
                continue;
            }
            if fault.after > 0 {
                fault.after -= 1;
                continue;
            }
            if strike.take(&fault.kind) {
                fault.struck += 1;
            }
        }
        self.waiting.retain(|fault| fault.struck < fault.times);
        strike
    }
}

impl Strike {
    /// The name of what struck, for the request log.
    pub(crate) fn name(&self) -> Option<&'static str> {
        match &self.ending {
            Some(FaultKind::Status { .. }) => Some("status"),
            Some(FaultKind::CutBefore) => Some("cut_before"),
            Some(FaultKind::CutAfter) => Some("cut_after"),
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
                let (code, message) = (*code, message.clone());
                self.row_error = Some(RowError { every: *every, code, message });
            }
            _ if self.ending.is_some() => return false,
            ending => self.ending = Some(ending.clone()),
        }
        true
    }
}

impl Fault {
    fn matches(&self, method: &str, path: &str, operation: &str) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self.operation.as_ref().is_none_or(|wanted| wanted == operation)
            && glob(&self.route.to_ascii_lowercase(), &path.to_ascii_lowercase())
    }
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
        assert_eq!(faults.strike("PATCH", "/a", "row").ending, Some(FaultKind::CutAfter));
    }

    #[test]
    fn latency_adds_to_another_fault_and_two_endings_come_one_after_the_other() {
        let mut faults = Faults::default();
        faults.add(fault(r#"{"kind":"latency","millis":5}"#));
        faults.add(fault(r#"{"kind":"cut_before"}"#));
        faults.add(fault(r#"{"kind":"status","status":503}"#));

        let first = faults.strike("GET", "/", "");
        let second = faults.strike("GET", "/", "");

        assert_eq!((first.latency.as_millis(), first.ending), (5, Some(FaultKind::CutBefore)));
        assert!(matches!(second.ending, Some(FaultKind::Status { status: 503, .. })));
    }
}
