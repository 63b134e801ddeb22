//! Bulk 2.0 jobs: their states, and waiting for them.

use super::call::Call;
use super::{Client, Error};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// The first pause between two looks at a job. Every look costs an API request, so pauses double.
const PAUSE_MIN: Duration = Duration::from_millis(250);

/// The longest pause: what a job of hours may be noticed late.
const PAUSE_MAX: Duration = Duration::from_secs(20);

/// Which way a job's records go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Out of Salesforce.
    Query,
    /// Into Salesforce.
    Ingest,
}

impl JobKind {
    pub(super) fn resource(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Ingest => "ingest",
        }
    }
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum JobState {
    /// Waits for its records; has no effect yet.
    Open,
    /// Waits for its turn.
    UploadComplete,
    /// Is being worked on.
    InProgress,
    /// Every record was tried; each has its own result.
    JobComplete,
    /// Gave up; records done before are done.
    Failed,
    /// Was stopped; records done before are done.
    Aborted,
}

impl JobState {
    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::JobComplete | Self::Failed | Self::Aborted)
    }
}

/// What Salesforce says about a job.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobInfo {
    /// The id.
    pub id: String,
    /// Where it stands.
    pub state: JobState,
    /// Records done so far, refused ones included.
    #[serde(default, rename = "numberRecordsProcessed")]
    pub processed: u64,
    /// Refused records among them.
    #[serde(default, rename = "numberRecordsFailed")]
    pub failed: u64,
    /// Why the job as a whole failed.
    #[serde(default)]
    pub error_message: Option<String>,
}

impl Client {
    /// Looks at an ingest job.
    ///
    /// # Errors
    /// [`Error::NotFound`] when Salesforce has forgotten it, after seven days; otherwise see [`Error`].
    pub async fn ingest_job(&self, id: &str) -> Result<JobInfo, Error> {
        self.job(JobKind::Ingest, id).await
    }

    /// Looks at a job, with growing pauses, until it is in a final state. Dropping the future ends the waiting and
    /// leaves the job alone.
    ///
    /// # Errors
    /// As for [`Client::ingest_job`].
    pub async fn await_job(&self, kind: JobKind, id: &str) -> Result<JobInfo, Error> {
        let mut pause = PAUSE_MIN;
        loop {
            let job = self.job(kind, id).await?;
            if job.state.is_final() {
                return Ok(job);
            }
            #[expect(clippy::disallowed_methods, reason = "Salesforce can only be asked again")]
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Stops a query job that waits or runs. One that has ended already, or is forgotten, is none to stop.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn abort_query_job(&self, id: &str) -> Result<(), Error> {
        let is_over = match self.job(JobKind::Query, id).await {
            Ok(job) => job.state.is_final(),
            Err(Error::NotFound(_)) => true,
            Err(error) => return Err(error),
        };
        if !is_over {
            self.set_job_state(JobKind::Query, id, "Aborted").await?;
        }
        Ok(())
    }

    pub(super) async fn job(&self, kind: JobKind, id: &str) -> Result<JobInfo, Error> {
        let call = Call::reading(Method::GET, &[self.version(), "jobs", kind.resource(), id]);
        self.call(&call).await?.json("a job")
    }

    pub(super) async fn set_job_state(
        &self,
        kind: JobKind,
        id: &str,
        state: &str,
    ) -> Result<JobInfo, Error> {
        let path = [self.version(), "jobs", kind.resource(), id];
        let call = Call::writing(Method::PATCH, &path).with_json(&json!({ "state": state }));
        self.call(&call).await?.json("a job")
    }
}
