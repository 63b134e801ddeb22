//! Which records travel in one call, and which calls may be under way beside each other. Pure.
//!
//! Salesforce locks a record's parents while it writes it. So records of one parent travel together, and once a parent
//! was locked, the calls that write its children go one after the other, beside those of other parents. Where no answer
//! came, one of the records may be what nobody can swallow: the next calls are smaller, until it stands alone.

use super::locks::parents;
use super::outcome::{Outgoing, lastop};
use crate::mapping::Mapping;
use crate::model::Action;
use crate::salesforce::COLLECTION_MAX;
use std::collections::{BTreeMap, BTreeSet};

/// Calls of one operation.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    /// Several of these may be under way.
    pub(super) beside: Vec<Chunk>,
    /// Only one of these, and nothing beside it.
    pub(super) alone: Vec<Chunk>,
}

/// Records of one call.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) records: Vec<Outgoing>,
    /// The ids of their parents.
    pub(super) parents: BTreeSet<String>,
}

impl Chunk {
    fn new(mapping: &Mapping, records: Vec<Outgoing>) -> Self {
        let parents = records.iter().flat_map(|next| parents(mapping, next)).collect();
        Self { records, parents }
    }
}

/// Divides records of one operation into calls. `locked` are the parents that were locked of late.
pub(super) fn chunks(
    mapping: &Mapping,
    mut records: Vec<Outgoing>,
    locked: &BTreeSet<String>,
) -> Chunks {
    records.sort_by_cached_key(|next| {
        let parents = parents(mapping, next);
        // The children of a parent that was locked come together, by whichever field they refer to it.
        let place = parents.iter().position(|parent| locked.contains(parent));
        let first = parents.into_iter().nth(place.unwrap_or(0));
        (next.doubts, place.is_none(), first)
    });
    let goes_alone = |next: &Outgoing| {
        next.doubts > 0 || (was_refused(next) && parents(mapping, next).is_empty())
    };
    let (mut rest, beside): (Vec<_>, Vec<_>) = records.into_iter().partition(goes_alone);
    let calls =
        |records, size| divided(records, size).into_iter().map(|part| Chunk::new(mapping, part));
    let beside = calls(beside, COLLECTION_MAX).collect();
    let mut alone = Vec::new();
    while let Some(doubts) = rest.first().map(|next| next.doubts) {
        let more = rest.iter().position(|next| next.doubts != doubts).unwrap_or(rest.len());
        let tail = rest.split_off(more);
        alone.extend(calls(rest, size_after(doubts)));
        rest = tail;
    }
    Chunks { beside, alone }
}

/// Which of the calls that wait may begin, given the parents of those under way: never two on a parent that was locked.
pub(super) fn next(
    waiting: &[Chunk],
    under_way: &BTreeMap<usize, BTreeSet<String>>,
    locked: &BTreeSet<String>,
) -> Option<usize> {
    waiting.iter().position(|chunk| {
        let mut serial = chunk.parents.intersection(locked);
        !serial.any(|parent| under_way.values().any(|parents| parents.contains(parent)))
    })
}

/// Divides records of one operation into calls that go one after the other, without changing their order.
pub(super) fn in_order(mapping: &Mapping, records: Vec<Outgoing>) -> Vec<Chunk> {
    let mut calls: Vec<Vec<Outgoing>> = Vec::new();
    let mut room = 0;
    for next in records {
        let size = size_after(next.doubts);
        if let Some(call) = calls.last_mut().filter(|call| call.len() < size.min(room)) {
            room = room.min(size);
            call.push(next);
        } else {
            room = size;
            calls.push(vec![next]);
        }
    }
    calls.into_iter().map(|records| Chunk::new(mapping, records)).collect()
}

/// Whether the same was sent before. Not so of a record that an insert found: that one is changed for the first time.
fn was_refused(next: &Outgoing) -> bool {
    let is_found = next.action == Action::Update && next.lastop == lastop(Action::Insert);
    next.tries > 0 && !is_found
}

/// Records in a call after so many calls without an answer.
fn size_after(doubts: usize) -> usize {
    (0..doubts).fold(COLLECTION_MAX, |size, _| size.div_ceil(4))
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
    use super::{Chunk, chunks, in_order, next, size_after};
    use crate::model::Action::{self, Insert, Update};
    use crate::reconcile::samples::{contact, text};
    use crate::sync::push::outcome::{Outgoing, lastop};
    use std::collections::BTreeSet;

    type Case<'a> = (&'a [Chunk], &'a [&'a str], &'a [&'a [&'a str]], Option<usize>);

    fn outgoing(record_id: i32, action: Action, parent: &str, tries: usize) -> Outgoing {
        let values = vec![(0, text("x")), (2, text(parent))];
        Outgoing { values, tries, ..Outgoing::sample("contact", record_id, action) }
    }

    fn named(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn ids(chunks: &[Chunk]) -> Vec<Vec<i32>> {
        let ids = |chunk: &Chunk| chunk.records.iter().map(|next| next.record.record_id).collect();
        chunks.iter().map(ids).collect()
    }

    #[test]
    fn records_of_one_parent_travel_together_though_they_were_made_in_turns() {
        let records = (0..400).map(|n| outgoing(n, Insert, &format!("p{}", n % 2), 0)).collect();
        let chunks = chunks(&contact(), records, &named(&[]));
        assert_eq!(
            ids(&chunks.beside),
            [(0..400).step_by(2).collect::<Vec<_>>(), (1..400).step_by(2).collect::<Vec<_>>(),]
        );
        assert!(ids(&chunks.alone).is_empty());
    }

    #[test]
    fn the_children_of_a_locked_parent_come_first_and_all_calls_are_full() {
        let records = (0..500).map(|n| outgoing(n, Insert, &format!("p{}", n % 2), 0)).collect();
        let chunks = chunks(&contact(), records, &named(&["p1"]));
        let parents: Vec<&BTreeSet<String>> =
            chunks.beside.iter().map(|chunk| &chunk.parents).collect();
        assert_eq!(parents, [&named(&["p1"]), &named(&["p0", "p1"]), &named(&["p0"])]);
        let sizes: Vec<usize> = chunks.beside.iter().map(|chunk| chunk.records.len()).collect();
        assert_eq!(sizes, [200, 200, 100]);
    }

    #[test]
    fn two_calls_on_a_locked_parent_are_never_under_way_and_others_do_not_wait() {
        let chunk = |parents: &[&str]| Chunk { records: Vec::new(), parents: named(parents) };
        let waiting = [chunk(&["p1"]), chunk(&["p1", "p2"]), chunk(&["p3"])];
        #[rustfmt::skip]
        let table: [Case<'_>; 6] = [
            // waiting,      locked,  under way,         which begins
            (&waiting,       &[],     &[&["p1"]],         Some(0)),
            (&waiting,       &["p1"], &[&["p1"]],         Some(2)),
            (&waiting,       &["p1"], &[&["p2"]],         Some(0)),
            (&waiting[1..],  &["p1"], &[&["p4", "p1"]],   Some(1)),
            (&waiting[1..2], &["p2"], &[&["p4"], &["p2"]], None),
            (&[],            &[],     &[],                None),
        ];
        for (waiting, locked, under_way, expected) in table {
            let parents = under_way.iter().map(|parents| named(parents)).enumerate().collect();
            let found = next(waiting, &parents, &named(locked));
            assert_eq!(found, expected, "{locked:?} {under_way:?}");
        }
    }

    #[test]
    fn what_was_refused_before_and_has_no_parent_never_goes_beside_anything_of_its_kind() {
        let mut refused = outgoing(2, Update, "p", 1);
        refused.values.truncate(1);
        let records = vec![outgoing(1, Update, "p", 0), refused, outgoing(3, Update, "p", 1)];
        let chunks = chunks(&contact(), records, &named(&[]));
        assert_eq!(ids(&chunks.beside), [[1, 3]]);
        assert_eq!(ids(&chunks.alone), [[2]]);
    }

    #[test]
    fn a_record_that_an_insert_found_counts_as_new() {
        let mut found = outgoing(1, Update, "p", 1);
        found.values.truncate(1);
        found.lastop = lastop(Insert);
        assert_eq!(ids(&chunks(&contact(), vec![found], &named(&[])).beside), [[1]]);
    }

    #[test]
    fn after_each_silence_calls_are_smaller_until_a_record_stands_alone() {
        assert_eq!([0, 1, 2, 3, 4, 9].map(size_after), [200, 50, 13, 4, 1, 1]);
        let mut records: Vec<Outgoing> = (0..60).map(|n| outgoing(n, Insert, "p", 1)).collect();
        for next in &mut records {
            next.doubts = if next.record.record_id < 2 { 4 } else { 1 };
        }
        let chunks = chunks(&contact(), records, &named(&[]));
        let sizes: Vec<usize> = ids(&chunks.alone).iter().map(Vec::len).collect();
        assert_eq!(sizes, [50, 8, 1, 1]);
    }

    #[test]
    fn where_the_order_counts_nothing_changes_places_and_what_met_silence_still_narrows_its_call() {
        let records: Vec<Outgoing> = (0..260)
            .map(|n| {
                let mut next = outgoing(n, Insert, &format!("p{}", n % 2), 0);
                next.doubts = if n == 230 { 4 } else { 0 };
                next
            })
            .collect();

        let chunks = ids(&in_order(&contact(), records));

        assert_eq!(chunks.iter().map(Vec::len).collect::<Vec<_>>(), [200, 30, 1, 29]);
        assert_eq!(chunks.concat(), (0..260).collect::<Vec<_>>());
    }
}
