//! Reading a field of a row: what is stored, or what is computed from other fields.
//!
//! Names of people, formulas and roll-ups are computed when they are read, so they never bump a
//! stamp, as in Salesforce.

use std::{borrow::Cow, cmp::Ordering};

use super::{Org, Row, RowRef, query::order};
use crate::{
    ApiError, Id,
    schema::{
        Field, FieldType, Object,
        field::{RollUp, Summary},
        formula::Formula,
    },
    value::Value,
};

/// Formulas may refer to formulas; deeper than this reads as null.
const DEPTH_MAX: usize = 5;

impl Org {
    /// The value of a field that is no compound.
    pub(super) fn read<'a>(&'a self, number: usize, row: &'a Row, field: usize) -> Cow<'a, Value> {
        self.read_within(number, row, field, DEPTH_MAX)
    }

    fn read_within<'a>(
        &'a self,
        number: usize,
        row: &'a Row,
        at: usize,
        depth: usize,
    ) -> Cow<'a, Value> {
        let null = Cow::Owned(Value::Null);
        let Some(object) = self.object(number) else { return null };
        let Some(field) = object.field(at) else { return null };
        if let Some(formula) = &field.formula {
            let value = self.evaluate(number, row, formula, depth);
            return Cow::Owned(fit(field, value));
        }
        if let Some(roll_up) = &field.roll_up {
            return Cow::Owned(self.roll_up(object, row, roll_up, depth));
        }
        if field.name_field && !field.createable && !field.auto_number {
            return full_name(object, row).map_or(Cow::Borrowed(row.value(at)), Cow::Owned);
        }
        Cow::Borrowed(row.value(at))
    }

    /// The row that a reference leads to, and its table.
    pub(super) fn follow(&self, row: &Row, field: usize) -> Option<(usize, Id, RowRef<'_>)> {
        let id = row.value(field).as_id()?;
        let (number, row) = self.locate(id)?;
        Some((number, id, row))
    }

    fn evaluate(&self, number: usize, row: &Row, formula: &Formula, depth: usize) -> Value {
        if depth == 0 {
            return Value::Null;
        }
        match formula {
            Formula::Text(text) => Value::Text(text.as_str().into()),
            Formula::Number(number) => Value::Number(*number),
            Formula::Field(path) => {
                self.formula_field(number, row, path, depth).unwrap_or(Value::Null)
            }
            Formula::Binary(left, operator, right) => {
                let left = self.evaluate(number, row, left, depth);
                let right = self.evaluate(number, row, right, depth);
                combine(&left, *operator, &right)
            }
        }
    }

    fn formula_field(
        &self,
        mut number: usize,
        row: &Row,
        path: &[String],
        depth: usize,
    ) -> Option<Value> {
        let (last, parents) = path.split_last()?;
        let mut reached: Option<RowRef<'_>> = None;
        for parent in parents {
            let relation = self.object(number)?.relationship(parent)?;
            let (table, _, parent) = self.follow(reached.as_deref().unwrap_or(row), relation)?;
            (number, reached) = (table, Some(parent));
        }
        let field = self.object(number)?.number(last)?;
        let row = reached.as_deref().unwrap_or(row);
        Some(self.read_within(number, row, field, depth - 1).into_owned())
    }

    fn roll_up(&self, object: &Object, row: &Row, roll_up: &RollUp, depth: usize) -> Value {
        let id = object.system().id.map_or(&Value::Null, |id| row.value(id));
        let Ok((number, detail)) = self.object_named(&roll_up.object) else { return Value::Null };
        let (Some(via), Some(table)) = (detail.number(&roll_up.via), self.table(number)) else {
            return Value::Null;
        };
        let rows = table.with_value(via, id).filter_map(|id| table.get(id));
        let rows = rows.filter(|row| row.is_live());
        if roll_up.summary == Summary::Count {
            return Value::Number(f64::from(u32::try_from(rows.count()).unwrap_or(u32::MAX)));
        }
        let Some(field) = roll_up.field.as_ref().and_then(|name| detail.number(name)) else {
            return Value::Null;
        };
        let values = rows
            .map(|row| self.read_within(number, &row, field, depth.saturating_sub(1)).into_owned());
        let mut values = values.filter(|value| !value.is_null());
        let by_order = |a: &Value, b: &Value| order(a, b).unwrap_or(Ordering::Equal);
        match roll_up.summary {
            Summary::Min => values.min_by(by_order).unwrap_or(Value::Null),
            Summary::Max => values.max_by(by_order).unwrap_or(Value::Null),
            Summary::Sum | Summary::Count => {
                let cents = |value: &Value| value.as_number().unwrap_or_default() * 100.0;
                Value::Number(
                    values.by_ref().map(|value| cents(&value)).sum::<f64>().round() / 100.0,
                )
            }
        }
    }

    /// Finds a live row for a retrieve.
    ///
    /// # Errors
    /// 404 `NOT_FOUND` in the two wordings of a malformed and of a missing id. An object or row
    /// that the reader may not see is missing.
    pub fn find(&self, reader: Id, object: &str, id: &str) -> Result<Id, ApiError> {
        let (number, _) = self.object_for(reader, object)?;
        let Some(parsed) = Id::from_text(id) else {
            let message =
                format!("Provided external ID field does not exist or is not accessible: {id}");
            return Err(ApiError::not_found(message));
        };
        let row = self.row(number, parsed).filter(|row| row.is_live());
        let row = row.filter(|_| self.can_see_row(reader, number, parsed));
        row.map(|_| parsed).ok_or_else(ApiError::unknown_object)
    }
}

/// First and last name, where the object has them.
fn full_name(object: &Object, row: &Row) -> Option<Value> {
    let last = row.value(object.number("LastName")?).as_text()?;
    let first = object.number("FirstName").and_then(|first| row.value(first).as_text());
    Some(Value::Text(
        first.map_or_else(|| last.to_owned(), |first| format!("{first} {last}")).into(),
    ))
}

/// Brings the result of a formula into the type of its field.
fn fit(field: &Field, value: Value) -> Value {
    match (field.kind, value) {
        (_, Value::Null) => Value::Null,
        (FieldType::Number, value) => value.as_number().map_or(Value::Null, |number| {
            let factor = 10_f64.powi(i32::try_from(field.scale).unwrap_or_default());
            Value::Number((number * factor).round() / factor)
        }),
        (FieldType::Text, Value::Text(text)) if text.is_empty() => Value::Null,
        (FieldType::Text, value @ Value::Text(_)) => value,
        (FieldType::Text, value) => Value::Text(value.to_cell().into()),
        (_, value) => value,
    }
}

fn combine(left: &Value, operator: char, right: &Value) -> Value {
    if operator == '&' {
        return Value::Text(format!("{}{}", left.to_cell(), right.to_cell()).into());
    }
    let (Some(left), Some(right)) = (left.as_number(), right.as_number()) else {
        return Value::Null;
    };
    let result = match operator {
        '+' => left + right,
        '-' => left - right,
        '*' => left * right,
        _ => left / right,
    };
    if result.is_finite() { Value::Number(result) } else { Value::Null }
}
