//! The errors that a fault orders, as this API says them.

use axum::http::StatusCode;
use serde_json::json;

use crate::http::{
    async_bulk::answer::{Form, Refusal},
    call::Call,
    reply::Reply,
};

/// The names that this API has for errors of the others.
const NAMES: &[(&str, &str)] = &[
    ("API_CURRENTLY_DISABLED", "FeatureNotEnabled"),
    ("API_DISABLED_FOR_ORG", "FeatureNotEnabled"),
    ("EXCEEDED_QUOTA", "ExceededQuota"),
    ("FUNCTIONALITY_NOT_ENABLED", "FeatureNotEnabled"),
    ("LIMIT_EXCEEDED", "ExceededQuota"),
    ("QUERY_TIMEOUT", "Timeout"),
    ("REQUEST_LIMIT_EXCEEDED", "ExceededQuota"),
    ("REQUEST_RUNNING_TOO_LONG", "Timeout"),
    ("UNABLE_TO_LOCK_ROW", "TooManyLockFailure"),
    ("UNKNOWN_EXCEPTION", "Unknown"),
];

/// An error with a code of any API, in the form that the client speaks.
pub(crate) fn error(call: &Call, status: StatusCode, code: &str, message: &str) -> Reply {
    let form = Form::of(call, Form::Xml);
    if code == "INVALID_SESSION_ID" && status == StatusCode::UNAUTHORIZED {
        return Refusal::session().reply(form);
    }
    let body = json!({ "exceptionCode": name(code), "exceptionMessage": message });
    form.reply(status, "error", &body)
}

/// `INVALID_JOB` reads `InvalidJob` here; what has no capitals only stays as it is.
fn name(code: &str) -> String {
    if let Some((_, name)) = NAMES.iter().find(|(other, _)| *other == code) {
        return (*name).to_owned();
    }
    if code.chars().any(|letter| letter.is_ascii_lowercase()) {
        return code.to_owned();
    }
    let words = code.split('_').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().into_iter();
        first.chain(letters.map(|letter| letter.to_ascii_lowercase())).collect::<String>()
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_other_apis_get_their_names_here() {
        #[rustfmt::skip]
        let table = [
            ("REQUEST_LIMIT_EXCEEDED", "ExceededQuota"),
            ("UNABLE_TO_LOCK_ROW",     "TooManyLockFailure"),
            ("INVALID_SESSION_ID",     "InvalidSessionId"),
            ("InvalidBatch",           "InvalidBatch"),
            ("",                       ""),
        ];
        for (code, expected) in table {
            assert_eq!(name(code), expected);
        }
    }
}
