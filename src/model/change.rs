//! Captured changes: the rows of the trigger log.

use super::SalesforceId;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::fmt;

/// The columns of a captured row in Postgres' text form; `None` is SQL null.
pub type Fields = BTreeMap<String, Option<String>>;

/// What the application did to the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// A new row.
    Insert,
    /// A changed row.
    Update,
    /// A removed row.
    Delete,
}

impl Action {
    /// The word in `_trigger_log.action`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }

    /// Reads `_trigger_log.action`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Insert, Self::Update, Self::Delete]
            .into_iter()
            .find(|action| action.as_str() == word)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The states of a trigger-log row, as Heroku Connect's clients know them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeState {
    /// Captured, ready to be sent.
    New,
    /// Captured, and nothing to send.
    Ignore,
    /// Being sent.
    Pending,
    /// Absorbed by another change of the same record.
    Merged,
    /// Accepted by Salesforce.
    Success,
    /// Refused by Salesforce; `sf_message` says why.
    Failed,
    /// Captured on a mapping that does not write to Salesforce.
    ReadOnly,
    /// Given up: nothing was or will be sent.
    Ignored,
    /// An archived row that an operator wants sent again.
    Requeue,
    /// A row that was captured again.
    Requeued,
}

impl ChangeState {
    /// Every state, in no particular order.
    pub const ALL: [Self; 10] = [
        Self::New,
        Self::Ignore,
        Self::Pending,
        Self::Merged,
        Self::Success,
        Self::Failed,
        Self::ReadOnly,
        Self::Ignored,
        Self::Requeue,
        Self::Requeued,
    ];

    /// The word in `_trigger_log.state`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::Ignore => "IGNORE",
            Self::Pending => "PENDING",
            Self::Merged => "MERGED",
            Self::Success => "SUCCESS",
            Self::Failed => "FAILED",
            Self::ReadOnly => "READONLY",
            Self::Ignored => "IGNORED",
            Self::Requeue => "REQUEUE",
            Self::Requeued => "REQUEUED",
        }
    }

    /// Reads `_trigger_log.state`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

impl fmt::Display for ChangeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One row of the trigger log.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// `_trigger_log.id`. Ascending per record, in commit order; says nothing across records.
    pub log_id: i32,
    /// Where the row stands.
    pub state: ChangeState,
    /// The mapped table, without schema.
    pub table: String,
    /// The row's `id`.
    pub record_id: i32,
    /// The record's Salesforce id at capture, where the row had one. Absent where the column held no valid id.
    pub sfid: Option<SalesforceId>,
    /// What was done.
    pub action: Action,
    /// The whole row before the change; for updates and deletes.
    pub old: Option<Fields>,
    /// The row for an insert, the changed columns for an update.
    pub values: Option<Fields>,
    /// When the application's statement ran, by the database's clock.
    pub created_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::ChangeState;

    #[test]
    fn every_state_fits_the_column_and_reads_back() {
        for state in ChangeState::ALL {
            assert!(state.as_str().len() <= 8, "{state}");
            assert_eq!(ChangeState::parse(state.as_str()), Some(state));
        }
    }
}
