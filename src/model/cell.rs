//! One cell on its way from an answer of Salesforce into a column, borrowed from where it was received.
//!
//! What most cells hold is read without a copy. Whatever is rarer goes through [`parse_salesforce`], so that there is
//! one normalisation only.

use super::{ColumnType, InvalidValue, Value, parse_salesforce};
use chrono::{NaiveDate, NaiveDateTime};
use std::borrow::Cow;

/// A value as [`Value`] holds it, without the need to own it.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Null,
    /// A checkbox.
    Bool(bool),
    /// A whole number of a column of that type.
    Int(i64),
    /// A number in a `double precision` column.
    Double(f64),
    /// Text, normalised.
    Text(&'a str),
    /// A calendar day.
    Date(NaiveDate),
    /// A moment in UTC.
    DateTime(NaiveDateTime),
    /// Anything else.
    Value(Cow<'a, Value>),
}

impl<'a> Cell<'a> {
    /// Reads the text of a CSV cell, as [`parse_salesforce`] does.
    ///
    /// # Errors
    /// When the text is no value of the column.
    pub fn read(column: ColumnType, text: &'a str) -> Result<Self, InvalidValue> {
        if text.is_empty() {
            return Ok(Self::Null);
        }
        let read = match column {
            ColumnType::Varchar(length) => {
                let is_short = u32::try_from(text.len()).is_ok_and(|bytes| bytes <= length);
                (is_short && is_normal(text.as_bytes())).then_some(Self::Text(text))
            }
            ColumnType::Text => is_normal(text.as_bytes()).then_some(Self::Text(text)),
            ColumnType::Boolean => match text {
                "true" => Some(Self::Bool(true)),
                "false" => Some(Self::Bool(false)),
                _ => None,
            },
            ColumnType::Integer => text.parse::<i32>().ok().map(|number| Self::Int(number.into())),
            ColumnType::Bigint => text.parse().ok().map(Self::Int),
            // Minus zero plus zero is zero.
            ColumnType::Double => text
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite())
                .map(|number| Self::Double(number + 0.0)),
            ColumnType::Date => day(text.as_bytes()).map(Self::Date),
            ColumnType::Timestamp | ColumnType::TimestampTz => {
                moment(text.as_bytes()).map(Self::DateTime)
            }
            _ => None,
        };
        match read {
            Some(cell) => Ok(cell),
            None => parse_salesforce(column, Some(text)).map(|value| match value {
                Value::Null => Self::Null,
                value => Self::Value(Cow::Owned(value)),
            }),
        }
    }

    /// The moment that the cell holds, if it is one.
    #[must_use]
    pub fn moment(&self) -> Option<NaiveDateTime> {
        match self {
            Self::DateTime(moment) => Some(*moment),
            Self::Value(value) => match **value {
                Value::DateTime(moment) => Some(moment),
                _ => None,
            },
            _ => None,
        }
    }

    /// The value, owned.
    #[must_use]
    pub fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => Value::Bool(flag),
            Self::Int(number) => Value::Int(number),
            Self::Double(number) => Value::Double(number),
            Self::Text(text) => Value::Text(text.to_owned()),
            Self::Date(day) => Value::Date(day),
            Self::DateTime(moment) => Value::DateTime(moment),
            Self::Value(value) => value.into_owned(),
        }
    }
}

impl<'a> From<&'a Value> for Cell<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Text(text) => Self::Text(text),
            other => Self::Value(Cow::Borrowed(other)),
        }
    }
}

/// Whether normalisation would leave the text as it is. May say no where it would.
fn is_normal(text: &[u8]) -> bool {
    let is_space = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_whitespace);
    // All bytes are looked at, without an early end, so that many are compared at once.
    let odd = text.iter().map(|byte| u8::from(matches!(*byte, b'\r' | b'\0'))).fold(0, u8::max);
    odd == 0 && !is_space(text.first()) && !is_space(text.last())
}

/// `2024-02-29`, and nothing else.
fn day(text: &[u8]) -> Option<NaiveDate> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text else { return None };
    let year = Some(two(y1, y2)? * 100 + two(y3, y4)?).filter(|year| *year > 0)?;
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, two(m1, m2)?, two(d1, d2)?)
}

/// `2024-02-29T10:11:12.345Z`, and nothing else: the form of Bulk results.
fn moment(text: &[u8]) -> Option<NaiveDateTime> {
    let (date, time) = text.split_at_checked(10)?;
    let [b'T', h1, h2, b':', m1, m2, b':', s1, s2, b'.', f1, f2, f3, b'Z'] = *time else {
        return None;
    };
    let millis = two(f1, f2)? * 10 + digit(f3)?;
    let second = two(s1, s2).filter(|second| *second < 60)?;
    day(date)?.and_hms_milli_opt(two(h1, h2)?, two(m1, m2)?, second, millis)
}

fn two(tens: u8, ones: u8) -> Option<u32> {
    Some(digit(tens)? * 10 + digit(ones)?)
}

fn digit(byte: u8) -> Option<u32> {
    byte.is_ascii_digit().then(|| u32::from(byte - b'0'))
}

#[cfg(test)]
mod tests {
    use super::Cell;
    use crate::model::{ColumnType, parse_salesforce};
    use proptest::prelude::*;

    const TYPES: [ColumnType; 13] = [
        ColumnType::Varchar(255),
        ColumnType::Varchar(3),
        ColumnType::Bigint,
        ColumnType::Numeric(9, 2),
        ColumnType::AnyNumeric,
        ColumnType::TimestampTz,
        ColumnType::Text,
        ColumnType::Boolean,
        ColumnType::Integer,
        ColumnType::Double,
        ColumnType::Date,
        ColumnType::Timestamp,
        ColumnType::Time,
    ];

    fn assert_same(text: &str) {
        for column in TYPES {
            let cell = Cell::read(column, text).map(Cell::into_value);
            let value = parse_salesforce(column, Some(text));
            // Two numbers that are none would never be equal.
            assert_eq!(format!("{cell:?}"), format!("{value:?}"), "{column:?} {text:?}");
        }
    }

    #[test]
    fn odd_texts_are_read_as_everywhere_else() {
        let texts = [
            "",
            " ",
            "a",
            " a",
            "a\n",
            "a\r\nb",
            "a\rb",
            "\u{a0}a\u{a0}",
            "a\0b",
            "\0",
            "true",
            "TRUE",
            "42",
            "42.0",
            "+1",
            "-0",
            "1e3",
            "1.0E20",
            "NaN",
            "inf",
            "12345678901234567890",
            "2024-02-29",
            "2023-02-29",
            "2024-2-9",
            "0001-01-01",
            "9999-12-31",
            "0000-01-01",
            "0000-01-01T00:00:00.000Z",
            "2147483648",
            "-0.0",
            "1e400",
            "-1234567.995",
            "12024-01-01",
            "2024-01-02T03:04:05.000Z",
            "2024-01-02T03:04:60.000Z",
            "2024-01-02T03:04:05Z",
            "2024-01-02T03:04:05.678+0000",
            "2024-01-02T25:04:05.000Z",
            "10:12:00.000Z",
            "😀",
            "😀😀😀😀",
        ];
        for text in texts {
            assert_same(text);
        }
    }

    proptest! {
        #[test]
        fn every_text_is_read_as_everywhere_else(text in "[ -~\\r\\n\\t\u{0}\u{a0}é😀]{0,12}") {
            assert_same(&text);
        }

        #[test]
        fn every_number_and_moment_is_read_as_everywhere_else(
            text in "-?[0-9]{0,20}(\\.[0-9]{0,3})?|[0-9]{4}-[0-9]{2}-[0-3][0-9](T[0-2][0-9]:[0-6][0-9]:[0-6][0-9].[0-9]{3}Z)?"
        ) {
            assert_same(&text);
        }
    }
}
