//! The orderly end of the process.
//!
//! SIGTERM or SIGINT cancels one token; tasks end at their next safe point, and the process waits for them as
//! long as the grace period lasts. Platforms may send SIGTERM several times, so a repetition means nothing;
//! a second Ctrl-C is a person who does not want to wait.

use std::io;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Owns the tasks of the process and the signal that ends them.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    stop: CancellationToken,
    hurry: CancellationToken,
    tasks: TaskTracker,
}

/// How the tasks ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Every task came to its end.
    Orderly,
    /// Tasks were still running when patience ran out.
    Abandoned {
        /// How many.
        tasks: usize,
    },
}

impl Shutdown {
    /// A shutdown that only [`Shutdown::begin`] starts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A shutdown that SIGTERM or SIGINT starts.
    ///
    /// # Errors
    /// When the signal handlers cannot be installed.
    pub fn on_signals() -> io::Result<Self> {
        let shutdown = Self::new();
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        tokio::spawn(shutdown.clone().listen(terminate, interrupt));
        Ok(shutdown)
    }

    /// Cancelled when tasks shall end at their next safe point.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts the end.
    pub fn begin(&self) {
        self.stop.cancel();
    }

    /// Runs a task whose end [`Shutdown::finish`] waits for.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tasks.spawn(task)
    }

    /// Waits until the end was asked for, then at most `grace` for the tasks.
    pub async fn finish(&self, grace: Duration) -> Stopped {
        self.stop.cancelled().await;
        self.tasks.close();
        let patience = async {
            tokio::select! {
                () = self.tasks.wait() => true,
                () = self.hurry.cancelled() => false,
            }
        };
        match tokio::time::timeout(grace, patience).await {
            Ok(true) => Stopped::Orderly,
            Ok(false) | Err(_) => Stopped::Abandoned { tasks: self.tasks.len() },
        }
    }

    async fn listen(self, mut terminate: Signal, mut interrupt: Signal) {
        loop {
            let is_interrupt = tokio::select! {
                _ = terminate.recv() => false,
                _ = interrupt.recv() => true,
            };
            if is_interrupt && self.stop.is_cancelled() {
                self.hurry.cancel();
                return;
            }
            self.stop.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Shutdown, Stopped};
    use nix::sys::signal::{Signal, raise};
    use std::future::pending;
    use std::time::Duration;
    use tokio::time::timeout;

    const GRACE: Duration = Duration::from_secs(25);
    const DEADLINE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn tasks_are_waited_for() {
        let shutdown = Shutdown::new();
        let stop = shutdown.token();
        shutdown.spawn(async move { stop.cancelled().await });
        shutdown.begin();
        assert_eq!(shutdown.finish(GRACE).await, Stopped::Orderly);
    }

    #[tokio::test(start_paused = true)]
    async fn patience_with_a_stuck_task_has_an_end() {
        let shutdown = Shutdown::new();
        shutdown.spawn(pending::<()>());
        shutdown.begin();
        assert_eq!(shutdown.finish(GRACE).await, Stopped::Abandoned { tasks: 1 });
    }

    /// One test for all signals, since they reach every listener of the process.
    #[tokio::test]
    async fn a_second_sigterm_means_nothing_and_a_second_interrupt_means_hurry() {
        let shutdown = Shutdown::on_signals().unwrap();
        shutdown.spawn(pending::<()>());
        raise(Signal::SIGTERM).unwrap();
        timeout(DEADLINE, shutdown.stop.cancelled()).await.unwrap();
        raise(Signal::SIGTERM).unwrap();
        raise(Signal::SIGINT).unwrap();
        let stopped = timeout(DEADLINE, shutdown.finish(GRACE)).await.unwrap();
        assert_eq!(stopped, Stopped::Abandoned { tasks: 1 });
    }
}
