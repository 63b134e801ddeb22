//! What a load will take, from what is known before it. Pure.

use std::time::Duration;

/// Rows per second that are taken for granted where none was measured.
pub(super) const ASSUMED_ROWS_PER_SECOND: u64 = 5_000;

/// Rows per page: of REST, and about those of a Bulk result.
const REST_PAGE: u64 = 2_000;
const BULK_PAGE: u64 = 25_000;

/// Requests beside the pages: the clock and the count; of a Bulk job also making it and asking whether it is ready.
const REST_BESIDES: u64 = 2;
const BULK_BESIDES: u64 = 12;

/// What Postgres keeps for each row beside its values, and for each entry of an index.
const ROW_OVERHEAD: u64 = 40;
const INDEX_ENTRY: u64 = 40;

/// How the records come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    Rest,
    Bulk,
}

/// What is known before a load.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    /// Records to read.
    pub(super) rows: u64,
    /// More than these come by Bulk.
    pub(super) read_above: u64,
    /// Bytes of a row's values, on average over a sample.
    pub(super) row_bytes: u64,
    pub(super) indexes: u64,
    /// Rows per second of the last load.
    pub(super) measured: Option<u64>,
    /// Rows per second that were asked for at most.
    pub(super) rate: Option<u64>,
}

/// What a load will take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Estimate {
    pub(super) api: Api,
    pub(super) calls: u64,
    pub(super) time: Duration,
    /// On disk, with indexes, if every row is new.
    pub(super) bytes: u64,
}

/// Estimates a load.
pub(super) fn estimate(known: &Known) -> Estimate {
    let (api, page, besides) = if known.rows > known.read_above {
        (Api::Bulk, BULK_PAGE, BULK_BESIDES)
    } else {
        (Api::Rest, REST_PAGE, REST_BESIDES)
    };
    let speed = known.measured.unwrap_or(ASSUMED_ROWS_PER_SECOND);
    let speed = speed.min(known.rate.unwrap_or(u64::MAX)).max(1);
    let each = known.row_bytes + ROW_OVERHEAD + known.indexes * INDEX_ENTRY;
    Estimate {
        api,
        calls: known.rows / page + 1 + besides,
        time: Duration::from_secs(known.rows.div_ceil(speed)),
        bytes: known.rows.saturating_mul(each),
    }
}

#[cfg(test)]
mod tests {
    use super::{Api, Known, estimate};

    #[test]
    fn an_estimate_follows_from_what_is_known() {
        let known = Known {
            rows: 10_000,
            read_above: 10_000,
            row_bytes: 100,
            indexes: 3,
            ..Known::default()
        };
        let rest = estimate(&known);
        assert_eq!(
            (rest.api, rest.calls, rest.time.as_secs(), rest.bytes),
            (Api::Rest, 8, 2, 2_600_000)
        );
        let bulk = estimate(&Known { rows: 100_001, measured: Some(1_000), ..known });
        assert_eq!((bulk.api, bulk.calls, bulk.time.as_secs()), (Api::Bulk, 17, 101));
        let slow = estimate(&Known { measured: Some(1_000), rate: Some(100), ..known });
        assert_eq!(slow.time.as_secs(), 100);
        let none = estimate(&Known { rows: 0, ..known });
        assert_eq!((none.calls, none.time.as_secs(), none.bytes), (3, 0, 0));
    }
}
