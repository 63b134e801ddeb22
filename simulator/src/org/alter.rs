//! Changing the schema of an org with rows in it, as an administrator does in Setup.
//!
//! Rows are brought along without a new stamp, as in Salesforce: a client that only looks at
//! `SystemModstamp` does not notice. What does move is the `Last-Modified` of the describe.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use serde_json::{Value as Json, json};

use super::{Org, Row, convert::from_text, save::default_value, table::Table};
use crate::{
    ApiError, Id,
    schema::{Field, FieldType, Object, SchemaError},
    value::{JsonMap, Value},
};

/// A change of the values of a picklist.
#[derive(Debug, Clone, Default, serde::Deserialize, serde::Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PicklistChange {
    /// New values, active.
    pub add: Vec<String>,
    /// Values that may be chosen again.
    pub activate: Vec<String>,
    /// Values that may no longer be chosen; rows that have them keep them.
    pub deactivate: Vec<String>,
    /// Values that disappear, and what stands in rows in their place. The rows get no new stamp.
    pub replace: std::collections::BTreeMap<String, String>,
}

impl Org {
    /// Adds an object, described as in a describe answer; what is left out is understood.
    ///
    /// # Errors
    /// A describe that does not fit, or a name or key prefix that is taken.
    pub fn create_object(&mut self, described: JsonMap) -> Result<usize, ApiError> {
        let number = self.schema.add_object(described).map_err(unfit)?;
        if let Some(object) = self.schema.objects().get(number) {
            self.tables.push(Table::new(object));
            self.purged.push(std::collections::BTreeMap::new());
        }
        self.redescribe(number);
        Ok(number)
    }

    /// Sets attributes of an object's describe, such as `label` or `deletable`.
    ///
    /// # Errors
    /// 404 for an unknown object; an attribute that objects lack or that cannot change.
    pub fn alter_object(&mut self, object: &str, changes: &JsonMap) -> Result<(), ApiError> {
        let (number, _) = self.object_named(object)?;
        self.schema.alter_object(number, changes).map_err(unfit)?;
        self.redescribe(number);
        Ok(())
    }

    /// Makes an object and its rows unreachable.
    ///
    /// # Errors
    /// 404 for an unknown object.
    pub fn drop_object(&mut self, object: &str) -> Result<(), ApiError> {
        let (number, _) = self.object_named(object)?;
        self.redescribe(number);
        self.schema.drop_object(number);
        Ok(())
    }

    /// Adds a field, described as in a describe answer. Rows that are there get its default value.
    ///
    /// # Errors
    /// 404 for an unknown object; a describe that does not fit, or a name that is taken.
    pub fn add_field(&mut self, object: &str, described: JsonMap) -> Result<usize, ApiError> {
        let (number, _) = self.object_named(object)?;
        let field = self.schema.add_field(number, described).map_err(unfit)?;
        let described = self.object(number).and_then(|object| object.field(field)).cloned();
        if let Some(described) = described {
            let default = default_value(&described);
            self.rewrite(number, field, |_| default.clone());
            self.index(number, field, &described);
        }
        self.redescribe(number);
        Ok(field)
    }

    /// Drops a field: no name finds it any more. Its values wait for an undelete.
    ///
    /// # Errors
    /// 404 for an unknown object; `INVALID_FIELD` for an unknown field or one that every row needs.
    pub fn drop_field(&mut self, object: &str, field: &str) -> Result<(), ApiError> {
        let (number, at, _) = self.field_named(object, field)?;
        self.redescribe(number);
        self.schema.drop_field(number, at).map_err(unfit)?;
        Ok(())
    }

    /// Brings the field of this name that was dropped last back, with its values.
    ///
    /// # Errors
    /// 404 for an unknown object; `INVALID_FIELD` when there is no such field or its name is taken.
    pub fn undelete_field(&mut self, object: &str, field: &str) -> Result<(), ApiError> {
        let (number, _) = self.object_named(object)?;
        self.schema.undelete_field(number, field).map_err(unfit)?;
        self.redescribe(number);
        Ok(())
    }

    /// Gives a field other attributes, named as in a describe (`name`, `label`, `type`, `length`,
    /// `precision`, `scale`, `unique`, `externalId`, `defaultValue`, `restrictedPicklist` and so
    /// on; `required` is the opposite of `nillable`). Stored values are converted to a new type;
    /// what does not fit becomes null, texts are cut to their new length.
    ///
    /// # Errors
    /// 404 for an unknown object; `INVALID_FIELD` for an unknown field or attribute;
    /// `DUPLICATE_VALUE` when a field is to be unique and is not.
    pub fn alter_field(
        &mut self,
        object: &str,
        field: &str,
        changes: &JsonMap,
    ) -> Result<(), ApiError> {
        let (number, at, old) = self.field_named(object, field)?;
        let new = old.altered(changes).map_err(unfit)?;
        if new.unique && !(old.unique && old.case_sensitive == new.case_sensitive) {
            self.check_distinct(number, at, &new)?;
        }
        // The parents' child relationships change too, before and after.
        self.redescribe(number);
        self.schema.replace_field(number, at, new.clone()).map_err(unfit)?;
        let is_other = |old: &Field, new: &Field| {
            (&old.type_name, old.length, old.precision, old.scale, old.digits)
                != (&new.type_name, new.length, new.precision, new.scale, new.digits)
        };
        if is_other(&old, &new) && !new.calculated {
            self.rewrite(number, at, |value| refit(&old, &new, value));
        }
        self.index(number, at, &new);
        self.redescribe(number);
        Ok(())
    }

    /// Changes the values of a picklist.
    ///
    /// # Errors
    /// As [`Org::alter_field`]; `INVALID_FIELD` for a value that the picklist lacks.
    pub fn change_picklist(
        &mut self,
        object: &str,
        field: &str,
        change: &PicklistChange,
    ) -> Result<(), ApiError> {
        let (number, at, old) = self.field_named(object, field)?;
        let values = changed_values(&old, change)?;
        let changes = JsonMap::from_iter([("picklistValues".to_owned(), Json::Array(values))]);
        let new = old.altered(&changes).map_err(unfit)?;
        self.schema.replace_field(number, at, new).map_err(unfit)?;
        if !change.replace.is_empty() {
            self.rewrite(number, at, |value| replaced(value, &change.replace));
        }
        self.redescribe(number);
        Ok(())
    }

    /// When the describe of an object last changed, by its number.
    #[must_use]
    pub fn described_at(&self, object: usize) -> DateTime<Utc> {
        self.described_at.get(&object).copied().unwrap_or(self.born)
    }

    /// When the describe of any object last changed.
    #[must_use]
    pub fn metadata_at(&self) -> DateTime<Utc> {
        self.metadata_at
    }

    /// Notes that describes changed: the object's and those of the objects it refers to, whose
    /// child relationships it has a part in. Each change has a second of its own, so that a client
    /// that asks "modified since" never misses one.
    pub(super) fn redescribe(&mut self, object: usize) {
        self.metadata_at = self.now().max(self.metadata_at + TimeDelta::seconds(1));
        let references = self.object(object).into_iter().flat_map(Object::fields);
        let parents: Vec<usize> = references
            .flat_map(|field| &field.reference_to)
            .filter_map(|name| self.schema.number(name))
            .collect();
        for number in parents.into_iter().chain([object]) {
            self.described_at.insert(number, self.metadata_at);
        }
    }

    fn field_named(&self, object: &str, field: &str) -> Result<(usize, usize, Field), ApiError> {
        let (number, object) = self.object_named(object)?;
        let found = object.number(field).and_then(|at| Some((at, object.field(at)?.clone())));
        let (at, field) = found.ok_or_else(|| {
            let message = format!("No such column '{field}' on sobject of type {}", object.name());
            ApiError::request("INVALID_FIELD", message)
        })?;
        Ok((number, at, field))
    }

    /// Changes the stored values of a field, past stamps and transactions.
    fn rewrite(&mut self, number: usize, field: usize, change: impl Fn(&Value) -> Value) {
        let Some(table) = self.tables.get_mut(number) else { return };
        let ids: Vec<Id> = table.iter().map(|(id, _)| id).collect();
        for id in ids {
            let Some(row) = table.get(id) else { continue };
            let value = change(row.value(field));
            if value == *row.value(field) {
                continue;
            }
            let mut row = row.into_row();
            row.set(Some(field), value);
            table.put(id, Some(row));
        }
    }

    fn index(&mut self, number: usize, at: usize, field: &Field) {
        if let Some(table) = self.tables.get_mut(number) {
            table.index(at, field);
        }
    }

    /// Refuses to make a field unique whose values are not; the recycle bin counts too.
    fn check_distinct(&self, number: usize, at: usize, field: &Field) -> Result<(), ApiError> {
        let Some(table) = self.table(number) else { return Ok(()) };
        let mut seen = std::collections::HashSet::new();
        let text = |row: &Row| {
            let value = row.value(at);
            (!value.is_null()).then(|| {
                let text = value.to_cell();
                if field.case_sensitive { text } else { text.to_lowercase() }
            })
        };
        let is_distinct =
            table.iter().filter_map(|(_, row)| text(&row)).all(|key| seen.insert(key));
        if is_distinct {
            return Ok(());
        }
        let message = "Duplicate value found when building unique index";
        Err(ApiError::row("DUPLICATE_VALUE", message, &[&field.name]))
    }
}

fn unfit(error: SchemaError) -> ApiError {
    let message = match error {
        SchemaError::NotADescribe { message, .. } => message,
        other @ SchemaError::Unreadable { .. } => other.to_string(),
    };
    ApiError::request("INVALID_FIELD", message)
}

/// A stored value in the new form of its field.
fn refit(old: &Field, new: &Field, value: &Value) -> Value {
    use FieldType::{Boolean, Date, Datetime, Id, Multipicklist, Picklist, Reference};
    match (old.kind, new.kind, value) {
        (Boolean, Boolean, value) => value.clone(),
        // Salesforce keeps nothing of a checkbox, and fills one anew.
        (_, Boolean, _) => default_value(new),
        (_, _, Value::Null) | (Boolean, ..) => Value::Null,
        (Reference | Id, Reference | Id, value) | (Picklist, Picklist, value) => value.clone(),
        (Reference | Id, ..) | (_, Reference | Id, _) => Value::Null,
        (Datetime, Date, Value::Moment(moment)) => Value::Date(moment.date_naive()),
        (Date, Datetime, Value::Date(date)) => {
            Value::Moment(date.and_time(NaiveTime::MIN).and_utc())
        }
        (Multipicklist, kind, Value::Text(text)) if kind != Multipicklist && text.contains(';') => {
            Value::Null
        }
        (_, kind, value) => {
            let text = match value {
                Value::Number(number) => format!("{number:.*}", old.scale),
                value => value.to_cell(),
            };
            let text: String = match (kind.is_text(), new.length) {
                (true, 1..) => text.chars().take(new.length).collect(),
                _ => text,
            };
            from_text(new, &text).unwrap_or(Value::Null)
        }
    }
}

/// The elements of `picklistValues` after a change.
fn changed_values(field: &Field, change: &PicklistChange) -> Result<Vec<Json>, ApiError> {
    let mut values = match field.described.get("picklistValues") {
        Some(Json::Array(values)) => values.clone(),
        _ => Vec::new(),
    };
    let position = |values: &[Json], name: &str| {
        let found = values.iter().position(|value| value.get("value") == Some(&json!(name)));
        found.ok_or_else(|| {
            let message = format!("{} has no picklist value {name}", field.name);
            ApiError::request("INVALID_FIELD", message)
        })
    };
    for (names, is_active) in [(&change.activate, true), (&change.deactivate, false)] {
        for name in names {
            let at = position(&values, name)?;
            if let Some(value) = values.get_mut(at).and_then(Json::as_object_mut) {
                value.insert("active".to_owned(), json!(is_active));
            }
        }
    }
    for name in &change.add {
        if position(&values, name).is_ok() {
            let message = format!("{} has the picklist value {name} already", field.name);
            return Err(ApiError::request("DUPLICATE_VALUE", message));
        }
        values.push(json!({
            "active": true, "defaultValue": false, "label": name, "validFor": null, "value": name,
        }));
    }
    for (from, to) in &change.replace {
        let at = position(&values, from)?;
        if !to.is_empty() {
            position(&values, to)?;
        }
        values.remove(at);
    }
    Ok(values)
}

/// A value of a picklist, single or multiple, after values were replaced; by nothing, if the new
/// one is empty.
fn replaced(value: &Value, replace: &std::collections::BTreeMap<String, String>) -> Value {
    let Value::Text(text) = value else { return value.clone() };
    let mut chosen: Vec<&str> = Vec::new();
    for part in text.split(';') {
        let part = replace.get(part).map_or(part, String::as_str);
        if !part.is_empty() && !chosen.contains(&part) {
            chosen.push(part);
        }
    }
    if chosen.is_empty() { Value::Null } else { Value::Text(chosen.join(";").into()) }
}
