//! The API budget: how much of the org's daily allowance is spent, and what may still run.
//!
//! What can best wait stops first: loads, then sweeps; then polls come less often, then updates wait while inserts
//! and deletions go on, and at the end everything stands still. A level is left again only when the share has fallen
//! clearly below where it began, so that a share that hovers there does not stop and start work all the time.
//!
//! The share comes from the header of every answer, which is approximate, may be absent, and may be wrong. It is
//! never believed below what was counted here, nor above the allowance or far below itself before that is confirmed.

/// Work that costs API requests, the most dispensable first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Work {
    /// Loading a table, first or again.
    Backfill,
    /// Comparing whole objects, and reading again what moves without a stamp.
    Sweep,
    /// Asking for what changed, and for what objects look like.
    Poll,
    /// Sending changes of records that Salesforce has.
    Update,
    /// Sending new records and deletions.
    InsertOrDelete,
}

/// How far work is cut down. Each level includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Everything runs.
    #[default]
    Open,
    /// From 70 %: loads stop.
    NoBackfill,
    /// From 80 %: sweeps stop too.
    NoSweep,
    /// From 90 %: polls come less often.
    SlowPolls,
    /// From 95 %: updates wait.
    NoUpdates,
    /// From 98 %, or once Salesforce refused for its limit: nothing runs.
    Closed,
}

/// How far below its beginning a level ends, in hundredths of a percent.
const SLACK: u64 = 200;

/// How many times longer the time between polls is while they are slowed down.
const SLOWER: u32 = 4;

impl Level {
    /// Every level, the least first.
    pub const ALL: [Self; 6] = [
        Self::Open,
        Self::NoBackfill,
        Self::NoSweep,
        Self::SlowPolls,
        Self::NoUpdates,
        Self::Closed,
    ];

    /// Where the level begins, in hundredths of a percent.
    const fn begins_at(self) -> u64 {
        match self {
            Self::Open => 0,
            Self::NoBackfill => 7_000,
            Self::NoSweep => 8_000,
            Self::SlowPolls => 9_000,
            Self::NoUpdates => 9_500,
            Self::Closed => 9_800,
        }
    }

    /// The level that follows from `share`, in hundredths of a percent of the budget.
    #[must_use]
    pub fn after(self, share: u64) -> Self {
        let holds = |level: &Self| {
            let slack = if *level <= self { SLACK } else { 0 };
            *level == Self::Open || share >= level.begins_at() - slack
        };
        Self::ALL.into_iter().rev().find(holds).unwrap_or_default()
    }

    /// Whether work of this kind may begin.
    #[must_use]
    pub fn allows(self, work: Work) -> bool {
        match work {
            Work::Backfill => self < Self::NoBackfill,
            Work::Sweep => self < Self::NoSweep,
            Work::Update => self < Self::NoUpdates,
            Work::Poll | Work::InsertOrDelete => self < Self::Closed,
        }
    }

    /// By how much the time between two polls is longer than usual.
    #[must_use]
    pub fn poll_factor(self) -> u32 {
        if self < Self::SlowPolls { 1 } else { SLOWER }
    }

    /// The word for it in tables and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::NoBackfill => "no_backfill",
            Self::NoSweep => "no_sweep",
            Self::SlowPolls => "slow_polls",
            Self::NoUpdates => "no_updates",
            Self::Closed => "closed",
        }
    }

    /// What is held back, in words for a person.
    #[must_use]
    pub fn held_back(self) -> &'static str {
        match self {
            Self::Open => "nothing is held back",
            Self::NoBackfill => "loads wait",
            Self::NoSweep => "loads and sweeps wait",
            Self::SlowPolls => "loads and sweeps wait, polls come a quarter as often",
            Self::NoUpdates => {
                "loads, sweeps and updates wait, polls come a quarter as often; inserts and deletions go on"
            }
            Self::Closed => "everything waits; changes are captured on",
        }
    }
}

/// Requests made in the last 24 hours, and allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Requests made.
    pub used: u64,
    /// Requests allowed.
    pub limit: u64,
}

impl Reading {
    fn is_sound(self) -> bool {
        self.limit > 0 && self.used <= self.limit
    }

    /// In hundredths of a percent of `percent` of the limit.
    fn share(self, percent: u64) -> u64 {
        let budget = u128::from(self.limit) * u128::from(percent.clamp(1, 100));
        let share = u128::from(self.used) * 1_000_000 / budget.max(1);
        u64::try_from(share).unwrap_or(u64::MAX)
    }
}

/// A reading that is far below the last one is believed when it comes this often in a row.
const FALLS: u8 = 3;

/// What is known of the org's allowance.
///
/// `calls` is everywhere the number of requests that this process has made so far.
#[derive(Clone, Debug)]
pub struct Meter {
    /// How much of the limit is the budget, in percent.
    percent: u64,
    /// The latest reading that is believed, and the calls made by then.
    known: Option<(Reading, u64)>,
    /// Readings in a row that were far below what is known.
    falls: u8,
    /// Our own requests of the last 24 hours, counted by all workers, and the calls made by then.
    own: (u64, u64),
    /// The allowance of our app alone, where it has one.
    app: Option<Reading>,
    /// Salesforce refused for its limit, and nothing was answered since.
    is_refused: bool,
    /// The latest answer told nothing that can be believed.
    is_unsure: bool,
    level: Level,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            percent: 100,
            known: None,
            falls: 0,
            own: (0, 0),
            app: None,
            is_refused: false,
            is_unsure: true,
            level: Level::Open,
        }
    }
}

impl Meter {
    /// The budget is this much of the org's limit, in percent.
    pub fn set_percent(&mut self, percent: u64, calls: u64) {
        self.percent = percent;
        self.settle(calls);
    }

    /// An answer came, with what its header says of the org and of our app alone.
    pub fn answered(&mut self, org: Option<Reading>, app: Option<Reading>, calls: u64) {
        self.is_refused = false;
        self.app = app.filter(|app| app.limit > 0);
        match org {
            Some(reading) if reading.is_sound() => self.take(reading, calls),
            // Once the org's own list of limits has said so, the header may too.
            Some(reading)
                if reading.limit > 0
                    && self.known.is_some_and(|(known, _)| known.used >= known.limit) =>
            {
                self.take(reading, calls);
            }
            _ => self.is_unsure = true,
        }
        self.settle(calls);
    }

    /// The org's list of limits says so, which ends every doubt but one about a limit of nothing.
    pub fn confirmed(&mut self, reading: Reading, calls: u64) {
        if reading.limit > 0 {
            self.known = Some((reading, calls));
            self.falls = 0;
        }
        self.settle(calls);
    }

    /// Salesforce refused a request because the limit is reached.
    pub fn refused(&mut self, calls: u64) {
        self.is_refused = true;
        self.settle(calls);
    }

    /// All workers together have made so many requests in the last 24 hours, those of this process included.
    pub fn counted(&mut self, own: u64, calls: u64) {
        self.own = (own, calls);
        self.settle(calls);
    }

    /// The level as of the latest note.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// What is known, with what was spent since.
    #[must_use]
    pub fn reading(&self, calls: u64) -> Option<Reading> {
        let (known, at) = self.known?;
        let own = self.own.0 + calls.saturating_sub(self.own.1);
        let used = (known.used + calls.saturating_sub(at)).max(own);
        Some(Reading { used, ..known })
    }

    /// Whether the org's list of limits should be asked: nothing else tells how much is left.
    #[must_use]
    pub fn needs_asking(&self) -> bool {
        self.is_refused || self.is_unsure || self.level == Level::Closed
    }

    fn take(&mut self, reading: Reading, calls: u64) {
        let is_fall = self.known.is_some_and(|(known, _)| {
            reading.used + known.limit.min(reading.limit) / 10 < known.used
        });
        self.falls = if is_fall { self.falls + 1 } else { 0 };
        self.is_unsure = is_fall && self.falls < FALLS;
        if !self.is_unsure {
            self.known = Some((reading, calls));
            self.falls = 0;
        }
    }

    fn settle(&mut self, calls: u64) {
        let org = self.reading(calls).map_or(0, |reading| reading.share(self.percent));
        let app = self.app.map_or(0, |app| app.share(100));
        self.level = if self.is_refused { Level::Closed } else { self.level.after(org.max(app)) };
    }
}

#[cfg(test)]
mod tests {
    use super::Level::{Closed, NoBackfill, NoSweep, NoUpdates, Open, SlowPolls};
    use super::{Level, Meter, Reading, Work};

    fn reading(used: u64, limit: u64) -> Reading {
        Reading { used, limit }
    }

    #[test]
    fn work_is_shed_in_the_order_of_how_well_it_can_wait() {
        #[rustfmt::skip]
        let table = [
            // share   level       backfill sweep poll  update insert  polls
            (    0,    Open,       [true,   true, true,  true, true],  1),
            (6_999,    Open,       [true,   true, true,  true, true],  1),
            (7_000,    NoBackfill, [false,  true, true,  true, true],  1),
            (7_999,    NoBackfill, [false,  true, true,  true, true],  1),
            (8_000,    NoSweep,    [false, false, true,  true, true],  1),
            (9_000,    SlowPolls,  [false, false, true,  true, true],  4),
            (9_500,    NoUpdates,  [false, false, true, false, true],  4),
            (9_799,    NoUpdates,  [false, false, true, false, true],  4),
            (9_800,    Closed,     [false, false, false, false, false], 4),
            (25_000,   Closed,     [false, false, false, false, false], 4),
        ];
        for (share, level, allowed, factor) in table {
            assert_eq!(Open.after(share), level, "{share}");
            let work =
                [Work::Backfill, Work::Sweep, Work::Poll, Work::Update, Work::InsertOrDelete];
            assert_eq!(work.map(|work| level.allows(work)), allowed, "{share}");
            assert_eq!(level.poll_factor(), factor, "{share}");
        }
    }

    #[test]
    fn a_level_ends_clearly_below_where_it_began() {
        #[rustfmt::skip]
        let table = [
            // before   share  after
            (NoBackfill, 6_999, NoBackfill),
            (NoBackfill, 6_800, NoBackfill),
            (NoBackfill, 6_799, Open),
            (Closed,     9_799, Closed),
            (Closed,     9_599, NoUpdates),
            (Closed,     9_000, SlowPolls),
            (Closed,     8_800, SlowPolls),
            (Closed,     8_799, NoSweep),
            (Closed,         0, Open),
            (NoUpdates,  9_799, NoUpdates),
            (NoUpdates,  9_800, Closed),
            (SlowPolls,  9_499, SlowPolls),
        ];
        for (before, share, after) in table {
            assert_eq!(before.after(share), after, "{before:?} {share}");
        }
        let mut level = Open;
        let mut changes = 0;
        for share in [6_990, 7_010, 6_980, 7_005, 6_850, 7_100] {
            changes += usize::from(level.after(share) != level);
            level = level.after(share);
        }
        assert_eq!(changes, 1, "a share that hovers does not stop and start work");
    }

    #[test]
    fn the_budget_is_a_part_of_the_limit() {
        let mut meter = Meter::default();
        meter.answered(Some(reading(560, 1_000)), None, 1);
        assert_eq!(meter.level(), Open);
        meter.set_percent(80, 1);
        assert_eq!(meter.level(), NoBackfill, "560 of 800");
    }

    #[test]
    fn the_cap_of_the_app_counts_where_it_is_tighter() {
        let mut meter = Meter::default();
        meter.answered(Some(reading(10, 1_000)), Some(reading(240, 250)), 1);
        assert_eq!(meter.level(), NoUpdates);
        meter.answered(Some(reading(10, 1_000)), None, 2);
        assert_eq!(meter.level(), Open);
    }

    #[test]
    fn a_header_that_cannot_be_true_changes_nothing_until_it_is_confirmed() {
        for wrong in [
            None,
            Some(reading(0, 0)),
            Some(reading(9, 0)),
            Some(reading(1_001, 1_000)),
            Some(reading(50, 1)),
        ] {
            let mut meter = Meter::default();
            meter.answered(Some(reading(850, 1_000)), None, 1);
            assert!(!meter.needs_asking());
            meter.answered(wrong, None, 2);
            assert_eq!(meter.level(), NoSweep, "{wrong:?}");
            assert!(meter.needs_asking(), "{wrong:?}");
        }
        let mut meter = Meter::default();
        meter.answered(Some(reading(1_001, 1_000)), None, 1);
        assert_eq!(meter.level(), Open);
        meter.confirmed(Reading { used: 1_000, limit: 1_000 }, 2);
        assert_eq!(meter.level(), Closed, "orgs may overdraw");
        meter.answered(Some(reading(1_002, 1_000)), None, 3);
        assert_eq!(meter.level(), Closed);
    }

    #[test]
    fn a_header_that_falls_at_once_is_believed_when_it_stays_there() {
        let mut meter = Meter::default();
        meter.answered(Some(reading(960, 1_000)), None, 1);
        meter.answered(Some(reading(3, 1_000)), None, 2);
        meter.answered(Some(reading(3, 1_000)), None, 3);
        assert_eq!(meter.level(), NoUpdates);
        meter.answered(Some(reading(3, 1_000)), None, 4);
        assert_eq!(meter.level(), Open);
        meter.answered(Some(reading(960, 1_000)), None, 5);
        meter.answered(Some(reading(940, 1_000)), None, 6);
        assert_eq!(meter.reading(6), Some(reading(940, 1_000)), "a slow fall is what a day does");
    }

    #[test]
    fn without_a_header_our_own_calls_are_counted() {
        let mut meter = Meter::default();
        meter.confirmed(Reading { used: 600, limit: 1_000 }, 10);
        for calls in 11..=120 {
            meter.answered(None, None, calls);
        }
        assert_eq!(meter.reading(120), Some(reading(710, 1_000)));
        assert_eq!(meter.level(), NoBackfill);
        assert!(meter.needs_asking());
    }

    #[test]
    fn the_share_is_never_below_what_we_made_ourselves() {
        let mut meter = Meter::default();
        meter.answered(Some(reading(5, 1_000)), None, 40);
        meter.counted(810, 40);
        assert_eq!(meter.level(), NoSweep);
        meter.answered(Some(reading(6, 1_000)), None, 41);
        assert_eq!(meter.reading(41), Some(reading(811, 1_000)));
    }

    #[test]
    fn a_refusal_closes_until_an_answer_comes() {
        let mut meter = Meter::default();
        meter.answered(Some(reading(5, 1_000)), None, 1);
        meter.refused(2);
        assert_eq!(meter.level(), Closed);
        assert!(meter.needs_asking());
        meter.counted(2, 2);
        assert_eq!(meter.level(), Closed);
        meter.answered(Some(reading(5, 1_000)), None, 3);
        assert_eq!(meter.level(), Open);
    }

    #[test]
    fn every_level_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<_> =
            Level::ALL.iter().flat_map(|level| [level.as_str(), level.held_back()]).collect();
        assert_eq!(words.len(), 2 * Level::ALL.len());
    }
}
