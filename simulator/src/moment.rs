//! Instants, dates and times of day as texts, in the forms that Salesforce takes.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Utc};

/// Whether Salesforce has such a date.
pub(crate) fn in_range(date: NaiveDate) -> bool {
    (1700..=4000).contains(&date.year())
}

/// An instant in any of the accepted forms.
pub(crate) fn exact_moment(text: &str) -> Option<DateTime<Utc>> {
    let parsed = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
        .ok()?;
    let moment = parsed.with_timezone(&Utc);
    in_range(moment.date_naive()).then_some(moment)
}

/// A time of day in UTC.
pub(crate) fn time(text: &str) -> Option<NaiveTime> {
    NaiveTime::parse_from_str(text.trim_end_matches('Z'), "%H:%M:%S%.f").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_has_a_zone_and_a_year_that_salesforce_knows() {
        #[rustfmt::skip]
        let table = [
            ("2026-01-02T03:04:05Z",          true),
            ("2026-01-02T03:04:05.678+01:00", true),
            ("2026-01-02T03:04:05.000+0000",  true),
            ("2026-01-02T03:04:05",           false),
            ("1699-12-31T23:59:59Z",          false),
            ("4001-01-01T00:00:00Z",          false),
        ];
        for (text, expected) in table {
            assert_eq!(exact_moment(text).is_some(), expected, "{text}");
        }
    }

    #[test]
    fn a_time_of_day_may_end_with_its_zone() {
        assert_eq!(time("12:30:00.000Z"), time("12:30:00"));
        assert_eq!(time("25:00:00Z"), None);
    }
}
