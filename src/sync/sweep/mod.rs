//! The sweep: the whole object against the whole table, and what polls cannot see put right.
//!
//! A poll knows what Salesforce says has changed. Records deleted for good, emptied bins, merges, rows that the
//! integration user may no longer see, fields that move without a stamp, a row that was missed or spoiled here: these
//! show only when both sides are laid beside each other. A sweep reads all ids and stamps, or all values, and lets
//! Postgres compare them with the table ([`postgres::Scan`]). Nothing is inferred from an incomplete scan. What differs
//! is then fetched by id and applied as a poll would; a row is removed only after its record was asked for by its id,
//! and many only when the guard against mass deletion allows it.
//!
//! [`Sweeper::look`] finds and writes nothing. [`Sweeper::run`] finds, keeps what it found, and repairs; a worker that
//! is killed goes on with the same Bulk job or with the rest of the repair.

mod missed;
mod read;
mod repair;
mod schedule;

pub use schedule::{SweepTurn, sweep_turn};

use crate::mapping::Mapping;
use crate::postgres::{
    self, Database, Difference, FindingKind, Lease, Scan, ScanStart, SweepState, Underway,
};
use crate::salesforce::Client;
use crate::sync::Error;
use chrono::TimeDelta;
use read::Reading;
use std::collections::BTreeMap;

/// The second in which the clock was read may still be being written.
const UNFINISHED_SECOND: TimeDelta = TimeDelta::seconds(1);

/// Rows whose differing fields are named, beside those that were compared by value anyway.
const EXPLAINED_MAX: u64 = 2_000;

/// Rows without record in the scan that are asked for by id where nothing is repaired.
const ASKED_FOR_MAX: usize = 10_000;

/// How a sweep is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepOptions {
    /// Compare every value, not a sample's.
    pub full: bool,
    /// How many rows to compare by value; the mapping's setting where absent.
    pub sample: Option<u64>,
    /// Remove up to this many rows whose records are gone, whatever the guard says.
    pub allow_deletes: Option<u64>,
    /// Keep at most so many differences of each kind for people to see.
    pub listed: u64,
    /// Keep the values of both sides with them.
    pub shows_values: bool,
}

/// What a sweep found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SweepReport {
    /// Records read.
    pub scanned: u64,
    /// Rows compared by value as the sample's.
    pub sampled: u64,
    /// How many of each kind.
    pub counts: BTreeMap<FindingKind, u64>,
    /// The first of each kind.
    pub differences: Vec<Difference>,
    /// What was done about it, where it was to be repaired.
    pub repaired: Option<Repaired>,
    /// Requests spent.
    pub calls: u64,
}

/// What a sweep put right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Rows added.
    pub inserted: u64,
    /// Rows given their record's values.
    pub updated: u64,
    /// Rows removed.
    pub removed: u64,
    /// Rows that looked wrong and were not: their records changed meanwhile, or are there after all.
    pub settled: u64,
    /// Rows that the guard holds back (at least so many), and how many may go at once.
    pub held: Option<(u64, u64)>,
}

impl Repaired {
    /// Rows written.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.inserted + self.updated + self.removed
    }
}

impl SweepReport {
    /// Whether the two sides are equal but for changes on their way.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.counts.iter().all(|(kind, count)| *count == 0 || !kind.is_difference())
    }
}

/// Sweeps mappings.
#[derive(Clone, Debug)]
pub struct Sweeper {
    db: Database,
    client: Client,
}

impl Sweeper {
    /// A sweeper between this database and this org.
    #[must_use]
    pub fn new(db: Database, client: &Client) -> Self {
        Self { db, client: client.counted_apart() }
    }

    /// Compares without writing anything.
    ///
    /// # Errors
    /// When either side fails, or [`Error::IncompleteScan`].
    pub async fn look(
        &self,
        mapping: &Mapping,
        options: SweepOptions,
    ) -> Result<SweepReport, Error> {
        let before = self.client.calls_made();
        let start = self.start().await?;
        let reading = self.choose_reading(mapping, is_full(mapping, options)).await?;
        let state = self.state(mapping).await?;
        let mut scan = Scan::begin(&self.db, mapping, start, options.shows_values).await?;
        self.fill(&mut scan, reading, (mapping, is_full(mapping, options))).await?;
        let after = state.as_ref().and_then(|state| state.sample_after.as_deref());
        self.compare(&mut scan, mapping, options, after).await?;
        let mut report = report(&scan, options).await?;
        report.calls = self.client.calls_made().saturating_sub(before);
        Ok(report)
    }

    /// Compares and repairs, going on with a sweep that was interrupted. Safe to repeat and to drop anywhere.
    ///
    /// # Errors
    /// When either side fails, the lease was lost, or [`Error::IncompleteScan`]. What was found is kept and repaired
    /// by the next call, unless the scan itself failed: then the next call begins anew.
    pub async fn run(
        &self,
        lease: &Lease,
        mapping: &Mapping,
        options: SweepOptions,
    ) -> Result<SweepReport, Error> {
        let before = self.client.calls_made();
        let swept = self.sweep(lease, mapping, options).await;
        let calls = self.client.calls_made().saturating_sub(before);
        crate::sync::count_calls(&self.db, &mapping.object, "sweep", calls).await;
        let report = SweepReport { calls, ..swept? };
        self.tell(mapping, &report).await?;
        Ok(report)
    }

    async fn sweep(
        &self,
        lease: &Lease,
        mapping: &Mapping,
        options: SweepOptions,
    ) -> Result<SweepReport, Error> {
        let state = self.state(mapping).await?;
        let underway = state.as_ref().and_then(|state| state.underway.clone());
        let (underway, mut report) = match underway {
            Some(underway) if underway.is_compared && !options.full => {
                (underway, SweepReport::default())
            }
            interrupted => {
                let kept = interrupted.filter(|known| known.is_full == is_full(mapping, options));
                let scanned = self.scan(lease, mapping, options, (state.as_ref(), kept)).await;
                if matches!(
                    scanned,
                    Err(Error::QueryJobEnded { .. } | Error::IncompleteScan { .. })
                ) {
                    postgres::end_sweep(&self.db, lease, &mapping.object, false, 0).await?;
                }
                scanned?
            }
        };
        let repaired = self.repair(lease, mapping, options, underway.start.started_at).await?;
        postgres::end_sweep(&self.db, lease, &mapping.object, true, repaired.rows()).await?;
        report.repaired = Some(repaired);
        Ok(report)
    }

    /// Reads the object, by the job of the interrupted sweep where there is one, and keeps what differs.
    async fn scan(
        &self,
        lease: &Lease,
        mapping: &Mapping,
        options: SweepOptions,
        (state, interrupted): (Option<&SweepState>, Option<Underway>),
    ) -> Result<(Underway, SweepReport), Error> {
        let resumed = interrupted.and_then(|sweep| Some((Reading::Job(sweep.job.clone()?), sweep)));
        let (reading, underway) = match resumed {
            Some((reading, underway)) => (reading, underway),
            None => self.begin(lease, mapping, is_full(mapping, options)).await?,
        };
        let mut scan = Scan::begin(&self.db, mapping, underway.start, options.shows_values).await?;
        let filled = self.fill(&mut scan, reading, (mapping, underway.is_full)).await;
        if matches!(&filled, Err(Error::Salesforce(crate::salesforce::Error::NotFound(_)))) {
            // Salesforce has forgotten the job of a sweep that was interrupted days ago.
            postgres::end_sweep(&self.db, lease, &mapping.object, false, 0).await?;
        }
        filled?;
        let after = state.and_then(|state| state.sample_after.as_deref());
        let next = self.compare(&mut scan, mapping, options, after).await?;
        let report = report(&scan, options).await?;
        scan.save(lease, next.as_deref()).await?;
        Ok((Underway { is_compared: true, ..underway }, report))
    }

    async fn begin(
        &self,
        lease: &Lease,
        mapping: &Mapping,
        is_full: bool,
    ) -> Result<(Reading, Underway), Error> {
        let start = self.start().await?;
        let reading = self.choose_reading(mapping, is_full).await?;
        let job = match &reading {
            Reading::Job(job) => Some(job.clone()),
            Reading::Pages(_) => None,
        };
        let underway = Underway { start, is_full, job, is_compared: false };
        postgres::begin_sweep(&self.db, lease, &mapping.object, &underway).await?;
        Ok((reading, underway))
    }

    async fn start(&self) -> Result<ScanStart, Error> {
        let read_started = self.db.now().await?;
        let started_at = self.client.server_time().await? - UNFINISHED_SECOND;
        Ok(ScanStart { started_at, read_started })
    }

    async fn state(&self, mapping: &Mapping) -> Result<Option<SweepState>, Error> {
        Ok(postgres::sweep_state(&self.db, &mapping.object).await?)
    }

    /// Compares the ids, then a sample's values unless all were; names the fields of a few rows that differ by stamp.
    /// Answers where the next sample begins.
    async fn compare(
        &self,
        scan: &mut Scan<'_>,
        mapping: &Mapping,
        options: SweepOptions,
        after: Option<&str>,
    ) -> Result<Option<String>, Error> {
        scan.compare().await?;
        let asked_for = if options.listed > 0 { ASKED_FOR_MAX } else { 0 };
        self.ask_for_extras_found(scan, mapping, asked_for).await?;
        let next = if is_full(mapping, options) {
            after.map(str::to_owned)
        } else {
            let sample = options.sample.unwrap_or(mapping.sweep.sample);
            self.sample(scan, mapping, sample, after).await?
        };
        if options.listed > 0 && !is_full(mapping, options) {
            self.explain(scan, mapping, options.listed.min(EXPLAINED_MAX)).await?;
        }
        Ok(next)
    }

    /// Says in the log and on the timeline what was found and done.
    async fn tell(&self, mapping: &Mapping, report: &SweepReport) -> Result<(), Error> {
        let count = |kind| report.counts.get(&kind).copied().unwrap_or_default();
        let repaired = report.repaired.unwrap_or_default();
        tracing::info!(
            mapping = %mapping.object, scanned = report.scanned, sampled = report.sampled,
            missing = count(FindingKind::Missing), extra = count(FindingKind::Extra),
            stale = count(FindingKind::Stale), differing = count(FindingKind::Differing),
            unlinked = count(FindingKind::Unlinked), inserted = repaired.inserted,
            updated = repaired.updated, removed = repaired.removed, "swept"
        );
        if !report.is_equal() || repaired.rows() > 0 {
            let message = format!(
                "{} rows were missing, {} had no record, {} differed; {} were added, {} updated, {} removed",
                count(FindingKind::Missing),
                count(FindingKind::Extra),
                count(FindingKind::Stale) + count(FindingKind::Differing),
                repaired.inserted,
                repaired.updated,
                repaired.removed
            );
            postgres::log_event(&self.db, "swept", Some(&mapping.object), &message).await?;
        }
        Ok(())
    }
}

/// Whether every value is read. Without stamps, values are all there is to compare.
fn is_full(mapping: &Mapping, options: SweepOptions) -> bool {
    options.full || !mapping.has_system_modstamp()
}

async fn report(scan: &Scan<'_>, options: SweepOptions) -> Result<SweepReport, Error> {
    let counts = scan.counts().await?;
    let differences =
        if options.listed > 0 { scan.differences(options.listed).await? } else { Vec::new() };
    let (scanned, sampled) = scan.read();
    Ok(SweepReport { scanned, sampled, counts, differences, repaired: None, calls: 0 })
}
