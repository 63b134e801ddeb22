//! The two forms of an answer, and the way in which this API says no.

use axum::http::{StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};

use crate::http::{call::Call, reply::Reply, xml::Element};

/// The namespace of the API's XML.
pub(super) const NAMESPACE: &str = "http://www.force.com/2009/06/asyncapi/dataload";

/// The form in which jobs and batches are told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    Xml,
    Json,
}

impl Form {
    /// What the client speaks; `usual` when it does not say.
    pub(super) fn of(call: &Call, usual: Self) -> Self {
        let accept = call.header("accept").unwrap_or_default();
        match call.media_type().as_deref() {
            Some("application/json") => Self::Json,
            Some("application/xml" | "text/xml") => Self::Xml,
            _ if accept.starts_with("application/json") => Self::Json,
            _ if accept.starts_with("application/xml") => Self::Xml,
            _ => usual,
        }
    }

    /// How a job is read back: in the form of its content. A type that the request gives its body,
    /// which it does not have, says nothing: tap-salesforce sends one of JSON and reads XML.
    pub(super) fn of_read(call: &Call, usual: Self) -> Self {
        let accept = call.header("accept").unwrap_or_default();
        match accept.split(';').next() {
            Some("application/json") => Self::Json,
            Some("application/xml" | "text/xml") => Self::Xml,
            _ => usual,
        }
    }

    /// An object, named `name` where that is written.
    pub(super) fn reply(self, status: StatusCode, name: &str, body: &Value) -> Reply {
        match self {
            // Without a character set: salesforce-bulk compares the whole header.
            Self::Json => Reply::json(status, body).with(CONTENT_TYPE, "application/json"),
            Self::Xml => {
                let elements = Element::all_of_json(name, body);
                let element = elements.into_iter().next().unwrap_or_default();
                let text = element.with("xmlns", NAMESPACE).document();
                Reply::text(status, "application/xml", text)
            }
        }
    }
}

/// Why a request was refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, message: message.into() }
    }

    pub(super) fn session() -> Self {
        Self::new("InvalidSessionId", "Invalid session id")
    }

    pub(super) fn wrong_verb(call: &Call) -> Self {
        let message = format!("HTTP method {} is not allowed here", call.method);
        let refusal = Self::new("MethodNotAllowed", message);
        Self { status: StatusCode::METHOD_NOT_ALLOWED, ..refusal }
    }

    pub(super) fn no_such_url() -> Self {
        let refusal = Self::new("InvalidUrl", "Destination URL not found");
        Self { status: StatusCode::NOT_FOUND, ..refusal }
    }

    /// The daily limit is spent.
    pub(super) fn limit() -> Self {
        let refusal = Self::new("ExceededQuota", "TotalRequests Limit exceeded.");
        Self { status: StatusCode::FORBIDDEN, ..refusal }
    }

    /// The refusal as an answer.
    pub(super) fn reply(&self, form: Form) -> Reply {
        let body = json!({ "exceptionCode": self.code, "exceptionMessage": self.message });
        form.reply(self.status, "error", &body)
    }
}

/// A reply with text of this type.
pub(super) fn text(content_type: &str, text: impl Into<bytes::Bytes>) -> Reply {
    Reply::text(StatusCode::OK, content_type, text).with(CONTENT_TYPE, content_type)
}
