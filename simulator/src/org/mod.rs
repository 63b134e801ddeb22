//! The org: its rows, and everything that can be asked of them or done to them.
//!
//! # How a caller uses it
//!
//! An [`Org`] is a plain value: no locks, no network, no time of its own. Reading takes `&self`,
//! writing `&mut self`; whoever shares it puts it behind a lock. Every method that may be refused
//! answers an [`ApiError`] that already has Salesforce's code, words, `fields` and, for calls
//! about one row, HTTP status.
//!
//! * Names of objects and fields are accepted in any case, ids with 15 or 18 characters.
//! * Each writing call ([`Org::create`], [`Org::update`], [`Org::upsert`], [`Org::delete`],
//!   [`Org::ingest`]) is one row and one transaction: it happens completely or not at all. To
//!   take several back together (`allOrNone`), bracket them with [`Org::begin`] and
//!   [`Org::rollback`] or [`Org::commit`].
//! * A query answers row ids and a [`Shape`]; rows are written out one at a time with
//!   [`Org::write_json`] or [`Org::csv_row`], so a cursor keeps only ids.

use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use crate::{ApiError, Id, schema::Schema, value::JsonMap};

/// Tells the time of the org. The org truncates it to whole seconds.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// A Salesforce org: schema, rows, users and one commit clock.
pub struct Org {
    schema: Schema,
    clock: Clock,
}

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

/// What a query or retrieve writes for each row: an object and the columns of the SELECT list.
#[derive(Debug, Clone)]
pub struct Shape {}

/// The rows that a query found.
#[derive(Debug, Clone)]
pub struct QueryResult {
    /// The columns.
    pub shape: Shape,
    /// The rows in order; empty for `COUNT()`.
    pub rows: Vec<Id>,
    /// `totalSize`: the number of rows, or what `COUNT()` counted.
    pub total: usize,
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

/// A Bulk ingest job's header, understood: built once by [`Org::plan_ingest`].
#[derive(Debug, Clone)]
pub struct IngestPlan {}

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

impl fmt::Debug for Org {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Org").finish_non_exhaustive()
    }
}

impl Org {
    /// An org without records but its two users (see [`Org::integration_user`] and
    /// [`Org::human_user`]).
    #[must_use]
    pub fn new(schema: Schema, clock: Clock) -> Self {
        Self { schema, clock }
    }

    /// The objects, for describe and describe global.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The commit clock, in whole seconds: what the next write would be stamped with.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    /// The org's own id (`00D…`).
    #[must_use]
    pub fn organization_id(&self) -> Id {
        Id::generate("00D", 1)
    }

    /// The user that a sync works as.
    #[must_use]
    pub fn integration_user(&self) -> Id {
        Id::generate("005", 1)
    }

    /// A second user, for acting as a person would.
    #[must_use]
    pub fn human_user(&self) -> Id {
        Id::generate("005", 2)
    }

    /// The active user with this user name, in any case.
    #[must_use]
    pub fn user(&self, _username: &str) -> Option<Id> {
        None
    }

    /// The user name of a user.
    #[must_use]
    pub fn username(&self, _user: Id) -> Option<String> {
        None
    }

    /// Starts recording, so that [`Org::rollback`] can take the writes from here on back.
    pub fn begin(&mut self) {}

    /// Keeps what was written since [`Org::begin`].
    pub fn commit(&mut self) {}

    /// Takes back what was written since [`Org::begin`]. Ids stay used up, as in Salesforce.
    pub fn rollback(&mut self) {}

    /// Inserts a row. `attributes` in the body is ignored.
    ///
    /// # Errors
    /// As Salesforce: unknown or read-only fields, values of the wrong type, length or range,
    /// missing required fields, references to nothing, duplicates, validation rules.
    pub fn create(&mut self, _user: Id, _object: &str, _body: &JsonMap) -> Result<Id, ApiError> {
        Err(ApiError::unknown_object())
    }

    /// Changes the given fields of a row.
    ///
    /// # Errors
    /// As [`Org::create`]; 404 with `INVALID_CROSS_REFERENCE_KEY` or `ENTITY_IS_DELETED` when the
    /// row is missing or in the recycle bin.
    pub fn update(
        &mut self,
        _user: Id,
        _object: &str,
        _id: &str,
        _body: &JsonMap,
    ) -> Result<Id, ApiError> {
        Err(ApiError::unknown_object())
    }

    /// Inserts or changes the row with this key. The body must not contain the key again.
    ///
    /// # Errors
    /// As [`Org::create`]; `NOT_FOUND` when the field is no key of the object.
    pub fn upsert(
        &mut self,
        _user: Id,
        _object: &str,
        _key: &Key,
        _body: &JsonMap,
    ) -> Result<Upserted, UpsertError> {
        Err(UpsertError::Refused(ApiError::unknown_object()))
    }

    /// Like [`Org::upsert`], with the key inside the body, as in Collections.
    ///
    /// # Errors
    /// As [`Org::upsert`]; `MISSING_ARGUMENT` when the body has no key value.
    pub fn upsert_keyed(
        &mut self,
        _user: Id,
        _object: &str,
        _key_field: &str,
        _body: &JsonMap,
    ) -> Result<Upserted, UpsertError> {
        Err(UpsertError::Refused(ApiError::unknown_object()))
    }

    /// Moves a row, and the rows that hang on it by master-detail or cascading lookups, to the
    /// recycle bin. Without `object` the id's prefix names it (Collections).
    ///
    /// # Errors
    /// 404 when the row is missing or already deleted; `DELETE_FAILED` when children forbid it.
    pub fn delete(&mut self, _user: Id, _object: Option<&str>, _id: &str) -> Result<Id, ApiError> {
        Err(ApiError::unknown_object())
    }

    /// Brings a row and what was deleted with it back from the recycle bin.
    ///
    /// # Errors
    /// `UNDELETE_FAILED` when the row is not in the recycle bin or its master is.
    pub fn undelete(&mut self, _user: Id, _id: &str) -> Result<Id, ApiError> {
        Err(ApiError::unknown_object())
    }

    /// Removes a row, live or in the recycle bin, without a trace but in the delete log.
    ///
    /// # Errors
    /// As [`Org::delete`].
    pub fn purge(&mut self, _id: &str) -> Result<Id, ApiError> {
        Err(ApiError::unknown_object())
    }

    /// Runs a SOQL statement.
    ///
    /// # Errors
    /// `MALFORMED_QUERY`, `INVALID_FIELD`, `INVALID_TYPE` and the other codes of queries, without
    /// `fields`.
    pub fn query(&self, _soql: &str, _scope: Scope) -> Result<QueryResult, ApiError> {
        Err(ApiError::unknown_object())
    }

    /// Like [`Org::query`] for a Bulk query job, which allows less (no compound or base64 fields,
    /// no OFFSET, no COUNT(), no FIELDS()).
    ///
    /// # Errors
    /// As [`Org::query`].
    pub fn bulk_query(&self, _soql: &str, _scope: Scope) -> Result<QueryResult, ApiError> {
        Err(ApiError::unknown_object())
    }

    /// The shape of a retrieve: these fields, or all fields of the object when `None`.
    ///
    /// # Errors
    /// 404 `NOT_FOUND` for an unknown object, `INVALID_FIELD` for an unknown field.
    pub fn shape(&self, _object: &str, _fields: Option<&[String]>) -> Result<Shape, ApiError> {
        Err(ApiError::unknown_object())
    }

    /// Finds a live row for a retrieve.
    ///
    /// # Errors
    /// 404 `NOT_FOUND` in the two wordings of a malformed and of a missing id.
    pub fn find(&self, _object: &str, _id: &str) -> Result<Id, ApiError> {
        Err(ApiError::unknown_object())
    }

    /// The live rows with this key: none, one, or (not unique) several.
    ///
    /// # Errors
    /// 404 `NOT_FOUND` when the object or key field does not exist.
    pub fn find_by_key(&self, _object: &str, _key: &Key) -> Result<Vec<Id>, ApiError> {
        Err(ApiError::unknown_object())
    }

    /// `LastModifiedDate` of a row (else `SystemModstamp`), for conditional requests.
    #[must_use]
    pub fn last_modified(&self, _id: Id) -> Option<DateTime<Utc>> {
        None
    }

    /// Appends one row as REST's JSON object: `attributes` first, then the columns in order.
    ///
    /// `version` is the number in the URLs, such as `66.0`. Answers `false`, writing nothing, when
    /// the row has been purged.
    pub fn write_json(&self, _shape: &Shape, _id: Id, _version: &str, _out: &mut String) -> bool {
        false
    }

    /// The header of a Bulk query's CSV: field paths such as `Account.Name`.
    #[must_use]
    pub fn csv_header(&self, _shape: &Shape) -> Vec<String> {
        Vec::new()
    }

    /// The cells of one row of a Bulk query's CSV; null is empty. `None` when it has been purged.
    #[must_use]
    pub fn csv_row(&self, _shape: &Shape, _id: Id) -> Option<Vec<String>> {
        None
    }

    /// Understands the header of a Bulk ingest job. `key_field` is its `externalIdFieldName`.
    ///
    /// # Errors
    /// What fails the whole job, such as `InvalidBatch` "Field name not found : Foo"; the job's
    /// `errorMessage` is `"{code} : {message}"`.
    pub fn plan_ingest(
        &self,
        _object: &str,
        _operation: Operation,
        _key_field: Option<&str>,
        _header: &[&str],
    ) -> Result<IngestPlan, ApiError> {
        Err(ApiError::unknown_object())
    }

    /// Carries out one row of a Bulk ingest job. `cells` are aligned with the header; a row that
    /// is shorter has empty cells at its end.
    ///
    /// # Errors
    /// Why this row failed; other rows are not affected.
    pub fn ingest(
        &mut self,
        _user: Id,
        _plan: &IngestPlan,
        _cells: &[&str],
    ) -> Result<Ingested, IngestFailure> {
        Err(IngestFailure { id: None, error: ApiError::unknown_object() })
    }

    /// getUpdated: rows whose `SystemModstamp` lies in the window.
    ///
    /// # Errors
    /// `INVALID_REPLICATION_DATE` for an impossible window, `INVALID_TYPE` for an object that is
    /// not replicateable.
    pub fn updated(
        &self,
        _object: &str,
        _start: DateTime<Utc>,
        _end: DateTime<Utc>,
    ) -> Result<Updated, ApiError> {
        Err(ApiError::unknown_object())
    }

    /// getDeleted: rows deleted (or purged) in the window and not undeleted since.
    ///
    /// # Errors
    /// As [`Org::updated`].
    pub fn deleted(
        &self,
        _object: &str,
        _start: DateTime<Utc>,
        _end: DateTime<Utc>,
    ) -> Result<Deleted, ApiError> {
        Err(ApiError::unknown_object())
    }

    /// The number of live rows, for `limits/recordCount`; `None` for an unknown object.
    #[must_use]
    pub fn record_count(&self, _object: &str) -> Option<usize> {
        None
    }
}

impl From<UpsertError> for ApiError {
    fn from(error: UpsertError) -> Self {
        match error {
            UpsertError::Refused(error) => error,
            UpsertError::Several(_) => Self::row(
                "DUPLICATE_EXTERNAL_ID",
                "more than one record found for external id field",
                &[],
            ),
        }
    }
}
