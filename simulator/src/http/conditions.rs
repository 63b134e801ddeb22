//! Conditional requests: `If-Modified-Since` and `If-Unmodified-Since`, with a grain of one second.

use axum::http::{
    HeaderName, StatusCode,
    header::{IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE},
};
use chrono::{DateTime, NaiveDateTime, Utc};

use crate::http::{call::Call, refusal::Refusal};

/// The date in a header, if there is one that can be read.
pub(crate) fn date(call: &Call, name: &HeaderName) -> Option<DateTime<Utc>> {
    read(call.headers.get(name)?.to_str().ok()?)
}

/// Whether a row last changed at `modified` need not be sent again.
pub(crate) fn is_unmodified(call: &Call, modified: DateTime<Utc>) -> bool {
    date(call, &IF_MODIFIED_SINCE).is_some_and(|since| modified <= since)
}

/// Whether a write may go on, to a row last changed at `modified`.
///
/// # Errors
/// 412 when the row changed after the header's date, 400 when that is no date.
pub(crate) fn check_unmodified(call: &Call, modified: DateTime<Utc>) -> Result<(), Refusal> {
    let Some(header) = call.headers.get(IF_UNMODIFIED_SINCE) else { return Ok(()) };
    let Some(since) = header.to_str().ok().and_then(read) else {
        let message = "The value of the If-Unmodified-Since header is not a date";
        return Err(Refusal::bad_request("BAD_REQUEST", message));
    };
    if modified <= since {
        return Ok(());
    }
    Err(Refusal::rest(
        StatusCode::PRECONDITION_FAILED,
        "PRECONDITION_FAILED",
        "The record was modified after the given date",
    ))
}

fn read(text: &str) -> Option<DateTime<Utc>> {
    let zoneless = text.trim().strip_suffix("GMT")?.trim_end();
    let time = NaiveDateTime::parse_from_str(zoneless, "%a, %d %b %Y %H:%M:%S").ok()?;
    Some(time.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::gate::http_date;

    #[test]
    fn http_dates_are_read_as_they_are_written() {
        let time = DateTime::from_timestamp(1_800_000_000, 0).unwrap();

        assert_eq!(read(&http_date(time)), Some(time));
        assert_eq!(read("2026-01-01T00:00:00Z"), None);
        assert_eq!(read(""), None);
    }
}
