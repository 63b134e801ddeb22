//! What is computed from other fields when it is read: formulas, roll-ups, names of people.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};

use super::{Org, Row, RowRef, query::order};
use crate::{
    schema::{
        Field, FieldType, Object,
        field::{RollUp, Summary},
        formula::{Formula, Surroundings},
    },
    value::Value,
};

/// Formulas of a condition may refer to formulas; deeper than this reads as null.
const DEPTH_MAX: usize = 5;

/// What a formula sees of the org: a row, and through its references the rows above it.
struct View<'a> {
    org: &'a Org,
    number: usize,
    row: &'a Row,
    /// What the row was before the change in progress.
    before: Option<&'a Row>,
    /// Whether a number that is null reads as 0.
    has_zeros: bool,
    depth: usize,
}

impl Surroundings for View<'_> {
    fn field(&self, path: &[String]) -> Value {
        if let [start, name] = path
            && start.starts_with('$')
        {
            return self.org.global(start, name);
        }
        self.org.at_path(self.number, self.row, path, self).unwrap_or(Value::Null)
    }

    fn prior(&self, path: &[String]) -> Option<Value> {
        let before = self.before?;
        Some(self.org.at_path(self.number, before, path, self).unwrap_or(Value::Null))
    }

    fn now(&self) -> DateTime<Utc> {
        self.org.now()
    }
}

impl Org {
    /// The value of a formula field.
    pub(super) fn formula(
        &self,
        (number, row): (usize, &Row),
        field: &Field,
        formula: &Formula,
        depth: usize,
    ) -> Value {
        if depth == 0 {
            return Value::Null;
        }
        let has_zeros = field.described.get("formulaTreatNullNumberAsZero") == Some(&true.into());
        let view = View { org: self, number, row, before: None, has_zeros, depth };
        fit(field, formula.evaluate(&view))
    }

    /// Whether a condition holds for a row, which was another before the change in progress.
    pub(super) fn holds(
        &self,
        (number, row): (usize, &Row),
        before: Option<&Row>,
        condition: &Formula,
    ) -> bool {
        let view = View { org: self, number, row, before, has_zeros: true, depth: DEPTH_MAX };
        condition.holds(&view)
    }

    fn at_path(
        &self,
        mut number: usize,
        row: &Row,
        path: &[String],
        view: &View<'_>,
    ) -> Option<Value> {
        let (last, parents) = path.split_last()?;
        let mut reached: Option<RowRef<'_>> = None;
        for parent in parents {
            let relation = self.object(number)?.relationship(parent)?;
            let (table, _, parent) = self.follow(reached.as_deref().unwrap_or(row), relation)?;
            (number, reached) = (table, Some(parent));
        }
        let at = self.object(number)?.number(last)?;
        let row = reached.as_deref().unwrap_or(row);
        let value = self.read_within(number, row, at, view.depth.saturating_sub(1)).into_owned();
        let kind = self.object(number)?.field(at)?.kind;
        let is_number = matches!(kind, FieldType::Number | FieldType::Int);
        let is_zero = value.is_null() && is_number && view.has_zeros;
        Some(if is_zero { Value::Number(0.0) } else { value })
    }

    /// The few of Salesforce's global variables that formulas commonly use.
    fn global(&self, group: &str, name: &str) -> Value {
        match (group.to_ascii_lowercase().as_str(), name.to_ascii_lowercase().as_str()) {
            ("$organization", "id") => Value::Id(self.organization_id()),
            ("$system", "origindatetime") => Value::Moment(DateTime::<Utc>::UNIX_EPOCH),
            _ => Value::Null,
        }
    }

    pub(super) fn roll_up(
        &self,
        object: &Object,
        row: &Row,
        roll_up: &RollUp,
        depth: usize,
    ) -> Value {
        let id = object.system().id.map_or(&Value::Null, |id| row.value(id));
        let Ok((number, detail)) = self.object_named(&roll_up.object) else { return Value::Null };
        let (Some(via), Some(table)) = (detail.number(&roll_up.via), self.table(number)) else {
            return Value::Null;
        };
        let rows = table.with_value(via, id).filter_map(|id| table.get(id));
        let is_counted = |row: &RowRef<'_>| {
            let filter = roll_up.filter.as_ref();
            row.is_live() && filter.is_none_or(|filter| self.holds((number, row), None, filter))
        };
        let rows = rows.filter(is_counted);
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
                Value::Number(values.by_ref().filter_map(|value| value.as_number()).sum())
            }
        }
    }
}

/// First and last name, where the object has them.
pub(super) fn full_name(object: &Object, row: &Row) -> Option<Value> {
    let last = row.value(object.number("LastName")?).as_text()?;
    let first = object.number("FirstName").and_then(|first| row.value(first).as_text());
    Some(Value::Text(
        first.map_or_else(|| last.to_owned(), |first| format!("{first} {last}")).into(),
    ))
}

/// Brings the result of a formula into the type of its field.
pub(super) fn fit(field: &Field, value: Value) -> Value {
    match (field.kind, value) {
        (FieldType::Boolean, Value::Null) => Value::Bool(false),
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
