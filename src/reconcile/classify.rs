//! What a refusal means: which of Salesforce's codes heal by themselves, and what a person does about the rest.

use super::codes::{CODES, REPAIR_UNKNOWN};
use std::time::Duration;

/// What the engine does about a refused operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Send again within seconds.
    RetrySoon,
    /// Send again when the limit has had time to recover.
    RetryLater,
    /// Read the record: what is asked for may be true already.
    Resolve,
    /// Keep the record's changes until somebody acts; everything else goes on.
    Park,
    /// Stop pushing this mapping: its fields or permissions changed.
    PauseMapping,
    /// Stop pushing altogether: nothing can succeed.
    StopConnection,
}

/// The answer to a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What the engine does.
    pub class: Class,
    /// What the operator does; empty where the engine needs no help.
    pub remedy: &'static str,
}

/// After this many attempts a refusal that should have healed by itself parks the record.
pub const ATTEMPTS_MAX: usize = 20;

/// Codes under which very different things are refused, in the words of whoever set the org up.
const WORDS_DECIDE: [&str; 6] = [
    "FIELD_CUSTOM_VALIDATION_EXCEPTION",
    "FIELD_FILTER_VALIDATION_EXCEPTION",
    "FIELD_INTEGRITY_EXCEPTION",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
    "CANNOT_EXECUTE_FLOW_TRIGGER",
    "APEX_ERROR",
];
/// Words of a message that tell its cause.
const CAUSE_WORDS_MAX: usize = 30;

const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LONGEST: Duration = Duration::from_mins(10);

/// Decides by the code and, where the code alone is ambiguous, by the message.
///
/// A failing trigger or flow that merely could not get a lock is retried; a limit on concurrent requests passes
/// within seconds, unlike the daily one.
#[must_use]
pub fn classify(code: &str, message: &str) -> Verdict {
    let listed = CODES.iter().find(|(name, _, _)| *name == code);
    let (class, remedy) =
        listed.map_or((Class::Park, REPAIR_UNKNOWN), |(_, class, remedy)| (*class, *remedy));
    let wraps_a_lock = class == Class::Park && is_lock(code, message);
    let is_concurrency = code == "REQUEST_LIMIT_EXCEEDED" && message.contains("Concurrent");
    if wraps_a_lock || is_concurrency {
        return Verdict { class: Class::RetrySoon, remedy: "" };
    }
    Verdict { class, remedy }
}

/// Whether a record was refused because another request holds a lock that it needs, on itself or on a parent.
#[must_use]
pub fn is_lock(code: &str, message: &str) -> bool {
    [code, message].iter().any(|words| words.contains("UNABLE_TO_LOCK_ROW"))
        || code == "TooManyLockFailure"
}

/// What refusals for one reason have in common, so that they can be told and settled together: the code, the fields,
/// and the words where the code alone does not tell the reason, without what differs from record to record in them.
#[must_use]
pub fn cause(code: &str, fields: &[String], message: &str) -> String {
    let place = if fields.is_empty() { String::new() } else { format!(" ({})", fields.join(", ")) };
    let is_listed = CODES.iter().any(|(name, _, _)| *name == code);
    if is_listed && !WORDS_DECIDE.contains(&code) {
        return format!("{code}{place}");
    }
    let has_digit = |word: &str| word.contains(|c: char| c.is_ascii_digit());
    let words: Vec<&str> = message
        .split_whitespace()
        .map(|word| if has_digit(word) { "…" } else { word })
        .take(CAUSE_WORDS_MAX)
        .collect();
    format!("{code}{place}: {}", words.join(" "))
}

/// How long to wait before attempt number `attempt`, the first retry being number 1: doubling from a second to
/// ten minutes.
#[must_use]
pub fn delay_before_attempt(attempt: usize) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    2_u32
        .checked_pow(doublings)
        .and_then(|factor| RETRY_FIRST.checked_mul(factor))
        .map_or(RETRY_LONGEST, |delay| delay.min(RETRY_LONGEST))
}

#[cfg(test)]
mod tests {
    use super::{Class, cause, classify, delay_before_attempt};

    #[test]
    fn refusals_are_told_apart() {
        use Class::{Park, PauseMapping, Resolve, RetryLater, RetrySoon, StopConnection};
        #[rustfmt::skip]
        let table = [
            ("UNABLE_TO_LOCK_ROW",                   "",                                        RetrySoon),
            ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "caused by: UNABLE_TO_LOCK_ROW",           RetrySoon),
            ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "caused by: a rule",                       Park),
            ("REQUEST_LIMIT_EXCEEDED",               "TotalRequests Limit exceeded.",           RetryLater),
            ("REQUEST_LIMIT_EXCEEDED",               "ConcurrentRequests Limit exceeded.",      RetrySoon),
            ("STORAGE_LIMIT_EXCEEDED",               "",                                        RetryLater),
            ("DUPLICATE_VALUE",                      "",                                        Resolve),
            ("ENTITY_IS_DELETED",                    "",                                        Resolve),
            ("FIELD_CUSTOM_VALIDATION_EXCEPTION",    "Annual revenue cannot be negative",       Park),
            ("INVALID_FIELD",                        "No such column",                          PauseMapping),
            ("INVALID_SESSION_ID",                   "",                                        StopConnection),
            ("A_CODE_OF_TOMORROW",                   "",                                        Park),
        ];
        for (code, message, class) in table {
            assert_eq!(classify(code, message).class, class, "{code}");
        }
    }

    #[test]
    fn refusals_for_one_reason_have_one_cause() {
        let name = ["Name".to_owned()];
        #[rustfmt::skip]
        let table = [
            ("STRING_TOO_LONG", &name[..], "Name: data value too large: xxx (max length=40)", "STRING_TOO_LONG (Name)"),
            ("DUPLICATE_VALUE", &[],       "duplicate value found: A__c duplicates value on record with id: 001x1", "DUPLICATE_VALUE"),
            ("FIELD_CUSTOM_VALIDATION_EXCEPTION", &[], "Not above 5 %", "FIELD_CUSTOM_VALIDATION_EXCEPTION: Not above … %"),
            ("OF_TOMORROW",     &name[..], "no 0012 please",           "OF_TOMORROW (Name): no … please"),
        ];
        for (code, fields, message, expected) in table {
            assert_eq!(cause(code, fields, message), expected);
        }
    }

    #[test]
    fn retries_slow_down_and_stay_bounded() {
        let seconds: Vec<u64> =
            [0, 1, 2, 3, 10, 11, 1_000].map(|n| delay_before_attempt(n).as_secs()).into();
        assert_eq!(seconds, [1, 1, 2, 4, 512, 600, 600]);
    }
}
