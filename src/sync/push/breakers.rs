//! Which mappings' calls fail of late: they rest for a while, and the others go on.

use super::run::Run;
use crate::mapping::Mapping;
use crate::runtime::{Breaker, Retry};
use crate::sync::Error;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One breaker per object. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Breakers {
    by_object: Arc<Mutex<BTreeMap<String, Breaker>>>,
}

impl Breakers {
    /// Whether anything failed since it last went well.
    pub(super) fn has_failures(&self) -> bool {
        !self.lock().is_empty()
    }

    /// The objects that rest at this moment.
    pub(super) fn resting(&self, now: DateTime<Utc>) -> Vec<String> {
        let at = moment(now);
        self.lock()
            .iter()
            .filter(|(_, breaker)| !breaker.allows(at))
            .map(|(object, _)| object.clone())
            .collect()
    }

    /// A call for the object failed as a whole.
    pub(super) fn failed(&self, object: &str, now: DateTime<Utc>) {
        let rest = self.lock().entry(object.to_owned()).or_default().failed(moment(now));
        if let Some(rest) = rest {
            tracing::warn!(mapping = %object, seconds = rest.as_secs(), "sending keeps failing and rests");
        }
    }

    /// The object's calls went well.
    pub(super) fn succeeded(&self, object: &str) {
        if self.lock().remove(object).is_some() {
            tracing::info!(mapping = %object, "sending goes well again");
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Breaker>> {
        self.by_object.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run<'_> {
    /// Notes how a mapping's batch went; `before` is how many calls had been made. What may go well later stops this
    /// mapping and no other.
    pub(super) fn watch(
        &mut self,
        mapping: &Mapping,
        before: u64,
        outcome: Result<(), Error>,
    ) -> Result<(), Error> {
        match outcome {
            Err(error) if may_pass(&error) => self.fails(mapping, error),
            Err(error) => return Err(error),
            Ok(()) => {}
        }
        let breakers = &self.pusher.breakers;
        // Where some calls fail and others are answered, going on is what gets through.
        if self.failed.contains_key(&mapping.object) && !self.answered.contains(&mapping.object) {
            breakers.failed(&mapping.object, self.now);
        } else if self.halt.is_none() && self.pusher.client.calls_made() > before {
            breakers.succeeded(&mapping.object);
        }
        Ok(())
    }

    /// Sending of the mapping failed, and may go well later.
    pub(super) fn fails(&mut self, mapping: &Mapping, error: Error) {
        tracing::warn!(mapping = %mapping.object, %error, "a call failed");
        self.failed.entry(mapping.object.clone()).or_insert(error);
    }

    /// What the run failed for, if it did. It did not where calls of the same mapping were answered: what was sent
    /// without an answer waits by itself, and the rest goes out with the next run.
    pub(super) fn failure(&mut self) -> Option<Error> {
        let mut failed = std::mem::take(&mut self.failed);
        let all = failed.len();
        failed.retain(|object, _| !self.answered.contains(object));
        self.pushed.more |= failed.len() < all;
        self.halt.take().or_else(|| failed.into_values().next())
    }
}

/// Whether a failure says nothing about other mappings, and passes by itself.
pub(super) fn may_pass(error: &Error) -> bool {
    let Error::Salesforce(error) = error else { return false };
    match error.retry() {
        Retry::Soon => true,
        Retry::Later => !error.concerns_all(),
        Retry::Never => false,
    }
}

fn moment(now: DateTime<Utc>) -> Duration {
    Duration::from_millis(u64::try_from(now.timestamp_millis()).unwrap_or_default())
}
