//! Postgres → Salesforce: claims captured changes, decides what they come to, sends it, and records the end.
//!
//! What is about to be sent is journalled and committed first. An answer that never came is therefore never
//! guessed: the changes go back with the outcome "unknown", and before they are sent again the next run reads
//! what Salesforce holds, knowing what may have been written.

mod breakers;
mod bulk;
mod chunks;
mod decide;
mod deliver;
mod locks;
mod observe;
mod order;
mod outcome;
mod parents;
mod rehearse;
mod resolve;
mod run;
mod send;
mod work;

use super::Error;
use crate::mapping::{Mapping, MappingGroup};
use crate::model::{Change, ChangeState};
use crate::postgres::{self, Database, Lease, Taking};
use crate::reconcile::{Work, coalesce, steps};
use crate::salesforce::Client;
use breakers::Breakers;
use locks::Locks;
use run::Run;
use std::collections::BTreeSet;
use tokio_util::sync::CancellationToken;

/// Trigger-log rows taken at once, if they are not too large: as many as one request can look at.
const CLAIM_MAX: i64 = 10_000;

/// So many log rows or more mean that there may be others: a claim stops early where rows are large.
const STEP: usize = 200;

/// Log rows of each table that comes along beside another one's backlog: those of one call.
const SHARE: i64 = 200;

/// Sends the changes of one mapping group.
#[derive(Clone)]
pub struct Pusher {
    db: Database,
    client: Client,
    group: MappingGroup,
    breakers: Breakers,
    locks: Locks,
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Trigger-log rows claimed.
    pub claimed: usize,
    /// Records whose changes Salesforce accepted.
    pub accepted: usize,
    /// Records parked.
    pub refused: usize,
    /// Records to be tried again later.
    pub waiting: usize,
    /// Records for which nothing had to be sent.
    pub settled: usize,
    /// Whether there may be more to claim now.
    pub more: bool,
}

impl Pusher {
    /// Prepares to push a group's mappings; those that only read are skipped.
    #[must_use]
    pub fn new(db: Database, client: Client, group: MappingGroup) -> Self {
        Self { db, client, group, breakers: Breakers::default(), locks: Locks::default() }
    }

    /// The same for a group of the same objects, mapped anew: what fails of late goes on to rest.
    #[must_use]
    pub fn remapped(&self, group: MappingGroup) -> Self {
        Self { group, ..self.clone() }
    }

    /// Settles what an earlier worker left unfinished. To be called after taking the lease, before the first run.
    ///
    /// A Bulk job that was closed is waited for, one that was not is aborted. Any other open journal entry
    /// becomes "unknown": the next run reads what came of it.
    ///
    /// What the rehearsal held back, and by what is known now would not, becomes due again.
    ///
    /// Ends early when `stop` is cancelled, and leaves the rest as it is.
    ///
    /// # Errors
    /// See [`Error`]. May be repeated.
    pub async fn resolve_open(&self, lease: &Lease, stop: &CancellationToken) -> Result<(), Error> {
        let mut run = Run::new(self, lease, stop);
        run.settle_bulk_jobs().await?;
        // The entries of a job that was not waited for are still that job's to settle.
        if !run.is_over() {
            run.release_open_entries().await?;
        }
        self.release_rehearsed(lease).await
    }

    /// Claims, decides, sends and records once. Ends early, with everything recorded, when `stop` is cancelled.
    ///
    /// Takes what the API budget allows: no updates, or nothing at all, while it is nearly spent.
    ///
    /// # Errors
    /// When Salesforce or Postgres failed as a whole, or Salesforce refuses the mapping or the connection as
    /// such. Everything answered before that is recorded; the rest stays claimed and comes with the next run.
    pub async fn run_once(&self, lease: &Lease, stop: &CancellationToken) -> Result<Pushed, Error> {
        self.run_once_except(lease, stop, &[]).await
    }

    /// As [`Pusher::run_once`], without the changes of these objects.
    ///
    /// # Errors
    /// As for [`Pusher::run_once`].
    pub async fn run_once_except(
        &self,
        lease: &Lease,
        stop: &CancellationToken,
        paused: &[String],
    ) -> Result<Pushed, Error> {
        let mut run = Run::new(self, lease, stop);
        run.settle_bulk_jobs().await?;
        if run.is_over() {
            return run.failure().map_or(Ok(run.pushed), Err);
        }
        let mut paused = paused.to_vec();
        if self.breakers.has_failures() {
            let resting = self.breakers.resting(self.db.now().await?);
            if self.group.is_ordered() && !resting.is_empty() {
                return Ok(run.pushed);
            }
            paused.extend(resting);
        }
        let tables = self.tables(&paused);
        let taking = if self.client.budget().allows(Work::Update) {
            Taking::All
        } else {
            Taking::InsertsAndDeletions
        };
        let changes = self.claim(lease, &tables, taking).await?;
        let claimed = changes.len();
        run.pushed.claimed = claimed;
        let is_ordered = self.group.is_ordered();
        let mut nets = if is_ordered { steps(changes) } else { coalesce(changes).now };
        // A parked deletion comes along with the changes of a new row that took its `id`; it stays parked.
        nets.retain(|net| net.changes.iter().any(|change| change.state != ChangeState::Failed));
        run.pushed.more =
            claimed >= STEP || (!is_ordered && nets.iter().any(|net| net.has_successor));
        if is_ordered {
            run.push_in_order(nets).await?;
        } else {
            let work = run.gather(nets).await?;
            run.push(work).await?;
        }
        if run.pushed.accepted > 0 {
            // Children of what was accepted can go on.
            run.pushed.more |= postgres::is_waited_for(&self.db, &tables).await?;
        }
        run.failure().map_or(Ok(run.pushed), Err)
    }

    /// The oldest changes of all tables. Where one table's backlog leaves the others none, some of each of them come
    /// along, so that they do not wait for its end.
    async fn claim(
        &self,
        lease: &Lease,
        tables: &[String],
        taking: Taking,
    ) -> Result<Vec<Change>, Error> {
        let lookups = self.lookups();
        let mut changes =
            postgres::claim(&self.db, lease, tables, &lookups, taking, CLAIM_MAX).await?;
        // Where the order counts, nothing overtakes.
        if changes.len() >= STEP && !self.group.is_ordered() {
            let claimed: BTreeSet<String> =
                changes.iter().map(|change| change.table.clone()).collect();
            for table in tables.iter().filter(|table| !claimed.contains(*table)) {
                let table = std::slice::from_ref(table);
                let share =
                    postgres::claim(&self.db, lease, table, &lookups, taking, SHARE).await?;
                changes.extend(share);
            }
            changes.sort_by_key(|change| change.log_id);
        }
        Ok(changes)
    }

    fn mappings(&self) -> impl Iterator<Item = &Mapping> {
        self.group.mappings.iter().filter(|mapping| mapping.direction.pushes())
    }

    fn mapping(&self, table: &str) -> Option<&Mapping> {
        self.mappings().find(|mapping| mapping.table == table)
    }

    fn tables(&self, paused: &[String]) -> Vec<String> {
        self.mappings()
            .filter(|mapping| !paused.contains(&mapping.object))
            .map(|mapping| mapping.table.clone())
            .collect()
    }

    /// The lookup columns whose parent another column may name: what they held tells where such a reference started.
    fn lookups(&self) -> Vec<String> {
        let fields = self.mappings().flat_map(|mapping| &mapping.fields);
        let named = fields.filter(|field| field.reference.is_some());
        named.map(|field| field.column.clone()).collect()
    }

    /// Counts the calls made since there had been so many.
    async fn count_calls(&self, mapping: &Mapping, before: u64) {
        let calls = self.client.calls_made().saturating_sub(before);
        super::count_calls(&self.db, &mapping.object, "push", calls).await;
    }
}
