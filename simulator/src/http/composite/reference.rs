//! `@{ref.path}`: a value from the answer to an earlier subrequest.
//!
//! A path is member names and list positions, as in `@{accounts.records[0].Id}`; names are
//! case-sensitive. A text that is one reference and nothing else becomes the value itself, so numbers
//! stay numbers; inside other text the value is written out.

use std::collections::HashMap;

use serde_json::Value;

use crate::http::refusal::Refusal;

/// The bodies of the answers so far, by `referenceId`.
#[derive(Default)]
pub(super) struct References(HashMap<String, Value>);

impl References {
    /// Remembers the answer to a subrequest that succeeded.
    pub(super) fn add(&mut self, id: &str, body: Value) {
        self.0.insert(id.to_owned(), body);
    }

    /// Text with its references replaced.
    ///
    /// # Errors
    /// 400 `PROCESSING_HALTED` for a reference to what is not there.
    pub(super) fn text(&self, text: &str) -> Result<String, Refusal> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, path, after)) = next(rest) {
            out.push_str(before);
            match self.find(path)? {
                Value::String(text) => out.push_str(text),
                other => out.push_str(&other.to_string()),
            }
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// A body with the references in its texts replaced, however deep they are.
    ///
    /// # Errors
    /// As [`References::text`].
    pub(super) fn value(&self, value: &Value) -> Result<Value, Refusal> {
        Ok(match value {
            Value::String(text) => match next(text) {
                Some(("", path, "")) => self.find(path)?.clone(),
                _ => Value::String(self.text(text)?),
            },
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.value(item)).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), self.value(value)?)))
                    .collect::<Result<_, Refusal>>()?,
            ),
            other => other.clone(),
        })
    }

    fn find(&self, path: &str) -> Result<&Value, Refusal> {
        let end = path.find(['.', '[']).unwrap_or(path.len());
        let (id, rest) = path.split_at(end);
        let found = self.0.get(id).and_then(|body| follow(body, rest));
        // A list or an object has no text that another request could use.
        found.filter(|value| !value.is_array() && !value.is_object()).ok_or_else(|| {
            let message = format!("Invalid reference specified. No value for {path} found in {id}");
            Refusal::bad_request("PROCESSING_HALTED", message)
        })
    }
}

/// The ids of the subrequests that a text refers to.
pub(super) fn ids_in(text: &str) -> Vec<&str> {
    let mut ids = Vec::new();
    let mut rest = text;
    while let Some((_, path, after)) = next(rest) {
        ids.push(path.split(['.', '[']).next().unwrap_or_default());
        rest = after;
    }
    ids
}

/// The next reference: what stands before it, its path, what stands behind it.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("@{")?;
    let (path, after) = rest.split_once('}')?;
    Some((before, path.trim(), after))
}

/// Follows `.name` and `[0]` steps.
fn follow<'a>(mut value: &'a Value, mut path: &str) -> Option<&'a Value> {
    while !path.is_empty() {
        if let Some(rest) = path.strip_prefix('[') {
            let (index, rest) = rest.split_once(']')?;
            value = value.get(index.trim().parse::<usize>().ok()?)?;
            path = rest;
        } else {
            let rest = path.strip_prefix('.')?;
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, rest) = rest.split_at(end);
            value = value.get(name)?;
            path = rest;
        }
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn references() -> References {
        let mut references = References::default();
        references.add("new", json!({ "id": "001x", "Count": 5 }));
        references.add(
            "found",
            json!({ "records": [{ "Id": "a" }, { "Id": "b", "Sub": { "X": null } }] }),
        );
        references.add("list", json!([{ "id": "first" }]));
        references
    }

    #[test]
    fn references_are_replaced_wherever_they_stand() {
        #[rustfmt::skip]
        let table = [
            ("plain",                              json!("plain")),
            ("@{new.id}",                          json!("001x")),
            ("@{new.Count}",                       json!(5)),
            ("n=@{new.Count}!",                    json!("n=5!")),
            ("/x/@{found.records[1].Id}/@{new.id}", json!("/x/b/001x")),
            ("@{list[0].id}",                      json!("first")),
            ("@{found.records[1].Sub.X}",          json!(null)),
            ("a@{open",                            json!("a@{open")),
            ("@ {new.id} {x}",                     json!("@ {new.id} {x}")),
        ];
        for (text, expected) in table {
            assert_eq!(references().value(&json!(text)), Ok(expected), "{text}");
        }
        let nested = references().value(&json!({ "a": [{ "b": "@{new.id}" }] }));
        assert_eq!(nested, Ok(json!({ "a": [{ "b": "001x" }] })));
    }

    #[test]
    fn what_is_not_there_is_said_with_its_path() {
        for path in [
            "nobody.id",
            "new.Id",
            "New.id",
            "found.records[2].Id",
            "found.records",
            "new",
            "",
            "new.id.x",
            "new[0]",
            "new[x]",
            "new..id",
        ] {
            let Err(Refusal::Rest { code, message, .. }) =
                references().text(&format!("@{{{path}}}"))
            else {
                panic!("{path} was found")
            };

            assert_eq!(code, "PROCESSING_HALTED");
            assert!(message.contains(&format!("No value for {path} found in ")), "{message}");
        }
    }

    #[test]
    fn a_text_tells_whom_it_refers_to() {
        assert_eq!(ids_in("a@{one.id}b@{two[0].id}@{three"), ["one", "two"]);
    }
}
