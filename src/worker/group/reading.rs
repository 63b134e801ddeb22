//! The reading half of a round: a step of a mapping's load where it needs one, and a poll where one is due.

use super::{GroupTask, LOOK_EVERY, Round};
use crate::mapping::Mapping;
use crate::postgres::{self, Lease, MappingState, Progress, Wish};
use crate::reconcile::Work;
use crate::sync::{Error, Opening, Pulled};
use crate::worker::combiner::Answers;
use crate::worker::timetable::Timetable;
use crate::worker::{Turn, keep_lease};
use futures_util::future::join_all;
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;

/// A poll whose first queries were answered already.
pub(super) struct Asked<'a> {
    opening: Opening<'a>,
    answers: Answers,
}

impl GroupTask {
    /// One page of the mapping's load if it needs one, and a poll if one is due.
    pub(super) async fn read(
        &self,
        lease: &Lease,
        term: &CancellationToken,
        (index, mapping, asked): (usize, &Mapping, Option<Asked<'_>>),
        timetable: &mut Timetable,
    ) -> Result<Round, Error> {
        let standing = postgres::progress(&self.db, &mapping.object).await?;
        if standing.has_hole {
            // What was not captured would be written over.
            timetable.pause(index, LOOK_EVERY);
            return Ok(Round::Quiet);
        }
        let round = Box::pin(self.load(term, mapping, &standing)).await?;
        if self.is_due(index, timetable) {
            if let Some((count, allowed)) = postgres::held_back(&self.db, &mapping.object).await? {
                return Err(Error::TooManyDeletes {
                    object: mapping.object.clone(),
                    count,
                    allowed,
                });
            }
            // A poll may be dropped at any moment: a page is applied whole or not at all.
            let poll = Box::pin(self.poll(lease, mapping, asked));
            let Some(pulled) = term.run_until_cancelled(poll).await else { return Ok(round) };
            let pulled = pulled?;
            let rows = pulled.applied.read + pulled.repeats;
            if !pulled.more && timetable.polled(index, rows) {
                self.health.set_failing(&mapping.object, false);
                postgres::set_state(&self.db, &mapping.object, MappingState::Synced, None).await?;
            }
            let applied = pulled.applied;
            if applied.inserted + applied.updated + applied.deleted + applied.deferred > 0 {
                tracing::info!(
                    mapping = %mapping.object, read = applied.read, inserted = applied.inserted,
                    updated = applied.updated, deleted = applied.deleted, deferred = applied.deferred,
                    "pulled"
                );
            }
            if pulled.more {
                return Ok(Round::More);
            }
            let tended = self.tend(lease, (index, mapping), applied.released > 0, timetable);
            term.run_until_cancelled(Box::pin(tended)).await.transpose()?;
        }
        Ok(round)
    }

    /// Whether the mapping may be read now, and so polled if it is due.
    pub(super) fn may_read(&self, index: usize, mapping: &Mapping, timetable: &Timetable) -> bool {
        timetable.may_try(index) && !self.out_of_order.contains(&mapping.object)
    }

    fn is_due(&self, index: usize, timetable: &Timetable) -> bool {
        let factor = self.budget.level().poll_factor();
        timetable.is_due(index, factor) && self.budget.allows(Work::Poll)
    }

    /// Asks the first queries of polls that are due and were quiet the last time, together with those of other groups.
    /// What is not among the answers is asked for by itself.
    pub(super) async fn ask_together(
        &self,
        term: &CancellationToken,
        timetable: &Timetable,
    ) -> BTreeMap<usize, Asked<'_>> {
        let mut openings = Vec::new();
        for (index, mapping) in self.group.mappings.iter().enumerate() {
            let Some(company) = timetable.company(index) else { continue };
            if self.is_due(index, timetable) && self.may_read(index, mapping, timetable) {
                // What is wrong here is found again, and told, when the mapping's turn comes.
                if let Ok(Some(opening)) = self.puller.open(mapping).await {
                    openings.push((index, company, opening));
                }
            }
        }
        let asking = openings.into_iter().map(|(index, company, opening)| async move {
            let answers = self.combiner.ask(opening.queries().to_vec(), company).await?;
            Some((index, Asked { opening, answers }))
        });
        let asked = term.run_until_cancelled(join_all(asking)).await.unwrap_or_default();
        asked.into_iter().flatten().collect()
    }

    async fn poll(
        &self,
        lease: &Lease,
        mapping: &Mapping,
        asked: Option<Asked<'_>>,
    ) -> Result<Pulled, Error> {
        match asked {
            Some(Asked { opening, answers }) => {
                self.puller.go_on(lease, opening, answers.pages, answers.calls).await
            }
            None => self.puller.run_once(lease, mapping).await,
        }
    }

    /// Asks for deletions that the poll cannot show, if it is time, and brings in what waited for other rows.
    /// Mappings that are not read now are left alone: what waits for them is brought in when they are read again.
    async fn tend(
        &self,
        lease: &Lease,
        (polled_index, polled): (usize, &Mapping),
        is_released: bool,
        timetable: &mut Timetable,
    ) -> Result<(), Error> {
        let applied = self.deletes.run_if_due(lease, polled).await?;
        if applied.deleted > 0 {
            tracing::info!(mapping = %polled.object, deleted = applied.deleted, "deletions asked for");
        }
        let is_released = is_released || applied.released > 0;
        for (index, mapping) in self.group.mappings.iter().enumerate() {
            let is_polled = index == polled_index;
            let is_next = is_polled || is_released && self.may_read(index, mapping, timetable);
            if !is_next {
                continue;
            }
            match self.deletes.readmit(lease, mapping).await {
                Ok(applied) if applied.inserted + applied.updated > 0 => tracing::info!(
                    mapping = %mapping.object, inserted = applied.inserted, updated = applied.updated,
                    "records came in that had waited"
                ),
                Ok(_) => {}
                Err(error) if is_polled => return Err(error),
                Err(error) => self.charge((index, mapping), error, timetable).await?,
            }
        }
        Ok(())
    }

    /// Takes a turn at the mapping's load, if it needs one and nobody else is at it.
    async fn load(
        &self,
        term: &CancellationToken,
        mapping: &Mapping,
        standing: &Progress,
    ) -> Result<Round, Error> {
        let may_run = self.budget.allows(Work::Backfill) || standing.wish != Wish::Run;
        if !standing.needs_loader() || !may_run {
            return Ok(Round::Quiet);
        }
        let name = format!("backfill:{}", mapping.object);
        let ttl = self.config.lease_ttl;
        let Some(lease) = postgres::acquire(&self.db, &name, &self.config.holder, ttl).await?
        else {
            return Ok(Round::Quiet);
        };
        let outcome = tokio::select! {
            outcome = self.loader.turn(&lease, mapping) => outcome.map(Some),
            () = term.cancelled() => Ok(None),
            () = keep_lease(&self.db, &lease, ttl) => Err(Error::Fenced { lease: name }),
        };
        postgres::release(&self.db, &lease).await?;
        let Some(turn) = outcome? else { return Ok(Round::Quiet) };
        Ok(report(mapping, &turn))
    }
}

/// Tells what came of a turn, and whether the next one may follow at once.
fn report(mapping: &Mapping, turn: &Turn) -> Round {
    let object = &mapping.object;
    match turn {
        Turn::Stepped { step, calls } => {
            tracing::info!(mapping = %object, rows = step.rows, calls, finished = step.finished, "loading");
            return Round::More;
        }
        Turn::Paused { is_news: true } => tracing::warn!(
            mapping = %object, next = %format!("lockstep backfill resume {object}"), "the load is paused by a person"
        ),
        Turn::Cancelled { is_news: true } => tracing::warn!(
            mapping = %object, next = %format!("lockstep backfill {object}"),
            "the load was cancelled by a person, its rows stay"
        ),
        Turn::Paused { .. } | Turn::Cancelled { .. } | Turn::Wait(_) | Turn::OverBudget => {}
    }
    Round::Quiet
}
