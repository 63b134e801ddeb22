//! One Salesforce org over REST and Bulk 2.0.
//!
//! A [`Client`] logs in by itself, keeps its session, and speaks in the nouns of [`crate::model`]. Calls that read
//! are repeated by themselves while a failure looks temporary; calls that write are sent once, and their errors
//! tell whether they may have had an effect ([`Error::outcome_is_unknown`]).
//!
//! The access token goes to one host only (`host`). Tokens, bodies and cell values are in no error and no log.

mod auth;
mod body;
mod bulk_ingest;
mod bulk_query;
mod bulk_rows;
mod call;
mod collections;
mod conditional;
mod config;
mod csv_rows;
mod decode;
mod deleted;
mod describe;
mod error;
mod host;
mod ingest_csv;
mod jobs;
mod jwt;
mod login_failure;
mod options;
mod query;
mod retrieve;
mod session;
mod shape;
#[cfg(test)]
mod tests;
mod together;
mod transport;
mod updated;
mod usage;

pub use auth::Identity;
pub use body::{Body, JsonMap};
pub use bulk_ingest::{IngestOperation, IngestRow, ResultList, ResultRows};
pub use bulk_query::BulkPage;
pub use bulk_rows::BulkRows;
pub use call::{Upload, UploadStream};
pub use collections::{COLLECTION_MAX, RowResult, Saved};
pub use config::{Auth, Config, DEFAULT_API_VERSION};
pub use deleted::Deletions;
pub use error::{Error, RowError};
pub use ingest_csv::{IngestCsv, UPLOAD_BYTES_MAX};
pub use jobs::{JobInfo, JobKind, JobState};
pub use login_failure::LoginFailure;
pub use options::{AssignmentRules, RequestOptions};
pub use query::{QueryPage, Scope};
pub use shape::Shape;
pub use together::{QUERIES_TOGETHER_MAX, Query};
pub use usage::{Budget, Usage};

use call::{Answer, Call};
use session::Session;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use transport::Transport;

/// A connection to one org. Clones share the session, the connections, the budget and the count of calls.
#[derive(Clone)]
pub struct Client {
    transport: Arc<Transport>,
    /// The version as it stands in paths, as in `v66.0`.
    version: Arc<str>,
    /// Requests sent by this client and its clones.
    calls: Arc<AtomicU64>,
}

impl Client {
    /// Prepares a connection; nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Settings`] when the settings can never work.
    pub fn new(config: Config) -> Result<Self, Error> {
        Self::with(config, RequestOptions::default())
    }

    /// As [`Client::new`], with these options.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn with(config: Config, options: RequestOptions) -> Result<Self, Error> {
        config.check()?;
        let version = format!("v{}", config.api_version).into();
        let transport = Arc::new(Transport::new(config, options)?);
        Ok(Self { transport, version, calls: Arc::default() })
    }

    /// The org's API usage as of the latest answer; `None` before the first one.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.transport.usage()
    }

    /// Requests sent to the data API by this client and its clones, failed ones included, logins not.
    #[must_use]
    pub fn calls_made(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// The same connection, with a count of calls of its own: what others do meanwhile is not in it.
    #[must_use]
    pub fn counted_apart(&self) -> Self {
        Self { calls: Arc::default(), ..self.clone() }
    }

    fn version(&self) -> &str {
        &self.version
    }

    async fn session(&self) -> Result<Arc<Session>, Error> {
        self.transport.session().await
    }

    async fn open(&self, call: &Call) -> Result<reqwest::Response, Error> {
        self.transport.open(call, &self.calls).await
    }

    async fn call(&self, call: &Call) -> Result<Answer, Error> {
        self.transport.call(call, &self.calls).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("version", &self.version).finish_non_exhaustive()
    }
}
