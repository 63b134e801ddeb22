//! Keeping a lease for as long as work goes on under it.

use crate::postgres::{self, Database, Lease};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};

/// Renews the lease a few times per lifetime; returns when it is lost or can no longer be trusted.
///
/// Trust is counted from the start of the last renewal that succeeded, by the monotonic clock, and ends a quarter
/// of the lifetime before the database would give the lease to another.
pub(crate) async fn keep_lease(db: &Database, lease: &Lease, ttl: Duration) {
    let mut ticks = tokio::time::interval(ttl / 4);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first renewal follows at once: nobody knows how long the answer to the acquisition was on its way.
    let mut trusted_until = Instant::now() + ttl * 3 / 4;
    loop {
        ticks.tick().await;
        let attempt = Instant::now();
        let renewal = postgres::renew(db, lease, ttl);
        match tokio::time::timeout_at(trusted_until, renewal).await {
            Ok(Ok(true)) => trusted_until = attempt + ttl * 3 / 4,
            Ok(Ok(false)) | Err(_) => return,
            Ok(Err(error)) => {
                tracing::warn!(%error, lease = %lease.name, "the lease could not be renewed, trying again");
                if Instant::now() >= trusted_until {
                    return;
                }
            }
        }
    }
}
