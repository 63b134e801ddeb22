//! Field history: for an object `X` with a history, each change of a tracked field becomes a row of
//! `XHistory`. The fields that are tracked are the values of its picklist `Field`.

use super::{Org, Row, Writer};
use crate::{
    Id,
    schema::{FieldType, Object},
    value::Value,
};

/// A tracked field that differs.
struct Changed {
    name: String,
    data_type: &'static str,
    old: Value,
    new: Value,
}

impl Org {
    /// Writes what changes when this row replaces the stored one.
    pub(super) fn track(&mut self, writer: Writer, number: usize, id: Id, row: &Row) {
        let Some(object) = self.object(number) else { return };
        let Some(history) = self.schema.number(&format!("{}History", object.name())) else {
            return;
        };
        let Some(before) = self.row(number, id) else { return };
        let changed: Vec<Changed> = self
            .object(history)
            .and_then(|history| history.field_named("Field"))
            .map(|field| field.picklist.as_slice())
            .unwrap_or_default()
            .iter()
            .filter_map(|name| changed(object, name, (&before, row)))
            .collect();
        let via = format!("{}Id", object.name());
        drop(before);
        for changed in changed {
            self.write_history(writer, history, (&via, id), changed);
        }
    }

    fn write_history(
        &mut self,
        writer: Writer,
        history: usize,
        (via, of): (&str, Id),
        changed: Changed,
    ) {
        let now = Value::Moment(self.now());
        let Some(width) = self.object(history).map(|object| object.fields().len()) else { return };
        let mut row = Row::new(width);
        let id = self.number_row(history, &mut row);
        let Some(object) = self.object(history) else { return };
        for (name, value) in [
            (via, Value::Id(of)),
            ("IsDeleted", Value::Bool(false)),
            ("Field", Value::Text(changed.name.into())),
            ("DataType", Value::Text(changed.data_type.into())),
            ("OldValue", changed.old),
            ("NewValue", changed.new),
            ("CreatedById", Value::Id(writer.user)),
            ("CreatedDate", now),
        ] {
            row.set(object.number(name), value);
        }
        self.put(history, id, Some(row));
    }
}

fn changed(object: &Object, name: &str, (before, after): (&Row, &Row)) -> Option<Changed> {
    let at = object.number(name).or_else(|| object.number(&format!("{name}Id")))?;
    let (old, new) = (before.value(at), after.value(at));
    if old == new {
        return None;
    }
    let is_reference = object.field(at)?.kind == FieldType::Reference;
    // The history's fields are of any type, which is kept as text.
    let text = |value: &Value| match value {
        Value::Null => Value::Null,
        value => Value::Text(value.to_cell().into()),
    };
    Some(Changed {
        name: name.to_owned(),
        data_type: if is_reference { "EntityId" } else { "Text" },
        old: text(old),
        new: text(new),
    })
}
