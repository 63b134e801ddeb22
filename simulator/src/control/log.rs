//! What was asked of the org.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;

use super::{Control, ControlError};

/// One request as the log has it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct LoggedRequest {
    /// Counts up from 1.
    pub number: u64,
    /// The org's clock at arrival.
    pub time: String,
    /// The verb.
    pub method: String,
    /// The path.
    pub path: String,
    /// What stood behind the path's question mark.
    pub query: Option<String>,
    /// The headers that Salesforce takes options by, such as `sforce-call-options`.
    pub options: BTreeMap<String, String>,
    /// The kind of request, such as `query` or `collection`.
    pub api: String,
    /// The status answered; absent when the connection was cut.
    pub status: Option<u16>,
    /// Records read or written.
    pub records: u64,
    /// Who asked.
    pub username: Option<String>,
    /// How long the answer took.
    pub millis: u64,
    /// The kind of fault that struck, if any.
    pub fault: Option<String>,
}

/// Sums since the start or the last reset.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct Counters {
    /// Requests by kind.
    pub requests: BTreeMap<String, u64>,
    /// Rows by what was done to them, such as `created`, `updated`, `deleted`, `failed`.
    pub rows: BTreeMap<String, u64>,
}

impl Control {
    /// The last requests, oldest first.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn requests(&self) -> Result<Vec<LoggedRequest>, ControlError> {
        self.get("requests").await
    }

    /// Forgets the requests and the sums.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn forget_requests(&self) -> Result<(), ControlError> {
        self.order(Method::DELETE, "requests").await
    }

    /// The sums.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn counters(&self) -> Result<Counters, ControlError> {
        self.get("counters").await
    }
}
