//! The worker's own time: pauses, after failures and for a person's action.

use crate::mapping::Mapping;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Waits. The worker drives time; everything below it takes time as an argument.
#[expect(clippy::disallowed_methods, reason = "the worker is the driver that owns time")]
pub(crate) async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
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
#[derive(Clone, Copy, Debug, Default)]
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
    use super::Backoff;

    #[test]
    fn pauses_double_up_to_a_minute_and_start_over_after_success() {
        let mut backoff = Backoff::default();
        let pauses: Vec<u64> = (0..8).map(|_| backoff.failed().as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        backoff.succeeded();
        assert_eq!(backoff.failed().as_secs(), 1);
    }
}
