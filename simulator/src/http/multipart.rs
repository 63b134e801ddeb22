//! Multipart forms: a body of named parts, each with a content of its own type.

use bytes::Bytes;

use crate::http::call::Call;

/// A part of a form.
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) file_name: Option<String>,
    /// In lower case; empty where it is not said.
    pub(crate) content_type: String,
    pub(crate) content: Bytes,
}

/// The parts of a form in their order; `None` for a body that is no form.
pub(crate) fn parts(call: &Call) -> Option<Vec<Part>> {
    read(&boundary(call)?, &call.body)
}

/// What stands between the parts of a form; none for a body that is no form.
pub(crate) fn boundary(call: &Call) -> Option<String> {
    boundary_of(call.header("content-type")?)
}

fn boundary_of(content_type: &str) -> Option<String> {
    Some(format!("--{}", parameter(content_type, "boundary")?))
}

fn read(boundary: &str, body: &Bytes) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut from = find(body, boundary.as_bytes(), 0)? + boundary.len();
    while let Some(to) = find(body, boundary.as_bytes(), from) {
        parts.push(part(body, body.get(from..to)?)?);
        from = to + boundary.len();
    }
    // What ends the form is two dashes; without them it is cut off.
    body.get(from..)?.starts_with(b"--").then_some(parts)
}

fn part(body: &Bytes, whole: &[u8]) -> Option<Part> {
    let (blank, width) = match find(whole, b"\r\n\r\n", 0) {
        Some(at) => (at, 4),
        None => (find(whole, b"\n\n", 0)?, 2),
    };
    let head = String::from_utf8_lossy(whole.get(..blank)?).into_owned();
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(key, _)| key.trim().eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim().to_owned())
    };
    let disposition = header("content-disposition")?;
    let mut content = whole.get(blank + width..)?;
    content = content.strip_suffix(b"\n").unwrap_or(content);
    content = content.strip_suffix(b"\r").unwrap_or(content);
    Some(Part {
        name: parameter(&disposition, "name")?,
        file_name: parameter(&disposition, "filename"),
        content_type: header("content-type").unwrap_or_default().to_ascii_lowercase(),
        content: body.slice_ref(content),
    })
}

/// A parameter of a header, without quotes; none when it is empty.
fn parameter(header: &str, name: &str) -> Option<String> {
    let value = header.split(';').find_map(|parameter| {
        let (key, value) = parameter.trim().split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then_some(value)
    })?;
    let value = value.trim().trim_matches('"');
    (!value.is_empty()).then(|| value.to_owned())
}

fn find(text: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let at = text.get(from..)?.windows(wanted.len()).position(|window| window == wanted)?;
    Some(from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(end: &str, last: &str) -> Bytes {
        let lines = [
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
            last,
            "",
        ];
        Bytes::from(lines.join(end))
    }

    #[test]
    fn the_parts_are_found_whatever_their_line_ends() {
        for end in ["\r\n", "\n"] {
            let parts = read("--B", &form(end, "--B--")).unwrap();

            let [job, content] = parts.as_slice() else { panic!("{} parts", parts.len()) };
            assert_eq!((job.name.as_str(), &job.content[..]), ("job", b"{}".as_slice()));
            assert_eq!(job.content_type, "application/json");
            assert_eq!(
                (content.name.as_str(), &content.content[..]),
                ("content", format!("Name{end}a").as_bytes())
            );
            assert_eq!(content.file_name.as_deref(), Some("content"));
        }
    }

    #[test]
    fn a_form_that_is_cut_off_is_none() {
        assert!(read("--B", &form("\n", "--B")).is_none());
        assert!(read("--C", &form("\n", "--B--")).is_none());
    }

    #[test]
    fn a_boundary_may_be_quoted_but_not_empty() {
        assert_eq!(boundary_of("multipart/form-data; boundary=\"B\"").as_deref(), Some("--B"));
        assert_eq!(boundary_of("multipart/form-data; boundary="), None);
        assert_eq!(boundary_of("text/csv"), None);
    }
}
