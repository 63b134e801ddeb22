//! A session like any client's: ordinary statements, as text, with nothing that marks a write as ours.
//!
//! The demo and the tests play the application through it.

use super::Error;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// One session over its own connection, without TLS. Closed when dropped.
#[derive(Debug)]
pub struct Console {
    client: Client,
    connection: JoinHandle<()>,
}

impl Console {
    /// Connects.
    ///
    /// # Errors
    /// When the server does not answer or refuses.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let (client, connection) = tokio_postgres::connect(url, NoTls)
            .await
            .map_err(|error| Error::from_connect("of the console", &error))?;
        let connection = tokio::spawn(async move {
            // What ends the connection shows in the statement that was running.
            drop(connection.await);
        });
        Ok(Self { client, connection })
    }

    /// Runs one statement or several.
    ///
    /// # Errors
    /// At the first statement that is refused.
    pub async fn run(&self, sql: &str) -> Result<(), Error> {
        Ok(self.client.batch_execute(sql).await?)
    }

    /// The rows of a statement, every cell in Postgres' text form; `None` is null.
    ///
    /// # Errors
    /// When the statement is refused.
    pub async fn rows(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, Error> {
        let messages = self.client.simple_query(sql).await?;
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|cell| row.get(cell).map(str::to_owned)).collect())
            }
            _ => None,
        });
        Ok(rows.collect())
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.connection.abort();
    }
}
