//! A circuit breaker: what keeps failing is left alone for a while, then tried once. Pure: time is an argument.

use std::time::Duration;

/// Failures in a row that are taken for chance.
const TOLERATED: u32 = 2;
/// The first rest; each further failure doubles it.
const FIRST: Duration = Duration::from_secs(5);
/// A look a minute costs little, and what fails half of the time is not kept waiting for long.
const LONGEST: Duration = Duration::from_mins(1);

/// Whether something that failed may be tried. Moments are those of whatever clock the caller goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    /// Failures since the last success.
    failures: u32,
    rests_until: Duration,
}

impl Breaker {
    /// Whether it may be tried at `now`.
    #[must_use]
    pub fn allows(&self, now: Duration) -> bool {
        self.failures <= TOLERATED || self.rests_until <= now
    }

    /// It failed at `now`. Answers how long it rests, where it does.
    pub fn failed(&mut self, now: Duration) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        let doublings = self.failures.checked_sub(TOLERATED + 1)?;
        let rest = FIRST.saturating_mul(1 << doublings.min(10)).min(LONGEST);
        self.rests_until = now.saturating_add(rest);
        Some(rest)
    }

    /// It went well: all is forgotten.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::Breaker;
    use std::time::Duration;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_fails_three_times_in_a_row_rests_longer_and_longer_and_is_tried_in_between() {
        let mut breaker = Breaker::default();
        #[rustfmt::skip]
        let table = [
            // fails at, rests for, not allowed at, allowed at
            (100, None,      None,      100),
            (101, None,      None,      101),
            (102, Some(5),   Some(106), 107),
            (107, Some(10),  Some(116), 117),
            (117, Some(20),  Some(136), 137),
            (137, Some(40),  Some(176), 177),
            (177, Some(60),  Some(236), 237),
            (237, Some(60),  Some(296), 297),
        ];
        for (now, rest, refused, allowed) in table {
            assert_eq!(breaker.failed(at(now)), rest.map(at), "{now}");
            assert!(refused.is_none_or(|refused| !breaker.allows(at(refused))), "{now}");
            assert!(breaker.allows(at(allowed)), "{now}");
        }
    }

    #[test]
    fn a_success_makes_good_all_failures_before_it() {
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            breaker.failed(at(0));
        }
        breaker.succeeded();
        assert!(breaker.allows(at(0)));
        assert_eq!(breaker.failed(at(0)), None);
    }
}
