//! A stored value and its two texts: REST's JSON and the cells of Bulk's CSV.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use compact_str::CompactString;

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
    Text(CompactString),
    /// `id` and `reference`.
    Id(Id),
    /// `date`.
    Date(NaiveDate),
    /// `time`.
    Time(NaiveTime),
    /// `datetime`, in whole seconds.
    Moment(DateTime<Utc>),
}

impl Value {
    /// Whether there is no value.
    #[must_use]
    pub fn is_null(&self) -> bool {
        *self == Self::Null
    }

    /// The text, if this is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The id, if this is one.
    #[must_use]
    pub fn as_id(&self) -> Option<Id> {
        match self {
            Self::Id(id) => Some(*id),
            _ => None,
        }
    }

    /// The instant, if this is one.
    #[must_use]
    pub fn as_moment(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Moment(moment) => Some(*moment),
            _ => None,
        }
    }

    /// The number, if this is one, as floating point.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "Salesforce's ints have at most nine digits")]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Appends the value as JSON, in REST's formats.
    pub fn write_json(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(_) | Self::Int(_) => out.push_str(&self.to_cell()),
            Self::Number(number) => out.push_str(&json_number(*number)),
            Self::Text(text) => write_json_text(text, out),
            Self::Moment(moment) => {
                out.push_str(&moment.format("\"%Y-%m-%dT%H:%M:%S.000+0000\"").to_string());
            }
            Self::Id(_) | Self::Date(_) | Self::Time(_) => {
                out.push('"');
                out.push_str(&self.to_cell());
                out.push('"');
            }
        }
    }

    /// The value as a cell of Bulk's CSV, before quoting. Null is empty.
    #[must_use]
    pub fn to_cell(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(value) => value.to_string(),
            Self::Int(number) => number.to_string(),
            Self::Number(number) => {
                let text = number.to_string();
                if text.contains('.') { text } else { text + ".0" }
            }
            Self::Text(text) => text.to_string(),
            Self::Id(id) => id.to_string(),
            Self::Date(date) => date.to_string(),
            Self::Time(time) => time.format("%H:%M:%S%.3fZ").to_string(),
            Self::Moment(moment) => moment.format("%Y-%m-%dT%H:%M:%S.000Z").to_string(),
        }
    }
}

/// Appends text as a JSON string.
pub fn write_json_text(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// A number as the REST API shows it: never without a fraction, with an exponent where Java's
/// `Double.toString` has one.
fn json_number(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{number:?}");
    }
    let text = format!("{number:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_one_text_in_json_and_one_in_csv() {
        let moment = "2013-05-07T22:07:19Z".parse::<DateTime<Utc>>().unwrap();
        let time = NaiveTime::from_hms_opt(10, 12, 0).unwrap();
        #[rustfmt::skip]
        let table = [
            (Value::Null,                 "null",                             ""),
            (Value::Bool(true),           "true",                             "true"),
            (Value::Int(7),               "7",                                "7"),
            (Value::Number(10.0),         "10.0",                             "10.0"),
            (Value::Number(0.05),         "0.05",                             "0.05"),
            (Value::Number(350_000_000.0), "3.5E8",                           "350000000.0"),
            (Value::Number(10_000_000.0), "1.0E7",                            "10000000.0"),
            (Value::Number(-0.0001),      "-1.0E-4",                          "-0.0001"),
            (Value::Text("a\"b\n".into()), "\"a\\\"b\\n\"",                   "a\"b\n"),
            (Value::Moment(moment),       "\"2013-05-07T22:07:19.000+0000\"", "2013-05-07T22:07:19.000Z"),
            (Value::Time(time),           "\"10:12:00.000Z\"",                "10:12:00.000Z"),
        ];
        for (value, json, cell) in table {
            let mut out = String::new();
            value.write_json(&mut out);
            assert_eq!(out, json);
            assert_eq!(value.to_cell(), cell);
        }
    }
}
