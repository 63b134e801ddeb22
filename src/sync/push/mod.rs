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
mod filling;
mod locks;
mod observe;
mod order;
mod outcome;
mod parents;
mod rehearse;
mod resolve;
mod run;
mod send;
mod settle;
mod work;

use super::Error;
use crate::mapping::{Mapping, MappingGroup};
use crate::model::{Change, ChangeState};
use crate::postgres::{self, Database, Lease, Share, Taking};
use crate::reconcile::{Work, coalesce, steps};
use crate::salesforce::Client;
use breakers::Breakers;
use locks::Locks;
use parents::Parents;
use run::Run;
use settle::Serving;
use std::collections::{BTreeMap, BTreeSet};
use tokio_util::sync::CancellationToken;
use work::record_of;

/// Trigger-log rows taken at once, if they are not too large: as many as one request can look at.
const CLAIM_MAX: i64 = 10_000;
const CLAIM_ROWS: usize = 10_000;

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

/// Changes that were claimed together.
struct Claim {
    changes: Vec<Change>,
    /// All that is due up to this log row is among them.
    reach: i32,
    /// Whether there are fewer than asked for, perhaps because they are large.
    is_cut_short: bool,
}

/// How far a claim reaches: it took the records of the oldest changes, and each came with all of its own.
fn reach(changes: &[Change]) -> i32 {
    let mut first: BTreeMap<(&str, i32), i32> = BTreeMap::new();
    for change in changes.iter().filter(|change| change.state != ChangeState::Failed) {
        let oldest = first.entry((&change.table, change.record_id)).or_insert(change.log_id);
        *oldest = change.log_id.min(*oldest);
    }
    first.into_values().max().unwrap_or_default()
}

impl Run<'_> {
    /// Sends a claim, or puts it into jobs that are being filled. Answers whether there may be more to claim.
    async fn push_claim(&mut self, claim: Claim) -> Result<bool, Error> {
        let claimed = claim.changes.len();
        self.pushed.claimed += claimed;
        self.is_cut_short = claim.is_cut_short;
        let is_ordered = self.pusher.group.is_ordered();
        let mut nets = if is_ordered { steps(claim.changes) } else { coalesce(claim.changes).now };
        // A parked deletion comes along with the changes of a new row that took its `id`; it stays parked.
        nets.retain(|net| net.changes.iter().any(|change| change.state != ChangeState::Failed));
        let more = claimed >= STEP || (!is_ordered && nets.iter().any(|net| net.has_successor));
        if is_ordered {
            self.push_in_order(nets).await?;
            return Ok(more);
        }
        if self.must_finish_before(&nets) {
            self.finish_jobs().await?;
        }
        // What was changed again since a job took it comes again once the job is through.
        let all = nets.len();
        nets.retain(|net| !self.is_carried(&record_of(net)));
        self.pushed.more |= nets.len() < all;
        // What the claims before took has its ids in the table.
        self.parents = Parents::default();
        let work = self.gather(nets).await?;
        self.push(work).await?;
        Ok(more)
    }
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
        run.paused = paused.to_vec();
        run.serving = Serving::Allowed;
        run.settle_bulk_jobs().await?;
        if run.is_over() {
            return run.failure().map_or(Ok(run.pushed), Err);
        }
        if self.breakers.has_failures() {
            let resting = self.breakers.resting(self.db.now().await?);
            if self.group.is_ordered() && !resting.is_empty() {
                return Ok(run.pushed);
            }
            run.paused.extend(resting);
        }
        let tables = self.tables(&run.paused);
        let mut after = 0;
        let more = loop {
            let claim = self.claim(lease, &tables, after).await?;
            let (claimed, reach) = (claim.changes.len(), claim.reach);
            let more = run.push_claim(claim).await?;
            // A job that is being filled takes the next claim too.
            let goes_on = run.is_filling() && !run.has_finished && !run.is_over();
            if !goes_on || claimed < STEP || reach <= after {
                break more;
            }
            after = reach;
        };
        run.finish_jobs().await?;
        run.pushed.more |= more;
        if run.pushed.accepted > 0 {
            // Children of what was accepted can go on.
            run.pushed.more |= postgres::is_waited_for(&self.db, &tables).await?;
        }
        run.failure().map_or(Ok(run.pushed), Err)
    }

    /// The oldest changes of all tables behind a log row. Where one table's backlog leaves the others none, some of each
    /// of them come along, so that they do not wait for its end.
    async fn claim(&self, lease: &Lease, tables: &[String], after: i32) -> Result<Claim, Error> {
        let may_update = self.client.budget().allows(Work::Update);
        let taking = if may_update { Taking::All } else { Taking::InsertsAndDeletions };
        let lookups = self.lookups();
        let in_order = self.group.is_ordered();
        let all = Share::of(tables, CLAIM_MAX);
        let share = Share { lookups: &lookups, taking, after, in_order, ..all };
        let mut changes = postgres::claim(&self.db, lease, &share).await?;
        let reach = reach(&changes);
        let is_cut_short = (STEP..CLAIM_ROWS).contains(&changes.len());
        // Where the order counts, nothing overtakes.
        if changes.len() >= STEP && !self.group.is_ordered() {
            let claimed: BTreeSet<String> =
                changes.iter().map(|change| change.table.clone()).collect();
            for table in tables.iter().filter(|table| !claimed.contains(*table)) {
                let share = Share { tables: std::slice::from_ref(table), limit: SHARE, ..share };
                changes.extend(postgres::claim(&self.db, lease, &share).await?);
            }
            changes.sort_by_key(|change| change.log_id);
        }
        Ok(Claim { changes, reach, is_cut_short })
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
