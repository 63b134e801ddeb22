//! Carries one poll out: applies page after page, and remembers with each how far it came.

use super::opening::{Asked, Opening};
use super::reader::Reader;
use super::seen::Seen;
use super::window::{self, Road};
use super::{Memory, Pulled};
use crate::mapping::Mapping;
use crate::model::RemoteRecord;
use crate::postgres::{self, Checkpoint, Database, Lease, Page, PollPosition};
use crate::salesforce::{self, Client, Query, QueryPage};
use crate::sync::Error;
use chrono::{DateTime, Utc};
use futures_util::stream;
use std::convert::Infallible;

/// A poll under way.
pub(super) struct Run<'a> {
    pub(super) db: &'a Database,
    pub(super) lease: &'a Lease,
    pub(super) mapping: &'a Mapping,
    pub(super) reader: Reader<'a>,
    pub(super) pulled: Pulled,
    /// The earliest stamp of a record that was left out and has to be read again.
    pub(super) held_back: Option<DateTime<Utc>>,
    /// Where the watermark stays, since what is behind it was put off.
    pub(super) stays_at: Option<DateTime<Utc>>,
    /// Records read that the next window has in it again.
    pub(super) recent: u64,
    pub(super) seen: Seen,
    /// What is remembered beside.
    memory: Memory,
    /// Everything stamped before this was visible when the poll began.
    pub(super) covered: Option<DateTime<Utc>>,
    /// The newest stamp read.
    pub(super) newest: Option<DateTime<Utc>>,
    /// Whether a page was applied that said more would follow.
    pub(super) is_open: bool,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        db: &'a Database,
        client: &'a Client,
        lease: &'a Lease,
        mapping: &'a Mapping,
        mut memory: Memory,
    ) -> Self {
        Self {
            db,
            lease,
            mapping,
            reader: Reader::new(client, mapping, memory.parts),
            pulled: Pulled::default(),
            held_back: None,
            stays_at: None,
            recent: 0,
            seen: std::mem::take(&mut memory.seen),
            memory,
            covered: None,
            newest: None,
            is_open: false,
        }
    }

    /// What is to be remembered.
    pub(super) fn memory(&mut self) -> Memory {
        let memory = std::mem::take(&mut self.memory);
        Memory { seen: std::mem::take(&mut self.seen), parts: self.reader.parts(), ..memory }
    }

    /// Applies everything the opening asked for, and answers the new watermark, if Salesforce told the time.
    pub(super) async fn carry_out(
        &mut self,
        opening: &Opening<'_>,
        answers: Vec<Result<QueryPage, salesforce::Error>>,
    ) -> Result<Option<DateTime<Utc>>, Error> {
        let seen = std::mem::take(&mut self.seen);
        self.seen = seen.valid_for(self.lease.epoch, opening.state.watermark);
        let read_started = opening.state.now;
        let mut position = opening.position();
        self.covered = position.covered;
        self.is_open = opening.state.has_waiting;
        let mut changes = None;
        for (asked, answer) in opening.asked.iter().zip(answers) {
            match asked {
                Asked::Changes => changes = Some(answer),
                Asked::Leavers => self.leavers(opening.beginning, answer?, read_started).await?,
                Asked::Tail => self.tail(opening.beginning, answer?).await?,
            }
        }
        let is_read = match position.job.clone() {
            Some(job) => self.by_job(&mut position, job).await?,
            None => false,
        };
        if !is_read {
            self.by_pages(opening, position, changes).await?;
        }
        Ok(window::new_watermark(self.covered, self.newest, self.barrier()))
    }

    /// Reads the window page by page, or hands over to a Bulk query job.
    async fn by_pages(
        &mut self,
        opening: &Opening<'_>,
        mut position: PollPosition,
        first: Option<Result<QueryPage, salesforce::Error>>,
    ) -> Result<(), Error> {
        let order = window::order(self.mapping.stamp);
        let mut read_started = opening.state.now;
        let mut answer = first;
        let mut may_use_jobs = true;
        loop {
            let conditions = window::remaining(self.mapping.stamp, opening.beginning, &position);
            let page = match answer.take() {
                Some(Err(error)) if self.reader.is_narrowed_for(&error) => continue,
                Some(answer) => answer,
                None => {
                    read_started = self.db.now().await?;
                    self.reader.page(&conditions, &order).await
                }
            };
            let (wants_job, page) = match page {
                Err(error) if error.is_query_timeout() && may_use_jobs => (true, Err(error)),
                Err(error) => return Err(error.into()),
                Ok(page) => {
                    self.covered = self.covered.or_else(|| page.server_time.map(window::covered));
                    let above = self.mapping.bulk.read_above;
                    let road = window::road(page.total, page.next.is_none(), above);
                    (road == Road::Bulk && may_use_jobs, Ok(page))
                }
            };
            if wants_job {
                if self.by_new_job(&mut position, &conditions).await? {
                    return Ok(());
                }
                may_use_jobs = false;
            }
            if self.page(&mut position, page?, read_started).await? {
                return Ok(());
            }
        }
    }

    /// Applies a page; answers whether it was the last one.
    async fn page(
        &mut self,
        position: &mut PollPosition,
        page: QueryPage,
        read_started: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let last = page.records.last();
        let last_stamp = last.and_then(|record| record.system_modstamp);
        let is_last =
            window::is_last(page.next.is_some(), last_stamp, self.covered) || last.is_none();
        position.stamp = last_stamp.or(position.stamp);
        position.id = last.map(|record| record.id.clone()).or(position.id.take());
        let whole = self.reader.complete(page.records).await?;
        self.hold_back(whole.torn.iter());
        if is_last {
            // The end of the poll is saved on its own, once all of it is applied.
            self.apply(whole.records, read_started, None, false).await?;
        } else {
            self.apply(whole.records, read_started, Some(position), true).await?;
        }
        Ok(is_last)
    }

    /// Asks for another page of something beside the window.
    pub(super) async fn ask(&self, query: Query) -> Result<QueryPage, Error> {
        let mut answers = self.reader.client.query_together(&[query]).await?;
        let missing = Err(salesforce::Error::Malformed("no answer to a query"));
        Ok(answers.pop().unwrap_or(missing)?)
    }

    /// Leaves the watermark before these records, so that the next poll reads them again.
    pub(super) fn hold_back<'r>(&mut self, records: impl Iterator<Item = &'r RemoteRecord>) {
        let earliest = records.filter_map(|record| record.system_modstamp).min();
        self.held_back = match (self.held_back, earliest) {
            (Some(held), Some(earliest)) => Some(held.min(earliest)),
            (held, earliest) => held.or(earliest),
        };
    }

    /// What the watermark may not pass.
    fn barrier(&self) -> Option<DateTime<Utc>> {
        self.held_back.into_iter().chain(self.stays_at).min()
    }

    /// Where the next window begins if this poll covers what it set out to.
    pub(super) fn next_beginning(&self) -> Option<DateTime<Utc>> {
        self.covered.map(|covered| window::beginning(self.mapping, covered))
    }

    /// The position as it is saved: a poll that goes on from there covers no more than this one has read for good.
    pub(super) fn saved(&self, position: &PollPosition) -> PollPosition {
        let covered = window::new_watermark(self.covered, None, self.barrier());
        PollPosition { covered, ..position.clone() }
    }

    /// Applies what is news of some records, together with the position behind them.
    pub(super) async fn apply(
        &mut self,
        records: Vec<RemoteRecord>,
        read_started: DateTime<Utc>,
        position: Option<&PollPosition>,
        more: bool,
    ) -> Result<(), Error> {
        let read = records.len();
        self.newest = self.newest.max(records.iter().filter_map(|r| r.system_modstamp).max());
        let earliest = records.iter().filter_map(|record| record.system_modstamp).min();
        let next = self.next_beginning();
        let recent = records.iter().filter(|record| is_recent(record, next)).count();
        self.recent += recent as u64;
        let mut digests = Vec::new();
        let mut news = Vec::new();
        for record in records {
            if let Some(digest) = self.seen.news(&record) {
                digests.push(digest);
                news.push(record);
            }
        }
        self.pulled.repeats += (read - news.len()) as u64;
        let closes = !more && self.is_open;
        if news.is_empty() && !closes {
            return Ok(());
        }
        let page = Page {
            mapping: self.mapping,
            read_started,
            checkpoint: position.map(|position| Checkpoint::Poll(self.saved(position))),
            more,
        };
        let rows = stream::iter(news.into_iter().map(Ok::<_, Infallible>));
        let applied = postgres::apply(self.db, self.lease, page, rows).await?;
        self.is_open = more;
        self.pulled.applied += applied;
        self.note(applied.deferred, digests, earliest);
        Ok(())
    }

    /// Remembers the records of an applied page, unless some of them were left out.
    pub(super) fn note(
        &mut self,
        deferred: u64,
        digests: Vec<super::seen::Digest>,
        earliest: Option<DateTime<Utc>>,
    ) {
        if deferred == 0 {
            self.seen.note(digests);
            return;
        }
        self.held_back = match (self.held_back, earliest) {
            (Some(held), Some(earliest)) => Some(held.min(earliest)),
            (held, earliest) => held.or(earliest),
        };
    }
}

/// Whether a window that begins at `next` has the record in it.
pub(super) fn is_recent(record: &RemoteRecord, next: Option<DateTime<Utc>>) -> bool {
    next.zip(record.system_modstamp).is_some_and(|(next, stamp)| stamp >= next)
}
