//! Record types: their rows, the default of new rows, and which ones an object's rows may have.

use super::{Org, Row};
use crate::{ApiError, Id, schema::Object, value::Value};

/// What the rows of one object may be.
#[derive(Debug, Clone)]
pub(super) struct RecordTypes {
    /// The field `RecordTypeId`.
    field: usize,
    available: Vec<Id>,
    default: Option<Id>,
}

impl RecordTypes {
    /// The record types of an object; `None` for one whose rows have none.
    pub(super) fn of(object: &Object) -> Option<Self> {
        let field = object.number("RecordTypeId")?;
        let types = object.record_types();
        let available = types.iter().filter(|kind| kind.is_available).map(|kind| kind.id).collect();
        let default = types.iter().find(|kind| kind.is_default).map(|kind| kind.id);
        Some(Self { field, available, default })
    }
}

impl Org {
    /// Stores the rows of `RecordType` that the objects' describes list.
    pub(super) fn add_record_types(&mut self) {
        self.record_types = self.schema.objects().iter().map(RecordTypes::of).collect();
        let Ok((number, object)) = self.object_named("RecordType") else { return };
        let (user, now) = (self.integration_user(), self.now());
        let mut rows = Vec::new();
        for described in self.schema.objects() {
            for kind in described.record_types() {
                let mut row = Row::new(object.fields().len());
                for (name, value) in [
                    ("Id", Value::Id(kind.id)),
                    ("Name", Value::Text(kind.name.as_str().into())),
                    ("DeveloperName", Value::Text(kind.developer_name.as_str().into())),
                    ("SobjectType", Value::Text(described.name().into())),
                    ("IsActive", Value::Bool(kind.is_available)),
                    ("CreatedDate", Value::Moment(now)),
                    ("CreatedById", Value::Id(user)),
                    ("LastModifiedDate", Value::Moment(now)),
                    ("LastModifiedById", Value::Id(user)),
                    ("SystemModstamp", Value::Moment(now)),
                ] {
                    row.set(object.number(name), value);
                }
                rows.push((kind.id, row));
            }
        }
        if let Some(table) = self.tables.get_mut(number) {
            for (id, row) in rows {
                table.put(id, Some(row));
            }
        }
    }

    /// Gives a new row the default record type.
    pub(super) fn default_record_type(&self, number: usize, row: &mut Row) {
        let Some(Some(types)) = self.record_types.get(number) else { return };
        if let (true, Some(default)) = (row.value(types.field).is_null(), types.default) {
            row.set(Some(types.field), Value::Id(default));
        }
    }

    /// Refuses a record type that the object does not have.
    pub(super) fn check_record_type(
        &self,
        number: usize,
        (field, value): (usize, &Value),
    ) -> Result<(), ApiError> {
        let Some(Some(types)) = self.record_types.get(number) else { return Ok(()) };
        match value {
            Value::Id(id) if field == types.field && !types.available.contains(id) => {
                let message =
                    format!("Record Type ID: this ID value isn't valid for the user: {id}");
                Err(ApiError::row("INVALID_CROSS_REFERENCE_KEY", message, &["RecordTypeId"]))
            }
            _ => Ok(()),
        }
    }
}
