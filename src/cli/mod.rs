//! What a person types: one file per command. The only place that wires the layers together.

mod backfill;
pub mod check;
pub mod config;
mod connect;
mod demo;
mod errors;
mod filters;
mod frozen;
mod outlook;
mod provision;
pub mod report;
pub mod schema;
mod snapshots;
mod status;
mod unreadable;
mod verify;
mod waiting;
mod worker;

use clap::{Parser, Subcommand};
use report::{Exit, Failure};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// How long the end of the process waits for what cannot be interrupted.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Keeps tables in Postgres and objects in Salesforce in step, in both directions.
#[derive(Debug, Parser)]
#[command(name = "lockstep", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "\
Examples:
  lockstep demo                     see it work, on this machine and with no account
  lockstep check                    are the settings and mapping files right?
  lockstep backfill Account         load one object
  lockstep worker                   keep everything in step
  lockstep verify                   is everything really equal?
  lockstep errors list              what needs a person?

Exit status: 0 fine, 1 failed, 2 usage, 3 findings, 4 login needed, 5 configuration invalid,
6 temporary (try again), 7 refused by a safety guard, 130 interrupted.")]
struct Cli {
    /// The settings file.
    #[arg(long, global = true, value_name = "FILE", env = "LOCKSTEP_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Keep everything in step until told to stop.
    Worker(worker::Args),
    /// Load objects from Salesforce, now; goes on where an interrupted load stopped.
    Backfill(backfill::Args),
    /// Make the tables, triggers and control schema that the mappings need.
    Provision(provision::Args),
    /// Check settings and mapping files, then what the org and the database say about them.
    Check(check::Args),
    /// Show how each mapping is doing.
    Status(status::Args),
    /// Compare whole objects with their tables; repair what differs.
    Verify(verify::Args),
    /// See and settle what Salesforce refused.
    Errors(errors::Args),
    /// Look at the settings.
    Config(config::Args),
    /// Print the JSON Schema of mapping files, for editors.
    Schema(schema::Args),
    /// A playground: Postgres, a Salesforce org in a box and the worker, telling a story.
    Demo(demo::Args),
}

/// Runs the command line and answers the exit status.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = drive(run(cli)).unwrap_or_else(|error| Err(Failure::from(error)));
    match outcome {
        Ok(Exit::Ok) if report::output_was_lost() => Exit::Failed.into(),
        Ok(exit) => exit.into(),
        Err(failure) => {
            report::fail(&failure);
            failure.exit.into()
        }
    }
}

/// Runs `work` to its end. What it leaves behind on a thread of its own, such as the search for a host's name, which
/// nothing can interrupt, does not hold up the end of the process.
fn drive<T>(work: impl Future<Output = T>) -> std::io::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_timeout(LAST_WAIT);
    Ok(outcome)
}

async fn run(cli: Cli) -> Result<Exit, Failure> {
    let settings_file = cli.config.as_deref();
    match cli.command {
        Command::Worker(args) => worker::run(settings_file, args).await,
        Command::Backfill(args) => backfill::run(settings_file, args).await,
        Command::Provision(args) => provision::run(settings_file, args).await,
        Command::Check(args) => check::run(settings_file, args).await,
        Command::Status(args) => status::run(settings_file, args).await,
        Command::Verify(args) => verify::run(settings_file, args).await,
        Command::Errors(args) => errors::run(settings_file, args).await,
        Command::Config(args) => show_settings(settings_file, &args),
        Command::Schema(args) => show_schema(args),
        Command::Demo(args) => demo::run(args).await,
    }
}

fn show_settings(settings_file: Option<&Path>, args: &config::Args) -> Result<Exit, Failure> {
    let settings = connect::settings(settings_file)?;
    report::say(config::run(args, &settings).trim_end());
    Ok(Exit::Ok)
}

fn show_schema(args: schema::Args) -> Result<Exit, Failure> {
    let schema = schema::run(args)
        .map_err(|error| Failure::new(Exit::Failed, report::with_causes(&error)))?;
    report::say(schema.trim_end());
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::drive;
    use std::time::{Duration, Instant};

    #[test]
    fn what_cannot_be_interrupted_does_not_hold_up_the_end() {
        let (keep, held) = std::sync::mpsc::channel::<()>();
        let began = Instant::now();
        let outcome = drive(async {
            tokio::task::spawn_blocking(move || held.recv());
            "done"
        });
        assert_eq!(outcome.unwrap(), "done");
        assert!(began.elapsed() < Duration::from_secs(10));
        drop(keep);
    }
}
