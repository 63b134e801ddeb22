//! The error of every refused call, in Salesforce's own codes and words.

use serde_json::{Value as Json, json};

/// Why the org refused something.
///
/// A list of these (usually one) is the body of a failed single call; inside a 200 answer of the
/// collection resources the same facts travel as [`ApiError::to_row_json`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// HTTP status of the answer when the refused call was about one row.
    pub status: u16,
    /// Salesforce's code, such as `REQUIRED_FIELD_MISSING`.
    pub code: &'static str,
    /// Salesforce's wording.
    pub message: String,
    /// API names of the fields concerned. `None` for errors that never carry the member (queries,
    /// routing, unreadable bodies); rules of a row carry it even when it is empty.
    pub fields: Option<Vec<String>>,
    /// What a duplicate rule found, with `DUPLICATES_DETECTED`.
    pub duplicates: Option<Box<DuplicateResult>>,
}

/// The records that a refused row is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateResult {
    /// The member `duplicateResult`.
    pub result: Json,
    /// Whether results of collections tell it too: only to those who asked for record details.
    pub is_wanted: bool,
}

impl ApiError {
    /// An error of a row's rules: status 400, with the names of the `fields` it blames.
    pub fn row(code: &'static str, message: impl Into<String>, fields: &[&str]) -> Self {
        let fields = fields.iter().map(|&field| field.to_owned()).collect();
        Self { status: 400, code, message: message.into(), fields: Some(fields), duplicates: None }
    }

    /// An error of the request itself: status 400, no `fields` member.
    pub fn request(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, code, message: message.into(), fields: None, duplicates: None }
    }

    /// `NOT_FOUND` with status 404.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::request("NOT_FOUND", message).with_status(404)
    }

    /// The answer for an object that the org does not have.
    #[must_use]
    pub fn unknown_object() -> Self {
        Self::not_found("The requested resource does not exist")
    }

    /// The same error under another HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// One element of a failed call's body: `{"message","errorCode","fields"?}`.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let mut json = json!({"message": self.message, "errorCode": self.code});
        if let Some(fields) = &self.fields {
            insert(&mut json, "fields", json!(fields));
        }
        if let Some(duplicates) = &self.duplicates {
            insert(&mut json, "duplicateResult", duplicates.result.clone());
        }
        json
    }

    /// One element of `errors` in the result of a collection's row: `{"statusCode","message","fields"}`.
    #[must_use]
    pub fn to_row_json(&self) -> Json {
        let fields = self.fields.clone().unwrap_or_default();
        let mut json = json!({"statusCode": self.code, "message": self.message, "fields": fields});
        if let Some(duplicates) = self.duplicates.as_ref().filter(|found| found.is_wanted) {
            insert(&mut json, "duplicateResult", duplicates.result.clone());
        }
        json
    }

    /// The text of `sf__Error` in a Bulk result: `CODE:message:field1 field2 --`.
    #[must_use]
    pub fn to_bulk_text(&self) -> String {
        let fields = self.fields.as_deref().unwrap_or_default().join(" ");
        let gap = if fields.is_empty() { "" } else { " " };
        format!("{}:{}:{fields}{gap}--", self.code, self.message)
    }
}

fn insert(json: &mut Json, member: &str, value: Json) {
    if let Some(members) = json.as_object_mut() {
        members.insert(member.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_alike_in_all_three_places() {
        let error = ApiError::row(
            "REQUIRED_FIELD_MISSING",
            "Required fields are missing: [Name]",
            &["Name"],
        );

        assert_eq!(
            error.to_bulk_text(),
            "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --"
        );
        assert_eq!(error.to_json()["errorCode"], "REQUIRED_FIELD_MISSING");
        assert_eq!(error.to_row_json()["statusCode"], "REQUIRED_FIELD_MISSING");
        assert_eq!(ApiError::unknown_object().to_json().get("fields"), None);
    }
}
