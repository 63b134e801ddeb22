//! What may be written, and what must be: directions, required fields and keys against the user's rights.

use super::{
    bind::Binder,
    diagnostic::{Code, Diagnostic},
    file::{FieldEntry, FieldList, KeyEntry},
    validated::{Direction, Field, KeyDefault, UUID_LENGTH},
};
use crate::model::{FieldDescribe, FieldType};
use toml::Spanned;

/// Fields that everybody maps and nobody means to write.
const AUDIT_FIELDS: [&str; 7] = [
    "CreatedDate",
    "CreatedById",
    "LastModifiedDate",
    "LastModifiedById",
    "LastActivityDate",
    "LastViewedDate",
    "LastReferencedDate",
];

/// Whether the user may write the field at all.
pub(super) fn is_writable(field: &FieldDescribe) -> bool {
    !field.calculated && !field.auto_number && (field.createable || field.updateable)
}

/// What remains of the directions of a mapping and of its field; `None` when nothing does.
pub(super) fn narrow(mapping: Direction, field: Direction, is_writable: bool) -> Option<Direction> {
    let pulls = mapping.pulls() && field.pulls();
    let pushes = mapping.pushes() && field.pushes() && is_writable;
    match (pulls, pushes) {
        (true, true) => Some(Direction::Both),
        (true, false) => Some(Direction::FromSalesforce),
        (false, true) => Some(Direction::ToSalesforce),
        (false, false) => None,
    }
}

/// A field in a few words, for a suggestion.
pub(super) fn described(field: &FieldDescribe) -> String {
    let size = match (field.length, field.precision) {
        (0, 0) => String::new(),
        (0, precision) => format!(" {precision},{}", field.scale),
        (length, _) => format!(" {length}"),
    };
    let right = if is_writable(field) { "writable" } else { "read-only" };
    format!("{}{size}, {right}", field.field_type)
}

fn why_not_writable(field: &FieldDescribe) -> (&'static str, &'static str) {
    if field.calculated {
        ("formula field", "calculated by Salesforce")
    } else if field.auto_number {
        ("auto-number field", "numbered by Salesforce")
    } else {
        ("no right to create or edit", "read-only for this user")
    }
}

fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Both => "both",
        Direction::FromSalesforce => "from_salesforce",
        Direction::ToSalesforce => "to_salesforce",
    }
}

impl Binder<'_> {
    /// The effective direction of a named field; `None` when it could go nowhere, which is reported.
    pub(super) fn direction(
        &mut self,
        field: &FieldDescribe,
        entry: &FieldEntry,
    ) -> Option<Direction> {
        let mapping = self.file.direction;
        let wished = entry.direction.as_ref().map_or(mapping, |given| *given.get_ref());
        if let Some(given) = &entry.direction
            && narrow(mapping, wished, true) != Some(wished)
        {
            let message = format!(
                "`{}` asks for `{}`, its mapping is `{}`",
                field.name,
                word(wished),
                word(mapping)
            );
            let problem = Diagnostic::error(Code::NotWritable, message).with_help(
                "a field cannot go where its mapping does not; widen the mapping's `direction`",
            );
            self.push(problem, given, "");
            return narrow(mapping, wished, is_writable(field));
        }
        let is_audit = AUDIT_FIELDS.contains(&field.name.as_str());
        if wished.pushes() && !is_writable(field) && !(is_audit && mapping == Direction::Both) {
            self.report_not_writable(field, entry);
        }
        narrow(mapping, wished, is_writable(field))
    }

    /// An error where writing is asked for by the field itself or nothing else is left to do with it; otherwise
    /// it is enough to say that the field is only read.
    fn report_not_writable(&mut self, field: &FieldDescribe, entry: &FieldEntry) {
        let (reason, label) = why_not_writable(field);
        let is_asked = entry.direction.is_some() || self.file.direction == Direction::ToSalesforce;
        let message = format!("`{}` cannot be written: {reason}", field.name);
        let mut problem = if is_asked {
            Diagnostic::error(Code::NotWritable, message)
        } else {
            Diagnostic::warning(Code::NotWritable, message)
                .with_note("it is read only, whatever the mapping's direction")
        };
        if let Some(place) = entry.direction.as_ref().or(self.file.direction_given.as_ref()) {
            problem = problem.with_related(&self.file.source, place.span(), "asks for writes");
        }
        problem = if self.file.direction == Direction::ToSalesforce {
            problem.with_help("leave the field out")
        } else {
            let name = &field.name;
            problem.with_help(format!("add `direction = \"from_salesforce\"` to `[fields.{name}]`"))
        };
        self.push(problem, &entry.name, label);
    }

    /// Checks what the file asks of the object as a whole.
    pub(super) fn check_object(&mut self) {
        let object = self.object;
        if object.queryable {
            self.check_stamp();
        } else {
            let message = format!("object `{}` cannot be queried", object.name);
            let problem = Diagnostic::error(Code::ObjectNotReadable, message)
                .with_help("map an object that SOQL can read");
            self.push(problem, &self.file.object, "");
        }
        if self.file.direction.pushes() && !object.createable && !object.updateable {
            let message =
                format!("object `{}` cannot be written: no right to create or edit", object.name);
            let mut problem = Diagnostic::error(Code::NotWritable, message)
                .with_help("write `direction = \"from_salesforce\"`, or give the user the right");
            if let Some(given) = &self.file.direction_given {
                problem = problem.with_related(&self.file.source, given.span(), "asks for writes");
            }
            self.push(problem, &self.file.object, "");
        }
    }

    /// Warns of fields without which Salesforce refuses every insert.
    pub(super) fn check_required(&mut self, fields: &[Field]) {
        if !self.file.direction.pushes() || !self.object.createable {
            return;
        }
        let is_sent =
            |name: &str| fields.iter().any(|field| field.name == name && field.direction.pushes());
        let missing: Vec<_> = self
            .object
            .fields
            .iter()
            .filter(|field| is_required(field) && !is_sent(&field.name))
            .map(|field| field.name.clone())
            .collect();
        for name in missing {
            let (message, help) = match fields.iter().find(|field| field.name == name) {
                Some(_) => (
                    format!("required field `{name}` is never sent, inserts will fail"),
                    format!("let `{name}` go both ways"),
                ),
                None => (
                    format!("required field `{name}` is not mapped, inserts will fail"),
                    format!("add `{name}` to `fields`"),
                ),
            };
            let problem = Diagnostic::warning(Code::RequiredNotMapped, message).with_help(help);
            self.push(problem, &self.file.object, "");
        }
    }

    pub(super) fn warn_without_key(&mut self) {
        let Some(direction) = &self.file.direction_given else { return };
        if !self.file.direction.pushes() {
            return;
        }
        let message = format!("`{}` has no key: a lost answer could leave twins", self.object.name);
        let mut problem = Diagnostic::warning(Code::NoKey, message)
            .with_note("with a key an insert can be repeated safely");
        let candidates: Vec<_> = self
            .object
            .fields
            .iter()
            .filter(|field| field.external_id && key_fault(field, true).is_none())
            .map(|field| format!("`key = {{ external_id = \"{}\" }}`", field.name))
            .collect();
        problem = if candidates.is_empty() {
            problem
                .with_help("create a unique External ID field in Salesforce and name it in `key`")
        } else {
            problem.with_help(format!("write {}", candidates.join(" or ")))
        };
        self.push(problem, direction, "asks for writes");
    }

    /// Checks that the key identifies one record, and can be sent where records are sent.
    pub(super) fn check_key(&mut self, field: &FieldDescribe, place: &Spanned<String>) {
        let Some(fault) = key_fault(field, self.file.direction.pushes()) else {
            self.check_key_is_sent(place);
            return;
        };
        let message = format!("`{}` cannot be the key: {fault}", field.name);
        let others: Vec<_> = self
            .object
            .fields
            .iter()
            .filter(|other| other.external_id && key_fault(other, true).is_none())
            .map(|other| format!("`{}`", other.name))
            .collect();
        let mut problem = Diagnostic::error(Code::BadKey, message);
        problem = if others.is_empty() {
            problem.with_help("mark the field as External ID and unique in Salesforce")
        } else {
            problem.with_help(format!("use {}", others.join(" or ")))
        };
        self.push(problem, place, "");
    }

    /// A key that the database makes up has to fit the field, and rows that are inserted here.
    pub(super) fn check_key_default(&mut self, field: &Field, key: &KeyEntry) {
        let Some(default) = key.default.as_ref().filter(|it| *it.get_ref() == KeyDefault::Uuid)
        else {
            return;
        };
        let (message, help) = if !field.direction.pushes() {
            ("no row is sent to Salesforce, so none needs a key".to_owned(), "leave `default` out")
        } else if field.holds_a_uuid() {
            return;
        } else {
            (
                format!(
                    "`{}` cannot hold a generated key: that is a text of {UUID_LENGTH} characters",
                    field.name
                ),
                "use a text field that is long enough, or leave `default` out and give every row its key",
            )
        };
        self.push(Diagnostic::error(Code::BadKeyDefault, message).with_help(help), default, "");
    }

    /// A key that is never sent cannot make an insert repeatable.
    fn check_key_is_sent(&mut self, place: &Spanned<String>) {
        let FieldList::Named(entries) = &self.file.fields else { return };
        let given = entries
            .iter()
            .find(|entry| entry.name.get_ref().eq_ignore_ascii_case(place.get_ref()))
            .and_then(|entry| entry.direction.as_ref());
        if let Some(given) = given
            && self.file.direction.pushes()
            && !given.get_ref().pushes()
        {
            let message = format!("`{}` cannot be the key: it is never sent", place.get_ref());
            let problem = Diagnostic::error(Code::BadKey, message)
                .with_related(&self.file.source, place.span(), "the key")
                .with_help("leave its `direction` out");
            self.push(problem, given, "");
        }
    }
}

/// Boxes are never null and never required; the owner and the like are filled by Salesforce.
pub(super) fn is_required(field: &FieldDescribe) -> bool {
    field.createable
        && !field.nillable
        && !field.defaulted_on_create
        && field.field_type != FieldType::Boolean
}

fn key_fault(field: &FieldDescribe, is_sent: bool) -> Option<&'static str> {
    if !field.external_id && !field.id_lookup {
        Some("it is not an External ID")
    } else if field.field_type == FieldType::Id {
        Some("new records have no id yet")
    } else if !field.unique {
        Some("it is not unique")
    } else if is_sent && !(field.createable && is_writable(field)) {
        Some("it cannot be written")
    } else {
        None
    }
}
