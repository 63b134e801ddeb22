//! Stored fields of standard objects that follow from others of the same row, and the documents
//! that versions of files belong to.

use super::{Org, Row};
use crate::{
    Id,
    schema::{FieldType, Object},
    value::Value,
};

/// A base64 field and the field that tells its size, by object.
const SIZES: [(&str, &str, &str); 3] = [
    ("Attachment", "Body", "BodyLength"),
    ("Document", "Body", "BodyLength"),
    ("ContentVersion", "VersionData", "ContentSize"),
];

impl Org {
    /// Fills what follows from the rest of a row that is about to be stored.
    pub(super) fn derive(&self, number: usize, row: &mut Row) {
        let Some(object) = self.object(number) else { return };
        for (name, file, size) in SIZES {
            if let (true, Some(file)) = (object.name() == name, object.number(file)) {
                measure(object, row, (file, size));
            }
        }
        match object.name() {
            "ContentVersion" => name_version(object, row),
            "Task" => judge_task(object, row),
            _ => {}
        }
    }

    /// Files a new version: below the document that it names, or a new one.
    pub(super) fn publish(&mut self, number: usize, id: Id, row: &mut Row) {
        let Some(object) = self.object(number).filter(|object| object.name() == "ContentVersion")
        else {
            return;
        };
        let (Some(via), latest) = (object.number("ContentDocumentId"), object.number("IsLatest"))
        else {
            return;
        };
        let numbered = object.number("VersionNumber");
        let document = row.value(via).as_id();
        let earlier: Vec<Id> = match (document, self.table(number)) {
            (Some(document), Some(table)) => table.with_value(via, &Value::Id(document)).collect(),
            _ => Vec::new(),
        };
        row.set(latest, Value::Bool(true));
        row.set(numbered, Value::Text((earlier.len() + 1).to_string().into()));
        for earlier in earlier {
            let Some(mut old) = self.row(number, earlier).map(super::RowRef::into_row) else {
                continue;
            };
            old.set(latest, Value::Bool(false));
            self.put(number, earlier, Some(old));
        }
        if let Some(document) = self.file(number, id, document, row) {
            row.set(Some(via), Value::Id(document));
        }
    }

    /// Writes the document of a version.
    fn file(&mut self, from: usize, id: Id, document: Option<Id>, version: &Row) -> Option<Id> {
        let number = self.schema.number("ContentDocument")?;
        let is_new = document.is_none();
        let mut row = match document {
            Some(document) => self.row(number, document)?.into_row(),
            None => Row::new(self.object(number)?.fields().len()),
        };
        let document = match document {
            Some(document) => document,
            None => self.number_row(number, &mut row),
        };
        let (object, versions) = (self.object(number)?, self.object(from)?);
        let mut copied = vec![
            "Title",
            "ContentSize",
            "FileExtension",
            "LastModifiedDate",
            "LastModifiedById",
            "SystemModstamp",
        ];
        if is_new {
            copied.extend(["OwnerId", "CreatedDate", "CreatedById", "Description"]);
            row.set(object.system().is_deleted, Value::Bool(false));
        }
        for name in copied {
            if let Some(at) = versions.number(name) {
                row.set(object.number(name), version.value(at).clone());
            }
        }
        row.set(object.number("LatestPublishedVersionId"), Value::Id(id));
        self.put(number, document, Some(row));
        Some(document)
    }
}

/// Takes the line breaks out of a base64 text, which some clients send, and tells its size.
fn measure(object: &Object, row: &mut Row, (file, size): (usize, &str)) {
    let is_file = object.field(file).is_some_and(|field| field.kind == FieldType::Base64);
    let Some(text) = row.value(file).as_text().filter(|_| is_file) else { return };
    let text: String = text.split_ascii_whitespace().collect();
    let length = text.trim_end_matches('=').len() * 3 / 4;
    row.set(object.number(size), Value::Int(i64::try_from(length).unwrap_or(i64::MAX)));
    row.set(Some(file), Value::Text(text.into()));
}

/// The title of a file is its name without folders and extension, unless it has one.
fn name_version(object: &Object, row: &mut Row) {
    let (Some(title), Some(path)) = (object.number("Title"), object.number("PathOnClient")) else {
        return;
    };
    let Some(path) = row.value(path).as_text().map(str::to_owned) else { return };
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    if row.value(title).is_null() && !stem.is_empty() {
        row.set(Some(title), Value::Text(stem.into()));
    }
    if !extension.is_empty() {
        row.set(object.number("FileExtension"), Value::Text(extension.into()));
    }
}

fn judge_task(object: &Object, row: &mut Row) {
    for (from, value, to) in
        [("Status", "Completed", "IsClosed"), ("Priority", "High", "IsHighPriority")]
    {
        if let Some(from) = object.number(from) {
            let is_so = row.value(from).as_text() == Some(value);
            row.set(object.number(to), Value::Bool(is_so));
        }
    }
}
