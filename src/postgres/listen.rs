//! Hears the capture triggers' notification.
//!
//! A notification is a hint to look, never the only reason: the triggers send one for a burst of transactions,
//! and one that commits late may go without. Whoever listens also looks by itself every now and then.

use super::Error;
use super::connect::Unpooled;
use super::identifier::quote;
use futures_util::future::poll_fn;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client};

/// The suffix of the channel; the mapping schema and a point come before it.
pub(super) const CHANNEL_SUFFIX: &str = ".hc_trigger_log";

/// A connection that waits for captured changes.
pub struct Listener {
    changes: Receiver<()>,
    driver: JoinHandle<()>,
    // Dropping the client would end the connection.
    client: Client,
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
        let listener = Self { changes, driver, client };
        let channel_name = quote(&format!("{schema}{CHANNEL_SUFFIX}"));
        listener.client.batch_execute(&format!("listen {channel_name}")).await?;
        Ok(listener)
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
