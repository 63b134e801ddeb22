//! Creating, updating and upserting rows.
//!
//! A write goes through the same steps whoever asks for it: a body or CSV row becomes a list of
//! typed changes, the changes are laid over defaults or the stored row, the result is checked as a
//! whole (`check`), and only then stored, in one step.

use serde_json::Value as Json;

use super::{
    Key, Org, Row, RowRef, UpsertError, Upserted,
    convert::{from_json, from_text},
};
use crate::{
    ApiError, Id,
    schema::{Field, FieldType, Object},
    value::{JsonMap, Value},
};

/// Typed changes: field numbers and their new values.
pub(super) type Changes = Vec<(usize, Value)>;

/// Which right a field needs to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Create,
    Update,
}

impl Org {
    /// Inserts a row. `attributes` in the body is ignored.
    ///
    /// # Errors
    /// As Salesforce: unknown or read-only fields, values of the wrong type, length or range,
    /// missing required fields, references to nothing, duplicates, validation rules.
    pub fn create(&mut self, user: Id, object: &str, body: &JsonMap) -> Result<Id, ApiError> {
        let (number, _) = self.object_named(object)?;
        let changes = self.read_body(number, body, Purpose::Create)?;
        self.create_row(user, number, changes)
    }

    /// Changes the given fields of a row.
    ///
    /// # Errors
    /// As [`Org::create`]; `MALFORMED_ID`; 404 with `INVALID_CROSS_REFERENCE_KEY` or
    /// `ENTITY_IS_DELETED` when the row is missing or in the recycle bin.
    pub fn update(
        &mut self,
        user: Id,
        object: &str,
        id: &str,
        body: &JsonMap,
    ) -> Result<Id, ApiError> {
        let (number, _) = self.object_named(object)?;
        let id = Id::parse(id)?;
        self.live_row(number, id)?;
        let changes = self.read_body(number, body, Purpose::Update)?;
        self.update_row(user, number, id, changes)
    }

    /// Inserts or changes the row with this key. The body must not contain the key again.
    ///
    /// # Errors
    /// As [`Org::create`]; `NOT_FOUND` when the field is no key of the object.
    pub fn upsert(
        &mut self,
        user: Id,
        object: &str,
        key: &Key,
        body: &JsonMap,
    ) -> Result<Upserted, UpsertError> {
        let (number, described) = self.object_named(object)?;
        let (field, value) = key_of(described, key)?;
        if body.keys().any(|name| described.number(name) == Some(field)) {
            let name = described.field(field).map_or("", |field| &field.name);
            let message = format!("The {name} field should not be specified in the sobject data.");
            return Err(ApiError::request("INVALID_FIELD", message).into());
        }
        let purpose = match self.matches(number, field, &value).as_slice() {
            [] => Purpose::Create,
            _ => Purpose::Update,
        };
        let changes = self.read_body(number, body, purpose)?;
        self.upsert_row(user, number, (field, value), changes)
    }

    /// Like [`Org::upsert`], with the key inside the body, as in Collections.
    ///
    /// # Errors
    /// As [`Org::upsert`]; `MISSING_ARGUMENT` when the body has no key value.
    pub fn upsert_keyed(
        &mut self,
        user: Id,
        object: &str,
        key_field: &str,
        body: &JsonMap,
    ) -> Result<Upserted, UpsertError> {
        let mut body = body.clone();
        let name = body.keys().find(|name| name.eq_ignore_ascii_case(key_field)).cloned();
        let value = name.and_then(|name| body.remove(&name)).unwrap_or(Json::Null);
        self.upsert(user, object, &Key { field: key_field.to_owned(), value }, &body)
    }

    /// The live rows with this key: none, one, or (not unique) several.
    ///
    /// # Errors
    /// 404 `NOT_FOUND` when the object or key field does not exist.
    pub fn find_by_key(&self, object: &str, key: &Key) -> Result<Vec<Id>, ApiError> {
        let (number, object) = self.object_named(object)?;
        let (field, value) = key_of(object, key)?;
        Ok(self.matches(number, field, &value))
    }

    /// The live rows with a value in a key field.
    pub(super) fn matches(&self, number: usize, field: usize, value: &Value) -> Vec<Id> {
        let Some(table) = self.table(number) else { return Vec::new() };
        let is_live = |id: &Id| table.is_live(*id);
        match value {
            Value::Id(id) if !table.is_indexed(field) => {
                Some(*id).filter(is_live).into_iter().collect()
            }
            value => table.with_value(field, value).filter(is_live).collect(),
        }
    }

    /// Turns a JSON body into typed changes.
    fn read_body(
        &self,
        number: usize,
        body: &JsonMap,
        purpose: Purpose,
    ) -> Result<Changes, ApiError> {
        let object = self.object(number).ok_or_else(ApiError::unknown_object)?;
        let mut changes = Changes::new();
        let mut read_only = Vec::new();
        for (name, json) in body {
            if name == "attributes" {
                continue;
            }
            if name.eq_ignore_ascii_case("Id") {
                let message = "The Id field should not be specified in the sobject data.";
                return Err(ApiError::request("INVALID_FIELD", message));
            }
            let relation = object.relationship(name).filter(|_| json.is_object());
            let field = object.number(name).or(relation);
            let Some((number, field)) =
                field.and_then(|number| Some((number, object.field(number)?)))
            else {
                let message =
                    format!("No such column '{name}' on sobject of type {}", object.name());
                return Err(ApiError::request("INVALID_FIELD", message));
            };
            if !is_writable(field, purpose) {
                read_only.push(field.name.as_str());
            } else if relation.is_some() {
                changes.push((number, self.parent_in_body(field, json)?));
            } else {
                changes.push((number, from_json(field, json)?));
            }
        }
        refuse_read_only(&read_only)?;
        Ok(changes)
    }

    /// Resolves `"Account": {"External_Id__c": "x"}` to the parent's id.
    fn parent_in_body(&self, field: &Field, json: &Json) -> Result<Value, ApiError> {
        let members = json.as_object();
        let named = json
            .get("attributes")
            .and_then(|attributes| attributes.get("type"))
            .and_then(Json::as_str);
        let key =
            members.and_then(|members| members.iter().find(|(name, _)| *name != "attributes"));
        let Some((name, value)) = key else {
            let message = format!("No key is given for the parent of {}", field.name);
            return Err(ApiError::request("INVALID_FIELD", message));
        };
        let targets = field
            .reference_to
            .iter()
            .filter(|target| named.is_none_or(|named| target.eq_ignore_ascii_case(named)));
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        for target in targets {
            if let Some(parent) = self.parent_by_key(target, name, &text)? {
                return Ok(Value::Id(parent));
            }
        }
        let entity = named.or(field.reference_to.first().map(String::as_str)).unwrap_or_default();
        Err(no_parent(&text, name, entity))
    }

    /// The parent with this key; `None` when there is none or the schema lacks the object.
    pub(super) fn parent_by_key(
        &self,
        target: &str,
        key: &str,
        text: &str,
    ) -> Result<Option<Id>, ApiError> {
        let Ok((number, object)) = self.object_named(target) else { return Ok(None) };
        let field = object.number(key).and_then(|number| Some((number, object.field(number)?)));
        let Some((key, field)) = field.filter(|(_, field)| field.is_key()) else {
            let message = format!("No such column '{key}' on sobject of type {}", object.name());
            return Err(ApiError::request("INVALID_FIELD", message));
        };
        let value = from_text(field, text)?;
        match self.matches(number, key, &value).as_slice() {
            [] => Ok(None),
            [id] => Ok(Some(*id)),
            several => Err(UpsertError::Several(several.to_vec()).into()),
        }
    }

    /// A row that can be written: there, and not in the recycle bin.
    pub(super) fn live_row(&self, number: usize, id: Id) -> Result<RowRef<'_>, ApiError> {
        let Some(row) = self.row(number, id) else {
            let gone = self.purged.get(number).is_some_and(|purged| purged.contains_key(&id));
            return Err(
                if gone { entity_is_deleted() } else { invalid_cross_reference() }.with_status(404)
            );
        };
        if row.is_live() { Ok(row) } else { Err(entity_is_deleted().with_status(404)) }
    }

    /// Inserts a row of typed changes.
    pub(super) fn create_row(
        &mut self,
        user: Id,
        number: usize,
        changes: Changes,
    ) -> Result<Id, ApiError> {
        let now = self.now();
        let object = self.object(number).ok_or_else(ApiError::unknown_object)?;
        if !object.is("createable") {
            return Err(not_allowed(object));
        }
        let system = object.system().clone();
        let mut row = Row::new(object.fields().len());
        for (value, field) in row.values.iter_mut().zip(object.fields()) {
            *value = default_value(field);
        }
        row.set(system.owner_id, Value::Id(user));
        for (field, value) in changes {
            let has_default = object
                .field(field)
                .is_some_and(|field| field.defaulted_on_create && !field.nillable);
            if !(value.is_null() && has_default) {
                row.set(Some(field), value);
            }
        }
        row.set(system.created_date, Value::Moment(now));
        row.set(system.created_by_id, Value::Id(user));
        self.check(number, None, &row)?;
        let id = self.number_row(number, &mut row);
        self.stamp(number, user, &mut row);
        self.put(number, id, Some(row));
        Ok(id)
    }

    /// Gives a new row its id, its auto numbers and, where a custom object has none, its name.
    fn number_row(&mut self, number: usize, row: &mut Row) -> Id {
        let (Some(object), Some(table)) =
            (self.schema.objects().get(number), self.tables.get_mut(number))
        else {
            return Id::MIN;
        };
        table.sequence += 1;
        let id = Id::generate(object.prefix(), table.sequence);
        let has_auto_number = object.fields().iter().any(|field| field.auto_number);
        table.auto_number += u64::from(has_auto_number);
        for (at, field) in object.fields().iter().enumerate() {
            if field.auto_number {
                let text = auto_number(&field.display_format, table.auto_number);
                row.set(Some(at), Value::Text(text.into()));
            } else if field.name_field && field.createable && row.value(at).is_null() {
                row.set(Some(at), Value::Text(id.short().into()));
            }
        }
        row.set(object.system().id, Value::Id(id));
        id
    }

    /// Writes who changed a row and when.
    pub(super) fn stamp(&self, number: usize, user: Id, row: &mut Row) {
        let Some(object) = self.object(number) else { return };
        let now = Value::Moment(self.now());
        row.set(object.system().last_modified_date, now.clone());
        row.set(object.system().last_modified_by_id, Value::Id(user));
        row.set(object.system().system_modstamp, now);
    }

    /// Changes a row by typed changes.
    pub(super) fn update_row(
        &mut self,
        user: Id,
        number: usize,
        id: Id,
        changes: Changes,
    ) -> Result<Id, ApiError> {
        let mut row = self.live_row(number, id)?.into_row();
        let object = self.object(number).ok_or_else(ApiError::unknown_object)?;
        if !object.is("updateable") {
            return Err(not_allowed(object));
        }
        for (field, value) in changes {
            row.set(Some(field), value);
        }
        self.check(number, Some(id), &row)?;
        self.stamp(number, user, &mut row);
        self.put(number, id, Some(row));
        Ok(id)
    }

    /// Inserts or changes a row by typed changes.
    pub(super) fn upsert_row(
        &mut self,
        user: Id,
        number: usize,
        key: (usize, Value),
        mut changes: Changes,
    ) -> Result<Upserted, UpsertError> {
        let object = self.object(number).ok_or_else(ApiError::unknown_object)?;
        let is_id = object.system().id == Some(key.0);
        match self.matches(number, key.0, &key.1).as_slice() {
            [id] => {
                let id = self.update_row(user, number, *id, changes)?;
                Ok(Upserted { id, created: false })
            }
            [] => {
                if let (true, Some(id)) = (is_id, key.1.as_id()) {
                    self.live_row(number, id)?;
                }
                if !is_id {
                    let field = object.field(key.0).filter(|field| !field.createable);
                    refuse_read_only(
                        &field.map(|field| field.name.as_str()).into_iter().collect::<Vec<_>>(),
                    )?;
                    changes.push(key);
                }
                let id = self.create_row(user, number, changes)?;
                Ok(Upserted { id, created: true })
            }
            several => Err(UpsertError::Several(several.to_vec())),
        }
    }
}

/// The field and typed value of a key.
fn key_of(object: &Object, key: &Key) -> Result<(usize, Value), ApiError> {
    let field = object.number(&key.field).and_then(|number| Some((number, object.field(number)?)));
    let Some((number, field)) = field.filter(|(_, field)| field.is_key()) else {
        let message = format!(
            "Provided external ID field does not exist or is not accessible: {}",
            key.field
        );
        return Err(ApiError::not_found(message));
    };
    let value = match &key.value {
        Json::String(text) => from_text(field, text)?,
        json => from_json(field, json)?,
    };
    if value.is_null() && field.kind != FieldType::Id {
        let message = format!("{} not specified", field.name);
        return Err(ApiError::row("MISSING_ARGUMENT", message, &[&field.name]));
    }
    Ok((number, value))
}

/// Whether a field may be given in a write.
pub(super) fn is_writable(field: &Field, purpose: Purpose) -> bool {
    match purpose {
        Purpose::Create => field.createable,
        Purpose::Update => field.updateable,
    }
}

/// The refusal of fields that may not be written, if there are any.
pub(super) fn refuse_read_only(fields: &[&str]) -> Result<(), ApiError> {
    if fields.is_empty() {
        return Ok(());
    }
    let message = format!(
        "Unable to create/update fields: {}. Please check the security settings of this field and \
         verify that it is read/write for your profile or permission set.",
        fields.join(", ")
    );
    Err(ApiError::row("INVALID_FIELD_FOR_INSERT_UPDATE", message, fields))
}

/// The error for a parent that no row has the key of.
pub(super) fn no_parent(text: &str, key: &str, entity: &str) -> ApiError {
    let message =
        format!("Foreign key external ID: {text} not found for field {key} in entity {entity}");
    ApiError::row("INVALID_FIELD", message, &[])
}

/// The error for an id that leads nowhere.
pub(super) fn invalid_cross_reference() -> ApiError {
    ApiError::row("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[])
}

/// The error for a row in the recycle bin.
pub(super) fn entity_is_deleted() -> ApiError {
    ApiError::row("ENTITY_IS_DELETED", "entity is deleted", &[])
}

/// The error for a verb that the object does not have.
pub(super) fn not_allowed(object: &Object) -> ApiError {
    let message = format!("entity type {} does not support this operation", object.name());
    ApiError::row("INVALID_TYPE_FOR_OPERATION", message, &[])
}

fn default_value(field: &Field) -> Value {
    if field.calculated {
        return Value::Null;
    }
    match (field.kind, &field.default_value) {
        (FieldType::Boolean, Json::Null) => Value::Bool(false),
        (_, json) => from_json(field, json).unwrap_or(Value::Null),
    }
}

/// Fills a format such as `INV-{0000}`.
fn auto_number(format: &str, number: u64) -> String {
    let braces =
        format.split_once('{').and_then(|(head, rest)| Some((head, rest.split_once('}')?)));
    match braces {
        Some((head, (zeros, tail))) => format!("{head}{number:0width$}{tail}", width = zeros.len()),
        None => format!("{format}{number}"),
    }
}
