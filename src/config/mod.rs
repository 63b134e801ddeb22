//! Settings from `lockstep.toml` and the environment: the only reader of both.
//!
//! Whatever differs per deployment is set here; what is synced stands in mapping files. Later sources win: defaults,
//! the file, variables with names of their own (`DATABASE_URL`), `LOCKSTEP__SECTION__KEY`. A secret may always be
//! given as the path of a file that holds it. The variables are an argument, so that a test can bring its own.

mod credentials;
mod keys;
mod layers;
mod masked;
mod origin;
mod parse;
mod show;

pub use origin::Origin;
pub use show::Effective;

use crate::mapping::{Code, Diagnostic, Source, has_errors, sort};
use crate::salesforce::RequestOptions;
use layers::Merged;
use masked::masked;
use parse::Parser;
use secrecy::SecretString;
use std::{
    collections::BTreeMap,
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};
use url::Url;

/// The file that is read where none is named; it need not exist.
pub const DEFAULT_FILE: &str = "lockstep.toml";

/// The variable that names another file.
const FILE_VARIABLE: &str = "LOCKSTEP_CONFIG";

/// Everything that can be set, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How Salesforce is reached.
    pub salesforce: SalesforceSettings,
    /// How Postgres is reached.
    pub postgres: PostgresSettings,
    /// Where the mapping files are.
    pub mappings: MappingsSettings,
    /// How the worker runs.
    pub worker: WorkerSettings,
    /// How logs look.
    pub log: LogSettings,
    /// Where health is answered.
    pub health: HealthSettings,
    effective: Vec<Effective>,
}

/// `[salesforce]`. [`Settings::credentials`] puts the parts together.
#[derive(Clone, Debug)]
pub struct SalesforceSettings {
    /// Where tokens are asked for. `https`, or `http` to this machine.
    pub login_url: Url,
    /// The way to log in, where it is given.
    pub auth: Option<AuthMethod>,
    /// The app's id.
    pub client_id: Option<String>,
    /// The app's secret.
    pub client_secret: Option<SecretString>,
    /// The user to log in as.
    pub username: Option<String>,
    /// The private key in PEM form.
    pub private_key: Option<SecretString>,
    /// The refresh token.
    pub refresh_token: Option<SecretString>,
    /// The audience of the signed assertion, where it is not the login host.
    pub audience: Option<String>,
    /// The API version, such as `66.0`.
    pub api_version: String,
    /// How much of the org's daily API requests is the budget, in percent: 1 to 100.
    pub api_budget: u64,
    /// What Salesforce is told about every request and every write.
    pub options: RequestOptions,
}

/// A way to log in to Salesforce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// An assertion signed with a private key.
    Jwt,
    /// The app's id and secret; the app names its user.
    ClientCredentials,
    /// A token that a person once obtained.
    RefreshToken,
}

/// `[postgres]`.
#[derive(Clone, Debug)]
pub struct PostgresSettings {
    /// `postgres://…`; absent when not given, see [`Settings::database_url`].
    pub url: Option<SecretString>,
    /// The schema of the mapped tables.
    pub schema: String,
    /// The most connections that are open at once.
    pub max_connections: usize,
    /// A certificate authority to trust beside the system's.
    pub root_cert: Option<PathBuf>,
}

/// `[mappings]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingsSettings {
    /// The folder of the mapping files.
    pub dir: PathBuf,
}

/// `[worker]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerSettings {
    /// How long running work may take to end after a signal.
    pub grace: Duration,
    /// How long a lease holds without being renewed.
    pub lease_ttl: Duration,
    /// Time between two looks at whether objects in Salesforce have changed.
    pub describe_every: Duration,
    /// Time between two requests for the org's limits, while nothing else tells how much is left.
    pub limits_every: Duration,
    /// How long archived changes, journal entries, conflicts, events and counted calls are kept.
    pub keep_history: Duration,
    /// From what age a transaction, a prepared transaction or a replication slot that keeps old rows from being
    /// cleared away is told of.
    pub long_snapshot: Duration,
    /// What the worker is called in leases and logs; the caller has a default.
    pub name: Option<String>,
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// The form; where absent, text on a terminal and logfmt elsewhere.
    pub format: Option<LogFormat>,
    /// A level or a filter such as `info,lockstep=debug`.
    pub level: String,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `level=info msg=…`.
    Logfmt,
    /// One JSON object per line.
    Json,
    /// For reading on a terminal.
    Text,
}

/// `[health]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthSettings {
    /// The address to listen on.
    pub bind: IpAddr,
    /// The port; nothing is answered where it is absent.
    pub port: Option<u16>,
}

/// The variables of this process; those that are not text are left out.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

impl Settings {
    /// Reads the file and the variables.
    ///
    /// Without a path, the file is the one named by `LOCKSTEP_CONFIG`, or `lockstep.toml` if it exists.
    ///
    /// # Errors
    /// Every bad setting, each with its origin. What is merely absent is no error until it is asked for.
    pub fn load(
        path: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let variables: BTreeMap<_, _> = env.collect();
        let mut diagnostics = Vec::new();
        let file = match settings_file(path, &variables) {
            Ok(file) => file,
            Err(problem) => {
                diagnostics.push(*problem);
                None
            }
        };
        let mut layers = vec![layers::defaults()];
        let shown = file.as_ref().map(|file| Source::new(file.path.clone(), masked(&file.text)));
        if let (Some(file), Some(shown)) = (&file, &shown) {
            layers.push(layers::file(file, shown, &mut diagnostics));
        }
        layers.push(layers::named_variables(&variables));
        layers.push(layers::prefixed_variables(&variables, &mut diagnostics));
        for layer in &mut layers {
            layer.read_secret_files(&mut diagnostics);
        }
        let merged = layers::merge(layers).map_err(|error| {
            vec![Diagnostic::error(Code::Syntax, format!("the settings do not merge: {error}"))]
        })?;
        let mut parser = Parser { merged: &merged, source: shown.as_ref(), diagnostics };
        let settings = parser.settings();
        let mut diagnostics = parser.diagnostics;
        sort(&mut diagnostics);
        match settings {
            Some(settings) if !has_errors(&diagnostics) => Ok(settings),
            _ => Err(diagnostics),
        }
    }

    /// The database's URL.
    ///
    /// # Errors
    /// When none is given.
    pub fn database_url(&self) -> Result<&SecretString, Box<Diagnostic>> {
        self.postgres.url.as_ref().ok_or_else(|| {
            Box::new(
                Diagnostic::error(Code::MissingSetting, "no database is given")
                    .with_help("set DATABASE_URL, or `url` or `url_file` under `[postgres]`"),
            )
        })
    }

    /// Every setting with its origin, in the order of the sections.
    #[must_use]
    pub fn effective(&self) -> &[Effective] {
        &self.effective
    }
}

fn settings_file(
    path: Option<&Path>,
    variables: &BTreeMap<String, String>,
) -> Result<Option<Source>, Box<Diagnostic>> {
    let named = path.map(Path::to_path_buf).or_else(|| {
        variables.get(FILE_VARIABLE).filter(|name| !name.is_empty()).map(PathBuf::from)
    });
    let is_named = named.is_some();
    let path = named.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(Source { path, text })),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_named => Ok(None),
        Err(error) => {
            let message = format!("cannot read the settings file `{}`: {error}", path.display());
            Err(Box::new(Diagnostic::error(Code::Unreadable, message)))
        }
    }
}

#[cfg(test)]
mod tests;
