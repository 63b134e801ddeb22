//! Jobs: what they are to do, their batches, and how they are told.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{
    Id,
    http::{
        async_bulk::{
            answer::{Form, Refusal},
            batch::{Batch, State as BatchState},
        },
        faults::Trouble,
    },
    org::{Operation, Scope},
};

/// Where a job stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    Open,
    Closed,
    Aborted,
}

impl State {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::Closed => "Closed",
            Self::Aborted => "Aborted",
        }
    }
}

/// What the batches of a job do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Task {
    Write(Operation),
    Query(Scope),
}

impl Task {
    /// The task of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "insert" => Self::Write(Operation::Insert),
            "update" => Self::Write(Operation::Update),
            "upsert" => Self::Write(Operation::Upsert),
            "delete" => Self::Write(Operation::Delete),
            "hardDelete" => Self::Write(Operation::HardDelete),
            "query" => Self::Query(Scope::Live),
            "queryAll" => Self::Query(Scope::WithDeleted),
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Write(Operation::Insert) => "insert",
            Self::Write(Operation::Update) => "update",
            Self::Write(Operation::Upsert) => "upsert",
            Self::Write(Operation::Delete) => "delete",
            Self::Write(Operation::HardDelete) => "hardDelete",
            Self::Query(Scope::Live) => "query",
            Self::Query(Scope::WithDeleted) => "queryAll",
        }
    }
}

/// The type of a job's bodies and results.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Content {
    Csv,
    Json,
    Xml,
}

impl Content {
    /// The type of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "CSV" => Self::Csv,
            "JSON" => Self::Json,
            "XML" => Self::Xml,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::Json => "JSON",
            Self::Xml => "XML",
        }
    }

    /// The type of bodies, as HTTP names it.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Json => "application/json",
            Self::Xml => "application/xml",
        }
    }

    /// The form in which the job is told to a client that does not say.
    pub(super) fn form(self) -> Form {
        if self == Self::Json { Form::Json } else { Form::Xml }
    }
}

/// A job.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: Id,
    pub(super) user: Id,
    pub(super) task: Task,
    pub(super) object: String,
    pub(super) key_field: Option<String>,
    pub(super) content: Content,
    /// Whether batches wait for each other.
    pub(super) is_serial: bool,
    /// Rows of a batch that a query is cut into, and the id to begin with.
    pub(super) chunks: Option<(usize, Option<Id>)>,
    pub(super) state: State,
    pub(super) created: DateTime<Utc>,
    pub(super) changed: DateTime<Utc>,
    /// `59.0`
    pub(super) version: String,
    /// What a fault does to every batch.
    pub(super) trouble: Trouble,
    /// In the order in which they came.
    pub(super) batches: Vec<Batch>,
}

impl Job {
    /// The batch with this id.
    ///
    /// # Errors
    /// `InvalidBatch` when the job has none.
    pub(super) fn batch(&mut self, id: &str) -> Result<&mut Batch, Refusal> {
        let found =
            Id::from_text(id).and_then(|id| self.batches.iter_mut().find(|batch| batch.id == id));
        found.ok_or_else(|| Refusal::new("InvalidBatch", format!("Invalid batch id: {id}")))
    }

    /// The job as it is told.
    pub(super) fn info(&self) -> Value {
        let count = |state| self.batches.iter().filter(|batch| batch.state == state).count();
        let sum = |part: fn(&Batch) -> usize| self.batches.iter().map(part).sum::<usize>();
        let took: i64 = self.batches.iter().map(Batch::took).sum();
        json!({
            "id": self.id.to_string(),
            "operation": self.task.name(),
            "object": self.object,
            "createdById": self.user.to_string(),
            "createdDate": moment(self.created),
            "systemModstamp": moment(self.changed),
            "state": self.state.name(),
            "externalIdFieldName": self.key_field,
            "concurrencyMode": if self.is_serial { "Serial" } else { "Parallel" },
            "contentType": self.content.name(),
            "numberBatchesQueued": count(BatchState::Queued),
            "numberBatchesInProgress": count(BatchState::InProgress),
            "numberBatchesCompleted": count(BatchState::Completed),
            "numberBatchesFailed": count(BatchState::Failed),
            "numberBatchesTotal": self.batches.len(),
            "numberRecordsProcessed": sum(|batch| batch.processed),
            "numberRecordsFailed": sum(|batch| batch.failed),
            "numberRetries": 0,
            "apiVersion": self.version.parse::<f64>().unwrap_or_default(),
            "totalProcessingTime": took,
            "apiActiveProcessingTime": took,
            "apexProcessingTime": 0,
        })
    }
}

/// All jobs of this API. Their ids are given out together with those of Bulk 2.0.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    known: BTreeMap<Id, Job>,
    batches: u64,
    results: u64,
}

impl Jobs {
    /// Takes a job in.
    pub(super) fn add(&mut self, job: Job) {
        self.known.insert(job.id, job);
    }

    /// The job with this id.
    pub(super) fn get(&mut self, id: Id) -> Option<&mut Job> {
        self.known.get_mut(&id)
    }

    /// The job of a path.
    ///
    /// # Errors
    /// `InvalidJob` when there is none.
    pub(super) fn find(&mut self, id: &str) -> Result<&mut Job, Refusal> {
        let found = Id::from_text(id).and_then(|id| self.known.get_mut(&id));
        found.ok_or_else(|| Refusal::new("InvalidJob", format!("Invalid job id: {id}")))
    }

    /// The next batch's id.
    pub(super) fn next_batch(&mut self) -> Id {
        self.batches += 1;
        Id::generate("751", self.batches)
    }

    /// The next result's id.
    pub(super) fn next_result(&mut self) -> Id {
        self.results += 1;
        Id::generate("752", self.results)
    }

    /// Forgets all jobs.
    pub(crate) fn clear(&mut self) {
        self.known.clear();
    }
}

/// An instant as this API writes it.
pub(super) fn moment(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
