//! `lockstep config show`: every setting as it holds and where it came from.

use crate::config::{Effective, Settings};
use serde_json::json;

/// Shows the settings.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// Prints every setting as it holds, with its origin. Secrets are hidden.
    Show {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// What to print, ending in a line break.
#[must_use]
pub fn run(args: &Args, settings: &Settings) -> String {
    let Command::Show { json } = args.command;
    if json { as_json(settings.effective()) } else { as_table(settings.effective()) }
}

fn as_table(settings: &[Effective]) -> String {
    const UNSET: &str = "-";
    let value = |setting: &Effective| setting.value.clone().unwrap_or_else(|| UNSET.to_owned());
    let key_width = settings.iter().map(|setting| setting.key.len()).max().unwrap_or(0);
    let value_width =
        settings.iter().map(|setting| value(setting).chars().count()).max().unwrap_or(0);
    let mut table = String::new();
    for setting in settings {
        let (key, value, origin) = (setting.key, value(setting), &setting.origin);
        let line = if setting.value.is_some() {
            format!("{key:key_width$}  {value:value_width$}  {origin}\n")
        } else {
            format!("{key:key_width$}  {value}\n")
        };
        table.push_str(&line);
    }
    table
}

fn as_json(settings: &[Effective]) -> String {
    let settings: Vec<_> = settings
        .iter()
        .map(|setting| {
            let origin = setting.value.is_some().then(|| setting.origin.to_string());
            json!({ "key": setting.key, "value": setting.value, "origin": origin })
        })
        .collect();
    format!("{:#}\n", json!({ "schema_version": 1, "settings": settings }))
}

#[cfg(test)]
mod tests {
    use super::{as_json, as_table};
    use crate::config::Settings;

    fn settings() -> Settings {
        let variables = [
            ("DATABASE_URL", "postgres://me:hush@localhost/app"),
            ("LOCKSTEP__WORKER__GRACE", "5s"),
            ("LOCKSTEP_CONFIG", "/dev/null"),
        ];
        let variables =
            variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Settings::load(None, variables).unwrap()
    }

    #[test]
    fn each_setting_stands_beside_its_origin_and_secrets_are_hidden() {
        let table = as_table(settings().effective());
        let line = |key: &str| {
            let line = table.lines().find(|line| line.starts_with(key)).unwrap();
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            line("worker.grace"),
            "worker.grace 5s environment variable LOCKSTEP__WORKER__GRACE"
        );
        assert_eq!(line("postgres.url"), "postgres.url [hidden] environment variable DATABASE_URL");
        assert_eq!(line("postgres.schema"), "postgres.schema salesforce default");
        assert_eq!(line("log.format"), "log.format -");
        assert!(!table.contains("hush"));
    }

    #[test]
    fn machines_get_the_same() {
        let document: serde_json::Value =
            serde_json::from_str(&as_json(settings().effective())).unwrap();
        assert_eq!(document["schema_version"], 1);
        let grace =
            document["settings"].as_array().unwrap().iter().find(|s| s["key"] == "worker.grace");
        assert_eq!(grace.unwrap()["value"], "5s");
    }
}
