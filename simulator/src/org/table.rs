//! The rows of one object, and the indexes that find them.
//!
//! An object may have computed rows ([`Synthetic`]) beside those that are stored. A computed row that
//! is changed is stored from then on; only what was touched takes memory.

mod index;
mod walk;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};

use super::{
    row::{Row, RowRef},
    synthetic::Synthetic,
};
use crate::{
    Id,
    schema::{Field, FieldType, Object},
    value::Value,
};
use index::Index;
pub(crate) use index::IndexKey;
pub(crate) use walk::Stretch;

/// The rows of one object.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: BTreeMap<Id, Row>,
    /// How many of the stored rows are live.
    live: usize,
    stamp: Option<usize>,
    by_stamp: BTreeSet<(DateTime<Utc>, Id)>,
    indexes: Vec<(usize, Index)>,
    computed: Option<Computed>,
    /// The last sequence given out in an id.
    pub(crate) sequence: u64,
    /// The last auto number given out.
    pub(crate) auto_number: u64,
}

/// The rows of a table that are computed as long as nobody touches them.
#[derive(Debug)]
struct Computed {
    source: Arc<Synthetic>,
    /// Those that are stored now, or gone.
    touched: BTreeSet<Id>,
}

impl Computed {
    /// The number of a row that is still computed.
    fn number(&self, id: Id) -> Option<u64> {
        self.source.number(id).filter(|_| self.touched.is_empty() || !self.touched.contains(&id))
    }

    fn count(&self) -> usize {
        let count = usize::try_from(self.source.count()).unwrap_or(usize::MAX);
        count.saturating_sub(self.touched.len())
    }
}

/// Whether rows are found by this field: references other than to owners, and keys.
fn needs_index(field: &Field) -> bool {
    let to_user = |name: &String| matches!(name.as_str(), "User" | "Group");
    let is_link = field.kind == FieldType::Reference && !field.reference_to.iter().all(to_user);
    is_link || field.unique || (field.is_key() && field.kind != FieldType::Id)
}

impl Table {
    /// An empty table, indexed as the object's keys and references need.
    pub(crate) fn new(object: &Object) -> Self {
        let fields = object.fields().iter().enumerate().filter(|(_, field)| needs_index(field));
        let indexes = fields.map(|(number, field)| (number, Index::new(field.case_sensitive)));
        let indexes = indexes.collect();
        let system = object.system();
        // History has no other stamp than that of its creation.
        Self { stamp: system.system_modstamp.or(system.created_date), indexes, ..Self::default() }
    }

    /// Indexes a field that was added or changed as it needs now.
    pub(crate) fn index(&mut self, number: usize, field: &Field) {
        self.indexes.retain(|(known, _)| *known != number);
        if !needs_index(field) {
            return;
        }
        let mut index = Index::new(field.case_sensitive);
        for (id, row) in &self.rows {
            index.change(*id, &Value::Null, row.value(number));
        }
        self.indexes.push((number, index));
    }

    /// Adds computed rows, which must begin after the last sequence given out.
    pub(crate) fn add_synthetic(&mut self, synthetic: Synthetic) {
        self.sequence += synthetic.count();
        self.auto_number += synthetic.count();
        self.computed = Some(Computed { source: Arc::new(synthetic), touched: BTreeSet::new() });
    }

    /// What computes rows, if anything does.
    pub(crate) fn synthetic(&self) -> Option<&Arc<Synthetic>> {
        self.computed.as_ref().map(|computed| &computed.source)
    }

    /// The number of a computed row that nobody has touched.
    pub(crate) fn untouched_number(&self, id: Id) -> Option<u64> {
        self.computed.as_ref()?.number(id)
    }

    /// The row with this id, in the recycle bin or not.
    pub(crate) fn get(&self, id: Id) -> Option<RowRef<'_>> {
        if let Some(row) = self.rows.get(&id) {
            return Some(RowRef::Stored(row));
        }
        let computed = self.computed.as_ref()?;
        computed.number(id).map(|number| RowRef::Computed(computed.source.row(number)))
    }

    /// The row with this id, for whoever looks only at these fields (ascending): a computed row may
    /// lack the others. `None` stands for all fields.
    pub(crate) fn get_part(&self, id: Id, fields: Option<&[usize]>) -> Option<RowRef<'_>> {
        let (Some(fields), None) = (fields, self.rows.get(&id)) else { return self.get(id) };
        let computed = self.computed.as_ref()?;
        computed.number(id).map(|number| RowRef::Computed(computed.source.part(number, fields)))
    }

    /// Whether there is a row with this id that is not in the recycle bin.
    pub(crate) fn is_live(&self, id: Id) -> bool {
        match self.rows.get(&id) {
            Some(row) => row.is_live(),
            None => self.computed.as_ref().is_some_and(|computed| computed.number(id).is_some()),
        }
    }

    /// The number of live rows.
    pub(crate) fn live_count(&self) -> usize {
        self.live + self.computed.as_ref().map_or(0, Computed::count)
    }

    /// The number of rows with those in the recycle bin.
    pub(crate) fn count(&self) -> usize {
        self.rows.len() + self.computed.as_ref().map_or(0, Computed::count)
    }

    /// All rows by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Id, RowRef<'_>)> {
        self.ids(Id::MIN..=Id::MAX).filter_map(|id| Some((id, self.get(id)?)))
    }

    /// Whether a field has an index.
    pub(crate) fn is_indexed(&self, field: usize) -> bool {
        self.index_of(field).is_some()
    }

    fn index_of(&self, field: usize) -> Option<&Index> {
        self.indexes.iter().find(|(number, _)| *number == field).map(|(_, index)| index)
    }

    /// The rows with this value in an indexed field, recycle bin included, in no order.
    pub(crate) fn with_value<'a>(
        &'a self,
        field: usize,
        value: &Value,
    ) -> impl Iterator<Item = Id> + use<'a> {
        let wanted = self.index_of(field).and_then(|index| Some((index, index.key(value)?)));
        let steps = self
            .computed
            .as_ref()
            .filter(|_| wanted.is_some())
            .map(|computed| (computed, computed.source.with_value(field, value)));
        let stored = wanted.clone().into_iter().flat_map(move |(index, key)| {
            index.candidates(&key).filter(move |id| {
                let row = self.rows.get(id);
                row.is_some_and(|row| index.key(row.value(field)).as_ref() == Some(&key))
            })
        });
        let computed = steps.into_iter().flat_map(move |(computed, steps)| {
            let wanted = wanted.clone();
            steps.filter_map(move |number| {
                let (index, key) = wanted.as_ref()?;
                let id = computed.source.id(number);
                let is_there = computed.number(id).is_some()
                    && index.key(&computed.source.value(number, field)).as_ref() == Some(key);
                is_there.then_some(id)
            })
        });
        stored.chain(computed)
    }

    /// Stores or removes a row; answers what was there before.
    pub(crate) fn put(&mut self, id: Id, mut row: Option<Row>) -> Option<Row> {
        let stored = self.rows.remove(&id);
        self.reindex(id, stored.as_ref(), row.as_ref());
        let computed = self.computed.as_mut().filter(|computed| computed.number(id).is_some());
        let before = match (stored, computed) {
            (None, Some(computed)) => {
                computed.touched.insert(id);
                computed.source.number(id).map(|number| computed.source.row(number))
            }
            (stored, _) => stored,
        };
        if let Some(mut row) = row.take() {
            row.shrink();
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
            let before = before.map_or(&Value::Null, |row| row.value(*field));
            let after = after.map_or(&Value::Null, |row| row.value(*field));
            index.change(id, before, after);
        }
    }
}
