//! Going through a table in the order of ids or stamps, stored and computed rows together.

use std::{
    iter::once,
    ops::{Range, RangeInclusive},
};

use chrono::{DateTime, Utc};

use super::{Computed, Table};
use crate::Id;

/// Neighbours on the way through a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stretch {
    /// A row that lies in the table, perhaps in the recycle bin.
    Stored(Id),
    /// Rows that are computed and live: the first one's number and the number after the last one.
    Computed(Range<u64>),
}

impl Table {
    /// The rows whose ids lie in a range, ascending.
    pub(crate) fn stretches(&self, range: RangeInclusive<Id>) -> impl Iterator<Item = Stretch> {
        let is_sound = range.start() <= range.end();
        let span = self.computed.as_ref().map_or(0..0, |computed| computed.source.of_ids(&range));
        let stored = is_sound.then(|| self.rows.range(range)).into_iter().flatten();
        let stored = stored.map(move |(id, _)| {
            let place = |computed: &Computed| computed.source.of_ids(&(*id..=Id::MAX)).start;
            (self.computed.as_ref().map_or(0, place), *id)
        });
        self.weave(stored, span)
    }

    /// The rows whose stamps lie in a range, by stamp and id.
    pub(crate) fn stamped_stretches(
        &self,
        range: RangeInclusive<DateTime<Utc>>,
    ) -> impl Iterator<Item = Stretch> {
        let span =
            self.computed.as_ref().map_or(0..0, |computed| computed.source.of_stamps(&range));
        let (low, high) = range.into_inner();
        let bounds = (low, Id::MIN)..=(high, Id::MAX);
        let stored = (low <= high).then(|| self.by_stamp.range(bounds)).into_iter().flatten();
        let stored = stored.map(move |(stamp, id)| {
            let place = |computed: &Computed| computed.source.after(*stamp, *id);
            (self.computed.as_ref().map_or(0, place), *id)
        });
        self.weave(stored, span)
    }

    /// Puts stored rows, each with the number of the computed row that it comes before, between the
    /// computed rows.
    fn weave<'a>(
        &'a self,
        stored: impl Iterator<Item = (u64, Id)> + 'a,
        span: Range<u64>,
    ) -> impl Iterator<Item = Stretch> + 'a {
        let ends = stored.map(|(place, id)| (place, Some(id))).chain(once((span.end, None)));
        let mut next = span.start;
        ends.flat_map(move |(place, id)| {
            let gap = next..place.clamp(next, span.end.max(next));
            next = gap.end;
            self.untouched(gap).map(Stretch::Computed).chain(id.map(Stretch::Stored))
        })
    }

    /// The parts of a range of computed rows that are neither stored nor erased by now.
    fn untouched(&self, span: Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let computed = self.computed.as_ref().filter(|_| !span.is_empty());
        let touched = computed.into_iter().flat_map({
            let span = span.clone();
            move |computed| {
                let ids = computed.source.id(span.start)..computed.source.id(span.end);
                computed.touched.range(ids).filter_map(|id| computed.source.number(*id))
            }
        });
        let end = span.end;
        let mut next = span.start;
        touched.chain(once(end)).filter_map(move |number| {
            let part = next..number;
            next = number + 1;
            (!part.is_empty()).then_some(part)
        })
    }

    /// The ids in a range, ascending.
    pub(crate) fn ids(&self, range: RangeInclusive<Id>) -> impl Iterator<Item = Id> {
        self.stretches(range).flat_map(|stretch| self.expand(stretch))
    }

    /// The ids whose stamps are in a range, by stamp and id.
    pub(crate) fn stamped(&self, range: RangeInclusive<DateTime<Utc>>) -> impl Iterator<Item = Id> {
        self.stamped_stretches(range).flat_map(|stretch| self.expand(stretch))
    }

    /// The ids of a stretch.
    pub(crate) fn expand(&self, stretch: Stretch) -> impl DoubleEndedIterator<Item = Id> + use<'_> {
        let (stored, numbers) = match stretch {
            Stretch::Stored(id) => (Some(id), 0..0),
            Stretch::Computed(numbers) => (None, numbers),
        };
        let computed = numbers.filter_map(|number| Some(self.computed.as_ref()?.source.id(number)));
        stored.into_iter().chain(computed)
    }
}
