//! From text to typed settings, every misfit with its origin.

use super::{
    AuthMethod, HealthSettings, LogFormat, LogSettings, MappingsSettings, Merged, Origin,
    PostgresSettings, SalesforceSettings, Settings, WorkerSettings, layers::Given, show::effective,
};
use crate::mapping::{
    Code, Diagnostic, Source,
    reader::parse_duration,
    suggest::{listed, nearest},
};
use crate::salesforce::{AssignmentRules, RequestOptions};
use secrecy::SecretString;
use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use url::{Host, Url};

const AUTH_METHODS: [(&str, AuthMethod); 3] = [
    ("jwt", AuthMethod::Jwt),
    ("client_credentials", AuthMethod::ClientCredentials),
    ("refresh_token", AuthMethod::RefreshToken),
];
const LOG_FORMATS: [(&str, LogFormat); 3] =
    [("logfmt", LogFormat::Logfmt), ("json", LogFormat::Json), ("text", LogFormat::Text)];
const SWITCH: [(&str, bool); 2] = [("on", true), ("off", false)];
const DUPLICATE_RULES: [(&str, bool); 2] = [("refuse", false), ("save", true)];
const LEASE_LEAST: Duration = Duration::from_secs(2);
const CONNECTIONS_LEAST: usize = 2;
/// Polls look back some minutes, and a worker that was down for a night settles what it left by the journal.
const HISTORY_LEAST: Duration = Duration::from_hours(24);

/// Takes typed values out of the merged settings.
pub(super) struct Parser<'a> {
    pub(super) merged: &'a Merged,
    pub(super) source: Option<&'a Arc<Source>>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Parser<'_> {
    /// The settings; `None` when one that always has a value is bad.
    pub(super) fn settings(&mut self) -> Option<Settings> {
        let salesforce = self.salesforce();
        let postgres = self.postgres();
        let worker = self.worker();
        let log = LogSettings {
            format: self.word("log.format", &LOG_FORMATS),
            level: self.text("log.level").unwrap_or_default(),
        };
        let health = HealthSettings {
            bind: self
                .parsed("health.bind", "an IP address")
                .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            port: self.parsed("health.port", "a port"),
        };
        let dir = self.text("mappings.dir").map(PathBuf::from).unwrap_or_default();
        Some(Settings {
            salesforce: salesforce?,
            postgres: postgres?,
            mappings: MappingsSettings { dir },
            worker: worker?,
            log,
            health,
            effective: effective(self.merged),
        })
    }

    fn salesforce(&mut self) -> Option<SalesforceSettings> {
        let login_url = self.login_url();
        let api_version = self.api_version();
        let api_budget = self.percent("salesforce.api_budget");
        let options = self.request_options();
        Some(SalesforceSettings {
            auth: self.word("salesforce.auth", &AUTH_METHODS),
            client_id: self.text("salesforce.client_id"),
            client_secret: self.secret("salesforce.client_secret"),
            username: self.text("salesforce.username"),
            private_key: self.private_key(),
            refresh_token: self.secret("salesforce.refresh_token"),
            audience: self.text("salesforce.audience"),
            login_url: login_url?,
            api_version: api_version?,
            api_budget: api_budget?,
            options: options?,
        })
    }

    fn request_options(&mut self) -> Option<RequestOptions> {
        let client_name = self.client_name();
        let assignment_rules = self.assignment_rules();
        let save_duplicates = self.word("salesforce.duplicate_rules", &DUPLICATE_RULES);
        let recently_viewed = self.word("salesforce.recently_viewed", &SWITCH);
        Some(RequestOptions {
            client_name: client_name?,
            assignment_rules: assignment_rules?,
            save_duplicates: save_duplicates?,
            recently_viewed: recently_viewed?,
        })
    }

    /// It stands in a header among other options, so that neither a comma nor a line break may be in it.
    fn client_name(&mut self) -> Option<String> {
        let given = self.given("salesforce.client_name")?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if given.text.is_empty() || given.text.len() > 100 || !given.text.chars().all(is_plain) {
            let message = format!("`salesforce.client_name` cannot be `{}`", given.text);
            let help = "give up to 100 letters, digits, `-`, `_` and `.`";
            self.bad(&given, Code::WrongValue, message, help);
            return None;
        }
        Some(given.text)
    }

    fn assignment_rules(&mut self) -> Option<AssignmentRules> {
        let path = "salesforce.assignment_rules";
        let given = self.given(path)?;
        let is_id = given.text.starts_with("01Q")
            && matches!(given.text.len(), 15 | 18)
            && given.text.chars().all(|c| c.is_ascii_alphanumeric());
        if is_id {
            return Some(AssignmentRules::Rule(given.text));
        }
        if given.text.starts_with("01Q") {
            let message = format!("`{path}` cannot be `{}`", given.text);
            let help = "the id of a rule has 15 or 18 letters and digits";
            self.bad(&given, Code::WrongValue, message, help);
            return None;
        }
        let is_on = self.word(path, &SWITCH)?;
        Some(if is_on { AssignmentRules::Active } else { AssignmentRules::Off })
    }

    fn postgres(&mut self) -> Option<PostgresSettings> {
        let max_connections = self.max_connections();
        let url = self.database_url();
        let schema = self.schema();
        Some(PostgresSettings {
            url,
            root_cert: self.text("postgres.root_cert").map(PathBuf::from),
            schema: schema?,
            max_connections: max_connections?,
        })
    }

    fn worker(&mut self) -> Option<WorkerSettings> {
        let grace = self.duration("worker.grace", Duration::ZERO);
        let lease_ttl = self.duration("worker.lease_ttl", LEASE_LEAST);
        let describe_every = self.duration("worker.describe_every", Duration::from_secs(1));
        let limits_every = self.duration("worker.limits_every", Duration::from_secs(1));
        let keep_history = self.duration("worker.keep_history", HISTORY_LEAST);
        let long_snapshot = self.duration("worker.long_snapshot", Duration::from_secs(1));
        let name = self.text("worker.name");
        Some(WorkerSettings {
            grace: grace?,
            lease_ttl: lease_ttl?,
            describe_every: describe_every?,
            limits_every: limits_every?,
            keep_history: keep_history?,
            long_snapshot: long_snapshot?,
            name,
        })
    }

    fn given(&self, path: &str) -> Option<Given> {
        self.merged.get(path).cloned()
    }

    fn text(&self, path: &str) -> Option<String> {
        self.given(path).map(|given| given.text)
    }

    fn secret(&self, path: &str) -> Option<SecretString> {
        self.text(path).map(SecretString::from)
    }

    /// Notes a problem at the setting's origin.
    fn bad(&mut self, given: &Given, code: Code, message: String, help: impl Into<String>) {
        let mut diagnostic = Diagnostic::error(code, message).with_help(help);
        diagnostic = match (&given.origin, self.source) {
            (Origin::File { span, .. }, Some(source)) => diagnostic.at(source, span.clone(), ""),
            (origin, _) => diagnostic.with_note(format!("from {origin}")),
        };
        self.diagnostics.push(diagnostic);
    }

    fn word<T: Copy>(&mut self, path: &str, words: &[(&str, T)]) -> Option<T> {
        let given = self.given(path)?;
        let names = || words.iter().map(|(word, _)| *word);
        let found = words.iter().find(|(word, _)| *word == given.text).map(|(_, value)| *value);
        if found.is_none() {
            let help = match nearest(&given.text, names()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("it is one of {}", listed(names())),
            };
            let message = format!("`{path}` cannot be `{}`", given.text);
            self.bad(&given, Code::WrongValue, message, help);
        }
        found
    }

    fn parsed<T: std::str::FromStr>(&mut self, path: &str, what: &str) -> Option<T> {
        let given = self.given(path)?;
        let parsed = given.text.trim().parse().ok();
        if parsed.is_none() {
            let message = format!("`{path}` cannot be `{}`", given.text);
            self.bad(&given, Code::WrongValue, message, format!("give {what}"));
        }
        parsed
    }

    fn duration(&mut self, path: &str, least: Duration) -> Option<Duration> {
        let given = self.given(path)?;
        match parse_duration(&given.text, least) {
            Ok(duration) => Some(duration),
            Err(problem) => {
                let (code, message, help) = problem.into_words(path);
                self.bad(&given, code, message, help);
                None
            }
        }
    }

    /// A share such as `80%`, from 1 to 100.
    fn percent(&mut self, path: &str) -> Option<u64> {
        let given = self.given(path)?;
        let number = given.text.trim().strip_suffix('%').and_then(|text| text.trim().parse().ok());
        let percent = number.filter(|percent| (1..=100).contains(percent));
        if percent.is_none() {
            let message = format!("`{path}` cannot be `{}`", given.text);
            self.bad(&given, Code::WrongValue, message, "give a share from `1%` to `100%`");
        }
        percent
    }

    fn max_connections(&mut self) -> Option<usize> {
        let path = "postgres.max_connections";
        let number = self.parsed(path, "a whole number")?;
        if number < CONNECTIONS_LEAST {
            let given = self.given(path)?;
            let message = format!("`{path}` cannot be {number}");
            self.bad(
                &given,
                Code::OutOfRange,
                message,
                format!("the least is {CONNECTIONS_LEAST}"),
            );
            return None;
        }
        Some(number)
    }

    fn schema(&mut self) -> Option<String> {
        let given = self.given("postgres.schema")?;
        let name = &given.text;
        if name.len() > 63 || name == "lockstep" || name.starts_with("pg_") {
            let message = format!("`postgres.schema` cannot be `{name}`");
            self.bad(
                &given,
                Code::BadName,
                message,
                "give a name of up to 63 bytes that no one else uses",
            );
            return None;
        }
        Some(given.text)
    }

    /// The URL is a secret: no part of it is repeated.
    fn database_url(&mut self) -> Option<SecretString> {
        let given = self.given("postgres.url")?;
        let is_postgres =
            ["postgres://", "postgresql://"].iter().any(|scheme| given.text.starts_with(scheme));
        if !is_postgres {
            let message = "`postgres.url` is not the URL of a Postgres database".to_owned();
            self.bad(&given, Code::WrongValue, message, "it begins with `postgres://`");
            return None;
        }
        Some(SecretString::from(given.text))
    }

    /// Variables often carry a PEM text with `\n` for its line breaks.
    fn private_key(&mut self) -> Option<SecretString> {
        let given = self.given("salesforce.private_key")?;
        let text = given.text.replace("\\n", "\n");
        if !text.trim_start().starts_with("-----BEGIN") {
            let message = "`salesforce.private_key` is not a private key in PEM form".to_owned();
            let help =
                "it begins with `-----BEGIN PRIVATE KEY-----`; for a file use `private_key_file`";
            self.bad(&given, Code::WrongValue, message, help);
            return None;
        }
        Some(SecretString::from(text))
    }

    fn login_url(&mut self) -> Option<Url> {
        let given = self.given("salesforce.login_url")?;
        match Url::parse(given.text.trim()) {
            Ok(url) if is_safe(&url) => Some(url),
            Ok(url) if url.scheme() == "http" && url.has_host() => {
                let message = "`salesforce.login_url` would send secrets in the clear".to_owned();
                self.bad(
                    &given,
                    Code::WrongValue,
                    message,
                    "use `https://`; `http://` is for this machine only",
                );
                None
            }
            _ => {
                let message = "`salesforce.login_url` is not a URL of a login host".to_owned();
                self.bad(
                    &given,
                    Code::WrongValue,
                    message,
                    "for instance `https://acme.my.salesforce.com`",
                );
                None
            }
        }
    }

    fn api_version(&mut self) -> Option<String> {
        let given = self.given("salesforce.api_version")?;
        let text = given.text.trim().trim_start_matches('v');
        let major = text.strip_suffix(".0").unwrap_or(text);
        let is_version =
            (2..=3).contains(&major.len()) && major.chars().all(|c| c.is_ascii_digit());
        if !is_version {
            let message = format!("`salesforce.api_version` cannot be `{}`", given.text);
            self.bad(&given, Code::WrongValue, message, "for instance `66.0`");
            return None;
        }
        Some(format!("{major}.0"))
    }
}

fn is_safe(url: &Url) -> bool {
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => url.password().is_none(),
        ("http", Some(Host::Domain(name))) => name == "localhost",
        ("http", Some(Host::Ipv4(address))) => address.is_loopback(),
        ("http", Some(Host::Ipv6(address))) => address.is_loopback(),
        _ => false,
    }
}
