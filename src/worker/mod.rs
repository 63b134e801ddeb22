//! The long-running worker: keeps every mapping group in step until it is told to stop.
//!
//! ```text
//! start ─ connect ─ describe ─ provision ─┬─ group task ×n: lease → load | push | pull → release
//!         (waits while time can heal)     ├─ sweeps: one mapping after the other, when its turn comes
//!                                         ├─ listener: a captured change wakes the groups
//!                                         ├─ watch: an object that has changed gives its group another binding
//!                                         ├─ guard: a trigger that is dropped or disabled is put back and told of
//!                                         ├─ housekeeping: calls and the API budget, old history, long snapshots
//!                                         ├─ heartbeat: tells when the database is an older state of itself
//!                                         └─ health: /livez, /readyz
//! ```
//!
//! Any number of workers may run against one database: each group belongs to whoever holds its lease, so a deploy
//! whose old and new process overlap hands over by lease and nothing is done twice. SIGTERM stops the claiming of
//! work at once, lets what is in flight finish, and releases the leases last.

mod combiner;
mod group;
mod guard;
mod health;
mod heartbeat;
mod housekeeping;
mod keep_lease;
mod listener;
mod load;
mod pace;
mod snapshots;
mod sweeping;
mod timetable;
mod watch;

pub use health::Health;
pub(crate) use keep_lease::keep_lease;
pub(crate) use load::{Loader, Turn};
pub(crate) use pace::pause;

use crate::mapping::{Applied, Mapping, MappingFile, Org, Rebound};
use crate::postgres::Database;
use crate::salesforce::Client;
use combiner::Combiner;
use group::{GroupTask, Signals};
use std::sync::Arc;
use std::time::Duration;
use timetable::Slots;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use watch::{Started, Watch};

/// What the worker may be told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who holds a lease, as `lockstep status` shows it: the dyno's or the host's name.
    pub holder: String,
    /// How long a lease outlives its holder.
    pub lease_ttl: Duration,
    /// How long what is in flight may take after a stop.
    pub grace: Duration,
    /// Time between two looks at whether objects in Salesforce have changed.
    pub describe_every: Duration,
    /// Time between two requests for the org's limits, while nothing else tells how much is left.
    pub limits_every: Duration,
    /// How long archived changes, journal entries, conflicts, events and counted calls are kept.
    pub keep_history: Duration,
    /// From what age something that keeps old rows from being cleared away is told of.
    pub long_snapshot: Duration,
}

/// Why a worker ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to stop.
    Told,
    /// The database turned out to be an older state or a copy of what it was; this is why.
    WentBack(String),
    /// The object of a mapping that began out of order fits it otherwise now.
    FitsOtherwise,
}

/// A worker over connections that stand.
#[derive(Debug)]
pub struct Worker {
    db: Database,
    client: Client,
    mappings: Vec<Mapping>,
    /// What the mappings were bound from; without files they stay as they are.
    files: Vec<MappingFile>,
    org: Org,
    drifted: Vec<Rebound>,
    applied: Vec<Applied>,
    config: Config,
    health: Health,
}

impl Worker {
    /// A worker for these mappings. The database is provisioned.
    #[must_use]
    pub fn new(
        db: Database,
        client: Client,
        mappings: &[Mapping],
        config: Config,
        health: Health,
    ) -> Self {
        let (files, org) = (Vec::new(), Org::default());
        let (drifted, applied) = (Vec::new(), Vec::new());
        let mappings = mappings.to_vec();
        Self { db, client, mappings, files, org, drifted, applied, config, health }
    }

    /// Follows changes of the objects in Salesforce: the mappings were bound from these files to this org.
    #[must_use]
    pub fn watching(self, files: Vec<MappingFile>, org: Org) -> Self {
        Self { files, org, ..self }
    }

    /// Starts with mappings that differ from what was applied: they are among the worker's, and those that are paused
    /// are not run. When they fit otherwise, the worker ends and is to be built anew.
    #[must_use]
    pub fn drifted(self, drifted: Vec<Rebound>, applied: Vec<Applied>) -> Self {
        Self { drifted, applied, ..self }
    }

    /// Runs until `told` to stop, then finishes what is in flight within the grace period and releases the leases.
    ///
    /// Ends by itself when it is to be built anew, on new connections.
    pub async fn run(self, told: CancellationToken) -> Ended {
        self.health.forget();
        let stop = told.child_token();
        let tasks = TaskTracker::new();
        let groups = crate::mapping::groups(&self.mappings);
        let (db, client) = (self.db.clone(), self.client.clone());
        let started = Started {
            files: self.files,
            org: self.org,
            drifted: self.drifted,
            applied: self.applied,
        };
        let fits_otherwise = CancellationToken::new();
        let (watch, watched) =
            Watch::new(db, client, started, &self.mappings, fits_otherwise.clone());
        tasks.spawn(watch.run(self.config.describe_every, stop.clone()));
        let wakes: Vec<Arc<Notify>> = groups.iter().map(|_| Arc::new(Notify::new())).collect();
        let (hung, bells) = tokio::sync::watch::channel(None);
        tasks.spawn(listener::run(self.db.clone(), wakes.clone(), hung, stop.clone()));
        tasks.spawn(housekeeping::run(
            self.db.clone(),
            self.client.clone(),
            self.config.clone(),
            stop.clone(),
        ));
        tasks.spawn(guard::run(self.db.clone(), watched.bindings.clone(), stop.clone()));
        let sweeping = sweeping::Sweeping::new(
            self.db.clone(),
            &self.client,
            watched.bindings.clone(),
            self.config.clone(),
        );
        tasks.spawn(sweeping.run(stop.clone()));
        let slots = Arc::new(Slots::of(&self.mappings, Instant::now()));
        let (combiner, sending) = Combiner::new(&self.client);
        tasks.spawn(sending.run(stop.clone()));
        for (group, wake) in groups.into_iter().zip(wakes) {
            let task = GroupTask::new(
                self.db.clone(),
                self.client.counted_apart(),
                group,
                Signals {
                    wake,
                    bells: bells.clone(),
                    watched: watched.clone(),
                    slots: Arc::clone(&slots),
                    combiner: combiner.clone(),
                    health: self.health.clone(),
                },
                self.config.clone(),
            );
            tasks.spawn(task.run(stop.clone()));
        }
        tasks.close();
        self.health.set_ready(true);
        let ended = tokio::select! {
            went_back = heartbeat::run(self.db.clone(), stop.clone()) => {
                went_back.map_or(Ended::Told, Ended::WentBack)
            }
            () = fits_otherwise.cancelled() => Ended::FitsOtherwise,
        };
        stop.cancel();
        self.health.set_ready(false);
        drain(&tasks, self.config.grace).await;
        housekeeping::close(&self.db).await;
        tracing::info!("stopped");
        ended
    }
}

/// Waits until what is in flight has ended, for the grace period at most.
async fn drain(tasks: &TaskTracker, grace: Duration) {
    tracing::info!(grace_seconds = grace.as_secs(), "stopping");
    if tokio::time::timeout(grace, tasks.wait()).await.is_err() {
        tracing::warn!(
            "the grace period ended before the work in flight did; it is resolved at the next start"
        );
    }
}
