//! What has to be done now and then: calls and the API budget noted, old history forgotten, long snapshots told.
//!
//! The budget follows the header of every answer by itself. Here it is told what the header cannot say: what all
//! workers counted, and what the org's list of limits says while the header says nothing, or while nothing is asked.

use super::Config;
use super::snapshots::Snapshots;
use crate::postgres::{self, Database};
use crate::reconcile::Level;
use crate::salesforce::Client;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often it is looked whether the level of the budget has changed. Costs nothing when it has not.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often usage is noted. It comes with every answer, so noting it costs no request.
const USAGE_EVERY: Duration = Duration::from_secs(30);

/// What the end may take beyond the grace period.
const CLOSING: Duration = Duration::from_secs(2);

/// How often old history is forgotten.
const PRUNE_EVERY: Duration = Duration::from_hours(1);

/// Rows of each kind that are forgotten at once. What is left is forgotten at the next looks, a second apart, so that
/// neither locks nor the log of the server's writes see more than a moment's worth.
const PRUNED_AT_ONCE: i64 = 5_000;

/// How often it is looked for snapshots that are held for long.
const SNAPSHOTS_EVERY: Duration = Duration::from_secs(30);

/// Keeps house until `stop`.
pub(super) async fn run(db: Database, client: Client, config: Config, stop: CancellationToken) {
    let mut house = House {
        snapshots: Snapshots::new(db.clone(), config.long_snapshot),
        db,
        client,
        level: None,
        noted: None,
        asked: None,
        pruned: None,
        looked: None,
        forgotten: 0,
    };
    let mut ticks = tokio::time::interval(LOOK_EVERY.min(config.limits_every));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = house.keep(&config).await {
            tracing::warn!(%error, "housekeeping has to wait");
            house.noted = Some(Instant::now());
        }
    }
}

/// Writes down the calls that were counted last, once nobody makes any more.
pub(super) async fn close(db: &Database) {
    match tokio::time::timeout(CLOSING, postgres::flush_usage(db)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the last calls could not be counted"),
        Err(_) => tracing::warn!("the last calls could not be counted in time"),
    }
}

struct House {
    db: Database,
    client: Client,
    /// The level that was last told.
    level: Option<Level>,
    /// When what has its own pace was last done.
    noted: Option<Instant>,
    asked: Option<Instant>,
    pruned: Option<Instant>,
    looked: Option<Instant>,
    /// Rows that the pruning under way has forgotten.
    forgotten: u64,
    snapshots: Snapshots,
}

impl House {
    async fn keep(&mut self, config: &Config) -> Result<(), postgres::Error> {
        if is_over(self.noted, USAGE_EVERY) {
            self.note_usage().await?;
            self.noted = Some(Instant::now());
        }
        if self.client.budget().needs_asking() && is_over(self.asked, config.limits_every) {
            self.asked = Some(Instant::now());
            self.ask_limits().await;
        }
        self.tell_level().await?;
        if is_over(self.pruned, PRUNE_EVERY) {
            self.prune(config.keep_history).await?;
        }
        if is_over(self.looked, SNAPSHOTS_EVERY.min(config.long_snapshot)) {
            self.looked = Some(Instant::now());
            self.snapshots.look().await?;
        }
        Ok(())
    }

    /// Forgets one batch of old history. Its turn is over when none is left.
    async fn prune(&mut self, keep: Duration) -> Result<(), postgres::Error> {
        let pruned = postgres::prune(&self.db, keep, PRUNED_AT_ONCE).await?;
        self.forgotten += pruned.rows;
        if pruned.more {
            return Ok(());
        }
        self.pruned = Some(Instant::now());
        let rows = std::mem::take(&mut self.forgotten);
        if rows > 0 {
            tracing::info!(rows, older_than = %humantime::format_duration(keep), "old history forgotten");
        }
        Ok(())
    }

    async fn note_usage(&self) -> Result<(), postgres::Error> {
        postgres::flush_usage(&self.db).await?;
        let budget = self.client.budget();
        budget.note_counted(postgres::counted_usage(&self.db).await?);
        if let Some(reading) = budget.reading() {
            postgres::note_org_usage(&self.db, reading.used, reading.limit).await?;
        }
        Ok(())
    }

    /// Also the probe of a budget that Salesforce closed.
    async fn ask_limits(&self) {
        match self.client.ask_limits().await {
            Ok(limits) => {
                tracing::debug!(
                    used = limits.used,
                    limit = limits.limit,
                    "the org told its limits"
                );
            }
            Err(error) => tracing::debug!(%error, "the org's limits are not known"),
        }
    }

    async fn tell_level(&mut self) -> Result<(), postgres::Error> {
        let level = self.client.budget().level();
        if self.level == Some(level) {
            return Ok(());
        }
        let (name, held) = (level.as_str(), level.held_back());
        let is_news = postgres::note_budget(&self.db, name).await?;
        if is_news && (self.level.is_some() || level != Level::Open) {
            let reading = self.client.budget().reading();
            let used = reading.map_or(0, |reading| reading.used);
            let limit = reading.map_or(0, |reading| reading.limit);
            tracing::warn!(level = name, used, limit, "API budget: {held}");
            let message = format!("{held} ({used} of {limit} API requests used)");
            postgres::log_event(&self.db, "budget", None, &message).await?;
            postgres::note_org_usage(&self.db, used, limit).await?;
        }
        self.level = Some(level);
        Ok(())
    }
}

fn is_over(last: Option<Instant>, pace: Duration) -> bool {
    last.is_none_or(|last| last.elapsed() >= pace)
}
