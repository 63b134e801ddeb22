//! The one-shot form of an ingest job: order and rows in one multipart body.

use bytes::Bytes;

use crate::http::{call::Call, refusal::Refusal};

/// The largest upload in this form, in characters.
const CONTENT_MAX: usize = 100_000;

/// The parts of a one-shot job: its order as JSON and its rows as CSV.
///
/// # Errors
/// A body that is not such a form.
pub(crate) fn parts(call: &Call) -> Result<(Bytes, Bytes), Refusal> {
    let boundary = call.header("content-type").and_then(boundary);
    let boundary = boundary.ok_or_else(|| malformed("the boundary is missing"))?;
    let job = part(&call.body, &boundary, "job").ok_or_else(|| malformed("no part named job"))?;
    let content =
        part(&call.body, &boundary, "content").ok_or_else(|| malformed("no part named content"))?;
    if content.len() > CONTENT_MAX {
        let message = format!("the content part is longer than {CONTENT_MAX} characters");
        return Err(malformed(&message));
    }
    Ok((job, content))
}

fn malformed(reason: &str) -> Refusal {
    Refusal::bad_request("INVALIDJOB", format!("Malformed multipart request: {reason}"))
}

fn boundary(content_type: &str) -> Option<String> {
    let parameter = content_type.split(';').map(str::trim).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.eq_ignore_ascii_case("boundary").then_some(value)
    })?;
    let boundary = parameter.trim_matches('"');
    (!boundary.is_empty()).then(|| format!("--{boundary}"))
}

/// The content of the part with this name.
fn part(body: &Bytes, boundary: &str, name: &str) -> Option<Bytes> {
    let wanted = format!("name=\"{name}\"");
    let mut from = find(body, boundary.as_bytes(), 0)? + boundary.len();
    while let Some(to) = find(body, boundary.as_bytes(), from) {
        let (blank, width) = match find(body.get(..to)?, b"\r\n\r\n", from) {
            Some(at) => (at, 4),
            None => (find(body.get(..to)?, b"\n\n", from)?, 2),
        };
        let head = String::from_utf8_lossy(body.get(from..blank)?).to_ascii_lowercase();
        if head.contains(&wanted) {
            let mut content = body.get(blank + width..to).unwrap_or_default();
            content = content.strip_suffix(b"\n").unwrap_or(content);
            content = content.strip_suffix(b"\r").unwrap_or(content);
            return Some(body.slice_ref(content));
        }
        from = to + boundary.len();
    }
    None
}

fn find(text: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let at = text.get(from..)?.windows(wanted.len()).position(|window| window == wanted)?;
    Some(from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_are_found_whatever_their_line_ends() {
        for end in ["\r\n", "\n"] {
            let body = [
                "--B",
                "Content-Type: application/json",
                "Content-Disposition: form-data; name=\"job\"",
                "",
                "{}",
                "--B",
                "Content-Disposition: form-data; name=\"content\"; filename=\"content\"",
                "",
                "Name",
                "a",
                "--B--",
                "",
            ]
            .join(end);
            let body = Bytes::from(body);

            assert_eq!(part(&body, "--B", "job").unwrap(), "{}");
            assert_eq!(part(&body, "--B", "content").unwrap(), format!("Name{end}a"));
            assert_eq!(part(&body, "--B", "other"), None);
        }
    }

    #[test]
    fn a_boundary_may_be_quoted_but_not_empty() {
        assert_eq!(boundary("multipart/form-data; boundary=\"B\"").as_deref(), Some("--B"));
        assert_eq!(boundary("multipart/form-data; boundary="), None);
        assert_eq!(boundary("text/csv"), None);
    }
}
