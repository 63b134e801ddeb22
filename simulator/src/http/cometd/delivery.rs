//! Holding a connect until there is something to deliver.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::{sync::watch, time::Instant};

use super::{clients::Subscription, message::Problem};
use crate::{
    Id, Org,
    http::{
        events::{Channel, NoChannel, may_see},
        world::World,
    },
    org::events::{Event, Matter, Start},
};

/// Events of one answer.
const MOST_EVENTS: usize = 500;

/// How a held connect ended.
pub(super) enum End {
    /// With these messages, perhaps none.
    Events(Vec<Value>),
    /// A newer connect of the same client took over.
    Superseded,
    /// The client is no longer known.
    Unknown,
    /// No more events may be delivered today.
    Limit,
    /// All streams were cut.
    Cut,
}

/// A new subscription.
///
/// # Errors
/// An unknown or forbidden channel, a replay id that cannot be replayed from.
pub(super) fn subscription(
    world: &World,
    user: Id,
    name: &str,
    replay: Option<&Value>,
) -> Result<Subscription, Problem> {
    let org = world.org();
    let channel = Channel::of(&org, user, name).map_err(|no| match no {
        NoChannel::Unknown => Problem::UnknownChannel(name.to_owned()),
        NoChannel::Denied => Problem::Denied,
    })?;
    let invalid = || Problem::Replay(replay.map(ToString::to_string).unwrap_or_default());
    let start = match replay {
        None => Start::Latest,
        Some(replay) => match replay.as_i64() {
            Some(-1) => Start::Latest,
            Some(-2) => Start::Earliest,
            Some(id) => Start::After(u64::try_from(id).map_err(|_| invalid())?),
            None => return Err(invalid()),
        },
    };
    let position = org.events().log().position(start, org.now()).ok_or_else(invalid)?;
    Ok(Subscription { channel, position })
}

/// A connect of a client.
pub(super) struct Hold<'a> {
    world: &'a Arc<World>,
    client_id: &'a str,
    number: u64,
    wake: Option<Arc<tokio::sync::Notify>>,
    news: watch::Receiver<u64>,
    cuts: watch::Receiver<u64>,
}

impl<'a> Hold<'a> {
    /// Begins a connect; an older one of the same client ends.
    pub(super) fn of(world: &'a Arc<World>, client_id: &'a str) -> Self {
        let mut clients = world.cometd();
        let client = clients.get(client_id).map(|client| {
            client.connects += 1;
            client.is_held = true;
            client.wake.notify_waiters();
            (client.connects, Arc::clone(&client.wake))
        });
        let (number, wake) = client.map_or((0, None), |(number, wake)| (number, Some(wake)));
        drop(clients);
        Self { world, client_id, number, wake, news: world.news(), cuts: world.bus().cuts() }
    }

    /// Waits for events, as long as a connect is held; not at all for a client's first connect, or
    /// when `may_wait` is false.
    pub(super) async fn wait(mut self, may_wait: bool) -> End {
        let Some(wake) = self.wake.clone() else { return End::Unknown };
        let may_wait = may_wait && self.number > 1;
        let end = Instant::now() + self.world.bus().connect();
        self.cuts.mark_unchanged();
        loop {
            self.news.mark_unchanged();
            let woken = wake.notified();
            match self.collect() {
                End::Events(events) if events.is_empty() && may_wait => {}
                ended => return ended,
            }
            tokio::select! {
                _ = self.news.changed() => {}
                () = woken => {}
                _ = self.cuts.changed() => return End::Cut,
                () = tokio::time::sleep_until(end) => return self.collect(),
            }
        }
    }

    /// What there is to deliver now.
    fn collect(&self) -> End {
        let left = self.world.bus().left();
        let org = self.world.org();
        let mut clients = self.world.cometd();
        let Some(client) = clients.get(self.client_id) else { return End::Unknown };
        if client.connects != self.number {
            return End::Superseded;
        }
        let mut due: Vec<(&Arc<Event>, &str)> = Vec::new();
        for (name, subscription) in &client.subscriptions {
            let events = org.events().log().after(subscription.position, org.now());
            let events = events.filter(|event| subscription.channel.carries(event));
            due.extend(events.take(MOST_EVENTS).map(|event| (event, name.as_str())));
        }
        if left == 0 && !due.is_empty() {
            return End::Limit;
        }
        due.sort_by_key(|(event, _)| event.replay_id);
        let is_all = due.len() <= MOST_EVENTS.min(left);
        due.truncate(MOST_EVENTS.min(left));
        let through = if is_all { Some(org.events().log().latest()) } else { None };
        let through = through.or(due.last().map(|(event, _)| event.replay_id)).unwrap_or_default();
        let user = client.user;
        let told: Vec<Value> =
            due.into_iter().map(|(event, channel)| tell(&org, user, event, channel)).collect();
        for subscription in client.subscriptions.values_mut() {
            subscription.position = subscription.position.max(through);
        }
        self.world.bus().deliver(told.len());
        End::Events(told)
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        let now = self.world.now();
        if let Some(client) = self.world.cometd().get(self.client_id)
            && client.connects == self.number
        {
            client.is_held = false;
            client.last_seen = now;
        }
    }
}

/// The message of an event.
fn tell(org: &Org, user: Id, event: &Event, channel: &str) -> Value {
    let data = match &event.matter {
        Matter::Change(change) => json!({
            "schema": change.schema.id,
            "payload": change.payload(&may_see(org, user, change)),
            "event": { "replayId": event.replay_id },
        }),
        Matter::Message { data, .. } => {
            let mut data = Value::clone(data);
            if let Some(event_data) = data.get_mut("event").and_then(Value::as_object_mut) {
                event_data.insert("replayId".to_owned(), json!(event.replay_id));
            }
            data
        }
    };
    json!({ "channel": channel, "data": data })
}
