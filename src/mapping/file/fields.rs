//! Which fields a mapping file names, and how: columns, types, references, the key.

use super::DIRECTIONS;
use super::sections::read_conflict;
use crate::mapping::diagnostic::{Code, Diagnostic};
use crate::mapping::reader::{Entry, Reader, all_entries};
use crate::mapping::validated::{ConflictPolicy, Direction, KeyDefault};
use crate::model::ColumnType;
use toml::Spanned;

pub(in crate::mapping) const FIELD_KEYS: [&str; 5] =
    ["column", "type", "direction", "conflict", "ref"];
pub(in crate::mapping) const REFERENCE_KEYS: [&str; 3] = ["mapping", "match", "column"];
pub(in crate::mapping) const KEY_KEYS: [&str; 3] = ["external_id", "column", "default"];
const KEY_DEFAULTS: [(&str, KeyDefault); 2] =
    [("uuid", KeyDefault::Uuid), ("off", KeyDefault::Off)];

/// Which fields are mapped.
#[derive(Clone, Debug)]
pub(in crate::mapping) enum FieldList {
    /// Those named, in the order of the file; the key's field is among them.
    Named(Vec<FieldEntry>),
    /// Every field the user can read, except these.
    AllReadable { except: Vec<Spanned<String>> },
}

/// A field that the file names.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct FieldEntry {
    pub(in crate::mapping) name: Spanned<String>,
    /// Given or derived from the name; then it stands where the name does.
    pub(in crate::mapping) column: Spanned<String>,
    pub(in crate::mapping) column_type: Option<Spanned<ColumnType>>,
    pub(in crate::mapping) direction: Option<Spanned<Direction>>,
    pub(in crate::mapping) conflict: Option<ConflictPolicy>,
    pub(in crate::mapping) reference: Option<ReferenceEntry>,
}

/// How the application names the parent.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct ReferenceEntry {
    pub(in crate::mapping) mapping: Spanned<String>,
    /// The parent's column: its key's, which is meant when absent, or `id`.
    pub(in crate::mapping) match_column: Option<Spanned<String>>,
    pub(in crate::mapping) column: Spanned<String>,
}

/// The external id and its column.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct KeyEntry {
    pub(in crate::mapping) field: Spanned<String>,
    pub(in crate::mapping) column: Option<Spanned<String>>,
    pub(in crate::mapping) default: Option<Spanned<KeyDefault>>,
}

/// The key is always a mapped field; a file need not say so twice.
pub(super) fn add_key_field(reader: &mut Reader, entries: &mut Vec<FieldEntry>, key: &KeyEntry) {
    let listed = entries
        .iter_mut()
        .find(|entry| entry.name.get_ref().eq_ignore_ascii_case(key.field.get_ref()));
    match (listed, &key.column) {
        (None, column) => {
            let mut entry = plain_field(key.field.clone());
            if let Some(column) = column {
                entry.column = column.clone();
            }
            entries.push(entry);
        }
        (Some(entry), Some(column)) if entry.column.span() == entry.name.span() => {
            entry.column = column.clone();
        }
        (Some(entry), Some(column)) if entry.column.get_ref() != column.get_ref() => {
            let message = format!("the key `{}` has two columns", key.field.get_ref());
            let problem = Diagnostic::error(Code::ColumnClash, message)
                .at(&reader.source, column.span(), "")
                .with_related(&reader.source, entry.column.span(), "and here")
                .with_help("give the column once");
            reader.diagnostics.push(problem);
        }
        (Some(_), _) => {}
    }
}

pub(super) fn read_fields(reader: &mut Reader, entry: &Entry<'_>) -> Option<FieldList> {
    let value = entry.value.get_ref();
    if let Some(table) = value.as_table() {
        let entries = all_entries(table).iter().map(|field| read_field(reader, field)).collect();
        return not_empty(reader, entry, entries);
    }
    if value.is_array() {
        let entries = reader.texts(entry).into_iter().map(plain_field).collect();
        return not_empty(reader, entry, entries);
    }
    match value.as_str() {
        Some("all_readable") => Some(FieldList::AllReadable { except: Vec::new() }),
        Some(word) => {
            let message = format!("`fields` cannot be `{word}`");
            reader
                .error(Code::WrongValue, entry.value.span(), message)
                .push("write a list of names, a table per field, or `\"all_readable\"`".into());
            None
        }
        None => {
            reader.misfit(entry, "a list of names");
            None
        }
    }
}

fn not_empty(
    reader: &mut Reader,
    entry: &Entry<'_>,
    entries: Vec<FieldEntry>,
) -> Option<FieldList> {
    if entries.is_empty() {
        let has_reason = reader.diagnostics.iter().any(Diagnostic::is_error);
        if !has_reason {
            reader
                .error(Code::WrongValue, entry.value.span(), "`fields` names no field")
                .push("write at least one name, or `\"all_readable\"`".into());
        }
        return None;
    }
    Some(FieldList::Named(entries))
}

pub(super) fn plain_field(name: Spanned<String>) -> FieldEntry {
    let column = Spanned::new(name.span(), name.get_ref().to_ascii_lowercase());
    FieldEntry { name, column, column_type: None, direction: None, conflict: None, reference: None }
}

fn read_field(reader: &mut Reader, field: &Entry<'_>) -> FieldEntry {
    let mut read = plain_field(Spanned::new(field.span.clone(), field.key.to_owned()));
    let Some(table) = reader.table(field) else { return read };
    for entry in reader.entries(table, &FIELD_KEYS, &format!("the field `{}`", field.key)) {
        match entry.key {
            "column" => {
                if let Some(column) = reader.text(&entry) {
                    read.column = column;
                }
            }
            "type" => read.column_type = read_type(reader, &entry),
            "direction" => read.direction = reader.word(&entry, &DIRECTIONS),
            "conflict" => read.conflict = read_conflict(reader, &entry),
            "ref" => read.reference = read_reference(reader, field.key, &entry),
            _ => {}
        }
    }
    read
}

fn read_type(reader: &mut Reader, entry: &Entry<'_>) -> Option<Spanned<ColumnType>> {
    let text = reader.text(entry)?;
    let parsed = ColumnType::parse(text.get_ref());
    if parsed.is_none() {
        let message = format!("`{}` is not a type a mapped column can have", text.get_ref());
        reader.error(Code::WrongValue, text.span(), message).push(
            "the types are `varchar(n)`, `text`, `boolean`, `integer`, `bigint`, `double precision`, \
             `numeric(p,s)`, `numeric`, `date`, `timestamp`, `timestamptz`, `time`"
                .into(),
        );
    }
    parsed.map(|parsed| Spanned::new(text.span(), parsed))
}

fn read_reference(reader: &mut Reader, field: &str, entry: &Entry<'_>) -> Option<ReferenceEntry> {
    let table = reader.table(entry)?;
    let (mut mapping, mut match_column, mut column) = (None, None, None);
    let mut given = Vec::new();
    for part in reader.entries(table, &REFERENCE_KEYS, &format!("the `ref` of `{field}`")) {
        given.push(part.key);
        match part.key {
            "mapping" => mapping = reader.text(&part),
            "match" => match_column = reader.text(&part),
            "column" => column = reader.text(&part),
            _ => {}
        }
    }
    for needed in ["mapping", "column"] {
        if !given.contains(&needed) {
            let message = format!("the `ref` of `{field}` has no `{needed}`");
            reader.error(Code::MissingKey, entry.span.clone(), message).push(
                "for instance `ref = { mapping = \"Account\", match = \"app_id\", column = \
                 \"account_app_id\" }`"
                    .into(),
            );
        }
    }
    Some(ReferenceEntry { mapping: mapping?, match_column, column: column? })
}

pub(super) fn read_key(reader: &mut Reader, entry: &Entry<'_>) -> Option<KeyEntry> {
    let Some(table) = entry.value.get_ref().as_table() else {
        reader
            .misfit(entry, "a table")
            .push("write `key = { external_id = \"App_Id__c\" }`".into());
        return None;
    };
    let (mut field, mut column, mut default, mut has_field) = (None, None, None, false);
    for part in reader.entries(table, &KEY_KEYS, "`key`") {
        match part.key {
            "external_id" => {
                has_field = true;
                field = reader.text(&part);
            }
            "default" => default = reader.word(&part, &KEY_DEFAULTS),
            _ => column = reader.text(&part),
        }
    }
    if !has_field {
        reader
            .error(Code::MissingKey, entry.span.clone(), "`key` has no `external_id`")
            .push("for instance `key = { external_id = \"App_Id__c\" }`".into());
    }
    Some(KeyEntry { field: field?, column, default })
}
