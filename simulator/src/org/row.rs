//! One row, stored or computed.

use std::ops::Deref;

use chrono::{DateTime, Utc};

use crate::{Id, value::Value};

/// A row's stay in the recycle bin.
#[derive(Debug, Clone)]
pub(crate) struct Binned {
    /// Since when.
    pub(crate) at: DateTime<Utc>,
    /// The row whose deletion took this one along; itself, if it was asked for.
    pub(crate) root: Id,
    /// Lookups that the deletion set to null: table, row, field.
    pub(crate) cleared: Vec<(usize, Id, usize)>,
}

/// One row. Its values have the numbers of the object's fields; computed fields are null here.
///
/// Only what is not null takes memory: an object may have hundreds of fields of which a row has
/// twenty.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Set while it is in the recycle bin.
    pub(crate) binned: Option<Box<Binned>>,
    /// One bit per field, set where it is not null.
    filled: Box<[u64]>,
    /// The values that are not null, in the order of their fields.
    values: Vec<Value>,
}

impl Row {
    /// A live row of nulls.
    pub(crate) fn new(width: usize) -> Self {
        Self { binned: None, filled: vec![0; width.div_ceil(64)].into(), values: Vec::new() }
    }

    /// Whether the row is not in the recycle bin.
    pub(crate) fn is_live(&self) -> bool {
        self.binned.is_none()
    }

    /// Numbers among which those of all fields are.
    pub(crate) fn fields(&self) -> std::ops::Range<usize> {
        0..self.filled.len() * 64
    }

    /// The stored value of a field.
    pub(crate) fn value(&self, field: usize) -> &Value {
        let place = self.place(field).and_then(Result::ok);
        place.and_then(|place| self.values.get(place)).unwrap_or(&Value::Null)
    }

    /// Sets the stored value of a field, if the object has it (a field that was added later widens
    /// the row).
    pub(crate) fn set(&mut self, field: Option<usize>, value: Value) {
        if let Some(field) =
            field.filter(|field| !value.is_null() && field / 64 >= self.filled.len())
        {
            let mut filled = std::mem::take(&mut self.filled).into_vec();
            filled.resize(field / 64 + 1, 0);
            self.filled = filled.into();
        }
        let Some((field, place)) = field.and_then(|field| Some((field, self.place(field)?))) else {
            return;
        };
        match place {
            Ok(place) if value.is_null() => {
                self.values.remove(place);
                self.mark(field);
            }
            Ok(place) => {
                if let Some(stored) = self.values.get_mut(place) {
                    *stored = value;
                }
            }
            Err(_) if value.is_null() => {}
            Err(place) => {
                self.values.insert(place, value);
                self.mark(field);
            }
        }
    }

    /// Makes room for so many values that are not null.
    pub(crate) fn reserve(&mut self, count: usize) {
        self.values.reserve_exact(count);
    }

    /// Gives back the room that was left for more values.
    pub(crate) fn shrink(&mut self) {
        self.values.shrink_to_fit();
    }

    /// Where the value of a field is, or would have to be inserted; `None` past the last field.
    fn place(&self, field: usize) -> Option<Result<usize, usize>> {
        let (word, bit) = (field / 64, 1_u64 << (field % 64));
        let current = self.filled.get(word)?;
        let ones = |word: &u64| word.count_ones() as usize;
        let before: usize = self.filled.iter().take(word).map(ones).sum();
        let place = before + ones(&(current & (bit - 1)));
        Some(if current & bit == 0 { Err(place) } else { Ok(place) })
    }

    fn mark(&mut self, field: usize) {
        if let Some(word) = self.filled.get_mut(field / 64) {
            *word ^= 1 << (field % 64);
        }
    }
}

/// A row as a table answers it: stored, or computed for whoever asked. Reads like a [`Row`].
#[derive(Debug, Clone)]
pub(crate) enum RowRef<'a> {
    /// It lies in the table.
    Stored(&'a Row),
    /// It exists only here.
    Computed(Row),
}

impl RowRef<'_> {
    /// A row of the caller's own, to be changed and put back.
    pub(crate) fn into_row(self) -> Row {
        match self {
            Self::Stored(row) => row.clone(),
            Self::Computed(row) => row,
        }
    }
}

impl Deref for RowRef<'_> {
    type Target = Row;

    fn deref(&self) -> &Row {
        match self {
            Self::Stored(row) => row,
            Self::Computed(row) => row,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_answers_what_was_set_last_wherever_the_field_is() {
        let mut row = Row::new(130);

        for field in [129, 0, 64, 63, 127] {
            row.set(Some(field), Value::Int(i64::try_from(field).unwrap()));
        }
        row.set(Some(64), Value::Null);
        row.set(Some(63), Value::Bool(true));
        row.set(Some(500), Value::Int(500));
        row.set(Some(900), Value::Null);

        let filled: Vec<usize> = (0..600).filter(|field| !row.value(*field).is_null()).collect();
        assert_eq!(filled, [0, 63, 127, 129, 500]);
        assert_eq!(row.value(63), &Value::Bool(true));
        assert_eq!(row.value(129), &Value::Int(129));
    }
}
