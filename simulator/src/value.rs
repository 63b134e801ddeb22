//! A stored value and its two texts: REST's JSON and the cells of Bulk's CSV.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use crate::Id;

/// A map of a JSON body: field names to values.
pub type JsonMap = serde_json::Map<String, serde_json::Value>;

/// One stored value. Text is never empty: Salesforce stores that as null.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// `boolean`.
    Bool(bool),
    /// `int` and `long`.
    Int(i64),
    /// `double`, `currency`, `percent`, already rounded to the field's scale.
    Number(f64),
    /// Every kind of text and picklist.
    Text(Box<str>),
    /// `id` and `reference`.
    Id(Id),
    /// `date`.
    Date(NaiveDate),
    /// `time`.
    Time(NaiveTime),
    /// `datetime`, in whole seconds.
    Moment(DateTime<Utc>),
}
