//! A list of ids that takes little memory where ids follow each other in regular steps.
//!
//! A query may find ten million rows, and a cursor keeps what was found. Most such lists are whole
//! stretches of a table, or every so manieth row of one.

use crate::Id;

/// Ids in the order in which they were added.
#[derive(Debug, Clone, Default)]
pub struct IdList {
    runs: Vec<Run>,
}

/// Ids in regular steps.
#[derive(Debug, Clone)]
struct Run {
    /// The sequence of the first id.
    first: u64,
    /// The number of ids up to the end of this run.
    end: usize,
    /// What the sequence grows by from id to id; 0 as long as there is only one.
    step: i16,
    stem: [u8; Id::STEM],
}

impl Run {
    fn id(&self, position: usize) -> Id {
        let offset = i64::try_from(position).unwrap_or_default() * i64::from(self.step);
        Id::of_stem(self.stem, self.first.wrapping_add_signed(offset))
    }
}

impl IdList {
    /// How many ids there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.runs.last().map_or(0, |run| run.end)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// How many stretches of regular steps it is made of, which is what it takes memory for.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// The id at a position.
    #[must_use]
    pub fn get(&self, position: usize) -> Option<Id> {
        self.range(position..position.saturating_add(1)).next()
    }

    /// The first id.
    #[must_use]
    pub fn first(&self) -> Option<Id> {
        self.runs.first().map(|run| run.id(0))
    }

    /// Adds one id at the end.
    pub fn push(&mut self, id: Id) {
        let (stem, sequence) = id.split();
        let before = self.runs.len().checked_sub(2).and_then(|at| self.runs.get(at));
        let start = before.map_or(0, |run| run.end);
        if let Some(run) = self.runs.last_mut().filter(|run| run.stem == stem) {
            let count = run.end - start;
            if count == 1 {
                let difference = i128::from(sequence) - i128::from(run.first);
                run.step = i16::try_from(difference).unwrap_or_default();
            }
            if run.step != 0 && run.id(count).split().1 == sequence {
                run.end += 1;
                return;
            }
        }
        let end = self.len() + 1;
        self.runs.push(Run { first: sequence, end, step: 0, stem });
    }

    /// Adds `count` ids that follow each other, the first of which is given.
    pub fn push_run(&mut self, first: Id, count: usize) {
        if count < 2 {
            (0..count).for_each(|_| self.push(first));
            return;
        }
        let (stem, sequence) = first.split();
        let end = self.len().saturating_add(count);
        self.runs.push(Run { first: sequence, end, step: 1, stem });
    }

    /// Gives back the room that was left for more.
    pub(crate) fn shrink(&mut self) {
        self.runs.shrink_to_fit();
    }

    /// The ids at these positions; fewer where there are not so many.
    pub fn range(&self, positions: std::ops::Range<usize>) -> impl Iterator<Item = Id> {
        let first = self.runs.partition_point(|run| run.end <= positions.start);
        let start = first.checked_sub(1).and_then(|at| self.runs.get(at)).map_or(0, |run| run.end);
        let runs = self.runs.get(first..).unwrap_or_default();
        let ids = runs.iter().scan(start, |start, run| {
            let from = std::mem::replace(start, run.end);
            Some((from, run))
        });
        let ids = ids.take_while(move |(from, _)| *from < positions.end);
        ids.flat_map(move |(from, run)| {
            let (low, high) = (positions.start.max(from), positions.end.min(run.end));
            (low..high.max(low)).map(move |position| run.id(position - from))
        })
    }

    /// All ids.
    pub fn iter(&self) -> impl Iterator<Item = Id> {
        self.range(0..self.len())
    }
}

impl PartialEq for IdList {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl FromIterator<Id> for IdList {
    fn from_iter<T: IntoIterator<Item = Id>>(ids: T) -> Self {
        let mut list = Self::default();
        ids.into_iter().for_each(|id| list.push(id));
        list.shrink();
        list
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids(sequences: &[u64]) -> Vec<Id> {
        sequences.iter().map(|sequence| Id::generate("001", *sequence)).collect()
    }

    #[test]
    fn regular_steps_in_either_direction_are_one_run() {
        for sequences in [[5, 6, 7, 8], [5, 8, 11, 14], [9, 7, 5, 3]] {
            let list: IdList = ids(&sequences).into_iter().collect();

            assert_eq!(list.runs.len(), 1, "{sequences:?}");
            assert_eq!(list.iter().collect::<Vec<_>>(), ids(&sequences));
        }
    }

    #[test]
    fn a_run_of_ten_million_is_read_from_its_middle() {
        let mut list = IdList::default();
        list.push(Id::generate("001", 3));
        list.push_run(Id::generate("001", 100), 10_000_000);
        list.push(Id::generate("003", 100));

        assert_eq!(list.len(), 10_000_002);
        let middle: Vec<Id> = list.range(9_999_999..10_000_002).collect();
        assert_eq!(
            middle,
            [
                Id::generate("001", 10_000_098),
                Id::generate("001", 10_000_099),
                Id::generate("003", 100)
            ]
        );
    }

    proptest! {
        #[test]
        fn a_list_answers_what_was_added(
            sequences in prop::collection::vec(0_u64..50, 0..60), from in 0_usize..70, to in 0_usize..70,
        ) {
            let ids = ids(&sequences);
            let list: IdList = ids.iter().copied().collect();

            let (from, to) = (from.min(to), from.max(to));
            let expected: Vec<Id> = ids.iter().copied().skip(from).take(to - from).collect();
            prop_assert_eq!(list.range(from..to).collect::<Vec<_>>(), expected);
            prop_assert_eq!(list.iter().collect::<Vec<_>>(), ids);
        }
    }
}
