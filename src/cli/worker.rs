//! `lockstep worker`: sets everything up, waiting where time can heal, and keeps the mappings in step.

use super::connect::{self, Session};
use super::report::{Exit, Failure};
use crate::worker::{self, Ended, Health, Worker};
use crate::{postgres, sync};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The longest pause between two attempts to start.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Options of `lockstep worker`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

/// Runs until SIGTERM or SIGINT.
pub(super) async fn run(config: Option<&Path>, _args: Args) -> Result<Exit, Failure> {
    let settings = connect::settings(config)?;
    connect::telemetry(&settings)?;
    let stop = connect::stop_on_signals()?;
    let health = Health::default();
    if let Some(port) = settings.health.port {
        let address = SocketAddr::new(settings.health.bind, port);
        let (health, stop) = (health.clone(), stop.clone());
        tokio::spawn(async move {
            if let Err(error) = health.serve(address, stop).await {
                tracing::error!(%error, port, "the health port cannot be served");
            }
        });
    }
    let worker_config = worker::Config {
        holder: connect::holder(&settings),
        lease_ttl: settings.worker.lease_ttl,
        grace: settings.worker.grace,
        describe_every: settings.worker.describe_every,
        limits_every: settings.worker.limits_every,
        keep_history: settings.worker.keep_history,
        long_snapshot: settings.worker.long_snapshot,
    };
    let mut went_back: Option<String> = None;
    loop {
        let Some(session) = open_patiently(config, &stop, went_back.as_deref()).await? else {
            return Ok(Exit::Ok);
        };
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            mappings = session.mappings.len(),
            holder = %worker_config.holder,
            "started"
        );
        let Session { db, client, mut mappings, files, org, drifted, applied, .. } = session;
        let paused = drifted.iter().filter(|drifted| drifted.pause.is_some());
        mappings.extend(paused.map(|paused| paused.mapping.clone()));
        let worker = Worker::new(db, client, &mappings, worker_config.clone(), health.clone());
        let worker = worker.watching(files, org).drifted(drifted, applied);
        went_back = match worker.run(stop.clone()).await {
            Ended::Told => return Ok(Exit::Ok),
            Ended::FitsOtherwise => {
                tracing::info!(
                    "an object fits its mapping otherwise than at the start: starting anew"
                );
                None
            }
            Ended::WentBack(reason) => {
                tracing::error!(%reason, "starting anew, with nothing remembered");
                Some(reason)
            }
        };
    }
}

/// Connects, checks and provisions; tries again for as long as time can heal what is in the way.
///
/// `None` when told to stop meanwhile.
async fn open_patiently(
    config: Option<&Path>,
    stop: &CancellationToken,
    went_back: Option<&str>,
) -> Result<Option<Session>, Failure> {
    let mut pause = Duration::from_secs(1);
    loop {
        let failure = tokio::select! {
            () = stop.cancelled() => return Ok(None),
            opened = open(config, went_back) => match opened {
                Ok(session) => return Ok(Some(session)),
                Err(failure) if failure.exit == Exit::Temporary => failure,
                Err(failure) => return Err(failure),
            },
        };
        tracing::warn!(error = %failure.message, retry_in_seconds = pause.as_secs(), "cannot start yet, trying again");
        tokio::select! {
            () = stop.cancelled() => return Ok(None),
            () = worker::pause(pause) => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn open(config: Option<&Path>, went_back: Option<&str>) -> Result<Session, Failure> {
    let session = Session::open_despite_drift(config).await?;
    let provisioned = session.provision().await?;
    for step in provisioned.done {
        tracing::info!(step, "provisioned");
    }
    for finding in session.remaining().await? {
        let (mapping, problem, next) = (finding.object, finding.message, finding.help);
        tracing::error!(%mapping, %problem, %next, "the database does not fit the mapping");
    }
    let Session { db, mappings, drifted, .. } = &session;
    let told = postgres::beat(db).await.map_err(connect::postgres_failure)?;
    if let Some(reason) = told.as_deref().or(went_back) {
        // What a paused mapping may have sent before cannot be told: its fields are not known.
        if let Some(pause) = drifted.iter().find_map(|drifted| drifted.pause.as_ref()) {
            return Err(Failure::new(
                Exit::Temporary,
                format!("{reason}; before it is recovered: {pause}"),
            ));
        }
        sync::went_back(db, mappings, reason).await.map_err(connect::sync_failure)?;
    }
    Ok(session)
}
