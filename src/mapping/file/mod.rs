//! A mapping file as far as it can be understood without the org.
//!
//! Nothing here asks whether objects and fields exist: that is `bind`'s part. What is wrong with the text itself
//! is found here, all of it at once, so that a file can be checked offline.

mod fields;
mod sections;

use super::{
    diagnostic::{Code, Diagnostic, Source},
    names,
    reader::{Entry, Reader},
    validated::{
        BulkThresholds, ColumnTypes, ConflictPolicy, Deletes, Direction, Drift, Filter, LeaveRule,
        Poll, Sweep, Switch, WriteOrder,
    },
};
#[cfg(test)]
pub(super) use fields::{FIELD_KEYS, KEY_KEYS, REFERENCE_KEYS};
pub(super) use fields::{FieldEntry, FieldList, KeyEntry, ReferenceEntry};
use fields::{read_fields, read_key};
#[cfg(test)]
pub(super) use sections::{
    BULK_KEYS, CONFLICT_KEYS, DELETES_KEYS, DRIFT_KEYS, POLL_KEYS, SWEEP_KEYS,
};
use sections::{read_bulk, read_conflict, read_deletes, read_drift, read_poll, read_sweep};
use std::sync::Arc;
use toml::{Spanned, de::DeTable};

const VERSION: u64 = 1;

pub(super) const KEYS: [&str; 20] = [
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
    "conditional",
    "bulk",
    "write",
    "types",
    "where",
    "leave",
    "sweep",
    "drift",
    "rehearsal",
];

const DIRECTIONS: [(&str, Direction); 3] = [
    ("both", Direction::Both),
    ("from_salesforce", Direction::FromSalesforce),
    ("to_salesforce", Direction::ToSalesforce),
];
const TYPES: [(&str, ColumnTypes); 2] =
    [("heroku", ColumnTypes::Heroku), ("exact", ColumnTypes::Exact)];
const WRITE_ORDERS: [(&str, WriteOrder); 2] =
    [("merged", WriteOrder::Merged), ("ordered", WriteOrder::Ordered)];
const LEAVE_RULES: [(&str, LeaveRule); 2] =
    [("delete", LeaveRule::Delete), ("keep", LeaveRule::Keep)];
const SWITCH: [(&str, Switch); 2] = [("on", Switch::On), ("off", Switch::Off)];

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
    pub(super) is_conditional: bool,
    pub(super) bulk: BulkThresholds,
    pub(super) write: WriteOrder,
    pub(super) types: ColumnTypes,
    pub(super) filter: Option<Filter>,
    /// Where the filter's condition stands.
    pub(super) condition_span: Option<std::ops::Range<usize>>,
    pub(super) sweep: Sweep,
    pub(super) drift: Drift,
    pub(super) rehearsal: Switch,
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

    /// Where the file says which records are mapped; where it names its object if it does not say.
    #[must_use]
    pub fn condition_place(&self) -> (&Arc<Source>, std::ops::Range<usize>) {
        let span = self.condition_span.clone();
        (&self.source, span.unwrap_or_else(|| self.object.span()))
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
    is_conditional: bool,
    bulk: Option<BulkThresholds>,
    write: WriteOrder,
    types: ColumnTypes,
    condition: Option<Spanned<String>>,
    leave: Option<Spanned<LeaveRule>>,
    sweep: Option<Sweep>,
    drift: Option<Drift>,
    rehearsal: Switch,
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
            "conditional" => {
                let given = reader.word(&entry, &SWITCH).map(Spanned::into_inner);
                parts.is_conditional = given == Some(Switch::On);
            }
            "bulk" => parts.bulk = Some(read_bulk(reader, &entry)),
            "write" => {
                parts.write =
                    reader.word(&entry, &WRITE_ORDERS).map(Spanned::into_inner).unwrap_or_default();
            }
            "types" => {
                parts.types =
                    reader.word(&entry, &TYPES).map(Spanned::into_inner).unwrap_or_default();
            }
            "where" => parts.condition = reader.text(&entry),
            "leave" => parts.leave = reader.word(&entry, &LEAVE_RULES),
            "sweep" => parts.sweep = Some(read_sweep(reader, &entry)),
            "drift" => parts.drift = Some(read_drift(reader, &entry)),
            "rehearsal" => {
                parts.rehearsal =
                    reader.word(&entry, &SWITCH).map(Spanned::into_inner).unwrap_or_default();
            }
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
    let filter = filter(reader, &parts);
    let object = parts.object?;
    let mut fields = parts.fields?;
    if let (FieldList::Named(entries), Some(key)) = (&mut fields, &parts.key) {
        fields::add_key_field(reader, entries, key);
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
        poll: parts.poll.unwrap_or_default(),
        deletes: parts.deletes.unwrap_or_default(),
        conflict: parts.conflict,
        is_conditional: parts.is_conditional,
        bulk: parts.bulk.unwrap_or_default(),
        write: parts.write,
        types: parts.types,
        filter,
        condition_span: parts.condition.as_ref().map(Spanned::span),
        sweep: parts.sweep.unwrap_or_default(),
        drift: parts.drift.unwrap_or_default(),
        rehearsal: parts.rehearsal,
    })
}

fn filter(reader: &mut Reader, parts: &Parts) -> Option<Filter> {
    if let (None, Some(leave)) = (&parts.condition, &parts.leave) {
        reader
            .error(Code::UnknownKey, leave.span(), "`leave` has no `where` to leave")
            .push("it says what becomes of rows that `where` no longer selects".into());
    }
    let leave = parts.leave.as_ref().map(|leave| *leave.get_ref()).unwrap_or_default();
    let condition = parts.condition.as_ref()?.get_ref().trim().to_owned();
    Some(Filter { condition, leave })
}

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
