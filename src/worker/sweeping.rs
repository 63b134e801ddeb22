//! The worker's sweeps: one mapping after the other, beside the groups, so that no push or poll waits for one.
//!
//! A sweep has a lease of its own. It may run while its group pushes and polls: it reads what others write, judges
//! nothing that changed since it began, and applies records the way a load does.

use super::pace::pause;
use super::watch::Bindings;
use super::{Config, keep_lease};
use crate::mapping::Mapping;
use crate::postgres::{self, Database, MappingState};
use crate::reconcile::Work;
use crate::salesforce::{Budget, Client};
use crate::sync::{Error, SweepOptions, SweepReport, SweepTurn, Sweeper, sweep_turn};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often it is looked whether a sweep is due.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The pauses after a sweep that failed: doubling, from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LAST_PAUSE: Duration = Duration::from_mins(30);

/// The task that sweeps.
pub(super) struct Sweeping {
    db: Database,
    sweeper: Sweeper,
    budget: Budget,
    bindings: watch::Receiver<Bindings>,
    config: Config,
    /// Mappings whose sweep failed: how often in a row, and when it is tried again.
    failed: BTreeMap<String, (u32, Instant)>,
    /// Mappings of which it is not settled what was missed while their changes were not captured.
    holed: BTreeSet<String>,
}

impl Sweeping {
    pub(super) fn new(
        db: Database,
        client: &Client,
        bindings: watch::Receiver<Bindings>,
        config: Config,
    ) -> Self {
        Self {
            sweeper: Sweeper::new(db.clone(), client),
            budget: client.budget().clone(),
            db,
            bindings,
            config,
            failed: BTreeMap::new(),
            holed: BTreeSet::new(),
        }
    }

    /// Sweeps whatever is due, until `stop`.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.judge_holes(&stop).await {
                tracing::warn!(%error, "what was missed while changes were not captured is not known yet");
            }
            let swept = match self.next().await {
                Ok(Some(mapping)) => self.sweep(&mapping, &stop).await,
                Ok(None) => false,
                Err(error) => {
                    tracing::warn!(%error, "cannot look which sweeps are due, trying again");
                    false
                }
            };
            if !swept {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = pause(LOOK_EVERY) => {}
                }
            }
        }
    }

    /// The mappings that are read and fit their objects, as they are bound now.
    fn mappings(&self) -> Vec<Mapping> {
        let bindings = self.bindings.borrow();
        let runs = bindings.values().filter(|binding| !binding.is_paused);
        let mappings = runs.map(|binding| &binding.mapping);
        mappings.filter(|mapping| mapping.direction.pulls()).cloned().collect()
    }

    /// Settles what was missed while changes were not captured, as far as no person has to.
    async fn judge_holes(&mut self, stop: &CancellationToken) -> Result<(), Error> {
        let bindings = Arc::clone(&self.bindings.borrow());
        let mut objects: Vec<String> = bindings.keys().cloned().collect();
        objects.retain(|object| bindings.get(object).is_some_and(|binding| !binding.is_paused));
        let holes = postgres::open_holes(&self.db, &objects).await?;
        self.holed = holes.iter().map(|hole| hole.object.clone()).collect();
        for hole in holes.iter().filter(|hole| hole.missed.is_none()) {
            let Some(binding) = bindings.get(&hole.object) else { continue };
            let mapping = &binding.mapping;
            if !self.budget.allows(Work::InsertOrDelete)
                || !postgres::is_captured(&self.db, mapping).await?
            {
                continue;
            }
            let judged = stop.run_until_cancelled(Box::pin(self.sweeper.judge(mapping, hole)));
            let Some(missed) = judged.await.transpose()? else { return Ok(()) };
            if missed == 0 {
                self.holed.remove(&hole.object);
            }
        }
        Ok(())
    }

    /// The mapping whose sweep is the most urgent.
    async fn next(&self) -> Result<Option<Mapping>, postgres::Error> {
        let mut mappings = self.mappings();
        // A sweep would write over what was not captured.
        mappings.retain(|mapping| !self.holed.contains(&mapping.object));
        let objects: Vec<String> = mappings.iter().map(|mapping| mapping.object.clone()).collect();
        let now = Instant::now();
        let states = postgres::sweeps(&self.db, &objects).await?;
        let due = mappings.iter().filter_map(|mapping| {
            let waits = self.failed.get(&mapping.object).is_some_and(|(_, until)| *until > now);
            let state = states.iter().find(|state| state.object == mapping.object && !waits)?;
            Some((sweep_turn(mapping, state)?, mapping))
        });
        // What pushes wait for runs as long as pushes do.
        let due = due.filter(|(turn, _)| match turn {
            SweepTurn::First => self.budget.allows(Work::InsertOrDelete),
            _ => self.budget.allows(Work::Sweep),
        });
        Ok(due.min_by_key(|(turn, _)| *turn).map(|(_, mapping)| mapping.clone()))
    }

    /// Sweeps the mapping. False when there was nothing to do after all, since another worker is at it, or it failed.
    async fn sweep(&mut self, mapping: &Mapping, stop: &CancellationToken) -> bool {
        let object = &mapping.object;
        let outcome = tokio::select! {
            () = stop.cancelled() => return false,
            outcome = self.sweep_leased(mapping) => outcome,
        };
        match outcome {
            Ok(Some(report)) => {
                self.failed.remove(object);
                self.tell_held(mapping, &report).await;
                true
            }
            Ok(None) => {
                self.failed.insert(object.clone(), (0, Instant::now() + FIRST_PAUSE));
                false
            }
            Err(error) => {
                let times = self.failed.get(object).map_or(0, |(times, _)| *times);
                let wait = (FIRST_PAUSE * 2_u32.pow(times.min(10))).min(LAST_PAUSE);
                self.failed.insert(object.clone(), (times + 1, Instant::now() + wait));
                let next = error.remedy().unwrap_or_default();
                let retry_in_seconds = wait.as_secs();
                tracing::warn!(mapping = %object, %error, %next, retry_in_seconds, "the sweep failed, trying again");
                false
            }
        }
    }

    async fn sweep_leased(&self, mapping: &Mapping) -> Result<Option<SweepReport>, Error> {
        let name = format!("sweep:{}", mapping.object);
        let ttl = self.config.lease_ttl;
        let holder = &self.config.holder;
        let Some(lease) = postgres::acquire(&self.db, &name, holder, ttl).await? else {
            return Ok(None);
        };
        let swept = tokio::select! {
            swept = self.sweeper.run(&lease, mapping, SweepOptions::default()) => swept,
            () = keep_lease(&self.db, &lease, ttl) => Err(Error::Fenced { lease: name }),
        };
        if let Err(error) = postgres::release(&self.db, &lease).await {
            tracing::warn!(mapping = %mapping.object, %error, "the lease could not be released and runs out by itself");
        }
        swept.map(Some)
    }

    /// Says at once, and for everybody to see, that rows are held back; the group's next turn stops reading.
    async fn tell_held(&self, mapping: &Mapping, report: &SweepReport) {
        let held = report.repaired.and_then(|repaired| repaired.held);
        let Some((count, allowed)) = held else { return };
        let error = Error::TooManyDeletes { object: mapping.object.clone(), count, allowed };
        let next = error.remedy().unwrap_or_default();
        tracing::error!(mapping = %mapping.object, %error, %next, "the sweep removed nothing");
        let (object, reason) = (&mapping.object, format!("{error}; {next}"));
        let state = MappingState::Paused;
        if let Err(error) = postgres::set_state(&self.db, object, state, Some(&reason)).await {
            tracing::warn!(mapping = %mapping.object, %error, "the pause could not be noted");
        }
    }
}
