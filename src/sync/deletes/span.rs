//! Which span of time getDeleted is asked for. Pure.

use chrono::{DateTime, TimeDelta, Utc};

/// The longest span of one request, so that its answer stays small.
pub(super) const LONGEST: TimeDelta = TimeDelta::days(1);

/// Salesforce refuses spans of a minute or less, after it has cut the seconds off.
const SHORTEST: TimeDelta = TimeDelta::minutes(3);

/// Salesforce remembers 15 days; some hours are left for clocks and for the requests themselves.
const REMEMBERED: TimeDelta = TimeDelta::days(14);

/// How far before the watermark the first span begins, for deletions of records that a load read before.
const BEFORE_FIRST: TimeDelta = TimeDelta::hours(1);

/// Where asking begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// Here; everything since the last time is still remembered.
    At(DateTime<Utc>),
    /// Here; what was before is forgotten.
    After(DateTime<Utc>),
}

/// Where asking begins, given up to where it came the last time, if ever, and up to where the mapping was polled.
pub(super) fn start_of(
    covered: Option<DateTime<Utc>>,
    watermark: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Start {
    let start = covered.unwrap_or(watermark - BEFORE_FIRST);
    let oldest = now - REMEMBERED;
    if start < oldest { Start::After(oldest) } else { Start::At(start) }
}

/// The end of the span that begins at `from`; `None` where it would be too short.
pub(super) fn until(
    from: DateTime<Utc>,
    now: DateTime<Utc>,
    longest: TimeDelta,
) -> Option<DateTime<Utc>> {
    let end = now.min(from + longest);
    (end - from >= SHORTEST).then_some(end)
}

/// Half of a span that held too many deletions; `None` where it cannot be halved.
pub(super) fn narrower(span: TimeDelta) -> Option<TimeDelta> {
    let half = span / 2;
    (half >= SHORTEST).then_some(half)
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, Start, narrower, start_of, until};
    use chrono::{DateTime, TimeDelta, Utc};

    fn minute(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
    }

    #[test]
    fn asking_begins_where_it_ended_as_long_as_that_is_remembered() {
        let days = 24 * 60;
        #[rustfmt::skip]
        let table = [
            // covered, watermark, now, start
            (None,              minute(90), minute(100),       Start::At(minute(30))),
            (Some(minute(80)),  minute(99), minute(100),       Start::At(minute(80))),
            (Some(minute(80)),  minute(99), minute(14 * days), Start::At(minute(80))),
            (Some(minute(80)),  minute(99), minute(15 * days), Start::After(minute(days))),
        ];
        for (covered, watermark, now, start) in table {
            assert_eq!(start_of(covered, watermark, now), start, "{covered:?} {now}");
        }
    }

    #[test]
    fn spans_are_neither_too_short_nor_too_long_and_may_be_halved() {
        assert_eq!(until(minute(0), minute(2), LONGEST), None);
        assert_eq!(until(minute(0), minute(20), LONGEST), Some(minute(20)));
        assert_eq!(until(minute(0), minute(9_000), LONGEST), Some(minute(1_440)));
        assert_eq!(narrower(TimeDelta::minutes(20)), Some(TimeDelta::minutes(10)));
        assert_eq!(narrower(TimeDelta::minutes(5)), None);
    }
}
