//! What a poll's own query cannot tell about deletions: getDeleted beside it, and records that were kept out and may
//! come in now.
//!
//! getDeleted also names records that were purged from the recycle bin before a poll could see them there. It is
//! asked rarely, from a checkpoint of its own, and believed only after a look: what it names is looked for by its id,
//! and goes by the same road as what a poll finds deleted. Where it cannot answer, a sweep is asked for.

mod readmit;
mod span;

use crate::mapping::Mapping;
use crate::model::SalesforceId;
use crate::postgres::{
    self, Applied, Cause, Checkpoint, Database, Departed, Lease, Removal, needs_sweep,
};
use crate::runtime::Retry;
use crate::salesforce::{self, Client, Deletions, Shape};
use crate::sync::Error;
use chrono::{DateTime, Utc};
use span::{Start, narrower, start_of, until};

/// Ids that are looked for together.
const BATCH: usize = 2_000;

/// Asks for deletions, and brings in what was kept out.
#[derive(Clone, Debug)]
pub struct Deletes {
    db: Database,
    client: Client,
}

impl Deletes {
    /// Between this database and this org.
    #[must_use]
    pub fn new(db: Database, client: Client) -> Self {
        Self { db, client }
    }

    /// Asks getDeleted what was deleted since it was last asked, if that is long enough ago, and removes the rows of
    /// those that are really gone.
    ///
    /// Does nothing before the first load, and for objects that getDeleted does not cover. Safe to repeat and to
    /// interrupt anywhere.
    ///
    /// # Errors
    /// When either side fails for now, the lease was lost, or the mass-delete guard holds the deletions back; they are
    /// asked for again then.
    pub async fn run_if_due(&self, lease: &Lease, mapping: &Mapping) -> Result<Applied, Error> {
        let none = Applied::default();
        if !mapping.is_replicateable || !mapping.direction.pulls() {
            return Ok(none);
        }
        let asked = postgres::deletions_asked(&self.db, &mapping.object).await?;
        let (Some(watermark), true) = (asked.watermark, asked.is_due) else { return Ok(none) };
        let before = self.client.calls_made();
        let outcome = self.ask(lease, mapping, asked.covered, watermark).await;
        let calls = self.client.calls_made().saturating_sub(before);
        crate::sync::count_calls(&self.db, &mapping.object, "deletions", calls).await;
        outcome
    }

    async fn ask(
        &self,
        lease: &Lease,
        mapping: &Mapping,
        covered: Option<DateTime<Utc>>,
        watermark: DateTime<Utc>,
    ) -> Result<Applied, Error> {
        let now = self.client.server_time().await?;
        let mut applied = Applied::default();
        let mut from = match start_of(covered, watermark, now) {
            Start::At(from) => from,
            Start::After(from) => {
                self.want_sweep(mapping, "deletions were not asked for in 15 days").await?;
                from
            }
        };
        let mut longest = span::LONGEST;
        while let Some(end) = until(from, now, longest) {
            match self.client.deletions(&mapping.object, (from, end)).await {
                Ok(deletions) => {
                    if deletions.earliest_available > from && covered.is_some() {
                        self.want_sweep(mapping, "the log of deletions was cut short").await?;
                    }
                    let reached = deletions.latest_covered.min(end);
                    applied += self.remove(lease, mapping, deletions, reached).await?;
                    if reached <= from {
                        break;
                    }
                    from = reached;
                }
                Err(error) if code_of(&error) == "EXCEEDED_ID_LIMIT" => {
                    if let Some(shorter) = narrower(end - from) {
                        longest = shorter;
                        continue;
                    }
                    self.want_sweep(mapping, "more deletions than can be asked for").await?;
                    from = end;
                }
                Err(error) if !error.concerns_all() && error.retry() != Retry::Soon => {
                    // Asking is an addition to polling: what it cannot tell, a sweep finds.
                    tracing::warn!(mapping = %mapping.object, %error, "deletions cannot be asked for");
                    self.want_sweep(mapping, &format!("getDeleted failed: {}", code_of(&error)))
                        .await?;
                    from = now;
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.save(lease, mapping, from).await?;
        Ok(applied)
    }

    async fn save(
        &self,
        lease: &Lease,
        mapping: &Mapping,
        reached: DateTime<Utc>,
    ) -> Result<(), Error> {
        let checkpoint = Checkpoint::Deletions(reached);
        Ok(postgres::save(&self.db, lease, &mapping.object, checkpoint).await?)
    }

    async fn want_sweep(&self, mapping: &Mapping, reason: &str) -> Result<(), Error> {
        Ok(needs_sweep(&self.db, &mapping.object, reason).await?)
    }

    /// Removes the rows of those records that are really gone, together with the checkpoint.
    async fn remove(
        &self,
        lease: &Lease,
        mapping: &Mapping,
        deletions: Deletions,
        reached: DateTime<Utc>,
    ) -> Result<Applied, Error> {
        let read_started = self.db.now().await?;
        let mut applied = Applied::default();
        let mut batches = deletions.records.chunks(BATCH).peekable();
        while let Some(batch) = batches.next() {
            let departed = self.gone_among(mapping, batch).await?;
            let more = batches.peek().is_some();
            if departed.is_empty() && more {
                continue;
            }
            let checkpoint = (!more).then_some(Checkpoint::Deletions(reached));
            let cause = Cause::Missing;
            let removal = Removal { mapping, read_started, cause, checkpoint, more };
            applied += postgres::remove(&self.db, lease, removal, &departed).await?;
        }
        Ok(applied)
    }

    /// Those of the records that have a row here and are not in Salesforce.
    async fn gone_among(
        &self,
        mapping: &Mapping,
        batch: &[(SalesforceId, DateTime<Utc>)],
    ) -> Result<Vec<Departed>, Error> {
        let ids: Vec<String> = batch.iter().map(|(id, _)| id.to_string()).collect();
        let here = postgres::find_parents(&self.db, &mapping.table, "sfid", &ids).await?;
        let ids: Vec<SalesforceId> = here.into_iter().filter_map(|(_, _, id)| id).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.client.retrieve(&mapping.object, &ids, &Shape::of_ids()).await?;
        let gone: Vec<SalesforceId> = ids
            .into_iter()
            .zip(found)
            .filter(|(_, found)| found.is_none())
            .map(|(id, _)| id)
            .collect();
        let masters = if mapping.has_master_record_id && !gone.is_empty() {
            self.client.merged_into(&mapping.object, &gone).await?
        } else {
            std::collections::HashMap::new()
        };
        let at = |id: &SalesforceId| batch.iter().find(|(known, _)| known == id).map(|(_, at)| *at);
        let departed = gone.into_iter().map(|id| Departed {
            system_modstamp: at(&id),
            master_record_id: masters.get(&id).cloned(),
            id,
        });
        Ok(departed.collect())
    }
}

fn code_of(error: &salesforce::Error) -> &str {
    error.refusal().map_or("", |refusal| refusal.code.as_str())
}
