//! Which records travel in one call, and which calls may be under way beside each other. Pure.
//!
//! Salesforce locks a record's parents while it writes it. So records of one parent travel together, and those that were
//! refused before, for a lock or anything else that may pass, go one call after the other. Where no answer came, one of
//! the records may be what nobody can swallow: the next calls are smaller, until it stands alone.

use super::outcome::{Outgoing, lastop};
use crate::mapping::Mapping;
use crate::model::{Action, to_csv};
use crate::salesforce::COLLECTION_MAX;

/// Calls of one operation.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    /// Several of these may be under way.
    pub(super) beside: Vec<Vec<Outgoing>>,
    /// Only one of these, and nothing beside it.
    pub(super) alone: Vec<Vec<Outgoing>>,
}

/// Divides records of one operation into calls.
pub(super) fn chunks(mapping: &Mapping, mut records: Vec<Outgoing>) -> Chunks {
    let references: Vec<usize> = mapping
        .fields
        .iter()
        .enumerate()
        .filter(|(_, field)| !field.reference_to.is_empty())
        .map(|(position, _)| position)
        .collect();
    records.sort_by_cached_key(|next| (next.doubts, parent(next, &references)));
    let (again, fresh): (Vec<_>, Vec<_>) = records.into_iter().partition(was_refused);
    let mut alone = Vec::new();
    let mut rest = again;
    while let Some(doubts) = rest.first().map(|next| next.doubts) {
        let more = rest.iter().position(|next| next.doubts != doubts).unwrap_or(rest.len());
        let tail = rest.split_off(more);
        alone.extend(divided(rest, size_after(doubts)));
        rest = tail;
    }
    Chunks { beside: divided(fresh, COLLECTION_MAX), alone }
}

/// Whether the same was sent before. Not so of a record that an insert found: that one is changed for the first time.
fn was_refused(next: &Outgoing) -> bool {
    let is_found = next.action == Action::Update && next.lastop == lastop(Action::Insert);
    next.doubts > 0 || (next.tries > 0 && !is_found)
}

/// Records in a call after so many calls without an answer.
fn size_after(doubts: usize) -> usize {
    (0..doubts).fold(COLLECTION_MAX, |size, _| size.div_ceil(4))
}

/// The first parent that the record is given.
fn parent(next: &Outgoing, references: &[usize]) -> Option<String> {
    let given =
        next.values.iter().filter(|(field, value)| references.contains(field) && !value.is_null());
    given.min_by_key(|(field, _)| *field).map(|(_, value)| to_csv(value))
}

fn divided(mut records: Vec<Outgoing>, size: usize) -> Vec<Vec<Outgoing>> {
    let mut chunks = Vec::new();
    while records.len() > size {
        let tail = records.split_off(size);
        chunks.push(std::mem::replace(&mut records, tail));
    }
    if !records.is_empty() {
        chunks.push(records);
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::{chunks, size_after};
    use crate::model::Action::{self, Insert, Update};
    use crate::reconcile::samples::{contact, text};
    use crate::sync::push::outcome::{Outgoing, lastop};

    fn outgoing(record_id: i32, action: Action, parent: &str, tries: usize) -> Outgoing {
        let values = vec![(0, text("x")), (2, text(parent))];
        Outgoing { values, tries, ..Outgoing::sample("contact", record_id, action) }
    }

    fn ids(chunks: &[Vec<Outgoing>]) -> Vec<Vec<i32>> {
        let ids = |chunk: &Vec<Outgoing>| chunk.iter().map(|next| next.record.record_id).collect();
        chunks.iter().map(ids).collect()
    }

    #[test]
    fn records_of_one_parent_travel_together_though_they_were_made_in_turns() {
        let records = (0..400).map(|n| outgoing(n, Insert, &format!("p{}", n % 2), 0)).collect();
        let chunks = chunks(&contact(), records);
        assert_eq!(
            ids(&chunks.beside),
            [(0..400).step_by(2).collect::<Vec<_>>(), (1..400).step_by(2).collect::<Vec<_>>(),]
        );
        assert!(chunks.alone.is_empty());
    }

    #[test]
    fn what_was_refused_before_never_goes_beside_anything_of_its_kind() {
        let records = vec![outgoing(1, Update, "p", 0), outgoing(2, Update, "p", 1)];
        let chunks = chunks(&contact(), records);
        assert_eq!(ids(&chunks.beside), [[1]]);
        assert_eq!(ids(&chunks.alone), [[2]]);
    }

    #[test]
    fn a_record_that_an_insert_found_counts_as_new() {
        let mut found = outgoing(1, Update, "p", 1);
        found.lastop = lastop(Insert);
        assert_eq!(ids(&chunks(&contact(), vec![found]).beside), [[1]]);
    }

    #[test]
    fn after_each_silence_calls_are_smaller_until_a_record_stands_alone() {
        assert_eq!([0, 1, 2, 3, 4, 9].map(size_after), [200, 50, 13, 4, 1, 1]);
        let mut records: Vec<Outgoing> = (0..60).map(|n| outgoing(n, Insert, "p", 1)).collect();
        for next in &mut records {
            next.doubts = if next.record.record_id < 2 { 4 } else { 1 };
        }
        let sizes: Vec<usize> = chunks(&contact(), records).alone.iter().map(Vec::len).collect();
        assert_eq!(sizes, [50, 8, 1, 1]);
    }
}
