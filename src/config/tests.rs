//! Where settings come from, which one wins, and what is said about bad ones.

use super::{AuthMethod, Origin, Settings};
use crate::mapping::{Colour, render};
use crate::salesforce::{AssignmentRules, Auth, RequestOptions};
use secrecy::ExposeSecret;
use std::{fs, path::PathBuf, time::Duration};
use tempfile::TempDir;

const KEY: &str = "-----BEGIN PRIVATE KEY-----\\nMII\\n-----END PRIVATE KEY-----";

/// A settings file in a folder of its own, and what the environment holds.
struct Given {
    folder: TempDir,
    file: PathBuf,
    variables: Vec<(String, String)>,
}

fn given(file: &str, variables: &[(&str, &str)]) -> Given {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lockstep.toml");
    fs::write(&path, file).unwrap();
    let variables =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Given { folder, file: path, variables }
}

impl Given {
    fn load(&self) -> Settings {
        Settings::load(Some(&self.file), self.variables.clone().into_iter())
            .unwrap_or_else(|problems| panic!("{}", render(&problems, Colour::Never)))
    }

    /// The report, with the folder's name taken out.
    fn report(&self) -> String {
        let problems =
            Settings::load(Some(&self.file), self.variables.clone().into_iter()).unwrap_err();
        let report = render(&problems, Colour::Never);
        report.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

fn check_report(file: &str, variables: &[(&str, &str)], expected: &str) {
    assert_eq!(given(file, variables).report().trim_end(), expected.trim_matches('\n'));
}

#[test]
fn without_anything_given_the_defaults_hold() {
    let settings = given("", &[]).load();
    assert_eq!(settings.salesforce.login_url.as_str(), "https://login.salesforce.com/");
    assert_eq!(settings.salesforce.api_version, "66.0");
    assert_eq!(settings.postgres.schema, "salesforce");
    assert_eq!(settings.postgres.max_connections, 5);
    assert_eq!(settings.worker.grace, Duration::from_secs(25));
    assert_eq!(settings.worker.lease_ttl, Duration::from_secs(15));
    assert_eq!(settings.worker.keep_history, Duration::from_hours(24 * 30));
    assert_eq!(settings.worker.long_snapshot, Duration::from_mins(15));
    assert_eq!(settings.mappings.dir, PathBuf::from("mappings"));
    assert_eq!(settings.health.port, None);
    assert!(settings.database_url().is_err());
    assert!(settings.credentials().is_err());
}

#[test]
fn later_layers_win_and_leave_their_origin() {
    let given = given(
        "[postgres]\nschema = \"org\"\nmax_connections = 7\n[worker]\ngrace = \"5s\"\n",
        &[
            ("DATABASE_URL", "postgres://localhost/a"),
            ("LOCKSTEP__POSTGRES__URL", "postgres://localhost/b"),
            ("LOCKSTEP__POSTGRES__SCHEMA", "mine"),
            ("PORT", "8080"),
            ("SALESFORCE_USERNAME", ""),
        ],
    );
    let settings = given.load();
    assert_eq!(settings.postgres.schema, "mine");
    assert_eq!(settings.postgres.max_connections, 7);
    assert_eq!(settings.database_url().unwrap().expose_secret(), "postgres://localhost/b");
    assert_eq!(settings.health.port, Some(8080));
    assert_eq!(settings.salesforce.username, None);

    let origin = |key: &str| {
        let effective = settings.effective().iter().find(|effective| effective.key == key).unwrap();
        let origin = effective.origin.to_string();
        (
            effective.value.clone(),
            origin.replace(&format!("{}/", given.folder.path().display()), ""),
        )
    };
    let variable = |name: &str| format!("environment variable {name}");
    assert_eq!(
        origin("postgres.schema"),
        (Some("mine".into()), variable("LOCKSTEP__POSTGRES__SCHEMA"))
    );
    assert_eq!(origin("worker.grace"), (Some("5s".into()), "lockstep.toml:5:9".into()));
    assert_eq!(
        origin("postgres.url"),
        (Some("[hidden]".into()), variable("LOCKSTEP__POSTGRES__URL"))
    );
    assert_eq!(origin("log.level"), (Some("info".into()), "default".into()));
    assert_eq!(origin("salesforce.username"), (None, "default".into()));
}

#[test]
fn a_secret_may_stand_in_a_file_of_its_own() {
    let given = given("[salesforce]\nclient_secret_file = \"secret\"\n", &[]);
    fs::write(given.folder.path().join("secret"), "s3cret\n").unwrap();
    let settings = given.load();
    assert_eq!(settings.salesforce.client_secret.as_ref().unwrap().expose_secret(), "s3cret");
    let effective =
        settings.effective().iter().find(|e| e.key == "salesforce.client_secret").unwrap();
    assert!(matches!(effective.origin, Origin::SecretFile { .. }));
    assert_eq!(effective.value.as_deref(), Some("[hidden]"));
    assert!(!format!("{settings:?}").contains("s3cret"));
}

#[test]
fn the_way_to_log_in_follows_from_the_secrets() {
    let id = ("SALESFORCE_CLIENT_ID", "app");
    let url = ("SALESFORCE_LOGIN_URL", "https://acme.my.salesforce.com");
    let user = ("SALESFORCE_USERNAME", "u@acme.example");
    let key = ("SALESFORCE_PRIVATE_KEY", KEY);
    let secret = ("SALESFORCE_CLIENT_SECRET", "s");
    let token = ("SALESFORCE_REFRESH_TOKEN", "t");
    let chosen = |variables: &[(&str, &str)]| match given("", variables).load().credentials() {
        Ok(Auth::JwtBearer { .. }) => Ok(AuthMethod::Jwt),
        Ok(Auth::ClientCredentials { .. }) => Ok(AuthMethod::ClientCredentials),
        Ok(Auth::RefreshToken { .. }) => Ok(AuthMethod::RefreshToken),
        Err(problems) => Err(problems.into_iter().map(|p| p.message).collect::<Vec<_>>()),
    };
    assert_eq!(chosen(&[id, user, key, secret]), Ok(AuthMethod::Jwt));
    assert_eq!(chosen(&[id, secret, url]), Ok(AuthMethod::ClientCredentials));
    assert_eq!(chosen(&[id, secret, token]), Ok(AuthMethod::RefreshToken));
    assert_eq!(
        chosen(&[id, secret, url, user, key, ("SALESFORCE_AUTH", "client_credentials")]),
        Ok(AuthMethod::ClientCredentials)
    );
    assert_eq!(
        chosen(&[key]),
        Err(vec![
            "`salesforce.client_id` is not given".to_owned(),
            "`salesforce.username` is not given".to_owned()
        ])
    );
    assert_eq!(
        chosen(&[id, secret]),
        Err(vec!["`login.salesforce.com` does not answer the client-credentials flow".to_owned()])
    );
}

#[test]
fn history_is_kept_for_a_day_at_least() {
    let kept = |text| {
        let variables = [("LOCKSTEP__WORKER__KEEP_HISTORY", text)];
        let given = given("", &variables);
        let loaded = Settings::load(Some(&given.file), given.variables.into_iter());
        loaded.ok().map(|settings| settings.worker.keep_history.as_secs() / 3600)
    };
    assert_eq!(kept("90days"), Some(90 * 24));
    assert_eq!(kept("24h"), Some(24));
    assert_eq!(kept("23h"), None);
    assert_eq!(kept("30"), None);
}

#[test]
fn plain_http_is_for_this_machine() {
    #[rustfmt::skip]
    let table = [
        ("http://127.0.0.1:8080",    true),
        ("http://localhost:8080",    true),
        ("http://[::1]:1",           true),
        ("http://acme.example",      false),
        ("http://localhost.example", false),
        ("https://acme.example",     true),
        ("ftp://localhost",          false),
        ("acme",                     false),
    ];
    for (url, is_accepted) in table {
        let given = given("", &[("SALESFORCE_LOGIN_URL", url)]);
        let loaded = Settings::load(Some(&given.file), given.variables.into_iter());
        assert_eq!(loaded.is_ok(), is_accepted, "{url}");
    }
}

#[test]
fn a_named_file_must_exist() {
    let given = given("", &[]);
    let missing = given.folder.path().join("other.toml");
    assert!(Settings::load(Some(&missing), std::iter::empty()).is_err());
}

#[test]
#[expect(clippy::too_many_lines, reason = "the expected report")]
fn all_bad_settings_are_reported_together_with_their_origin() {
    check_report(
        r#"
[salesforce]
login_uri = "https://acme.my.salesforce.com"
auth = "jtw"

[postgres]
url = "mysql://me:hush@host/db"
max_connections = 0

[worker]
grace = "25"

[logs]
"#,
        &[
            ("LOCKSTEP__LOG__FORMAT", "xml"),
            ("LOCKSTEP__WORKER__GRAZE", "5s"),
            ("PORT", "http"),
            ("SALESFORCE_CLIENT_SECRET", "hush"),
            ("SALESFORCE_CLIENT_SECRET_FILE", "/run/secret"),
        ],
        r#"
error[SX1001]: unknown setting in the environment variable `LOCKSTEP__WORKER__GRAZE`
 |
 = help: did you mean `LOCKSTEP__WORKER__GRACE`?

error[SX1003]: `health.port` cannot be `http`
 |
 = help: give a port
 = note: from environment variable PORT

error[SX1003]: `log.format` cannot be `xml`
 |
 = help: it is one of `logfmt`, `json`, `text`
 = note: from environment variable LOCKSTEP__LOG__FORMAT

error[SX2804]: `salesforce.client_secret` is given twice: as it is and as a file
 |
 = help: keep one of them
 = note: from environment variable SALESFORCE_CLIENT_SECRET
 = note: from environment variable SALESFORCE_CLIENT_SECRET_FILE

error[SX1001]: unknown key `login_uri` in `[salesforce]`
 --> lockstep.toml:3:1
  |
3 | login_uri = ********************************
  | ^^^^^^^^^
  |
  = help: did you mean `login_url`?

error[SX1003]: `salesforce.auth` cannot be `jtw`
 --> lockstep.toml:4:8
  |
4 | auth = *****
  |        ^^^^^
  |
  = help: did you mean `jwt`?

error[SX1003]: `postgres.url` is not the URL of a Postgres database
 --> lockstep.toml:7:7
  |
7 | url = *************************
  |       ^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: it begins with `postgres://`

error[SX1010]: `postgres.max_connections` cannot be 0
 --> lockstep.toml:8:19
  |
8 | max_connections = *
  |                   ^
  |
  = help: the least is 2

error[SX1005]: duration `25` has no unit
  --> lockstep.toml:11:9
   |
11 | grace = ****
   |         ^^^^
   |
   = help: write `"25s"` for seconds, `"25m"` for minutes

error[SX1001]: unknown key `logs` in the settings
  --> lockstep.toml:13:2
   |
13 | [logs]
   |  ^^^^
   |
   = help: did you mean `log`?
"#,
    );
}

#[test]
fn the_options_of_requests_are_words_and_an_id() {
    let file =
        "[salesforce]\nassignment_rules = \"01Q000000000001AAA\"\nduplicate_rules = \"save\"\n";
    let options = given(file, &[]).load().salesforce.options;
    let rule = AssignmentRules::Rule("01Q000000000001AAA".to_owned());
    assert_eq!((&options.assignment_rules, options.save_duplicates), (&rule, true));
    assert_eq!(given("", &[]).load().salesforce.options, RequestOptions::default());
    let report = given("[salesforce]\nduplicate_rules = \"sav\"\n", &[]).report();
    assert!(report.contains("did you mean `save`?"), "{report}");
    for (name, value) in [("client_name", "a,b"), ("assignment_rules", "01Q1")] {
        let report = given(&format!("[salesforce]\n{name} = \"{value}\"\n"), &[]).report();
        assert!(report.contains(&format!("`salesforce.{name}` cannot be `{value}`")), "{report}");
    }
}
