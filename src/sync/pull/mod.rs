//! Salesforce → Postgres, little by little: reads what changed since the last poll and applies it.
//!
//! One poll is one `queryAll` for everything stamped since `watermark − overlap`, live or deleted, so a quiet
//! object costs one call. Rows seen before cost no write, because applying compares values. Time is
//! Salesforce's: the watermark comes from the `Date` header of the answer, never from a clock of ours.
//!
//! What a poll may not do: overwrite a field with an unsent change (the push decides those), or trust an answer
//! about a record that was sent to while the answer was on its way. [`postgres::apply`] sees to both.

use crate::mapping::Mapping;
use crate::postgres::{self, Applied, Checkpoint, Database, Lease, Page};
use crate::salesforce::{Client, JobKind, JobState, QueryPage, Scope, Shape};
use crate::sync::Error;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures_util::stream;
use std::convert::Infallible;

/// Rows per page of a Bulk result: large enough to make the set-based statements pay, small enough to be read
/// again after a crash without anyone noticing.
pub(super) const BULK_PAGE_ROWS: u32 = 25_000;

/// The second of the answer itself may still be being written.
const UNFINISHED_SECOND: TimeDelta = TimeDelta::seconds(1);

/// What one poll did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulled {
    /// What became of the records read.
    pub applied: Applied,
    /// Requests spent.
    pub calls: u64,
}

/// Polls mappings.
#[derive(Clone, Debug)]
pub struct Puller {
    db: Database,
    client: Client,
}

impl Puller {
    /// A puller between this database and this org.
    #[must_use]
    pub fn new(db: Database, client: Client) -> Self {
        Self { db, client }
    }

    /// Reads what changed in Salesforce since the mapping's watermark, applies it and moves the watermark.
    ///
    /// Does nothing until the first load has set a watermark. Safe to repeat and to interrupt anywhere.
    ///
    /// # Errors
    /// When either side fails, the lease was lost, or the mass-delete guard holds the page back; the watermark
    /// then stands where the last applied page left it.
    pub async fn run_once(&self, lease: &Lease, mapping: &Mapping) -> Result<Pulled, Error> {
        let progress = postgres::progress(&self.db, &mapping.object).await?;
        let Some(watermark) = progress.watermark else { return Ok(Pulled::default()) };
        let before = self.client.calls_made();
        let pulled = self.poll(lease, mapping, watermark).await;
        let calls = self.client.calls_made().saturating_sub(before);
        crate::sync::count_calls(&self.db, &mapping.object, "pull", calls).await;
        let pulled = Pulled { calls, ..pulled? };
        postgres::note_poll(&self.db, &mapping.object).await?;
        Ok(pulled)
    }

    async fn poll(
        &self,
        lease: &Lease,
        mapping: &Mapping,
        watermark: DateTime<Utc>,
    ) -> Result<Pulled, Error> {
        let shape = &Shape::of(mapping);
        let soql = &window_query(mapping, shape, watermark);
        let read_started = self.db.now().await?;
        let scope = if mapping.has_is_deleted { Scope::WithDeleted } else { Scope::Live };
        let first = self.client.query(soql, scope, shape).await?;
        let covered = first.server_time.map(|time| time - UNFINISHED_SECOND);
        let run = Run { puller: self, lease, mapping, shape, covered };
        if first.total > mapping.bulk.read_above && first.next.is_some() {
            run.by_bulk(soql, scope, read_started).await
        } else {
            run.by_pages(first, read_started).await
        }
    }
}

/// One poll under way.
struct Run<'a> {
    puller: &'a Puller,
    lease: &'a Lease,
    mapping: &'a Mapping,
    shape: &'a Shape,
    /// Everything stamped before this is in the answer.
    covered: Option<DateTime<Utc>>,
}

impl Run<'_> {
    async fn by_pages(
        &self,
        first: QueryPage,
        read_started: DateTime<Utc>,
    ) -> Result<Pulled, Error> {
        let mut pulled = Pulled::default();
        let mut page = first;
        loop {
            let watermark = if page.next.is_some() {
                page.records.last().and_then(|record| record.system_modstamp)
            } else {
                self.covered
            };
            let rows = stream::iter(page.records.into_iter().map(Ok::<_, Infallible>));
            let applied = postgres::apply(
                &self.puller.db,
                self.lease,
                Page {
                    mapping: self.mapping,
                    // Later pages may show what the query saw at its beginning.
                    read_started,
                    checkpoint: watermark.map(Checkpoint::Watermark),
                    more: page.next.is_some(),
                },
                rows,
            )
            .await?;
            pulled.applied += applied;
            let Some(next) = page.next else { return Ok(pulled) };
            page = self.puller.client.query_more(&next, self.shape).await?;
        }
    }

    async fn by_bulk(
        &self,
        soql: &str,
        scope: Scope,
        read_started: DateTime<Utc>,
    ) -> Result<Pulled, Error> {
        let client = &self.puller.client;
        let job = client.start_query_job(soql, scope).await?;
        await_result(client, self.mapping, &job).await?;
        let mut pulled = Pulled::default();
        let mut locator = None;
        loop {
            let page =
                client.query_job_page(&job, locator.as_deref(), BULK_PAGE_ROWS, self.shape).await?;
            let checkpoint = if page.next.is_none() { self.covered } else { None };
            pulled.applied += postgres::apply(
                &self.puller.db,
                self.lease,
                Page {
                    mapping: self.mapping,
                    read_started,
                    checkpoint: checkpoint.map(Checkpoint::Watermark),
                    more: page.next.is_some(),
                },
                page.records,
            )
            .await?;
            locator = page.next;
            if locator.is_none() {
                return Ok(pulled);
            }
        }
    }
}

/// Waits until a Bulk query job has its result.
///
/// # Errors
/// [`Error::QueryJobEnded`] when it failed or was aborted.
pub(super) async fn await_result(
    client: &Client,
    mapping: &Mapping,
    job: &str,
) -> Result<(), Error> {
    match client.await_job(JobKind::Query, job).await?.state {
        JobState::JobComplete => Ok(()),
        state => Err(Error::QueryJobEnded { object: mapping.object.clone(), state }),
    }
}

/// The statement that reads everything stamped since `watermark − overlap`, oldest first.
///
/// An object without `SystemModstamp` is read whole.
fn window_query(mapping: &Mapping, shape: &Shape, watermark: DateTime<Utc>) -> String {
    let select = format!("SELECT {} FROM {}", shape.select_list(), mapping.object);
    if !mapping.has_system_modstamp {
        return format!("{select} ORDER BY Id");
    }
    let overlap = TimeDelta::from_std(mapping.poll.overlap).unwrap_or(TimeDelta::hours(24));
    let since = (watermark - overlap).to_rfc3339_opts(SecondsFormat::Secs, true);
    format!("{select} WHERE SystemModstamp >= {since} ORDER BY SystemModstamp, Id")
}
