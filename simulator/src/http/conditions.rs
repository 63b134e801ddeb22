//! Conditional requests: `If-Modified-Since` and `If-Unmodified-Since` with a grain of one second,
//! and on rows of accounts `If-Match` and `If-None-Match`.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::http::{
    HeaderName, Method, StatusCode,
    header::{ACCEPT_ENCODING, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE},
};
use chrono::{DateTime, NaiveDateTime, Utc};

use crate::{
    Id, Org,
    http::{call::Call, refusal::Refusal},
};

/// What the conditions of a request mean for it.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It goes on.
    Proceed,
    /// The client has what it asks for: 304.
    NotModified,
}

/// The date in a header, if there is one that can be read.
pub(crate) fn date(call: &Call, name: &HeaderName) -> Option<DateTime<Utc>> {
    read(call.headers.get(name)?.to_str().ok()?)
}

/// Whether a read or change of a row goes on that was last changed at `modified` and has the tag.
///
/// # Errors
/// 412 for a condition that a change, or a read of an old state, fails; 400 for a change with a
/// date that is none.
pub(crate) fn check(
    call: &Call,
    modified: DateTime<Utc>,
    tag: Option<&str>,
) -> Result<Verdict, Refusal> {
    let is_read = matches!(call.method, Method::GET | Method::HEAD);
    for name in [IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE] {
        if !is_read && call.headers.contains_key(&name) && date(call, &name).is_none() {
            let message = format!("The value of the {name} header is not a date");
            return Err(Refusal::bad_request("BAD_REQUEST", message));
        }
    }
    let has = |name: &HeaderName| {
        let listed = call.headers.get(name)?.to_str().ok()?;
        Some(
            listed
                .split(',')
                .map(str::trim)
                .any(|one| one == "*" || tag.map(bare) == Some(bare(one))),
        )
    };
    let (wanted, unwanted) =
        if tag.is_some() { (has(&IF_MATCH), has(&IF_NONE_MATCH)) } else { (None, None) };
    let is_newer = |since: DateTime<Utc>| modified > since;
    if wanted == Some(false) || date(call, &IF_UNMODIFIED_SINCE).is_some_and(is_newer) {
        return Err(failed());
    }
    let is_same = unwanted == Some(true)
        || date(call, &IF_MODIFIED_SINCE).is_some_and(|since| !is_newer(since));
    match (is_same, is_read) {
        (false, _) => Ok(Verdict::Proceed),
        (true, true) => Ok(Verdict::NotModified),
        (true, false) => Err(failed()),
    }
}

fn failed() -> Refusal {
    let message = "The precondition of the request is not met";
    Refusal::rest(StatusCode::PRECONDITION_FAILED, "PRECONDITION_FAILED", message)
}

/// The tag of a row; only accounts have one. It differs by whether the answer is compressed.
pub(crate) fn tag(org: &Org, call: &Call, object: &str, id: Id) -> Option<String> {
    if !object.eq_ignore_ascii_case("Account") {
        return None;
    }
    let shape = org.shape(call.user(), object, None).ok()?;
    let mut row = String::new();
    org.write_json(&shape, id, "", &mut row);
    let mut hasher = DefaultHasher::new();
    row.hash(&mut hasher);
    let accepts = call.headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let suffix = if accepts.is_some_and(|accepts| accepts.contains("gzip")) { "-gzip" } else { "" };
    Some(format!("\"{:016x}{suffix}\"", hasher.finish()))
}

/// A tag without quotes, weakness and the mark of compression.
fn bare(tag: &str) -> &str {
    let tag = tag.trim_start_matches("W/").trim_matches('"');
    tag.strip_suffix("-gzip").unwrap_or(tag)
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

    #[test]
    fn tags_are_the_same_compressed_or_not() {
        assert_eq!(bare("\"ab=-gzip\""), bare("W/\"ab=\""));
        assert_ne!(bare("\"ab\""), bare("\"abc\""));
    }
}
