//! Repairing what a sweep found: records are fetched by id and applied as a poll would apply them.

use super::read::ids_at_once;
use super::{Repaired, SweepOptions, Sweeper};
use crate::mapping::{Deletes, LeaveRule, Mapping};
use crate::model::SalesforceId;
use crate::postgres::{self, Applied, Cause, Departed, FindingKind, Lease, Page, Removal};
use crate::sync::Error;
use chrono::{DateTime, Utc};
use futures_util::stream;
use std::collections::HashSet;
use std::convert::Infallible;

/// The default guard against mass deletion: this many rows, or one in so many of the table.
const DELETES_ALWAYS_ALLOWED: u64 = 100;
const DELETES_ALLOWED_ONE_IN: u64 = 200;

/// The findings that are put right by applying the record.
const BY_APPLYING: [&str; 3] = ["missing", "stale", "differing"];
const GONE: &str = "gone";

impl Sweeper {
    /// Puts right what the sweep under way found. What is done is settled batch by batch, so that an interrupted
    /// repair goes on where it stopped.
    pub(super) async fn repair(
        &self,
        lease: &Lease,
        mapping: &Mapping,
        options: SweepOptions,
        started_at: DateTime<Utc>,
    ) -> Result<Repaired, Error> {
        let mut repaired = Repaired::default();
        let batch = Batch { sweeper: self, lease, mapping, started_at };
        let mut after = None;
        loop {
            let found = batch.next(&BY_APPLYING, after.as_deref()).await?;
            if found.last.is_none() {
                break;
            }
            after = found.last;
            let there = batch.apply(&found.ids, &mut repaired).await?;
            repaired.settled += (found.ids.len() - there.len()) as u64;
            postgres::settle_findings(&self.db, lease, &mapping.object, &found.ids, &[]).await?;
        }
        let allowed = self.allowed(mapping, options).await?;
        self.ask_for_extras(&batch, &mut repaired, allowed).await?;
        let gone = postgres::count_gone(&self.db, &mapping.object).await?;
        if gone > allowed {
            repaired.held = Some((gone, allowed));
        } else {
            self.remove_gone(&batch, gone, &mut repaired).await?;
        }
        postgres::hold_back(&self.db, lease, &mapping.object, repaired.held).await?;
        Ok(repaired)
    }

    /// Asks for the records of rows that were in no scan by their ids. Ends early once more are gone than may go.
    async fn ask_for_extras(
        &self,
        batch: &Batch<'_>,
        repaired: &mut Repaired,
        allowed: u64,
    ) -> Result<(), Error> {
        let mapping = batch.mapping;
        let mut after = None;
        loop {
            let gone = postgres::count_gone(&self.db, &mapping.object).await?;
            let found = batch.next(&[FindingKind::Extra.as_str()], after.as_deref()).await?;
            if found.last.is_none() || gone > allowed {
                return Ok(());
            }
            after = found.last;
            let there = batch.ask(&found.ids, repaired).await?;
            let (settled, gone): (Vec<_>, Vec<_>) =
                found.ids.into_iter().partition(|id| there.contains(id));
            repaired.settled += settled.len() as u64;
            postgres::settle_findings(&self.db, batch.lease, &mapping.object, &settled, &gone)
                .await?;
        }
    }

    /// Removes rows whose records are gone for certain. Their ids are remembered, in case the records come back.
    ///
    /// Each is asked for once more: since it was found gone all the others were counted, or a repair was interrupted for
    /// days, and it may have been restored, and polled, meanwhile.
    async fn remove_gone(
        &self,
        batch: &Batch<'_>,
        count: u64,
        repaired: &mut Repaired,
    ) -> Result<(), Error> {
        let mapping = batch.mapping;
        // The guard has judged all of them together; it is not to judge each batch by itself.
        let deletes = Deletes { hold_above: Some(count), ..mapping.deletes };
        let allowing = Mapping { deletes, ..mapping.clone() };
        let mut after = None;
        loop {
            let found = batch.next(&[GONE], after.as_deref()).await?;
            if found.last.is_none() {
                return Ok(());
            }
            after = found.last;
            let read_started = self.db.now().await?;
            let there = batch.ask(&found.ids, repaired).await?;
            repaired.settled += there.len() as u64;
            let gone = found.ids.iter().filter(|id| !there.contains(id)).cloned().map(departed);
            let gone: Vec<Departed> = gone.collect();
            let removal = Removal {
                mapping: &allowing,
                read_started,
                cause: Cause::Missing,
                checkpoint: None,
                more: false,
            };
            repaired.removed +=
                postgres::remove(&self.db, batch.lease, removal, &gone).await?.deleted;
            let (db, lease) = (&self.db, batch.lease);
            postgres::settle_findings(db, lease, &mapping.object, &found.ids, &[]).await?;
        }
    }

    /// How many rows this sweep may remove.
    async fn allowed(&self, mapping: &Mapping, options: SweepOptions) -> Result<u64, Error> {
        if let Some(limit) = options.allow_deletes.or(mapping.deletes.hold_above) {
            return Ok(limit);
        }
        let rows = postgres::count_rows(&self.db, &mapping.table).await?;
        Ok((rows / DELETES_ALLOWED_ONE_IN).max(DELETES_ALWAYS_ALLOWED))
    }
}

/// A record that was looked for by its id and is not there.
fn departed(id: SalesforceId) -> Departed {
    Departed { id, system_modstamp: None, master_record_id: None }
}

/// What every batch of a repair shares.
struct Batch<'a> {
    sweeper: &'a Sweeper,
    lease: &'a Lease,
    mapping: &'a Mapping,
    started_at: DateTime<Utc>,
}

impl Batch<'_> {
    async fn next(&self, kinds: &[&str], after: Option<&str>) -> Result<postgres::Findings, Error> {
        let limit = i64::try_from(ids_at_once(self.mapping)).unwrap_or(i64::MAX);
        let db = &self.sweeper.db;
        Ok(postgres::findings(db, &self.mapping.object, kinds, after, limit).await?)
    }

    /// Asks by id for the records of rows that were in no scan, and applies those that are there. Answers which rows
    /// stay, those that the mapping keeps outside its filter among them.
    async fn ask(
        &self,
        ids: &[SalesforceId],
        repaired: &mut Repaired,
    ) -> Result<HashSet<SalesforceId>, Error> {
        let mut there = self.apply(ids, repaired).await?;
        if self.mapping.filter.as_ref().is_some_and(|filter| filter.leave == LeaveRule::Keep) {
            there.extend(self.sweeper.existing(self.mapping, ids).await?);
        }
        Ok(there)
    }

    /// Fetches the records and applies those that are there. Answers which are.
    async fn apply(
        &self,
        ids: &[SalesforceId],
        repaired: &mut Repaired,
    ) -> Result<HashSet<SalesforceId>, Error> {
        let Self { sweeper, lease, mapping, .. } = *self;
        let read_started = sweeper.db.now().await?;
        let records = sweeper.fetch(mapping, ids).await?;
        let there: HashSet<SalesforceId> = records.iter().map(|record| record.id.clone()).collect();
        let stamps: Vec<(SalesforceId, DateTime<Utc>)> = records
            .iter()
            .filter_map(|record| Some((record.id.clone(), record.system_modstamp?)))
            .collect();
        let late = (stamps.as_slice(), self.started_at);
        postgres::forget_late_stamps(&sweeper.db, lease, mapping, late).await?;
        let page = Page { mapping, read_started, checkpoint: None, more: false };
        let rows = stream::iter(records.into_iter().map(Ok::<_, Infallible>));
        let Applied { inserted, updated, deferred, .. } =
            postgres::apply(&sweeper.db, lease, page, rows).await?;
        repaired.inserted += inserted;
        repaired.updated += updated;
        repaired.settled += deferred;
        Ok(there)
    }
}
