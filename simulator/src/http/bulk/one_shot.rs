//! The one-shot form of an ingest job: order and rows in one multipart body.

use bytes::Bytes;

use crate::http::{call::Call, multipart, refusal::Refusal};

/// The largest upload in this form, in characters.
const CONTENT_MAX: usize = 100_000;

/// The parts of a one-shot job: its order as JSON and its rows as CSV.
///
/// # Errors
/// A body that is not such a form.
pub(crate) fn parts(call: &Call) -> Result<(Bytes, Bytes), Refusal> {
    if multipart::boundary(call).is_none() {
        return Err(malformed("the boundary is missing"));
    }
    let parts = multipart::parts(call).ok_or_else(|| malformed("the parts cannot be read"))?;
    let part = |name: &str| {
        let found = parts.iter().find(|part| part.name.eq_ignore_ascii_case(name));
        let missing = || malformed(&format!("no part named {name}"));
        found.map(|part| part.content.clone()).ok_or_else(missing)
    };
    let (job, content) = (part("job")?, part("content")?);
    if content.len() > CONTENT_MAX {
        let message = format!("the content part is longer than {CONTENT_MAX} characters");
        return Err(malformed(&message));
    }
    Ok((job, content))
}

fn malformed(reason: &str) -> Refusal {
    Refusal::bad_request("INVALIDJOB", format!("Malformed multipart request: {reason}"))
}
