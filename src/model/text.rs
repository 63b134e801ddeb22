//! How a [`Value`] is read: from what Postgres prints, and from Salesforce's JSON and CSV.
//!
//! Every reader gives the normal form, so that a value that went round through the other side compares equal: text
//! loses the white space at its ends and the carriage returns before its line feeds, and empty text is null; moments
//! and times are cut to the millisecond; numbers are rounded to the column's scale and know no minus zero. The normal
//! form of a normal form is itself.
//!
//! What a column cannot hold is an error that names why, and never a value near it.

use super::{ColumnType, Decimal, DecimalError, InvalidValue, Unfit, Value};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, SubsecRound, TimeDelta};
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// The years that both sides can write with four digits.
const YEARS: RangeInclusive<i32> = 1..=9999;

/// Reads the text form in which Postgres prints a value of the column (as it stands in `_trigger_log`).
///
/// # Errors
/// When the text is no such value, or one that Salesforce cannot hold, such as infinity.
pub fn parse_postgres(column: ColumnType, text: Option<&str>) -> Result<Value, InvalidValue> {
    let Some(text) = text else { return Ok(Value::Null) };
    match (column, text) {
        (ColumnType::Boolean, "t") => Ok(Value::Bool(true)),
        (ColumnType::Boolean, "f") => Ok(Value::Bool(false)),
        (ColumnType::Timestamp, text) => {
            moment(column, text, NaiveDateTime::parse_from_str(text, POSTGRES_MOMENT).ok())
        }
        (ColumnType::TimestampTz, text) => moment(column, text, parse_with_offset(text)),
        _ => parse_salesforce(column, Some(text)),
    }
}

/// Reads the text form of Salesforce: a CSV cell, or the content of a JSON string, number or boolean.
///
/// # Errors
/// When the text is no such value, or more than the column holds.
pub fn parse_salesforce(column: ColumnType, text: Option<&str>) -> Result<Value, InvalidValue> {
    let Some(text) = text else { return Ok(Value::Null) };
    let unfit = |unfit| InvalidValue { column, unfit };
    match column {
        ColumnType::Varchar(length) => held_text(text, Some(length)).map_err(unfit),
        ColumnType::Text => held_text(text, None).map_err(unfit),
        _ if text.is_empty() => Ok(Value::Null),
        ColumnType::Boolean => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(unfit(Unfit::Kind)),
        },
        ColumnType::Integer => {
            let number = whole_number(text).map_err(unfit)?;
            i32::try_from(number).map_err(|_| unfit(Unfit::TooManyDigits))?;
            Ok(Value::Int(number))
        }
        ColumnType::Bigint => whole_number(text).map(Value::Int).map_err(unfit),
        ColumnType::Double => double(text).map(Value::Double).map_err(unfit),
        ColumnType::Numeric(..) | ColumnType::AnyNumeric => {
            let number = decimal(text).map_err(unfit)?;
            let held = column.decimal(number).ok_or_else(|| unfit(Unfit::TooManyDigits))?;
            Ok(Value::Decimal(held))
        }
        ColumnType::Date => {
            let day = text.parse::<NaiveDate>().ok();
            let day = day.ok_or_else(|| unfit(not_a_date(text)))?;
            in_years(day.year()).map_err(unfit)?;
            Ok(Value::Date(day))
        }
        ColumnType::Timestamp | ColumnType::TimestampTz => {
            let parsed = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%#z");
            moment(column, text, parsed.ok().map(|moment| moment.naive_utc()))
        }
        ColumnType::Time => {
            let time = text.strip_suffix('Z').unwrap_or(text).parse::<NaiveTime>();
            time.map(Value::from).map_err(|_| unfit(Unfit::Kind))
        }
    }
}

/// The form in which texts are compared: as Salesforce stores them. Borrowed where it is the text itself.
///
/// No white space of ASCII at either end, and a line break is a line feed, whatever stood before it. Other spaces,
/// such as the no-break space, are part of the text.
#[must_use]
pub fn normal_text(text: &str) -> Cow<'_, str> {
    let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace());
    if !trimmed.contains("\r\n") {
        return Cow::Borrowed(trimmed);
    }
    let mut normal = String::with_capacity(trimmed.len());
    for (index, line) in trimmed.split('\n').enumerate() {
        if index > 0 {
            normal.truncate(normal.trim_end_matches('\r').len());
            normal.push('\n');
        }
        normal.push_str(line);
    }
    Cow::Owned(normal)
}

fn held_text(text: &str, length: Option<u32>) -> Result<Value, Unfit> {
    let normal = normal_text(text);
    if normal.is_empty() {
        return Ok(Value::Null);
    }
    if normal.as_bytes().contains(&0) {
        return Err(Unfit::NullCharacter);
    }
    // A character takes a byte at least, so most texts need no counting.
    let length = length.map(|length| length as usize).filter(|length| *length < normal.len());
    if length.is_some_and(|length| normal.chars().count() > length) {
        return Err(Unfit::TooLong);
    }
    Ok(Value::Text(normal.into_owned()))
}

/// A whole number, which the REST API may print with a fraction of zero or an exponent.
fn whole_number(text: &str) -> Result<i64, Unfit> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let number = decimal(text)?;
    let factor = u32::try_from(-i32::from(number.scale())).map_err(|_| Unfit::TooManyDigits)?;
    10_i128
        .checked_pow(factor)
        .and_then(|factor| number.coefficient().checked_mul(factor))
        .and_then(|number| i64::try_from(number).ok())
        .ok_or(Unfit::TooManyDigits)
}

fn decimal(text: &str) -> Result<Decimal, Unfit> {
    Decimal::parse(text).map_err(|error| match error {
        DecimalError::TooManyDigits => Unfit::TooManyDigits,
        DecimalError::NotANumber => not_a_number(text),
    })
}

fn double(text: &str) -> Result<f64, Unfit> {
    let number: f64 = text.parse().map_err(|_| Unfit::Kind)?;
    let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
    match number.is_finite() {
        // Minus zero plus zero is zero.
        true => Ok(number + 0.0),
        false if has_digit => Err(Unfit::TooManyDigits),
        false => Err(Unfit::NotFinite),
    }
}

fn not_a_number(text: &str) -> Unfit {
    let is_special = text.parse::<f64>().is_ok_and(|number| !number.is_finite());
    if is_special { Unfit::NotFinite } else { Unfit::Kind }
}

fn not_a_date(text: &str) -> Unfit {
    let year = text.split(['-', ' ']).next().unwrap_or_default();
    let is_long_year = year.len() > 4 && year.bytes().all(|byte| byte.is_ascii_digit());
    match text {
        "infinity" | "-infinity" => Unfit::NotFinite,
        text if text.ends_with(" BC") || is_long_year => Unfit::Year,
        _ => Unfit::Kind,
    }
}

fn in_years(year: i32) -> Result<(), Unfit> {
    if YEARS.contains(&year) { Ok(()) } else { Err(Unfit::Year) }
}

fn moment(
    column: ColumnType,
    text: &str,
    moment: Option<NaiveDateTime>,
) -> Result<Value, InvalidValue> {
    let unfit = |unfit| InvalidValue { column, unfit };
    let moment = moment.ok_or_else(|| unfit(not_a_date(text)))?;
    in_years(moment.year()).map_err(unfit)?;
    Ok(moment.into())
}

const POSTGRES_MOMENT: &str = "%Y-%m-%d %H:%M:%S%.f";

/// `2024-01-02 03:04:05.678+02`, whose offset may have minutes, and before the time zones seconds too.
fn parse_with_offset(text: &str) -> Option<NaiveDateTime> {
    let after_day = text.find(' ')?;
    let sign = text.get(after_day..)?.find(['+', '-'])? + after_day;
    let (moment, offset) = text.split_at_checked(sign)?;
    let moment = NaiveDateTime::parse_from_str(moment, POSTGRES_MOMENT).ok()?;
    let (is_east, offset) = match offset.as_bytes().first()? {
        b'+' => (true, offset.get(1..)?),
        _ => (false, offset.get(1..)?),
    };
    let mut seconds = 0;
    let mut unit = 3_600;
    for part in offset.splitn(3, ':') {
        seconds += part.parse::<i64>().ok().filter(|part| (0..100).contains(part))? * unit;
        unit /= 60;
    }
    let offset = TimeDelta::try_seconds(seconds)?;
    if is_east { moment.checked_sub_signed(offset) } else { moment.checked_add_signed(offset) }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
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
    use super::{normal_text, parse_postgres, parse_salesforce};
    use crate::model::{ColumnType as C, InvalidValue, Unfit, Value};
    use proptest::prelude::*;

    #[test]
    fn both_sides_spell_the_same_value_differently() {
        #[rustfmt::skip]
        let table = [
            (C::Boolean,        "t",                                "true"),
            (C::Integer,        "42",                               "42"),
            (C::Integer,        "42",                               "42.0"),
            (C::Integer,        "20000000",                         "2.0E7"),
            (C::Bigint,         "9007199254740993",                 "9007199254740993"),
            (C::Double,         "1e+20",                            "1.0E20"),
            (C::Double,         "10",                               "10.0"),
            (C::Double,         "-0",                               "0.0"),
            (C::Numeric(18, 2), "1234567890123456.70",              "1234567890123456.7"),
            (C::Numeric(18, 2), "1.01",                             "1.005"),
            (C::AnyNumeric,     "100000000000000000000",            "1.0E20"),
            (C::Date,           "2024-02-29",                       "2024-02-29"),
            (C::Date,           "0001-01-01",                       "0001-01-01"),
            (C::Date,           "9999-12-31",                       "9999-12-31"),
            (C::Timestamp,      "2024-01-02 03:04:05",              "2024-01-02T03:04:05.000+0000"),
            (C::Timestamp,      "2024-01-02 03:04:05.678901",       "2024-01-02T03:04:05.678Z"),
            (C::Timestamp,      "2024-01-02 03:04:05",              "2024-01-02T05:04:05.000+02:00"),
            (C::TimestampTz,    "2024-01-02 03:04:05+00",           "2024-01-02T03:04:05.000+0000"),
            (C::TimestampTz,    "2024-01-02 08:34:05.678901+05:30", "2024-01-02T03:04:05.678Z"),
            (C::TimestampTz,    "1880-01-01 00:53:28+00:53:28",     "1880-01-01T00:00:00.000Z"),
            (C::TimestampTz,    "1883-11-18 12:00:00-04:56:02",     "1883-11-18T16:56:02.000Z"),
            (C::Time,           "10:12:00",                         "10:12:00.000Z"),
            (C::Time,           "23:59:59.999999",                  "23:59:59.999Z"),
            (C::Text,           "a\nb ",                            "a\r\nb"),
            (C::Varchar(10),    "",                                 ""),
            (C::Varchar(2),     " \u{1f600}\u{1f600}\n",            "\u{1f600}\u{1f600}"),
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
    fn a_value_that_cannot_be_held_is_refused_with_the_reason_and_without_the_value() {
        #[rustfmt::skip]
        let table = [
            (C::Integer,       "secret",                 Unfit::Kind),
            (C::Integer,       "1.5",                    Unfit::TooManyDigits),
            (C::Integer,       "2147483648",             Unfit::TooManyDigits),
            (C::Bigint,        "9223372036854775808",    Unfit::TooManyDigits),
            (C::Double,        "NaN",                    Unfit::NotFinite),
            (C::Double,        "-Infinity",              Unfit::NotFinite),
            (C::Double,        "1e400",                  Unfit::TooManyDigits),
            (C::Numeric(5, 2), "NaN",                    Unfit::NotFinite),
            (C::AnyNumeric,    "Infinity",               Unfit::NotFinite),
            (C::Numeric(5, 2), "999.995",                Unfit::TooManyDigits),
            (C::AnyNumeric,    "secret",                 Unfit::Kind),
            (C::Date,          "0044-03-15 BC",          Unfit::Year),
            (C::Date,          "10000-01-01",            Unfit::Year),
            (C::Date,          "infinity",               Unfit::NotFinite),
            (C::Date,          "2023-02-29",             Unfit::Kind),
            (C::Timestamp,     "-infinity",              Unfit::NotFinite),
            (C::Timestamp,     "10000-01-01 00:00:00",   Unfit::Year),
            (C::TimestampTz,   "0044-03-15 00:00:00+00 BC", Unfit::Year),
            (C::TimestampTz,   "0001-01-01 00:00:00+01", Unfit::Year),
            (C::Time,          "24:00:00",               Unfit::Kind),
            (C::Varchar(3),    "abcd",                   Unfit::TooLong),
            (C::Varchar(1),    "e\u{301}",               Unfit::TooLong),
            (C::Text,          "a\0b",                   Unfit::NullCharacter),
        ];
        for (column, text, unfit) in table {
            let error = parse_postgres(column, Some(text)).unwrap_err();
            assert_eq!(error, InvalidValue { column, unfit }, "{column:?} {text}");
            assert!(!error.to_string().contains(text), "{column:?} {text}");
        }
    }

    #[test]
    fn only_white_space_of_ascii_and_carriage_returns_of_line_breaks_are_left_out() {
        #[rustfmt::skip]
        let table = [
            ("a",                    "a"),
            ("\u{a0}x\u{a0}",        "\u{a0}x\u{a0}"),
            (" \t\r\n x \x0c",       "x"),
            (" \r\n ",               ""),
            ("a\rb",                 "a\rb"),
            ("a\r\nb\r\r\nc\n\r\nd", "a\nb\nc\n\nd"),
            ("\u{200b}a\u{3000}",    "\u{200b}a\u{3000}"),
        ];
        for (text, normal) in table {
            assert_eq!(normal_text(text), normal, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn the_normal_form_of_a_text_is_its_own_normal_form(text in "[ \t\r\n\u{c}a\u{a0}\u{1f600}]{0,12}") {
            let once = normal_text(&text).into_owned();

            prop_assert_eq!(normal_text(&once), once.as_str());
        }

        #[test]
        fn any_text_is_read_as_any_type_or_refused(text in any::<String>(), digits in "[-+0-9.:TZ eE]{0,30}") {
            for column in [
                C::Varchar(5), C::Text, C::Boolean, C::Integer, C::Bigint, C::Double, C::Numeric(9, 3),
                C::AnyNumeric, C::Date, C::Timestamp, C::TimestampTz, C::Time,
            ] {
                for text in [&text, &digits] {
                    for read in [parse_postgres, parse_salesforce] {
                        let value = read(column, Some(text));
                        prop_assert!(!matches!(value, Ok(Value::Unreadable(_))));
                    }
                }
            }
        }
    }
}
