//! By which API a load reads, and in pages of how many rows. Pure; the load goes by it, and so does what is said of a
//! load beforehand.
//!
//! A page of a Bulk result has the number of rows that its predecessors say fit its share of memory. A load that was
//! asked to be slow takes small pages, so that it comes steadily and not in bursts.

/// How the records come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// By query, in the order of their ids.
    Rest,
    /// By the result of a Bulk query job.
    Bulk,
}

/// Rows per page by REST; the most that Salesforce answers at once.
const REST_ROWS: u64 = 2_000;

/// The memory that pages of a Bulk result should take.
const PAGE_BYTES: u64 = 8 << 20;

/// Rows of the first page, which tells how large rows are, and how much longer the next one may be at most.
const FIRST_ROWS: u64 = 2_000;
const GROWTH: u64 = 4;

/// No page has more rows, and none fewer: each costs a request.
const ROWS_MAX: u64 = 50_000;
const ROWS_MIN: u64 = 500;

/// A page holds no more than the rate allows in so many seconds.
const SECONDS_MAX: u64 = 3;

impl Api {
    /// What reads so many records, where more than `read_above` come by Bulk.
    pub(super) fn of(count: u64, read_above: u64) -> Self {
        if count > read_above { Self::Bulk } else { Self::Rest }
    }
}

/// Rows per page by REST at this rate.
pub(super) fn rest_rows(rate: Option<u64>) -> u64 {
    within(rate, REST_ROWS)
}

/// Rows of the first page of a Bulk result at this rate.
pub(super) fn first_rows(rate: Option<u64>) -> u64 {
    within(rate, FIRST_ROWS)
}

/// Rows of the next page, behind one of so many `bytes` and `rows`.
pub(super) fn next_rows((bytes, rows): (u64, u64), rate: Option<u64>) -> u64 {
    let each = (bytes / rows.max(1)).max(1);
    let most = rows.saturating_mul(GROWTH).clamp(FIRST_ROWS, ROWS_MAX);
    within(rate, (PAGE_BYTES / each).clamp(ROWS_MIN, most))
}

/// At most `rows`, as far as the rate allows.
pub(super) fn within(rate: Option<u64>, rows: u64) -> u64 {
    match rate {
        Some(rate) => rows.min(rate.saturating_mul(SECONDS_MAX).max(ROWS_MIN)),
        None => rows,
    }
}

/// How many pages so many records take, where `sample` is the size of some of them in bytes and rows.
pub(super) fn count(api: Api, records: u64, sample: (u64, u64), rate: Option<u64>) -> u64 {
    if api == Api::Rest {
        // A full page does not tell that it is the last one.
        return records / rest_rows(rate) + 1;
    }
    let (mut pages, mut read, mut rows) = (1, 0, first_rows(rate));
    while read + rows < records {
        read += rows;
        pages += 1;
        rows = next_rows((sample.0.saturating_mul(rows) / sample.1.max(1), rows), rate);
    }
    pages
}

#[cfg(test)]
mod tests {
    use super::{Api, FIRST_ROWS, ROWS_MAX, ROWS_MIN, count, first_rows, next_rows, rest_rows};

    #[test]
    fn more_records_than_the_mapping_says_come_by_bulk() {
        assert_eq!([Api::of(10, 10), Api::of(11, 10)], [Api::Rest, Api::Bulk]);
    }

    #[test]
    fn pages_hold_as_many_rows_as_fit_their_share_of_memory() {
        let table = [
            ((3_300_000, 10_000), 25_420),
            ((0, 0), FIRST_ROWS),
            ((2_000 * 20, 2_000), 8_000),
            ((20_000 * 20, 20_000), ROWS_MAX),
            ((500 << 20, 4_000), ROWS_MIN),
        ];
        for (page, expected) in table {
            assert_eq!(next_rows(page, None), expected, "{page:?}");
        }
    }

    #[test]
    fn a_page_holds_no_more_than_the_rate_allows_in_a_few_seconds_but_is_worth_its_request() {
        #[rustfmt::skip]
        let table = [
            // rate, by REST, first, next
            (None,         2_000, 2_000, 25_420),
            (Some(10_000), 2_000, 2_000, 25_420),
            (Some(2_000),  2_000, 2_000,  6_000),
            (Some(200),      600,   600,    600),
            (Some(1),        500,   500,    500),
            (Some(u64::MAX), 2_000, 2_000, 25_420),
        ];
        for (rate, rest, first, next) in table {
            let rows = [rest_rows(rate), first_rows(rate), next_rows((3_300_000, 10_000), rate)];
            assert_eq!(rows, [rest, first, next], "{rate:?}");
        }
    }

    #[test]
    fn the_number_of_pages_follows_from_their_sizes() {
        let sample = (33_000, 100);
        #[rustfmt::skip]
        let table = [
            (Api::Rest, 0,         None,      1),
            (Api::Rest, 2_000,     None,      2),
            (Api::Rest, 1_999,     Some(200), 4),
            (Api::Bulk, 2_000,     None,      1),
            (Api::Bulk, 2_001,     None,      2),
            // 2,000 rows, 8,000, then 25,420 again and again.
            (Api::Bulk, 35_420,    None,      3),
            (Api::Bulk, 35_421,    None,      4),
            (Api::Bulk, 1_200_000, Some(200), 2_000),
        ];
        for (api, records, rate, expected) in table {
            assert_eq!(count(api, records, sample, rate), expected, "{api:?} {records} {rate:?}");
        }
    }
}
