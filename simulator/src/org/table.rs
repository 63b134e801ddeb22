//! The rows of one object, and the indexes that find them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::{Deref, RangeInclusive},
};

use chrono::{DateTime, Utc};

use crate::{
    Id,
    schema::{Field, FieldType, Object},
    value::Value,
};

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

/// One row. Its values have the numbers of the object's fields.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Set while it is in the recycle bin.
    pub(crate) binned: Option<Box<Binned>>,
    /// The stored values; computed fields are null here.
    pub(crate) values: Box<[Value]>,
}

impl Row {
    /// A live row of nulls.
    pub(crate) fn new(width: usize) -> Self {
        Self { binned: None, values: vec![Value::Null; width].into() }
    }

    /// Whether the row is not in the recycle bin.
    pub(crate) fn is_live(&self) -> bool {
        self.binned.is_none()
    }

    /// The stored value of a field.
    pub(crate) fn value(&self, field: usize) -> &Value {
        self.values.get(field).unwrap_or(&Value::Null)
    }

    /// Sets the stored value of a field, if the object has it (a field that was added later widens
    /// the row).
    pub(crate) fn set(&mut self, field: Option<usize>, value: Value) {
        let Some(field) = field else { return };
        if field >= self.values.len() {
            // The row is older than the field.
            let mut values = std::mem::take(&mut self.values).into_vec();
            values.resize(field + 1, Value::Null);
            self.values = values.into();
        }
        if let Some(stored) = self.values.get_mut(field) {
            *stored = value;
        }
    }
}

/// A row as a table answers it: stored, or computed for whoever asked. Reads like a [`Row`].
#[derive(Debug, Clone)]
pub(crate) enum RowRef<'a> {
    /// It lies in the table.
    Stored(&'a Row),
    /// It exists only here.
    #[expect(dead_code, reason = "no table computes rows yet; callers are ready for it")]
    Computed(Box<Row>),
}

impl RowRef<'_> {
    /// A row of the caller's own, to be changed and put back.
    pub(crate) fn into_row(self) -> Row {
        match self {
            Self::Stored(row) => row.clone(),
            Self::Computed(row) => *row,
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

/// What an index compares: ids as they are, text by the field's case rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum IndexKey {
    Id(Id),
    Text(Box<str>),
}

/// The index of a field: where each value occurs, rows in the recycle bin included.
#[derive(Debug, Default)]
struct Index {
    is_case_sensitive: bool,
    rows: HashMap<IndexKey, Vec<Id>>,
}

/// Whether rows are found by this field: references other than to owners, and keys.
fn needs_index(field: &Field) -> bool {
    let to_user = |name: &String| matches!(name.as_str(), "User" | "Group");
    let is_link = field.kind == FieldType::Reference && !field.reference_to.iter().all(to_user);
    is_link || field.unique || (field.is_key() && field.kind != FieldType::Id)
}

impl Index {
    fn new(field: &Field) -> Self {
        Self { is_case_sensitive: field.case_sensitive, rows: HashMap::new() }
    }

    fn key(&self, value: &Value) -> Option<IndexKey> {
        match value {
            Value::Null => None,
            Value::Id(id) => Some(IndexKey::Id(*id)),
            Value::Text(text) if self.is_case_sensitive => Some(IndexKey::Text(text.clone())),
            Value::Text(text) => Some(IndexKey::Text(text.to_lowercase().into())),
            other => Some(IndexKey::Text(other.to_cell().into())),
        }
    }
}

/// The rows of one object.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: BTreeMap<Id, Row>,
    live: usize,
    stamp: Option<usize>,
    by_stamp: BTreeSet<(DateTime<Utc>, Id)>,
    indexes: BTreeMap<usize, Index>,
    /// The last sequence given out in an id.
    pub(crate) sequence: u64,
    /// The last auto number given out.
    pub(crate) auto_number: u64,
}

impl Table {
    /// An empty table, indexed as the object's keys and references need.
    pub(crate) fn new(object: &Object) -> Self {
        let fields = object.fields().iter().enumerate().filter(|(_, field)| needs_index(field));
        let indexes = fields.map(|(number, field)| (number, Index::new(field))).collect();
        Self { stamp: object.system().system_modstamp, indexes, ..Self::default() }
    }

    /// Indexes a field that was added or changed as it needs now.
    pub(crate) fn index(&mut self, number: usize, field: &Field) {
        self.indexes.remove(&number);
        if !needs_index(field) {
            return;
        }
        let mut index = Index::new(field);
        for (id, row) in self.iter() {
            if let Some(key) = index.key(row.value(number)) {
                index.rows.entry(key).or_default().push(id);
            }
        }
        self.indexes.insert(number, index);
    }

    /// The row with this id, in the recycle bin or not.
    pub(crate) fn get(&self, id: Id) -> Option<RowRef<'_>> {
        self.rows.get(&id).map(RowRef::Stored)
    }

    /// Whether there is a row with this id that is not in the recycle bin.
    pub(crate) fn is_live(&self, id: Id) -> bool {
        self.get(id).is_some_and(|row| row.is_live())
    }

    /// The number of live rows.
    pub(crate) fn live_count(&self) -> usize {
        self.live
    }

    /// The number of rows with those in the recycle bin.
    pub(crate) fn count(&self) -> usize {
        self.rows.len()
    }

    /// All rows by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Id, RowRef<'_>)> {
        self.rows.iter().map(|(id, row)| (*id, RowRef::Stored(row)))
    }

    /// The ids in a range, ascending.
    pub(crate) fn ids(&self, range: RangeInclusive<Id>) -> impl Iterator<Item = Id> {
        let is_sound = range.start() <= range.end();
        is_sound.then(|| self.rows.range(range).map(|(id, _)| *id)).into_iter().flatten()
    }

    /// The ids whose stamps are in a range, by stamp and id.
    pub(crate) fn stamped(&self, range: RangeInclusive<DateTime<Utc>>) -> impl Iterator<Item = Id> {
        let (low, high) = range.into_inner();
        let bounds = (low, Id::MIN)..=(high, Id::MAX);
        (low <= high).then(|| self.by_stamp.range(bounds).map(|(_, id)| *id)).into_iter().flatten()
    }

    /// Whether a field has an index.
    pub(crate) fn is_indexed(&self, field: usize) -> bool {
        self.indexes.contains_key(&field)
    }

    /// The rows with this value in an indexed field, recycle bin included, in no order.
    pub(crate) fn with_value<'a>(
        &'a self,
        field: usize,
        value: &Value,
    ) -> impl Iterator<Item = Id> + use<'a> {
        let found = self.indexes.get(&field).and_then(|index| index.rows.get(&index.key(value)?));
        found.into_iter().flatten().copied()
    }

    /// Stores or removes a row; answers what was there before.
    pub(crate) fn put(&mut self, id: Id, row: Option<Row>) -> Option<Row> {
        let before = self.rows.remove(&id);
        self.reindex(id, before.as_ref(), row.as_ref());
        if let Some(row) = row {
            self.rows.insert(id, row);
        }
        before
    }

    fn reindex(&mut self, id: Id, before: Option<&Row>, after: Option<&Row>) {
        self.live -= usize::from(before.is_some_and(Row::is_live));
        self.live += usize::from(after.is_some_and(Row::is_live));
        let stamp = |row: Option<&Row>| row.and_then(|row| row.value(self.stamp?).as_moment());
        let (old, new) = (stamp(before), stamp(after));
        if old != new {
            if let Some(old) = old {
                self.by_stamp.remove(&(old, id));
            }
            if let Some(new) = new {
                self.by_stamp.insert((new, id));
            }
        }
        for (field, index) in &mut self.indexes {
            let old = before.and_then(|row| index.key(row.value(*field)));
            let new = after.and_then(|row| index.key(row.value(*field)));
            if old == new {
                continue;
            }
            if let Some(old) = old {
                let rows = index.rows.entry(old.clone()).or_default();
                rows.retain(|other| *other != id);
                if rows.is_empty() {
                    index.rows.remove(&old);
                }
            }
            if let Some(new) = new {
                index.rows.entry(new).or_default().push(id);
            }
        }
    }
}
