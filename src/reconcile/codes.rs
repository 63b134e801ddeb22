//! The one table of refusals: what the engine does about each code, and what a person does.
//!
//! The engine decides by it, `lockstep errors` tells the remedy from it.

use super::classify::Class;

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
pub(super) const REPAIR_UNKNOWN: &str =
    "Read Salesforce's message; correct the row or the org, then retry.";

const REPAIR_CONVERTED: &str = "The lead was converted: change the contact, account or opportunity that it became, then give \
     this one up: lockstep errors ignore.";
const REPAIR_SETUP: &str =
    "Change set-up objects and ordinary ones in mappings of their own, then retry.";
const REPAIR_SIZE: &str = "Make the row's values smaller; one request takes 50 MB.";
const REPAIR_QUERY: &str = "Compare the mapping, its `where` included, with the object (`lockstep check`), then resume the mapping.";
const REPAIR_VISIBILITY: &str =
    "Give the integration user View All on the object, or map a part of it with `where`.";
const REPAIR_PARENT: &str = "Point this row at one that is there, or insert the parent's row, or retry it, and then retry this one.";
const REPAIR_CYCLE: &str =
    "Insert one of the rows without its reference, and set the reference in an UPDATE afterwards.";
const REPAIR_CONFLICT: &str = "Look at both sides' values (`lockstep errors show ID`), then say whose stay: \
     lockstep errors decide postgres ID, or: lockstep errors decide salesforce ID.";
const REPAIR_EVIDENCE: &str =
    "Look in Salesforce which of the records is this row's, delete the others, then retry.";

/// Salesforce's codes, and at the end our own, by what to do about them: code, what the engine does, what the operator
/// does (empty where nothing). Codes that are not listed park the record.
///
/// The codes are those of the REST guide, of the SOAP guide's `ExceptionCode` and `StatusCode`, and of Bulk jobs.
#[rustfmt::skip]
pub(super) const CODES: &[(&str, Class, &str)] = &[
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
    ("TooManyLockFailure",                                     Class::RetrySoon, ""),
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
    ("RECORD_NOT_FOUND",                                       Class::Resolve, REPAIR_REFERENCE),
    ("MATCH_PRECONDITION_FAILED",                            Class::Resolve, ""),
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
    ("MISSING_ARGUMENT",                                       Class::Park, REPAIR_UNKNOWN),
    ("BAD_REQUEST",                                            Class::Park, REPAIR_VALUE),
    ("UNKNOWN_ATTACHMENT_EXCEPTION",                           Class::Park, REPAIR_VALUE),
    ("EXCEEDED_MAX_SIZE_REQUEST",                              Class::Park, REPAIR_SIZE),
    ("MIXED_DML_OPERATION",                                    Class::Park, REPAIR_SETUP),
    ("CANNOT_UPDATE_CONVERTED_LEAD",                           Class::Park, REPAIR_CONVERTED),
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
    ("TXN_SECURITY_RUNTIME_EXCEPTION",                         Class::Park, REPAIR_ACCESS),
    ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",                 Class::Park, REPAIR_AUTOMATION),
    ("CANNOT_EXECUTE_FLOW_TRIGGER",                          Class::Park, REPAIR_AUTOMATION),
    ("APEX_ERROR",                                           Class::Park, REPAIR_AUTOMATION),
    ("INVALID_FIELD",                                        Class::PauseMapping, REPAIR_SCHEMA),
    ("INVALID_FIELD_FOR_INSERT_UPDATE",                      Class::PauseMapping, REPAIR_SCHEMA),
    ("INVALID_TYPE",                                         Class::PauseMapping, REPAIR_SCHEMA),
    ("INVALID_TYPE_FOR_OPERATION",                           Class::PauseMapping, REPAIR_SCHEMA),
    ("FUNCTIONALITY_NOT_ENABLED",                            Class::PauseMapping, REPAIR_SCHEMA),
    ("FEATURE_NOT_ENABLED",                                  Class::PauseMapping, REPAIR_SCHEMA),
    ("METHOD_NOT_ALLOWED",                                     Class::PauseMapping, REPAIR_SCHEMA),
    ("MALFORMED_QUERY",                                        Class::PauseMapping, REPAIR_QUERY),
    ("INVALID_QUERY_FILTER_OPERATOR",                          Class::PauseMapping, REPAIR_QUERY),
    ("INVALID_QUERY_SCOPE",                                    Class::PauseMapping, REPAIR_QUERY),
    ("INVALID_SEARCH",                                         Class::PauseMapping, REPAIR_QUERY),
    ("QUERY_TOO_COMPLICATED",                                  Class::PauseMapping, REPAIR_QUERY),
    ("EXCEEDED_ID_LIMIT",                                      Class::PauseMapping, REPAIR_QUERY),
    ("INVALID_BATCH_SIZE",                                     Class::PauseMapping, REPAIR_QUERY),
    ("INVALID_REPLICATION_DATE",                               Class::PauseMapping, REPAIR_QUERY),
    ("OPERATION_TOO_LARGE",                                    Class::PauseMapping, REPAIR_VISIBILITY),
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
    // Ours.
    ("RECORD_WAS_MERGED",                                      Class::Park, REPAIR_MERGED),
    ("CONFLICT",                                             Class::Park, REPAIR_CONFLICT),
    ("PARENT_NOT_FOUND",                                       Class::Park, REPAIR_PARENT),
    ("REFERENCE_CYCLE",                                        Class::Park, REPAIR_CYCLE),
    ("INVALID_VALUE",                                          Class::Park, REPAIR_VALUE),
    ("OUTCOME_UNKNOWN",                                        Class::Park, REPAIR_EVIDENCE),
];

#[cfg(test)]
mod tests {
    use super::CODES;
    use crate::reconcile::{Class, classify};
    use std::collections::BTreeSet;

    /// Every code that Salesforce documents for what we ask of it, by the verdict that it deserves.
    #[rustfmt::skip]
    const DOCUMENTED: [(Class, &[&str]); 6] = [
        (Class::RetrySoon, &[
            "UNABLE_TO_LOCK_ROW", "ALL_OR_NONE_OPERATION_ROLLED_BACK", "PROCESSING_HALTED", "BATCH_PROCESSING_HALTED",
            "TXN_SECURITY_METERING_ERROR", "REQUEST_RUNNING_TOO_LONG", "SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION",
            "QUERY_TIMEOUT", "INVALID_QUERY_LOCATOR", "TOO_MANY_APEX_REQUESTS", "TooManyLockFailure",
        ]),
        (Class::RetryLater, &[
            "API_CURRENTLY_DISABLED", "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", "REQUEST_LIMIT_EXCEEDED",
            "LIMIT_EXCEEDED", "EXCEEDED_QUOTA", "STORAGE_LIMIT_EXCEEDED",
        ]),
        (Class::Resolve, &[
            "DUPLICATE_VALUE", "ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "NOT_FOUND", "RECORD_NOT_FOUND",
            "MATCH_PRECONDITION_FAILED", "PRECONDITION_FAILED",
        ]),
        (Class::Park, &[
            "INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS_OR_READONLY", "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "CANNOT_EXECUTE_FLOW_TRIGGER", "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            "FIELD_FILTER_VALIDATION_EXCEPTION", "FIELD_INTEGRITY_EXCEPTION", "REQUIRED_FIELD_MISSING",
            "MISSING_ARGUMENT", "STRING_TOO_LONG", "NUMBER_OUTSIDE_VALID_RANGE", "INVALID_EMAIL_ADDRESS",
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "INVALID_TYPE_ON_FIELD_IN_RECORD", "JSON_PARSER_ERROR",
            "MALFORMED_ID", "INVALID_ID_FIELD", "ENTITY_IS_LOCKED", "DUPLICATE_EXTERNAL_ID", "DUPLICATES_DETECTED",
            "DELETE_FAILED", "CANNOT_UPDATE_CONVERTED_LEAD", "INACTIVE_OWNER_OR_USER", "TRANSFER_REQUIRES_READ",
            "MIXED_DML_OPERATION", "EXCEEDED_MAX_SIZE_REQUEST", "TXN_SECURITY_NO_ACCESS",
            "TXN_SECURITY_RUNTIME_EXCEPTION", "APEX_ERROR", "BAD_REQUEST", "UNKNOWN_ATTACHMENT_EXCEPTION",
        ]),
        (Class::PauseMapping, &[
            "INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE", "INVALID_QUERY_FILTER_OPERATOR", "INVALID_TYPE",
            "INVALID_TYPE_FOR_OPERATION", "MALFORMED_QUERY", "QUERY_TOO_COMPLICATED", "INVALID_QUERY_SCOPE",
            "INVALID_SEARCH", "EXCEEDED_ID_LIMIT", "INVALID_BATCH_SIZE", "INVALID_REPLICATION_DATE",
            "OPERATION_TOO_LARGE", "METHOD_NOT_ALLOWED", "FUNCTIONALITY_NOT_ENABLED", "FEATURE_NOT_ENABLED",
        ]),
        (Class::StopConnection, &[
            "INVALID_SESSION_ID", "INVALID_AUTH_HEADER", "API_DISABLED_FOR_ORG", "UNSUPPORTED_API_VERSION",
            "INVALID_VERSION", "INVALID_LOGIN", "INVALID_OPERATION_WITH_EXPIRED_PASSWORD", "PASSWORD_LOCKOUT",
            "LOGIN_DURING_RESTRICTED_TIME", "ORG_LOCKED", "CLIENT_NOT_ACCESSIBLE_FOR_USER",
        ]),
    ];

    #[test]
    fn every_documented_code_is_listed_with_the_verdict_it_deserves() {
        let listed: BTreeSet<&str> = CODES.iter().map(|(code, _, _)| *code).collect();
        for (class, codes) in DOCUMENTED {
            for code in codes {
                assert!(listed.contains(code), "{code} is not in the table");
                assert_eq!(classify(code, "").class, class, "{code}");
            }
        }
    }

    #[test]
    fn whatever_waits_for_a_person_says_what_to_do() {
        for (code, class, remedy) in CODES {
            let needs_a_person =
                matches!(class, Class::Park | Class::PauseMapping | Class::StopConnection);
            assert!(!needs_a_person || remedy.ends_with('.'), "{code}");
        }
        let unheard_of = classify("A_CODE_OF_TOMORROW", "");
        assert_eq!(unheard_of.class, Class::Park);
        assert!(!unheard_of.remedy.is_empty());
    }

    #[test]
    fn each_code_is_listed_once() {
        let names: BTreeSet<_> = CODES.iter().map(|(name, _, _)| name).collect();
        assert_eq!(names.len(), CODES.len());
    }
}
