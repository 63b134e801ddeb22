//! Typed changes become a stored row: defaults, checks, numbers and stamps.

use serde_json::Value as Json;

use super::{
    Action, Org, Row, TriggerEvent, UpsertError, Upserted, Writer,
    body::{Changes, Purpose, refuse_read_only},
    convert::from_json,
    rights::cannot_insert,
    triggers::Change,
    write::not_allowed,
};
use crate::{
    ApiError, Id,
    schema::{Field, FieldType},
    value::Value,
};

impl Org {
    /// Inserts a row of typed changes.
    pub(super) fn create_row(
        &mut self,
        writer: Writer,
        number: usize,
        changes: Changes,
    ) -> Result<Id, ApiError> {
        let now = self.now();
        let object = self.object(number).ok_or_else(ApiError::unknown_object)?;
        if !object.is("createable") {
            return Err(not_allowed(object));
        }
        if !self.can_do(writer.user, number, Action::Create) {
            return Err(cannot_insert(object));
        }
        let system = object.system().clone();
        let mut row = Row::new(object.fields().len());
        for (at, field) in object.fields().iter().enumerate() {
            row.set(Some(at), default_value(field));
        }
        row.set(system.owner_id, Value::Id(writer.user));
        for (field, value) in changes {
            let has_default = object
                .field(field)
                .is_some_and(|field| field.defaulted_on_create && !field.nillable);
            if !(value.is_null() && has_default) {
                row.set(Some(field), value);
            }
        }
        self.default_record_type(number, &mut row);
        self.default_profile(number, &mut row);
        // With "Set Audit Fields upon Record Creation" the changes may have brought these.
        let audit = [
            (system.created_date, Value::Moment(now)),
            (system.created_by_id, Value::Id(writer.user)),
            (system.last_modified_date, Value::Moment(now)),
            (system.last_modified_by_id, Value::Id(writer.user)),
            (system.system_modstamp, Value::Moment(now)),
        ];
        for (field, value) in audit {
            if field.is_some_and(|field| row.value(field).is_null()) {
                row.set(field, value);
            }
        }
        if !self.has_triggers(number) {
            return self.insert(writer, number, row);
        }
        let change = |event, id| Change { event, object: number, id, old: None };
        self.atomically(|org| {
            org.fire(writer, change(TriggerEvent::BeforeInsert, None), Some(&mut row))?;
            let id = org.insert(writer, number, row)?;
            org.fire_after(writer, change(TriggerEvent::AfterInsert, Some(id)))?;
            Ok(id)
        })
    }

    /// Checks and stores a new row.
    fn insert(&mut self, writer: Writer, number: usize, mut row: Row) -> Result<Id, ApiError> {
        self.make_person(number, true, &mut row)?;
        self.derive(number, &mut row);
        self.check(number, None, &row)?;
        self.check_duplicates(writer, number, None, &row)?;
        let id = self.number_row(number, &mut row);
        self.publish(number, id, &mut row);
        self.put(number, id, Some(row));
        self.cast_shadow(writer, number, id);
        Ok(id)
    }

    /// Gives a new row its id, its auto numbers and, where a custom object has none, its name.
    pub(super) fn number_row(&mut self, number: usize, row: &mut Row) -> Id {
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
            } else if field.name_field
                && (field.custom || field.defaulted_on_create || object.is("custom"))
                && field.createable
                && row.value(at).is_null()
            {
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
        writer: Writer,
        number: usize,
        id: Id,
        changes: Changes,
    ) -> Result<Id, ApiError> {
        let mut row = self.live_row(number, id)?.into_row();
        let object = self.object(number).ok_or_else(ApiError::unknown_object)?;
        if !object.is("updateable") {
            return Err(not_allowed(object));
        }
        self.check_change(writer.user, number, id, Action::Update)?;
        for (field, value) in changes {
            row.set(Some(field), value);
        }
        if !self.has_triggers(number) {
            return self.replace(writer, number, id, row);
        }
        let old = self.live_row(number, id)?.into_row();
        let change = |event| Change { event, object: number, id: Some(id), old: Some(&old) };
        self.atomically(|org| {
            org.fire(writer, change(TriggerEvent::BeforeUpdate), Some(&mut row))?;
            org.replace(writer, number, id, row)?;
            org.fire_after(writer, change(TriggerEvent::AfterUpdate))?;
            Ok(id)
        })
    }

    /// Checks and stores a row in place of what it was.
    fn replace(
        &mut self,
        writer: Writer,
        number: usize,
        id: Id,
        mut row: Row,
    ) -> Result<Id, ApiError> {
        self.make_person(number, false, &mut row)?;
        self.derive(number, &mut row);
        self.check(number, Some(id), &row)?;
        self.check_duplicates(writer, number, Some(id), &row)?;
        self.stamp(number, writer.user, &mut row);
        self.track(writer, number, id, &row);
        self.put(number, id, Some(row));
        self.cast_shadow(writer, number, id);
        Ok(id)
    }

    /// Inserts or changes a row by typed changes.
    pub(super) fn upsert_row(
        &mut self,
        writer: Writer,
        number: usize,
        key: (usize, Value),
        mut changes: Changes,
    ) -> Result<Upserted, UpsertError> {
        let object = self.object(number).ok_or_else(ApiError::unknown_object)?;
        let is_id = object.system().id == Some(key.0);
        match self.matches(number, key.0, &key.1).as_slice() {
            [id] => {
                let id = self.update_row(writer, number, *id, changes)?;
                Ok(Upserted { id, created: false })
            }
            [] => {
                if let (true, Some(id)) = (is_id, key.1.as_id()) {
                    self.live_row(number, id)?;
                }
                if !is_id {
                    let is_open = self.is_writable(writer.user, (number, key.0), Purpose::Create);
                    let field = object.field(key.0).filter(|_| !is_open);
                    refuse_read_only(
                        &field.map(|field| field.name.as_str()).into_iter().collect::<Vec<_>>(),
                    )?;
                    changes.push(key);
                }
                let id = self.create_row(writer, number, changes)?;
                Ok(Upserted { id, created: true })
            }
            several => Err(UpsertError::Several(several.to_vec())),
        }
    }
}

/// What an omitted field gets.
pub(super) fn default_value(field: &Field) -> Value {
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
