//! Resolves `ref`: parents that the application names by a column of its own instead of the Salesforce id.
//!
//! A row names its parent by the parent's key, or by the `id` of the parent's row, as a foreign key does.

use super::{
    diagnostic::{Code, Diagnostic},
    file::{FieldEntry, FieldList, MappingFile, ReferenceEntry},
    suggest::{listed, nearest},
    validated::{Mapping, ROW_ID, Reference},
};
use crate::model::ColumnType;
use toml::Spanned;

/// Completes the drafts' references and reports those that lead nowhere.
///
/// Parents whose mapping is missing altogether are not reported here: that shows without the org.
pub(super) fn resolve(drafts: &mut [(&MappingFile, Mapping)]) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    let mut resolved = Vec::new();
    for (position, (file, mapping)) in drafts.iter().enumerate() {
        let FieldList::Named(entries) = &file.fields else { continue };
        for entry in entries {
            let Some(wish) = &entry.reference else { continue };
            match resolve_one(drafts, mapping, entry, wish) {
                Ok(Some(reference)) => {
                    diagnostics.extend(waits_for_ever(drafts, file, mapping, entry, wish));
                    resolved.push((position, entry.name.get_ref(), reference));
                }
                Ok(None) => {}
                Err(fault) => diagnostics.push(fault.into_diagnostic(file)),
            }
        }
    }
    for (position, field, reference) in resolved {
        let fields = drafts.get_mut(position).map(|(_, mapping)| &mut mapping.fields);
        let field = fields
            .and_then(|fields| fields.iter_mut().find(|f| f.name.eq_ignore_ascii_case(field)));
        if let Some(field) = field {
            field.reference = Some(reference);
        }
    }
    diagnostics
}

/// A `ref` that cannot be followed.
struct Fault<'a> {
    message: String,
    help: String,
    place: &'a Spanned<String>,
}

impl Fault<'_> {
    fn into_diagnostic(self, file: &MappingFile) -> Diagnostic {
        Diagnostic::error(Code::BadReference, self.message)
            .at(&file.source, self.place.span(), "")
            .with_help(self.help)
    }
}

/// `None` where the field or the parent could not be bound, which is reported elsewhere.
fn resolve_one<'a>(
    drafts: &[(&MappingFile, Mapping)],
    mapping: &Mapping,
    entry: &'a FieldEntry,
    wish: &'a ReferenceEntry,
) -> Result<Option<Reference>, Fault<'a>> {
    let name = entry.name.get_ref();
    let Some(field) = mapping.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    else {
        return Ok(None);
    };
    if field.reference_to.is_empty() {
        return Err(Fault {
            message: format!("`{name}` is no lookup, so it cannot have a `ref`"),
            help: "remove the `ref`".to_owned(),
            place: &entry.name,
        });
    }
    let parent_name = wish.mapping.get_ref();
    let parent =
        drafts.iter().find(|(_, mapping)| mapping.object.eq_ignore_ascii_case(parent_name));
    let Some((parent_file, parent)) = parent else { return Ok(None) };
    if !field.reference_to.contains(&parent.object) {
        return Err(Fault {
            message: format!("`{name}` never points to `{}`", parent.object),
            help: format!("it points to {}", listed(field.reference_to.iter().map(String::as_str))),
            place: &wish.mapping,
        });
    }
    let is_by_row = wish.match_column.as_ref().is_some_and(|given| given.get_ref() == ROW_ID);
    if !is_by_row && parent.key.is_none() && parent_file.key.is_some() {
        return Ok(None);
    }
    let match_column = if is_by_row { ROW_ID.to_owned() } else { match_column(parent, wish)? };
    let column_type = if is_by_row {
        ColumnType::Integer
    } else {
        let Some(matched) = parent.field_of_column(&match_column) else { return Ok(None) };
        matched.column_type
    };
    Ok(Some(Reference {
        object: parent.object.clone(),
        table: parent.table.clone(),
        column_type,
        match_column,
        column: wish.column.get_ref().clone(),
    }))
}

/// Warns of rows that are sent and wait for parents which are not.
fn waits_for_ever(
    drafts: &[(&MappingFile, Mapping)],
    file: &MappingFile,
    mapping: &Mapping,
    entry: &FieldEntry,
    wish: &ReferenceEntry,
) -> Option<Diagnostic> {
    let name = entry.name.get_ref();
    let is_sent = mapping
        .fields
        .iter()
        .any(|field| field.name.eq_ignore_ascii_case(name) && field.direction.pushes());
    let parent_name = wish.mapping.get_ref();
    let (_, parent) =
        drafts.iter().find(|(_, parent)| parent.object.eq_ignore_ascii_case(parent_name))?;
    if !is_sent || parent.direction.pushes() {
        return None;
    }
    let (child, parent) = (&mapping.object, &parent.object);
    let message = format!("{child} rows wait for {parent} records that only Salesforce can create");
    Some(
        Diagnostic::warning(Code::ParentNotSent, message)
            .at(&file.source, wish.mapping.span(), "")
            .with_note(format!(
                "a row of {parent} that the application inserts is not sent, and holds up what refers to it"
            ))
            .with_help(format!(
                "give the mapping of {parent} `direction = \"both\"`, or create its records in Salesforce alone"
            )),
    )
}

/// The parent's column to match by, where rows are not named by their `id`: its key's.
fn match_column<'a>(parent: &Mapping, wish: &'a ReferenceEntry) -> Result<String, Fault<'a>> {
    let object = &parent.object;
    match (&parent.key, &wish.match_column) {
        (Some(key), None) => Ok(key.column.clone()),
        (Some(key), Some(given)) if *given.get_ref() == key.column => Ok(key.column.clone()),
        (Some(key), Some(given)) => {
            let given_name = given.get_ref();
            let slip = nearest(given_name, [key.column.as_str(), ROW_ID]);
            Err(Fault {
                message: format!("`{given_name}` does not identify a row of `{}`", parent.table),
                help: match slip {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!(
                        "the key of {object} is `{}`, and `match = \"{ROW_ID}\"` names its rows by their `{ROW_ID}`",
                        key.column
                    ),
                },
                place: given,
            })
        }
        (None, _) => Err(Fault {
            message: format!("{object} has no key to be referred to by"),
            help: format!(
                "give the mapping of {object} a `key`, or name its rows by their `{ROW_ID}` with `match = \"{ROW_ID}\"`"
            ),
            place: &wish.mapping,
        }),
    }
}
