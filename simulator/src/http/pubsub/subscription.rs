//! A subscription: a stream of requests for more events, and of events.
//!
//! Nothing is sent that was not asked for: each request adds to what is due, and delivery stops when
//! that is used up. While nothing is sent an empty answer comes now and then, with a replay id to go
//! on from.

use std::time::Duration;

use futures_util::{Stream, stream};
use tokio::{sync::watch, time::Instant};
use tonic::{Status, Streaming};

use super::{
    avro,
    caller::Caller,
    failure::Failure,
    proto::{ConsumerEvent, FetchRequest, FetchResponse, ProducerEvent, ReplayPreset},
    rpc_id,
};
use crate::{
    http::events::{Channel, NoChannel, may_see},
    org::events::{Event, Matter, Start},
};

/// Most events that one request asks for.
const MOST_REQUESTED: usize = 100;
/// How often an idle stream looks whether its session still holds.
const SESSION_CHECK: Duration = Duration::from_millis(100);

/// The events of a subscription, until it ends.
pub(super) fn events(
    caller: Caller,
    requests: Streaming<FetchRequest>,
) -> impl Stream<Item = Result<FetchResponse, Status>> + Send {
    let subscription = Subscription::new(caller, requests);
    stream::unfold(Some(subscription), |subscription| async move {
        let mut subscription = subscription?;
        match Box::pin(subscription.next()).await {
            Step::Answer(answer) => Some((Ok(answer), Some(subscription))),
            Step::Failed(failure) => Some((Err(failure.status(&subscription.rpc_id)), None)),
            Step::Ended => None,
        }
    })
}

enum Step {
    Answer(FetchResponse),
    Failed(Failure),
    Ended,
}

struct Subscription {
    caller: Caller,
    requests: Streaming<FetchRequest>,
    /// Whether the client may still ask for more.
    is_open: bool,
    topic: Option<(String, Channel)>,
    /// The replay id up to which everything was delivered.
    position: u64,
    /// How many events are asked for and not delivered yet.
    due: usize,
    news: watch::Receiver<u64>,
    cuts: watch::Receiver<u64>,
    last_sent: Instant,
    rpc_id: String,
}

impl Subscription {
    fn new(caller: Caller, requests: Streaming<FetchRequest>) -> Self {
        Self {
            news: caller.world.news(),
            cuts: caller.world.bus().cuts(),
            caller,
            requests,
            is_open: true,
            topic: None,
            position: 0,
            due: 0,
            last_sent: Instant::now(),
            rpc_id: rpc_id(),
        }
    }

    /// Waits for something to send.
    async fn next(&mut self) -> Step {
        loop {
            if !self.caller.is_welcome() {
                return Step::Failed(Failure::Authentication);
            }
            self.news.mark_unchanged();
            match self.collect() {
                Ok(Some(answer)) => return self.send(answer),
                Ok(None) if !self.is_open && self.due == 0 => return Step::Ended,
                Ok(None) => {}
                Err(failure) => return Step::Failed(failure),
            }
            let keepalive = self.last_sent + self.caller.world.bus().keepalive();
            let check = Instant::now() + SESSION_CHECK;
            tokio::select! {
                request = self.requests.message(), if self.is_open => match request {
                    Ok(Some(request)) => if let Err(failure) = self.take(&request) {
                        return Step::Failed(failure);
                    },
                    Ok(None) => self.is_open = false,
                    Err(_) => return Step::Ended,
                },
                _ = self.news.changed() => {}
                _ = self.cuts.changed() => return Step::Failed(Failure::Unavailable),
                () = tokio::time::sleep_until(keepalive), if self.topic.is_some() => {
                    return self.send(Vec::new());
                }
                () = tokio::time::sleep_until(check) => {}
            }
        }
    }

    /// Takes a request for more events; the first one says which and from where.
    fn take(&mut self, request: &FetchRequest) -> Result<(), Failure> {
        if !request.auth_refresh.is_empty() {
            self.caller.refresh(&request.auth_refresh)?;
        }
        match &self.topic {
            None => self.begin(request)?,
            Some((topic, _)) => {
                if !request.topic_name.is_empty() && request.topic_name != *topic {
                    return Err(Failure::TopicChanged);
                }
            }
        }
        let requested = usize::try_from(request.num_requested).unwrap_or_default();
        if requested == 0 && request.auth_refresh.is_empty() {
            return Err(Failure::NothingRequested);
        }
        self.due += requested.min(MOST_REQUESTED);
        Ok(())
    }

    fn begin(&mut self, request: &FetchRequest) -> Result<(), Failure> {
        if request.topic_name.is_empty() {
            return Err(Failure::TopicMissing);
        }
        let world = &self.caller.world;
        if world.bus().left() == 0 {
            return Err(Failure::DeliveryLimit);
        }
        let org = world.org();
        let channel = Channel::of(&org, self.caller.user, &request.topic_name);
        let channel = channel.map_err(|no| match no {
            NoChannel::Unknown => Failure::TopicNotFound,
            NoChannel::Denied => Failure::TopicDenied,
        })?;
        let start = match request.replay_preset() {
            ReplayPreset::Latest => Start::Latest,
            ReplayPreset::Earliest => Start::Earliest,
            ReplayPreset::Custom if request.replay_id.is_empty() => {
                return Err(Failure::ReplayIdMissing);
            }
            ReplayPreset::Custom => {
                let id = <[u8; 8]>::try_from(request.replay_id.as_slice());
                Start::After(u64::from_be_bytes(id.map_err(|_| Failure::ReplayIdCorrupted)?))
            }
        };
        let position = org.events().log().position(start, org.now());
        self.position = position.ok_or(Failure::ReplayIdCorrupted)?;
        drop(org);
        self.topic = Some((request.topic_name.clone(), channel));
        Ok(())
    }

    /// The events that are asked for and there; `None` when there are none.
    fn collect(&mut self) -> Result<Option<Vec<ConsumerEvent>>, Failure> {
        let Some((_, channel)) = &self.topic else { return Ok(None) };
        let world = &self.caller.world;
        let org = world.org();
        let log = org.events().log();
        let mut due = log.after(self.position, org.now()).filter(|event| channel.carries(event));
        let most = self.due.min(MOST_REQUESTED);
        let mut events = Vec::new();
        let mut next = due.next();
        if next.is_some() && most > 0 && world.bus().left() == 0 {
            return Err(Failure::DeliveryLimit);
        }
        let most = most.min(world.bus().left());
        while let Some(event) = next.take_if(|_| events.len() < most) {
            self.position = event.replay_id;
            events.extend(self.tell(&org, event));
            next = due.next();
        }
        if next.is_none() {
            // What other channels were told need not be looked at again.
            self.position = self.position.max(log.latest());
        }
        world.bus().deliver(events.len());
        Ok((!events.is_empty()).then_some(events))
    }

    fn tell(&self, org: &crate::Org, event: &Event) -> Option<ConsumerEvent> {
        let Matter::Change(change) = &event.matter else { return None };
        let payload = avro::datum(change, &may_see(org, self.caller.user, change));
        Some(ConsumerEvent {
            event: Some(ProducerEvent {
                id: event_id(event.replay_id),
                schema_id: change.schema.id.clone(),
                payload,
                headers: Vec::new(),
            }),
            replay_id: event.replay_id.to_be_bytes().into(),
        })
    }

    fn send(&mut self, events: Vec<ConsumerEvent>) -> Step {
        self.due = self.due.saturating_sub(events.len());
        self.last_sent = Instant::now();
        let last = events.last().map(|event| event.replay_id.clone());
        Step::Answer(FetchResponse {
            latest_replay_id: last.unwrap_or_else(|| self.position.to_be_bytes().into()),
            events,
            rpc_id: self.rpc_id.clone(),
            pending_num_requested: i32::try_from(self.due).unwrap_or(i32::MAX),
        })
    }
}

/// The id of an event, which is the same for everybody who gets it.
fn event_id(replay_id: u64) -> String {
    format!("{replay_id:08x}-0000-4000-8000-{:012x}", replay_id.wrapping_mul(0x9e37_79b9) >> 8)
}
