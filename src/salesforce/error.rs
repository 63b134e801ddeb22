//! What can go wrong between us and Salesforce.
//!
//! Every error tells whether the request can have had an effect all the same, what the engine does next, and
//! what the operator does. Salesforce's own words may repeat cell values, so they are kept for the people who
//! look at a record, and never part of `Display` or `Debug`, which end in logs.

use super::LoginFailure;
use crate::model::InvalidValue;
use crate::reconcile::{Class, classify};
use crate::runtime::Retry;
use reqwest::StatusCode;
use serde::Deserialize;
use std::fmt;
use std::time::Duration;

/// Salesforce's refusal of one record, or of a request as a whole.
#[derive(Clone, PartialEq, Eq)]
pub struct RowError {
    /// The status code, as in `FIELD_CUSTOM_VALIDATION_EXCEPTION`.
    pub code: String,
    /// Salesforce's own words. They may repeat cell values: to be shown beside the record, not logged.
    pub message: String,
    /// The fields it is about, where Salesforce says so.
    pub fields: Vec<String>,
}

impl RowError {
    /// What the engine does about it.
    fn class(&self) -> Class {
        classify(&self.code, &self.message).class
    }

    /// Whether it may be gone by itself when the same is asked again.
    fn is_passing(&self) -> bool {
        matches!(self.class(), Class::RetrySoon | Class::RetryLater)
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        if self.fields.is_empty() { Ok(()) } else { write!(f, " ({})", self.fields.join(", ")) }
    }
}

impl fmt::Debug for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowError")
            .field("code", &self.code)
            .field("fields", &self.fields)
            .finish_non_exhaustive()
    }
}

/// Why a call to Salesforce failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings cannot work.
    #[error("the Salesforce settings are not usable: {0}")]
    Settings(String),
    /// No session could be obtained; the call itself was not made.
    #[error(transparent)]
    Login(#[from] LoginFailure),
    /// A session that was just issued was not accepted for some seconds.
    #[error("salesforce refuses the session it has just issued")]
    SessionRefused,
    /// The integration user may not do this.
    #[error("salesforce forbids this to the integration user: {0}")]
    Forbidden(RowError),
    /// There is no such object, record or job, or the integration user cannot see it.
    #[error("salesforce does not find what was asked for: {0}")]
    NotFound(RowError),
    /// The org has used up its API requests.
    #[error("the org's API requests are used up: {0}")]
    RequestLimit(RowError),
    /// Salesforce is down, in maintenance, or too busy.
    #[error("salesforce is not available (HTTP {status}{})", .code.as_deref().map(|code| format!(", {code}")).unwrap_or_default())]
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// Salesforce's code, where the answer came from Salesforce and not from a gateway before it.
        code: Option<String>,
        /// How long Salesforce asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// Salesforce refused the request as a whole.
    #[error("salesforce refuses the request: {0}")]
    Refused(RowError),
    /// The answer is not what the API promises.
    #[error("salesforce's answer cannot be read: {0}")]
    Malformed(&'static str),
    /// The answer lacks a field that was asked for, so nothing can be said about its value.
    #[error("salesforce's answer lacks the field {0}")]
    MissingField(String),
    /// A value does not fit the type of its field.
    #[error("salesforce's value of {field} cannot be read")]
    Value {
        /// The field.
        field: String,
        /// The type that was expected.
        #[source]
        source: InvalidValue,
    },
    /// A download ended early.
    #[error("a download was cut short: {received} of {expected} rows arrived whole")]
    Truncated {
        /// Rows announced.
        expected: u64,
        /// Rows received.
        received: u64,
    },
    /// The connection failed before or during the call.
    #[error("the connection to Salesforce failed: {}", deepest(.source))]
    Transport {
        /// Whether the request can have reached Salesforce.
        was_sent: bool,
        /// The cause, without the address, which may contain values.
        #[source]
        source: reqwest::Error,
    },
}

impl Error {
    /// What the engine does.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Login(failure) => failure.retry(),
            Self::RequestLimit(_) => Retry::Later,
            Self::Unavailable { .. }
            | Self::Malformed(_)
            | Self::Truncated { .. }
            | Self::Transport { .. } => Retry::Soon,
            Self::Refused(refusal) | Self::Forbidden(refusal) | Self::NotFound(refusal)
                if refusal.is_passing() =>
            {
                if refusal.class() == Class::RetrySoon {
                    Retry::Soon
                } else {
                    Retry::Later
                }
            }
            Self::Settings(_)
            | Self::SessionRefused
            | Self::Forbidden(_)
            | Self::NotFound(_)
            | Self::Refused(_)
            | Self::MissingField(_)
            | Self::Value { .. } => Retry::Never,
        }
    }

    /// What the operator does; `None` if the engine copes alone.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        let remedy = match self {
            Self::Login(failure) => return failure.remedy(),
            Self::Refused(refusal) | Self::Forbidden(refusal) | Self::NotFound(refusal)
                if refusal.is_passing() =>
            {
                return None;
            }
            Self::Settings(_) => "correct the Salesforce settings",
            Self::SessionRefused => {
                "check the session and IP restrictions of the app and of the integration user's profile"
            }
            Self::Forbidden(_) => {
                "give the integration user the permission in question, API Enabled included"
            }
            Self::NotFound(_) => {
                "check that the name is spelt as in Salesforce and that the integration user can see it"
            }
            Self::MissingField(_) | Self::Value { .. } => {
                "compare the mapping with the object in Salesforce: a field was removed, hidden or changed its type"
            }
            Self::Refused(refusal) if refusal.code == "UNSUPPORTED_API_VERSION" => {
                "set salesforce.api_version to one that the org serves"
            }
            Self::Refused(_) => {
                "look at Salesforce's message, and compare the mapping with the object in Salesforce"
            }
            Self::RequestLimit(_)
            | Self::Unavailable { .. }
            | Self::Malformed(_)
            | Self::Truncated { .. }
            | Self::Transport { .. } => return None,
        };
        Some(remedy.to_owned())
    }

    /// Whether a writing call may have had its effect although it failed. Only reading can tell then.
    #[must_use]
    pub fn outcome_is_unknown(&self) -> bool {
        match self {
            Self::Transport { was_sent, .. } => *was_sent,
            Self::Unavailable { .. }
            | Self::Malformed(_)
            | Self::MissingField(_)
            | Self::Value { .. }
            | Self::Truncated { .. } => true,
            Self::Settings(_)
            | Self::Login(_)
            | Self::SessionRefused
            | Self::Forbidden(_)
            | Self::NotFound(_)
            | Self::RequestLimit(_)
            | Self::Refused(_) => false,
        }
    }

    /// Whether it concerns the connection as a whole: whatever is asked for next would fail like it. Otherwise it says
    /// nothing about other objects.
    #[must_use]
    pub fn concerns_all(&self) -> bool {
        match self {
            Self::Settings(_)
            | Self::Login(_)
            | Self::SessionRefused
            | Self::RequestLimit(_)
            | Self::Transport { .. } => true,
            // What comes without a code comes from a gateway.
            Self::Unavailable { code, .. } => code.as_deref().is_none_or(|code| {
                ["SERVER_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED"].contains(&code)
            }),
            Self::Forbidden(refusal) | Self::NotFound(refusal) | Self::Refused(refusal) => {
                refusal.class() == Class::StopConnection || refusal.code == "API_CURRENTLY_DISABLED"
            }
            Self::Malformed(_)
            | Self::MissingField(_)
            | Self::Value { .. }
            | Self::Truncated { .. } => false,
        }
    }

    /// Whether Salesforce found the statement too long or too complicated: with fewer fields it may go.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        let codes = ["QUERY_TOO_COMPLICATED", "HTTP_414", "HTTP_431", "URI_TOO_LONG"];
        self.refusal().is_some_and(|refusal| codes.contains(&refusal.code.as_str()))
    }

    /// Whether Salesforce took too long over a query.
    #[must_use]
    pub fn is_query_timeout(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.code == "QUERY_TIMEOUT",
            Self::Unavailable { code, .. } => code.as_deref() == Some("QUERY_TIMEOUT"),
            _ => false,
        }
    }

    /// Salesforce's code and own words, where it refused. They may repeat cell values.
    #[must_use]
    pub fn refusal(&self) -> Option<&RowError> {
        match self {
            Self::Forbidden(refusal)
            | Self::NotFound(refusal)
            | Self::RequestLimit(refusal)
            | Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    pub(super) fn transport(error: reqwest::Error) -> Self {
        let was_sent = !error.is_connect() && !error.is_builder();
        Self::Transport { was_sent, source: error.without_url() }
    }

    /// The meaning of an answer that is no success.
    pub(super) fn of_answer(
        status: StatusCode,
        retry_after: Option<Duration>,
        body: &[u8],
    ) -> Self {
        let refusal = first_refusal(body);
        if status.is_server_error() || matches!(status.as_u16(), 408 | 420) {
            let code = refusal.map(|refusal| refusal.code);
            return Self::Unavailable { status: status.as_u16(), code, retry_after };
        }
        if status.is_redirection() {
            return Self::Malformed("a redirection");
        }
        let mut refusal = refusal.unwrap_or_else(|| RowError {
            code: format!("HTTP_{}", status.as_u16()),
            message: String::new(),
            fields: Vec::new(),
        });
        // The status is documented, the code is not.
        if status == StatusCode::PRECONDITION_FAILED {
            "PRECONDITION_FAILED".clone_into(&mut refusal.code);
        }
        match (status.as_u16(), refusal.code.as_str()) {
            (_, "REQUEST_LIMIT_EXCEEDED") if refusal.message.contains("oncurrent") => {
                let code = Some(refusal.code);
                Self::Unavailable { status: status.as_u16(), code, retry_after }
            }
            (429, _) | (_, "REQUEST_LIMIT_EXCEEDED") => Self::RequestLimit(refusal),
            (403, _) => Self::Forbidden(refusal),
            (404, _) => Self::NotFound(refusal),
            _ => Self::Refused(refusal),
        }
    }
}

/// The wire form of a refusal; the code's name depends on the resource.
#[derive(Deserialize)]
pub(super) struct WireRefusal {
    #[serde(alias = "errorCode", alias = "statusCode")]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    fields: Vec<String>,
}

impl From<WireRefusal> for RowError {
    fn from(wire: WireRefusal) -> Self {
        Self { code: wire.code, message: wire.message, fields: wire.fields }
    }
}

/// What it came down to, in the words of the operating system; they hold no address.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

/// Of several refusals in one answer the first decides.
fn first_refusal(body: &[u8]) -> Option<RowError> {
    let refusals: Vec<WireRefusal> = serde_json::from_slice(body).ok()?;
    refusals.into_iter().next().map(RowError::from)
}

#[cfg(test)]
mod tests {
    use super::{Error, RowError};
    use crate::model::{ColumnType, InvalidValue, Unfit};
    use crate::runtime::Retry;
    use crate::salesforce::LoginFailure;
    use reqwest::StatusCode;

    fn answered(status: u16, body: &str) -> Error {
        Error::of_answer(StatusCode::from_u16(status).unwrap(), None, body.as_bytes())
    }

    fn refused(status: u16, code: &str, message: &str) -> Error {
        let body =
            serde_json::json!([{ "errorCode": code, "message": message, "fields": ["A__c"] }]);
        answered(status, &body.to_string())
    }

    #[test]
    fn an_answer_becomes_the_error_that_tells_what_to_do() {
        #[rustfmt::skip]
        let table = [
            // answer                                                         retry         unknown
            (refused(400, "STRING_TOO_LONG", "too long"),                     Retry::Never, false),
            (refused(400, "UNABLE_TO_LOCK_ROW", "locked"),                    Retry::Soon,  false),
            (refused(400, "A_CODE_OF_TOMORROW", "no"),                        Retry::Never, false),
            (refused(403, "STORAGE_LIMIT_EXCEEDED", "full"),                  Retry::Later, false),
            (refused(403, "INSUFFICIENT_ACCESS", "no"),                       Retry::Never, false),
            (refused(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), Retry::Later, false),
            (refused(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests Limit exceeded."), Retry::Soon, true),
            (refused(404, "NOT_FOUND", "no such thing"),                      Retry::Never, false),
            (refused(500, "UNKNOWN_EXCEPTION", "oops"),                       Retry::Soon,  true),
            (refused(503, "SERVER_UNAVAILABLE", "down"),                      Retry::Soon,  true),
            (answered(503, "<html><body>We are down for maintenance.</body></html>"), Retry::Soon, true),
            (answered(502, ""),                                               Retry::Soon,  true),
            (answered(420, "Edge routing information is unknown"),            Retry::Soon,  true),
            (answered(429, ""),                                               Retry::Later, false),
            (answered(302, ""),                                               Retry::Soon,  true),
            (answered(414, "<html>URI too long</html>"),                      Retry::Never, false),
        ];
        for (error, retry, is_unknown) in table {
            assert_eq!(error.retry(), retry, "{error:?}");
            assert_eq!(error.outcome_is_unknown(), is_unknown, "{error:?}");
        }
    }

    #[test]
    fn what_concerns_the_connection_is_told_from_what_concerns_one_object() {
        #[rustfmt::skip]
        let table = [
            // answer                                                                         concerns all
            (refused(403, "LIMIT_EXCEEDED", "no more"),                                       false),
            (refused(400, "EXCEEDED_QUOTA", "no more"),                                       false),
            (refused(403, "STORAGE_LIMIT_EXCEEDED", "full"),                                  false),
            (refused(400, "QUERY_TIMEOUT", "too slow"),                                       false),
            (refused(503, "QUERY_TIMEOUT", "too slow"),                                       false),
            (refused(500, "UNKNOWN_EXCEPTION", "oops"),                                       false),
            (refused(400, "INVALID_FIELD", "no such column"),                                 false),
            (Error::Malformed("a page"),                                                      false),
            (Error::Truncated { expected: 2, received: 1 },                                   false),
            (refused(503, "SERVER_UNAVAILABLE", "down"),                                      true),
            (answered(502, ""),                                                               true),
            (answered(429, ""),                                                               true),
            (refused(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),         true),
            (refused(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests Limit exceeded."),    true),
            (refused(403, "API_CURRENTLY_DISABLED", "for now"),                               true),
            (Error::Login(LoginFailure::Key),                                                 true),
            (Error::SessionRefused,                                                           true),
        ];
        for (error, concerns_all) in table {
            assert_eq!(error.concerns_all(), concerns_all, "{error:?}");
        }
    }

    #[test]
    fn what_stops_the_engine_tells_the_operator_what_to_do() {
        let refusal = || RowError { code: "C".into(), message: "m".into(), fields: vec![] };
        let errors = [
            Error::Settings("x".into()),
            Error::Login(LoginFailure::Unreachable),
            Error::Login(LoginFailure::Key),
            Error::SessionRefused,
            Error::Forbidden(refusal()),
            Error::NotFound(refusal()),
            Error::RequestLimit(refusal()),
            Error::Refused(refusal()),
            refused(400, "QUERY_TIMEOUT", ""),
            answered(503, ""),
            Error::Malformed("x"),
            Error::MissingField("x".into()),
            Error::Value {
                field: "x".into(),
                source: InvalidValue { column: ColumnType::Integer, unfit: Unfit::Kind },
            },
            Error::Truncated { expected: 2, received: 1 },
        ];
        for error in errors {
            assert_eq!(error.retry() == Retry::Never, error.remedy().is_some(), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_failed_connection_does_not_show_the_address_with_its_values() {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let failure = http.get("http://127.0.0.1:1/query?q=canary").send().await.unwrap_err();
        let error = Error::transport(failure);
        assert!(!format!("{error} {error:?}").contains("canary"));
        assert!(!error.outcome_is_unknown(), "nothing was sent");
    }

    #[test]
    fn salesforces_words_are_kept_but_not_shown() {
        let error = refused(400, "DUPLICATE_VALUE", "canary duplicates value");
        assert_eq!(error.refusal().unwrap().message, "canary duplicates value");
        assert!(!format!("{error} {error:?}").contains("canary"));
        assert_eq!(error.to_string(), "salesforce refuses the request: DUPLICATE_VALUE (A__c)");
    }
}
