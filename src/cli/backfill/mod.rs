//! `lockstep backfill`: loads objects now, as much of them and as fast as is asked; stops, resumes and gives up loads
//! wherever they run.

pub(super) mod begin;
mod choose;
mod control;
mod dry_run;
mod estimate;
mod load;
mod order;
mod progress;
mod run;
mod speed;
pub(super) mod status;

use super::connect::{self, Session};
use super::report::{Exit, Failure};
use choose::{Since, Wanted};
use progress::Reporter;
use std::path::Path;

/// Options of `lockstep backfill`.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_precedence_over_arg = true,
    after_help = "\
Examples:
  lockstep backfill                          load everything that is mapped
  lockstep backfill Account --rate 2000      at most 2,000 rows a second
  lockstep backfill Account --since 2h       what changed in the last two hours, again
  lockstep backfill Account --fields Rating  one column, for the rows that are there
  lockstep backfill pause Account            from any terminal, wherever the load runs

A load goes on where it stopped when the same command is run again. It never empties a table."
)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    load: LoadArgs,
}

/// Options of a load.
#[derive(Debug, clap::Args)]
struct LoadArgs {
    /// The objects to load, such as Account; all mapped ones when none is named.
    #[arg(value_name = "MAPPING")]
    mappings: Vec<String>,
    /// Only records stamped since then: a duration such as 2h, a date, or a time such as 2026-01-31T12:00:00Z.
    #[arg(long, value_name = "WHEN", value_parser = Since::parse)]
    since: Option<Since>,
    /// Only these fields, for the rows that are there; others are not touched.
    #[arg(long, value_name = "FIELD,…", value_delimiter = ',')]
    fields: Option<Vec<String>>,
    /// Rows per second at most, of each mapping.
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
    /// Mappings loaded at the same time. Parents come before children where foreign keys tie their tables.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    parallel: u16,
    /// Say what it would take: rows, API calls, time, disk. Changes nothing.
    #[arg(long)]
    dry_run: bool,
    /// Progress and outcome as lines of JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Stop loads after the page in hand, wherever they run.
    Pause(Names),
    /// Go on with loads that were paused or interrupted, here or in the worker.
    Resume(ResumeArgs),
    /// Give loads up. Rows that were loaded stay.
    Cancel(Names),
    /// Show how loads stand.
    Status(Names),
}

/// Which loads are meant.
#[derive(Debug, clap::Args)]
struct Names {
    /// The objects; all that are being loaded when none is named.
    #[arg(value_name = "MAPPING")]
    mappings: Vec<String>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Options of `resume`.
#[derive(Debug, clap::Args)]
struct ResumeArgs {
    #[command(flatten)]
    names: Names,
    /// Mappings loaded at the same time.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    parallel: u16,
}

/// Loads, or does what is asked of loads.
pub(super) async fn run(config: Option<&Path>, args: Args) -> Result<Exit, Failure> {
    match args.action {
        None => load(config, args.load).await,
        Some(Action::Pause(names)) => control::pause(config, &names).await,
        Some(Action::Cancel(names)) => control::cancel(config, &names).await,
        Some(Action::Status(names)) => status::run(config, &names).await,
        Some(Action::Resume(args)) => resume(config, args).await,
    }
}

async fn load(config: Option<&Path>, args: LoadArgs) -> Result<Exit, Failure> {
    let session = Session::open(config).await?;
    let wanted = Wanted::of(&session, &args).await?;
    if args.dry_run {
        return dry_run::run(&session, &wanted, args.json).await;
    }
    session.provision().await?;
    let stop = connect::stop_on_signals()?;
    let reporter = Reporter::new(args.json);
    Ok(run::all(&session, wanted, usize::from(args.parallel), (&reporter, &stop)).await)
}

async fn resume(config: Option<&Path>, args: ResumeArgs) -> Result<Exit, Failure> {
    let session = Session::open(config).await?;
    session.provision().await?;
    let stop = connect::stop_on_signals()?;
    let reporter = Reporter::new(args.names.json);
    let Some(wanted) = control::resumable(&session, &args.names).await? else {
        return Ok(Exit::Ok);
    };
    Ok(run::all(&session, wanted, usize::from(args.parallel), (&reporter, &stop)).await)
}
