//! Queries.

use std::cmp::Ordering;

use super::{Org, QueryResult, Scope};
use crate::{ApiError, value::Value};

/// Compares two values of one type.
pub(super) fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Id(a), Value::Id(b)) => Some(a.cmp(b)),
        (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
        (Value::Moment(a), Value::Moment(b)) => Some(a.cmp(b)),
        _ => a.as_number()?.partial_cmp(&b.as_number()?),
    }
}

impl Org {
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
}
