//! What was asked of the org: the last requests one by one, and counters since the last reset.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

/// How many requests are kept; older ones only live on in the counters.
const KEPT: usize = 50_000;

/// One request as `GET /__org/v1/requests` lists it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    /// Counts up from 1.
    pub(crate) number: u64,
    /// The org's clock at arrival.
    pub(crate) time: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    /// The kind of request, such as `query` or `collection`.
    pub(crate) api: &'static str,
    /// The status answered; absent when the connection was cut.
    pub(crate) status: Option<u16>,
    /// Records read or written.
    pub(crate) records: u64,
    pub(crate) username: Option<String>,
    pub(crate) millis: u64,
    /// The kind of fault that struck, if any.
    pub(crate) fault: Option<&'static str>,
}

/// The log of requests.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    entries: VecDeque<Entry>,
    seen: u64,
    counters: Counters,
}

/// Sums since the start or the last reset.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Counters {
    /// Requests by kind.
    pub(crate) requests: BTreeMap<&'static str, u64>,
    /// Rows by what was done to them, such as `created`, `updated`, `deleted`, `failed`.
    pub(crate) rows: BTreeMap<&'static str, u64>,
}

impl RequestLog {
    /// Writes one request down; its number is set here.
    pub(crate) fn add(&mut self, mut entry: Entry) {
        self.seen += 1;
        entry.number = self.seen;
        *self.counters.requests.entry(entry.api).or_default() += 1;
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    /// Counts rows by what was done to them.
    pub(crate) fn count_rows(&mut self, kind: &'static str, count: u64) {
        if count > 0 {
            *self.counters.rows.entry(kind).or_default() += count;
        }
    }

    /// The requests kept, oldest first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The sums.
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Forgets requests and sums; numbers go on.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.counters = Counters::default();
    }
}
