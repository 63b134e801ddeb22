//! A mass change within the overlap: it is read again once, not by every poll for as long as the overlap lasts. Pure.
//!
//! What the overlap is for: a record stamped `s` may become visible late, at the latest at `s` plus the overlap. So
//! every stretch of stamps has to be read once more after the overlap has gone by, and until then only in order to
//! see late records sooner.
//!
//! The rule: a poll that covered everything up to `since`, and whose successor would read more than
//! `bulk.read_above` of its records again, puts that off. The watermark stays at `since`, and the polls that follow
//! are short: they begin a tenth of the overlap before where the last one ended, but never within what was much. Once
//! Salesforce's clock has passed `since` by the overlap, the next poll is a whole one again: it reads from `since` minus
//! the overlap on, where its watermark says, and moves the watermark. Late records of the mass change are found then, if
//! not before.
//!
//! Nothing but the watermark has to be right for that. Whoever does not know that something was put off (another
//! worker, this one after a failure) finds the watermark at `since` and reads everything again at once.

use super::window;
use crate::mapping::Mapping;
use chrono::{DateTime, Utc};

/// The overlap of short polls is so many times shorter.
const SHORTER: i32 = 10;

/// What was put off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PutOff {
    /// The watermark meanwhile.
    since: DateTime<Utc>,
    /// Up to where everything was read once.
    reached: DateTime<Utc>,
    /// What was much ends here: no short poll begins before it.
    floor: DateTime<Utc>,
}

impl PutOff {
    /// What a whole poll puts off that covered everything up to `covered` and read `recent` records which the next
    /// window would read again; `None` where that is cheap.
    pub(super) fn after_whole(
        mapping: &Mapping,
        covered: Option<DateTime<Utc>>,
        recent: u64,
    ) -> Option<Self> {
        let since = covered.filter(|_| is_much(mapping, recent))?;
        Some(Self { since, reached: since, floor: since })
    }

    /// The same after a short poll that read `recent` records; `None` where Salesforce did not tell the time.
    pub(super) fn after_short(
        self,
        mapping: &Mapping,
        covered: Option<DateTime<Utc>>,
        recent: u64,
    ) -> Option<Self> {
        let reached = self.reached.max(covered?);
        let floor = if is_much(mapping, recent) { reached } else { self.floor };
        Some(Self { reached, floor, ..self })
    }

    /// Where a short poll begins; `None` where the next one is a whole one.
    pub(super) fn beginning(
        self,
        mapping: &Mapping,
        watermark: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let whole = window::beginning(mapping, watermark);
        let overlap = watermark - whole;
        let is_over = self.reached >= self.since + overlap;
        let begins = (self.reached - overlap / SHORTER).max(self.floor);
        (self.since == watermark && !is_over).then_some(begins)
    }
}

fn is_much(mapping: &Mapping, recent: u64) -> bool {
    recent > mapping.bulk.read_above
}

#[cfg(test)]
mod tests {
    use super::PutOff;
    use crate::mapping::{BulkThresholds, Mapping};
    use crate::reconcile::samples::contact;
    use chrono::{DateTime, Utc};

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-03-01T{text}Z").parse().unwrap()
    }

    fn mapping() -> Mapping {
        let bulk = BulkThresholds { read_above: 1_000, ..contact().bulk };
        Mapping { bulk, ..contact() }
    }

    #[test]
    fn reading_again_is_put_off_where_it_would_be_much_and_the_time_is_known() {
        let covered = Some(at("12:00:00"));
        let table = [(covered, 1_001, true), (covered, 1_000, false), (None, 5_000, false)];
        for (covered, recent, is_put_off) in table {
            let put_off = PutOff::after_whole(&mapping(), covered, recent);
            assert_eq!(put_off.is_some(), is_put_off, "{covered:?} {recent}");
        }
    }

    #[test]
    fn polls_are_short_until_the_overlap_is_over_or_the_watermark_is_another() {
        let mapping = mapping();
        let since = at("12:00:00");
        let put_off = PutOff::after_whole(&mapping, Some(since), 2_000).unwrap();
        let table = [
            ("12:00:00", 0, "12:00:00", Some("12:00:00")),
            ("12:00:20", 0, "12:00:00", Some("12:00:00")),
            ("12:01:00", 0, "12:00:00", Some("12:00:30")),
            ("12:01:00", 1_001, "12:00:00", Some("12:01:00")),
            ("12:04:59", 0, "12:00:00", Some("12:04:29")),
            ("12:05:00", 0, "12:00:00", None),
            ("12:01:00", 0, "12:01:00", None),
            ("12:01:00", 0, "11:59:00", None),
        ];
        for (reached, recent, watermark, expected) in table {
            let put_off = put_off.after_short(&mapping, Some(at(reached)), recent).unwrap();
            let begins = put_off.beginning(&mapping, at(watermark));
            assert_eq!(begins, expected.map(at), "{reached} {recent} {watermark}");
        }
        assert_eq!(put_off.after_short(&mapping, None, 0), None);
    }
}
