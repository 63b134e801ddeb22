//! What a poll reads: window arithmetic, and the conditions that say it to Salesforce. Pure.
//!
//! All times here are Salesforce's. A window begins an overlap before the watermark, since a transaction stamps its
//! records when it writes them and shows them when it commits. A poll reads from the beginning of its window to the
//! end of what there is, page by page in the order of stamp and id, and each page is a query of its own that begins
//! right after the last record of the page before: nothing depends on a cursor that could be lost, and a record that
//! changes meanwhile moves to the end, where it is read again.

use crate::mapping::Mapping;
use crate::model::StampField;
use crate::postgres::{PollPosition, PollState};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

/// The second of the question itself may still be being written.
const UNFINISHED_SECOND: TimeDelta = TimeDelta::seconds(1);

/// Transactions that are open for longer than this are left to the sweep.
const LONGEST_OVERLAP: TimeDelta = TimeDelta::hours(24);

/// How far behind the watermark a poll looks when Salesforce has not been asked yet what it covers: transactions that
/// were open during the load.
const FIRST_TAIL: TimeDelta = TimeDelta::hours(1);

/// How often Salesforce is asked up to where its records are complete, at the most.
const ASK_EVERY: TimeDelta = TimeDelta::minutes(10);

/// An object that has no stamp is read whole at most so often.
const SCAN_EVERY: TimeDelta = TimeDelta::hours(1);

/// Up to where a poll covers that was asked at `server_time`.
pub(super) fn covered(server_time: DateTime<Utc>) -> DateTime<Utc> {
    server_time - UNFINISHED_SECOND
}

/// The overlap of a mapping, within bounds.
fn overlap(mapping: &Mapping) -> TimeDelta {
    TimeDelta::from_std(mapping.poll.overlap).unwrap_or(LONGEST_OVERLAP).min(LONGEST_OVERLAP)
}

/// Where the window of a poll begins whose predecessor covered everything up to `watermark`.
pub(super) fn beginning(mapping: &Mapping, watermark: DateTime<Utc>) -> DateTime<Utc> {
    watermark - overlap(mapping)
}

/// The interval at which Salesforce is asked up to where its records are complete: seldom enough to cost little
/// beside the polls themselves.
pub(super) fn ask_every(mapping: &Mapping) -> TimeDelta {
    let polls = mapping.poll.every.checked_mul(5).and_then(|five| TimeDelta::from_std(five).ok());
    polls.unwrap_or(LONGEST_OVERLAP).clamp(ASK_EVERY, LONGEST_OVERLAP)
}

/// The long tail behind the window: from where on records may have become visible since they were last looked for.
///
/// `safe_until` is Salesforce's word at an earlier time that everything stamped before was visible then. `None` where
/// the window itself reaches back far enough.
pub(super) fn tail(
    mapping: &Mapping,
    watermark: DateTime<Utc>,
    safe_until: Option<DateTime<Utc>>,
) -> Option<DateTime<Utc>> {
    let from = safe_until.unwrap_or(watermark - FIRST_TAIL).max(watermark - LONGEST_OVERLAP);
    (from < beginning(mapping, watermark)).then_some(from)
}

/// Whether Salesforce's word stays so far behind that it is to be asked again at the next poll.
pub(super) fn is_lagging(
    mapping: &Mapping,
    watermark: DateTime<Utc>,
    safe_until: DateTime<Utc>,
) -> bool {
    watermark - safe_until > overlap(mapping) / 2
}

/// The span that getUpdated is asked for: Salesforce's word is about its end, and the ids in it are not used.
pub(super) fn asked_span(
    mapping: &Mapping,
    watermark: DateTime<Utc>,
) -> (DateTime<Utc>, DateTime<Utc>) {
    (beginning(mapping, watermark) - TimeDelta::minutes(2), watermark)
}

/// Whether a mapping that is read whole is due again.
pub(super) fn is_scan_due(mapping: &Mapping, state: &PollState) -> bool {
    let every = TimeDelta::from_std(mapping.poll.every).unwrap_or(LONGEST_OVERLAP).max(SCAN_EVERY);
    state.position.is_some() || state.polled_at.is_none_or(|polled| polled + every <= state.now)
}

/// The conditions of the records that a poll has yet to read: all of the window, or what comes after its position.
pub(super) fn remaining(
    stamp: StampField,
    beginning: DateTime<Utc>,
    position: &PollPosition,
) -> Vec<String> {
    match (stamp.name(), &position.stamp, &position.id) {
        (Some(field), Some(stamp), Some(id)) => {
            let (stamp, id) = (literal(*stamp), id.as_str());
            vec![format!("(({field} = {stamp} AND Id > '{id}') OR {field} > {stamp})")]
        }
        (Some(field), _, _) => vec![format!("{field} >= {}", literal(beginning))],
        (None, _, Some(id)) => vec![format!("Id > '{}'", id.as_str())],
        (None, _, None) => Vec::new(),
    }
}

/// The order in which a poll reads.
pub(super) fn order(stamp: StampField) -> String {
    stamp.name().map_or("ORDER BY Id".to_owned(), |field| format!("ORDER BY {field}, Id"))
}

/// A time as SOQL writes it. Stamps have whole seconds; where one had more, it must not be cut.
pub(super) fn literal(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// How a window is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Road {
    /// Page by page over REST.
    Pages,
    /// By a Bulk query job.
    Bulk,
}

/// The road for a result of `total` records, of which the first page has been read; `is_whole` if that was all.
pub(super) fn road(total: u64, is_whole: bool, read_above: u64) -> Road {
    if is_whole || total <= read_above { Road::Pages } else { Road::Bulk }
}

/// Whether a page is the last one of its poll: there are no more records, or the rest changed after the poll began,
/// which is the next poll's window.
pub(super) fn is_last(
    has_more: bool,
    last_stamp: Option<DateTime<Utc>>,
    covered: Option<DateTime<Utc>>,
) -> bool {
    let is_beyond =
        last_stamp.zip(covered).is_some_and(|(last, covered)| last > covered + UNFINISHED_SECOND);
    !has_more || is_beyond
}

/// The watermark after a poll: what the poll covers, but never beyond a record that has to be read again. Without
/// Salesforce's clock, the newest stamp tells what time it was there at least.
pub(super) fn new_watermark(
    covered: Option<DateTime<Utc>>,
    newest: Option<DateTime<Utc>>,
    held_back: Option<DateTime<Utc>>,
) -> Option<DateTime<Utc>> {
    let reached = covered.or(newest)?;
    Some(held_back.map_or(reached, |held_back| reached.min(held_back)))
}

#[cfg(test)]
mod tests {
    use super::{
        Road, ask_every, beginning, is_last, is_scan_due, new_watermark, remaining, road, tail,
    };
    use crate::mapping::{Mapping, Poll};
    use crate::model::{SalesforceId, StampField};
    use crate::postgres::{PollPosition, PollState};
    use crate::reconcile::samples::contact;
    use chrono::{DateTime, TimeDelta, Utc};
    use std::time::Duration;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-03-01T{text}Z").parse().unwrap()
    }

    fn mapping(every: Duration, overlap: Duration) -> Mapping {
        Mapping { poll: Poll { every, overlap, ..Poll::default() }, ..contact() }
    }

    #[test]
    fn a_window_begins_an_overlap_before_the_watermark_and_never_more_than_a_day() {
        let table = [(300, "11:55:00"), (1, "11:59:59")];
        for (overlap, expected) in table {
            let mapping = mapping(Duration::from_mins(1), Duration::from_secs(overlap));
            assert_eq!(beginning(&mapping, at("12:00:00")), at(expected));
        }
        let endless = mapping(Duration::from_mins(1), Duration::MAX);
        assert_eq!(beginning(&endless, at("12:00:00")), at("12:00:00") - TimeDelta::hours(24));
    }

    #[test]
    fn the_tail_begins_where_salesforce_last_said_that_all_is_visible() {
        let mapping = mapping(Duration::from_mins(1), Duration::from_mins(5));
        let watermark = at("12:00:00");
        let table = [
            (Some(at("12:00:00")), None),
            (Some(at("11:55:00")), None),
            (Some(at("11:54:59")), Some(at("11:54:59"))),
            (Some(at("11:00:00") - TimeDelta::days(3)), Some(watermark - TimeDelta::hours(24))),
            (None, Some(at("11:00:00"))),
        ];
        for (safe_until, expected) in table {
            assert_eq!(tail(&mapping, watermark, safe_until), expected, "{safe_until:?}");
        }
    }

    #[test]
    fn salesforce_is_asked_what_it_covers_every_ten_minutes_or_five_polls() {
        let table = [(5, 10), (60, 10), (3_600, 300), (u64::MAX, 24 * 60)];
        for (every, minutes) in table {
            let mapping = mapping(Duration::from_secs(every), Duration::from_mins(5));
            assert_eq!(ask_every(&mapping), TimeDelta::minutes(minutes));
        }
    }

    #[test]
    fn a_poll_goes_on_right_after_the_last_record_it_applied() {
        let id = SalesforceId::parse("001D000000IqhSLIAZ").unwrap();
        let nowhere = PollPosition::default();
        let somewhere = PollPosition {
            stamp: Some(at("12:00:01")),
            id: Some(id.clone()),
            ..PollPosition::default()
        };
        let in_scan = PollPosition { id: Some(id), ..PollPosition::default() };
        #[rustfmt::skip]
        let table = [
            (StampField::SystemModstamp, &nowhere, "SystemModstamp >= 2026-03-01T12:00:00Z"),
            (StampField::SystemModstamp, &somewhere,
             "((SystemModstamp = 2026-03-01T12:00:01Z AND Id > '001D000000IqhSLIAZ') OR SystemModstamp > 2026-03-01T12:00:01Z)"),
            (StampField::CreatedDate, &nowhere, "CreatedDate >= 2026-03-01T12:00:00Z"),
            (StampField::None, &nowhere, ""),
            (StampField::None, &in_scan, "Id > '001D000000IqhSLIAZ'"),
        ];
        for (stamp, position, expected) in table {
            assert_eq!(remaining(stamp, at("12:00:00"), position).join(" AND "), expected);
        }
    }

    #[test]
    fn a_window_above_the_threshold_goes_by_bulk() {
        let table = [
            (10_001, false, Road::Bulk),
            (10_000, false, Road::Pages),
            (10_001, true, Road::Pages),
            (0, true, Road::Pages),
        ];
        for (total, is_whole, expected) in table {
            assert_eq!(road(total, is_whole, 10_000), expected, "{total}");
        }
    }

    #[test]
    fn a_poll_ends_with_its_last_page_or_at_records_that_changed_after_it_began() {
        let covered = Some(at("12:00:00"));
        let table = [
            (false, Some(at("11:00:00")), covered, true),
            (true, Some(at("11:00:00")), covered, false),
            (true, Some(at("12:00:01")), covered, false),
            (true, Some(at("12:00:02")), covered, true),
            (true, Some(at("12:00:02")), None, false),
            (true, None, covered, false),
        ];
        for (has_more, last, covered, expected) in table {
            assert_eq!(is_last(has_more, last, covered), expected, "{has_more} {last:?}");
        }
    }

    #[test]
    fn the_watermark_is_what_was_covered_and_waits_for_records_left_out() {
        let (early, late) = (Some(at("11:00:00")), Some(at("12:00:00")));
        let table = [
            ((late, early, None), late),
            ((late, early, early), early),
            ((early, late, late), early),
            ((None, early, None), early),
            ((None, None, early), None),
        ];
        for ((covered, newest, held_back), expected) in table {
            assert_eq!(new_watermark(covered, newest, held_back), expected);
        }
    }

    #[test]
    fn an_object_without_stamp_is_read_whole_at_most_once_an_hour() {
        let state = |polled_at, position| PollState {
            now: at("12:00:00"),
            watermark: Some(at("10:00:00")),
            position,
            safe_until: None,
            polled_at,
            refreshed_at: None,
            refresh: None,
            has_waiting: false,
        };
        let table = [
            (60, state(None, None), true),
            (60, state(Some(at("11:00:00")), None), true),
            (60, state(Some(at("11:00:01")), None), false),
            (60, state(Some(at("11:00:01")), Some(PollPosition::default())), true),
            (7_200, state(Some(at("10:30:00")), None), false),
        ];
        for (every, state, expected) in table {
            let mapping = mapping(Duration::from_secs(every), Duration::from_mins(5));
            assert_eq!(is_scan_due(&mapping, &state), expected, "{state:?}");
        }
    }
}
