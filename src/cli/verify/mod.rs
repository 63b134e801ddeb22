//! `lockstep verify`: compares whole objects with their tables, says what differs, and repairs it when told to.

mod missed;
mod show;

use super::connect::{self, Session};
use super::report::{self, Exit, Failure};
use crate::mapping::Mapping;
use crate::postgres::{self, FindingKind};
use crate::sync::{Error, SweepOptions, SweepReport, Sweeper};
use crate::worker::keep_lease;
use std::path::Path;

/// Differences of each kind that are listed.
const LISTED: u64 = 20;
const LISTED_AS_JSON: u64 = 10_000;

/// Options of `lockstep verify`.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command")]
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lockstep verify                             is everything equal?
  lockstep verify Account --full              compare every value, not a sample's
  lockstep verify Account --repair            and put right what differs
  lockstep verify Account --repair --allow-deletes 400
  lockstep verify Account --send              after changes were not captured for a while: send the rows as they are

Without --repair nothing is written, neither here nor in Salesforce. Changes that wait to be sent are listed as
waiting, not as differences. Exit status: 0 equal (or all repaired), 3 different, 7 too many rows would be removed.")]
pub(super) struct Args {
    /// The objects to compare, such as Account; all mapped ones when none is named.
    #[arg(value_name = "MAPPING")]
    mappings: Vec<String>,
    /// Put right what differs: rows take their records' values, rows without record go.
    #[arg(long)]
    repair: bool,
    /// Send what was written while changes were not captured: rows that differ from their records count as changed by the
    /// application. The mapping, which waits for that or for --repair, goes on.
    #[arg(long, conflicts_with_all = ["repair", "full", "sample", "values", "json"])]
    send: bool,
    /// Compare every value.
    #[arg(long, conflicts_with = "sample")]
    full: bool,
    /// Compare the values of so many rows; those whose turn it is in the mapping's own sweeps.
    #[arg(long, value_name = "ROWS")]
    sample: Option<u64>,
    /// Remove up to so many rows without record, whatever the guard against mass deletion says.
    #[arg(long, value_name = "ROWS", requires = "repair")]
    allow_deletes: Option<u64>,
    /// Show the values that differ. They may be personal data.
    #[arg(long)]
    values: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// One mapping's comparison.
struct Verified<'a> {
    mapping: &'a Mapping,
    report: SweepReport,
}

/// Compares the named mappings, or all, one after the other.
pub(super) async fn run(config: Option<&Path>, args: Args) -> Result<Exit, Failure> {
    let session = Session::open(config).await?;
    if args.repair {
        session.provision().await?;
    }
    if args.send {
        return missed::send(&session, &args.mappings).await;
    }
    let chosen = choose(&session.mappings, &args.mappings)?;
    let stop = connect::stop_on_signals()?;
    let options = SweepOptions {
        full: args.full,
        sample: args.sample,
        allow_deletes: args.allow_deletes,
        listed: if args.json { LISTED_AS_JSON } else { LISTED },
        shows_values: args.values,
    };
    let mut verified = Vec::with_capacity(chosen.len());
    for mapping in chosen {
        report::note(format!("comparing {} with {} …", mapping.object, mapping.table));
        let compared = tokio::select! {
            () = stop.cancelled() => return Ok(Exit::Interrupted),
            compared = compare(&session, mapping, options, args.repair) => compared?,
        };
        verified.push(Verified { mapping, report: compared });
    }
    let text = if args.json {
        format!("{:#}", show::as_json(&verified))
    } else {
        show::as_table(&verified)
    };
    report::say(text.trim_end());
    Ok(exit(&verified))
}

fn choose<'a>(mappings: &'a [Mapping], names: &[String]) -> Result<Vec<&'a Mapping>, Failure> {
    let read: Vec<&Mapping> = mappings.iter().filter(|mapping| mapping.direction.pulls()).collect();
    if names.is_empty() {
        return Ok(read);
    }
    let find = |name: &String| {
        let is_named =
            |known: &&&Mapping| known.object.eq_ignore_ascii_case(name) || known.table == *name;
        read.iter().find(is_named).copied().ok_or_else(|| {
            let known: Vec<&str> = read.iter().map(|known| known.object.as_str()).collect();
            let message = format!("no mapping that reads from Salesforce is named `{name}`");
            Failure::new(Exit::Failed, message).next(format!("choose from: {}", known.join(", ")))
        })
    };
    names.iter().map(find).collect()
}

async fn compare(
    session: &Session,
    mapping: &Mapping,
    options: SweepOptions,
    repairs: bool,
) -> Result<SweepReport, Failure> {
    let db = &session.db;
    let progress =
        postgres::progress(db, &mapping.object).await.map_err(connect::postgres_failure)?;
    if !progress.loaded {
        let message =
            format!("{} is not loaded yet, so there is nothing to compare", mapping.object);
        return Err(Failure::new(Exit::Failed, message)
            .next(format!("load it first: lockstep backfill {}", mapping.object)));
    }
    let sweeper = Sweeper::new(db.clone(), &session.client);
    if !repairs {
        return sweeper.look(mapping, options).await.map_err(connect::sync_failure);
    }
    let name = format!("sweep:{}", mapping.object);
    let ttl = session.settings.worker.lease_ttl;
    let holder = connect::holder(&session.settings);
    let lease = postgres::acquire(db, &name, &holder, ttl).await;
    let lease = lease.map_err(connect::postgres_failure)?.ok_or_else(|| {
        let message = format!("{} is being compared by a worker", mapping.object);
        Failure::new(Exit::Temporary, message).next("try again when it is done")
    })?;
    let hole = missed::open(session, mapping).await?;
    // What was missed may be in any row.
    let options = SweepOptions { full: options.full || hole.is_some(), ..options };
    let swept = tokio::select! {
        swept = sweeper.run(&lease, mapping, options) => swept,
        () = keep_lease(db, &lease, ttl) => Err(Error::Fenced { lease: name }),
    };
    postgres::release(db, &lease).await.map_err(connect::postgres_failure)?;
    let report = swept.map_err(connect::sync_failure)?;
    if let Some(hole) = hole {
        let outcome = "the rows took Salesforce's values";
        sweeper.settle(mapping, &hole, outcome).await.map_err(connect::sync_failure)?;
    }
    Ok(report)
}

fn exit(verified: &[Verified<'_>]) -> Exit {
    let held = |verified: &Verified<'_>| {
        verified.report.repaired.is_some_and(|repaired| repaired.held.is_some())
    };
    if verified.iter().any(held) {
        Exit::Guarded
    } else if verified.iter().all(|verified| is_fine(&verified.report)) {
        Exit::Ok
    } else {
        Exit::Findings
    }
}

/// Whether nothing differs, or nothing does any longer.
fn is_fine(report: &SweepReport) -> bool {
    let unlinked = report.counts.get(&FindingKind::Unlinked).copied().unwrap_or_default();
    match &report.repaired {
        None => report.is_equal(),
        Some(_) => unlinked == 0,
    }
}
