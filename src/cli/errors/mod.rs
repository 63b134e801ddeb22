//! `lockstep errors`: what Salesforce refused, and what to do about it.

mod show;

use super::connect;
use super::report::{self, Exit, Failure};
use crate::postgres::{self, Database, Payload, Selection};
use crate::reconcile::Winner;
use clap::Subcommand;
use std::path::Path;

/// Options of `lockstep errors`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the parked changes by what they were refused for, records that could not be read into a row and fields that
    /// are left alone. The status is 3 when there are any.
    List {
        /// Only those of this mapping.
        mapping: Option<String>,
        /// One line for each change.
        #[arg(long)]
        rows: bool,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show one parked change in full: the refusal, what was sent, and the next step.
    Show {
        /// The number that the list gives it.
        id: i32,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Send parked changes again, after the cause is mended.
    Retry {
        #[command(flatten)]
        which: Which,
        /// And all that were refused for the same reason as these.
        #[arg(long, requires = "ids")]
        alike: bool,
        /// With the values that their rows have now, instead of those captured.
        #[arg(long)]
        present: bool,
    },
    /// Say whose values stay where both sides changed the same field, and the mapping leaves it to a person.
    Decide {
        /// The side that wins.
        #[arg(value_enum)]
        winner: Side,
        #[command(flatten)]
        which: Which,
        /// And all conflicts about the same fields as these.
        #[arg(long, requires = "ids")]
        alike: bool,
    },
    /// Give parked changes up: they will not be sent.
    Ignore {
        #[command(flatten)]
        which: Which,
        /// And all that were refused for the same reason as these.
        #[arg(long, requires = "ids")]
        alike: bool,
        /// Why, for those who read the log later.
        #[arg(long, default_value = "ignored by an operator")]
        reason: String,
    },
}

/// The side whose values stay.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Side {
    /// The row's are sent.
    Postgres,
    /// The record's come into the row.
    Salesforce,
}

/// Which parked changes are meant.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// These, by the numbers that the list gives them.
    ids: Vec<i32>,
    /// All of this mapping.
    #[arg(long)]
    mapping: Option<String>,
    /// All there are.
    #[arg(long)]
    all: bool,
}

impl Which {
    async fn selection(self, db: &Database, alike: bool) -> Result<Selection, Failure> {
        let log_ids = (!self.ids.is_empty()).then_some(self.ids);
        let object = match &self.mapping {
            Some(name) => Some(known(db, name).await?),
            None => None,
        };
        Ok(Selection { object, record_id: None, log_ids, alike })
    }
}

/// Reads and settles what is parked; needs the database only. The worker does the sending.
pub(super) async fn run(settings_file: Option<&Path>, args: Args) -> Result<Exit, Failure> {
    let settings = connect::settings(settings_file)?;
    let db = connect::database(&settings).await?;
    match args.command {
        Command::List { mapping, rows, json } => {
            let object = match &mapping {
                Some(name) => Some(known(&db, name).await?),
                None => None,
            };
            show::list(&db, object.as_deref(), rows, json).await
        }
        Command::Show { id, json } => show::one(&db, id, json).await,
        Command::Retry { which, alike, present } => {
            let selection = which.selection(&db, alike).await?;
            let payload = if present { Payload::Present } else { Payload::Captured };
            let count = postgres::retry_failures(&db, &selection, payload)
                .await
                .map_err(connect::postgres_failure)?;
            settled(count, "to be sent again by the worker")
        }
        Command::Decide { winner, which, alike } => {
            let selection = which.selection(&db, alike).await?;
            let (winner, what) = match winner {
                Side::Postgres => (Winner::Postgres, "decided for Postgres: the worker sends them"),
                Side::Salesforce => {
                    (Winner::Salesforce, "decided for Salesforce: the worker mends the rows")
                }
            };
            let count = postgres::decide_failures(&db, &selection, winner)
                .await
                .map_err(connect::postgres_failure)?;
            settled(count, what)
        }
        Command::Ignore { which, alike, reason } => {
            let selection = which.selection(&db, alike).await?;
            let count = postgres::ignore_failures(&db, &selection, &reason)
                .await
                .map_err(connect::postgres_failure)?;
            settled(count, "given up")
        }
    }
}

fn settled(count: u64, what: &str) -> Result<Exit, Failure> {
    if count == 0 {
        return Err(Failure::new(Exit::Failed, "no parked change fits that")
            .next("see what there is: lockstep errors list"));
    }
    let changes = if count == 1 { "change" } else { "changes" };
    report::say(format!("{count} {changes} {what}"));
    Ok(Exit::Ok)
}

/// The object that a person means, spelt as in the control schema.
async fn known(db: &Database, name: &str) -> Result<String, Failure> {
    let mappings = postgres::status(db).await.map_err(connect::postgres_failure)?;
    let mut objects = mappings.into_iter().map(|mapping| mapping.object).collect::<Vec<_>>();
    match objects.iter().position(|object| object.eq_ignore_ascii_case(name)) {
        Some(index) => Ok(objects.swap_remove(index)),
        None => Err(Failure::new(Exit::Failed, format!("no mapping is named `{name}`"))
            .next(format!("choose from: {}", objects.join(", ")))),
    }
}
