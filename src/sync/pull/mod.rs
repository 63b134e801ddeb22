//! Salesforce → Postgres, little by little: reads what changed since the last poll and applies it.
//!
//! One poll is one `queryAll` for everything stamped since `watermark − overlap`, live or deleted, so a quiet
//! object costs one call. Rows seen before cost no write, because applying compares values. Time is
//! Salesforce's: the watermark comes from the `Date` header of the answer, never from a clock of ours.
//!
//! What a poll may not do: overwrite a field with an unsent change (the push decides those), or trust an answer
//! about a record that was sent to while the answer was on its way. [`postgres::apply`] sees to both.
//!
//! `window` says what to read, `opening` what to ask first, `run` carries a poll out, over pages or `bulk`. Beside the
//! window go the long `tail` of late commits, the `leavers` of the mapping's filter, and the `refresh` of fields that
//! move without a stamp. After a `mass` change polls put the overlap off, so as not to read it all again each time.

mod bulk;
mod leavers;
mod mass;
mod opening;
mod parts;
mod reader;
mod refresh;
mod run;
mod seen;
mod tail;
mod window;

pub use opening::Opening;

use crate::mapping::Mapping;
use crate::postgres::{self, Applied, Database, Lease, PollEnd};
use crate::salesforce::{self, Client, JobKind, JobState, QueryPage};
use crate::sync::Error;
use chrono::{DateTime, Utc};
use mass::PutOff;
use run::Run;
use seen::Seen;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Rows per page of a Bulk result: large enough to make the set-based statements pay, small enough to be read
/// again after a crash without anyone noticing.
pub(super) const BULK_PAGE_ROWS: u32 = 25_000;

/// What one poll did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulled {
    /// What became of the records read.
    pub applied: Applied,
    /// Records read that had been applied in this very version before; nothing was done for them.
    pub repeats: u64,
    /// Rows in which a refresh found fields that had moved without a stamp.
    pub refreshed: u64,
    /// Requests spent.
    pub calls: u64,
    /// Whether there is more to do at once: the next run goes on where this one ended.
    pub more: bool,
}

/// Polls mappings. Clones share what they remember.
#[derive(Clone, Debug)]
pub struct Puller {
    db: Database,
    client: Client,
    memory: Arc<Mutex<BTreeMap<String, Memory>>>,
}

/// What is remembered of a mapping from poll to poll. Losing it costs calls, never records.
#[derive(Debug, Default)]
struct Memory {
    /// The records applied lately.
    seen: Seen,
    /// The watermark at which Salesforce was last asked what it covers.
    asked_at: Option<DateTime<Utc>>,
    /// Whether its word stayed far behind then.
    is_lagging: bool,
    /// The number of parts in which Salesforce wants the fields to be read.
    parts: usize,
    /// What the polls have put off to read again.
    put_off: Option<PutOff>,
}

impl Puller {
    /// A puller between this database and this org.
    #[must_use]
    pub fn new(db: Database, client: Client) -> Self {
        Self { db, client, memory: Arc::default() }
    }

    /// Reads what changed in Salesforce since the mapping's watermark, applies it and moves the watermark.
    ///
    /// Does nothing until the first load has set a watermark. Safe to repeat and to interrupt anywhere.
    ///
    /// # Errors
    /// When either side fails, the lease was lost, or the mass-delete guard holds the page back; the next run goes on
    /// after the last applied page.
    pub async fn run_once(&self, lease: &Lease, mapping: &Mapping) -> Result<Pulled, Error> {
        let Some(opening) = self.open(mapping).await? else { return Ok(Pulled::default()) };
        let client = self.client.counted_apart();
        let answers = client.query_together(opening.queries()).await?;
        let calls = client.calls_made();
        // What a poll holds while it runs is too much for the stack of those who wait for it.
        Box::pin(self.go_on(lease, opening, answers, calls)).await
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
        let client = self.client.counted_apart();
        let spent = calls + opening.calls;
        let mapping = opening.mapping;
        let state = opening.state.clone();
        let outcome = self.carry_out(lease, opening, answers, (&client, spent)).await;
        if outcome.is_err() {
            let calls = spent + client.calls_made();
            crate::sync::count_calls(&self.db, &mapping.object, "pull", calls).await;
        }
        let pulled = outcome?;
        self.refresh(lease, mapping, pulled, &state).await
    }

    async fn carry_out(
        &self,
        lease: &Lease,
        opening: Opening<'_>,
        answers: Vec<Result<QueryPage, salesforce::Error>>,
        (client, spent): (&Client, u64),
    ) -> Result<Pulled, Error> {
        let mapping = opening.mapping;
        let watermark = opening.state.watermark;
        let safe_until = opening.safe_until;
        let memory = self.take_memory(&mapping.object);
        let put_off = memory.put_off.filter(|_| opening.is_short);
        let mut run = Run::new(&self.db, client, lease, mapping, memory);
        run.stays_at = watermark.filter(|_| opening.is_short);
        let reached = run.carry_out(&opening, answers).await?;
        // The tail is complete only if nothing of it was left out.
        let safe_until = if run.held_back.is_none() { safe_until } else { None };
        let put_off = match put_off {
            _ if run.held_back.is_some() => None,
            Some(put_off) => put_off.after_short(mapping, run.covered, run.recent),
            None => PutOff::after_whole(mapping, run.covered, run.recent),
        };
        let calls = spent + client.calls_made();
        let end = PollEnd { watermark: reached, safe_until, calls };
        postgres::finish_poll(&self.db, lease, &mapping.object, end).await?;
        let watermark = watermark.max(reached);
        let beginning = watermark.map(|watermark| window::beginning(mapping, watermark));
        let covered = run.covered;
        let mut memory = Memory { put_off, ..run.memory() };
        memory.seen = memory.seen.settle(lease.epoch, watermark, beginning, covered);
        let pulled = Pulled { calls, ..run.pulled };
        self.keep_memory(&mapping.object, memory);
        Ok(pulled)
    }

    /// What is remembered of an object. Until more is kept, what the org wants stays known, and nothing else: a poll
    /// that fails leaves no more.
    fn take_memory(&self, object: &str) -> Memory {
        let mut memories = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let memory = memories.entry(object.to_owned()).or_default();
        let left = Memory { parts: memory.parts, ..Memory::default() };
        std::mem::replace(memory, left)
    }

    fn keep_memory(&self, object: &str, memory: Memory) {
        let mut memories = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memories.insert(object.to_owned(), memory);
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
