//! `lockstep provision`: makes what the mappings need in the database, and says what it did.

use super::connect::Session;
use super::report::{self, Exit, Failure};
use std::path::Path;

/// Options of `lockstep provision`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

/// Brings the control schema, tables, triggers and functions up to the mappings. A second run does nothing.
/// What it may not change by itself is told, with status 3.
pub(super) async fn run(config: Option<&Path>, _args: Args) -> Result<Exit, Failure> {
    let session = Session::open(config).await?;
    let provisioned = session.provision().await?;
    for step in &provisioned.done {
        report::say(step);
    }
    if provisioned.done.is_empty() {
        report::say("everything is in place, nothing to do");
    }
    for object in &provisioned.to_load {
        report::say(format!(
            "{object} is to be loaded: the worker does it, or: lockstep backfill {object}"
        ));
    }
    for proposal in session.proposals().await? {
        report::note(format!("proposal: {}: {}", proposal.object, proposal.message));
        report::note(format!("  {}", proposal.help));
    }
    let remaining = session.remaining().await?;
    for finding in &remaining {
        report::note(format!("error: {}: {}", finding.object, finding.message));
        report::note(format!("  next: {}", finding.help));
    }
    Ok(if remaining.is_empty() { Exit::Ok } else { Exit::Findings })
}
