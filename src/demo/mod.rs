//! The playground: a throw-away Postgres and a Salesforce org in a box, and a story that shows sync at work.
//!
//! Nothing here is faked: the database is a real one, the org is spoken to over HTTP, and the worker that keeps
//! them in step is the one that production runs. Only this module knows the simulator.

mod story;

pub use salesforce_simulator::Credentials;
pub use story::{Broken, Characters, Storyteller};

use crate::postgres::ephemeral::{EphemeralError, EphemeralPostgres, Search};
use salesforce_simulator::{Config, Simulator, StartError};

/// The playground could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Postgres did not start.
    #[error("the demo's Postgres did not start")]
    Postgres(#[from] EphemeralError),
    /// The org did not start.
    #[error("the demo's Salesforce org did not start")]
    Simulator(#[from] StartError),
}

/// A running database and a running org; both are gone when it is dropped.
#[derive(Debug)]
pub struct Playground {
    postgres: EphemeralPostgres,
    simulator: Simulator,
}

impl Playground {
    /// Starts both. `scale` 1.0 is an org of a few thousand records.
    ///
    /// # Errors
    /// When Postgres' programs are missing or either server does not come up.
    pub async fn start(search: Search, seed: u64, scale: f64) -> Result<Self, Error> {
        let postgres = tokio::task::spawn_blocking(move || EphemeralPostgres::start(&search));
        let simulator = Simulator::start(Config { seed, scale, ..Config::default() }).await?;
        let postgres =
            postgres.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
        Ok(Self { postgres, simulator })
    }

    /// Where the database listens.
    #[must_use]
    pub fn database_url(&self) -> String {
        self.postgres.url()
    }

    /// Where the org listens.
    #[must_use]
    pub fn salesforce_url(&self) -> String {
        self.simulator.url()
    }

    /// How to log in to the org.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        self.simulator.credentials()
    }
}
