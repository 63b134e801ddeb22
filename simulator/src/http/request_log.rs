//! What was asked of the org: the last requests one by one, and counters since the last reset.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

/// How many requests are kept; older ones only live on in the counters.
const KEPT: usize = 50_000;

/// How much text of paths and queries is kept, in bytes.
const TEXT_KEPT: usize = 32 * 1024 * 1024;

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
    /// The headers that Salesforce takes options by, `Sforce-…`, in lower case.
    pub(crate) options: BTreeMap<String, String>,
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

impl Entry {
    fn text(&self) -> usize {
        let options = self.options.iter().map(|(name, value)| name.len() + value.len());
        self.path.len() + self.query.as_ref().map_or(0, String::len) + options.sum::<usize>()
    }
}

/// The log of requests.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    entries: VecDeque<Entry>,
    /// The bytes of their paths, queries and options.
    text: usize,
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
        self.text += entry.text();
        self.entries.push_back(entry);
        while self.entries.len() > KEPT || self.text > TEXT_KEPT {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.text -= oldest.text();
        }
    }

    /// Counts rows by what was done to them.
    pub(crate) fn count_rows(&mut self, kind: &'static str, count: u64) {
        if count > 0 {
            *self.counters.rows.entry(kind).or_default() += count;
        }
    }

    /// The requests kept, oldest first.
    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The sums.
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Forgets requests and sums; numbers go on.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.text = 0;
        self.counters = Counters::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(query: usize) -> Entry {
        Entry {
            number: 0,
            time: String::new(),
            method: "GET".to_owned(),
            path: "/".to_owned(),
            query: Some("x".repeat(query)),
            options: BTreeMap::new(),
            api: "query",
            status: Some(200),
            records: 0,
            username: None,
            millis: 0,
            fault: None,
        }
    }

    #[test]
    fn long_queries_push_old_requests_out_before_they_take_much_memory() {
        let mut log = RequestLog::default();
        for _ in 0..40 {
            log.add(entry(1024 * 1024));
        }

        assert!(log.entries().count() < 33);
        assert_eq!(log.entries().next_back().map(|entry| entry.number), Some(40));
        assert_eq!(log.counters().requests["query"], 40);
    }
}
