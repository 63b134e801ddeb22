//! Values as both sides can hold them, and the Postgres column types they live in.

use super::{Decimal, InvalidValue};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

/// One cell, in the form in which both sides are compared.
///
/// Equality is the equality of reconciliation: two values are equal when neither side would have to write to
/// make the other the same. Text is therefore compared after the normalisation that Salesforce applies on save
/// (see [`super::parse_postgres`]).
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value. Salesforce knows no empty text: an empty string becomes this.
    Null,
    /// A checkbox.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number in a `double precision` column, as Heroku Connect keeps them. Finite, and never minus zero.
    Double(f64),
    /// A number in a `numeric` column, to its last digit.
    Decimal(Decimal),
    /// Text of any kind: names, picklist values, ids of referenced records.
    Text(String),
    /// A calendar day.
    Date(NaiveDate),
    /// A moment in UTC, with the precision of a millisecond at most.
    DateTime(NaiveDateTime),
    /// A time of day.
    Time(NaiveTime),
    /// There is a value, and its column cannot hold it. It is never written and never taken for null: the record
    /// is put aside and reported.
    Unreadable(InvalidValue),
}

impl Value {
    /// Whether this is [`Value::Null`].
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text of a [`Value::Text`].
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}
