//! The orderly end of the process.
//!
//! SIGTERM or SIGINT cancels one token; tasks end at their next safe point, and whoever owns them waits for them as
//! long as the grace period lasts. Platforms may send SIGTERM several times, so a repetition means nothing.

use std::io;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that the first SIGTERM or SIGINT cancels. Neither ends the process by itself from now on.
///
/// # Errors
/// When the signal handlers cannot be installed.
pub fn stop_on_signals() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let cancelled = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        cancelled.cancel();
    });
    Ok(stop)
}

#[cfg(test)]
mod tests {
    use super::stop_on_signals;
    use nix::sys::signal::{Signal, raise};
    use std::time::Duration;
    use tokio::time::timeout;

    /// One test for all signals, since they reach every listener of the process.
    #[tokio::test]
    async fn a_signal_asks_for_the_end_and_its_repetition_means_nothing() {
        let stop = stop_on_signals().unwrap();
        assert!(!stop.is_cancelled());
        raise(Signal::SIGTERM).unwrap();
        timeout(Duration::from_secs(10), stop.cancelled()).await.unwrap();
        raise(Signal::SIGTERM).unwrap();
        raise(Signal::SIGINT).unwrap();
        assert!(stop.is_cancelled());
    }
}
