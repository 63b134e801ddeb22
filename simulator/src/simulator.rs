//! Starting and stopping a simulated org.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use axum::{Router, routing::post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tower_http::{
    CompressionLevel,
    catch_panic::CatchPanicLayer,
    compression::{CompressionLayer, DefaultPredicate, Predicate},
};

use crate::{
    Control, ControlError, Org,
    csv_load::{self, LoadError},
    generate,
    http::{
        connection::{CuttableListener, Cutter},
        gate, oauth, pubsub,
        tls::{Identity, TlsError},
        world::World,
    },
    org::Clock,
    schema::{Features, Schema, SchemaError},
};

/// How long a stop waits for requests in progress.
const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// What kind of org to start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; loopback unless others are meant to reach the org.
    pub host: IpAddr,
    /// The port, or 0 for any free one.
    pub port: u16,
    /// Seed of the sample records.
    pub seed: u64,
    /// Size of the sample: 1.0 makes about eight thousand records.
    pub scale: f64,
    /// No sample records, only the users.
    pub empty: bool,
    /// A folder of describe answers to use in place of the sample objects.
    pub schema_dir: Option<PathBuf>,
    /// Objects and how many rows each gets that are computed on the fly and take no memory.
    pub synthetic: Vec<(String, u64)>,
    /// Files of records, each named after its object.
    pub csv: Vec<PathBuf>,
    /// How long a Bulk job is queued and in progress, each half of it.
    pub bulk_delay: Duration,
    /// How long a session lives after its last use.
    pub session_lifetime: Duration,
    /// API requests before 403 `REQUEST_LIMIT_EXCEEDED`.
    pub daily_limit: u64,
    /// How long a client may be silent: without a request, or in the middle of one.
    pub client_silence: Duration,
    /// Show records on the page at `/` although others than this machine can reach it.
    pub open_page: bool,
    /// What the org has beyond the ordinary.
    pub features: Features,
    /// Speak TLS, under certificates made at the start.
    pub tls: Option<Tls>,
    /// Objects whose changes are told as events; none costs nothing.
    pub cdc: Vec<String>,
    /// How long a CometD connect is held without events.
    pub connect_timeout: Duration,
    /// The time between keepalives of a Pub/Sub subscription.
    pub pubsub_keepalive: Duration,
}

/// How an org speaks TLS. Its port then takes both, and the URLs it answers are `https` ones.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Names and addresses that the server answers to, besides `localhost` and its own address.
    pub names: Vec<String>,
    /// Where the authority's certificate is written to, as PEM.
    pub ca_file: Option<PathBuf>,
}

impl Default for Config {
    /// The sample org with seed 1 at full size on a free loopback port: jobs take 100 ms, sessions
    /// two hours, and 100,000 requests may be made.
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            seed: 1,
            scale: 1.0,
            empty: false,
            schema_dir: None,
            csv: Vec::new(),
            synthetic: Vec::new(),
            bulk_delay: Duration::from_millis(100),
            session_lifetime: Duration::from_hours(2),
            daily_limit: 100_000,
            client_silence: Duration::from_mins(2),
            open_page: false,
            features: Features::default(),
            tls: None,
            cdc: Vec::new(),
            connect_timeout: Duration::from_secs(110),
            pubsub_keepalive: Duration::from_secs(270),
        }
    }
}

impl Config {
    /// The org as it is at the start.
    pub(crate) fn build(&self, clock: Clock) -> Result<Org, StartError> {
        let schema = match &self.schema_dir {
            Some(folder) => Schema::from_dir(folder, self.features)?,
            None => Schema::sample_with(self.features),
        };
        let mut org = Org::new(schema, clock);
        if !self.empty {
            generate::fill(&mut org, self.seed, self.scale);
        }
        for path in &self.csv {
            let count = csv_load::load(&mut org, path)?;
            tracing::info!(file = %path.display(), count, "records loaded");
        }
        org.add_synthetic(&self.synthetic).map_err(StartError::Synthetic)?;
        org.capture(&self.cdc).map_err(|_| StartError::Captured(self.cdc.clone()))?;
        Ok(org)
    }
}

/// Why an org did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken, or may not be used.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// TLS was asked for and cannot be had.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The authority's certificate cannot be written.
    #[error("cannot write {}", path.display())]
    CaFile {
        /// Where to.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The schema does not fit.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// An object whose changes shall be told does not exist.
    #[error("not all of these are objects of the org: {}", .0.join(", "))]
    Captured(Vec<String>),
    /// An object cannot have computed rows.
    #[error("cannot compute rows: {0}")]
    Synthetic(crate::ApiError),
    /// A file of records does not fit.
    #[error(transparent)]
    Records(#[from] LoadError),
}

/// What a client needs to log in, by every flow, and two sessions that are open already.
#[derive(Clone, Deserialize, Serialize)]
pub struct Credentials {
    /// Consumer key of the connected app.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The integration user.
    pub username: String,
    /// The password of every user.
    pub password: String,
    /// Every user's security token, which may follow the password.
    pub security_token: String,
    /// A refresh token of the integration user.
    pub refresh_token: String,
    /// The key that signs assertions, as PKCS#8 PEM.
    pub private_key_pem: String,
    /// A session of the integration user.
    pub access_token: String,
    /// A session of the second, human user.
    pub user_token: String,
    /// The second, human user.
    pub user_username: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// A running org. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Simulator {
    url: String,
    control_url: String,
    ca_pem: Option<String>,
    credentials: Credentials,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<io::Result<()>>,
}

impl Simulator {
    /// Starts an org and answers once it takes requests.
    ///
    /// # Errors
    /// [`StartError`] when it cannot listen or its files do not fit.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let address = SocketAddr::new(config.host, config.port);
        let refused = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        if !address.ip().is_loopback() {
            tracing::warn!(%address, "the org is open to everyone who can reach this address");
        }
        let tls = config.tls.as_ref().map(|tls| identity(tls, address)).transpose()?;
        let control_url = format!("http://{}", reachable(address));
        let url = match tls {
            Some(_) => control_url.replacen("http", "https", 1),
            None => control_url.clone(),
        };
        let (tls, ca_pem) = tls.map(|tls| (tls.acceptor, tls.ca_pem)).unzip();
        let silence = config.client_silence;
        let world = Arc::new(World::new(url.clone(), config, Arc::new(wall_clock))?);
        let credentials = world.credentials();
        let app = Router::new()
            .route(pubsub::PATH, post(pubsub::pass))
            .fallback(gate::pass)
            .with_state(world)
            .layer(
                // The org is a test bench: its time matters more than the bytes on a loopback.
                CompressionLayer::new()
                    .quality(CompressionLevel::Fastest)
                    .compress_when(DefaultPredicate::new().and(gate::may_compress)),
            )
            .layer(CatchPanicLayer::custom(gate::panicked))
            .into_make_service_with_connect_info::<Cutter>();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(async move {
            axum::serve(CuttableListener::new(listener, tls, silence), app)
                .with_graceful_shutdown(async move {
                    // A dropped sender means the same as a message.
                    let _either = stopped.await;
                })
                .await
        });
        Ok(Self { url, control_url, ca_pem, credentials, stop: Some(stop), server })
    }

    /// Where the org is, without a trailing slash: login URL and instance URL in one.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// The certificate of the authority to be trusted, as PEM, where the org speaks TLS.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// The control routes, by which a test steers the org.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn control(&self) -> Result<Control, ControlError> {
        Control::new(&self.control_url)
    }

    /// How to log in.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        self.credentials.clone()
    }

    /// Takes no more requests, finishes those in progress and ends.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        match tokio::time::timeout(STOP_DEADLINE, &mut self.server).await {
            Ok(Ok(Ok(()))) => {}
            Ok(ended) => tracing::warn!(?ended, "the server ended badly"),
            Err(_) => tracing::warn!("requests in progress were cut off"),
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl World {
    /// What a client needs to log in; opens sessions anew.
    pub(crate) fn credentials(&self) -> Credentials {
        let username = self.integration_username();
        let human = self.human_username();
        let now = self.now();
        let open = |username: &str| {
            let person = self.person_named(username);
            person.map(|person| self.sessions().open(person.id, &person.username, now))
        };
        // One after the other: each of these takes the sessions' lock for itself.
        let access_token = open(&username).unwrap_or_default();
        let user_token = open(&human).unwrap_or_default();
        let refresh_token = self.sessions().remember(&username);
        Credentials {
            client_id: oauth::CLIENT_ID.to_owned(),
            client_secret: oauth::CLIENT_SECRET.to_owned(),
            password: oauth::PASSWORD.to_owned(),
            security_token: oauth::SECURITY_TOKEN.to_owned(),
            private_key_pem: oauth::PRIVATE_KEY.to_owned(),
            refresh_token,
            access_token,
            user_token,
            user_username: human,
            username,
        }
    }
}

/// Certificates for the names that the org goes by; the authority's is written to its file.
fn identity(tls: &Tls, address: SocketAddr) -> Result<Identity, StartError> {
    let own = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut names = Vec::from(own);
    let others = tls.names.iter().cloned().chain([reachable(address).ip().to_string()]);
    for name in others {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let identity = Identity::new(names)?;
    if let Some(path) = &tls.ca_file {
        std::fs::write(path, &identity.ca_pem)
            .map_err(|source| StartError::CaFile { path: path.clone(), source })?;
    }
    Ok(identity)
}

/// An address that a client can use: one that stands for all interfaces is reached on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        return SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port());
    }
    address
}

#[expect(clippy::disallowed_methods, reason = "the one place where the org gets its time from")]
fn wall_clock() -> DateTime<Utc> {
    Utc::now()
}
