//! What has to be done now and then: old history forgotten, the org's API usage noted.

use crate::postgres::{self, Database};
use crate::salesforce::Client;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often the org's API usage is noted. It comes with every answer, so noting it costs no request.
const USAGE_EVERY: Duration = Duration::from_secs(30);

/// Rounds of noting between two rounds of forgetting: about an hour.
const ROUNDS_PER_PRUNE: u64 = 120;

/// How long archived changes, journal entries and conflicts are kept: as long as Heroku Connect keeps its archive on
/// paid plans.
const DAYS_KEPT: i32 = 30;

/// Keeps house until `stop`.
pub(super) async fn run(db: Database, client: Client, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(USAGE_EVERY);
    let mut round: u64 = 0;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = keep(&db, &client, round.is_multiple_of(ROUNDS_PER_PRUNE)).await {
            tracing::warn!(%error, "housekeeping has to wait");
        }
        round += 1;
    }
}

async fn keep(db: &Database, client: &Client, prunes: bool) -> Result<(), postgres::Error> {
    if let Some(usage) = client.usage() {
        postgres::note_org_usage(db, usage.used, usage.limit).await?;
    }
    if prunes {
        let forgotten = postgres::prune(db, DAYS_KEPT).await?;
        if forgotten > 0 {
            tracing::info!(rows = forgotten, days = DAYS_KEPT, "old history forgotten");
        }
    }
    Ok(())
}
