//! `lockstep errors`: what Salesforce refused, and what to do about it.

use super::connect;
use super::report::{self, Exit, Failure};
use super::unreadable::{self, LISTED_AS_ERRORS};
use crate::postgres::{self, Database, Selection};
use crate::reconcile::classify;
use clap::Subcommand;
use serde_json::json;
use std::path::Path;

/// Options of `lockstep errors`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the parked changes, and records that could not be read into a row. The status is 3 when there are any.
    List {
        /// Only those of this mapping.
        mapping: Option<String>,
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
    Retry(Which),
    /// Give parked changes up: they will not be sent.
    Ignore {
        #[command(flatten)]
        which: Which,
        /// Why, for those who read the log later.
        #[arg(long, default_value = "ignored by an operator")]
        reason: String,
    },
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
    async fn selection(self, db: &Database) -> Result<Selection, Failure> {
        let log_ids = (!self.ids.is_empty()).then_some(self.ids);
        let object = match &self.mapping {
            Some(name) => Some(known(db, name).await?),
            None => None,
        };
        Ok(Selection { object, record_id: None, log_ids })
    }
}

/// Reads and settles what is parked; needs the database only. The worker does the sending.
pub(super) async fn run(settings_file: Option<&Path>, args: Args) -> Result<Exit, Failure> {
    let settings = connect::settings(settings_file)?;
    let db = connect::database(&settings).await?;
    match args.command {
        Command::List { mapping, json } => list(&db, mapping.as_deref(), json).await,
        Command::Show { id, json } => show(&db, id, json).await,
        Command::Retry(which) => {
            let selection = which.selection(&db).await?;
            let count = postgres::retry_failures(&db, &selection)
                .await
                .map_err(connect::postgres_failure)?;
            settled(count, "to be sent again by the worker")
        }
        Command::Ignore { which, reason } => {
            let selection = which.selection(&db).await?;
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

async fn list(db: &Database, mapping: Option<&str>, json: bool) -> Result<Exit, Failure> {
    let object = match mapping {
        Some(name) => Some(known(db, name).await?),
        None => None,
    };
    let failures =
        postgres::failures(db, object.as_deref()).await.map_err(connect::postgres_failure)?;
    let left_out = postgres::left_out(db, object.as_deref(), LISTED_AS_ERRORS)
        .await
        .map_err(connect::postgres_failure)?;
    let is_clean = failures.is_empty() && left_out.records == 0;
    let exit = if is_clean { Exit::Ok } else { Exit::Findings };
    if json {
        let errors: Vec<_> = failures.iter().map(as_json).collect();
        report::say(format!(
            "{:#}",
            json!({
                "schema_version": 1, "errors": errors, "unreadable": unreadable::as_json(&left_out),
            })
        ));
        return Ok(exit);
    }
    if failures.is_empty() {
        report::say("no change is parked");
    } else {
        say_table(&failures);
    }
    if left_out.records > 0 {
        report::say(format!("\n{}", unreadable::text(&left_out)));
    }
    Ok(exit)
}

fn say_table(failures: &[postgres::Failure]) {
    let mut lines =
        vec![["ID", "MAPPING", "ROW", "CHANGE", "WHAT SALESFORCE SAYS"].map(str::to_owned)];
    lines.extend(failures.iter().map(|failure| {
        [
            failure.log_id.to_string(),
            failure.object.clone(),
            failure.record_id.to_string(),
            failure.action.to_string(),
            one_line(&failure.message),
        ]
    }));
    report::say(report::columns(&lines).trim_end());
    report::say("\nthe whole story of one: lockstep errors show ID");
}

async fn show(db: &Database, id: i32, json: bool) -> Result<Exit, Failure> {
    let failures = postgres::failures(db, None).await.map_err(connect::postgres_failure)?;
    let failure = failures.into_iter().find(|failure| failure.log_id == id).ok_or_else(|| {
        Failure::new(Exit::Failed, format!("no parked change has the number {id}"))
            .next("see what there is: lockstep errors list")
    })?;
    let ids = [failure.record_id];
    let attempts =
        postgres::attempts(db, &failure.table, &ids).await.map_err(connect::postgres_failure)?;
    let sent = attempts.first().map(|entry| &entry.intent.values);
    if json {
        let mut document = as_json(&failure);
        if let Some(document) = document.as_object_mut() {
            document.insert("schema_version".to_owned(), json!(1));
            document.insert("attempts".to_owned(), json!(attempts.len()));
            document.insert("sent".to_owned(), json!(sent));
        }
        report::say(format!("{document:#}"));
        return Ok(Exit::Ok);
    }
    report::say(format!(
        "{} of {} {} ({})",
        failure.action, failure.table, failure.record_id, failure.object
    ));
    report::say(format!("  refused   {}", failure.at.format("%Y-%m-%d %H:%M:%S UTC")));
    report::say(format!("  attempts  {}", attempts.len()));
    report::say(format!("  says      {}", one_line(&failure.message)));
    if let Some(sent) = sent {
        report::say("  sent");
        for (field, value) in sent {
            report::say(format!("    {field}: {value}"));
        }
    }
    report::say(format!("  next      {}", remedy(&failure.message)));
    report::say(format!(
        "            mend the row with an ordinary UPDATE, or: lockstep errors retry {id}"
    ));
    Ok(Exit::Ok)
}

fn as_json(failure: &postgres::Failure) -> serde_json::Value {
    json!({
        "id": failure.log_id,
        "mapping": failure.object,
        "table": failure.table,
        "row": failure.record_id,
        "sfid": failure.sfid.as_ref().map(ToString::to_string),
        "change": failure.action.as_str(),
        "message": failure.message,
        "next": remedy(&failure.message),
        "refused_at": failure.at,
    })
}

/// What the operator does about a refusal that reads `CODE: words`.
fn remedy(message: &str) -> &'static str {
    let (code, words) = message.split_once(':').unwrap_or((message, ""));
    classify(code.trim(), words.trim()).remedy
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
