//! Salesforce → Postgres, all of it: the first load of a mapping, or a reload.
//!
//! A load is a row of pages. Each page is applied, and the position behind it saved, in one transaction; a load
//! that is killed goes on at the page it was at. Small objects are read by REST in the order of their ids, large
//! ones by a Bulk query whose results wait in Salesforce. A reload compares values: it never empties the table,
//! never changes `id`, and writes only what differs.
//!
//! What was asked for may be a part ([`Part`]): records since a moment, or some fields. It is loaded as if the part
//! were the mapping; that a part does not show a record says nothing about it.

mod ahead;
mod forecast;
mod give_up;
mod pages;
mod part;

use crate::mapping::Mapping;
use crate::model::RowSource;
use crate::postgres::{
    self, Applied, BackfillProgress, Checkpoint, Database, Lease, LoadState, Page, Part, Records,
    Rows, Took,
};
use crate::salesforce::{self, Client, Scope, Shape};
use crate::sync::Error;
use ahead::{Ahead, Fetched, Place};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream;
use std::convert::Infallible;

pub use forecast::Forecast;
pub use pages::Api;

/// After this many Bulk jobs in a row that came to nothing, a person has to look.
const JOBS_MAX: u32 = 3;

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
    ahead: Ahead,
}

/// A load under way.
struct Load<'a> {
    lease: &'a Lease,
    mapping: &'a Mapping,
    position: BackfillProgress,
    state: LoadState,
    /// Rows per second at most.
    rate: Option<u64>,
    /// Whether it reads all of the object.
    is_whole: bool,
}

impl Backfill {
    /// A loader between this database and this org.
    #[must_use]
    pub fn new(db: Database, client: Client) -> Self {
        Self { db, client, ahead: Ahead::default() }
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
        let state = postgres::load_state(&self.db, &mapping.object).await?;
        let is_whole = progress.part.is_whole();
        let rate = progress.rows_per_second;
        let load = Load { lease, mapping, position, state, rate, is_whole };
        if load.state.is_read {
            return self.finish(&load, load.position.rows, Applied::default()).await;
        }
        match load.position.job_id.clone() {
            Some(job) => self.bulk_page(&load, &job).await,
            None => self.rest_page(&load).await,
        }
    }

    /// Chooses the road by a count, and remembers the time from which polling takes over.
    async fn begin(&self, lease: &Lease, mapping: &Mapping) -> Result<BackfillProgress, Error> {
        let started_at = self.client.server_time().await? - TimeDelta::seconds(1);
        let read_started = self.db.now().await?;
        let count = self.count(mapping).await?;
        let job_id = if Api::of(count, mapping.bulk.read_above) == Api::Bulk {
            let shape = Shape::of(mapping);
            let condition = condition(mapping, None);
            let soql = format!("SELECT {} FROM {}{condition}", shape.select_list(), mapping.object);
            Some(self.client.start_query_job(&soql, Scope::Live).await?)
        } else {
            None
        };
        let position =
            BackfillProgress { job_id, locator: None, rows: 0, started_at, read_started };
        let sets_aside = position.job_id.is_some();
        postgres::open_load(&self.db, lease, mapping, &position, sets_aside).await?;
        let took = Took { expected: Some(count), ..Took::default() };
        postgres::note_backfill(&self.db, lease, &mapping.object, took).await?;
        Ok(position)
    }

    async fn rest_page(&self, load: &Load<'_>) -> Result<Step, Error> {
        let Load { mapping, position, .. } = load;
        let page_rows = pages::rest_rows(load.rate);
        let shape = Shape::of(mapping);
        let condition = condition(mapping, position.locator.as_deref());
        let soql = format!(
            "SELECT {} FROM {}{condition} ORDER BY Id LIMIT {page_rows}",
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
        let count = records.len() as u64;
        let end = (count == page_rows).then(|| records.last()).flatten();
        let locator = end.map(|record| record.id.to_string());
        let records = Records(stream::iter(records.into_iter().map(Ok::<_, Infallible>)));
        let rows = Rows::received(mapping, records, usize::MAX).await?;
        self.write(load, read_started, rows, (locator, count)).await
    }

    async fn bulk_page(&self, load: &Load<'_>, job: &str) -> Result<Step, Error> {
        let Load { lease, mapping, position, .. } = load;
        let place = Place { job: job.to_owned(), locator: position.locator.clone() };
        let page = match self.ahead.page(&self.client, mapping, &place, load.rate).await {
            Ok(page) => page,
            Err(
                error @ (Error::QueryJobEnded { .. }
                | Error::Salesforce(salesforce::Error::NotFound(_))),
            ) => {
                let failed = postgres::note_failed_job(&self.db, lease, &mapping.object).await?;
                tracing::warn!(mapping = %mapping.object, %error, failed, "the bulk job came to nothing, the load starts again");
                // The next attempts are the operator's to allow.
                return if failed % JOBS_MAX == 0 { Err(error) } else { Ok(Step::default()) };
            }
            Err(error) => return Err(error),
        };
        let size = (page.rows.bytes() as u64, page.rows.count());
        let next = page.next.clone();
        let next = next.map(|locator| Place { job: job.to_owned(), locator: Some(locator) });
        self.ahead.fetch_next(&self.client, mapping, next, pages::next_rows(size, load.rate));
        let Fetched { rows, next, announced } = page;
        self.write(load, position.read_started, rows, (next, announced)).await
    }

    /// Writes a page by the fastest road that is open, with the position behind it: where the next page begins, if
    /// there is one, and how many records this one has.
    async fn write<R: RowSource>(
        &self,
        load: &Load<'_>,
        read_started: DateTime<Utc>,
        rows: Rows<R>,
        (locator, count): (Option<String>, u64),
    ) -> Result<Step, Error>
    where
        R::Error: Into<Error>,
    {
        let Load { lease, mapping, position, state, .. } = load;
        let is_last = locator.is_none();
        let rows_read = position.rows + count;
        let step = |applied| Step { rows: rows_read, applied, finished: is_last };
        let after = BackfillProgress {
            // The position of a load that is read says no more than that it is under way.
            locator: locator.or_else(|| position.locator.clone()),
            rows: rows_read,
            ..position.clone()
        };
        let checkpoint = if is_last && !state.has_end() {
            Checkpoint::Loaded
        } else {
            Checkpoint::Backfill(after)
        };
        let page = Page { mapping, read_started, checkpoint: Some(checkpoint), more: !is_last };
        let whole = if state.is_direct { rows.whole() } else { None };
        if let Some(whole) = whole {
            let ends = is_last.then_some(position.started_at);
            let loaded = postgres::load_direct(&self.db, lease, &page, &whole, ends).await?;
            if let Some(applied) = loaded {
                return if is_last {
                    self.finish(load, rows_read, applied).await
                } else {
                    Ok(step(applied))
                };
            }
        }
        if is_last && state.has_end() {
            // The last page is read again where its load's end is cut off: merging it twice changes nothing.
            let page = Page { checkpoint: None, ..page };
            let applied = postgres::apply_rows(&self.db, lease, page, rows).await?;
            return self.finish(load, rows_read, applied).await;
        }
        let applied = postgres::apply_rows(&self.db, lease, page, rows).await?;
        if is_last {
            self.ask_for_sweep(load).await?;
        }
        Ok(step(applied))
    }

    /// What comes after the last page: indexes, statistics, and the word that the load is complete.
    async fn finish(&self, load: &Load<'_>, rows: u64, applied: Applied) -> Result<Step, Error> {
        let Load { lease, mapping, .. } = load;
        postgres::close_load(&self.db, lease, mapping, true).await?;
        self.ask_for_sweep(load).await?;
        Ok(Step { rows, applied, finished: true })
    }
}

impl Backfill {
    /// After a reload there may be rows whose records are gone, which reading what is there does not show.
    async fn ask_for_sweep(&self, load: &Load<'_>) -> Result<(), Error> {
        if load.is_whole && !load.state.is_direct {
            let reason = "a table with rows was loaded again";
            postgres::needs_sweep(&self.db, &load.mapping.object, reason).await?;
        }
        Ok(())
    }
}

/// The records of the mapping: those of its filter, and those behind the id of `after`, which we read ourselves.
fn condition(mapping: &Mapping, after: Option<&str>) -> String {
    let filter = mapping.filter.as_ref().map(|filter| format!("({})", filter.condition));
    let after = after.map(|id| format!("Id > '{id}'"));
    let parts: Vec<String> = filter.into_iter().chain(after).collect();
    if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) }
}
