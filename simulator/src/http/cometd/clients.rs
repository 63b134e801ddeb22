//! Who has shaken hands, and what they subscribed to.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, distr::Alphanumeric};
use tokio::sync::Notify;

use crate::{Id, http::events::Channel};

/// Clients at the same time.
const MOST_CLIENTS: usize = 2_000;

/// A client and its subscriptions.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(super) id: String,
    /// The value of its cookie.
    pub(super) browser: String,
    pub(super) user: Id,
    pub(super) last_seen: DateTime<Utc>,
    /// By the name of the channel.
    pub(super) subscriptions: BTreeMap<String, Subscription>,
    /// Wakes a connect that is held.
    pub(super) wake: Arc<Notify>,
    /// The number of its connects: an older one that is still held gives way to a newer.
    pub(super) connects: u64,
    /// Whether a connect is held, so that the client is not away.
    pub(super) is_held: bool,
}

/// A channel and how far it was delivered.
#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    pub(super) channel: Channel,
    /// The replay id up to which everything was delivered.
    pub(super) position: u64,
}

/// All clients.
#[derive(Debug, Default)]
pub(crate) struct Clients(HashMap<String, Client>);

impl Clients {
    /// A new client; `None` when there are too many.
    pub(super) fn enter(
        &mut self,
        user: Id,
        browser: Option<String>,
        now: DateTime<Utc>,
    ) -> Option<Client> {
        if self.0.len() >= MOST_CLIENTS {
            return None;
        }
        let client = Client {
            id: random(),
            browser: browser.unwrap_or_else(random),
            user,
            last_seen: now,
            subscriptions: BTreeMap::new(),
            wake: Arc::default(),
            connects: 0,
            is_held: false,
        };
        self.0.insert(client.id.clone(), client.clone());
        Some(client)
    }

    /// The client with this id.
    pub(super) fn get(&mut self, id: &str) -> Option<&mut Client> {
        self.0.get_mut(id)
    }

    /// The client goes; a connect that is held ends.
    pub(super) fn leave(&mut self, id: &str) {
        if let Some(client) = self.0.remove(id) {
            client.wake.notify_waiters();
            client.wake.notify_one();
        }
    }

    /// Forgets all clients and answers how many there were.
    pub(crate) fn forget_all(&mut self) -> usize {
        let ids: Vec<String> = self.0.keys().cloned().collect();
        for id in &ids {
            self.leave(id);
        }
        ids.len()
    }

    /// Forgets the clients that stayed away for longer than this.
    pub(super) fn forget_absent(&mut self, now: DateTime<Utc>, away: Duration) {
        let away = TimeDelta::from_std(away).unwrap_or(TimeDelta::MAX);
        self.0.retain(|_, client| client.is_held || now - client.last_seen <= away);
    }
}

fn random() -> String {
    rand::rng().sample_iter(Alphanumeric).take(28).map(char::from).collect()
}
