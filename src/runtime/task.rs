//! Repeats a task periodically and on demand.
//!
//! A task takes no input: each run looks at the world afresh and does whatever is due. A wake-up is therefore
//! only a shortcut in time; one that is lost or given twice changes nothing.

use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Work that is safe to repeat: each run looks at the world afresh and takes no input.
pub trait Task: Send {
    /// What one run did, for people to look at. A failure is part of it.
    type Report: Send + Sync;

    /// Does whatever is due now. Ends early, at a safe point, once `stop` is cancelled.
    fn run_once(&mut self, stop: &CancellationToken) -> impl Future<Output = Self::Report> + Send;
}

/// Runs `task` at once, then every `period` and early when `wake` is notified, until `stop` is cancelled.
///
/// A run in progress is not interrupted: it sees `stop` itself. Never two runs at a time.
pub async fn drive<T: Task>(
    mut task: T,
    period: Duration,
    wake: &Notify,
    reports: &watch::Sender<Option<T::Report>>,
    stop: &CancellationToken,
) {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
            () = wake.notified() => ticks.reset(),
        }
        let report = task.run_once(stop).await;
        reports.send_replace(Some(report));
    }
}

#[cfg(test)]
mod tests {
    use super::{Task, drive};
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::sync::{Notify, watch};
    use tokio::time::{Instant, timeout};
    use tokio_util::sync::CancellationToken;

    const HOUR: Duration = Duration::from_hours(1);

    struct Counting(u32);

    impl Task for Counting {
        type Report = u32;

        async fn run_once(&mut self, _: &CancellationToken) -> u32 {
            self.0 += 1;
            self.0
        }
    }

    struct Driven {
        wake: Arc<Notify>,
        reports: watch::Receiver<Option<u32>>,
        stop: CancellationToken,
        driver: tokio::task::JoinHandle<()>,
    }

    fn driven() -> Driven {
        let wake = Arc::new(Notify::new());
        let stop = CancellationToken::new();
        let (sender, reports) = watch::channel(None);
        let driver = tokio::spawn({
            let (wake, stop) = (Arc::clone(&wake), stop.clone());
            async move { drive(Counting(0), HOUR, &wake, &sender, &stop).await }
        });
        Driven { wake, reports, stop, driver }
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_runs_at_once_and_then_every_period() {
        let mut driven = driven();
        let started = Instant::now();
        driven.reports.wait_for(|report| *report == Some(3)).await.unwrap();
        assert_eq!(started.elapsed(), 2 * HOUR);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wake_up_does_not_wait_for_the_period() {
        let mut driven = driven();
        driven.reports.wait_for(Option::is_some).await.unwrap();
        let started = Instant::now();
        driven.wake.notify_one();
        driven.reports.wait_for(|report| *report == Some(2)).await.unwrap();
        assert!(started.elapsed() < HOUR);
    }

    #[tokio::test(start_paused = true)]
    async fn cancelling_ends_the_loop() {
        let driven = driven();
        driven.stop.cancel();
        timeout(Duration::from_secs(1), driven.driver).await.unwrap().unwrap();
    }
}
