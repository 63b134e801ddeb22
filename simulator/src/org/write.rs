//! Creating, updating and upserting rows: the calls, and how their rows are found.
//!
//! A write goes through the same steps whoever asks for it: a body (`body`) or CSV row (`ingest`)
//! becomes a list of typed changes, the changes are laid over defaults or the stored row, the
//! result is checked as a whole (`check`), and only then stored, in one step (`save`).

use serde_json::Value as Json;

use super::{
    Key, Org, RowRef, UpsertError, Upserted, Writer,
    body::Purpose,
    convert::{from_json, from_text},
};
use crate::{
    ApiError, Id,
    schema::{FieldType, Object},
    value::{JsonMap, Value},
};

impl Org {
    /// Inserts a row. `attributes` in the body is ignored.
    ///
    /// # Errors
    /// As Salesforce: unknown or read-only fields, values of the wrong type, length or range,
    /// missing required fields, references to nothing, duplicates, validation rules.
    pub fn create(
        &mut self,
        writer: impl Into<Writer>,
        object: &str,
        body: &JsonMap,
    ) -> Result<Id, ApiError> {
        let writer = writer.into();
        let (number, _) = self.object_for(writer.user, object)?;
        let changes = self.read_body(writer.user, number, body, Purpose::Create)?;
        self.create_row(writer, number, changes)
    }

    /// Changes the given fields of a row.
    ///
    /// # Errors
    /// As [`Org::create`]; `MALFORMED_ID`; 404 with `INVALID_CROSS_REFERENCE_KEY` or
    /// `ENTITY_IS_DELETED` when the row is missing or in the recycle bin.
    pub fn update(
        &mut self,
        writer: impl Into<Writer>,
        object: &str,
        id: &str,
        body: &JsonMap,
    ) -> Result<Id, ApiError> {
        let writer = writer.into();
        let (number, _) = self.object_for(writer.user, object)?;
        let id = Id::parse(id)?;
        self.live_row(number, id)?;
        let changes = self.read_body(writer.user, number, body, Purpose::Update)?;
        self.update_row(writer, number, id, changes)
    }

    /// Inserts or changes the row with this key. The body must not contain the key again.
    ///
    /// # Errors
    /// As [`Org::create`]; `NOT_FOUND` when the field is no key of the object.
    pub fn upsert(
        &mut self,
        writer: impl Into<Writer>,
        object: &str,
        key: &Key,
        body: &JsonMap,
    ) -> Result<Upserted, UpsertError> {
        let writer = writer.into();
        let (number, described) = self.object_for(writer.user, object)?;
        let (field, value) = self.key_of(writer.user, number, key)?;
        if body.keys().any(|name| described.number(name) == Some(field)) {
            let name = described.field(field).map_or("", |field| &field.name);
            let message = format!("The {name} field should not be specified in the sobject data.");
            return Err(ApiError::request("INVALID_FIELD", message).into());
        }
        let purpose = match self.matches(number, field, &value).as_slice() {
            [] => Purpose::Create,
            _ => Purpose::Update,
        };
        let changes = self.read_body(writer.user, number, body, purpose)?;
        self.upsert_row(writer, number, (field, value), changes)
    }

    /// Like [`Org::upsert`], with the key inside the body, as in Collections.
    ///
    /// # Errors
    /// As [`Org::upsert`]; `MISSING_ARGUMENT` when the body has no key value.
    pub fn upsert_keyed(
        &mut self,
        writer: impl Into<Writer>,
        object: &str,
        key_field: &str,
        mut body: JsonMap,
    ) -> Result<Upserted, UpsertError> {
        let writer = writer.into();
        let name = body.keys().find(|name| name.eq_ignore_ascii_case(key_field)).cloned();
        let value = name.and_then(|name| body.remove(&name)).unwrap_or(Json::Null);
        self.upsert(writer, object, &Key { field: key_field.to_owned(), value }, &body)
    }

    /// The live rows with this key that the reader sees: none, one, or (not unique) several.
    ///
    /// # Errors
    /// 404 `NOT_FOUND` when the object or key field does not exist.
    pub fn find_by_key(&self, reader: Id, object: &str, key: &Key) -> Result<Vec<Id>, ApiError> {
        let (number, _) = self.object_for(reader, object)?;
        let (field, value) = self.key_of(reader, number, key)?;
        let mut found = self.matches(number, field, &value);
        found.retain(|id| self.can_see_row(reader, number, *id));
        Ok(found)
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

    /// The field and typed value of a key.
    fn key_of(&self, user: Id, number: usize, key: &Key) -> Result<(usize, Value), ApiError> {
        let object = self.object(number).ok_or_else(ApiError::unknown_object)?;
        let field = self.visible_field(user, number, &key.field);
        let field = field.and_then(|field| Some((field, object.field(field)?)));
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
