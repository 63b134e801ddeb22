//! The one clock of the org, which can be moved, set, frozen and thawed, so that a test need not wait
//! for time to pass.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::org::Clock;

/// A clock that can be steered; its copies are the same clock.
#[derive(Clone)]
pub(crate) struct SteeredClock {
    clock: Clock,
    state: Arc<RwLock<State>>,
}

/// How far the org's time is from the outer one.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    shift: TimeDelta,
    frozen: Option<DateTime<Utc>>,
    skew: TimeDelta,
}

impl fmt::Debug for SteeredClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SteeredClock").field("now", &self.now()).finish_non_exhaustive()
    }
}

impl SteeredClock {
    /// A clock that shows the time of another one until it is steered.
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, state: Arc::default() }
    }

    /// The org's time.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        let state = self.state();
        state.frozen.unwrap_or_else(|| moved((self.clock)(), state.shift))
    }

    /// Moves the clock, frozen or not.
    pub(crate) fn advance(&self, by: TimeDelta) {
        let now = self.now();
        self.set(moved(now, by));
    }

    /// Sets the clock; a frozen one stays frozen.
    pub(crate) fn set(&self, to: DateTime<Utc>) {
        let real = (self.clock)();
        self.change(|state| {
            state.shift = to - real;
            state.frozen = state.frozen.map(|_| to);
        });
    }

    /// Stops the clock, or lets it go on from where it stands.
    pub(crate) fn freeze(&self, is_frozen: bool) {
        let now = self.now();
        let real = (self.clock)();
        self.change(|state| {
            state.shift = now - real;
            state.frozen = is_frozen.then_some(now);
        });
    }

    /// Whether the clock stands.
    pub(crate) fn is_frozen(&self) -> bool {
        self.state().frozen.is_some()
    }

    /// By how much the `Date` header is wrong.
    pub(crate) fn skew(&self) -> TimeDelta {
        self.state().skew
    }

    /// Sets by how much the `Date` header is wrong.
    pub(crate) fn set_skew(&self, skew: TimeDelta) {
        self.change(|state| state.skew = skew);
    }

    /// The clock as the org wants it.
    pub(crate) fn as_clock(&self) -> Clock {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }

    fn state(&self) -> State {
        *self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner));
    }
}

/// A time that was moved; one beyond the end of the calendar stays where it was.
fn moved(time: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    time.checked_add_signed(by).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn a_frozen_clock_stands_can_be_moved_and_goes_on_from_where_it_stood() {
        let real = Arc::new(AtomicI64::new(1_000));
        let told = Arc::clone(&real);
        let clock = SteeredClock::new(Arc::new(move || at(told.load(Ordering::Acquire))));

        clock.freeze(true);
        real.store(1_500, Ordering::Release);
        assert_eq!(clock.now(), at(1_000));
        clock.advance(TimeDelta::seconds(7));
        assert_eq!(clock.now(), at(1_007));
        clock.freeze(false);
        real.store(1_510, Ordering::Release);
        assert_eq!(clock.now(), at(1_017));
        clock.set(at(50));
        real.store(1_511, Ordering::Release);
        assert_eq!(clock.now(), at(51));
    }
}
