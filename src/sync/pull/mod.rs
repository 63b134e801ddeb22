//! Salesforce → Postgres, little by little: reads what changed since the last poll and applies it.
//!
//! One poll is one `queryAll` for everything stamped since `watermark − overlap`, live or deleted, so a quiet
//! object costs one call. Rows seen before cost no write, because applying compares values. Time is
//! Salesforce's: the watermark comes from the `Date` header of the answer, never from a clock of ours.
//!
//! What a poll may not do: overwrite a field with an unsent change (the push decides those), or trust an answer
//! about a record that was sent to while the answer was on its way. [`postgres::apply`] sees to both.

use crate::mapping::Mapping;
use crate::postgres::{self, Applied, Checkpoint, Database, Lease, Page, Rows};
use crate::salesforce::{self, Client, JobKind, JobState, Query, QueryPage, Scope, Shape};
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
        let Some(opening) = self.open(mapping).await? else { return Ok(Pulled::default()) };
        let before = self.client.calls_made();
        let answers = self.client.query_together(opening.queries()).await?;
        let calls = self.client.calls_made().saturating_sub(before);
        self.go_on(lease, opening, answers, calls).await
    }

    /// What the next poll of the mapping asks first; `None` while it has never been loaded.
    ///
    /// The queries of several openings, at most [`crate::salesforce::QUERIES_TOGETHER_MAX`] in all, may be asked
    /// with one request. An opening is used up soon: what it asks depends on how far the last poll came.
    ///
    /// # Errors
    /// When either side fails.
    pub async fn open<'a>(&self, mapping: &'a Mapping) -> Result<Option<Opening<'a>>, Error> {
        let progress = postgres::progress(&self.db, &mapping.object).await?;
        let Some(watermark) = progress.watermark else { return Ok(None) };
        let queries = vec![window_query(mapping, watermark)];
        let read_started = self.db.now().await?;
        Ok(Some(Opening { mapping, queries, read_started }))
    }

    /// Carries a poll out from the answers to its opening's queries, given in their order. `calls` is what was
    /// spent on them: it is counted for the mapping, together with what the rest of the poll spends.
    ///
    /// # Errors
    /// As for [`Puller::run_once`].
    pub async fn go_on(
        &self,
        lease: &Lease,
        opening: Opening<'_>,
        answers: Vec<Result<QueryPage, salesforce::Error>>,
        calls: u64,
    ) -> Result<Pulled, Error> {
        let mapping = opening.mapping;
        let before = self.client.calls_made();
        let pulled = self.poll(lease, opening, answers).await;
        let calls = calls + self.client.calls_made().saturating_sub(before);
        crate::sync::count_calls(&self.db, &mapping.object, "pull", calls).await;
        let pulled = Pulled { calls, ..pulled? };
        postgres::note_poll(&self.db, &mapping.object).await?;
        Ok(pulled)
    }

    async fn poll(
        &self,
        lease: &Lease,
        opening: Opening<'_>,
        answers: Vec<Result<QueryPage, salesforce::Error>>,
    ) -> Result<Pulled, Error> {
        let Opening { mapping, queries, read_started } = opening;
        let missing = || salesforce::Error::Malformed("an answer to a poll's query");
        let first = answers.into_iter().next().ok_or_else(missing)??;
        let query = queries.into_iter().next().ok_or_else(missing)?;
        let covered = first.server_time.map(|time| time - UNFINISHED_SECOND);
        let run = Run { puller: self, lease, mapping, shape: &query.shape, covered };
        if first.total > mapping.bulk.read_above && first.next.is_some() {
            run.by_bulk(&query.soql, query.scope, read_started).await
        } else {
            run.by_pages(first, read_started).await
        }
    }
}

/// A poll that has not asked anything yet.
#[derive(Clone, Debug)]
pub struct Opening<'a> {
    mapping: &'a Mapping,
    queries: Vec<Query>,
    /// The database's clock before they are asked.
    read_started: DateTime<Utc>,
}

impl Opening<'_> {
    /// The mapping that is polled.
    #[must_use]
    pub fn mapping(&self) -> &Mapping {
        self.mapping
    }

    /// What is asked first.
    #[must_use]
    pub fn queries(&self) -> &[Query] {
        &self.queries
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
            pulled.applied += postgres::apply_rows(
                &self.puller.db,
                self.lease,
                Page {
                    mapping: self.mapping,
                    read_started,
                    checkpoint: checkpoint.map(Checkpoint::Watermark),
                    more: page.next.is_some(),
                },
                Rows::passing(self.mapping, page.rows),
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
fn window_query(mapping: &Mapping, watermark: DateTime<Utc>) -> Query {
    let shape = Shape::of(mapping);
    let Some(stamp) = mapping.stamp.name() else {
        return Query::of(mapping, shape, &[], "ORDER BY Id");
    };
    let overlap = TimeDelta::from_std(mapping.poll.overlap).unwrap_or(TimeDelta::hours(24));
    let since = (watermark - overlap).to_rfc3339_opts(SecondsFormat::Secs, true);
    let window = [format!("{stamp} >= {since}")];
    Query::of(mapping, shape, &window, &format!("ORDER BY {stamp}, Id"))
}
