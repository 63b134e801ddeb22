//! Waiting for something to become true: the one place of the tests that lets time pass.

use std::time::{Duration, Instant};

/// The pause between two looks: short beside any round trip that a test waits for.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks again and again until `condition` answers something, and hands that back.
///
/// # Panics
///
/// When `deadline` has passed without an answer; `what` says in the message what never happened.
pub(crate) async fn wait_for<T>(
    what: &str,
    deadline: Duration,
    mut condition: impl AsyncFnMut() -> Option<T>,
) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = condition().await {
            return answer;
        }
        assert!(started.elapsed() < deadline, "after {deadline:?} still waiting: {what}");
        #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
        tokio::time::sleep(PAUSE).await;
    }
}

/// Looks again and again until `condition` holds.
///
/// # Panics
///
/// When `deadline` has passed before it did; `what` says in the message what never happened.
pub(crate) async fn wait_until(
    what: &str,
    deadline: Duration,
    mut condition: impl AsyncFnMut() -> bool,
) {
    wait_for(what, deadline, async || condition().await.then_some(())).await;
}

#[tokio::test]
async fn waiting_ends_with_the_first_answer() {
    let mut looks = 0;
    let answer = wait_for("three looks", Duration::from_secs(5), async || {
        looks += 1;
        (looks == 3).then_some(looks)
    })
    .await;
    assert_eq!(answer, 3);
}

#[tokio::test]
#[should_panic(expected = "still waiting: a wonder")]
async fn waiting_names_what_never_happened() {
    wait_until("a wonder", Duration::ZERO, async || false).await;
}
