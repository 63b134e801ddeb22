//! Where each value of a field occurs.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use compact_str::CompactString;

use crate::{Id, value::Value};

/// What an index compares: ids as they are, text by the field's case rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum IndexKey {
    Id(Id),
    Text(CompactString),
}

/// The index of a field. It knows the hash of each value and no more, so that it takes little memory:
/// whoever looks a value up compares the rows it answers.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) is_case_sensitive: bool,
    entries: BTreeSet<(u64, Id)>,
}

impl Index {
    pub(super) fn new(is_case_sensitive: bool) -> Self {
        Self { is_case_sensitive, entries: BTreeSet::new() }
    }

    /// What a value is compared by; `None` for null, which nobody looks up.
    pub(super) fn key(&self, value: &Value) -> Option<IndexKey> {
        match value {
            Value::Null => None,
            Value::Id(id) => Some(IndexKey::Id(*id)),
            Value::Text(text) if self.is_case_sensitive => Some(IndexKey::Text(text.clone())),
            Value::Text(text) => Some(IndexKey::Text(text.to_lowercase())),
            other => Some(IndexKey::Text(other.to_cell().into())),
        }
    }

    /// The rows that may have this key, ascending.
    pub(super) fn candidates(&self, key: &IndexKey) -> impl Iterator<Item = Id> + use<'_> {
        let hash = hash(key);
        self.entries.range((hash, Id::MIN)..=(hash, Id::MAX)).map(|(_, id)| *id)
    }

    /// Takes note of the change of a value.
    pub(super) fn change(&mut self, id: Id, before: &Value, after: &Value) {
        if before == after {
            return;
        }
        if let Some(key) = self.key(before) {
            self.entries.remove(&(hash(&key), id));
        }
        if let Some(key) = self.key(after) {
            self.entries.insert((hash(&key), id));
        }
    }
}

fn hash(key: &IndexKey) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
