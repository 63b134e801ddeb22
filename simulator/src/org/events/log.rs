//! The events of the last three days, in the order of their commits.
//!
//! Replay ids rise but have holes. An id can be replayed from while its event is kept; what is older
//! than the retention, pushed out by newer events or lost on demand cannot.

use std::{collections::VecDeque, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value as Json;

use super::event::Change;

/// How long events are kept.
const RETENTION_HOURS: i64 = 72;
/// Most events that are kept.
const MOST_EVENTS: usize = 200_000;
/// Most bytes of values that are kept.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// What an event is about.
#[derive(Debug, Clone)]
pub(crate) enum Matter {
    /// A change of a row.
    Change(Arc<Change>),
    /// A message of another channel, such as `/topic/X`, ready to be sent.
    Message {
        /// The channel.
        channel: String,
        /// `data` but for the replay id, which belongs into its member `event`.
        data: Arc<Json>,
    },
}

/// An event on the bus.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) replay_id: u64,
    pub(crate) at: DateTime<Utc>,
    pub(crate) matter: Matter,
    /// Roughly, in memory.
    pub(super) size: usize,
}

/// Where a subscriber starts to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// Only what is yet to come.
    Latest,
    /// Everything that is kept.
    Earliest,
    /// What came after this replay id.
    After(u64),
}

/// The kept events.
#[derive(Debug)]
pub(crate) struct Log {
    events: VecDeque<Arc<Event>>,
    /// The newest replay id that was given out.
    latest: u64,
    /// Ids up to here are known to be lost.
    lost: u64,
    bytes: usize,
    pub(super) retention: TimeDelta,
    pub(super) most_events: usize,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            events: VecDeque::new(),
            latest: 0,
            lost: 0,
            bytes: 0,
            retention: TimeDelta::hours(RETENTION_HOURS),
            most_events: MOST_EVENTS,
        }
    }
}

impl Log {
    /// The newest replay id that was given out; 0 before the first.
    pub(crate) fn latest(&self) -> u64 {
        self.latest
    }

    /// The number of events that are kept.
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// The oldest replay id that can be replayed from.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.events.front().map(|event| event.replay_id)
    }

    /// The position that a subscriber starts at; `None` for an id that cannot be replayed from.
    pub(crate) fn position(&self, start: Start, now: DateTime<Utc>) -> Option<u64> {
        match start {
            Start::Latest => Some(self.latest),
            Start::Earliest => Some(0),
            // The newest id stays good: it is what an idle subscriber was told to keep.
            Start::After(id) if id == self.latest && id > self.lost => Some(id),
            Start::After(0) if self.latest == 0 => Some(0),
            Start::After(id) => {
                let found = self.events.binary_search_by_key(&id, |event| event.replay_id).ok()?;
                let event = self.events.get(found)?;
                (now - event.at < self.retention).then_some(id)
            }
        }
    }

    /// The events after a position, oldest first.
    pub(crate) fn after(
        &self,
        position: u64,
        now: DateTime<Utc>,
    ) -> impl Iterator<Item = &Arc<Event>> {
        let from = self.events.partition_point(|event| event.replay_id <= position);
        let is_fresh = move |event: &&Arc<Event>| now - event.at < self.retention;
        self.events.range(from..).filter(is_fresh)
    }

    /// Puts an event on the bus and answers its replay id.
    pub(super) fn add(&mut self, at: DateTime<Utc>, matter: Matter, size: usize) -> u64 {
        // Holes of up to four: nobody may count on the next id being one more.
        self.latest += 1 + (self.latest.wrapping_mul(7) + 3) % 5;
        self.events.push_back(Arc::new(Event { replay_id: self.latest, at, matter, size }));
        self.bytes += size;
        while self.events.len() > self.most_events || self.bytes > MOST_BYTES {
            self.drop_oldest();
        }
        while self.events.front().is_some_and(|event| at - event.at >= self.retention) {
            self.drop_oldest();
        }
        self.latest
    }

    fn drop_oldest(&mut self) {
        if let Some(event) = self.events.pop_front() {
            self.bytes -= event.size;
        }
    }

    /// Forgets all events up to a replay id, which can no longer be replayed from.
    pub(crate) fn lose(&mut self, through: u64) {
        self.lost = self.lost.max(through.min(self.latest));
        while self.events.front().is_some_and(|event| event.replay_id <= through) {
            self.drop_oldest();
        }
    }

    /// Replay ids go on after this one.
    pub(crate) fn continue_after(&mut self, latest: u64) {
        self.latest = self.latest.max(latest);
        self.lost = self.lost.max(latest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + hours * 3600, 0).unwrap()
    }

    fn matter() -> Matter {
        Matter::Message { channel: "/topic/T".to_owned(), data: Arc::new(Json::Null) }
    }

    fn log() -> (Log, Vec<u64>) {
        let mut log = Log::default();
        let ids = [0, 1, 2].map(|hour| log.add(at(hour), matter(), 10));
        (log, ids.into())
    }

    fn ids(log: &Log, position: u64, now: DateTime<Utc>) -> Vec<u64> {
        log.after(position, now).map(|event| event.replay_id).collect()
    }

    #[test]
    fn replay_ids_rise_with_holes() {
        let mut log = Log::default();
        let ids: Vec<u64> = (0..50).map(|_| log.add(at(0), matter(), 1)).collect();

        assert!(ids.is_sorted_by(|one, next| one < next));
        assert!(ids.windows(2).any(|pair| pair[1] - pair[0] > 1));
    }

    #[test]
    fn a_subscriber_starts_where_it_says_as_long_as_that_is_kept() {
        let (log, made) = log();

        assert_eq!(log.position(Start::Latest, at(2)), Some(made[2]));
        assert_eq!(ids(&log, log.position(Start::Earliest, at(2)).unwrap(), at(2)), made);
        assert_eq!(
            ids(&log, log.position(Start::After(made[0]), at(2)).unwrap(), at(2)),
            made[1..]
        );
        assert_eq!(log.position(Start::After(made[2] + 1), at(2)), None, "never given out");
        let hole = (made[0]..made[2]).find(|id| !made.contains(id)).unwrap();
        assert_eq!(log.position(Start::After(hole), at(2)), None, "a hole");
    }

    #[test]
    fn events_are_gone_after_three_days_by_the_clock() {
        let (mut log, made) = log();

        assert_eq!(ids(&log, 0, at(72)), made[1..]);
        assert_eq!(log.position(Start::After(made[0]), at(72)), None);
        assert_eq!(log.position(Start::After(made[1]), at(72)), Some(made[1]));
        let newest = log.add(at(80), matter(), 10);
        assert_eq!((log.len(), log.oldest(), log.bytes), (1, Some(newest), 10));
    }

    #[test]
    fn memory_is_bounded_by_dropping_the_oldest() {
        let mut log = Log { most_events: 2, ..Log::default() };
        for _ in 0..5 {
            log.add(at(0), matter(), 10);
        }
        assert_eq!((log.len(), log.bytes), (2, 20));

        log.add(at(0), matter(), MOST_BYTES);
        assert_eq!((log.len(), log.bytes), (1, MOST_BYTES));
    }

    #[test]
    fn lost_ids_cannot_be_replayed_from() {
        let (mut log, made) = log();

        log.lose(made[1]);

        assert_eq!(log.position(Start::After(made[0]), at(2)), None);
        assert_eq!(log.position(Start::After(made[1]), at(2)), None);
        assert_eq!(log.position(Start::After(made[2]), at(2)), Some(made[2]));
        log.lose(u64::MAX);
        assert_eq!(log.position(Start::After(made[2]), at(2)), None, "not even the newest");
    }
}
