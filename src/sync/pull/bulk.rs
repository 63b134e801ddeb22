//! The road of a large window: a Bulk query job, whose result waits in Salesforce and can be read again from any page.

use super::run::{Run, is_recent};
use super::{BULK_PAGE_ROWS, await_result};
use crate::model::RemoteRecord;
use crate::postgres::{self, Checkpoint, JobPosition, Page, PollPosition};
use crate::salesforce::{self, BulkPage, Query};
use crate::sync::Error;
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use std::sync::{Mutex, PoisonError};

/// How often a page is downloaded again that did not arrive whole.
const TRIES_MAX: u32 = 3;

/// What was found in a page as it streamed by.
#[derive(Default)]
struct Found {
    digests: Vec<super::seen::Digest>,
    earliest: Option<DateTime<Utc>>,
    newest: Option<DateTime<Utc>>,
    repeats: u64,
    recent: u64,
}

impl Run<'_> {
    /// Lets a new job read what `conditions` select. Answers false where the job came to nothing: then the window is
    /// read page by page.
    pub(super) async fn by_new_job(
        &mut self,
        position: &mut PollPosition,
        conditions: &[String],
    ) -> Result<bool, Error> {
        let shape = self.reader.shape().clone();
        // Without an order Salesforce may divide the work.
        let query = Query::of(self.mapping, shape, conditions, "");
        let read_started = self.db.now().await?;
        if self.covered.is_none() {
            let now = self.reader.client.server_time().await?;
            self.covered = Some(super::window::covered(now));
        }
        let id = match self.reader.client.start_query_job(&query.soql, query.scope).await {
            Ok(id) => id,
            Err(error) if error.refusal().is_some() => {
                tracing::warn!(mapping = %self.mapping.object, %error, "salesforce refuses the bulk job, reading page by page");
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        };
        let job = JobPosition { id, locator: None, read_started };
        position.job = Some(job.clone());
        let saved = self.saved(position);
        postgres::save_poll(self.db, self.lease, &self.mapping.object, &saved).await?;
        self.by_job(position, job).await
    }

    /// Reads the rest of a job's result. Answers false, and forgets the job, where it has none.
    pub(super) async fn by_job(
        &mut self,
        position: &mut PollPosition,
        job: JobPosition,
    ) -> Result<bool, Error> {
        let mut job = job;
        let mut tries = 1;
        loop {
            let more = match self.job_page(&job).await {
                Ok(next) => next,
                Err(error) if is_lost(&error) => {
                    tracing::warn!(mapping = %self.mapping.object, %error, "the bulk job has no result, reading page by page");
                    position.job = None;
                    return Ok(false);
                }
                Err(Error::Salesforce(error)) if is_cut(&error) && tries < TRIES_MAX => {
                    tries += 1;
                    tracing::warn!(mapping = %self.mapping.object, %error, "a page did not arrive whole, reading it again");
                    continue;
                }
                Err(error) => return Err(error),
            };
            tries = 1;
            match more {
                Some(locator) => job.locator = Some(locator),
                None => return Ok(true),
            }
        }
    }

    /// Applies the page at the job's position; answers where the next one begins.
    async fn job_page(&mut self, job: &JobPosition) -> Result<Option<String>, Error> {
        let client = self.reader.client;
        if job.locator.is_none() {
            await_result(client, self.mapping, &job.id).await?;
        }
        let shape = self.reader.shape();
        let BulkPage { rows, next, .. } =
            client.query_job_page(&job.id, job.locator.as_deref(), BULK_PAGE_ROWS, shape).await?;
        let checkpoint = next.as_ref().map(|next| {
            let job = JobPosition { locator: Some(next.clone()), ..job.clone() };
            Checkpoint::Poll(
                self.saved(&PollPosition { job: Some(job), ..PollPosition::default() }),
            )
        });
        let page = Page {
            mapping: self.mapping,
            read_started: job.read_started,
            checkpoint,
            more: next.is_some(),
        };
        let found = Mutex::new(Found::default());
        let (seen, next_window) = (&self.seen, self.next_beginning());
        let news = rows.into_records().filter_map(|record| {
            if record.as_ref().is_ok_and(|record| is_recent(record, next_window)) {
                found.lock().unwrap_or_else(PoisonError::into_inner).recent += 1;
            }
            let news = record.map(|record| is_news(seen, &found, record)).transpose();
            std::future::ready(news)
        });
        let applied = postgres::apply(self.db, self.lease, page, news).await?;
        let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.newest = self.newest.max(found.newest);
        self.pulled.repeats += found.repeats;
        self.recent += found.recent;
        self.pulled.applied += applied;
        self.note(applied.deferred, found.digests, found.earliest);
        Ok(next)
    }
}

/// The record, unless this very version has been applied.
fn is_news(
    seen: &super::seen::Seen,
    found: &Mutex<Found>,
    record: RemoteRecord,
) -> Option<RemoteRecord> {
    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(stamp) = record.system_modstamp {
        found.newest = found.newest.max(Some(stamp));
        found.earliest = Some(found.earliest.map_or(stamp, |earliest| earliest.min(stamp)));
    }
    let Some(digest) = seen.news(&record) else {
        found.repeats += 1;
        return None;
    };
    found.digests.push(digest);
    Some(record)
}

/// Whether the job is gone, came to a bad end, or has other fields than the mapping has by now.
fn is_lost(error: &Error) -> bool {
    matches!(
        error,
        Error::QueryJobEnded { .. }
            | Error::Salesforce(
                salesforce::Error::NotFound(_)
                    | salesforce::Error::MissingField(_)
                    | salesforce::Error::Refused(_)
            )
    )
}

fn is_cut(error: &salesforce::Error) -> bool {
    matches!(error, salesforce::Error::Truncated { .. } | salesforce::Error::Transport { .. })
}
