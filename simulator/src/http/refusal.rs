//! The ways in which the org says no.
//!
//! Every resource answers errors as an array of `{message, errorCode, fields?}`, the OAuth endpoints
//! as `{error, error_description}`, and the identity URL as plain text. `fields` is present exactly
//! on errors about rows (possibly empty) and absent on routing, session and query errors.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::ApiError;

/// An answer that refuses the request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Refusal {
    /// What the org itself found wrong.
    Org(ApiError),
    /// The array of the REST and Bulk APIs.
    Rest { status: StatusCode, code: String, message: String },
    /// The object of the OAuth endpoints, always with status 400.
    OAuth { error: &'static str, description: String },
    /// Plain text, as the identity URL answers.
    Text { status: StatusCode, text: &'static str },
}

impl Refusal {
    /// A refusal about the request as a whole.
    pub(crate) fn rest(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self::Rest { status, code: code.to_owned(), message: message.into() }
    }

    /// A 400 about the request as a whole.
    pub(crate) fn bad_request(code: &str, message: impl Into<String>) -> Self {
        Self::rest(StatusCode::BAD_REQUEST, code, message)
    }

    /// An OAuth refusal.
    pub(crate) fn oauth(error: &'static str, description: impl Into<String>) -> Self {
        Self::OAuth { error, description: description.into() }
    }

    /// The resource, object or row is not there.
    pub(crate) fn not_found() -> Self {
        Self::rest(StatusCode::NOT_FOUND, "NOT_FOUND", "The requested resource does not exist")
    }

    /// The key field or id of the path leads nowhere.
    pub(crate) fn no_such_key(key: &str) -> Self {
        Self::rest(
            StatusCode::NOT_FOUND,
            "NOT_FOUND",
            format!("Provided external ID field does not exist or is not accessible: {key}"),
        )
    }

    /// The session is unknown or over.
    pub(crate) fn session() -> Self {
        Self::rest(StatusCode::UNAUTHORIZED, "INVALID_SESSION_ID", "Session expired or invalid")
    }

    /// The body is not the JSON that the resource takes.
    pub(crate) fn malformed_json(error: &serde_json::Error) -> Self {
        // serde_json ends its messages with the position, which is said once, in Salesforce's form.
        let text = error.to_string();
        let reason = text.split(" at line ").next().unwrap_or_default();
        // A value of the wrong kind has no place any more; places begin at 1.
        let (line, column) = (error.line().max(1), error.column().max(1));
        Self::bad_request(
            "JSON_PARSER_ERROR",
            format!("{reason} at [line:{line}, column:{column}]"),
        )
    }

    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Rest { status, .. } | Self::Text { status, .. } => *status,
            Self::Org(error) => {
                StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST)
            }
            Self::OAuth { .. } => StatusCode::BAD_REQUEST,
        }
    }

    /// The JSON body of the answer; `None` for a refusal in plain text.
    pub(crate) fn body(&self) -> Option<Value> {
        match self {
            Self::Org(error) => Some(json!([error.to_json()])),
            Self::Rest { code, message, .. } => {
                Some(json!([{ "message": message, "errorCode": code }]))
            }
            Self::OAuth { error, description } => {
                Some(json!({ "error": error, "error_description": description }))
            }
            Self::Text { .. } => None,
        }
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Org(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_about_rows_carry_fields_and_others_do_not() {
        let row = Refusal::from(ApiError::row("ENTITY_IS_DELETED", "entity is deleted", &[]));
        let routing = Refusal::not_found();

        assert_eq!(row.body().unwrap()[0]["fields"], json!([]));
        assert!(routing.body().unwrap()[0].get("fields").is_none());
    }

    #[test]
    fn a_json_error_says_its_position_once() {
        let error = serde_json::from_str::<Value>("{\"a\":}").unwrap_err();

        let Refusal::Rest { message, .. } = Refusal::malformed_json(&error) else { panic!() };

        assert!(message.ends_with("at [line:1, column:6]"), "{message}");
        assert_eq!(message.matches("line").count(), 1, "{message}");
    }
}
