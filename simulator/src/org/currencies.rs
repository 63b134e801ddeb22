//! The currencies of an org that has several.

use super::{Org, Row};
use crate::{Id, schema::CURRENCIES, value::Value};

impl Org {
    /// Stores the rows of `CurrencyType`, if there is such an object.
    pub(super) fn add_currencies(&mut self) {
        let Ok((number, object)) = self.object_named("CurrencyType") else { return };
        let (user, now) = (self.integration_user(), self.now());
        let mut rows = Vec::new();
        for (sequence, (code, rate)) in (1..).zip(CURRENCIES) {
            let id = Id::generate(object.prefix(), sequence);
            let mut row = Row::new(object.fields().len());
            for (name, value) in [
                ("Id", Value::Id(id)),
                ("IsoCode", Value::Text(code.into())),
                ("ConversionRate", Value::Number(rate)),
                ("DecimalPlaces", Value::Int(if code == "JPY" { 0 } else { 2 })),
                ("IsActive", Value::Bool(true)),
                ("IsCorporate", Value::Bool(sequence == 1)),
                ("CreatedDate", Value::Moment(now)),
                ("CreatedById", Value::Id(user)),
                ("LastModifiedDate", Value::Moment(now)),
                ("LastModifiedById", Value::Id(user)),
                ("SystemModstamp", Value::Moment(now)),
            ] {
                row.set(object.number(name), value);
            }
            rows.push((id, sequence, row));
        }
        let Some(table) = self.tables.get_mut(number) else { return };
        for (id, sequence, row) in rows {
            table.put(id, Some(row));
            table.sequence = sequence;
        }
    }
}
