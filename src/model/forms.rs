//! How a [`Value`] is written: in Salesforce's JSON and CSV, in a SOQL literal, and for Postgres.

use super::Value;
use serde_json::Value as Json;

/// A JSON value from which the value can be read back exactly, for what is kept in the database. A decimal is a
/// string there, since JSON readers round numbers.
#[must_use]
pub fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Int(number) => Json::from(*number),
        Value::Double(number) => Json::from(*number),
        Value::Decimal(_)
        | Value::Text(_)
        | Value::Date(_)
        | Value::DateTime(_)
        | Value::Time(_) => Json::String(to_plain_text(value)),
        // Nobody takes it for a value or for null.
        Value::Unreadable(_) => Json::Array(Vec::new()),
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
        Value::Null | Value::Unreadable(_) => String::new(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Decimal(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Date(day) => day.format("%Y-%m-%d").to_string(),
        Value::DateTime(moment) => moment.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        Value::Time(time) => time.format("%H:%M:%S%.3fZ").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{to_csv, to_json, to_soql_literal};
    use crate::model::{ColumnType as C, Decimal, Value, parse_postgres, parse_salesforce};
    use chrono::{NaiveDate, NaiveTime, TimeDelta};
    use proptest::prelude::*;
    use serde_json::Value as Json;

    #[test]
    fn null_is_explicit_in_every_outgoing_form() {
        assert_eq!(to_json(&Value::Null), Json::Null);
        assert_eq!(to_csv(&Value::Null), "#N/A");
        assert_eq!(to_soql_literal(&Value::Null), "null");
    }

    #[test]
    fn a_soql_literal_cannot_break_out_of_its_quotes() {
        assert_eq!(to_soql_literal(&Value::Text("a' OR \\'\n".into())), "'a\\' OR \\\\\\'\\n'");
    }

    #[test]
    fn a_decimal_is_written_with_all_its_digits() {
        let number = Value::Decimal(Decimal::parse("-1234567890123456.78").unwrap());
        assert_eq!(to_csv(&number), "-1234567890123456.78");
        assert_eq!(to_soql_literal(&number), "-1234567890123456.78");
        assert_eq!(to_json(&number), Json::from("-1234567890123456.78"));
    }

    /// A column and a value in its normal form.
    fn cell() -> impl Strategy<Value = (C, Value)> {
        let day = (-365_i64 * 1_800..365 * 7_900)
            .prop_map(|days| NaiveDate::from_ymd_opt(1970, 1, 1).unwrap() + TimeDelta::days(days));
        let time = (0_u32..86_400, 0_u32..1_000).prop_map(|(second, milli)| {
            NaiveTime::from_num_seconds_from_midnight_opt(second, milli * 1_000_000).unwrap()
        });
        prop_oneof![
            any::<bool>().prop_map(|flag| (C::Boolean, Value::Bool(flag))),
            any::<i32>().prop_map(|number| (C::Integer, Value::Int(number.into()))),
            any::<i64>().prop_map(|number| (C::Bigint, Value::Int(number))),
            any::<f64>()
                .prop_filter("finite", |number| number.is_finite())
                .prop_map(|number| (C::Double, Value::Double(number + 0.0))),
            (any::<i64>(), 0..18_i32).prop_map(|(number, scale)| {
                (C::AnyNumeric, Value::Decimal(Decimal::of(number.into(), scale).unwrap()))
            }),
            "[a-z\u{a0}\u{1f600}\u{301}'\"\\\\,#/]{1,20}"
                .prop_map(|text| (C::Text, Value::Text(text))),
            day.clone().prop_map(|day| (C::Date, Value::Date(day))),
            (day.clone(), time.clone())
                .prop_map(|(day, time)| (C::Timestamp, Value::DateTime(day.and_time(time)))),
            (day, time.clone())
                .prop_map(|(day, time)| (C::TimestampTz, Value::DateTime(day.and_time(time)))),
            time.prop_map(|time| (C::Time, Value::Time(time))),
        ]
    }

    proptest! {
        #[test]
        fn every_form_is_read_back_as_the_same_value((column, value) in cell()) {
            let json = match to_json(&value) {
                Json::String(text) => text,
                other => other.to_string(),
            };
            prop_assert_eq!(parse_salesforce(column, Some(&json)).unwrap(), value.clone());
            prop_assert_eq!(parse_salesforce(column, Some(&to_csv(&value))).unwrap(), value.clone());
            if !column.is_moment() {
                prop_assert_eq!(parse_postgres(column, Some(&to_csv(&value))).unwrap(), value);
            }
        }
    }
}
