//! `lockstep backfill`: loads objects now, showing how far it is.

use super::connect::{self, Session};
use super::report::{self, Exit, Failure};
use crate::mapping::Mapping;
use crate::postgres;
use crate::sync::{Backfill, Error};
use crate::worker::keep_lease;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Lines of progress off a terminal come at most this often per object.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Options of `lockstep backfill`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The objects to load, such as Account; all mapped ones when none is named.
    #[arg(value_name = "MAPPING")]
    mappings: Vec<String>,
}

/// Loads the named mappings, or all, one after the other and parents first.
pub(super) async fn run(config: Option<&Path>, args: Args) -> Result<Exit, Failure> {
    let session = Session::open(config).await?;
    session.provision().await?;
    let chosen = choose(&session.mappings, &args.mappings)?;
    let stop = connect::stop_on_signals()?;
    let progress = Progress::new();
    let outcome = load_all(&session, &chosen, &progress, &stop).await;
    progress.done();
    if matches!(outcome, Ok(Exit::Interrupted)) {
        report::note("interrupted; run the same command again to go on where it stopped");
    }
    outcome
}

fn choose<'a>(mappings: &'a [Mapping], names: &[String]) -> Result<Vec<&'a Mapping>, Failure> {
    let ordered: Vec<&Mapping> =
        mappings.iter().filter(|mapping| mapping.direction.pulls()).collect();
    if names.is_empty() {
        return Ok(ordered);
    }
    names
        .iter()
        .map(|name| {
            ordered
                .iter()
                .find(|mapping| mapping.object.eq_ignore_ascii_case(name) || mapping.table == *name)
                .copied()
                .ok_or_else(|| {
                    let known: Vec<&str> =
                        ordered.iter().map(|known| known.object.as_str()).collect();
                    Failure::new(
                        Exit::Failed,
                        format!("no mapping that reads from Salesforce is named `{name}`"),
                    )
                    .next(format!("choose from: {}", known.join(", ")))
                })
        })
        .collect()
}

async fn load_all(
    session: &Session,
    chosen: &[&Mapping],
    progress: &Progress,
    stop: &CancellationToken,
) -> Result<Exit, Failure> {
    for mapping in chosen {
        if load(session, mapping, progress, stop).await? == Exit::Interrupted {
            return Ok(Exit::Interrupted);
        }
    }
    Ok(Exit::Ok)
}

/// Loads one mapping, or as much of it as fits before `stop`; gives the lease back in either case.
async fn load(
    session: &Session,
    mapping: &Mapping,
    progress: &Progress,
    stop: &CancellationToken,
) -> Result<Exit, Failure> {
    let db = &session.db;
    let name = format!("backfill:{}", mapping.object);
    let ttl = session.settings.worker.lease_ttl;
    let holder = connect::holder(&session.settings);
    let lease = postgres::acquire(db, &name, &holder, ttl)
        .await
        .map_err(connect::postgres_failure)?
        .ok_or_else(|| {
            Failure::new(
                Exit::Temporary,
                format!("{} is being loaded by another process", mapping.object),
            )
            .next("watch it with: lockstep status")
        })?;
    let result = tokio::select! {
        result = pages(session, mapping, &lease, progress) => result.map(|()| Exit::Ok),
        () = keep_lease(db, &lease, ttl) => Err(Error::Fenced { lease: name }),
        () = stop.cancelled() => Ok(Exit::Interrupted),
    };
    postgres::release(db, &lease).await.map_err(connect::postgres_failure)?;
    result.map_err(connect::sync_failure)
}

async fn pages(
    session: &Session,
    mapping: &Mapping,
    lease: &postgres::Lease,
    progress: &Progress,
) -> Result<(), Error> {
    let standing = postgres::progress(&session.db, &mapping.object).await?;
    if standing.loaded {
        postgres::needs_load(&session.db, lease, &mapping.object).await?;
        postgres::welcome_kept_away(&session.db, &mapping.object).await?;
    }
    let backfill = Backfill::new(session.db.clone(), session.client.clone());
    let mut track =
        progress.track(&mapping.object, backfill.expected(mapping, &standing.part).await?);
    let mut changed = 0;
    loop {
        let step = backfill.step(lease, mapping).await?;
        changed += step.applied.inserted + step.applied.updated;
        track.reached(step.rows);
        if step.finished {
            track.finished(step.rows, changed);
            return Ok(());
        }
    }
}

/// Bars on a terminal, plain lines elsewhere.
struct Progress {
    bars: Option<MultiProgress>,
}

impl Progress {
    fn new() -> Self {
        Self { bars: report::is_interactive().then(MultiProgress::new) }
    }

    fn track(&self, object: &str, expected: u64) -> Track {
        let bar = self.bars.as_ref().map(|bars| {
            let bar = bars.add(ProgressBar::new(expected));
            let template =
                "{prefix:24} {bar:30} {human_pos}/{human_len} rows  {per_sec}  {eta} left";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.set_prefix(object.to_owned());
            bar
        });
        if bar.is_none() {
            report::note(format!("{object}: loading about {expected} rows"));
        }
        let now = Instant::now();
        Track { object: object.to_owned(), bar, expected, started: now, last_line: now }
    }

    fn done(&self) {
        if let Some(bars) = &self.bars {
            bars.set_move_cursor(false);
        }
    }
}

/// The progress of one object.
struct Track {
    object: String,
    bar: Option<ProgressBar>,
    expected: u64,
    started: Instant,
    last_line: Instant,
}

impl Track {
    fn reached(&mut self, rows: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(self.expected.max(rows));
            bar.set_position(rows);
        } else if self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            report::note(format!("{}: {rows} of about {} rows", self.object, self.expected));
        }
    }

    fn finished(&self, rows: u64, changed: u64) {
        if let Some(bar) = &self.bar {
            bar.finish();
        }
        let seconds = self.started.elapsed().as_secs_f64();
        report::note(format!(
            "{}: {rows} rows read, {changed} written, {seconds:.1} s",
            self.object
        ));
    }
}
