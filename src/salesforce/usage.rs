//! How much of the org's daily API allowance is spent, as Salesforce says in every answer, and what may still run.

use super::call::Call;
use super::{Client, Error};
use crate::reconcile::{Level, Meter, Reading, Work};
use reqwest::Method;
use serde::Deserialize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// API requests in the last 24 hours. Approximate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Requests made by all users of the org.
    pub used: u64,
    /// Requests allowed.
    pub limit: u64,
    /// The same of our app alone, where it has a cap of its own.
    pub app: Option<Reading>,
}

impl Usage {
    /// Reads the header: `api-usage=18/15000`, perhaps followed by `per-app-api-usage=17/250(appName=…)`.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let part = |name: &str| {
            let text = header.split(';').find_map(|part| part.trim().strip_prefix(name))?;
            let (used, rest) = text.split_once('/')?;
            let limit = rest.split('(').next().unwrap_or(rest);
            Some(Reading { used: used.parse().ok()?, limit: limit.trim().parse().ok()? })
        };
        let org = part("api-usage=")?;
        Some(Self { used: org.used, limit: org.limit, app: part("per-app-api-usage=") })
    }
}

/// The API budget of one org, shared by all clones of a [`Client`]: what may run, as of the latest answer.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    meter: Arc<Mutex<Meter>>,
    calls: Arc<AtomicU64>,
}

impl Budget {
    /// Whether work of this kind may begin now. To be asked before each step that costs requests.
    #[must_use]
    pub fn allows(&self, work: Work) -> bool {
        self.level().allows(work)
    }

    /// How far work is cut down.
    #[must_use]
    pub fn level(&self) -> Level {
        self.meter().level()
    }

    /// What is known of the org's usage; `None` as long as nothing is.
    #[must_use]
    pub fn reading(&self) -> Option<Reading> {
        self.meter().reading(self.calls())
    }

    /// Whether only [`Client::ask_limits`] can tell how much is left.
    #[must_use]
    pub fn needs_asking(&self) -> bool {
        self.meter().needs_asking()
    }

    /// Makes this much of the org's limit the budget, in percent.
    pub fn set_percent(&self, percent: u64) {
        self.meter().set_percent(percent, self.calls());
    }

    /// Notes how many requests all workers together made in the last 24 hours.
    pub fn note_counted(&self, own: u64) {
        self.meter().counted(own, self.calls());
    }

    /// Requests sent to the data API so far.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn answered(&self, usage: Option<Usage>) {
        let org = usage.map(|usage| Reading { used: usage.used, limit: usage.limit });
        self.meter().answered(org, usage.and_then(|usage| usage.app), self.calls());
    }

    pub(super) fn refused(&self) {
        self.meter().refused(self.calls());
    }

    fn meter(&self) -> MutexGuard<'_, Meter> {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireLimits {
    daily_api_requests: WireLimit,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireLimit {
    max: i64,
    remaining: i64,
}

impl Client {
    /// The API budget.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        self.transport.budget()
    }

    /// Asks the org for its limits, which sets the budget right where the header cannot. Costs one request.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::RequestLimit`] while the limit is reached.
    pub async fn ask_limits(&self) -> Result<Reading, Error> {
        let call = Call::reading(Method::GET, &[self.version(), "limits"]);
        let limits: WireLimits = self.call(&call).await?.json("the list of limits")?;
        let WireLimit { max, remaining } = limits.daily_api_requests;
        let unsigned = |number: i64| u64::try_from(number).unwrap_or_default();
        let reading =
            Reading { used: unsigned(max.saturating_sub(remaining)), limit: unsigned(max) };
        let budget = self.budget();
        budget.meter().confirmed(reading, budget.calls());
        Ok(reading)
    }
}

#[cfg(test)]
mod tests {
    use super::{Reading, Usage};

    #[test]
    fn the_usage_header_is_read_in_all_its_forms() {
        let app = Some(Reading { used: 17, limit: 250 });
        #[rustfmt::skip]
        let table = [
            ("api-usage=18/15000", Some((18, 15_000, None))),
            ("api-usage=25/5000; per-app-api-usage=17/250(appName=sample)", Some((25, 5_000, app))),
            ("api-usage=25/5000; per-app-api-usage=many(appName=sample)", Some((25, 5_000, None))),
            ("per-app-api-usage=17/250(appName=sample)", None),
            ("api-usage=many", None),
            ("api-usage=-3/15000", None),
            ("", None),
        ];
        for (header, expected) in table {
            let usage = Usage::parse(header).map(|usage| (usage.used, usage.limit, usage.app));
            assert_eq!(usage, expected, "{header}");
        }
    }
}
