//! What the tests of this module share: one server per process, a fresh database per test.

use super::ephemeral::{EphemeralPostgres, Search};
use super::{Config, Database};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio_postgres::NoTls;

static SERVER: LazyLock<EphemeralPostgres> = LazyLock::new(|| {
    EphemeralPostgres::start(&Search { path: std::env::var_os("PATH"), ..Search::default() })
        .unwrap()
});

/// The URL of a new, empty database.
pub(crate) async fn fresh_url() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}", COUNTER.fetch_add(1, Ordering::Relaxed));
    let server = SERVER.url();
    let (client, connection) = tokio_postgres::connect(&server, NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("create database {name}")).await.unwrap();
    format!("{}/{name}", server.trim_end_matches("/postgres"))
}

/// A new, empty database.
pub(crate) async fn fresh_database() -> Database {
    connect_to(&fresh_url().await).await
}

/// A pool to the database at `url`.
pub(crate) async fn connect_to(url: &str) -> Database {
    let url = url.to_owned().into();
    Database::connect(&Config {
        url,
        schema: "salesforce".to_owned(),
        max_connections: 4,
        root_cert: None,
    })
    .await
    .unwrap()
}
