//! One job: its state and how it is shown.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Id,
    http::{
        bulk::{outcome::Outcome, results::Results, sheet::Format},
        faults::Trouble,
        refusal::Refusal,
        replication::moment,
    },
    org::{Operation, Scope},
};

/// Where a job stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub(crate) enum State {
    /// Waits for its upload.
    Open,
    /// Queued.
    UploadComplete,
    InProgress,
    JobComplete,
    Failed,
    Aborted,
}

impl State {
    /// The name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::UploadComplete => "UploadComplete",
            Self::InProgress => "InProgress",
            Self::JobComplete => "JobComplete",
            Self::Failed => "Failed",
            Self::Aborted => "Aborted",
        }
    }

    /// The state after a client asked for `wanted`.
    ///
    /// # Errors
    /// A state that cannot be asked for, or not from here.
    pub(crate) fn ordered(self, wanted: Self) -> Result<Self, Refusal> {
        match (self, wanted) {
            (Self::Open, Self::UploadComplete)
            | (Self::Open | Self::UploadComplete | Self::InProgress, Self::Aborted) => Ok(wanted),
            _ => Err(wrong_state(format!(
                "Transition from {} to {} is not allowed",
                self.name(),
                wanted.name()
            ))),
        }
    }

    /// Whether nothing more will happen.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::JobComplete | Self::Failed | Self::Aborted)
    }

    /// Whether a job in this state may be deleted.
    pub(crate) fn is_deletable(self) -> bool {
        self.is_final() || self == Self::UploadComplete
    }
}

/// The refusal of what a job's state does not allow.
pub(crate) fn wrong_state(message: impl Into<String>) -> Refusal {
    Refusal::bad_request("INVALIDJOBSTATE", message)
}

/// A job of either kind.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: Id,
    pub(crate) user: Id,
    pub(crate) created: DateTime<Utc>,
    pub(crate) changed: DateTime<Utc>,
    pub(crate) state: State,
    /// `66.0`
    pub(crate) version: String,
    pub(crate) format: Format,
    pub(crate) error: Option<String>,
    pub(crate) processed: u64,
    pub(crate) failed: u64,
    pub(crate) work: Work,
}

/// What a job does.
#[derive(Debug)]
pub(crate) enum Work {
    Query(Query),
    Ingest(Ingest),
}

/// A job that reads.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) soql: String,
    pub(crate) scope: Scope,
    pub(crate) object: String,
    pub(crate) trouble: Trouble,
    pub(crate) results: Option<Arc<Results>>,
}

/// A job that writes.
#[derive(Clone, Debug)]
pub(crate) struct Ingest {
    pub(crate) object: String,
    pub(crate) operation: Operation,
    pub(crate) key_field: Option<String>,
    /// The rule that was named to choose owners; told again, and not run.
    pub(crate) assignment_rule: Option<String>,
    pub(crate) upload: Option<Bytes>,
    pub(crate) trouble: Trouble,
    /// What change events tell of where the changes come from.
    pub(crate) origin: String,
    pub(crate) outcome: Option<Arc<Outcome>>,
}

impl Work {
    /// The bytes that the job keeps.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Query(query) => query.results.as_ref().map_or(0, |results| results.size()),
            Self::Ingest(ingest) => ingest.upload.as_ref().map_or(0, bytes::Bytes::len),
        }
    }

    /// The name of the job's kind.
    pub(crate) fn job_type(&self) -> &'static str {
        match self {
            Self::Query(_) => "V2Query",
            Self::Ingest(_) => "V2Ingest",
        }
    }
}

impl Job {
    /// Moves the job on.
    pub(crate) fn enter(&mut self, state: State, now: DateTime<Utc>) {
        self.state = state;
        self.changed = now;
    }

    /// The job as its creation answers it.
    pub(crate) fn summary(&self) -> Value {
        let mut summary = json!({
            "id": self.id.to_string(),
            "createdById": self.user.to_string(),
            "createdDate": moment(self.created),
            "systemModstamp": moment(self.changed),
            "state": self.state.name(),
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": self.version.parse::<f64>().unwrap_or_default(),
            "lineEnding": self.format.ending.name(),
            "columnDelimiter": self.format.delimiter.name(),
        });
        let Some(members) = summary.as_object_mut() else { return summary };
        let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
        match &self.work {
            Work::Query(query) => {
                put("operation", json!(scope_name(query.scope)));
                put("object", json!(query.object));
            }
            Work::Ingest(ingest) => {
                put("operation", json!(operation_name(ingest.operation)));
                put("object", json!(ingest.object));
                if let Some(field) = &ingest.key_field {
                    put("externalIdFieldName", json!(field));
                }
                if let Some(rule) = &ingest.assignment_rule {
                    put("assignmentRuleId", json!(rule));
                }
                if self.state == State::Open {
                    let (version, id) = (&self.version, self.id);
                    let url = format!("services/data/v{version}/jobs/ingest/{id}/batches");
                    put("contentUrl", json!(url));
                }
            }
        }
        summary
    }

    /// The job as polling answers it.
    pub(crate) fn report(&self) -> Value {
        let mut report = self.summary();
        let Some(members) = report.as_object_mut() else { return report };
        let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
        let took = (self.changed - self.created).num_milliseconds().max(0);
        put("jobType", json!(self.work.job_type()));
        put("retries", json!(0));
        put("totalProcessingTime", json!(took));
        put("isPkChunkingSupported", json!(false));
        put("numberRecordsProcessed", json!(self.processed));
        if let Work::Ingest(_) = self.work {
            put("numberRecordsFailed", json!(self.failed));
            put("apiActiveProcessingTime", json!(took));
            put("apexProcessingTime", json!(0));
        }
        if let Some(error) = &self.error {
            put("errorMessage", json!(error));
        }
        report
    }
}

/// The name of a query's operation.
fn scope_name(scope: Scope) -> &'static str {
    match scope {
        Scope::Live => "query",
        Scope::WithDeleted => "queryAll",
    }
}

/// The name of an ingest operation.
fn operation_name(operation: Operation) -> &'static str {
    match operation {
        Operation::Insert => "insert",
        Operation::Update => "update",
        Operation::Upsert => "upsert",
        Operation::Delete => "delete",
        Operation::HardDelete => "hardDelete",
    }
}

/// The operation of this name.
pub(crate) fn operation_named(name: &str) -> Option<Operation> {
    Some(match name {
        "insert" => Operation::Insert,
        "update" => Operation::Update,
        "upsert" => Operation::Upsert,
        "delete" => Operation::Delete,
        "hardDelete" => Operation::HardDelete,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_may_only_close_open_jobs_and_abort_unfinished_ones() {
        use State::{Aborted, Failed, InProgress, JobComplete, Open, UploadComplete};
        let all = [Open, UploadComplete, InProgress, JobComplete, Failed, Aborted];
        let allowed = [
            (Open, UploadComplete),
            (Open, Aborted),
            (UploadComplete, Aborted),
            (InProgress, Aborted),
        ];
        for from in all {
            for to in all {
                let expected = allowed.contains(&(from, to));
                assert_eq!(from.ordered(to).is_ok(), expected, "{from:?} to {to:?}");
            }
        }
    }
}
