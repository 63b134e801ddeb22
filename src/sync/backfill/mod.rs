//! Salesforce → Postgres, all of it: the first load of a mapping, or a reload.
//!
//! A load is a row of pages. Each page is applied, and the position behind it saved, in one transaction; a load
//! that is killed goes on at the page it was at. Small objects are read by REST in the order of their ids, large
//! ones by a Bulk query whose results wait in Salesforce. A reload compares values: it never empties the table,
//! never changes `id`, and writes only what differs.
//!
//! What was asked for may be a part ([`Part`]): records since a moment, or some fields. It is loaded as if the part
//! were the mapping; that a part does not show a record says nothing about it.

mod give_up;
mod part;

use crate::mapping::Mapping;
use crate::postgres::{
    self, Applied, BackfillProgress, Checkpoint, Database, Lease, Page, Part, Rows, Took,
};
use crate::salesforce::{self, BulkPage, Client, Scope, Shape};
use crate::sync::Error;
use crate::sync::pull::{BULK_PAGE_ROWS, await_result};
use chrono::TimeDelta;
use futures_util::stream;
use std::convert::Infallible;

/// Rows per REST page; the most that Salesforce answers at once.
const REST_PAGE_ROWS: usize = 2_000;

/// Where a load stands after a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Rows read so far, over all runs of this load.
    pub rows: u64,
    /// What became of the records of this step.
    pub applied: Applied,
    /// Whether the whole object has been read.
    pub finished: bool,
}

/// Loads mappings.
#[derive(Clone, Debug)]
pub struct Backfill {
    db: Database,
    client: Client,
}

impl Backfill {
    /// A loader between this database and this org.
    #[must_use]
    pub fn new(db: Database, client: Client) -> Self {
        Self { db, client }
    }

    /// How many records a load of this part of the mapping reads, for a progress bar.
    ///
    /// # Errors
    /// When Salesforce does not answer.
    pub async fn expected(&self, mapping: &Mapping, part: &Part) -> Result<u64, Error> {
        self.count(&part::narrowed(mapping, part)).await
    }

    async fn count(&self, mapping: &Mapping) -> Result<u64, Error> {
        let soql = format!("SELECT COUNT() FROM {}{}", mapping.object, condition(mapping, None));
        Ok(self.client.count_matching(&soql, Scope::Live).await?)
    }

    /// Reads and applies the next page of the mapping's load, starting one if there is none under way.
    ///
    /// # Errors
    /// When either side fails or the lease was lost. The next call goes on where the last applied page ended.
    pub async fn step(&self, lease: &Lease, mapping: &Mapping) -> Result<Step, Error> {
        let before = self.client.calls_made();
        let step = self.next_page(lease, mapping).await;
        let calls = self.client.calls_made().saturating_sub(before);
        crate::sync::count_calls(&self.db, &mapping.object, "load", calls).await;
        step
    }

    async fn next_page(&self, lease: &Lease, mapping: &Mapping) -> Result<Step, Error> {
        let progress = postgres::progress(&self.db, &mapping.object).await?;
        // All below reads and writes the part that was asked for, as if it were the mapping.
        let mapping = &*part::narrowed(mapping, &progress.part);
        let position = match progress.backfill {
            Some(position) => position,
            None => self.begin(lease, mapping).await?,
        };
        match position.job_id.clone() {
            Some(job) => self.bulk_page(lease, mapping, position, &job).await,
            None => self.rest_page(lease, mapping, position).await,
        }
    }

    /// Chooses the road by a count, and remembers the time from which polling takes over.
    async fn begin(&self, lease: &Lease, mapping: &Mapping) -> Result<BackfillProgress, Error> {
        let started_at = self.client.server_time().await? - TimeDelta::seconds(1);
        let read_started = self.db.now().await?;
        let count = self.count(mapping).await?;
        let job_id = if count > mapping.bulk.read_above {
            let shape = Shape::of(mapping);
            let condition = condition(mapping, None);
            let soql = format!("SELECT {} FROM {}{condition}", shape.select_list(), mapping.object);
            Some(self.client.start_query_job(&soql, Scope::Live).await?)
        } else {
            None
        };
        let position =
            BackfillProgress { job_id, locator: None, rows: 0, started_at, read_started };
        self.save(lease, mapping, Checkpoint::Backfill(position.clone())).await?;
        let took = Took { expected: Some(count), ..Took::default() };
        postgres::note_backfill(&self.db, lease, &mapping.object, took).await?;
        Ok(position)
    }

    async fn rest_page(
        &self,
        lease: &Lease,
        mapping: &Mapping,
        position: BackfillProgress,
    ) -> Result<Step, Error> {
        let shape = Shape::of(mapping);
        let condition = condition(mapping, position.locator.as_deref());
        let soql = format!(
            "SELECT {} FROM {}{condition} ORDER BY Id LIMIT {REST_PAGE_ROWS}",
            shape.select_list(),
            mapping.object
        );
        let read_started = self.db.now().await?;
        let mut page = self.client.query(&soql, Scope::Live, &shape).await?;
        let mut records = std::mem::take(&mut page.records);
        while let Some(next) = page.next {
            page = self.client.query_more(&next, &shape).await?;
            records.append(&mut page.records);
        }
        let finished = records.len() < REST_PAGE_ROWS;
        let rows = position.rows + records.len() as u64;
        let locator = records.last().map(|record| record.id.to_string());
        let next = BackfillProgress { locator, rows, ..position.clone() };
        let rows_read = stream::iter(records.into_iter().map(Ok::<_, Infallible>));
        let checkpoint =
            Some(if finished { Checkpoint::Loaded } else { Checkpoint::Backfill(next) });
        let page = Page { mapping, read_started, checkpoint, more: false };
        let applied = postgres::apply(&self.db, lease, page, rows_read).await?;
        Ok(Step { rows, applied, finished })
    }

    async fn bulk_page(
        &self,
        lease: &Lease,
        mapping: &Mapping,
        position: BackfillProgress,
        job: &str,
    ) -> Result<Step, Error> {
        let shape = Shape::of(mapping);
        let locator = position.locator.as_deref();
        let page = match self.open_bulk_page(mapping, job, locator, &shape).await {
            Ok(page) => page,
            Err(error @ Error::QueryJobEnded { .. }) => {
                postgres::restart_load(&self.db, lease, &mapping.object).await?;
                return Err(error);
            }
            Err(error @ Error::Salesforce(salesforce::Error::NotFound(_))) => {
                tracing::warn!(mapping = %mapping.object, %error, "the bulk job is gone, the load starts again");
                postgres::restart_load(&self.db, lease, &mapping.object).await?;
                return Ok(Step::default());
            }
            Err(error) => return Err(error),
        };
        let finished = page.next.is_none();
        let rows = position.rows + page.expected.unwrap_or_default();
        let next = BackfillProgress { locator: page.next, rows, ..position.clone() };
        let checkpoint =
            Some(if finished { Checkpoint::Loaded } else { Checkpoint::Backfill(next) });
        let read_started = position.read_started;
        let applied = postgres::apply_rows(
            &self.db,
            lease,
            Page { mapping, read_started, checkpoint, more: false },
            Rows::passing(mapping, page.rows),
        )
        .await?;
        Ok(Step { rows, applied, finished })
    }

    async fn open_bulk_page(
        &self,
        mapping: &Mapping,
        job: &str,
        locator: Option<&str>,
        shape: &Shape,
    ) -> Result<BulkPage, Error> {
        if locator.is_none() {
            await_result(&self.client, mapping, job).await?;
        }
        Ok(self.client.query_job_page(job, locator, BULK_PAGE_ROWS, shape).await?)
    }

    async fn save(
        &self,
        lease: &Lease,
        mapping: &Mapping,
        checkpoint: Checkpoint,
    ) -> Result<(), Error> {
        Ok(postgres::save(&self.db, lease, &mapping.object, checkpoint).await?)
    }
}

/// The records of the mapping: those of its filter, and those behind the id of `after`, which we read ourselves.
fn condition(mapping: &Mapping, after: Option<&str>) -> String {
    let filter = mapping.filter.as_ref().map(|filter| format!("({})", filter.condition));
    let after = after.map(|id| format!("Id > '{id}'"));
    let parts: Vec<String> = filter.into_iter().chain(after).collect();
    if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) }
}
