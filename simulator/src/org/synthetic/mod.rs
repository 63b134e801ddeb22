//! Rows that are computed from their number whenever somebody asks, so that an object of ten million
//! rows takes no memory.
//!
//! A row's number gives its id, its stamps (which never decrease with the number), its keys (from
//! which the number can be read back), its parents (whose children can be counted off) and whatever
//! else a client could have written (`recipe` computes it, `choose` decides which recipe fits which
//! field). Nothing here ever changes: what became of a row is the table's business.

mod choose;
mod recipe;

use std::{
    borrow::Cow,
    ops::{Range, RangeInclusive},
};

use chrono::{DateTime, TimeDelta, Utc};

use super::row::Row;
use crate::{Id, value::Value};
pub(super) use choose::{Surroundings, recipes};
pub(super) use recipe::{ParentRows, Recipe};

/// How many seconds before the start of the org its oldest computed row was made.
const OLDEST: i64 = 365 * 86_400;
/// How many seconds before the start of the org its youngest computed row was made.
const YOUNGEST: i64 = 3_600;

/// The computed rows of one object.
#[derive(Debug)]
pub(crate) struct Synthetic {
    /// The first row's id, taken apart.
    stem: [u8; Id::STEM],
    first: u64,
    count: u64,
    oldest: DateTime<Utc>,
    /// By the numbers of the fields.
    recipes: Vec<Recipe>,
    /// The numbers of the fields that are not always null.
    filled: Vec<usize>,
}

/// The numbers of rows, in regular steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) next: u64,
    pub(super) step: u64,
    pub(super) end: u64,
}

impl Iterator for Steps {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let number = self.next;
        self.next = number.saturating_add(self.step.max(1));
        (number < self.end).then_some(number)
    }
}

impl Synthetic {
    /// So many rows, from the sequence `first` on, of an org that starts now.
    pub(super) fn new(
        prefix: &str,
        numbers: (u64, u64),
        now: DateTime<Utc>,
        recipes: Vec<Recipe>,
    ) -> Self {
        let (first, count) = numbers;
        let (stem, _) = Id::generate(prefix, first).split();
        let is_filled = |(_, recipe): &(usize, &Recipe)| !matches!(recipe, Recipe::Null);
        let filled = recipes.iter().enumerate().filter(is_filled).map(|(field, _)| field).collect();
        Self { stem, first, count, oldest: now - TimeDelta::seconds(OLDEST), recipes, filled }
    }

    /// Makes a field null in all rows.
    pub(super) fn clear(&mut self, field: usize) {
        if let Some(recipe) = self.recipes.get_mut(field) {
            *recipe = Recipe::Null;
        }
        self.filled.retain(|filled| *filled != field);
    }

    /// How many rows there are.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The id of a row.
    pub(crate) fn id(&self, number: u64) -> Id {
        Id::of_stem(self.stem, self.first.saturating_add(number))
    }

    /// The row of an id.
    pub(crate) fn number(&self, id: Id) -> Option<u64> {
        let (stem, sequence) = id.split();
        let number = sequence.checked_sub(self.first).filter(|number| *number < self.count)?;
        (stem == self.stem && self.id(number) == id).then_some(number)
    }

    /// When a row was made and last changed.
    pub(crate) fn stamp(&self, number: u64) -> DateTime<Utc> {
        let span = (OLDEST - YOUNGEST).unsigned_abs();
        let count = self.count.max(1);
        // Wide numbers take their time, so only where they are needed.
        let seconds = number.checked_mul(span).map_or_else(
            || u128::from(number) * u128::from(span) / u128::from(count),
            |product| u128::from(product / count),
        );
        self.oldest + TimeDelta::seconds(i64::try_from(seconds).unwrap_or(OLDEST))
    }

    /// The rows whose ids lie in a range.
    pub(super) fn of_ids(&self, range: &RangeInclusive<Id>) -> Range<u64> {
        self.least(|number| self.id(number) >= *range.start())
            ..self.least(|number| self.id(number) > *range.end())
    }

    /// The rows whose stamps lie in a range.
    pub(super) fn of_stamps(&self, range: &RangeInclusive<DateTime<Utc>>) -> Range<u64> {
        self.least(|number| self.stamp(number) >= *range.start())
            ..self.least(|number| self.stamp(number) > *range.end())
    }

    /// The first row that comes after a stamp and id.
    pub(super) fn after(&self, stamp: DateTime<Utc>, id: Id) -> u64 {
        self.least(|number| (self.stamp(number), self.id(number)) > (stamp, id))
    }

    /// The least number with a property that all later ones have too; else the number of rows.
    fn least(&self, has: impl Fn(u64) -> bool) -> u64 {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if has(middle) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    /// A whole row.
    pub(crate) fn row(&self, number: u64) -> Row {
        self.part(number, &self.filled)
    }

    /// A row without the fields that nobody will look at. `fields` ascend.
    pub(crate) fn part(&self, number: u64, fields: &[usize]) -> Row {
        let mut row = Row::new(self.recipes.len());
        row.reserve(fields.len());
        for field in fields {
            row.set(Some(*field), self.value(number, *field));
        }
        row
    }

    /// One value of a row.
    pub(crate) fn value(&self, number: u64, field: usize) -> Value {
        self.read(number, field).into_owned()
    }

    /// One value of a row; not copied where many rows share it.
    pub(crate) fn read(&self, number: u64, field: usize) -> Cow<'_, Value> {
        let recipe = self.recipes.get(field).unwrap_or(&Recipe::Null);
        match recipe {
            Recipe::Id => Cow::Owned(Value::Id(self.id(number))),
            Recipe::Stamp => Cow::Owned(Value::Moment(self.stamp(number))),
            Recipe::Own { salt } => Cow::Owned(
                recipe::earlier(number, *salt).map_or(Value::Null, |of| Value::Id(self.id(of))),
            ),
            recipe => recipe.value(number),
        }
    }

    /// The rows that may have a value in a key or reference; all that have it are among them.
    pub(super) fn with_value(&self, field: usize, value: &Value) -> Steps {
        let none = Steps { next: 0, step: 1, end: 0 };
        let found = match (self.recipes.get(field), value) {
            (Some(Recipe::Own { salt }), Value::Id(id)) => {
                self.number(*id).map(|parent| recipe::later(parent, *salt))
            }
            (Some(recipe), value) => recipe.steps(value, self.count),
            (None, _) => None,
        };
        found.map_or(none, |steps| Steps { end: steps.end.min(self.count), ..steps })
    }
}
