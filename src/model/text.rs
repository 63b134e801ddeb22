//! How a [`Value`] is written: by Postgres, in Salesforce's JSON and CSV, and in a SOQL literal.
//!
//! Every reader normalises, so that a value that went round through the other side compares equal:
//! text loses the white space at its ends and carriage returns, as Salesforce stores it, and empty text is null;
//! moments are cut to the millisecond.

use super::{ColumnType, Value};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, SubsecRound};
use serde_json::Value as Json;

/// A text that cannot be read as a value of the column's type.
///
/// The offending text is not part of the message: cells are never logged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value does not fit its column type {expected}")]
pub struct InvalidValue {
    /// The SQL name of the type that was expected.
    pub expected: String,
}

/// Reads the text form in which Postgres prints a value of the column (as it stands in `_trigger_log`).
///
/// # Errors
/// When the text is no such value.
pub fn parse_postgres(column: ColumnType, text: Option<&str>) -> Result<Value, InvalidValue> {
    let Some(text) = text else { return Ok(Value::Null) };
    match (column, text) {
        (ColumnType::Boolean, "t") => Ok(Value::Bool(true)),
        (ColumnType::Boolean, "f") => Ok(Value::Bool(false)),
        (ColumnType::Timestamp, text) => parse_with(column, text, |text| {
            NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()
        }),
        _ => parse_salesforce(column, Some(text)),
    }
}

/// Reads the text form of Salesforce: a CSV cell, or the content of a JSON string, number or boolean.
///
/// # Errors
/// When the text is no such value.
pub fn parse_salesforce(column: ColumnType, text: Option<&str>) -> Result<Value, InvalidValue> {
    let Some(text) = text else { return Ok(Value::Null) };
    match column {
        ColumnType::Varchar(_) | ColumnType::Text => Ok(normalised_text(text)),
        _ if text.is_empty() => Ok(Value::Null),
        ColumnType::Boolean => parse_with(column, text, |text| match text {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }),
        ColumnType::Integer => parse_with(column, text, parse_integer),
        ColumnType::Double => parse_with(column, text, |text| text.parse::<f64>().ok()),
        ColumnType::Date => parse_with(column, text, |text| text.parse::<NaiveDate>().ok()),
        ColumnType::Timestamp => parse_with(column, text, |text| {
            DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%#z")
                .map(|moment| moment.naive_utc())
                .ok()
        }),
        ColumnType::Time => parse_with(column, text, |text| {
            text.strip_suffix('Z').unwrap_or(text).parse::<NaiveTime>().ok()
        }),
    }
}

/// The JSON that the REST API takes for this value.
#[must_use]
pub fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Int(number) => Json::from(*number),
        Value::Double(number) => Json::from(*number),
        Value::Text(_) | Value::Date(_) | Value::DateTime(_) | Value::Time(_) => {
            Json::String(to_plain_text(value))
        }
    }
}

/// What a Bulk API CSV cell holds to set a field to null; an empty cell means "leave it as it is".
#[must_use]
pub const fn bulk_null() -> &'static str {
    "#N/A"
}

/// The CSV cell that the Bulk API takes for this value.
#[must_use]
pub fn to_csv(value: &Value) -> String {
    match value {
        Value::Null => bulk_null().to_owned(),
        _ => to_plain_text(value),
    }
}

/// The literal for a SOQL condition, quoted and escaped where SOQL wants quotes.
#[must_use]
pub fn to_soql_literal(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Text(text) => {
            let escaped = text
                .replace('\\', "\\\\")
                .replace('\'', "\\'")
                .replace('\n', "\\n")
                .replace('\r', "\\r");
            format!("'{escaped}'")
        }
        _ => to_plain_text(value),
    }
}

fn to_plain_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Date(day) => day.format("%Y-%m-%d").to_string(),
        Value::DateTime(moment) => moment.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        Value::Time(time) => time.format("%H:%M:%S%.3fZ").to_string(),
    }
}

fn normalised_text(text: &str) -> Value {
    let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace());
    if trimmed.is_empty() {
        Value::Null
    } else if trimmed.contains('\r') {
        Value::Text(trimmed.replace("\r\n", "\n"))
    } else {
        Value::Text(trimmed.to_owned())
    }
}

/// A Salesforce `int`, which the REST API may print with a fraction of zero.
fn parse_integer(text: &str) -> Option<i64> {
    text.strip_suffix(".0").unwrap_or(text).parse().ok()
}

fn parse_with<T: Into<Value>>(
    column: ColumnType,
    text: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Value, InvalidValue> {
    parse(text).map(Into::into).ok_or_else(|| InvalidValue { expected: column.sql() })
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Double(number)
    }
}

impl From<NaiveDate> for Value {
    fn from(day: NaiveDate) -> Self {
        Self::Date(day)
    }
}

impl From<NaiveDateTime> for Value {
    fn from(moment: NaiveDateTime) -> Self {
        Self::DateTime(moment.trunc_subsecs(3))
    }
}

impl From<NaiveTime> for Value {
    fn from(time: NaiveTime) -> Self {
        Self::Time(time.trunc_subsecs(3))
    }
}

#[cfg(test)]
mod tests {
    use super::{parse_postgres, parse_salesforce, to_csv, to_json, to_soql_literal};
    use crate::model::{ColumnType, Value};

    #[test]
    fn both_sides_spell_the_same_value_differently() {
        #[rustfmt::skip]
        let table = [
            (ColumnType::Boolean,     "t",                          "true"),
            (ColumnType::Integer,     "42",                         "42"),
            (ColumnType::Integer,     "42",                         "42.0"),
            (ColumnType::Double,      "1e+20",                      "1.0E20"),
            (ColumnType::Double,      "10",                         "10.0"),
            (ColumnType::Date,        "2024-02-29",                 "2024-02-29"),
            (ColumnType::Timestamp,   "2024-01-02 03:04:05",        "2024-01-02T03:04:05.000+0000"),
            (ColumnType::Timestamp,   "2024-01-02 03:04:05.678901", "2024-01-02T03:04:05.678Z"),
            (ColumnType::Timestamp,   "2024-01-02 03:04:05",        "2024-01-02T05:04:05.000+02:00"),
            (ColumnType::Time,        "10:12:00",                   "10:12:00.000Z"),
            (ColumnType::Text,        "a\nb ",                      "a\r\nb"),
            (ColumnType::Varchar(10), "",                           ""),
        ];
        for (column, postgres, salesforce) in table {
            assert_eq!(
                parse_postgres(column, Some(postgres)).unwrap(),
                parse_salesforce(column, Some(salesforce)).unwrap(),
                "{column:?} {postgres} {salesforce}"
            );
        }
    }

    #[test]
    fn a_no_break_space_survives_normalisation() {
        let value = parse_salesforce(ColumnType::Text, Some("\u{a0}x\u{a0}")).unwrap();
        assert_eq!(value, Value::Text("\u{a0}x\u{a0}".into()));
    }

    #[test]
    fn null_is_explicit_in_every_outgoing_form() {
        assert_eq!(to_json(&Value::Null), serde_json::Value::Null);
        assert_eq!(to_csv(&Value::Null), "#N/A");
        assert_eq!(to_soql_literal(&Value::Null), "null");
    }

    #[test]
    fn a_soql_literal_cannot_break_out_of_its_quotes() {
        assert_eq!(to_soql_literal(&Value::Text("a' OR \\'\n".into())), "'a\\' OR \\\\\\'\\n'");
    }

    #[test]
    fn what_does_not_fit_is_an_error_without_the_value() {
        let error = parse_salesforce(ColumnType::Integer, Some("secret")).unwrap_err();
        assert!(!error.to_string().contains("secret"));
    }
}
