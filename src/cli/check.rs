//! `lockstep check`: every problem of the mapping files, without changing anything.
//!
//! Offline, the text alone is judged. With the org's describes, and with what an inspection of the database found,
//! everything is. Fetching them is the caller's part; this one decides what they mean and how it reads.

use super::report::{self, Exit, Failure};
use super::{connect, filters, outlook};
use crate::config::Settings;
use crate::mapping::{
    Code, Colour, Diagnostic, Loaded, Mapping, MappingFile, Org, Report, Severity, Source,
    bind_all, has_errors, load, render, sort,
};
use crate::postgres;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The exit status when the configuration is invalid.
pub const CONFIG_INVALID: u8 = 5;

/// Checks the mapping files and reports every problem at once.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The folder of the mapping files, instead of the one in the settings.
    #[arg(long, value_name = "DIR")]
    pub mappings: Option<PathBuf>,
    /// Judge the text alone; ask neither Salesforce nor Postgres.
    #[arg(long)]
    pub offline: bool,
    /// Let warnings fail too.
    #[arg(long)]
    pub strict: bool,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// Checks the text, then asks the org and the database.
pub(super) async fn run(settings_file: Option<&Path>, args: Args) -> Result<Exit, Failure> {
    let settings = connect::settings(settings_file)?;
    let folder = args.mappings.clone().unwrap_or_else(|| settings.mappings.dir.clone());
    let loaded = load(&folder);
    let mut checked = if args.offline || loaded.files.is_empty() {
        offline(loaded)
    } else {
        ask_both_sides(&settings, loaded).await?
    };
    checked.diagnostics.extend(outlook::plain_secrets(settings.effective()));
    report::say(checked.report(&args, report::colour()).trim_end());
    Ok(if checked.exit_status(&args) == 0 { Exit::Ok } else { Exit::ConfigInvalid })
}

async fn ask_both_sides(settings: &Settings, loaded: Loaded) -> Result<Checked, Failure> {
    let client = connect::client(settings)?;
    let org = connect::org(&client, &loaded.files).await?;
    let db = connect::database(settings).await?;
    let bound = bind_all(&loaded.files, &org);
    let findings =
        postgres::inspect(&db, &bound.mappings).await.map_err(connect::postgres_failure)?;
    let findings: Vec<DatabaseFinding> = findings
        .into_iter()
        .filter(|finding| !finding.is_new)
        .map(|finding| DatabaseFinding {
            object: finding.object,
            message: finding.message,
            help: Some(finding.help),
            severity: if finding.is_repairable { Severity::Warning } else { Severity::Error },
        })
        .collect();
    let proposals =
        postgres::propose(&db, &bound.mappings).await.map_err(connect::postgres_failure)?;
    // What cannot be declined would fail a strict check for ever; `provision` tells it.
    let declinable = proposals.into_iter().filter(|proposal| proposal.is_declinable);
    let proposals = declinable.map(|proposal| DatabaseFinding {
        object: proposal.object,
        message: proposal.message,
        help: Some(proposal.help),
        severity: Severity::Warning,
    });
    let findings: Vec<DatabaseFinding> = findings.into_iter().chain(proposals).collect();
    let refusals = filters::ask(&client, &loaded.files, &bound.mappings).await?;
    let foreseen = outlook::ask(&client, &db, settings, (&loaded.files, &bound.mappings)).await?;
    let mut checked = against(loaded, &org, &findings);
    checked.diagnostics.extend(refusals);
    checked.diagnostics.extend(foreseen);
    sort(&mut checked.diagnostics);
    Ok(checked)
}

/// What the inspection of the database found about a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseFinding {
    /// The mapping's object.
    pub object: String,
    /// What is wrong, lowercase.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// A warning where provisioning mends it.
    pub severity: Severity,
}

/// The outcome of a check.
#[derive(Debug, Default)]
pub struct Checked {
    /// The mappings; to be used only when [`Checked::passes`].
    pub mappings: Vec<Mapping>,
    /// All problems, sorted by place.
    pub diagnostics: Vec<Diagnostic>,
    files: usize,
}

/// Judges the text alone.
#[must_use]
pub fn offline(loaded: Loaded) -> Checked {
    Checked { mappings: Vec::new(), files: loaded.files.len(), diagnostics: loaded.diagnostics }
}

/// Judges the files beside the org and the database.
#[must_use]
pub fn against(loaded: Loaded, org: &Org, findings: &[DatabaseFinding]) -> Checked {
    let bound = bind_all(&loaded.files, org);
    let mut diagnostics = loaded.diagnostics;
    diagnostics.extend(bound.diagnostics);
    for finding in findings {
        let file = loaded.files.iter().find(|file| file.object() == finding.object);
        diagnostics.push(database_problem(finding, file.map(MappingFile::object_place)));
    }
    sort(&mut diagnostics);
    Checked { mappings: bound.mappings, diagnostics, files: loaded.files.len() }
}

fn database_problem(
    finding: &DatabaseFinding,
    place: Option<(&Arc<Source>, std::ops::Range<usize>)>,
) -> Diagnostic {
    let message = finding.message.clone();
    let mut problem = match finding.severity {
        Severity::Error => Diagnostic::error(Code::Database, message),
        Severity::Warning => Diagnostic::warning(Code::Database, message),
    };
    if let Some((source, span)) = place {
        problem = problem.at(source, span, "");
    }
    match &finding.help {
        Some(help) => problem.with_help(help.clone()),
        None => problem,
    }
}

impl Checked {
    /// Whether the mappings may run; warnings do not matter here.
    #[must_use]
    pub fn passes(&self) -> bool {
        !has_errors(&self.diagnostics)
    }

    /// The exit status: 0, or [`CONFIG_INVALID`] for an error, or for a warning when strict.
    #[must_use]
    pub fn exit_status(&self, args: &Args) -> u8 {
        let fails = !self.passes() || args.strict && !self.diagnostics.is_empty();
        if fails { CONFIG_INVALID } else { 0 }
    }

    /// What to print, ending in a line break.
    #[must_use]
    pub fn report(&self, args: &Args, colour: Colour) -> String {
        if args.json {
            return self.as_json();
        }
        let problems = render(&self.diagnostics, colour);
        let gap = if problems.is_empty() { "" } else { "\n" };
        format!("{problems}{gap}{}\n", self.summary())
    }

    fn summary(&self) -> String {
        let files = counted(self.files, "mapping");
        let errors = counted(self.count(Severity::Error), "error");
        let warnings = counted(self.count(Severity::Warning), "warning");
        format!("{files} checked: {errors}, {warnings}")
    }

    fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|problem| problem.severity == severity).count()
    }

    fn as_json(&self) -> String {
        let problems: Vec<_> = self.diagnostics.iter().map(Report::from).collect();
        let document = json!({
            "schema_version": 1,
            "mappings": self.files,
            "errors": self.count(Severity::Error),
            "warnings": self.count(Severity::Warning),
            "problems": problems,
        });
        format!("{document:#}\n")
    }
}

fn counted(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::{Args, Checked, DatabaseFinding, Severity, against, offline};
    use crate::{
        mapping::{Colour, Org, Source, load_sources},
        model::{FieldDescribe, FieldType, ObjectDescribe},
    };

    const ARGS: Args = Args { mappings: None, offline: false, strict: false, json: false };

    fn org() -> Org {
        let field = |name: &str, field_type| FieldDescribe {
            name: name.to_owned(),
            field_type,
            length: 80,
            nillable: true,
            createable: true,
            updateable: true,
            ..FieldDescribe::default()
        };
        let account = ObjectDescribe {
            name: "Account".to_owned(),
            createable: true,
            updateable: true,
            queryable: true,
            fields: vec![
                field("Id", FieldType::Id),
                field("SystemModstamp", FieldType::Datetime),
                field("Name", FieldType::String),
            ],
            ..ObjectDescribe::default()
        };
        Org { objects: vec![account], names: Vec::new() }
    }

    fn checked(text: &str, findings: &[DatabaseFinding]) -> Checked {
        against(load_sources(&[Source::new("mappings/account.toml", text)]), &org(), findings)
    }

    #[test]
    fn sound_mappings_pass() {
        let checked = checked("object = \"Account\"\nfields = [\"Name\"]\n", &[]);
        assert_eq!(
            checked.report(&ARGS, Colour::Never),
            "1 mapping checked: 0 errors, 0 warnings\n"
        );
        assert_eq!(checked.exit_status(&ARGS), 0);
        assert_eq!(checked.mappings.len(), 1);
    }

    #[test]
    fn a_warning_fails_only_the_strict() {
        let text = "object = \"Account\"\ndirection = \"both\"\nfields = [\"Name\"]\n";
        let checked = checked(text, &[]);
        assert!(checked.passes());
        assert_eq!(checked.exit_status(&ARGS), 0);
        assert_eq!(checked.exit_status(&Args { strict: true, ..ARGS }), 5);
    }

    #[test]
    fn what_the_database_says_stands_beside_the_rest() {
        let finding = DatabaseFinding {
            object: "Account".to_owned(),
            message: "column `name` of table `account` is integer".to_owned(),
            help: Some("rename it".to_owned()),
            severity: Severity::Error,
        };
        let text = "object = \"Account\"\nfields = [\"Name\", \"Nome\"]\n";
        let checked = checked(text, &[finding]);
        let report = checked.report(&ARGS, Colour::Never);
        let expected = r#"
error[SX2901]: column `name` of table `account` is integer
 --> mappings/account.toml:1:10
  |
1 | object = "Account"
  |          ^^^^^^^^^
  |
  = help: rename it

error[SX2104]: field `Nome` does not exist on Account
 --> mappings/account.toml:2:19
  |
2 | fields = ["Name", "Nome"]
  |                   ^^^^^^ not in the org
  |
  = help: did you mean `Name`? (string 80, writable)
  = note: fields hidden by permissions look the same

1 mapping checked: 2 errors, 0 warnings
"#;
        assert_eq!(report, expected.trim_start());
        assert_eq!(checked.exit_status(&ARGS), 5);
    }

    #[test]
    fn offline_judges_the_text_alone() {
        let source = Source::new("a.toml", "object = \"Nonsense\"\nfields = [\"Name\"]\n");
        assert!(offline(load_sources(&[source])).passes());
        let source = Source::new("a.toml", "object = 1\n");
        assert!(!offline(load_sources(&[source])).passes());
    }

    #[test]
    fn machines_get_places_and_codes() {
        let checked = checked("object = \"Account\"\nfields = [\"Nome\"]\n", &[]);
        let report = checked.report(&Args { json: true, ..ARGS }, Colour::Always);
        let document: serde_json::Value = serde_json::from_str(&report).unwrap();
        assert_eq!(document["errors"], 1);
        let problem = &document["problems"][0];
        assert_eq!(problem["code"], "SX2104");
        assert_eq!(problem["severity"], "error");
        assert_eq!(problem["place"]["file"], "mappings/account.toml");
        assert_eq!(problem["place"]["start"], serde_json::json!({"line": 2, "column": 11}));
        assert_eq!(problem["place"]["end"], serde_json::json!({"line": 2, "column": 17}));
    }
}
