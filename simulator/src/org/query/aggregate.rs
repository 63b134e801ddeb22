//! Puts rows into groups and computes what is asked of each.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use super::{
    expression::shown,
    group::{Column, Grouping, Slot, Sum},
    order,
    plan::{Direction, Plan, compare, sortable},
};
use crate::{
    org::{Groups, Org, Row},
    soql::{Aggregate, Totals},
    value::Value,
};

/// The rows of one group so far.
struct Group {
    /// `None` for a key that is summed over.
    keys: Vec<Option<Value>>,
    sums: Vec<Running>,
}

/// An aggregate in the making.
enum Running {
    Count(i64),
    Distinct(HashSet<String>),
    /// The sum in units of the last digit, and how many there were.
    Sum(f64, i64),
    Extreme(Value),
}

impl Org {
    /// The groups of a plan's rows, in order.
    pub(super) fn groups(&self, plan: &Plan, grouping: &Grouping) -> Groups {
        let subsets = subsets(grouping.totals, grouping.keys.len());
        let mut groups: HashMap<Vec<Option<String>>, Group> = HashMap::new();
        let new = |keys| Group { keys, sums: grouping.sums.iter().map(running).collect() };
        if grouping.is_single {
            groups.insert(Vec::new(), new(Vec::new()));
        }
        let looked_at = grouping.keys.iter().map(|(key, _)| key);
        let looked_at = looked_at.chain(grouping.sums.iter().map(|(sum, _)| &sum.expression));
        let looked_at: Vec<_> = looked_at.collect();
        self.each_row(plan, &looked_at, &mut |row: &Row| {
            let keys = grouping.keys.iter();
            let keys: Vec<Value> =
                keys.map(|(key, _)| self.express(plan.object, row, key).into_owned()).collect();
            let values: Vec<Cow<'_, Value>> = grouping
                .sums
                .iter()
                .map(|(sum, _)| self.express(plan.object, row, &sum.expression))
                .collect();
            for subset in &subsets {
                let parts = || keys.iter().zip(subset).map(|(key, kept)| kept.then_some(key));
                let id = parts().map(|part| part.map(|key| format!("{key:?}"))).collect();
                let group = groups
                    .entry(id)
                    .or_insert_with(|| new(parts().map(Option::<&Value>::cloned).collect()));
                for ((running, value), (sum, _)) in
                    group.sums.iter_mut().zip(&values).zip(&grouping.sums)
                {
                    running.add(value, sum);
                }
            }
        });
        let names = grouping.columns.iter().map(|column| column.name.clone()).collect();
        Groups { names, rows: finished(groups.into_values(), plan, grouping) }
    }
}

/// The groups that HAVING, OFFSET and LIMIT leave, in order.
fn finished(
    groups: impl Iterator<Item = Group>,
    plan: &Plan,
    grouping: &Grouping,
) -> Vec<Vec<Value>> {
    let is_wanted = |group: &Group| {
        grouping.having.as_ref().is_none_or(|having| {
            having.accepts(&|(slot, style)| {
                let value = group.value(*slot, grouping);
                Cow::Owned(style.map_or(value.clone(), |style| shown(&value, style)))
            })
        })
    };
    // Without ORDER BY no order is promised; by key is one that does not change.
    let up = Direction { descending: false, nulls_last: true };
    let (slots, directions): (Vec<Slot>, Vec<Direction>) = grouping
        .sort
        .iter()
        .copied()
        .chain(
            (0..grouping.keys.len())
                .flat_map(|key| [(Slot::Grouping(key), up), (Slot::Key(key), up)]),
        )
        .unzip();
    let mut keyed: Vec<(Vec<Value>, Group)> = groups
        .filter(is_wanted)
        .map(|group| {
            let keys = slots.iter().map(|slot| sortable(group.value(*slot, grouping)));
            (keys.collect(), group)
        })
        .collect();
    keyed.sort_by(|(a, _), (b, _)| compare(&directions, a, b));
    let shown_columns = |group: &Group| {
        let value = |column: &Column| {
            let value = group.value(column.slot, grouping);
            column.style.map_or(value.clone(), |style| shown(&value, style))
        };
        grouping.columns.iter().map(value).collect()
    };
    let wanted = keyed.iter().skip(plan.skip).take(plan.take);
    wanted.map(|(_, group)| shown_columns(group)).collect()
}

/// Which keys are kept, for every kind of subtotal; all of them first.
fn subsets(totals: Totals, count: usize) -> Vec<Vec<bool>> {
    match totals {
        Totals::None => vec![vec![true; count]],
        Totals::Rollup => {
            (0..=count).rev().map(|kept| (0..count).map(|key| key < kept).collect()).collect()
        }
        Totals::Cube => (0..1_usize << count)
            .rev()
            .map(|bits| (0..count).map(|key| bits & (1 << key) != 0).collect())
            .collect(),
    }
}

fn running<T>((sum, _): &(Sum, T)) -> Running {
    match sum.function {
        Aggregate::Count => Running::Count(0),
        Aggregate::CountDistinct => Running::Distinct(HashSet::new()),
        Aggregate::Sum | Aggregate::Avg => Running::Sum(0.0, 0),
        Aggregate::Min | Aggregate::Max => Running::Extreme(Value::Null),
    }
}

/// What one is in units of the last digit.
fn unit(sum: &Sum) -> f64 {
    10_f64.powi(i32::try_from(sum.scale.unwrap_or_default()).unwrap_or_default())
}

impl Running {
    /// Adds the value of one more row; null counts nowhere.
    fn add(&mut self, value: &Value, sum: &Sum) {
        if value.is_null() {
            return;
        }
        match self {
            Self::Count(count) => *count += 1,
            Self::Distinct(seen) => {
                seen.insert(value.to_cell());
            }
            Self::Sum(total, count) => {
                // Whole units, so that decimals add up as decimals do.
                *total += (value.as_number().unwrap_or_default() * unit(sum)).round();
                *count += 1;
            }
            Self::Extreme(extreme) => {
                let key = |value: &Value| sortable(value.clone());
                let ordering = order(&key(value), &key(extreme));
                let is_more = match sum.function {
                    Aggregate::Min => ordering.is_some_and(std::cmp::Ordering::is_lt),
                    _ => ordering.is_some_and(std::cmp::Ordering::is_gt),
                };
                if is_more || extreme.is_null() {
                    *extreme = value.clone();
                }
            }
        }
    }

    fn value(&self, sum: &Sum) -> Value {
        match self {
            Self::Count(count) => Value::Int(*count),
            Self::Distinct(seen) => Value::Int(i64::try_from(seen.len()).unwrap_or(i64::MAX)),
            Self::Extreme(value) => value.clone(),
            Self::Sum(_, 0) => Value::Null,
            Self::Sum(total, count) => match (sum.function, sum.scale) {
                (Aggregate::Avg, _) => Value::Number(total / unit(sum) / as_float(*count)),
                #[expect(clippy::cast_possible_truncation, reason = "a sum of whole numbers")]
                (_, None) => Value::Int(*total as i64),
                (_, Some(_)) => Value::Number(total / unit(sum)),
            },
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are not so many rows")]
fn as_float(count: i64) -> f64 {
    count as f64
}

impl Group {
    fn value(&self, slot: Slot, grouping: &Grouping) -> Value {
        match slot {
            Slot::Key(key) => self.keys.get(key).cloned().flatten().unwrap_or(Value::Null),
            Slot::Grouping(key) => {
                Value::Int(i64::from(self.keys.get(key).is_some_and(Option::is_none)))
            }
            Slot::Sum(number) => {
                let running = self.sums.get(number).zip(grouping.sums.get(number));
                running.map_or(Value::Null, |(running, (sum, _))| running.value(sum))
            }
        }
    }
}
