//! Hears the capture triggers' notification.
//!
//! A notification is a hint to look, never the only reason. Whoever listens also looks by itself every now and then.
//!
//! The triggers send one only for tables whose bell is hung, which is a lock that the worker holds while it has nothing to
//! do. A transaction that captures while no bell hangs shares the lock until it ends: no bell can be hung beside it.
//! Whoever hangs a bell and then finds nothing in the log therefore hears of everything that comes.

use super::Error;
use super::connect::Unpooled;
use super::identifier::quote;
use futures_util::future::poll_fn;
use std::sync::Arc;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinHandle;
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client};

/// The suffix of the channel; the mapping schema and a point come before it.
pub(super) const CHANNEL_SUFFIX: &str = ".hc_trigger_log";

/// A connection that waits for captured changes.
pub struct Listener {
    changes: Receiver<()>,
    driver: JoinHandle<()>,
    // Dropping the client would end the connection.
    client: Arc<Client>,
    schema: String,
}

/// What is hung up to be rung: the lock of each table, held by the listening connection and gone with it.
#[derive(Clone)]
pub struct Bells {
    client: Arc<Client>,
    schema: String,
}

/// What the lock of a table's bell is made from.
pub(super) fn bell(schema: &str, table: &str) -> String {
    format!("{schema}{CHANNEL_SUFFIX}.{table}")
}

impl Bells {
    /// Asks that changes of the tables be announced from now on: all, or none where that cannot be. `false` while a
    /// transaction is open that captured a change of one of them unannounced, or another worker waits for them.
    /// What is captured before it answers has to be looked for.
    ///
    /// # Errors
    /// When the connection is gone, and the bells with it.
    pub async fn hang(&self, tables: &[String]) -> Result<bool, Error> {
        let statement = include_str!("sql/hang_bells.sql");
        let hung: bool = self
            .client
            .query_typed_one(statement, &[(&self.names(tables), Type::TEXT_ARRAY)])
            .await?
            .try_get(0)?;
        if !hung {
            self.take_down(tables).await?;
        }
        Ok(hung)
    }

    /// Changes of the tables go unannounced again. Those that are not hung are left as they are.
    ///
    /// # Errors
    /// When the connection is gone, and the bells with it.
    pub async fn take_down(&self, tables: &[String]) -> Result<(), Error> {
        let statement = include_str!("sql/take_bells_down.sql");
        self.client.query_typed(statement, &[(&self.names(tables), Type::TEXT_ARRAY)]).await?;
        Ok(())
    }

    fn names(&self, tables: &[String]) -> Vec<String> {
        tables.iter().map(|table| bell(&self.schema, table)).collect()
    }
}

impl Listener {
    pub(super) async fn start(
        (client, mut connection): Unpooled,
        schema: &str,
    ) -> Result<Self, Error> {
        // Room for one: any number of notifications before the next look are one reason to look.
        let (sender, changes) = channel(1);
        let driver = tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await
            {
                if matches!(message, AsyncMessage::Notification(_)) {
                    // A full channel already says what this one would.
                    sender.try_send(()).ok();
                }
            }
        });
        let (client, schema) = (Arc::new(client), schema.to_owned());
        let listener = Self { changes, driver, client, schema };
        let channel_name = quote(&format!("{}{CHANNEL_SUFFIX}", listener.schema));
        listener.client.batch_execute(&format!("listen {channel_name}")).await?;
        Ok(listener)
    }

    /// The bells that this connection can hang up.
    #[must_use]
    pub fn bells(&self) -> Bells {
        Bells { client: Arc::clone(&self.client), schema: self.schema.clone() }
    }

    /// Waits until something was captured since the last call.
    ///
    /// # Errors
    /// When the connection is gone; listen again.
    pub async fn changed(&mut self) -> Result<(), Error> {
        let lost = || Error::Lost("the listening connection ended".to_owned());
        self.changes.recv().await.ok_or_else(lost)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
