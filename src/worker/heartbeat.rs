//! Leaves a mark in the database every few seconds, by which the worker would know an older state of it.

use super::pace::pause;
use crate::postgres::{self, Database, Error};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Time between two marks: how young a restored state can be without being told from the latest one, as long as no
/// connection broke.
const BEAT_EVERY: Duration = Duration::from_secs(5);

/// Beats until `stop`. Answers why when the database is not what it was: then this worker must start anew.
pub(super) async fn run(db: Database, stop: CancellationToken) -> Option<String> {
    loop {
        match postgres::beat(&db).await {
            Ok(None) => {}
            Ok(Some(reason)) | Err(Error::WentBack(reason)) => return Some(reason),
            Err(Error::Missing(what)) => {
                return Some(format!("what the worker keeps in the database is gone: {what}"));
            }
            Err(error) => {
                tracing::warn!(%error, "the database cannot be looked at, trying again");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return None,
            () = pause(BEAT_EVERY) => {}
        }
    }
}
