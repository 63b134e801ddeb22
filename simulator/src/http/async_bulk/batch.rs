//! Batches: a body, where its work stands, and what came of it.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{
    ApiError, Id,
    http::{async_bulk::job::moment, faults::Trouble},
};

/// Where a batch stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    Queued,
    InProgress,
    Completed,
    Failed,
    NotProcessed,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::InProgress => "InProgress",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::NotProcessed => "NotProcessed",
        }
    }
}

/// How a row ended: its id and whether it is new, or why not.
pub(super) type End = Result<(Id, bool), ApiError>;

/// What came of a batch.
#[derive(Clone, Debug, Default)]
pub(super) enum Outcome {
    #[default]
    Nothing,
    /// Of a write: one end per row, in their order.
    Rows(Vec<End>),
    /// Of a query: results by their ids.
    Results(Vec<(Id, Bytes)>),
}

/// A batch.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) id: Id,
    pub(super) job: Id,
    pub(super) body: Bytes,
    pub(super) state: State,
    /// Why it failed.
    pub(super) message: Option<String>,
    pub(super) created: DateTime<Utc>,
    pub(super) changed: DateTime<Utc>,
    /// The ids that a chunk of a query is about, first and last.
    pub(super) range: Option<(Id, Id)>,
    /// Rows that a fault refuses, and how it spoils the batch.
    pub(super) trouble: Trouble,
    pub(super) processed: usize,
    pub(super) failed: usize,
    pub(super) outcome: Outcome,
}

impl Batch {
    /// A batch that waits for its turn.
    pub(super) fn new(id: Id, job: Id, body: Bytes, now: DateTime<Utc>) -> Self {
        Self {
            id,
            job,
            body,
            state: State::Queued,
            message: None,
            created: now,
            changed: now,
            range: None,
            trouble: Trouble::default(),
            processed: 0,
            failed: 0,
            outcome: Outcome::Nothing,
        }
    }

    /// Moves the batch on.
    pub(super) fn enter(&mut self, state: State, now: DateTime<Utc>) {
        self.state = state;
        self.changed = now;
    }

    /// Ends the batch without results.
    pub(super) fn fail(&mut self, message: String, now: DateTime<Utc>) {
        self.message = Some(message);
        self.enter(State::Failed, now);
    }

    /// How long the batch took, in milliseconds.
    pub(super) fn took(&self) -> i64 {
        (self.changed - self.created).num_milliseconds().max(0)
    }

    /// The batch as it is told.
    pub(super) fn info(&self) -> Value {
        let mut info = json!({
            "id": self.id.to_string(),
            "jobId": self.job.to_string(),
            "state": self.state.name(),
            "createdDate": moment(self.created),
            "systemModstamp": moment(self.changed),
            "numberRecordsProcessed": self.processed,
            "numberRecordsFailed": self.failed,
            "totalProcessingTime": self.took(),
            "apiActiveProcessingTime": self.took(),
            "apexProcessingTime": 0,
        });
        if let (Some(message), Some(members)) = (&self.message, info.as_object_mut()) {
            members.insert("stateMessage".to_owned(), json!(message));
        }
        info
    }
}
