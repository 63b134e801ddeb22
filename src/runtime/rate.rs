//! A limit of so many things per second, as a bucket of tokens. Pure: time is an argument.

use std::time::Duration;

/// A bucket that fills at a steady rate and holds at most one second's worth.
///
/// What is taken may be more than what is in it: the bucket is then in debt, and nothing may be taken before the debt
/// is paid. Over any time, no more is taken than the rate allows, but for one second's worth and the last portion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    per_second: f64,
    /// What may be taken; negative when in debt.
    tokens: f64,
    filled_at: Duration,
}

impl Rate {
    /// A full bucket at `now`, a moment of whatever clock the caller goes by. A rate of 0 is taken for 1.
    #[must_use]
    pub fn new(per_second: u64, now: Duration) -> Self {
        let per_second = per_second.max(1);
        #[expect(clippy::cast_precision_loss, reason = "rates are far below 2^52")]
        let per_second = per_second as f64;
        Self { per_second, tokens: per_second, filled_at: now }
    }

    /// Takes `count` at `now`, at once, and answers how long to wait before more may be taken.
    pub fn take(&mut self, count: u64, now: Duration) -> Duration {
        self.fill(now);
        #[expect(clippy::cast_precision_loss, reason = "portions are far below 2^52")]
        let count = count as f64;
        self.tokens -= count;
        self.wait(now)
    }

    /// How long to wait from `now` on before more may be taken.
    #[must_use]
    pub fn wait(&self, now: Duration) -> Duration {
        let mut filled = *self;
        filled.fill(now);
        Duration::try_from_secs_f64(-filled.tokens / self.per_second).unwrap_or(Duration::ZERO)
    }

    fn fill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.filled_at).as_secs_f64();
        self.tokens = passed.mul_add(self.per_second, self.tokens).min(self.per_second);
        self.filled_at = self.filled_at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::Rate;
    use proptest::prelude::*;
    use std::time::Duration;

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_portion_has_to_be_paid_for_before_the_next_one() {
        let mut rate = Rate::new(100, at(0));
        #[rustfmt::skip]
        let table = [
            // now, taken, wait
            (0,      50,  0),     // from the second's worth at the beginning
            (0,     150,  1_000), // 100 too many
            (500,     0,  500),   // half the debt is paid
            (1_000,   0,  0),
            (1_000, 2_000, 20_000),
            (21_000,  0,  0),
            (90_000, 100, 0),     // no more than a second's worth is saved up
            (90_000, 100, 1_000),
            (80_000,  0, 1_000),  // a clock that goes back gives nothing
        ];
        for (now, taken, wait) in table {
            assert_eq!(rate.take(taken, at(now)), at(wait), "{taken} at {now}");
        }
    }

    #[test]
    fn asking_takes_nothing() {
        let mut rate = Rate::new(10, at(0));
        rate.take(20, at(0));
        assert_eq!((rate.wait(at(0)), rate.wait(at(0))), (at(1_000), at(1_000)));
        assert_eq!(rate.wait(at(5_000)), at(0));
    }

    proptest! {
        #[test]
        fn whoever_waits_as_told_stays_within_the_rate(
            per_second in 1u64..5_000,
            portions in proptest::collection::vec((0u64..20_000, 0u64..3_000), 1..50),
        ) {
            let mut rate = Rate::new(per_second, at(0));
            let (mut now, mut taken) = (at(0), 0);
            for (portion, idle) in portions {
                // All but the portion that comes now is within the rate.
                let seconds = u64::try_from(now.as_millis()).unwrap() / 1_000 + 2;
                prop_assert!(taken <= seconds * per_second, "{taken} in {now:?}");
                taken += portion;
                now += rate.take(portion, now) + at(idle);
            }
        }
    }
}
