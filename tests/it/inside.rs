//! What tests need that drive the engine's tasks within their own process: a database and a client of an org.

use crate::world::search;
use lockstep::postgres::Console;
use lockstep::postgres::ephemeral::EphemeralPostgres;
use lockstep::salesforce::{self, Auth, Client};
use salesforce_simulator::Simulator;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// One server for all these tests; each takes a database of its own.
static SERVER: LazyLock<EphemeralPostgres> =
    LazyLock::new(|| EphemeralPostgres::start(&search()).expect("postgres starts"));

/// The address of a new, empty database.
pub(crate) async fn fresh_url() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let name = format!("inside_{}", COUNTER.fetch_add(1, Ordering::Relaxed));
    let server = tokio::task::spawn_blocking(|| SERVER.url()).await.unwrap();
    let console = Console::connect(&server).await.unwrap();
    console.run(&format!("create database {name}")).await.unwrap();
    format!("{}/{name}", server.trim_end_matches("/postgres"))
}

/// A client of the org's integration user.
pub(crate) fn client_of(org: &Simulator) -> Client {
    let credentials = org.credentials();
    Client::new(salesforce::Config {
        login_url: org.url().parse().unwrap(),
        auth: Auth::ClientCredentials {
            client_id: credentials.client_id,
            client_secret: credentials.client_secret.into(),
        },
        api_version: salesforce::DEFAULT_API_VERSION.to_owned(),
        timeout: Duration::from_secs(20),
    })
    .unwrap()
}
