//! A mapping file as far as it can be understood without the org.
//!
//! Nothing here asks whether objects and fields exist: that is `bind`'s part. What is wrong with the text itself
//! is found here, all of it at once, so that a file can be checked offline.

use super::{
    column_type::parse_type,
    diagnostic::{Code, Diagnostic, Source},
    names,
    reader::{Entry, Reader, all_entries},
    validated::{BulkThresholds, ConflictPolicy, DeleteRule, Deletes, Direction, Poll},
};
use crate::model::ColumnType;
use std::{sync::Arc, time::Duration};
use toml::{Spanned, de::DeTable};

const POLL_EVERY: Duration = Duration::from_mins(1);
const POLL_OVERLAP: Duration = Duration::from_mins(5);
const POLL_LEAST: Duration = Duration::from_secs(1);
const READ_ABOVE: u64 = 10_000;
const WRITE_ABOVE: usize = 2_000;
const VERSION: u64 = 1;

pub(super) const KEYS: [&str; 12] = [
    "version",
    "object",
    "table",
    "direction",
    "fields",
    "except",
    "key",
    "indexes",
    "poll",
    "deletes",
    "conflict",
    "bulk",
];
pub(super) const FIELD_KEYS: [&str; 5] = ["column", "type", "direction", "conflict", "ref"];
pub(super) const REFERENCE_KEYS: [&str; 3] = ["mapping", "match", "column"];
pub(super) const KEY_KEYS: [&str; 2] = ["external_id", "column"];
pub(super) const POLL_KEYS: [&str; 2] = ["every", "overlap"];
pub(super) const DELETES_KEYS: [&str; 3] = ["in_salesforce", "in_postgres", "hold_above"];
pub(super) const CONFLICT_KEYS: [&str; 1] = ["policy"];
pub(super) const BULK_KEYS: [&str; 2] = ["read_above", "write_above"];

const DIRECTIONS: [(&str, Direction); 3] = [
    ("both", Direction::Both),
    ("from_salesforce", Direction::FromSalesforce),
    ("to_salesforce", Direction::ToSalesforce),
];
const POLICIES: [(&str, ConflictPolicy); 3] = [
    ("salesforce_wins", ConflictPolicy::SalesforceWins),
    ("postgres_wins", ConflictPolicy::PostgresWins),
    ("newest", ConflictPolicy::Newest),
];
const DELETE_RULES: [(&str, DeleteRule); 2] =
    [("delete", DeleteRule::Delete), ("ignore", DeleteRule::Ignore)];

/// One mapping file, understood and sound in itself.
#[derive(Clone, Debug)]
pub struct MappingFile {
    pub(super) source: Arc<Source>,
    pub(super) object: Spanned<String>,
    /// The table, given or derived from the object's name.
    pub(super) table: Spanned<String>,
    pub(super) direction: Direction,
    /// The direction where the file gives one.
    pub(super) direction_given: Option<Spanned<Direction>>,
    pub(super) fields: FieldList,
    pub(super) key: Option<KeyEntry>,
    pub(super) indexes: Vec<Spanned<String>>,
    pub(super) poll: Poll,
    pub(super) deletes: Deletes,
    pub(super) conflict: ConflictPolicy,
    pub(super) bulk: BulkThresholds,
}

/// Which fields are mapped.
#[derive(Clone, Debug)]
pub(super) enum FieldList {
    /// Those named, in the order of the file; the key's field is among them.
    Named(Vec<FieldEntry>),
    /// Every field the user can read, except these.
    AllReadable { except: Vec<Spanned<String>> },
}

/// A field that the file names.
#[derive(Clone, Debug)]
pub(super) struct FieldEntry {
    pub(super) name: Spanned<String>,
    /// Given or derived from the name; then it stands where the name does.
    pub(super) column: Spanned<String>,
    pub(super) column_type: Option<Spanned<ColumnType>>,
    pub(super) direction: Option<Spanned<Direction>>,
    pub(super) conflict: Option<ConflictPolicy>,
    pub(super) reference: Option<ReferenceEntry>,
}

/// How the application names the parent.
#[derive(Clone, Debug)]
pub(super) struct ReferenceEntry {
    pub(super) mapping: Spanned<String>,
    /// The parent's column; its key's when absent.
    pub(super) match_column: Option<Spanned<String>>,
    pub(super) column: Spanned<String>,
}

/// The external id and its column.
#[derive(Clone, Debug)]
pub(super) struct KeyEntry {
    pub(super) field: Spanned<String>,
    pub(super) column: Option<Spanned<String>>,
}

impl MappingFile {
    /// Reads one file. The mapping is there whenever its object and fields could be made out, even when other
    /// keys are wrong, so that checking against the org can go on; it may run only when no error came with it.
    #[must_use]
    pub fn parse(source: &Arc<Source>) -> (Option<Self>, Vec<Diagnostic>) {
        let mut reader = Reader::new(Arc::clone(source));
        let document = reader.document(&source.text);
        let file = read_file(&mut reader, &document);
        match reader.broken_at() {
            Some(offset) => {
                reader.forget_from(offset);
                (None, reader.diagnostics)
            }
            None => (file, reader.diagnostics),
        }
    }

    /// The object's name as written.
    #[must_use]
    pub fn object(&self) -> &str {
        self.object.get_ref()
    }

    /// Where the file names its object: the place for what is wrong with the mapping as a whole.
    #[must_use]
    pub fn object_place(&self) -> (&Arc<Source>, std::ops::Range<usize>) {
        (&self.source, self.object.span())
    }

    /// The table's name.
    #[must_use]
    pub fn table(&self) -> &str {
        self.table.get_ref()
    }
}

/// The parts of a file while it is read.
#[derive(Default)]
struct Parts {
    object: Option<Spanned<String>>,
    table: Option<Spanned<String>>,
    direction: Option<Spanned<Direction>>,
    fields: Option<FieldList>,
    except: Option<(Vec<Spanned<String>>, std::ops::Range<usize>)>,
    key: Option<KeyEntry>,
    indexes: Vec<Spanned<String>>,
    poll: Option<Poll>,
    deletes: Option<Deletes>,
    conflict: ConflictPolicy,
    bulk: Option<BulkThresholds>,
    has_object: bool,
    has_fields: bool,
}

fn read_file(reader: &mut Reader, document: &DeTable<'_>) -> Option<MappingFile> {
    let mut parts = Parts::default();
    for entry in reader.entries(document, &KEYS, "a mapping file") {
        match entry.key {
            "version" => read_version(reader, &entry),
            "object" => {
                parts.has_object = true;
                parts.object = reader.text(&entry);
            }
            "table" => parts.table = reader.text(&entry),
            "direction" => parts.direction = reader.word(&entry, &DIRECTIONS),
            "fields" => {
                parts.has_fields = true;
                parts.fields = read_fields(reader, &entry);
            }
            "except" => parts.except = Some((reader.texts(&entry), entry.span.clone())),
            "key" => parts.key = read_key(reader, &entry),
            "indexes" => parts.indexes = reader.texts(&entry),
            "poll" => parts.poll = Some(read_poll(reader, &entry)),
            "deletes" => parts.deletes = Some(read_deletes(reader, &entry)),
            "conflict" => parts.conflict = read_conflict(reader, &entry).unwrap_or_default(),
            "bulk" => parts.bulk = Some(read_bulk(reader, &entry)),
            _ => {}
        }
    }
    finish(reader, parts)
}

fn finish(reader: &mut Reader, mut parts: Parts) -> Option<MappingFile> {
    for (key, is_given, example) in [
        ("object", parts.has_object, "object = \"Account\""),
        ("fields", parts.has_fields, "fields = [\"Name\", \"Phone\"]"),
    ] {
        if !is_given && reader.broken_at().is_none() {
            let start = 0..reader.source.text.lines().next().map_or(0, str::len);
            reader
                .error(Code::MissingKey, start, format!("the mapping has no `{key}`"))
                .push(format!("for instance `{example}`"));
        }
    }
    join_except(reader, &mut parts);
    let object = parts.object?;
    let mut fields = parts.fields?;
    if let (FieldList::Named(entries), Some(key)) = (&mut fields, &parts.key) {
        add_key_field(reader, entries, key);
    }
    let table = parts
        .table
        .unwrap_or_else(|| Spanned::new(object.span(), object.get_ref().to_ascii_lowercase()));
    names::check_table(reader, &table);
    if let FieldList::Named(entries) = &fields {
        names::check_entries(&reader.source, entries, &mut reader.diagnostics);
    }
    Some(MappingFile {
        source: Arc::clone(&reader.source),
        object,
        table,
        direction: parts
            .direction
            .as_ref()
            .map_or(Direction::FromSalesforce, |given| *given.get_ref()),
        direction_given: parts.direction,
        fields,
        key: parts.key,
        indexes: parts.indexes,
        poll: parts.poll.unwrap_or(Poll { every: POLL_EVERY, overlap: POLL_OVERLAP }),
        deletes: parts.deletes.unwrap_or(NO_DELETES_GIVEN),
        conflict: parts.conflict,
        bulk: parts.bulk.unwrap_or(NO_BULK_GIVEN),
    })
}

const NO_DELETES_GIVEN: Deletes = Deletes {
    in_salesforce: DeleteRule::Delete,
    in_postgres: DeleteRule::Delete,
    hold_above: None,
};
const NO_BULK_GIVEN: BulkThresholds =
    BulkThresholds { read_above: READ_ABOVE, write_above: WRITE_ABOVE };

fn join_except(reader: &mut Reader, parts: &mut Parts) {
    let Some((names, span)) = parts.except.take() else { return };
    match &mut parts.fields {
        Some(FieldList::AllReadable { except }) => *except = names,
        Some(FieldList::Named(_)) => {
            let help = "it goes with `fields = \"all_readable\"`; leave the field out of the list";
            reader
                .error(Code::UnknownKey, span, "`except` has nothing to except from")
                .push(help.into());
        }
        None => {}
    }
}

/// The key is always a mapped field; a file need not say so twice.
fn add_key_field(reader: &mut Reader, entries: &mut Vec<FieldEntry>, key: &KeyEntry) {
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

fn read_version(reader: &mut Reader, entry: &Entry<'_>) {
    let Some(version) = reader.count(entry, 1) else { return };
    if version != VERSION {
        let message =
            format!("the file is of format version {version}, this program knows {VERSION}");
        reader
            .error(Code::UnknownVersion, entry.value.span(), message)
            .push("use a newer lockstep, or write the file in version 1".into());
    }
}

fn read_fields(reader: &mut Reader, entry: &Entry<'_>) -> Option<FieldList> {
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

fn plain_field(name: Spanned<String>) -> FieldEntry {
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
    let parsed = parse_type(text.get_ref());
    if parsed.is_none() {
        let message = format!("`{}` is not a type a mapped column can have", text.get_ref());
        reader.error(Code::WrongValue, text.span(), message).push(
            "the types are `varchar(n)`, `text`, `boolean`, `integer`, `double precision`, `date`, \
             `timestamp`, `time`"
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

fn read_key(reader: &mut Reader, entry: &Entry<'_>) -> Option<KeyEntry> {
    let Some(table) = entry.value.get_ref().as_table() else {
        reader
            .misfit(entry, "a table")
            .push("write `key = { external_id = \"App_Id__c\" }`".into());
        return None;
    };
    let (mut field, mut column, mut has_field) = (None, None, false);
    for part in reader.entries(table, &KEY_KEYS, "`key`") {
        match part.key {
            "external_id" => {
                has_field = true;
                field = reader.text(&part);
            }
            _ => column = reader.text(&part),
        }
    }
    if !has_field {
        reader
            .error(Code::MissingKey, entry.span.clone(), "`key` has no `external_id`")
            .push("for instance `key = { external_id = \"App_Id__c\" }`".into());
    }
    Some(KeyEntry { field: field?, column })
}

fn read_poll(reader: &mut Reader, entry: &Entry<'_>) -> Poll {
    let mut poll = Poll { every: POLL_EVERY, overlap: POLL_OVERLAP };
    let Some(table) = reader.table(entry) else { return poll };
    for part in reader.entries(table, &POLL_KEYS, "`poll`") {
        match part.key {
            "every" => poll.every = reader.duration(&part, POLL_LEAST).unwrap_or(poll.every),
            _ => poll.overlap = reader.duration(&part, POLL_LEAST).unwrap_or(poll.overlap),
        }
    }
    poll
}

fn read_deletes(reader: &mut Reader, entry: &Entry<'_>) -> Deletes {
    let mut deletes = NO_DELETES_GIVEN;
    let Some(table) = reader.table(entry) else { return deletes };
    for part in reader.entries(table, &DELETES_KEYS, "`deletes`") {
        match part.key {
            "in_salesforce" => deletes.in_salesforce = read_rule(reader, &part),
            "in_postgres" => deletes.in_postgres = read_rule(reader, &part),
            _ => deletes.hold_above = reader.count(&part, 0),
        }
    }
    deletes
}

fn read_rule(reader: &mut Reader, entry: &Entry<'_>) -> DeleteRule {
    reader.word(entry, &DELETE_RULES).map(Spanned::into_inner).unwrap_or_default()
}

fn read_conflict(reader: &mut Reader, entry: &Entry<'_>) -> Option<ConflictPolicy> {
    let Some(table) = entry.value.get_ref().as_table() else {
        return reader.word(entry, &POLICIES).map(Spanned::into_inner);
    };
    let parts = reader.entries(table, &CONFLICT_KEYS, "`conflict`");
    parts.first().and_then(|part| reader.word(part, &POLICIES)).map(Spanned::into_inner)
}

fn read_bulk(reader: &mut Reader, entry: &Entry<'_>) -> BulkThresholds {
    let mut bulk = NO_BULK_GIVEN;
    let Some(table) = reader.table(entry) else { return bulk };
    for part in reader.entries(table, &BULK_KEYS, "`bulk`") {
        let count = reader.count(&part, 0);
        match part.key {
            "read_above" => bulk.read_above = count.unwrap_or(bulk.read_above),
            _ => {
                bulk.write_above =
                    count.and_then(|count| count.try_into().ok()).unwrap_or(bulk.write_above);
            }
        }
    }
    bulk
}
