//! What a refusal means: which of Salesforce's codes heal by themselves, and what a person does about the rest.

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

const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LONGEST: Duration = Duration::from_mins(10);

const REPAIR_VALUE: &str =
    "Correct the row with an UPDATE; the correction and the parked change are then sent together.";
const REPAIR_RULE: &str =
    "Correct the row, or ask the Salesforce administrator to change the rule, then retry.";
const REPAIR_DUPLICATE: &str =
    "Merge the two records, or give one of them another value, then retry.";
const REPAIR_REFERENCE: &str =
    "Point the row at a record that exists and that the integration user can see.";
const REPAIR_ACCESS: &str = "Give the integration user edit access to this record (sharing, ownership or profile), then retry.";
const REPAIR_AUTOMATION: &str = "Ask the Salesforce administrator about the trigger or flow that the message names, then retry.";
const REPAIR_OWNER: &str = "Choose an active owner who may see the object.";
const REPAIR_LOCKED: &str = "Wait for the approval to end or unlock the record, then retry.";
const REPAIR_DELETE: &str = "Delete or re-parent the records that depend on this one, then retry.";
const REPAIR_SCHEMA: &str = "Compare the mapping with the object (`lockstep check`), restore the field or the \
     integration user's permission, then resume the mapping.";
const REPAIR_STORAGE: &str =
    "Free data storage in the org, or buy more; inserts resume by themselves.";
const REPAIR_LIMIT: &str = "Nothing at once: sending resumes when the limit allows. Raise the org's limit if this repeats.";
const REPAIR_LOGIN: &str = "Check the integration user and the connected app, then log in again.";
const REPAIR_ORG: &str = "Enable the API for the org and the integration user.";
const REPAIR_VERSION: &str = "Configure an API version that the org supports.";
const REPAIR_MERGED: &str = "Make the change in the row of the record that it was merged into, then give this one up: lockstep errors ignore.";
const REPAIR_UNKNOWN: &str = "Read Salesforce's message; correct the row or the org, then retry.";

/// Salesforce's codes by what to do about them. Codes that are not listed park the record.
#[rustfmt::skip]
const CODES: &[(&str, Class, &str)] = &[
    ("UNABLE_TO_LOCK_ROW",                                   Class::RetrySoon, ""),
    ("ALL_OR_NONE_OPERATION_ROLLED_BACK",                    Class::RetrySoon, ""),
    ("PROCESSING_HALTED",                                    Class::RetrySoon, ""),
    ("BATCH_PROCESSING_HALTED",                              Class::RetrySoon, ""),
    ("TXN_SECURITY_METERING_ERROR",                          Class::RetrySoon, ""),
    ("REQUEST_RUNNING_TOO_LONG",                             Class::RetrySoon, ""),
    ("SERVER_UNAVAILABLE",                                   Class::RetrySoon, ""),
    ("UNKNOWN_EXCEPTION",                                    Class::RetrySoon, ""),
    ("QUERY_TIMEOUT",                                        Class::RetrySoon, ""),
    ("TOO_MANY_APEX_REQUESTS",                               Class::RetrySoon, ""),
    ("INVALID_QUERY_LOCATOR",                                Class::RetrySoon, ""),
    ("API_CURRENTLY_DISABLED",                               Class::RetryLater, REPAIR_LIMIT),
    ("INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE",  Class::RetryLater, ""),
    ("REQUEST_LIMIT_EXCEEDED",                               Class::RetryLater, REPAIR_LIMIT),
    ("LIMIT_EXCEEDED",                                       Class::RetryLater, REPAIR_LIMIT),
    ("EXCEEDED_QUOTA",                                       Class::RetryLater, REPAIR_LIMIT),
    ("STORAGE_LIMIT_EXCEEDED",                               Class::RetryLater, REPAIR_STORAGE),
    ("DUPLICATE_VALUE",                                      Class::Resolve, REPAIR_DUPLICATE),
    ("ENTITY_IS_DELETED",                                    Class::Resolve, ""),
    ("INVALID_CROSS_REFERENCE_KEY",                          Class::Resolve, REPAIR_REFERENCE),
    ("NOT_FOUND",                                            Class::Resolve, REPAIR_REFERENCE),
    ("MATCH_PRECONDITION_FAILED",                            Class::Resolve, ""),
    ("RECORD_WAS_MERGED",                                    Class::Park, REPAIR_MERGED),
    ("PRECONDITION_FAILED",                                  Class::Resolve, ""),
    ("FIELD_CUSTOM_VALIDATION_EXCEPTION",                    Class::Park, REPAIR_RULE),
    ("FIELD_FILTER_VALIDATION_EXCEPTION",                    Class::Park, REPAIR_RULE),
    ("FIELD_INTEGRITY_EXCEPTION",                            Class::Park, REPAIR_VALUE),
    ("REQUIRED_FIELD_MISSING",                               Class::Park, REPAIR_VALUE),
    ("STRING_TOO_LONG",                                      Class::Park, REPAIR_VALUE),
    ("NUMBER_OUTSIDE_VALID_RANGE",                           Class::Park, REPAIR_VALUE),
    ("INVALID_EMAIL_ADDRESS",                                Class::Park, REPAIR_VALUE),
    ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",              Class::Park, REPAIR_VALUE),
    ("INVALID_TYPE_ON_FIELD_IN_RECORD",                      Class::Park, REPAIR_VALUE),
    ("JSON_PARSER_ERROR",                                    Class::Park, REPAIR_VALUE),
    ("MALFORMED_ID",                                         Class::Park, REPAIR_REFERENCE),
    ("INVALID_ID_FIELD",                                     Class::Park, REPAIR_REFERENCE),
    ("DUPLICATE_EXTERNAL_ID",                                Class::Park, REPAIR_DUPLICATE),
    ("DUPLICATES_DETECTED",                                  Class::Park, REPAIR_DUPLICATE),
    ("DELETE_FAILED",                                        Class::Park, REPAIR_DELETE),
    ("ENTITY_IS_LOCKED",                                     Class::Park, REPAIR_LOCKED),
    ("INACTIVE_OWNER_OR_USER",                               Class::Park, REPAIR_OWNER),
    ("TRANSFER_REQUIRES_READ",                               Class::Park, REPAIR_OWNER),
    ("INSUFFICIENT_ACCESS",                                  Class::Park, REPAIR_ACCESS),
    ("INSUFFICIENT_ACCESS_OR_READONLY",                      Class::Park, REPAIR_ACCESS),
    ("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",        Class::Park, REPAIR_ACCESS),
    ("TXN_SECURITY_NO_ACCESS",                               Class::Park, REPAIR_ACCESS),
    ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",                 Class::Park, REPAIR_AUTOMATION),
    ("CANNOT_EXECUTE_FLOW_TRIGGER",                          Class::Park, REPAIR_AUTOMATION),
    ("APEX_ERROR",                                           Class::Park, REPAIR_AUTOMATION),
    ("INVALID_FIELD",                                        Class::PauseMapping, REPAIR_SCHEMA),
    ("INVALID_FIELD_FOR_INSERT_UPDATE",                      Class::PauseMapping, REPAIR_SCHEMA),
    ("INVALID_TYPE",                                         Class::PauseMapping, REPAIR_SCHEMA),
    ("INVALID_TYPE_FOR_OPERATION",                           Class::PauseMapping, REPAIR_SCHEMA),
    ("FUNCTIONALITY_NOT_ENABLED",                            Class::PauseMapping, REPAIR_SCHEMA),
    ("FEATURE_NOT_ENABLED",                                  Class::PauseMapping, REPAIR_SCHEMA),
    ("INVALID_SESSION_ID",                                   Class::StopConnection, REPAIR_LOGIN),
    ("INVALID_AUTH_HEADER",                                  Class::StopConnection, REPAIR_LOGIN),
    ("INVALID_LOGIN",                                        Class::StopConnection, REPAIR_LOGIN),
    ("INVALID_OPERATION_WITH_EXPIRED_PASSWORD",              Class::StopConnection, REPAIR_LOGIN),
    ("PASSWORD_LOCKOUT",                                     Class::StopConnection, REPAIR_LOGIN),
    ("LOGIN_DURING_RESTRICTED_TIME",                         Class::StopConnection, REPAIR_LOGIN),
    ("CLIENT_NOT_ACCESSIBLE_FOR_USER",                       Class::StopConnection, REPAIR_LOGIN),
    ("ORG_LOCKED",                                           Class::StopConnection, REPAIR_ORG),
    ("API_DISABLED_FOR_ORG",                                 Class::StopConnection, REPAIR_ORG),
    ("UNSUPPORTED_API_VERSION",                              Class::StopConnection, REPAIR_VERSION),
    ("INVALID_VERSION",                                      Class::StopConnection, REPAIR_VERSION),
];

/// Decides by the code and, where the code alone is ambiguous, by the message.
///
/// A failing trigger or flow that merely could not get a lock is retried; a limit on concurrent requests passes
/// within seconds, unlike the daily one.
#[must_use]
pub fn classify(code: &str, message: &str) -> Verdict {
    let listed = CODES.iter().find(|(name, _, _)| *name == code);
    let (class, remedy) =
        listed.map_or((Class::Park, REPAIR_UNKNOWN), |(_, class, remedy)| (*class, *remedy));
    let wraps_a_lock = class == Class::Park && message.contains("UNABLE_TO_LOCK_ROW");
    let is_concurrency = code == "REQUEST_LIMIT_EXCEEDED" && message.contains("Concurrent");
    if wraps_a_lock || is_concurrency {
        return Verdict { class: Class::RetrySoon, remedy: "" };
    }
    Verdict { class, remedy }
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
    use super::{CODES, Class, classify, delay_before_attempt};
    use std::collections::BTreeSet;

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
    fn whatever_waits_for_a_person_says_what_to_do() {
        for (code, class, remedy) in CODES {
            let needs_a_person =
                matches!(class, Class::Park | Class::PauseMapping | Class::StopConnection);
            assert!(!needs_a_person || remedy.ends_with('.'), "{code}");
        }
        assert!(!classify("A_CODE_OF_TOMORROW", "").remedy.is_empty());
    }

    #[test]
    fn each_code_is_listed_once() {
        let names: BTreeSet<_> = CODES.iter().map(|(name, _, _)| name).collect();
        assert_eq!(names.len(), CODES.len());
    }

    #[test]
    fn retries_slow_down_and_stay_bounded() {
        let seconds: Vec<u64> =
            [0, 1, 2, 3, 10, 11, 1_000].map(|n| delay_before_attempt(n).as_secs()).into();
        assert_eq!(seconds, [1, 1, 2, 4, 512, 600, 600]);
    }
}
