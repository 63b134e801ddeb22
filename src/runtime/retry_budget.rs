//! How many repetitions a peer in trouble is given. Pure.

/// Calls that pay for one repetition.
const CALLS_PER_REPETITION: u32 = 10;
/// Repetitions that are saved up at most, and there at the start.
const SAVED_MAX: u32 = 20;

/// Lets a tenth of all calls be repeated, and a few more in a burst: a peer that answers nothing in time is not made
/// slower by the same questions again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryBudget {
    /// In calls.
    saved: u32,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { saved: SAVED_MAX * CALLS_PER_REPETITION }
    }
}

impl RetryBudget {
    /// A call is made for the first time.
    pub fn called(&mut self) {
        self.saved = (self.saved + 1).min(SAVED_MAX * CALLS_PER_REPETITION);
    }

    /// Whether a call may be repeated; counts the repetition.
    pub fn may_repeat(&mut self) -> bool {
        match self.saved.checked_sub(CALLS_PER_REPETITION) {
            Some(left) => {
                self.saved = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RetryBudget;
    use proptest::prelude::*;

    #[test]
    fn a_burst_is_repeated_and_then_one_call_in_ten() {
        let mut budget = RetryBudget::default();
        assert_eq!((0..100).filter(|_| budget.may_repeat()).count(), 20);
        let repeated = (0..1_000).filter(|_| {
            budget.called();
            budget.may_repeat()
        });
        assert_eq!(repeated.count(), 100);
    }

    proptest! {
        #[test]
        fn repetitions_never_exceed_a_tenth_of_the_calls_and_the_burst(
            steps in proptest::collection::vec(any::<bool>(), 1..2_000),
        ) {
            let mut budget = RetryBudget::default();
            let (mut calls, mut repeated) = (0, 0);
            for is_call in steps {
                if is_call {
                    calls += 1;
                    budget.called();
                } else {
                    repeated += u32::from(budget.may_repeat());
                }
                prop_assert!(repeated <= 20 + calls / 10, "{repeated} of {calls}");
            }
        }
    }
}
