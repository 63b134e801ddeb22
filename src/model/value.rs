//! Values as both sides can hold them, and the Postgres column types they live in.

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
    /// A Salesforce `int`.
    Int(i64),
    /// Any other number. Heroku Connect keeps all of them in `double precision`.
    Double(f64),
    /// Text of any kind: names, picklist values, ids of referenced records.
    Text(String),
    /// A calendar day.
    Date(NaiveDate),
    /// A moment in UTC, with the precision of a millisecond at most.
    DateTime(NaiveDateTime),
    /// A time of day.
    Time(NaiveTime),
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

/// The type of a mapped column.
///
/// The choice per Salesforce field type follows Heroku Connect's tables, so that existing SQL keeps working.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// `varchar(n)`.
    Varchar(u32),
    /// `text`.
    Text,
    /// `boolean`.
    Boolean,
    /// `integer`.
    Integer,
    /// `double precision`.
    Double,
    /// `date`.
    Date,
    /// `timestamp without time zone`, holding UTC.
    Timestamp,
    /// `time without time zone`.
    Time,
}

impl ColumnType {
    /// The type as written in DDL and as `format_type` of `pg_attribute` prints it.
    #[must_use]
    pub fn sql(self) -> String {
        match self {
            Self::Varchar(length) => format!("character varying({length})"),
            Self::Text => "text".to_owned(),
            Self::Boolean => "boolean".to_owned(),
            Self::Integer => "integer".to_owned(),
            Self::Double => "double precision".to_owned(),
            Self::Date => "date".to_owned(),
            Self::Timestamp => "timestamp without time zone".to_owned(),
            Self::Time => "time without time zone".to_owned(),
        }
    }
}
