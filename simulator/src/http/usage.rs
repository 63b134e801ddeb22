//! How much is asked of the org: requests of the day, and those under way.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use chrono::{DateTime, TimeDelta, Utc};

/// Requests that may take long at the same time, in production and in sandboxes.
const CONCURRENT: u64 = 25;

/// From when on a request takes long, in seconds of the org's clock.
const LONG_SECONDS: u64 = 20;

/// Requests of the day.
#[derive(Debug)]
pub(crate) struct Usage {
    used: AtomicU64,
    limit: AtomicU64,
}

impl Usage {
    pub(crate) fn new(limit: u64) -> Self {
        Self { used: AtomicU64::new(0), limit: AtomicU64::new(limit) }
    }

    /// Counts one request; false when the limit was reached before it.
    pub(crate) fn spend(&self) -> bool {
        self.used
            .try_update(Ordering::AcqRel, Ordering::Acquire, |used| {
                (used < self.limit()).then(|| used + 1)
            })
            .is_ok()
    }

    /// Requests made.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Acquire)
    }

    /// Requests allowed.
    pub(crate) fn limit(&self) -> u64 {
        self.limit.load(Ordering::Acquire)
    }

    /// Sets both figures.
    pub(crate) fn set(&self, used: u64, limit: u64) {
        self.used.store(used, Ordering::Release);
        self.limit.store(limit, Ordering::Release);
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "api-usage={}/{}", self.used(), self.limit())
    }
}

/// The requests under way. Too many that take long keep others out.
#[derive(Debug)]
pub(crate) struct Progress {
    running: Arc<Mutex<Running>>,
    limit: AtomicU64,
    long_seconds: AtomicU64,
}

#[derive(Debug, Default)]
struct Running {
    entered: u64,
    since: BTreeMap<u64, DateTime<Utc>>,
}

/// A request under way, for as long as this lives.
#[derive(Debug)]
pub(crate) struct InProgress {
    running: Arc<Mutex<Running>>,
    number: u64,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            running: Arc::default(),
            limit: AtomicU64::new(CONCURRENT),
            long_seconds: AtomicU64::new(LONG_SECONDS),
        }
    }
}

impl Progress {
    /// Notes a request that began now.
    pub(crate) fn enter(&self, now: DateTime<Utc>) -> InProgress {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.entered += 1;
        let number = running.entered;
        running.since.insert(number, now);
        drop(running);
        InProgress { running: Arc::clone(&self.running), number }
    }

    /// Whether too many requests take long.
    pub(crate) fn is_crowded(&self, now: DateTime<Utc>) -> bool {
        self.long(now) >= self.limit()
    }

    /// How many requests take long.
    pub(crate) fn long(&self, now: DateTime<Utc>) -> u64 {
        let seconds = i64::try_from(self.long_seconds()).unwrap_or(i64::MAX);
        let long = TimeDelta::try_seconds(seconds).unwrap_or(TimeDelta::MAX);
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.since.values().filter(|since| now - **since >= long).count() as u64
    }

    /// How many may.
    pub(crate) fn limit(&self) -> u64 {
        self.limit.load(Ordering::Acquire)
    }

    /// From when on a request takes long.
    pub(crate) fn long_seconds(&self) -> u64 {
        self.long_seconds.load(Ordering::Acquire)
    }

    /// Sets both figures.
    pub(crate) fn set(&self, limit: u64, long_seconds: u64) {
        self.limit.store(limit, Ordering::Release);
        self.long_seconds.store(long_seconds, Ordering::Release);
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.since.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requests_that_take_long_crowd_the_org() {
        let progress = Progress::default();
        progress.set(2, 20);
        let at = |second| DateTime::from_timestamp(second, 0).unwrap();
        let first = progress.enter(at(0));
        let _second = progress.enter(at(5));

        assert!(!progress.is_crowded(at(24)));
        assert!(progress.is_crowded(at(25)));
        drop(first);
        assert!(!progress.is_crowded(at(25)));
    }
}
