//! Which rows a condition needs to look at.
//!
//! Only ever narrows: every row that satisfies the condition is among those answered, so a wrong
//! turn here can cost time and never a row.

use std::{collections::BTreeSet, ops::RangeInclusive};

use chrono::{DateTime, Utc};

use super::{
    expression::Expression,
    filter::{Filter, Test},
};
use crate::{
    Id,
    org::{
        Org,
        table::{Stretch, Table},
    },
    schema::Object,
    soql::Operator,
    value::Value,
};

/// A way to the rows.
#[derive(Debug)]
pub(super) enum Access {
    /// These rows, ascending.
    Rows(BTreeSet<Id>),
    /// Rows with ids in this range.
    Ids(RangeInclusive<Id>),
    /// Rows with stamps in this range, in the order of their stamps.
    Stamps(RangeInclusive<DateTime<Utc>>),
}

impl Access {
    pub(super) fn stretches<'a>(self, table: &'a Table) -> Box<dyn Iterator<Item = Stretch> + 'a> {
        match self {
            Self::Rows(rows) => Box::new(rows.into_iter().map(Stretch::Stored)),
            Self::Ids(range) => Box::new(table.stretches(range)),
            Self::Stamps(range) => Box::new(table.stamped_stretches(range)),
        }
    }

    pub(super) fn ids<'a>(self, table: &'a Table) -> Box<dyn Iterator<Item = Id> + 'a> {
        Box::new(self.stretches(table).flat_map(|stretch| table.expand(stretch)))
    }

    /// How many rows these are.
    pub(super) fn count(self, table: &Table) -> usize {
        let count = |stretch| match stretch {
            Stretch::Stored(_) => 1,
            Stretch::Computed(numbers) => {
                usize::try_from(numbers.end - numbers.start).unwrap_or(usize::MAX)
            }
        };
        self.stretches(table).map(count).sum()
    }
}

const EVER: (DateTime<Utc>, DateTime<Utc>) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);

impl Org {
    /// The way to the rows of a condition; by stamps where that saves sorting.
    pub(super) fn access(&self, number: usize, filter: &Filter, by_stamp: bool) -> Access {
        let (Some(object), Some(table)) = (self.object(number), self.table(number)) else {
            return Access::Rows(BTreeSet::new());
        };
        if let Some(rows) = listed(table, object.system().id, filter) {
            return Access::Rows(rows);
        }
        let stamp = object.system().system_modstamp;
        let is_moment = |value: &Value| value.as_moment();
        let (low, high) = bounds(filter, stamp, EVER, is_moment);
        let is_narrow = (low, high) != EVER;
        if stamp.is_some() && (by_stamp || is_narrow) {
            return Access::Stamps(low..=high);
        }
        let (low, high) = bounds(filter, object.system().id, (Id::MIN, Id::MAX), Value::as_id);
        Access::Ids(low..=high)
    }
}

/// Whether the computed rows that satisfy a condition are always neighbours: it asks only how ids and
/// stamps compare with something, and both grow with the rows' numbers.
pub(super) fn is_monotone(object: &Object, filter: &Filter) -> bool {
    let system = object.system();
    let growing =
        [system.id, system.created_date, system.last_modified_date, system.system_modstamp];
    match filter {
        Filter::All(parts) => parts.iter().all(|part| is_monotone(object, part)),
        Filter::Test { subject: Expression::Column(column), test, .. } => {
            let is_ordered = match test {
                Test::Compare(operator, value) => {
                    *operator != Operator::NotEqual && !value.is_null()
                }
                Test::Span(operator, ..) => *operator != Operator::NotEqual,
                _ => false,
            };
            is_ordered && column.parents.is_empty() && growing.contains(&Some(column.field))
        }
        Filter::Any(_) | Filter::Not(_) | Filter::Test { .. } => false,
    }
}

/// The rows that an indexed equality allows, recycle bin included.
fn listed(table: &Table, id: Option<usize>, filter: &Filter) -> Option<BTreeSet<Id>> {
    match filter {
        Filter::All(parts) => {
            let sets = parts.iter().filter_map(|part| listed(table, id, part));
            sets.min_by_key(BTreeSet::len)
        }
        Filter::Any(parts) => {
            let sets: Option<Vec<_>> = parts.iter().map(|part| listed(table, id, part)).collect();
            Some(sets?.into_iter().flatten().collect())
        }
        Filter::Test { subject: Expression::Column(column), test, .. } => {
            let wanted = match test {
                Test::Compare(Operator::Equal, value) => std::slice::from_ref(value),
                Test::In { negated: false, values, spans, .. } if spans.is_empty() => {
                    values.as_slice()
                }
                _ => return None,
            };
            if !column.parents.is_empty() || wanted.iter().any(Value::is_null) {
                return None;
            }
            if Some(column.field) == id {
                return Some(wanted.iter().filter_map(Value::as_id).collect());
            }
            let is_indexed = table.is_indexed(column.field);
            is_indexed.then(|| {
                wanted.iter().flat_map(|value| table.with_value(column.field, value)).collect()
            })
        }
        Filter::Not(_) | Filter::Test { .. } => None,
    }
}

/// The least range of a field's values outside of which no row satisfies the condition.
fn bounds<T: Ord + Copy>(
    filter: &Filter,
    field: Option<usize>,
    all: (T, T),
    typed: fn(&Value) -> Option<T>,
) -> (T, T) {
    match filter {
        Filter::All(parts) => parts.iter().fold(all, |(low, high), part| {
            let (part_low, part_high) = bounds(part, field, all, typed);
            (low.max(part_low), high.min(part_high))
        }),
        Filter::Any(parts) => {
            let ranges = parts.iter().map(|part| bounds(part, field, all, typed));
            ranges.reduce(|(a, b), (c, d)| (a.min(c), b.max(d))).unwrap_or(all)
        }
        Filter::Test { subject: Expression::Column(column), test, .. }
            if column.parents.is_empty() && Some(column.field) == field =>
        {
            let (operator, start, end) = match test {
                Test::Compare(operator, value) => (*operator, typed(value), typed(value)),
                Test::Span(operator, start, end) => (*operator, typed(start), typed(end)),
                _ => return all,
            };
            let (Some(start), Some(end)) = (start, end) else { return all };
            match operator {
                Operator::Equal => (start, end),
                Operator::Less | Operator::LessOrEqual => (all.0, end),
                Operator::Greater | Operator::GreaterOrEqual => (start, all.1),
                Operator::NotEqual => all,
            }
        }
        Filter::Not(_) | Filter::Test { .. } => all,
    }
}
