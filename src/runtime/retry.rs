//! Repeats an operation while its errors look temporary.
//!
//! The only file that knows how pauses are computed, and with which crate. Pauses grow exponentially and are
//! drawn at random between nothing and the full step ("full jitter"), so that workers which failed together
//! do not come back together. Every retry is bounded in attempts and in time.

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often and how long to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The longest possible first pause; each further step doubles it.
    pub first: Duration,
    /// No step grows beyond this.
    pub longest: Duration,
    /// Attempts in all, the first one included.
    pub attempts: u32,
    /// No pause begins that would end later than this after the first attempt began.
    pub within: Duration,
}

/// What an error says about trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Try again after the next pause.
    Again,
    /// Try again, but not before this much time has passed.
    AgainAfter(Duration),
    /// Trying again cannot help.
    GiveUp,
}

/// Runs `operation` until it succeeds, its error is final, a bound of `policy` is reached, or `stop` is
/// cancelled during a pause. An attempt in progress is never interrupted.
///
/// # Errors
/// The error of the last attempt.
pub async fn retry<T, E, O, F>(
    policy: RetryPolicy,
    stop: &CancellationToken,
    verdict: impl Fn(&E) -> Verdict,
    operation: O,
) -> Result<T, E>
where
    O: FnMut() -> F,
    F: Future<Output = Result<T, E>>,
{
    retry_if_paid(policy, stop, verdict, || true, operation).await
}

/// As [`retry`], where each repetition that the policy allows has to be paid for as well: `pay` is asked once before it,
/// and never for one that is not made.
///
/// # Errors
/// The error of the last attempt.
pub async fn retry_if_paid<T, E, O, F>(
    policy: RetryPolicy,
    stop: &CancellationToken,
    verdict: impl Fn(&E) -> Verdict,
    pay: impl Fn() -> bool,
    mut operation: O,
) -> Result<T, E>
where
    O: FnMut() -> F,
    F: Future<Output = Result<T, E>>,
{
    let started = Instant::now();
    let mut steps = steps(policy);
    let mut attempt = 1;
    loop {
        let error = match operation().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let growing = steps.next_backoff().unwrap_or(policy.longest);
        let pause = match verdict(&error) {
            Verdict::GiveUp => return Err(error),
            Verdict::Again => growing,
            Verdict::AgainAfter(least) => growing.max(least),
        };
        let is_allowed = attempt < policy.attempts && started.elapsed() + pause <= policy.within;
        if !is_allowed || !pay() {
            return Err(error);
        }
        attempt += 1;
        if was_cancelled_during(pause, stop).await {
            return Err(error);
        }
    }
}

/// The crate draws from the middle of a step ± its factor: with a factor of 1 and half the wanted steps, it
/// draws from nothing to the whole step. Its own clock is not used, since tests cannot move it.
fn steps(policy: RetryPolicy) -> ExponentialBackoff {
    ExponentialBackoff {
        current_interval: policy.first / 2,
        initial_interval: policy.first / 2,
        randomization_factor: 1.0,
        multiplier: 2.0,
        max_interval: policy.longest / 2,
        max_elapsed_time: None,
        ..ExponentialBackoff::default()
    }
}

async fn was_cancelled_during(pause: Duration, stop: &CancellationToken) -> bool {
    tokio::time::timeout(pause, stop.cancelled()).await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::{RetryPolicy, Verdict, retry, retry_if_paid};
    use std::cell::Cell;
    use std::time::Duration;
    use tokio::time::Instant;
    use tokio_util::sync::CancellationToken;

    const POLICY: RetryPolicy = RetryPolicy {
        first: Duration::from_secs(1),
        longest: Duration::from_secs(4),
        attempts: 5,
        within: Duration::from_mins(1),
    };

    /// Fails `failures` times, then succeeds; answers the attempts made and the virtual time they took.
    async fn attempts(
        policy: RetryPolicy,
        failures: u32,
        verdict: Verdict,
    ) -> (Result<u32, u32>, Duration) {
        let started = Instant::now();
        let made = Cell::new(0);
        let outcome = retry(
            policy,
            &CancellationToken::new(),
            |_| verdict,
            || {
                made.set(made.get() + 1);
                let made = made.get();
                async move { if made > failures { Ok(made) } else { Err(made) } }
            },
        )
        .await;
        (outcome, started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_passing_failure_is_survived() {
        let (outcome, took) = attempts(POLICY, 3, Verdict::Again).await;
        assert_eq!(outcome, Ok(4));
        assert!(
            took <= Duration::from_millis(7_100),
            "steps of 1, 2 and 4 s at most, was {took:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_are_bounded() {
        assert_eq!(attempts(POLICY, 99, Verdict::Again).await.0, Err(5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_repetition_that_is_never_made_is_not_paid_for() {
        let paid = Cell::new(0);
        let pay = |most: u32| {
            paid.set(paid.get() + 1);
            paid.get() <= most
        };
        let stop = CancellationToken::new();
        let down = || async { Err::<(), _>("down") };
        let bounded = retry_if_paid(POLICY, &stop, |_| Verdict::Again, || pay(99), down).await;
        assert_eq!((bounded, paid.take()), (Err("down"), 4), "five attempts");
        let patience = |_: &_| Verdict::AgainAfter(Duration::from_hours(1));
        let too_long = retry_if_paid(POLICY, &stop, patience, || pay(99), down).await;
        assert_eq!((too_long, paid.take()), (Err("down"), 0));
        let poor = retry_if_paid(POLICY, &stop, |_| Verdict::Again, || pay(1), down).await;
        assert_eq!((poor, paid.take()), (Err("down"), 2), "the second was refused");
    }

    #[tokio::test(start_paused = true)]
    async fn a_final_error_is_not_retried() {
        let (outcome, took) = attempts(POLICY, 99, Verdict::GiveUp).await;
        assert_eq!((outcome, took), (Err(1), Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wish_for_patience_is_granted_within_the_time_allowed() {
        let patience = Verdict::AgainAfter(Duration::from_secs(25));
        let (outcome, took) = attempts(POLICY, 99, patience).await;
        assert_eq!(outcome, Err(3), "a third pause would end after the minute");
        assert!((50..=51).contains(&took.as_secs()), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn cancelling_ends_the_pause_with_the_last_error() {
        let stop = CancellationToken::new();
        stop.cancel();
        let outcome =
            retry(POLICY, &stop, |_: &&str| Verdict::Again, || async { Err::<(), _>("down") })
                .await;
        assert_eq!(outcome, Err("down"));
    }
}
