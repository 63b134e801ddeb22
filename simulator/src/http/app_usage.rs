//! Caps on what single apps may ask of the org in a day.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::http::{oauth, sessions::Session};

/// An app's requests of the day.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppCap {
    #[serde(default = "default_app")]
    client_id: String,
    /// As the header tells it.
    name: String,
    #[serde(default)]
    used: u64,
    limit: u64,
}

fn default_app() -> String {
    oauth::CLIENT_ID.to_owned()
}

/// The apps with a cap, by client id.
#[derive(Debug, Default)]
pub(crate) struct AppUsage {
    caps: Mutex<BTreeMap<String, AppCap>>,
}

impl AppUsage {
    fn caps(&self) -> MutexGuard<'_, BTreeMap<String, AppCap>> {
        self.caps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the apps that have a cap; others have none from then on.
    pub(crate) fn set(&self, caps: Vec<AppCap>) {
        *self.caps() = caps.into_iter().map(|cap| (cap.client_id.clone(), cap)).collect();
    }

    /// The apps that have a cap.
    pub(crate) fn list(&self) -> Vec<AppCap> {
        self.caps().values().cloned().collect()
    }

    /// Counts a request of a session's app; false when its cap was reached before it.
    pub(crate) fn spend(&self, session: Option<&Session>) -> bool {
        let mut caps = self.caps();
        let Some(cap) = session.and_then(|session| caps.get_mut(&session.client_id)) else {
            return true;
        };
        let may = cap.used < cap.limit;
        cap.used += u64::from(may);
        may
    }

    /// What `Sforce-Limit-Info` adds for a session's app; empty where that has no cap.
    pub(crate) fn told(&self, session: Option<&Session>) -> String {
        let caps = self.caps();
        let cap = session.and_then(|session| caps.get(&session.client_id));
        cap.map_or_else(String::new, |AppCap { name, used, limit, .. }| {
            format!("; per-app-api-usage={used}/{limit}(appName={name})")
        })
    }
}
