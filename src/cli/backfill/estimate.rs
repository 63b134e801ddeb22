//! What a load will take, from what is known before it. Pure.

use crate::sync::{Api, Forecast};
use std::time::Duration;

/// Rows per second that are taken for granted where none was measured.
pub(super) const ASSUMED_ROWS_PER_SECOND: u64 = 5_000;

/// Requests beside the pages: the clock and the count; of a Bulk job also making it and asking whether it is ready.
const REST_BESIDES: u64 = 2;
const BULK_BESIDES: u64 = 12;

/// What Postgres keeps for each row beside its values, and for each entry of an index.
const ROW_OVERHEAD: u64 = 40;
const INDEX_ENTRY: u64 = 40;

/// What is known before a load.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// What it would do.
    pub(super) forecast: Forecast,
    pub(super) indexes: u64,
    /// Rows per second of the last load.
    pub(super) measured: Option<u64>,
    /// Rows per second that were asked for at most.
    pub(super) rate: Option<u64>,
}

/// What a load will take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Estimate {
    pub(super) calls: u64,
    pub(super) time: Duration,
    /// On disk, with indexes, if every row is new.
    pub(super) bytes: u64,
}

/// Estimates a load.
pub(super) fn estimate(known: &Known) -> Estimate {
    let Forecast { rows, api, pages, row_bytes, .. } = known.forecast;
    let besides = match api {
        Api::Rest => REST_BESIDES,
        Api::Bulk => BULK_BESIDES,
    };
    let speed = known.measured.unwrap_or(ASSUMED_ROWS_PER_SECOND);
    let speed = speed.min(known.rate.unwrap_or(u64::MAX)).max(1);
    let each = row_bytes + ROW_OVERHEAD + known.indexes * INDEX_ENTRY;
    Estimate {
        calls: pages + besides,
        time: Duration::from_secs(rows.div_ceil(speed)),
        bytes: rows.saturating_mul(each),
    }
}

#[cfg(test)]
mod tests {
    use super::{Known, estimate};
    use crate::sync::{Api, Forecast};

    #[test]
    fn an_estimate_follows_from_what_is_known() {
        let forecast =
            Forecast { rows: 10_000, api: Api::Rest, pages: 6, row_bytes: 100, is_direct: true };
        let known = Known { forecast, indexes: 3, measured: None, rate: None };
        let rest = estimate(&known);
        assert_eq!((rest.calls, rest.time.as_secs(), rest.bytes), (8, 2, 2_600_000));
        let forecast = Forecast { rows: 100_001, api: Api::Bulk, pages: 5, ..forecast };
        let bulk = estimate(&Known { forecast, measured: Some(1_000), ..known });
        assert_eq!((bulk.calls, bulk.time.as_secs()), (17, 101));
        let slow = estimate(&Known { measured: Some(1_000), rate: Some(100), ..known });
        assert_eq!(slow.time.as_secs(), 100);
        let forecast = Forecast { rows: 0, pages: 1, ..known.forecast };
        let none = estimate(&Known { forecast, ..known });
        assert_eq!((none.calls, none.time.as_secs(), none.bytes), (3, 0, 0));
    }
}
