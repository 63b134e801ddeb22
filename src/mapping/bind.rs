//! Puts the files beside what Salesforce says about their objects: the step from text to mappings.

use super::{
    column_type::{Misfit, check_type, default_type, limits_of},
    diagnostic::{Code, Diagnostic, has_errors, sort},
    file::{FieldEntry, FieldList, MappingFile},
    names, references,
    rehearsal::Rehearsal,
    rights,
    suggest::nearest,
    validated::{Field, Key, Mapping, Switch},
};
use crate::model::{ColumnType, FieldDescribe, FieldType, ObjectDescribe};
use std::sync::Arc;
use toml::Spanned;

/// As many columns as Postgres gives a table, dropped ones included.
const TABLE_COLUMNS_MAX: usize = 1_600;

/// `id`, `sfid`, `systemmodstamp`, `isdeleted`, `_hc_lastop` and `_hc_err`.
const SYSTEM_COLUMNS: usize = 6;

/// What the org has, as far as the files need it.
#[derive(Clone, Debug, Default)]
pub struct Org {
    /// The described objects; at least those that the files name and that exist.
    pub objects: Vec<ObjectDescribe>,
    /// The names of all objects the user can see, for suggestions. May be empty.
    pub names: Vec<String>,
}

impl Org {
    /// The description of the object of this name.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<&ObjectDescribe> {
        self.objects.iter().find(|object| object.name.eq_ignore_ascii_case(name))
    }
}

/// The outcome of binding.
#[derive(Clone, Debug, Default)]
pub struct Bound {
    /// One mapping per file whose object exists, in the order of the files. To be run only when no diagnostic is
    /// an error.
    pub mappings: Vec<Mapping>,
    /// Errors and warnings, sorted by place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Makes mappings of the files.
///
/// # Errors
/// All problems, warnings included, when one of them is an error. Use [`bind_all`] to see warnings of sound files.
pub fn bind(files: &[MappingFile], org: &Org) -> Result<Vec<Mapping>, Vec<Diagnostic>> {
    let bound = bind_all(files, org);
    if has_errors(&bound.diagnostics) { Err(bound.diagnostics) } else { Ok(bound.mappings) }
}

/// Makes mappings of the files as far as possible and reports everything.
#[must_use]
pub fn bind_all(files: &[MappingFile], org: &Org) -> Bound {
    let mut bound = Bound::default();
    let mut drafts = Vec::new();
    for file in files {
        match org.object(file.object()) {
            Some(object) => {
                let mut binder = Binder { file, object, diagnostics: Vec::new() };
                drafts.push((file, binder.mapping()));
                bound.diagnostics.append(&mut binder.diagnostics);
            }
            None => bound.diagnostics.push(object_not_found(file, org)),
        }
    }
    bound.diagnostics.extend(references::resolve(&mut drafts));
    bound.mappings = drafts.into_iter().map(|(_, mapping)| mapping).collect();
    sort(&mut bound.diagnostics);
    bound
}

fn object_not_found(file: &MappingFile, org: &Org) -> Diagnostic {
    let message = format!("object `{}` not found in the org", file.object());
    let diagnostic = Diagnostic::error(Code::ObjectNotFound, message)
        .at(&file.source, file.object.span(), "")
        .with_note("objects hidden by permissions look the same");
    match nearest(file.object(), org.names.iter().map(String::as_str)) {
        Some(name) => diagnostic.with_help(format!("did you mean `{name}`?")),
        None => diagnostic,
    }
}

/// Binds one file.
pub(super) struct Binder<'a> {
    pub(super) file: &'a MappingFile,
    pub(super) object: &'a ObjectDescribe,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl<'a> Binder<'a> {
    fn mapping(&mut self) -> Mapping {
        let has = |name: &str| self.object.field(name).is_some();
        let has_is_deleted = has("IsDeleted");
        let stamp = self.stamp();
        self.check_object();
        let fields = match &self.file.fields {
            FieldList::Named(entries) => {
                entries.iter().filter_map(|entry| self.named_field(entry)).collect()
            }
            FieldList::AllReadable { except } => self.all_readable(except),
        };
        let key = self.key(&fields);
        self.check_required(&fields);
        let is_rehearsed = self.file.rehearsal == Switch::On && self.file.direction.pushes();
        let rehearsal = is_rehearsed.then(|| Arc::new(Rehearsal::of(self.object, &fields)));
        self.check_width(&fields);
        Mapping {
            object: self.object.name.clone(),
            table: self.file.table().to_owned(),
            direction: self.file.direction,
            indexes: self.indexes(&fields),
            fields,
            key,
            has_is_deleted,
            has_master_record_id: has_is_deleted && has("MasterRecordId"),
            is_replicateable: self.object.replicateable,
            stamp,
            poll: self.file.poll,
            deletes: self.file.deletes,
            bulk: self.file.bulk,
            write: self.file.write,
            is_conditional: self.file.is_conditional,
            types: self.file.types,
            filter: self.file.filter.clone(),
            sweep: self.file.sweep,
            drift: self.file.drift,
            is_part: false,
            held_columns: Vec::new(),
            rehearsal,
        }
    }

    /// Refuses more columns than a table can have.
    fn check_width(&mut self, fields: &[Field]) {
        let references = match &self.file.fields {
            FieldList::Named(entries) => entries.iter().filter(|e| e.reference.is_some()).count(),
            FieldList::AllReadable { .. } => 0,
        };
        let (count, most) = (fields.len() + references, TABLE_COLUMNS_MAX - SYSTEM_COLUMNS);
        if count > most {
            let message =
                format!("{count} columns are mapped, a table of Postgres holds {most} of them");
            let problem = Diagnostic::error(Code::TooWide, message).with_help(
                "name the fields that are needed in `fields`, or leave some out by `except`",
            );
            self.push(problem, &self.file.object, "");
        }
    }

    /// Notes a problem of this file.
    pub(super) fn push<T>(&mut self, diagnostic: Diagnostic, place: &Spanned<T>, label: &str) {
        self.diagnostics.push(diagnostic.at(&self.file.source, place.span(), label));
    }

    fn named_field(&mut self, entry: &FieldEntry) -> Option<Field> {
        if let Some(column) = names::always_mapped(entry.name.get_ref()) {
            let message =
                format!("`{}` is always mapped, to column `{column}`", entry.name.get_ref());
            let problem = Diagnostic::warning(Code::AlwaysMapped, message)
                .with_help("leave it out of `fields`");
            self.push(problem, &entry.name, "");
            return None;
        }
        let field = self.find_field(&entry.name)?;
        let Some(default) = default_type(field, self.file.types) else {
            self.refuse_type(field, &entry.name);
            return None;
        };
        let column_type = self.column_type(field, entry, default);
        Some(Field {
            name: field.name.clone(),
            column: entry.column.get_ref().clone(),
            column_type,
            is_typed: entry.column_type.is_some(),
            field_type: field.field_type,
            limits: limits_of(field),
            direction: self.direction(field, entry)?,
            conflict: entry.conflict.unwrap_or(self.file.conflict),
            createable: field.createable,
            updateable: field.updateable,
            nillable: field.nillable,
            is_calculated: field.calculated,
            reference_to: field.reference_to.clone(),
            reference: None,
        })
    }

    /// The described field, or a report that it is not there.
    pub(super) fn find_field(&mut self, name: &Spanned<String>) -> Option<&'a FieldDescribe> {
        let object = self.object;
        let found = object.field(name.get_ref());
        if found.is_none() {
            let message =
                format!("field `{}` does not exist on {}", name.get_ref(), self.object.name);
            let mut problem = Diagnostic::error(Code::FieldNotFound, message)
                .with_note("fields hidden by permissions look the same");
            let candidates = object.fields.iter().map(|field| field.name.as_str());
            if let Some(near) = nearest(name.get_ref(), candidates).and_then(|n| object.field(n)) {
                problem = problem.with_help(format!(
                    "did you mean `{}`? ({})",
                    near.name,
                    rights::described(near)
                ));
            }
            self.push(problem, name, "not in the org");
        }
        found
    }

    fn refuse_type(&mut self, field: &FieldDescribe, place: &Spanned<String>) {
        let message = format!("`{}` cannot be mapped: {} field", field.name, field.field_type);
        let problem = Diagnostic::error(Code::UnmappableField, message);
        let problem = if field.field_type == FieldType::Base64 {
            problem.with_help("leave it out; binary content is not synced")
        } else {
            problem.with_help(format!("map its parts: {}", self.parts_of(field).join(", ")))
        };
        self.push(problem, place, "");
    }

    /// The fields that a compound field is made of, by Salesforce's naming.
    fn parts_of(&self, compound: &FieldDescribe) -> Vec<String> {
        let stem = match compound.name.strip_suffix("__c") {
            Some(custom) => format!("{custom}__"),
            None => compound.name.trim_end_matches("Address").to_owned(),
        };
        let is_part = |field: &&FieldDescribe| {
            field.name.starts_with(&stem)
                && field.name != compound.name
                && default_type(field, self.file.types).is_some()
        };
        self.object.fields.iter().filter(is_part).map(|field| format!("`{}`", field.name)).collect()
    }

    fn column_type(
        &mut self,
        field: &FieldDescribe,
        entry: &FieldEntry,
        default: ColumnType,
    ) -> ColumnType {
        let Some(wished) = &entry.column_type else { return default };
        let column = entry.column.get_ref();
        let wished_sql = wished.get_ref().sql();
        let problem = match check_type(field, *wished.get_ref()) {
            Ok(()) => return *wished.get_ref(),
            Err(Misfit::Short(needed)) => Diagnostic::error(
                Code::TooShort,
                format!("column `{column}` is {wished_sql}, Salesforce allows {needed} characters"),
            ),
            Err(Misfit::Digits(precision, scale)) => Diagnostic::error(
                Code::TooShort,
                format!(
                    "column `{column}` is {wished_sql}, Salesforce allows {precision} digits, \
                     {scale} of them after the point"
                ),
            ),
            Err(Misfit::Kind) => Diagnostic::error(
                Code::TypeMismatch,
                format!("type {wished_sql} does not hold every {} of Salesforce", field.field_type),
            ),
        };
        let help = format!("leave `type` out for {}", default.sql());
        self.push(problem.with_help(help), wished, "");
        default
    }

    fn all_readable(&mut self, except: &[Spanned<String>]) -> Vec<Field> {
        for name in except {
            self.find_field(name);
        }
        let is_excepted = |field: &FieldDescribe| {
            except.iter().any(|name| name.get_ref().eq_ignore_ascii_case(&field.name))
        };
        let place = self.file.object.span();
        let key_column = self.file.key.as_ref().and_then(|key| {
            Some((key.field.get_ref().as_str(), key.column.as_ref()?.get_ref().clone()))
        });
        let object = self.object;
        let fields: Vec<_> = object
            .fields
            .iter()
            .filter(|field| names::always_mapped(&field.name).is_none() && !is_excepted(field))
            .filter_map(|field| self.readable_field(field))
            .map(|mut field| {
                if let Some((name, column)) = &key_column
                    && name.eq_ignore_ascii_case(&field.name)
                {
                    field.column.clone_from(column);
                }
                field
            })
            .collect();
        let columns: Vec<_> = fields
            .iter()
            .map(|field| (Spanned::new(place.clone(), field.column.clone()), field.name.as_str()))
            .collect();
        let columns = columns.iter().map(|(column, field)| (column, *field));
        names::check_columns(&self.file.source, columns, &mut self.diagnostics);
        fields
    }

    fn readable_field(&self, field: &FieldDescribe) -> Option<Field> {
        Some(Field {
            name: field.name.clone(),
            column: field.name.to_ascii_lowercase(),
            column_type: default_type(field, self.file.types)?,
            is_typed: false,
            field_type: field.field_type,
            limits: limits_of(field),
            direction: rights::narrow(
                self.file.direction,
                self.file.direction,
                rights::is_writable(field),
            )?,
            conflict: self.file.conflict,
            createable: field.createable,
            updateable: field.updateable,
            nillable: field.nillable,
            is_calculated: field.calculated,
            reference_to: field.reference_to.clone(),
            reference: None,
        })
    }

    /// The indexed columns, each named by its column or its field.
    fn indexes(&mut self, fields: &[Field]) -> Vec<String> {
        let mut columns = Vec::new();
        for index in &self.file.indexes {
            let name = index.get_ref();
            let column = fields
                .iter()
                .find(|field| field.column == *name || field.name.eq_ignore_ascii_case(name))
                .map(|field| field.column.clone())
                .or_else(|| self.reference_column(name));
            match column {
                Some(column) if columns.contains(&column) => {}
                Some(column) => columns.push(column),
                None => {
                    let message = format!("the index on `{name}` has no column");
                    let mut problem = Diagnostic::error(Code::IndexNotMapped, message);
                    let candidates = fields.iter().map(|field| field.column.as_str());
                    if let Some(near) = nearest(name, candidates) {
                        problem = problem.with_help(format!("did you mean `{near}`?"));
                    }
                    self.push(problem, index, "");
                }
            }
        }
        columns
    }

    fn reference_column(&self, name: &str) -> Option<String> {
        let FieldList::Named(entries) = &self.file.fields else { return None };
        entries
            .iter()
            .filter_map(|entry| entry.reference.as_ref())
            .map(|reference| reference.column.get_ref())
            .find(|column| *column == name)
            .cloned()
    }

    fn key(&mut self, fields: &[Field]) -> Option<Key> {
        let Some(key) = &self.file.key else {
            self.warn_without_key();
            return None;
        };
        let described = self.object.field(key.field.get_ref());
        if described.is_none() && matches!(self.file.fields, FieldList::AllReadable { .. }) {
            self.find_field(&key.field);
        }
        self.check_key(described?, &key.field);
        let field =
            fields.iter().find(|field| field.name.eq_ignore_ascii_case(key.field.get_ref()))?;
        self.check_key_default(field, key);
        let default = key.default.as_ref().map(|default| *default.get_ref());
        Some(Key { field: field.name.clone(), column: field.column.clone(), default })
    }
}
