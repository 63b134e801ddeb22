//! How fast a load is and when it will be done. Pure: time is an argument.

use std::time::Duration;

/// The speed of this run of a load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Speed {
    /// Rows that earlier runs had read.
    before: u64,
    rows: u64,
    expected: Option<u64>,
}

impl Speed {
    /// A run that begins at `rows` of `expected`.
    pub(super) fn new(rows: u64, expected: Option<u64>) -> Self {
        Self { before: rows, rows, expected }
    }

    /// So many rows are read in all.
    pub(super) fn reached(&mut self, rows: u64) {
        self.rows = rows;
        // A load that began again from its beginning is measured from there.
        self.before = self.before.min(rows);
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows expected in all; never less than those read.
    pub(super) fn expected(&self) -> Option<u64> {
        self.expected.map(|expected| expected.max(self.rows))
    }

    /// Rows per second of this run, once it is known.
    pub(super) fn per_second(&self, elapsed: Duration) -> Option<f64> {
        let rows = self.rows - self.before;
        #[expect(clippy::cast_precision_loss, reason = "counts of rows are far below 2^52")]
        let per_second = rows as f64 / elapsed.as_secs_f64();
        (rows > 0 && per_second.is_finite()).then_some(per_second)
    }

    /// How long the rest takes at this speed.
    pub(super) fn left(&self, elapsed: Duration) -> Option<Duration> {
        #[expect(clippy::cast_precision_loss, reason = "counts of rows are far below 2^52")]
        let rest = (self.expected()? - self.rows) as f64;
        Duration::try_from_secs_f64(rest / self.per_second(elapsed)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Speed;
    use std::time::Duration;

    #[test]
    fn speed_and_rest_follow_from_this_run_alone() {
        let after = |seconds| Duration::from_secs(seconds);
        let mut speed = Speed::new(1_000, Some(5_000));
        assert_eq!((speed.per_second(after(3)), speed.left(after(3))), (None, None));
        speed.reached(3_000);
        assert_eq!(speed.per_second(after(4)), Some(500.0));
        assert_eq!(speed.left(after(4)), Some(after(4)));
        speed.reached(6_000);
        assert_eq!((speed.expected(), speed.left(after(10))), (Some(6_000), Some(after(0))));
        assert_eq!(speed.per_second(Duration::ZERO), None);
        assert_eq!(Speed::new(0, None).left(after(1)), None);
    }

    #[test]
    fn a_load_that_begins_again_is_measured_from_there() {
        let mut speed = Speed::new(1_000, Some(5_000));
        speed.reached(0);
        speed.reached(100);
        assert_eq!(speed.per_second(Duration::from_secs(1)), Some(100.0));
    }
}
