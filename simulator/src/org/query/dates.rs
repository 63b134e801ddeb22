//! What date literals and date functions mean. The time zone of every user is UTC, weeks begin on
//! Sunday, and the fiscal year is the calendar's.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta, Timelike, Utc};

use crate::{
    soql::{DateFunction, Relative, Span},
    value::Value,
};

/// The first day of a relative date and the day after its last.
pub(super) fn days(relative: Relative, today: NaiveDate) -> (NaiveDate, NaiveDate) {
    match relative {
        Relative::Last(span) => stretch(span, today, -1, 1),
        Relative::This(span) => stretch(span, today, 0, 1),
        Relative::Next(span) => stretch(span, today, 1, 1),
        Relative::Last90Days => days(Relative::LastN(Span::Day, 90), today),
        Relative::Next90Days => stretch(Span::Day, today, 1, 90),
        // Of days, and of days only, the current one belongs to the past ones.
        Relative::LastN(Span::Day, number) => {
            let number = i64::from(number);
            stretch(Span::Day, today, -number, number + 1)
        }
        Relative::LastN(span, number) => stretch(span, today, -i64::from(number), number.into()),
        Relative::NextN(span, number) => stretch(span, today, 1, number.into()),
        Relative::Ago(span, number) => stretch(span, today, -i64::from(number), 1),
    }
}

/// So many spans, the first of them `from` the current one.
fn stretch(span: Span, today: NaiveDate, from: i64, count: i64) -> (NaiveDate, NaiveDate) {
    let start = start_of(span, today);
    (moved(span, start, from), moved(span, start, from.saturating_add(count)))
}

/// The first day of the span that a day is in.
fn start_of(span: Span, day: NaiveDate) -> NaiveDate {
    let first = |month: u32| NaiveDate::from_ymd_opt(day.year(), month, 1).unwrap_or(day);
    match span {
        Span::Day => day,
        Span::Week => {
            let since_sunday = day.weekday().num_days_from_sunday();
            day.checked_sub_days(Days::new(since_sunday.into())).unwrap_or(day)
        }
        Span::Month => first(day.month()),
        Span::Quarter | Span::FiscalQuarter => first(day.month0() / 3 * 3 + 1),
        Span::Year | Span::FiscalYear => first(1),
    }
}

/// A day so many spans later, or earlier; the end of the calendar where there is none.
fn moved(span: Span, day: NaiveDate, by: i64) -> NaiveDate {
    let size = by.unsigned_abs();
    let months = |each: u32| {
        let months = Months::new(u32::try_from(size).unwrap_or(u32::MAX).saturating_mul(each));
        if by < 0 { day.checked_sub_months(months) } else { day.checked_add_months(months) }
    };
    let whole_days = |each: u64| {
        let days = Days::new(size.saturating_mul(each));
        if by < 0 { day.checked_sub_days(days) } else { day.checked_add_days(days) }
    };
    let found = match span {
        Span::Day => whole_days(1),
        Span::Week => whole_days(7),
        Span::Month => months(1),
        Span::Quarter | Span::FiscalQuarter => months(3),
        Span::Year | Span::FiscalYear => months(12),
    };
    found.unwrap_or(if by < 0 { NaiveDate::MIN } else { NaiveDate::MAX })
}

/// The first moment of a day.
pub(super) fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// The value of a date function; null for null.
pub(super) fn part(function: DateFunction, value: &Value) -> Value {
    let (day, hour) = match value {
        Value::Date(day) => (*day, 0),
        Value::Moment(moment) => (moment.date_naive(), moment.hour()),
        _ => return Value::Null,
    };
    let number = match function {
        DateFunction::DayOnly => return Value::Date(day),
        DateFunction::CalendarMonth | DateFunction::FiscalMonth => day.month(),
        DateFunction::CalendarQuarter | DateFunction::FiscalQuarter => day.month0() / 3 + 1,
        DateFunction::CalendarYear | DateFunction::FiscalYear => {
            return Value::Int(day.year().into());
        }
        DateFunction::DayInMonth => day.day(),
        DateFunction::DayInWeek => day.weekday().number_from_sunday(),
        DateFunction::DayInYear => day.ordinal(),
        DateFunction::HourInDay => hour,
        DateFunction::WeekInMonth => day.day0() / 7 + 1,
        DateFunction::WeekInYear => day.ordinal0() / 7 + 1,
    };
    Value::Int(number.into())
}

/// A date as an American reads it.
pub(super) fn shown_date(day: NaiveDate) -> String {
    day.format("%-m/%-d/%Y").to_string()
}

/// A moment as an American reads it.
pub(super) fn shown_moment(moment: DateTime<Utc>) -> String {
    let rounded = moment - TimeDelta::seconds(moment.second().into());
    rounded.format("%-m/%-d/%Y, %-I:%M %p").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn relative_dates_are_stretches_of_the_calendar() {
        // A Wednesday.
        let today = day("2026-05-13");
        #[rustfmt::skip]
        let table = [
            ("TODAY",                   "2026-05-13", "2026-05-14"),
            ("YESTERDAY",               "2026-05-12", "2026-05-13"),
            ("TOMORROW",                "2026-05-14", "2026-05-15"),
            ("THIS_WEEK",               "2026-05-10", "2026-05-17"),
            ("LAST_WEEK",               "2026-05-03", "2026-05-10"),
            ("NEXT_WEEK",               "2026-05-17", "2026-05-24"),
            ("THIS_MONTH",              "2026-05-01", "2026-06-01"),
            ("LAST_MONTH",              "2026-04-01", "2026-05-01"),
            ("NEXT_MONTH",              "2026-06-01", "2026-07-01"),
            ("LAST_90_DAYS",            "2026-02-12", "2026-05-14"),
            ("NEXT_90_DAYS",            "2026-05-14", "2026-08-12"),
            ("LAST_N_DAYS:2",           "2026-05-11", "2026-05-14"),
            ("NEXT_N_DAYS:2",           "2026-05-14", "2026-05-16"),
            ("N_DAYS_AGO:2",            "2026-05-11", "2026-05-12"),
            ("LAST_N_WEEKS:2",          "2026-04-26", "2026-05-10"),
            ("NEXT_N_WEEKS:2",          "2026-05-17", "2026-05-31"),
            ("N_WEEKS_AGO:2",           "2026-04-26", "2026-05-03"),
            ("LAST_N_MONTHS:6",         "2025-11-01", "2026-05-01"),
            ("NEXT_N_MONTHS:1",         "2026-06-01", "2026-07-01"),
            ("N_MONTHS_AGO:1",          "2026-04-01", "2026-05-01"),
            ("THIS_QUARTER",            "2026-04-01", "2026-07-01"),
            ("LAST_QUARTER",            "2026-01-01", "2026-04-01"),
            ("NEXT_FISCAL_QUARTER",     "2026-07-01", "2026-10-01"),
            ("LAST_N_QUARTERS:2",       "2025-10-01", "2026-04-01"),
            ("N_FISCAL_QUARTERS_AGO:3", "2025-07-01", "2025-10-01"),
            ("THIS_YEAR",               "2026-01-01", "2027-01-01"),
            ("LAST_FISCAL_YEAR",        "2025-01-01", "2026-01-01"),
            ("NEXT_N_YEARS:5",          "2027-01-01", "2032-01-01"),
            ("N_YEARS_AGO:5",           "2021-01-01", "2022-01-01"),
        ];
        for (literal, start, end) in table {
            let relative = Relative::parse(literal).unwrap_or_else(|| panic!("{literal}"));
            assert_eq!(days(relative, today), (day(start), day(end)), "{literal}");
            assert_eq!(relative.to_string(), literal);
        }
        let far = Relative::LastN(Span::Year, u32::MAX);
        assert_eq!(days(far, today), (NaiveDate::MIN, day("2026-01-01")));
    }

    #[test]
    fn date_functions_take_a_moment_apart() {
        use DateFunction as F;
        let moment: DateTime<Utc> = "2026-05-13T17:45:10Z".parse().unwrap();
        #[rustfmt::skip]
        let table = [
            (F::CalendarMonth, 5), (F::CalendarQuarter, 2), (F::CalendarYear, 2026),
            (F::DayInMonth, 13), (F::DayInWeek, 4), (F::DayInYear, 133), (F::FiscalMonth, 5),
            (F::FiscalQuarter, 2), (F::FiscalYear, 2026), (F::HourInDay, 17), (F::WeekInMonth, 2),
            (F::WeekInYear, 19),
        ];
        for (function, number) in table {
            assert_eq!(part(function, &Value::Moment(moment)), Value::Int(number), "{function:?}");
        }
        let only = part(F::DayOnly, &Value::Moment(moment));
        assert_eq!(only, Value::Date(day("2026-05-13")));
        assert_eq!(part(F::DayOnly, &Value::Null), Value::Null);
        assert_eq!(shown_moment(moment), "5/13/2026, 5:45 PM");
    }
}
