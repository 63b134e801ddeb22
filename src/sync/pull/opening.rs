//! The beginning of a poll: where the last one ended, and what is asked first.

use super::reader::Reader;
use super::{Memory, Puller, leavers, tail, window};
use crate::mapping::Mapping;
use crate::model::StampField;
use crate::postgres::{self, PollPosition, PollState};
use crate::salesforce::{Client, Query};
use crate::sync::Error;
use chrono::{DateTime, Utc};
use std::sync::PoisonError;

/// A poll that has not asked anything yet.
#[derive(Clone, Debug)]
pub struct Opening<'a> {
    pub(super) mapping: &'a Mapping,
    pub(super) state: PollState,
    /// What each query is for.
    pub(super) asked: Vec<Asked>,
    queries: Vec<Query>,
    /// Where the window begins; unlike the position, what was applied of it already does not move it.
    pub(super) beginning: DateTime<Utc>,
    /// Whether the window leaves out what was put off, so that the watermark has to stay.
    pub(super) is_short: bool,
    /// What Salesforce answered just now about how far its records are complete, once the tail has been read.
    pub(super) safe_until: Option<DateTime<Utc>>,
    /// Requests spent so far.
    pub(super) calls: u64,
}

/// What a query of an opening is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The records of the window.
    Changes,
    /// The records of the window that the mapping's filter leaves out.
    Leavers,
    /// Ids and stamps of the records behind the window.
    Tail,
}

impl Opening<'_> {
    /// The mapping that is polled.
    #[must_use]
    pub fn mapping(&self) -> &Mapping {
        self.mapping
    }

    /// What is asked first; nothing where a Bulk query job already has the answer.
    #[must_use]
    pub fn queries(&self) -> &[Query] {
        &self.queries
    }

    fn ask(&mut self, asked: Asked, query: Query) {
        self.asked.push(asked);
        self.queries.push(query);
    }

    /// Where the poll goes on.
    pub(super) fn position(&self) -> PollPosition {
        self.state.position.clone().unwrap_or_default()
    }
}

impl Puller {
    /// What the next poll of the mapping asks first; `None` while it has never been loaded, and while an object that
    /// can only be read whole is not due.
    ///
    /// The queries of several openings, at most [`crate::salesforce::QUERIES_TOGETHER_MAX`] in all, may be asked
    /// with one request. An opening is used up soon: what it asks depends on how far the last poll came.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open<'a>(&self, mapping: &'a Mapping) -> Result<Option<Opening<'a>>, Error> {
        let state = postgres::poll_state(&self.db, mapping).await?;
        let Some(watermark) = state.watermark else { return Ok(None) };
        if mapping.stamp == StampField::None && !window::is_scan_due(mapping, &state) {
            return Ok(None);
        }
        let client = self.client.counted_apart();
        let short = self
            .remembered(&mapping.object, |memory| memory.put_off)
            .flatten()
            .and_then(|put_off| put_off.beginning(mapping, watermark));
        // The tail ends where the whole window begins, and is left to the next whole poll.
        let safe_until = match short {
            Some(_) => None,
            None => self.ask_what_is_covered(&client, mapping, watermark).await,
        };
        let reach = safe_until.and_then(|_| window::tail(mapping, watermark, state.safe_until));
        let mut beginning = short.unwrap_or_else(|| window::beginning(mapping, watermark));
        if !mapping.has_system_modstamp() {
            // The table has no stamps to compare with: the window itself reaches back.
            beginning = reach.map_or(beginning, |reach| reach.min(beginning));
        }
        let parts = self.remembered(&mapping.object, |memory| memory.parts).unwrap_or_default();
        let position = state.position.clone().unwrap_or_default();
        let calls = client.calls_made();
        let mut opening = Opening {
            mapping,
            state,
            asked: Vec::new(),
            queries: Vec::new(),
            beginning,
            is_short: short.is_some(),
            safe_until,
            calls,
        };
        if position.job.is_none() {
            let conditions = window::remaining(mapping.stamp, beginning, &position);
            let reader = Reader::new(&client, mapping, parts);
            let query = reader.query(&conditions, &window::order(mapping.stamp));
            opening.ask(Asked::Changes, query);
        }
        if let Some(query) = leavers::query(mapping, beginning, None) {
            opening.ask(Asked::Leavers, query);
        }
        if let (Some(reach), true) = (reach, mapping.has_system_modstamp()) {
            opening.ask(Asked::Tail, tail::query(mapping, reach, beginning, None));
        }
        Ok(Some(opening))
    }

    /// Asks Salesforce up to where its records are complete, where that is due. It has to be asked before the tail is
    /// read: what becomes visible in between is read now and once more the next time.
    ///
    /// A poll does not fail for it: without an answer, the mark of the last one stands.
    async fn ask_what_is_covered(
        &self,
        client: &Client,
        mapping: &Mapping,
        watermark: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let is_due = |memory: &Memory| {
            let asked = memory.asked_at.map(|asked| asked + window::ask_every(mapping));
            memory.is_lagging || asked.is_none_or(|due| due <= watermark)
        };
        let is_due = self.remembered(&mapping.object, is_due).unwrap_or(true);
        if !mapping.is_replicateable || mapping.stamp == StampField::None || !is_due {
            return None;
        }
        let (start, end) = window::asked_span(mapping, watermark);
        let answer = client.latest_date_covered(&mapping.object, start, end).await;
        let is_lagging =
            answer.as_ref().is_ok_and(|safe| window::is_lagging(mapping, watermark, *safe));
        {
            let mut memories = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            let memory = memories.entry(mapping.object.clone()).or_default();
            memory.asked_at = Some(watermark);
            memory.is_lagging = is_lagging;
        }
        match answer {
            Ok(safe_until) => Some(safe_until),
            Err(error) => {
                tracing::debug!(mapping = %mapping.object, %error, "salesforce does not say what it covers");
                None
            }
        }
    }

    fn remembered<T>(&self, object: &str, of: impl Fn(&Memory) -> T) -> Option<T> {
        let memories = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memories.get(object).map(of)
    }
}
