//! What happens to a request that a fault strikes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What happens to a request that a fault strikes.
///
/// Several faults can strike one request. Those that decide its fate exclude each other: the first
/// armed strikes, the others wait for the next request. Delays, row errors and changes of the answer
/// add up.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// Nothing is done, and a documented error is answered, in the form of the API that was asked.
    Error {
        /// Salesforce's code, such as `REQUEST_LIMIT_EXCEEDED` or `invalid_grant`.
        code: String,
        /// Another status than the documented one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// Another message than the usual one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// The fields that it blames.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        fields: Vec<String>,
    },
    /// Nothing is done, and this is answered; without a body, what is usual with the status.
    Status {
        /// The status.
        status: u16,
        /// A body of JSON.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<Value>,
        /// A body of HTML.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        html: Option<String>,
        /// Headers, such as a `Location`.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        headers: BTreeMap<String, String>,
    },
    /// Nothing is done, and something before the org answers with a page.
    Page {
        /// Which one.
        page: Page,
    },
    /// Nothing is done and the connection closes without an answer.
    CutBefore {},
    /// Everything is done, then the connection closes without an answer.
    CutAfter {},
    /// The session of the request ends before it is looked at.
    EndSession {},
    /// The work is done twice and answered once.
    ApplyTwice {},
    /// The client gets no good answer, and the work is done later.
    ApplyLate {
        /// How much later; until it is released when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        millis: Option<u64>,
        /// What the client gets at once.
        #[serde(default)]
        answer: LateAnswer,
    },
    /// The work is stamped now, becomes visible later, and is answered then.
    LateCommit {
        /// How much later; until it is released when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        millis: Option<u64>,
    },
    /// Everything is done, slowly.
    Latency {
        /// The pause before the work.
        #[serde(default)]
        millis: u64,
        /// The pause between the work and the answer.
        #[serde(default)]
        after_millis: u64,
    },
    /// The answer comes drop by drop.
    SlowBody {
        /// How fast.
        bytes_per_second: u64,
    },
    /// The connection closes after this many bytes of the answer's body.
    Truncate {
        /// How many.
        #[serde(default)]
        bytes: usize,
    },
    /// The answer's body ends after this many bytes as if that were all.
    Shorten {
        /// How many.
        bytes: usize,
    },
    /// The answer's body goes on with so many spaces.
    Flood {
        /// How many.
        bytes: u64,
    },
    /// Headers and members of the answer are not what they should be.
    Edit {
        /// Headers to set, or with `null` to leave out.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        headers: BTreeMap<String, Option<String>>,
        /// Members of a JSON answer to set, by JSON pointer such as `/nextRecordsUrl`.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        json: BTreeMap<String, Value>,
        /// Pieces of the answer's text and what stands there instead; a character up to U+00FF
        /// becomes the byte of its number, so that there can be what is no text.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        replace: BTreeMap<String, String>,
    },
    /// The rows of a CSV answer, or of a JSON answer that is a list, come in another order.
    Shuffle {
        /// Which one.
        #[serde(default)]
        seed: u64,
    },
    /// Rows of a CSV answer are missing.
    LoseRows {
        /// Every how many rows.
        every: usize,
    },
    /// Rows of a write are refused: of a collection, a Bulk upload, or the row of a single call.
    RowError {
        /// Every how many rows; 1 is all of them.
        #[serde(default = "one")]
        every: usize,
        /// Only rows with this value.
        #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
        condition: Option<RowCondition>,
        /// Salesforce's code.
        #[serde(default = "lock_code")]
        code: String,
        /// Another message than the usual one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// The fields that it blames.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        fields: Vec<String>,
    },
    /// The Bulk job that the request creates, feeds or closes goes wrong.
    Job {
        /// How it ends.
        ending: JobEnding,
        /// After how many rows.
        #[serde(default)]
        after_rows: u64,
        /// What a failed job says.
        #[serde(default = "job_message")]
        message: String,
    },
}

/// A row's field and the value that makes it fail.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RowCondition {
    /// The name, in any case.
    pub field: String,
    /// The value as the request writes it; a number fits its text.
    pub equals: Value,
}

/// Pages that come from what stands before the org.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Page {
    /// 502: the edge did not reach the instance.
    BadGateway,
    /// 503: down for maintenance.
    Maintenance,
    /// 504: the instance did not answer the edge in time.
    GatewayTimeout,
    /// 420: the edge does not know where the org lives now.
    UnknownRouting,
}

/// What the client gets when the work is done after it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LateAnswer {
    /// The connection closes without an answer.
    #[default]
    Cut,
    /// A page with status 504.
    GatewayTimeout,
}

/// How a Bulk job goes wrong.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JobEnding {
    /// It fails; the rows that are left are unprocessed.
    Fail,
    /// It completes and leaves the rest unprocessed.
    Unprocessed,
    /// It stays in progress.
    Stall,
}

impl FaultKind {
    /// This status in place of the work, with the body that is usual for it.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Status { status, body: None, html: None, headers: BTreeMap::new() }
    }

    /// This status and body of JSON in place of the work.
    #[must_use]
    pub fn json(status: u16, body: Value) -> Self {
        Self::Status { status, body: Some(body), html: None, headers: BTreeMap::new() }
    }

    /// A documented error in place of the work.
    #[must_use]
    pub fn error(code: impl Into<String>) -> Self {
        Self::Error { code: code.into(), status: None, message: None, fields: Vec::new() }
    }

    /// A documented error for every so many rows.
    #[must_use]
    pub fn row_error(code: impl Into<String>, every: usize) -> Self {
        let code = code.into();
        Self::RowError { every, condition: None, code, message: None, fields: Vec::new() }
    }

    /// A documented error for the rows with this value.
    #[must_use]
    pub fn poison(code: impl Into<String>, field: impl Into<String>, equals: Value) -> Self {
        let condition = Some(RowCondition { field: field.into(), equals });
        let code = code.into();
        Self::RowError { every: 1, condition, code, message: None, fields: Vec::new() }
    }

    /// A pause before the work.
    #[must_use]
    pub fn latency(millis: u64) -> Self {
        Self::Latency { millis, after_millis: 0 }
    }

    /// The name, as JSON and the request log write it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Error { .. } => "error",
            Self::Status { .. } => "status",
            Self::Page { .. } => "page",
            Self::CutBefore {} => "cut_before",
            Self::CutAfter {} => "cut_after",
            Self::EndSession {} => "end_session",
            Self::ApplyTwice {} => "apply_twice",
            Self::ApplyLate { .. } => "apply_late",
            Self::LateCommit { .. } => "late_commit",
            Self::Latency { .. } => "latency",
            Self::SlowBody { .. } => "slow_body",
            Self::Truncate { .. } => "truncate",
            Self::Shorten { .. } => "shorten",
            Self::Flood { .. } => "flood",
            Self::Edit { .. } => "edit",
            Self::Shuffle { .. } => "shuffle",
            Self::LoseRows { .. } => "lose_rows",
            Self::RowError { .. } => "row_error",
            Self::Job { .. } => "job",
        }
    }
}

fn one() -> usize {
    1
}

fn lock_code() -> String {
    "UNABLE_TO_LOCK_ROW".to_owned()
}

fn job_message() -> String {
    "InternalServerError : Job failed after an internal error".to_owned()
}
