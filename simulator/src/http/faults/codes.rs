//! The documented errors: which status and words belong to a code.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

/// How many undocumented codes a run may order errors with; each stays in memory for good.
const CODES_KEPT: usize = 1_000;

/// The longest code that is kept as it is.
const CODE_LENGTH: usize = 100;

/// A documented error.
pub(crate) struct Documented {
    code: &'static str,
    pub(crate) status: u16,
    pub(crate) message: &'static str,
    /// Whether it is about a row, so that it names fields.
    pub(crate) is_of_row: bool,
}

const fn of_row(code: &'static str, message: &'static str) -> Documented {
    Documented { code, status: 400, message, is_of_row: true }
}

const fn of_call(status: u16, code: &'static str, message: &'static str) -> Documented {
    Documented { code, status, message, is_of_row: false }
}

#[rustfmt::skip]
const DOCUMENTED: &[Documented] = &[
    of_call(401, "INVALID_SESSION_ID", "Session expired or invalid"),
    of_call(401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE"),
    of_call(403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization."),
    of_call(403, "API_CURRENTLY_DISABLED", "The API is temporarily disabled for this organization."),
    of_call(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    of_call(403, "LIMIT_EXCEEDED", "Limit exceeded."),
    of_call(403, "EXCEEDED_QUOTA", "Quota exceeded."),
    of_row("STORAGE_LIMIT_EXCEEDED", "storage limit exceeded"),
    of_row("INSUFFICIENT_ACCESS", "insufficient access rights on object id"),
    of_row("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id"),
    of_row("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "insufficient access rights on cross-reference id"),
    of_row("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "Trig: execution of BeforeUpdate\n\ncaused by: System.NullPointerException"),
    of_row("CANNOT_EXECUTE_FLOW_TRIGGER", "We can't save this record because a process failed."),
    of_row("FIELD_CUSTOM_VALIDATION_EXCEPTION", "The record breaks a validation rule"),
    of_row("FIELD_FILTER_VALIDATION_EXCEPTION", "Value does not exist or does not match filter criteria."),
    of_row("FIELD_INTEGRITY_EXCEPTION", "field integrity exception"),
    of_row("REQUIRED_FIELD_MISSING", "Required fields are missing"),
    of_row("MISSING_ARGUMENT", "Id not specified in an update call"),
    of_row("STRING_TOO_LONG", "data value too large"),
    of_row("NUMBER_OUTSIDE_VALID_RANGE", "value outside of valid range"),
    of_row("INVALID_EMAIL_ADDRESS", "invalid email address"),
    of_row("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "bad value for restricted picklist field"),
    of_row("INVALID_TYPE_ON_FIELD_IN_RECORD", "value not of required type"),
    of_call(400, "JSON_PARSER_ERROR", "Unexpected character at [line:1, column:2]"),
    of_row("MALFORMED_ID", "malformed id"),
    of_row("INVALID_ID_FIELD", "id not allowed here"),
    of_call(400, "INVALID_FIELD", "No such column on entity"),
    of_row("INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields. Please check the security settings of this field and verify that it is read/write for your profile or permission set."),
    of_call(400, "INVALID_QUERY_FILTER_OPERATOR", "invalid operator"),
    of_call(400, "INVALID_TYPE", "sObject type is not supported."),
    of_call(400, "INVALID_TYPE_FOR_OPERATION", "entity type cannot be used for this operation"),
    of_call(404, "NOT_FOUND", "The requested resource does not exist"),
    of_call(404, "RECORD_NOT_FOUND", "The record could not be found"),
    of_row("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"),
    of_row("ENTITY_IS_DELETED", "entity is deleted"),
    of_row("ENTITY_IS_LOCKED", "the entity is locked for editing"),
    of_row("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record"),
    of_row("DUPLICATE_VALUE", "duplicate value found"),
    of_row("DUPLICATE_EXTERNAL_ID", "more than one record found for external id field"),
    of_row("DUPLICATES_DETECTED", "Use one of these records?"),
    of_row("DELETE_FAILED", "Your attempt to delete the record could not be completed because it is associated with others."),
    of_row("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead"),
    of_row("INACTIVE_OWNER_OR_USER", "operation performed with inactive user as owner"),
    of_row("TRANSFER_REQUIRES_READ", "The new owner must have read permission"),
    of_row("MIXED_DML_OPERATION", "DML operation on setup object is not permitted after you have updated a non-setup object"),
    of_row("ALL_OR_NONE_OPERATION_ROLLED_BACK", "Record rolled back because not all records were valid and the request was using AllOrNone header"),
    of_row("PROCESSING_HALTED", "The transaction was rolled back since another operation in the same transaction failed."),
    of_call(412, "BATCH_PROCESSING_HALTED", "Batch processing halted per request"),
    of_call(400, "MALFORMED_QUERY", "unexpected token"),
    of_call(400, "QUERY_TIMEOUT", "Your query request was running for too long."),
    of_call(400, "QUERY_TOO_COMPLICATED", "Query is either selecting too many fields or the filter conditions are too complicated."),
    of_call(400, "INVALID_QUERY_LOCATOR", "invalid query locator"),
    of_call(400, "INVALID_QUERY_SCOPE", "invalid query scope"),
    of_call(400, "INVALID_SEARCH", "invalid search"),
    of_call(400, "EXCEEDED_ID_LIMIT", "record limit reached"),
    of_call(400, "INVALID_BATCH_SIZE", "batch size out of range"),
    of_call(400, "INVALID_REPLICATION_DATE", "startDate must be more than one minute before endDate"),
    of_call(400, "OPERATION_TOO_LARGE", "exceeded operation limit"),
    of_call(400, "EXCEEDED_MAX_SIZE_REQUEST", "Maximum size of request reached"),
    of_call(400, "TXN_SECURITY_METERING_ERROR", "The transaction security policy could not be evaluated in time"),
    of_call(403, "TXN_SECURITY_NO_ACCESS", "The operation is blocked by a transaction security policy"),
    of_call(403, "TXN_SECURITY_RUNTIME_EXCEPTION", "The transaction security policy failed"),
    of_call(503, "REQUEST_RUNNING_TOO_LONG", "Your request was running for too long, and has been stopped."),
    of_call(503, "SERVER_UNAVAILABLE", "Server is temporarily unavailable. Please try again later."),
    of_call(503, "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", "Updates can't be made during maintenance."),
    of_call(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred. Please include this ErrorId if you contact support: 1234567890-12345 (-1234567890)"),
    of_call(500, "APEX_ERROR", "System.LimitException: Apex CPU time limit exceeded"),
    of_call(400, "BAD_REQUEST", "bad request"),
    of_call(400, "UNKNOWN_ATTACHMENT_EXCEPTION", "unknown attachment"),
    of_call(400, "UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL"),
    of_call(400, "INVALID_VERSION", "invalid version"),
    of_call(410, "GONE", "The requested API version has been retired"),
    of_call(409, "CONFLICT", "The request conflicts with the state of the resource"),
    of_call(412, "MATCH_PRECONDITION_FAILED", "The condition of the request does not hold"),
    of_call(412, "PRECONDITION_FAILED", "The condition of the request does not hold"),
    of_call(428, "PRECONDITION_REQUIRED", "The request must be conditional"),
    of_call(405, "METHOD_NOT_ALLOWED", "HTTP Method not allowed"),
    of_call(414, "URI_TOO_LONG", "The URI is longer than 16,384 bytes"),
    of_call(415, "UNSUPPORTED_MEDIA_TYPE", "The content type is not supported by this resource"),
    of_call(431, "REQUEST_HEADER_FIELDS_TOO_LARGE", "The URI and headers are longer than 16,384 bytes"),
    of_call(403, "FUNCTIONALITY_NOT_ENABLED", "This feature is not currently enabled for this type of user"),
    of_call(403, "FEATURE_NOT_ENABLED", "This feature is not enabled"),
    of_call(403, "CLIENT_NOT_ACCESSIBLE_FOR_USER", "The app is blocked by the administrator"),
    of_row("TOO_MANY_APEX_REQUESTS", "too many apex requests"),
    of_call(400, "INVALIDJOB", "Unable to find the job"),
    of_call(400, "INVALIDJOBSTATE", "The job is in a state that does not allow this"),
    of_call(400, "INVALIDENTITY", "The entity is not supported by the Bulk API."),
    of_call(400, "LIMITEXCEEDED", "A limit of the Bulk API is reached"),
    of_call(400, "unsupported_grant_type", "grant type not supported"),
    of_call(400, "invalid_request", "invalid request"),
    of_call(400, "invalid_client", "invalid client credentials"),
    of_call(400, "invalid_client_id", "client identifier invalid"),
    of_call(400, "invalid_grant", "authentication failure"),
    of_call(400, "inactive_user", "user is inactive"),
    of_call(400, "inactive_org", "organization is inactive"),
    of_call(400, "rate_limit_exceeded", "login rate exceeded"),
    of_call(400, "invalid_scope", "the requested scope is not allowed"),
    of_call(400, "redirect_uri_missing", "redirect_uri not provided"),
    of_call(400, "redirect_uri_mismatch", "redirect_uri must match configuration"),
    of_call(400, "unauthorized_client", "client is not authorized for this grant type"),
    of_call(400, "invalid_app_access", "user is not admin approved to access this app"),
    of_call(400, "app_not_found", "External client app is not installed in this org"),
    of_call(500, "server_error", "an unexpected error occurred"),
    of_call(503, "temporarily_unavailable", "the authorization server is temporarily unavailable"),
];

/// What is documented about a code.
pub(crate) fn documented(code: &str) -> Option<&'static Documented> {
    DOCUMENTED.iter().find(|documented| documented.code == code)
}

/// A code that outlives its fault, as the org's errors want it. Beyond so many undocumented ones all
/// read `UNKNOWN_EXCEPTION`, so that they take no more memory.
pub(super) fn lasting(code: &str) -> &'static str {
    static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    if let Some(documented) = documented(code) {
        return documented.code;
    }
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(code) = known.get(code) {
        return code;
    }
    if known.len() >= CODES_KEPT || code.len() > CODE_LENGTH {
        return "UNKNOWN_EXCEPTION";
    }
    let code: &'static str = Box::leak(code.to_owned().into_boxed_str());
    known.insert(code);
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_documented_once() {
        let mut seen = BTreeSet::new();
        for documented in DOCUMENTED {
            assert!(seen.insert(documented.code), "{}", documented.code);
            assert!(!documented.message.is_empty());
        }
    }

    #[test]
    fn an_undocumented_code_lasts_and_a_monster_does_not() {
        assert_eq!(lasting("MY_OWN_CODE"), "MY_OWN_CODE");
        assert_eq!(lasting(&"X".repeat(1_000)), "UNKNOWN_EXCEPTION");
    }
}
