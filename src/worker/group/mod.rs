//! One mapping group's task: takes the group's lease and, while it holds it, loads, pushes and pulls in turn.
//!
//! Push and pull of one group never overlap, so a poll can never see a record half-way through being sent.
//! The lease is renewed beside the work; when it cannot be, the task stops acting before another may start.

mod idle;
mod reading;
mod sending;

use super::combiner::Combiner;
use super::pace::{Backoff, PushPauses, pause};
use super::timetable::{Slots, Timetable};
use super::watch::Watched;
use super::{Config, Health, Loader, keep_lease};
use crate::mapping::{Mapping, MappingGroup};
use crate::postgres::{self, Bells, Database, Lease, MappingState};
use crate::reconcile::Work;
use crate::runtime::Retry;
use crate::salesforce::{Budget, Client};
use crate::sync::{Deletes, Error, Puller, Pusher};
use idle::Idle;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often a group looks into the trigger log by itself, in case a notification was lost.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How often a group that another worker holds is asked for.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// How long a pause for a person's action lasts before the worker looks whether it came.
const PAUSED_FOR: Duration = Duration::from_secs(30);

/// The task of one group.
pub(super) struct GroupTask {
    db: Database,
    group: MappingGroup,
    /// Objects of which nothing is run, because they no longer fit their mappings.
    out_of_order: BTreeSet<String>,
    /// Loads that changes of the bindings have made necessary, as last heard, by object.
    loads: BTreeMap<String, u64>,
    watched: Watched,
    slots: Arc<Slots>,
    combiner: Combiner,
    pusher: Pusher,
    puller: Puller,
    deletes: Deletes,
    loader: Loader,
    budget: Budget,
    wake: Arc<Notify>,
    bells: watch::Receiver<Option<Bells>>,
    config: Config,
    health: Health,
}

/// What a group hears, and what it tells.
pub(super) struct Signals {
    /// There may be something to send.
    pub(super) wake: Arc<Notify>,
    /// What makes the triggers announce that; none while nobody listens.
    pub(super) bells: watch::Receiver<Option<Bells>>,
    /// How the mappings are to be run.
    pub(super) watched: Watched,
    /// When the mappings are polled.
    pub(super) slots: Arc<Slots>,
    /// Where the queries of polls meet those of other groups.
    pub(super) combiner: Combiner,
    /// Whether its work goes well.
    pub(super) health: Health,
}

/// What one round through the group found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Round {
    /// There is more to do at once.
    More,
    /// All is done for now.
    Quiet,
}

impl GroupTask {
    pub(super) fn new(
        db: Database,
        client: Client,
        group: MappingGroup,
        signals: Signals,
        config: Config,
    ) -> Self {
        let Signals { wake, bells, watched, slots, combiner, health } = signals;
        Self {
            puller: Puller::new(db.clone(), client.clone()),
            deletes: Deletes::new(db.clone(), client.clone()),
            budget: client.budget().clone(),
            loader: Loader::new(db.clone(), &client),
            pusher: Pusher::new(db.clone(), client, group.clone()),
            db,
            group,
            out_of_order: BTreeSet::new(),
            loads: BTreeMap::new(),
            watched,
            slots,
            combiner,
            wake,
            bells,
            config,
            health,
        }
    }

    /// Works on the group whenever it can get the lease, until `stop`.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut backoff = Backoff::default();
        while !stop.is_cancelled() {
            let to_load = self.rebind();
            let wait = match Box::pin(self.hold_lease(&stop, &mut backoff, &to_load)).await {
                Ok(()) | Err(Error::Fenced { .. }) => ASK_AGAIN,
                Err(error) => self.report(&error, backoff.failed()).await,
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = pause(wait) => {}
            }
        }
    }

    /// Takes the bindings over that hold now, between two terms: push and pull see one of them at a time. Answers the
    /// objects that have to be loaded again.
    fn rebind(&mut self) -> Vec<String> {
        let bindings = Arc::clone(&self.watched.bindings.borrow_and_update());
        let mut to_load = Vec::new();
        let was_out = std::mem::take(&mut self.out_of_order);
        for mapping in &mut self.group.mappings {
            let Some(binding) = bindings.get(&mapping.object) else { continue };
            mapping.clone_from(&binding.mapping);
            if binding.is_paused {
                self.out_of_order.insert(mapping.object.clone());
                self.health.set_failing(&mapping.object, true);
            } else if was_out.contains(&mapping.object) {
                self.health.set_failing(&mapping.object, false);
            }
            let known = self.loads.insert(mapping.object.clone(), binding.loads);
            if known.unwrap_or_default() < binding.loads {
                to_load.push(mapping.object.clone());
            }
        }
        self.pusher = self.pusher.remapped(self.group.clone());
        to_load
    }

    /// Whether other bindings wait to be taken over.
    fn has_other_bindings(&self) -> bool {
        self.watched.bindings.has_changed().unwrap_or(false)
    }

    /// Another worker has the group now: how it fares there is told there.
    fn forget_failures(&self) {
        self.health.set_failing(&self.group.name, false);
        let objects = self.group.mappings.iter().map(|mapping| &mapping.object);
        for object in objects.filter(|object| !self.out_of_order.contains(*object)) {
            self.health.set_failing(object, false);
        }
    }

    /// Says what went wrong, once, and answers how long to wait.
    async fn report(&self, error: &Error, pause: Duration) -> Duration {
        let group = &self.group.name;
        self.health.set_failing(group, true);
        if error.retry() == Retry::Never {
            for mapping in &self.group.mappings {
                self.pause(mapping, error).await;
            }
            return PAUSED_FOR;
        }
        tracing::warn!(%group, %error, retry_in_seconds = pause.as_secs(), "work on the group failed, trying again");
        pause
    }

    /// One term as the group's worker: from getting the lease to giving it back.
    async fn hold_lease(
        &self,
        stop: &CancellationToken,
        backoff: &mut Backoff,
        to_load: &[String],
    ) -> Result<(), Error> {
        let name = format!("group:{}", self.group.name);
        let ttl = self.config.lease_ttl;
        let Some(lease) = postgres::acquire(&self.db, &name, &self.config.holder, ttl).await?
        else {
            self.forget_failures();
            return Ok(());
        };
        tracing::info!(group = %self.group.name, epoch = lease.epoch, "working on the group");
        for object in to_load {
            postgres::needs_load(&self.db, &lease, object).await?;
        }
        let term = stop.child_token();
        let mut idle = Idle::of(&self.group, self.bells.clone());
        let outcome = {
            let renewal = keep_lease(&self.db, &lease, ttl);
            tokio::pin!(renewal);
            let work = self.work(&lease, &term, backoff, &mut idle);
            tokio::pin!(work);
            tokio::select! {
                outcome = &mut work => outcome,
                () = &mut renewal => {
                    tracing::warn!(group = %self.group.name, epoch = lease.epoch, "the lease was lost");
                    Ok(())
                }
            }
        };
        idle.end().await;
        if let Err(error) = postgres::release(&self.db, &lease).await {
            tracing::warn!(group = %self.group.name, %error, "the lease could not be released and runs out by itself");
        }
        outcome
    }

    async fn work(
        &self,
        lease: &Lease,
        term: &CancellationToken,
        backoff: &mut Backoff,
        idle: &mut Idle,
    ) -> Result<(), Error> {
        let mut is_resolved = false;
        let mut timetable = Timetable::starting(&self.group.mappings, &self.slots, Instant::now());
        let mut pauses = PushPauses::starting_with(&self.group.mappings);
        while !term.is_cancelled() && !self.has_other_bindings() {
            let round = if !self.budget.allows(Work::InsertOrDelete) {
                // Changes are captured on, and everything resumes by itself.
                Round::Quiet
            } else if is_resolved {
                Box::pin(self.round(lease, term, &mut timetable, &mut pauses)).await?
            } else {
                self.pusher.resolve_open(lease, term).await?;
                is_resolved = true;
                Round::More
            };
            backoff.succeeded();
            self.health.set_failing(&self.group.name, false);
            if round == Round::Quiet {
                self.wait(term, &timetable, idle).await;
            }
        }
        Ok(())
    }

    /// Sends what is due, polls what is due, and loads one page of what was never loaded.
    async fn round(
        &self,
        lease: &Lease,
        term: &CancellationToken,
        timetable: &mut Timetable,
        pauses: &mut PushPauses,
    ) -> Result<Round, Error> {
        let pushed = self.push(lease, term, pauses).await?;
        if pushed.claimed > 0 {
            tracing::info!(
                group = %self.group.name, claimed = pushed.claimed, accepted = pushed.accepted,
                refused = pushed.refused, waiting = pushed.waiting, settled = pushed.settled, "pushed"
            );
        }
        let mut round = if pushed.more { Round::More } else { Round::Quiet };
        let mut asked = self.ask_together(term, timetable).await;
        for (index, mapping) in self.group.mappings.iter().enumerate() {
            if term.is_cancelled() || !self.may_read(index, mapping, timetable) {
                continue;
            }
            let asked = asked.remove(&index);
            match Box::pin(self.read(lease, term, (index, mapping, asked), timetable)).await {
                Ok(read) => {
                    timetable.went_well(index);
                    round = if read == Round::More { Round::More } else { round };
                }
                Err(error) => self.charge((index, mapping), error, timetable).await?,
            }
        }
        Ok(round)
    }

    /// What came of reading concerns this mapping alone: it waits for a person, or rests for a while, and the others go
    /// on.
    ///
    /// # Errors
    /// The failure, where it concerns all of them.
    async fn charge(
        &self,
        (index, mapping): (usize, &Mapping),
        error: Error,
        timetable: &mut Timetable,
    ) -> Result<(), Error> {
        if error.concerns_all() {
            return Err(error);
        }
        self.health.set_failing(&mapping.object, true);
        if error.retry() == Retry::Never {
            self.pause(mapping, &error).await;
            timetable.pause(index, PAUSED_FOR);
        } else {
            let retry_in_seconds = timetable.rest(index).as_secs();
            tracing::warn!(mapping = %mapping.object, %error, retry_in_seconds, "reading the mapping failed, trying again");
        }
        Ok(())
    }

    /// Stops reading one mapping until a person acted, and says so; the group's other mappings go on.
    async fn pause(&self, mapping: &Mapping, error: &Error) {
        self.watched.suspect(&mapping.object);
        let next = error.remedy().unwrap_or_default();
        tracing::error!(mapping = %mapping.object, %error, %next, "the mapping is paused");
        let reason = format!("{error}; {next}");
        let noted =
            postgres::set_state(&self.db, &mapping.object, MappingState::Paused, Some(&reason))
                .await;
        if let Err(error) = noted {
            tracing::warn!(mapping = %mapping.object, %error, "the pause could not be noted");
        }
    }

    /// Until a change is captured, a poll is due, or it is time to look by itself. Not at all when changes have only just
    /// begun to be announced: what came before has to be looked for.
    async fn wait(&self, term: &CancellationToken, timetable: &Timetable, idle: &mut Idle) {
        let now = Instant::now();
        let factor = self.budget.level().poll_factor();
        let next = timetable.next(factor).filter(|_| self.budget.allows(Work::Poll));
        let begun = if self.budget.allows(Work::InsertOrDelete) {
            idle.begin(LOOK_EVERY).await
        } else {
            // Nothing would come of being told.
            idle.end().await;
            Some(LOOK_EVERY)
        };
        let Some(look) = begun else { return };
        let look = now + look;
        let until = next.map_or(look, |next| next.min(look));
        let mut bindings = self.watched.bindings.clone();
        tokio::select! {
            () = term.cancelled() => {}
            Ok(()) = bindings.changed() => {}
            () = self.wake.notified() => idle.end().await,
            () = tokio::time::sleep_until(until) => {}
        }
    }
}
