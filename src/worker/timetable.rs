//! When each mapping is polled: spread evenly over the interval, in slots of as many as one request can ask for.
//!
//! ```text
//! 12 mappings, one poll a minute:   0 s  five of them together
//!                                  20 s  the next five
//!                                  40 s  the last two
//! ```
//!
//! The place of a mapping follows from its interval and its name among the others, so every worker that knows the same
//! mappings comes to the same slots, and a group finds the same place again whenever it starts.

use super::pace::Backoff;
use crate::mapping::Mapping;
use crate::salesforce::QUERIES_TOGETHER_MAX;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// After a start the first polls are spread over this time, or over the interval if that is shorter.
const START_SPREAD: Duration = Duration::from_secs(30);

/// A poll that read more rows than this was not quiet: the next one asks for itself, so that answers that travel
/// together stay small.
const QUIET_ROWS: u64 = 200;

/// A mapping's place in the interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    every: Duration,
    /// Which of how many slots.
    number: u32,
    slots: u32,
    /// Mappings in it.
    pub(super) members: usize,
}

/// The places of all mappings of a worker, by object.
#[derive(Debug)]
pub(super) struct Slots {
    began: Instant,
    slots: BTreeMap<String, Slot>,
}

impl Slots {
    pub(super) fn of(mappings: &[Mapping], began: Instant) -> Self {
        let mut by_interval: BTreeMap<Duration, Vec<&Mapping>> = BTreeMap::new();
        for mapping in mappings.iter().filter(|mapping| mapping.direction.pulls()) {
            by_interval.entry(mapping.poll.every).or_default().push(mapping);
        }
        let mut slots = BTreeMap::new();
        for (every, mut members) in by_interval {
            members.sort_by(|a, b| a.table.cmp(&b.table));
            let chunks: Vec<_> = members.chunks(QUERIES_TOGETHER_MAX).collect();
            let count = u32::try_from(chunks.len()).unwrap_or(u32::MAX);
            for (number, chunk) in (0..).zip(chunks) {
                let slot = Slot { every, number, slots: count, members: chunk.len() };
                slots.extend(chunk.iter().map(|mapping| (mapping.object.clone(), slot)));
            }
        }
        Self { began, slots }
    }
}

impl Slot {
    /// Part of the time that belongs to the slots before this one.
    fn share_of(self, time: Duration) -> Duration {
        time * self.number / self.slots.max(1)
    }

    /// The slot's first time after `moment`, while polls come `factor` times as rarely as usual.
    fn after(self, began: Instant, moment: Instant, factor: u32) -> Instant {
        let every = self.every * factor;
        let first = began + self.share_of(every);
        let Some(passed) = moment.checked_duration_since(first) else { return first };
        let turns = passed.as_nanos() / every.as_nanos().max(1) + 1;
        first + every * u32::try_from(turns).unwrap_or(u32::MAX)
    }

    /// The first time of a group that gets to work at `moment`: soon while the worker starts, but not all at once;
    /// later on, as when another worker's groups are taken over, the slot's own time.
    fn first(self, began: Instant, moment: Instant) -> Instant {
        let spread = self.every.min(START_SPREAD);
        if moment < began + START_SPREAD {
            moment.max(began + self.share_of(spread))
        } else {
            self.after(began, moment, 1)
        }
    }
}

/// When each mapping of a group is read next.
#[derive(Debug)]
pub(super) struct Timetable {
    began: Instant,
    turns: Vec<Turn>,
}

/// One mapping's place in the timetable.
#[derive(Clone, Copy, Debug)]
struct Turn {
    /// `None` for a mapping that is never read.
    slot: Option<Slot>,
    first: Instant,
    polled: Option<Instant>,
    paused_until: Option<Instant>,
    /// Of failures that pass by themselves.
    backoff: Backoff,
    /// Whether the next success is news.
    is_news: bool,
    was_quiet: bool,
}

impl Turn {
    fn due(self, began: Instant, factor: u32) -> Option<Instant> {
        let slot = self.slot?;
        let due = self.polled.map_or(self.first, |polled| slot.after(began, polled, factor));
        Some(self.paused_until.unwrap_or(due))
    }
}

impl Timetable {
    /// Of a group that gets to work `now`. No mapping is known to be in order yet, so its first success is news.
    pub(super) fn starting(mappings: &[Mapping], slots: &Slots, now: Instant) -> Self {
        let turn = |mapping: &Mapping| {
            let slot = slots.slots.get(&mapping.object).copied();
            Turn {
                slot: slot.filter(|_| mapping.direction.pulls()),
                first: slot.map_or(now, |slot| slot.first(slots.began, now)),
                polled: None,
                paused_until: None,
                backoff: Backoff::default(),
                is_news: true,
                was_quiet: false,
            }
        };
        Self { began: slots.began, turns: mappings.iter().map(turn).collect() }
    }

    /// Whether the mapping at `index` is due, while polls come `factor` times as rarely as usual.
    pub(super) fn is_due(&self, index: usize, factor: u32) -> bool {
        let due = self.turns.get(index).and_then(|turn| turn.due(self.began, factor));
        due.is_some_and(|due| due <= Instant::now())
    }

    /// Whether the mapping at `index` may be read at all now: it is not paused, or the pause is over.
    pub(super) fn may_try(&self, index: usize) -> bool {
        let is_over = |until: Option<Instant>| until.is_none_or(|until| until <= Instant::now());
        self.turns.get(index).is_some_and(|turn| turn.slot.is_some() && is_over(turn.paused_until))
    }

    /// How many mappings share the slot of the one at `index`, itself included, if its queries may travel with
    /// theirs: its last poll was quiet.
    pub(super) fn company(&self, index: usize) -> Option<usize> {
        let turn = self.turns.get(index)?;
        let members = turn.slot?.members;
        (turn.was_quiet && turn.paused_until.is_none() && members > 1).then_some(members)
    }

    /// The mapping at `index` was polled and so many rows read. Answers whether that is news.
    pub(super) fn polled(&mut self, index: usize, rows: u64) -> bool {
        let Some(turn) = self.turns.get_mut(index) else { return false };
        turn.polled = Some(Instant::now());
        turn.paused_until = None;
        turn.was_quiet = rows <= QUIET_ROWS;
        std::mem::replace(&mut turn.is_news, false)
    }

    /// The mapping at `index` waits for a person; it is tried again after `pause`.
    pub(super) fn pause(&mut self, index: usize, pause: Duration) {
        if let Some(turn) = self.turns.get_mut(index) {
            turn.paused_until = Some(Instant::now() + pause);
            turn.is_news = true;
        }
    }

    /// Reading the mapping at `index` failed in a way that passes: it rests alone, longer with each failure. Answers for
    /// how long.
    pub(super) fn rest(&mut self, index: usize) -> Duration {
        let Some(turn) = self.turns.get_mut(index) else { return Duration::ZERO };
        let rest = turn.backoff.failed();
        self.pause(index, rest);
        rest
    }

    /// Reading the mapping at `index` went well.
    pub(super) fn went_well(&mut self, index: usize) {
        if let Some(turn) = self.turns.get_mut(index) {
            turn.backoff.succeeded();
        }
    }

    /// The earliest next turn.
    pub(super) fn next(&self, factor: u32) -> Option<Instant> {
        self.turns.iter().filter_map(|turn| turn.due(self.began, factor)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::{Slots, Timetable};
    use crate::mapping::{Direction, Mapping, Poll};
    use crate::reconcile::samples::contact;
    use std::collections::BTreeMap;
    use std::time::Duration;
    use tokio::time::Instant;

    fn mappings(count: usize, seconds: u64) -> Vec<Mapping> {
        let poll = Poll { every: Duration::from_secs(seconds), ..Poll::default() };
        let name = |n: usize| format!("thing{n:02}");
        let mapping = |n| Mapping { object: name(n), table: name(n), poll, ..contact() };
        (0..count).map(mapping).collect()
    }

    #[test]
    fn mappings_share_slots_of_five_that_divide_the_interval_evenly() {
        let began = Instant::now();
        let all = mappings(20, 60);
        let slots = Slots::of(&all, began);

        let mut times: BTreeMap<u64, usize> = BTreeMap::new();
        for mapping in &all {
            let slot = slots.slots[&mapping.object];
            let next = slot.after(began, began + Duration::from_mins(10), 1);
            *times.entry((next - began).as_secs() - 600).or_default() += 1;
        }

        assert_eq!(times, BTreeMap::from([(15, 5), (30, 5), (45, 5), (60, 5)]));
    }

    #[test]
    fn the_place_follows_from_the_names_alone() {
        let began = Instant::now();
        let all = mappings(12, 60);
        let reversed: Vec<Mapping> = all.iter().rev().cloned().collect();
        assert_eq!(Slots::of(&all, began).slots, Slots::of(&reversed, began).slots);
    }

    #[test]
    fn the_first_polls_are_spread_too() {
        let began = Instant::now();
        let all = mappings(20, 60);
        let slots = Slots::of(&all, began);
        let first = |n: usize, at: u64| {
            let first = slots.slots[&all[n].object].first(began, began + Duration::from_secs(at));
            (first - began).as_secs()
        };
        assert_eq!([first(0, 0), first(5, 0), first(10, 0), first(19, 0)], [0, 7, 15, 22]);
        assert_eq!([first(0, 10), first(5, 10), first(19, 10)], [10, 10, 22]);
        assert_eq!(
            [first(0, 100), first(5, 100)],
            [120, 135],
            "groups taken over keep their slots"
        );
    }

    #[test]
    fn slowed_polls_come_a_quarter_as_often_and_as_usual_again_afterwards() {
        let began = Instant::now();
        let slots = Slots::of(&mappings(6, 60), began);
        let slot = slots.slots["thing05"];
        let at = |seconds: u64| began + Duration::from_secs(seconds);
        let next = |seconds, factor| (slot.after(began, at(seconds), factor) - began).as_secs();
        assert_eq!([next(0, 1), next(30, 1), next(90, 1)], [30, 90, 150]);
        assert_eq!([next(0, 4), next(120, 4), next(361, 4)], [120, 360, 600]);
        assert_eq!(next(121, 1), 150);
    }

    #[tokio::test]
    async fn a_mapping_that_is_never_read_does_not_keep_the_group_from_waiting() {
        let with = |direction| Mapping { direction, ..contact() };
        let mut all = [with(Direction::ToSalesforce), with(Direction::FromSalesforce)];
        all[0].object = "Other".to_owned();
        let now = Instant::now();
        let mut timetable = Timetable::starting(&all, &Slots::of(&all, now), now);
        assert!(!timetable.may_try(0) && timetable.may_try(1) && timetable.is_due(1, 1));

        timetable.polled(1, 0);

        assert!(timetable.next(1).unwrap() > Instant::now());
        assert!(!timetable.is_due(0, 1) && !timetable.is_due(1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_mapping_that_fails_rests_longer_each_time_and_holds_up_no_other() {
        let all = mappings(2, 60);
        let now = Instant::now();
        let mut timetable = Timetable::starting(&all, &Slots::of(&all, now), now);

        assert_eq!(timetable.rest(0), Duration::from_secs(1));
        assert!(!timetable.may_try(0) && timetable.may_try(1));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(timetable.may_try(0) && timetable.is_due(0, 1), "it is tried again at once");
        timetable.polled(0, 0);
        assert_eq!(timetable.rest(0), Duration::from_secs(2), "what came after the poll failed");

        timetable.went_well(0);
        assert_eq!(timetable.rest(0), Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_mapping_keeps_company_only_while_it_is_quiet_and_in_order() {
        let all = mappings(2, 60);
        let now = Instant::now();
        let mut timetable = Timetable::starting(&all, &Slots::of(&all, now), now);
        assert_eq!(timetable.company(0), None, "nobody knows yet");
        assert!(timetable.polled(0, 3));
        assert_eq!(timetable.company(0), Some(2));
        assert!(!timetable.polled(0, 2_000));
        assert_eq!(timetable.company(0), None);
        timetable.polled(0, 0);
        timetable.pause(0, Duration::from_secs(30));
        assert_eq!(timetable.company(0), None);
        assert!(!timetable.may_try(0));
    }
}
