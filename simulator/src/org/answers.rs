//! What calls take and answer.

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use super::{IdList, Shape};
use crate::{ApiError, Id, value::Value};

/// Whether a query sees rows in the recycle bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// `query`: live rows only.
    Live,
    /// `queryAll`: also soft-deleted rows.
    WithDeleted,
}

/// The external id (or idLookup field, or `Id`) by which an upsert finds its row.
#[derive(Debug, Clone)]
pub struct Key {
    /// Name of the field.
    pub field: String,
    /// The value, as in a JSON body; text from a URL also suits number fields.
    pub value: Json,
}

/// What an upsert did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upserted {
    /// The row.
    pub id: Id,
    /// Whether it was inserted.
    pub created: bool,
}

/// Why an upsert did nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpsertError {
    /// Several rows have the key: REST's answer is 300 with their paths, elsewhere it is the row
    /// error `DUPLICATE_EXTERNAL_ID`, which [`ApiError::from`] makes of it.
    Several(Vec<Id>),
    /// Refused like any other write.
    Refused(ApiError),
}

/// The rows that a query found.
#[derive(Debug, Clone)]
pub struct QueryResult {
    /// The columns.
    pub shape: Shape,
    /// The rows in order; empty for `COUNT()` and for groups.
    pub rows: IdList,
    /// `totalSize`: the number of rows or groups, or what `COUNT()` counted.
    pub total: usize,
    /// What an aggregate query answers in place of rows.
    pub groups: Option<Groups>,
    /// Whether records in the recycle bin are shown.
    pub scope: Scope,
}

impl QueryResult {
    /// How many records there are to write.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.as_ref().map_or(self.rows.len(), |groups| groups.rows.len())
    }

    /// How much memory it takes, in runs of ids or records of groups.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.groups.as_ref().map_or(self.rows.runs(), |groups| groups.rows.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The records of an aggregate query, each with a value for every name.
#[derive(Debug, Clone, PartialEq)]
pub struct Groups {
    /// Aliases, names of fields, `expr0` and so on.
    pub names: Vec<String>,
    /// The records in order.
    pub rows: Vec<Vec<Value>>,
}

/// The answer of getUpdated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updated {
    /// Rows inserted or changed, not deleted.
    pub ids: Vec<Id>,
    /// `latestDateCovered`.
    pub latest_date_covered: DateTime<Utc>,
}

/// The answer of getDeleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// Rows and when they were deleted.
    pub records: Vec<(Id, DateTime<Utc>)>,
    /// `earliestDateAvailable`.
    pub earliest_date_available: DateTime<Utc>,
    /// `latestDateCovered`.
    pub latest_date_covered: DateTime<Utc>,
}

/// What a Bulk ingest job does with its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// New rows.
    Insert,
    /// Changes by `Id`.
    Update,
    /// Insert or change by a key column.
    Upsert,
    /// To the recycle bin, by `Id`.
    Delete,
    /// Past the recycle bin, by `Id`.
    HardDelete,
}

/// A Bulk row that succeeded.
pub type Ingested = Upserted;

/// A Bulk row that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestFailure {
    /// `sf__Id`: the row concerned, if there is one.
    pub id: Option<Id>,
    /// What is said in `sf__Error` by [`ApiError::to_bulk_text`].
    pub error: ApiError,
}

impl From<UpsertError> for ApiError {
    fn from(error: UpsertError) -> Self {
        match error {
            UpsertError::Refused(error) => error,
            UpsertError::Several(ids) => {
                let ids: Vec<String> = ids.iter().map(Id::to_string).collect();
                let ids = ids.join(", ");
                let message = format!("more than one record found for external id field: [{ids}]");
                Self::row("DUPLICATE_EXTERNAL_ID", message, &[])
            }
        }
    }
}

impl From<ApiError> for UpsertError {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}
