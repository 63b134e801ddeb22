//! A stored value and its two texts: REST's JSON and the cells of Bulk's CSV.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Timelike, Utc};
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
    /// One of those with more digits than a float holds: without an exponent, with a fraction.
    Exact(CompactString),
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
            Self::Exact(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Appends the value as JSON, in REST's formats.
    pub fn write_json(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(_) | Self::Int(_) | Self::Exact(_) => self.write_cell(out),
            Self::Number(number) => out.push_str(&json_number(*number)),
            Self::Text(text) => write_json_text(text, out),
            Self::Moment(moment) => {
                out.push('"');
                write_moment(*moment, "+0000", out);
                out.push('"');
            }
            Self::Id(_) | Self::Date(_) | Self::Time(_) => {
                out.push('"');
                self.write_cell(out);
                out.push('"');
            }
        }
    }

    /// The value as a cell of Bulk's CSV, before quoting. Null is empty.
    #[must_use]
    pub fn to_cell(&self) -> String {
        let mut cell = String::new();
        self.write_cell(&mut cell);
        cell
    }

    /// Appends the value as a cell of Bulk's CSV, before quoting.
    pub fn write_cell(&self, out: &mut String) {
        match self {
            Self::Null => {}
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Int(number) => out.push_str(itoa::Buffer::new().format(*number)),
            Self::Number(number) => write_number(*number, out),
            Self::Text(text) | Self::Exact(text) => out.push_str(text),
            Self::Id(id) => id.write(out),
            Self::Date(date) => write_date(*date, out),
            // A leap second is counted as milliseconds from 1,000 on.
            Self::Time(time) => match time.nanosecond() / 1_000_000 {
                milliseconds @ 0..1_000 => {
                    write_clock(*time, out);
                    out.push('.');
                    write_digits(milliseconds, 3, out);
                    out.push('Z');
                }
                _ => out.push_str(&time.format("%H:%M:%S%.3fZ").to_string()),
            },
            Self::Moment(moment) => write_moment(*moment, "Z", out),
        }
    }
}

/// Appends a number with a fraction and without an exponent, in as few digits as tell it apart.
fn write_number(number: f64, out: &mut String) {
    if (1e-3..1e15).contains(&number.abs()) {
        // Much faster than the standard library; beyond these bounds it writes exponents.
        out.push_str(zmij::Buffer::new().format_finite(number));
        return;
    }
    let text = number.to_string();
    out.push_str(&text);
    if !text.contains('.') {
        out.push_str(".0");
    }
}

/// Appends a moment in whole seconds and its zone.
fn write_moment(moment: DateTime<Utc>, zone: &str, out: &mut String) {
    write_date(moment.date_naive(), out);
    out.push('T');
    write_clock(moment.time(), out);
    out.push_str(".000");
    out.push_str(zone);
}

fn write_date(date: NaiveDate, out: &mut String) {
    match u32::try_from(date.year()) {
        Ok(year) if year <= 9999 => {
            write_digits(year, 4, out);
            out.push('-');
            write_digits(date.month(), 2, out);
            out.push('-');
            write_digits(date.day(), 2, out);
        }
        _ => out.push_str(&date.to_string()),
    }
}

fn write_clock(time: NaiveTime, out: &mut String) {
    write_digits(time.hour(), 2, out);
    out.push(':');
    write_digits(time.minute(), 2, out);
    out.push(':');
    write_digits(time.second(), 2, out);
}

/// Appends the last so many digits of a number, at most four.
fn write_digits(number: u32, count: usize, out: &mut String) {
    let digit = |unit: u32| char::from(b'0' + u8::try_from(number / unit % 10).unwrap_or_default());
    for unit in [1000, 100, 10, 1].into_iter().skip(4 - count.min(4)) {
        out.push(digit(unit));
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
    use proptest::prelude::*;

    use super::*;

    /// A number as the standard library writes it.
    fn plain(number: f64) -> String {
        let text = number.to_string();
        if text.contains('.') { text } else { text + ".0" }
    }

    proptest! {
        #[test]
        fn numbers_are_written_as_the_standard_library_writes_them(
            bits: u64, whole in -10_000_000_000_i64..10_000_000_000, scale in 0..9,
        ) {
            #[expect(clippy::cast_precision_loss, reason = "numbers of a table's size")]
            let decimal = whole as f64 / 10_f64.powi(scale);
            for number in [f64::from_bits(bits), decimal] {
                if number.is_finite() {
                    prop_assert_eq!(Value::Number(number).to_cell(), plain(number));
                }
            }
        }

        #[test]
        fn dates_and_times_are_written_as_chrono_writes_them(
            seconds in -62_135_596_800_i64..253_402_300_800, milliseconds in 0_u32..1_000,
        ) {
            let moment = DateTime::from_timestamp(seconds, 0).unwrap();
            let time = moment.time().with_nanosecond(milliseconds * 1_000_000).unwrap();

            let expected = moment.format("%Y-%m-%dT%H:%M:%S.000Z").to_string();
            prop_assert_eq!(Value::Moment(moment).to_cell(), expected);
            let date = moment.date_naive();
            prop_assert_eq!(Value::Date(date).to_cell(), date.to_string());
            let expected = time.format("%H:%M:%S%.3fZ").to_string();
            prop_assert_eq!(Value::Time(time).to_cell(), expected);
        }
    }

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
            (Value::Exact("1234567890123456.78".into()), "1234567890123456.78", "1234567890123456.78"),
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
