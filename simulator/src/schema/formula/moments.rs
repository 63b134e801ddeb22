//! Formulas about days and instants. A number that is added to either is a number of days.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta, Timelike, Utc};

use super::{Operator, evaluate::number};
use crate::value::Value;

const SECONDS_OF_DAY: f64 = 86_400.0;

/// Sums and differences with a date or an instant; `None` where neither operand is one.
pub(super) fn calculate(left: &Value, operator: Operator, right: &Value) -> Option<Value> {
    let days = |days: &Value| days.as_number();
    let result = match (left, operator, right) {
        (Value::Date(left), Operator::Subtract, Value::Date(right)) => {
            number(f64_of((*left - *right).num_days()))
        }
        (Value::Moment(left), Operator::Subtract, Value::Moment(right)) => {
            number(f64_of((*left - *right).num_seconds()).map(|seconds| seconds / SECONDS_OF_DAY))
        }
        (Value::Date(date), Operator::Add, other) | (other, Operator::Add, Value::Date(date)) => {
            shifted_date(*date, days(other))
        }
        (Value::Date(date), Operator::Subtract, other) => {
            shifted_date(*date, days(other).map(|days| -days))
        }
        (Value::Moment(moment), Operator::Add, other)
        | (other, Operator::Add, Value::Moment(moment)) => shifted_moment(*moment, days(other)),
        (Value::Moment(moment), Operator::Subtract, other) => {
            shifted_moment(*moment, days(other).map(|days| -days))
        }
        (Value::Date(_) | Value::Moment(_), ..) | (.., Value::Date(_) | Value::Moment(_)) => {
            Value::Null
        }
        _ => return None,
    };
    Some(result)
}

fn f64_of(number: i64) -> Option<f64> {
    i32::try_from(number).ok().map(f64::from).or_else(|| number.to_string().parse().ok())
}

/// A number without its fraction, if it is small enough to count with.
pub(super) fn whole(number: f64) -> Option<i32> {
    format!("{:.0}", number.trunc()).parse().ok()
}

fn shifted_date(date: NaiveDate, days: Option<f64>) -> Value {
    let shifted = days.and_then(whole).and_then(|days| {
        let count = Days::new(u64::from(days.unsigned_abs()));
        if days < 0 { date.checked_sub_days(count) } else { date.checked_add_days(count) }
    });
    shifted.map_or(Value::Null, Value::Date)
}

fn shifted_moment(moment: DateTime<Utc>, days: Option<f64>) -> Value {
    let seconds = days.and_then(|days| format!("{:.0}", days * SECONDS_OF_DAY).parse().ok());
    let shifted =
        seconds.and_then(TimeDelta::try_seconds).and_then(|delta| moment.checked_add_signed(delta));
    shifted.map_or(Value::Null, Value::Moment)
}

/// The date in a date, an instant or a text.
pub(super) fn date_of(value: &Value) -> Option<NaiveDate> {
    match value {
        Value::Date(date) => Some(*date),
        Value::Moment(moment) => Some(moment.date_naive()),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

/// The instant in a text such as `2024-02-29 10:00:00`, in UTC.
pub(super) fn moment_of(value: &Value) -> Option<DateTime<Utc>> {
    match value {
        Value::Moment(moment) => Some(*moment),
        Value::Date(date) => Some(date.and_time(NaiveTime::MIN).and_utc()),
        Value::Text(text) => {
            let text = text.trim_end_matches('Z').replace('T', " ");
            chrono::NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f")
                .ok()
                .map(|moment| moment.and_utc())
        }
        _ => None,
    }
}

/// A part of a date or time: `YEAR`, `MONTH`, `DAY`, `WEEKDAY` (1 is Sunday), `HOUR`, `MINUTE`,
/// `SECOND`.
pub(super) fn part(name: &str, value: &Value) -> Value {
    let time = match value {
        Value::Time(time) => Some(*time),
        Value::Moment(moment) => Some(moment.time()),
        _ => None,
    };
    let date = date_of(value);
    number(match name {
        "YEAR" => date.map(|date| f64::from(date.year())),
        "MONTH" => date.map(|date| f64::from(date.month())),
        "DAY" => date.map(|date| f64::from(date.day())),
        "WEEKDAY" => date.map(|date| f64::from(date.weekday().num_days_from_sunday() + 1)),
        "HOUR" => time.map(|time| f64::from(time.hour())),
        "MINUTE" => time.map(|time| f64::from(time.minute())),
        _ => time.map(|time| f64::from(time.second())),
    })
}

/// The date so many months later; the last day of a month stays a last day.
pub(super) fn add_months(date: NaiveDate, months: f64) -> Option<NaiveDate> {
    let months = whole(months)?;
    let count = Months::new(months.unsigned_abs());
    let shift = |date: NaiveDate| {
        if months < 0 { date.checked_sub_months(count) } else { date.checked_add_months(count) }
    };
    let is_last = date.succ_opt().is_some_and(|next| next.day() == 1);
    if is_last {
        let first = shift(date.with_day(1)?)?;
        return first.checked_add_months(Months::new(1))?.pred_opt();
    }
    shift(date)
}
