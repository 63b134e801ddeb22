//! From settings to connections that stand, with every failure turned into its exit status and next step.

use super::report::{self, Exit, Failure};
use crate::config::{LogFormat, Settings};
use crate::mapping::{self, Applied, Diagnostic, Mapping, MappingFile, Org, Rebound};
use crate::model::ObjectDescribe;
use crate::postgres::{self, Database, Finding, Proposal, Provisioned};
use crate::runtime::{self, Retry};
use crate::salesforce::{self, Client};
use crate::{sync, telemetry};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Describes asked for at the same time.
const DESCRIBES_AT_ONCE: usize = 4;

/// How long Salesforce may take for one answer; it gives up itself after ten minutes, but a worker's stop does not
/// wait that long.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(2);

/// Both sides connected, and the mapping files bound to the org.
pub(super) struct Session {
    pub(super) settings: Settings,
    pub(super) db: Database,
    pub(super) client: Client,
    pub(super) mappings: Vec<Mapping>,
    /// What the mappings were bound from.
    pub(super) files: Vec<MappingFile>,
    pub(super) org: Org,
    /// What differs from what was applied, where the session was opened for that: mappings that are paused, which are
    /// not among `mappings`, and mappings that are without a field, which are.
    pub(super) drifted: Vec<Rebound>,
    /// The mappings as last applied, as far as they were asked for.
    pub(super) applied: Vec<Applied>,
}

impl Session {
    /// Reads settings and mapping files, then connects to both sides. One attempt.
    pub(super) async fn open(config: Option<&Path>) -> Result<Self, Failure> {
        let mut session = Self::connect(config).await?;
        let mappings = mapping::bind(&session.files, &session.org)
            .map_err(|problems| mapping_failure(&problems))?;
        session.mappings =
            postgres::as_found(&session.db, mappings).await.map_err(postgres_failure)?;
        Ok(session)
    }

    /// As [`Session::open`], but a mapping that was applied before, and that its object does not fit now, keeps no
    /// other from being run.
    pub(super) async fn open_despite_drift(config: Option<&Path>) -> Result<Self, Failure> {
        let mut session = Self::connect(config).await?;
        session.applied = postgres::applied(&session.db).await.map_err(postgres_failure)?;
        let judged = mapping::bind_applied(&session.files, &session.org, &session.applied)
            .map_err(|problems| mapping_failure(&problems))?;
        let runs = judged.iter().filter(|judged| judged.pause.is_none());
        let mappings = runs.map(|judged| judged.mapping.clone()).collect();
        session.mappings =
            postgres::as_found(&session.db, mappings).await.map_err(postgres_failure)?;
        session.drifted = judged.into_iter().filter(|judged| !judged.drifted.is_empty()).collect();
        Ok(session)
    }

    async fn connect(config: Option<&Path>) -> Result<Self, Failure> {
        let settings = settings(config)?;
        let files = mapping_files(&settings)?;
        let db = database(&settings).await?;
        let client = client(&settings)?;
        let org = org(&client, &files).await?;
        let (mappings, drifted, applied) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { settings, db, client, mappings, files, org, drifted, applied })
    }

    /// Makes sure that the database belongs to this org and has what the mappings need.
    pub(super) async fn provision(&self) -> Result<Provisioned, Failure> {
        let identity = self.client.identity().await.map_err(salesforce_failure)?;
        postgres::migrate(&self.db).await.map_err(postgres_failure)?;
        let organization = identity.organization_id.as_str();
        postgres::bind_org(&self.db, organization, &identity.api_version)
            .await
            .map_err(postgres_failure)?;
        let provisioned =
            postgres::provision(&self.db, &self.mappings).await.map_err(postgres_failure)?;
        for step in &provisioned.done {
            postgres::log_event(&self.db, "provisioned", None, step)
                .await
                .map_err(postgres_failure)?;
        }
        Ok(provisioned)
    }

    /// What the mappings might well have.
    pub(super) async fn proposals(&self) -> Result<Vec<Proposal>, Failure> {
        postgres::propose(&self.db, &self.mappings).await.map_err(postgres_failure)
    }

    /// What does not fit the mappings and provisioning leaves to a person: a column's type, a disabled trigger.
    pub(super) async fn remaining(&self) -> Result<Vec<Finding>, Failure> {
        let found = postgres::inspect(&self.db, &self.mappings).await.map_err(postgres_failure)?;
        Ok(found.into_iter().filter(|finding| !finding.is_repairable).collect())
    }
}

/// The settings of file and environment.
pub(super) fn settings(config: Option<&Path>) -> Result<Settings, Failure> {
    Settings::load(config, crate::config::environment()).map_err(|problems| {
        report::note(render(&problems));
        Failure::new(Exit::ConfigInvalid, "the settings are not valid")
            .next("mend them; `lockstep config show` tells where each value comes from")
    })
}

/// The mapping files, checked as far as they can be without the org.
pub(super) fn mapping_files(settings: &Settings) -> Result<Vec<MappingFile>, Failure> {
    mapping::load(&settings.mappings.dir)
        .into_files()
        .map_err(|problems| mapping_failure(&problems))
}

/// A pool of connections to the settings' database.
pub(super) async fn database(settings: &Settings) -> Result<Database, Failure> {
    let url = settings.database_url().map_err(|problem| settings_failure(&[*problem]))?.clone();
    let config = postgres::Config {
        url,
        schema: settings.postgres.schema.clone(),
        max_connections: settings.postgres.max_connections,
        root_cert: settings.postgres.root_cert.clone(),
    };
    Database::connect(&config).await.map_err(postgres_failure)
}

/// A client for the settings' org.
pub(super) fn client(settings: &Settings) -> Result<Client, Failure> {
    let auth = settings.credentials().map_err(|problems| settings_failure(&problems))?;
    let config = salesforce::Config {
        login_url: settings.salesforce.login_url.clone(),
        auth,
        api_version: settings.salesforce.api_version.clone(),
        timeout: REQUEST_TIMEOUT,
    };
    let options = settings.salesforce.options.clone();
    let client = Client::with(config, options).map_err(salesforce_failure)?;
    client.budget().set_percent(settings.salesforce.api_budget);
    Ok(client)
}

/// What the org says about the files' objects. An object that it does not show is left out; the names of all
/// objects are then fetched too, for suggestions.
pub(super) async fn org(client: &Client, files: &[MappingFile]) -> Result<Org, Failure> {
    let objects: Vec<Option<ObjectDescribe>> = stream::iter(files)
        .map(|file| async move {
            match client.describe(file.object()).await {
                Ok(describe) => Ok(Some(describe)),
                Err(salesforce::Error::NotFound(_)) => Ok(None),
                Err(error) => Err(salesforce_failure(error)),
            }
        })
        .buffered(DESCRIBES_AT_ONCE)
        .try_collect()
        .await?;
    let names = if objects.iter().any(Option::is_none) {
        client.object_names().await.map_err(salesforce_failure)?
    } else {
        Vec::new()
    };
    Ok(Org { objects: objects.into_iter().flatten().collect(), names })
}

/// The mappings, bound to the org's objects and fields.
pub(super) async fn bind(client: &Client, files: &[MappingFile]) -> Result<Vec<Mapping>, Failure> {
    let org = org(client, files).await?;
    mapping::bind(files, &org).map_err(|problems| mapping_failure(&problems))
}

/// Logs to standard output as the settings say.
pub(super) fn telemetry(settings: &Settings) -> Result<(), Failure> {
    let format = match settings.log.format {
        Some(LogFormat::Json) => telemetry::Format::Json,
        Some(LogFormat::Text) => telemetry::Format::Text,
        None if report::is_read_by_a_person() => telemetry::Format::Text,
        Some(LogFormat::Logfmt) | None => telemetry::Format::Logfmt,
    };
    let on_dyno = crate::config::environment().any(|(name, _)| name == "DYNO");
    telemetry::init(&telemetry::Config { format, filter: settings.log.level.clone(), on_dyno })
        .map_err(|error| {
            Failure::new(Exit::ConfigInvalid, report::with_causes(&error))
                .next("correct log.level, such as `info` or `info,lockstep::sync=debug`")
        })
}

/// Who this process is, in leases and logs: the name from the settings, the dyno's, or the process's number.
pub(super) fn holder(settings: &Settings) -> String {
    let dyno =
        || crate::config::environment().find(|(name, _)| name == "DYNO").map(|(_, dyno)| dyno);
    let name = settings.worker.name.clone().or_else(dyno).unwrap_or_else(|| "lockstep".to_owned());
    format!("{name}#{}", std::process::id())
}

/// A token that is cancelled by SIGINT or SIGTERM.
pub(super) fn stop_on_signals() -> Result<CancellationToken, Failure> {
    Ok(runtime::stop_on_signals()?)
}

/// Diagnostics as a person reads them.
pub(super) fn render(problems: &[Diagnostic]) -> String {
    mapping::render(problems, report::colour()).trim_end().to_owned()
}

fn settings_failure(problems: &[Diagnostic]) -> Failure {
    report::note(render(problems));
    Failure::new(Exit::ConfigInvalid, "the settings are not complete")
}

pub(super) fn mapping_failure(problems: &[Diagnostic]) -> Failure {
    report::note(render(problems));
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    let what = if errors == 1 { "a problem".to_owned() } else { format!("{errors} problems") };
    Failure::new(Exit::ConfigInvalid, format!("the mapping files have {what}"))
        .next("mend them and look again with: lockstep check")
}

#[expect(clippy::needless_pass_by_value, reason = "used as map_err's function")]
pub(super) fn postgres_failure(error: postgres::Error) -> Failure {
    let is_login = is_postgres_login(&error);
    let failed = failure(&error, error.retry(), error.remedy(), is_login);
    // Another org's records in the schema would be taken for deleted ones.
    let is_guard = matches!(error, postgres::Error::OtherOrg { .. });
    if is_guard { Failure { exit: Exit::Guarded, ..failed } } else { failed }
}

#[expect(clippy::needless_pass_by_value, reason = "used as map_err's function")]
pub(super) fn salesforce_failure(error: salesforce::Error) -> Failure {
    let is_login = is_salesforce_login(&error);
    let remedy = error.remedy().or_else(|| waiting_remedy(&error));
    failure(&error, error.retry(), remedy, is_login)
}

/// What a person can look at while the org does not answer. The worker needs no such advice: it waits.
fn waiting_remedy(error: &salesforce::Error) -> Option<String> {
    let text = match error {
        salesforce::Error::Login(_) | salesforce::Error::Transport { .. } => {
            "check that this machine reaches the address in salesforce.login_url; \
             `lockstep config show` prints it"
        }
        salesforce::Error::RequestLimit(_) => "wait: the org's limit counts the last 24 hours",
        _ => return None,
    };
    Some(text.to_owned())
}

#[expect(clippy::needless_pass_by_value, reason = "used as map_err's function")]
pub(super) fn sync_failure(error: sync::Error) -> Failure {
    let is_login = match &error {
        sync::Error::Postgres(error) => is_postgres_login(error),
        sync::Error::Salesforce(error) => is_salesforce_login(error),
        _ => false,
    };
    failure(&error, error.retry(), error.remedy(), is_login)
}

fn failure(
    error: &dyn std::error::Error,
    retry: Retry,
    remedy: Option<String>,
    is_login: bool,
) -> Failure {
    let exit = match retry {
        Retry::Soon | Retry::Later => Exit::Temporary,
        Retry::Never if is_login => Exit::LoginNeeded,
        Retry::Never => Exit::Failed,
    };
    Failure { message: report::with_causes(error), next: remedy, exit }
}

fn is_postgres_login(error: &postgres::Error) -> bool {
    matches!(error, postgres::Error::Authentication(_))
}

fn is_salesforce_login(error: &salesforce::Error) -> bool {
    matches!(error, salesforce::Error::Login(_) | salesforce::Error::SessionRefused)
}
