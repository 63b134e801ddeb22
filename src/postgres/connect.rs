//! The pool of connections, and the transactions that everything else runs in.
//!
//! Statements go out with their parameter types and are never prepared by name, and settings are local to a
//! transaction: both survive a transaction pooler between us and the server.

use super::address::Address;
use super::identifier::{fill, qualify, quote};
use super::marker::Memory;
use super::tls::connector;
use super::usage::Ledger;
use super::{Error, Listener};
use chrono::{DateTime, Utc};
use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, Transaction,
};
use secrecy::{ExposeSecret, SecretString};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres_rustls::MakeRustlsConnect;

/// The oldest supported major version.
const OLDEST_SERVER: u32 = 13;
/// Longest wait for a free connection of the pool.
const POOL_WAIT: Duration = Duration::from_secs(30);
/// Limits of every transaction of ours: none may wait for ever, whatever the server's defaults are. And the forms in
/// which values travel as text: all digits, ISO dates, UTC.
pub(super) const LIMITS: &str = "set local statement_timeout = '10min'; set local lock_timeout = '30s'; \
     set local idle_in_transaction_session_timeout = '5min'; set local datestyle = 'ISO, YMD'; \
     set local extra_float_digits = 1; set local timezone = 'UTC'";

/// How to reach the database.
#[derive(Clone, Debug)]
pub struct Config {
    /// A `postgres://` URL, or libpq's `key=value` form.
    pub url: SecretString,
    /// The mapping schema.
    pub schema: String,
    /// At most this many pooled connections. A listener is one more.
    pub max_connections: usize,
    /// PEM file of root certificates to verify the server with.
    pub root_cert: Option<PathBuf>,
}

/// The database, with the name of the mapping schema. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("schema", &self.shared.schema).finish_non_exhaustive()
    }
}

struct Shared {
    schema: String,
    address: Address,
    tls: MakeRustlsConnect,
    ledger: Ledger,
    memory: Memory,
}

impl Database {
    /// Connects once and checks that the server is supported.
    ///
    /// # Errors
    /// Told apart by cause: unreachable, TLS, login, missing database, too old.
    pub async fn connect(config: &Config) -> Result<Self, Error> {
        let address = Address::parse(config.url.expose_secret(), config.root_cert.clone())?;
        let tls = connector(address.verification, address.root_cert.as_deref())?;
        let manager = Manager::from_config(
            address.config.clone(),
            tls.clone(),
            ManagerConfig { recycling_method: RecyclingMethod::Fast },
        );
        let pool = Pool::builder(manager)
            .max_size(config.max_connections.max(2))
            .wait_timeout(Some(POOL_WAIT))
            .create_timeout(Some(POOL_WAIT))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| Error::Unexpected(error.to_string()))?;
        let shared = Arc::new(Shared {
            schema: config.schema.clone(),
            address,
            tls,
            ledger: Ledger::default(),
            memory: Memory::default(),
        });
        let database = Self { pool, shared };
        database.check_version().await?;
        Ok(database)
    }

    /// The mapping schema.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.shared.schema
    }

    /// The database's clock.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn now(&self) -> Result<DateTime<Utc>, Error> {
        let row = self.client().await?.query_typed("select clock_timestamp()", &[]).await?;
        let row = row.first().ok_or_else(|| Error::Unexpected("no time".to_owned()))?;
        Ok(row.try_get(0)?)
    }

    /// A connection of its own that hears when the application's changes are captured.
    ///
    /// # Errors
    /// When the connection cannot be made.
    pub async fn listen(&self) -> Result<Listener, Error> {
        Listener::start(self.connect_unpooled().await?, self.schema()).await
    }

    /// Calls that are counted and not yet written.
    pub(super) fn ledger(&self) -> &Ledger {
        &self.shared.ledger
    }

    /// What this process knows of the database.
    pub(super) fn memory(&self) -> &Memory {
        &self.shared.memory
    }

    /// A pooled connection, to the database that this process knows.
    pub(super) async fn client(&self) -> Result<Object, Error> {
        self.shared.memory.check()?;
        let client = self.pooled().await?;
        if Object::metrics(&client).recycle_count == 0 {
            self.shared.memory.meet(&client).await?;
        }
        Ok(client)
    }

    async fn pooled(&self) -> Result<Object, Error> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => Error::from_connect(&self.shared.address.host, &error),
            PoolError::Timeout(deadpool_postgres::TimeoutType::Wait) => Error::TooManyConnections,
            other => Error::Unreachable {
                host: self.shared.address.host.clone(),
                reason: other.to_string(),
            },
        })
    }

    /// A connection outside the pool, with the half that drives it.
    pub(super) async fn connect_unpooled(&self) -> Result<Unpooled, Error> {
        let Shared { address, tls, .. } = &*self.shared;
        address
            .config
            .connect(tls.clone())
            .await
            .map_err(|error| Error::from_connect(&address.host, &error))
    }

    /// `schema.name` in the mapping schema, quoted.
    pub(super) fn qualified(&self, name: &str) -> String {
        qualify(self.schema(), name)
    }

    /// Fills the mapping schema into a statement.
    pub(super) fn statement(&self, template: &str) -> String {
        fill(template, &[("schema", &quote(self.schema()))])
    }

    async fn check_version(&self) -> Result<(), Error> {
        let rows = self
            .client()
            .await?
            .query_typed("select current_setting('server_version_num')::int4 / 10000", &[])
            .await?;
        let major: i32 = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
        let major = u32::try_from(major).unwrap_or(0);
        if major < OLDEST_SERVER { Err(Error::TooOld(major)) } else { Ok(()) }
    }
}

/// Both halves of an unpooled connection.
pub(super) type Unpooled = (
    tokio_postgres::Client,
    tokio_postgres::Connection<
        tokio_postgres::Socket,
        <MakeRustlsConnect as tokio_postgres::tls::MakeTlsConnect<tokio_postgres::Socket>>::Stream,
    >,
);

/// Starts a transaction with our limits.
pub(super) async fn begin(client: &mut Object) -> Result<Transaction<'_>, Error> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(LIMITS).await?;
    Ok(transaction)
}

#[cfg(test)]
mod tests {
    use super::{Config, Database};
    use crate::postgres::Error;
    use crate::postgres::testing::{fresh_database, fresh_url};

    async fn failure(url: &str) -> Error {
        let config = Config {
            url: url.to_owned().into(),
            schema: "salesforce".to_owned(),
            max_connections: 2,
            root_cert: None,
        };
        Database::connect(&config).await.err().unwrap()
    }

    #[tokio::test]
    async fn what_keeps_us_from_connecting_is_told_apart() {
        let url = fresh_url().await;
        let missing = failure(&format!("{url}_missing")).await;
        assert!(matches!(missing, Error::DatabaseMissing(_)), "{missing}");
        let unknown = failure(&url.replace("postgres@", "nobody_known@")).await;
        assert!(matches!(unknown, Error::Authentication(_)), "{unknown}");
        let closed = failure("postgres://postgres@127.0.0.1:1/postgres").await;
        assert!(matches!(closed, Error::Unreachable { .. }), "{closed}");
        let plain = failure(&format!("{url}?sslmode=require")).await;
        assert!(matches!(plain, Error::Tls { .. }), "{plain}");
        assert!(plain.remedy().is_some());
    }

    #[tokio::test]
    async fn a_notification_wakes_the_listener() {
        let db = fresh_database().await;
        let mut listener = db.listen().await.unwrap();
        let client = db.client().await.unwrap();
        client.batch_execute("notify \"salesforce.hc_trigger_log\", 'ping'").await.unwrap();
        let heard = listener.changed();
        tokio::time::timeout(std::time::Duration::from_secs(10), heard).await.unwrap().unwrap();
    }
}
