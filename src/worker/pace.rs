//! The worker's own time: pauses, and when the next poll of each mapping is due.

use crate::mapping::Mapping;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Waits. The worker drives time; everything below it takes time as an argument.
#[expect(clippy::disallowed_methods, reason = "the worker is the driver that owns time")]
pub(crate) async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// When each mapping of a group is read next.
#[derive(Debug)]
pub(super) struct Timetable {
    turns: Vec<Turn>,
}

/// One mapping's place in the timetable.
#[derive(Clone, Copy, Debug)]
struct Turn {
    /// `None` for a mapping that is never read.
    due: Option<Instant>,
    is_paused: bool,
}

impl Turn {
    fn is_due(self) -> bool {
        self.due.is_some_and(|due| due <= Instant::now())
    }
}

impl Timetable {
    /// Every mapping that is read is due at once. None is known to be in order yet, so its first success is news.
    pub(super) fn starting_now(mappings: &[Mapping]) -> Self {
        let now = Instant::now();
        let turn = |mapping: &Mapping| Turn {
            due: mapping.direction.pulls().then_some(now),
            is_paused: true,
        };
        Self { turns: mappings.iter().map(turn).collect() }
    }

    /// Whether the mapping at `index` is due.
    pub(super) fn is_due(&self, index: usize) -> bool {
        self.turns.get(index).is_some_and(|turn| turn.is_due())
    }

    /// Whether the mapping at `index` may be read at all now: it is not paused, or the pause is over.
    pub(super) fn may_try(&self, index: usize) -> bool {
        self.turns
            .get(index)
            .is_some_and(|turn| turn.due.is_some() && (!turn.is_paused || turn.is_due()))
    }

    /// The mapping at `index` was polled: its next turn comes one interval later. Answers whether a pause ended.
    pub(super) fn polled(&mut self, index: usize, mapping: &Mapping) -> bool {
        let Some(turn) = self.turns.get_mut(index) else { return false };
        turn.due = Some(Instant::now() + mapping.poll.every);
        std::mem::replace(&mut turn.is_paused, false)
    }

    /// The mapping at `index` waits for a person; it is tried again after `pause`.
    pub(super) fn pause(&mut self, index: usize, pause: Duration) {
        if let Some(turn) = self.turns.get_mut(index) {
            *turn = Turn { due: Some(Instant::now() + pause), is_paused: true };
        }
    }

    /// The earliest next turn.
    pub(super) fn next(&self) -> Option<Instant> {
        self.turns.iter().filter_map(|turn| turn.due).min()
    }
}

/// Which mappings are not pushed for now, and until when.
#[derive(Debug)]
pub(super) struct PushPauses {
    until: BTreeMap<String, Instant>,
}

impl PushPauses {
    /// None is paused. Those that are only pushed count as coming out of a pause, so that their first success is news.
    pub(super) fn starting_with(mappings: &[Mapping]) -> Self {
        let only_pushed = mappings.iter().filter(|mapping| !mapping.direction.pulls());
        let now = Instant::now();
        Self { until: only_pushed.map(|mapping| (mapping.object.clone(), now)).collect() }
    }

    /// The object waits for a person; its changes are tried again after `pause`.
    pub(super) fn pause(&mut self, object: &str, pause: Duration) {
        self.until.insert(object.to_owned(), Instant::now() + pause);
    }

    /// The objects that are still paused.
    pub(super) fn paused(&self) -> Vec<String> {
        let now = Instant::now();
        let paused = self.until.iter().filter(|(_, until)| **until > now);
        paused.map(|(object, _)| object.clone()).collect()
    }

    /// A push without the `paused` went well: answers the objects whose pause is over by that.
    pub(super) fn succeeded(&mut self, paused: &[String]) -> Vec<String> {
        let over: Vec<String> =
            self.until.keys().filter(|object| !paused.contains(object)).cloned().collect();
        self.until.retain(|object, _| paused.contains(object));
        over
    }
}

/// A pause that doubles from one second up to a minute while failures go on.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    const LONGEST: Duration = Duration::from_mins(1);

    /// The pause after one more failure.
    pub(super) fn failed(&mut self) -> Duration {
        let pause = Duration::from_secs(1 << self.failures.min(6));
        self.failures += 1;
        pause.min(Self::LONGEST)
    }

    /// The work went well again.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, Timetable};
    use crate::mapping::{Direction, Mapping};
    use crate::reconcile::samples::contact;

    #[tokio::test]
    async fn a_mapping_that_is_never_read_does_not_keep_the_group_from_waiting() {
        let with = |direction| Mapping { direction, ..contact() };
        let mappings = [with(Direction::ToSalesforce), with(Direction::FromSalesforce)];
        let mut timetable = Timetable::starting_now(&mappings);
        assert!(!timetable.may_try(0) && timetable.may_try(1));
        let before = tokio::time::Instant::now();
        timetable.polled(1, &mappings[1]);
        assert!(timetable.next().unwrap() > before);
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_start_over_after_success() {
        let mut backoff = Backoff::default();
        let pauses: Vec<u64> = (0..8).map(|_| backoff.failed().as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        backoff.succeeded();
        assert_eq!(backoff.failed().as_secs(), 1);
    }
}
