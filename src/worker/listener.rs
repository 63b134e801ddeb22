//! Wakes the groups when the application's transaction has captured changes.
//!
//! A notification only saves waiting: every group also looks by itself, so a lost one costs latency, not data.

use crate::postgres::{Bells, Database, Listener};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

const RECONNECT_PAUSE: Duration = Duration::from_secs(5);

/// Listens until `stop`, connecting anew whenever the connection is lost.
///
/// `bells` has those of the present connection, and none while there is no connection.
pub(super) async fn run(
    db: Database,
    wakes: Vec<Arc<Notify>>,
    bells: watch::Sender<Option<Bells>>,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        match db.listen().await {
            Ok(listener) => {
                bells.send_replace(Some(listener.bells()));
                let ended = relay(listener, &wakes, &stop).await;
                bells.send_replace(None);
                if let Some(error) = ended {
                    tracing::warn!(%error, "the listening connection was lost, connecting again");
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot listen for changes, looking every few seconds instead");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = super::pace::pause(RECONNECT_PAUSE) => {}
        }
    }
}

/// Passes notifications on until `stop` (`None`) or until the connection fails.
async fn relay(
    mut listener: Listener,
    wakes: &[Arc<Notify>],
    stop: &CancellationToken,
) -> Option<crate::postgres::Error> {
    loop {
        tokio::select! {
            () = stop.cancelled() => return None,
            heard = listener.changed() => match heard {
                Ok(()) => wakes.iter().for_each(|wake| wake.notify_one()),
                Err(error) => return Some(error),
            }
        }
    }
}
