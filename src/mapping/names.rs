//! Names of tables and columns: which are possible, and which would meet.

use super::{
    diagnostic::{Code, Diagnostic, Source},
    file::FieldEntry,
    reader::Reader,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};
use toml::Spanned;

/// Postgres cuts longer names.
const NAME_BYTES_MAX: usize = 63;

/// The columns that every mapped table has.
const SYSTEM_COLUMNS: [&str; 6] =
    ["id", "sfid", "systemmodstamp", "isdeleted", "_hc_lastop", "_hc_err"];

/// The tables beside the mapped ones.
const SYSTEM_TABLES: [&str; 4] =
    ["_trigger_log", "_trigger_log_archive", "_hcmeta", "_sf_event_log"];

/// The fields that need no mention, and where they live.
pub(super) const ALWAYS_MAPPED: [(&str, &str); 3] =
    [("Id", "sfid"), ("SystemModstamp", "systemmodstamp"), ("IsDeleted", "isdeleted")];

/// The column of a field that is always mapped.
pub(super) fn always_mapped(field: &str) -> Option<&'static str> {
    ALWAYS_MAPPED
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(field))
        .map(|(_, column)| *column)
}

pub(super) fn check_table(reader: &mut Reader, table: &Spanned<String>) {
    let problem = check_name("table", table, &SYSTEM_TABLES, &reader.source);
    reader.diagnostics.extend(problem);
}

/// Checks the columns of the fields a file names, and those of their references.
pub(super) fn check_entries(
    source: &Arc<Source>,
    entries: &[FieldEntry],
    diagnostics: &mut Vec<Diagnostic>,
) {
    check_given_twice(source, entries, diagnostics);
    let mut seen = BTreeSet::new();
    let entries: Vec<_> = entries
        .iter()
        .filter(|entry| always_mapped(entry.name.get_ref()).is_none())
        .filter(|entry| seen.insert(entry.name.get_ref().to_ascii_lowercase()))
        .collect();
    let fields = entries.iter().map(|entry| (&entry.column, entry.name.get_ref().as_str()));
    let references = entries.iter().filter_map(|entry| {
        let reference = entry.reference.as_ref()?;
        Some((&reference.column, entry.name.get_ref().as_str()))
    });
    check_columns(source, fields.chain(references), diagnostics);
}

/// Checks that each column's name is possible and that no two are the same.
pub(super) fn check_columns<'a>(
    source: &Arc<Source>,
    columns: impl Iterator<Item = (&'a Spanned<String>, &'a str)>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut taken: BTreeMap<&str, (Range<usize>, &str)> = BTreeMap::new();
    for (column, field) in columns {
        diagnostics.extend(check_name("column", column, &SYSTEM_COLUMNS, source));
        match taken.get(column.get_ref().as_str()) {
            Some((first, other)) => diagnostics.push(
                Diagnostic::error(
                    Code::ColumnClash,
                    format!("two fields write column `{}`", column.get_ref()),
                )
                .at(source, column.span(), format!("`{field}` here"))
                .with_related(source, first.clone(), format!("`{other}` here"))
                .with_help("give one of them another `column`"),
            ),
            None => {
                taken.insert(column.get_ref(), (column.span(), field));
            }
        }
    }
}

fn check_given_twice(
    source: &Arc<Source>,
    entries: &[FieldEntry],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut seen: BTreeMap<String, Range<usize>> = BTreeMap::new();
    for entry in entries {
        match seen.get(&entry.name.get_ref().to_ascii_lowercase()) {
            Some(first) => diagnostics.push(
                Diagnostic::error(
                    Code::DuplicateKey,
                    format!("field `{}` is given twice", entry.name.get_ref()),
                )
                .at(source, entry.name.span(), "here again")
                .with_related(source, first.clone(), "first given here")
                .with_help("remove one of them"),
            ),
            None => {
                seen.insert(entry.name.get_ref().to_ascii_lowercase(), entry.name.span());
            }
        }
    }
}

fn check_name(
    what: &str,
    name: &Spanned<String>,
    reserved: &[&str],
    source: &Arc<Source>,
) -> Option<Diagnostic> {
    let text = name.get_ref();
    let at = |diagnostic: Diagnostic| Some(diagnostic.at(source, name.span(), ""));
    let bad = |message: String| Diagnostic::error(Code::BadName, message);
    if text.len() > NAME_BYTES_MAX {
        let message = format!("{what} name `{text}` is {} bytes long", text.len());
        return at(bad(message).with_help(format!(
            "Postgres keeps {NAME_BYTES_MAX} bytes of a name; give a shorter `{what}`"
        )));
    }
    if reserved.contains(&text.as_str()) || text.starts_with("_hc_") {
        let message = format!("{what} name `{text}` is taken by the system");
        return at(bad(message).with_help(format!("give another `{what}`")));
    }
    if text.chars().any(char::is_control) {
        return at(bad(format!("{what} name holds a control character")));
    }
    if needs_quotes(text) {
        let message = format!("{what} name `{text}` must be quoted in every statement");
        return at(Diagnostic::warning(Code::BadName, message)
            .with_help("lower-case letters, digits and `_` need no quotes"));
    }
    None
}

fn needs_quotes(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '$';
    !name.chars().all(is_plain) || name.starts_with(|c: char| c.is_ascii_digit() || c == '$')
}
