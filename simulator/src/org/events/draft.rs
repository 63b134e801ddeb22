//! From rows before and after a transaction to change events, without numbers and names yet.

use std::{collections::HashMap, sync::Arc};

use super::{
    event::{ChangeType, Leaf},
    schema::EventSchema,
};
use crate::{Id, org::Row, value::Value};

/// A larger event becomes a gap event, in bytes.
const MOST_BYTES: usize = 1_000_000;
/// What an event weighs in memory beside its texts.
const BASE_BYTES: usize = 300;

/// What happened to one row, or the same to several.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) schema: Arc<EventSchema>,
    pub(super) ids: Vec<Id>,
    pub(super) kind: ChangeType,
    pub(super) leaves: Vec<Leaf>,
    /// Who changed the row last, as it says itself.
    pub(super) user: Option<Id>,
}

impl Draft {
    /// What a transaction did to a row; `None` when nothing that an event tells.
    pub(super) fn of(
        schema: &Arc<EventSchema>,
        id: Id,
        before: Option<&Row>,
        after: Option<&Row>,
    ) -> Option<Self> {
        let kind = ChangeType::between(before, after)?;
        let mut leaves = Vec::new();
        for (place, number) in &schema.columns {
            let value =
                |row: Option<&Row>| row.map_or(Value::Null, |row| row.value(*number).clone());
            let (old, new) = (value(before), value(after));
            let is_told = match kind {
                ChangeType::Update => old != new,
                ChangeType::Delete => false,
                _ => !new.is_null(),
            };
            if is_told {
                leaves.push(Leaf { place: *place, value: new });
            }
        }
        if kind == ChangeType::Update && leaves.is_empty() {
            return None;
        }
        Some(Self { schema: Arc::clone(schema), ids: vec![id], kind, leaves, user: None }.fitting())
    }

    /// An event that has become too large tells nothing but that there was one.
    fn fitting(mut self) -> Self {
        if self.size() > MOST_BYTES {
            self.kind = self.kind.as_gap();
            self.leaves.clear();
        }
        self
    }

    /// Roughly, in memory and on the wire.
    pub(super) fn size(&self) -> usize {
        let text = |leaf: &Leaf| leaf.value.as_text().map_or(16, |text| text.len() + 16);
        BASE_BYTES + self.ids.len() * 20 + self.leaves.iter().map(text).sum::<usize>()
    }

    /// How many changes this is for the limit of a transaction: every changed field counts.
    pub(super) fn weight(&self) -> usize {
        if self.kind == ChangeType::Update { self.leaves.len() } else { 1 }
    }

    fn is_same_change(&self, other: &Self) -> bool {
        self.schema.id == other.schema.id
            && self.kind == other.kind
            && self.user == other.user
            && self.leaves == other.leaves
    }
}

/// Folds equal updates and equal deletions of a transaction into one event with several ids, at the
/// place of the first.
pub(super) fn merge(drafts: Vec<Draft>) -> Vec<Draft> {
    let mut merged: Vec<Draft> = Vec::new();
    let mut seen: HashMap<u64, Vec<usize>> = HashMap::new();
    for draft in drafts {
        if !matches!(draft.kind, ChangeType::Update | ChangeType::Delete) {
            merged.push(draft);
            continue;
        }
        let alike = seen.entry(digest(&draft)).or_default();
        let known = alike
            .iter()
            .copied()
            .find(|known| merged.get(*known).is_some_and(|known| known.is_same_change(&draft)));
        if let Some(known) = known.and_then(|known| merged.get_mut(known)) {
            known.ids.extend(draft.ids);
        } else {
            alike.push(merged.len());
            merged.push(draft);
        }
    }
    merged
}

/// Equal for equal changes.
fn digest(draft: &Draft) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    draft.schema.id.hash(&mut hasher);
    for leaf in &draft.leaves {
        leaf.place.hash(&mut hasher);
        leaf.value.to_cell().hash(&mut hasher);
    }
    hasher.finish()
}

/// Splits the changes of a transaction at the limit: those that are told, and the schemas of the
/// objects that the rest belongs to.
pub(super) fn split(drafts: Vec<Draft>, limit: usize) -> (Vec<Draft>, Vec<Arc<EventSchema>>) {
    let mut weight = 0;
    let (mut told, mut overflown) = (Vec::new(), Vec::<Arc<EventSchema>>::new());
    for draft in drafts {
        weight += draft.weight();
        if weight <= limit {
            told.push(draft);
        } else if !overflown.iter().any(|schema| schema.entity == draft.schema.entity) {
            overflown.push(draft.schema);
        }
    }
    (told, overflown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Schema;

    fn schema() -> Arc<EventSchema> {
        Arc::new(EventSchema::of(Schema::sample().object("Account").unwrap()))
    }

    /// A row with these values in name, phone and fax.
    fn row(values: [&str; 3]) -> Row {
        let sample = Schema::sample();
        let object = sample.object("Account").unwrap();
        let mut row = Row::new(object.fields().len());
        for (name, value) in ["Name", "Phone", "Fax"].into_iter().zip(values) {
            let value = if value.is_empty() { Value::Null } else { Value::Text(value.into()) };
            row.set(object.number(name), value);
        }
        row
    }

    fn draft(number: u64, before: Option<[&str; 3]>, after: Option<[&str; 3]>) -> Option<Draft> {
        let (before, after) = (before.map(row), after.map(row));
        Draft::of(&schema(), Id::generate("001", number), before.as_ref(), after.as_ref())
    }

    fn told(draft: &Draft) -> Vec<(String, String)> {
        let told = |leaf: &Leaf| (draft.schema.path(leaf.place), leaf.value.to_cell());
        draft.leaves.iter().map(told).collect()
    }

    #[test]
    fn an_update_tells_what_changed_and_a_creation_what_is_there() {
        let created = draft(1, None, Some(["a", "1", ""])).unwrap();
        let updated = draft(1, Some(["a", "1", ""]), Some(["a", "", "2"])).unwrap();
        let deleted = draft(1, Some(["a", "1", ""]), None).unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());

        assert_eq!(created.kind, ChangeType::Create);
        assert_eq!(told(&created), [pair("Name", "a"), pair("Phone", "1")]);
        assert_eq!(told(&updated), [pair("Phone", ""), pair("Fax", "2")]);
        assert_eq!((deleted.kind, deleted.leaves.len()), (ChangeType::Delete, 0));
        assert!(draft(1, Some(["a", "1", ""]), Some(["a", "1", ""])).is_none());
        assert!(draft(1, None, None).is_none(), "made and taken back");
    }

    #[test]
    fn equal_changes_of_a_transaction_are_folded() {
        let old = Some(["a", "1", ""]);
        let drafts = [
            draft(1, old, Some(["b", "1", ""])),
            draft(2, old, Some(["c", "1", ""])),
            draft(3, Some(["x", "1", ""]), Some(["b", "1", ""])),
            draft(4, None, Some(["b", "1", ""])),
            draft(5, None, Some(["b", "1", ""])),
            draft(6, old, None),
            draft(7, None, None),
            draft(8, Some(["y", "", ""]), None),
        ];

        let merged = merge(drafts.into_iter().flatten().collect());

        let ids: Vec<usize> = merged.iter().map(|draft| draft.ids.len()).collect();
        assert_eq!(ids, [2, 1, 1, 1, 2], "creations stay apart");
        assert_eq!(merged[0].ids, [Id::generate("001", 1), Id::generate("001", 3)]);
    }

    #[test]
    fn beyond_the_limit_there_is_one_overflow_for_each_object() {
        let old = Some(["a", "1", ""]);
        let drafts: Vec<Draft> =
            (0..5).filter_map(|n| draft(n, old, Some(["b", "", "2"]))).collect();

        let (told, overflown) = split(drafts.clone(), 7);
        let (all, none) = split(drafts, 15);

        assert_eq!((told.len(), overflown.len()), (2, 1), "three changed fields each");
        assert_eq!((all.len(), none.len()), (5, 0));
    }

    #[test]
    fn an_event_of_more_than_a_megabyte_is_a_gap() {
        let long = "x".repeat(MOST_BYTES);
        let gap = draft(1, Some(["a", "", ""]), Some([long.as_str(), "", ""])).unwrap();

        assert_eq!((gap.kind, gap.leaves.len()), (ChangeType::GapUpdate, 0));
    }
}
