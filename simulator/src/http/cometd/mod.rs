//! Streaming by Bayeux 1.0 over long polling: `POST /cometd/NN.0` with an array of messages.
//!
//! A client shakes hands and is given an id and a cookie, subscribes to channels from a position of
//! its own choosing, and then asks to connect again and again: the answer is held until there are
//! events, or for a while. Who stays away too long is forgotten and told to shake hands again.

mod clients;
mod delivery;
mod message;

use std::sync::Arc;

use axum::http::{HeaderName, StatusCode, header::SET_COOKIE};
use serde_json::{Value, json};

pub(crate) use clients::Clients;

use crate::http::{
    call::Call, dispatch::bearer, refusal::Refusal, reply::Reply, sessions::Session, world::World,
};
use clients::Client;
use delivery::Hold;
use message::{Message, Problem};

/// The cookie that names the browser, as CometD calls a client's host.
const COOKIE: &str = "BAYEUX_BROWSER";
/// The largest request, in bytes.
const REQUEST_LIMIT: usize = 32_768;

/// The answer to a request, and what becomes of its connection.
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    /// The connection breaks in place of the answer.
    pub(crate) is_cut: bool,
    pub(crate) username: Option<String>,
}

/// `POST /cometd/NN.0`
pub(crate) async fn answer(world: &Arc<World>, version: &str, call: &Call) -> Answer {
    let plain = |reply| Answer { reply, is_cut: false, username: None };
    if let Err(refusal) = world.versions().check(&format!("v{version}")) {
        return plain(refusal.into());
    }
    if call.body.len() > REQUEST_LIMIT {
        let message = "Maximum Request Size Exceeded";
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        return plain(Refusal::rest(status, "REQUEST_TOO_LARGE", message).into());
    }
    let Some(messages) = Message::read(&call.body) else {
        let message = "The request is no array of Bayeux messages";
        return plain(Refusal::bad_request("MALFORMED_REQUEST", message).into());
    };
    let session = bearer(call).ok().and_then(|token| world.sessions().touch(&token, call.time));
    if session.is_none() && !call.headers.contains_key("authorization") {
        let replies: Vec<Value> =
            messages.iter().map(|message| message.refused(&Problem::NoAuthentication)).collect();
        return plain(Reply::json(StatusCode::UNAUTHORIZED, &replies));
    }
    let username = session.as_ref().map(|session| session.username.clone());
    let exchange = Exchange { world, call, session, is_alone: messages.len() == 1 };
    let (reply, is_cut) = exchange.carry_out(&messages).await;
    Answer { reply, is_cut, username }
}

/// One request and who sent it.
struct Exchange<'a> {
    world: &'a Arc<World>,
    call: &'a Call,
    session: Option<Session>,
    /// A connect that comes with other messages is answered at once.
    is_alone: bool,
}

impl Exchange<'_> {
    async fn carry_out(&self, messages: &[Message]) -> (Reply, bool) {
        let mut replies = Vec::new();
        let mut cookie = None;
        for message in messages {
            match message.channel.as_str() {
                "/meta/handshake" => {
                    let (reply, new) = self.handshake(message);
                    replies.push(reply);
                    cookie = new.or(cookie);
                }
                "/meta/connect" => match self.connect(message).await {
                    Some(answers) => replies.extend(answers),
                    None => return (Reply::empty(StatusCode::OK), true),
                },
                _ => replies.push(self.other(message)),
            }
        }
        let reply = Reply::ok(&replies).with(HeaderName::from_static("cache-control"), "no-store");
        let reply = match cookie {
            Some(cookie) => reply.with(SET_COOKIE, &format!("{COOKIE}={cookie}; Path=/; HttpOnly")),
            None => reply,
        };
        (reply, false)
    }

    /// The reply and the cookie of a new client.
    fn handshake(&self, message: &Message) -> (Value, Option<String>) {
        let Some(session) = &self.session else {
            return (message.denied("401::Authentication invalid"), None);
        };
        if !message.speaks_long_polling() {
            return (message.refused(&Problem::ConnectionType), None);
        }
        let browser = self.cookie();
        let Some(client) = self.world.cometd().enter(session.user_id, browser, self.call.time)
        else {
            return (message.denied("403::Organization concurrent user limit exceeded"), None);
        };
        let reply = json!({
            "ext": { "replay": true, "payload.format": true },
            "minimumVersion": "1.0",
            "clientId": client.id,
            "supportedConnectionTypes": ["long-polling"],
            "channel": message.channel,
            "version": "1.0",
            "successful": true,
        });
        (message.answering(reply), Some(client.browser))
    }

    fn cookie(&self) -> Option<String> {
        let cookies = self.call.headers.get_all("cookie").iter();
        let cookies = cookies.filter_map(|value| value.to_str().ok());
        let mut cookies = cookies.flat_map(|cookies| cookies.split(';'));
        cookies.find_map(|cookie| {
            let (name, value) = cookie.trim().split_once('=')?;
            (name == COOKIE).then(|| value.to_owned())
        })
    }

    /// Whether a message comes from a client that is known, with its cookie and a session.
    fn check(&self, message: &Message) -> Result<(), Problem> {
        if self.session.is_none() {
            return Err(Problem::Authentication);
        }
        let browser = self.cookie();
        let mut clients = self.world.cometd();
        clients.forget_absent(self.call.time, self.world.bus().away());
        match clients.get(&message.client_id) {
            Some(client) if Some(&client.browser) == browser.as_ref() => {
                client.last_seen = self.call.time;
                Ok(())
            }
            _ => Err(Problem::UnknownClient),
        }
    }

    /// Everything that a connect is answered with; `None` when its connection shall break.
    async fn connect(&self, message: &Message) -> Option<Vec<Value>> {
        if let Err(problem) = self.check(message) {
            return Some(vec![message.refused(&problem)]);
        }
        let advice = json!({
            "interval": 0,
            "timeout": u64::try_from(self.world.bus().connect().as_millis()).unwrap_or(u64::MAX),
            "reconnect": "retry",
        });
        let hold = Hold::of(self.world, &message.client_id);
        let mut answers = match hold.wait(self.is_alone).await {
            delivery::End::Events(events) => events,
            delivery::End::Superseded => Vec::new(),
            delivery::End::Cut => return None,
            delivery::End::Unknown => return Some(vec![message.refused(&Problem::UnknownClient)]),
            delivery::End::Limit => return Some(vec![message.refused(&Problem::DailyLimit)]),
        };
        let reply = json!({ "channel": message.channel, "advice": advice, "successful": true });
        answers.push(message.answering(reply));
        Some(answers)
    }

    fn other(&self, message: &Message) -> Value {
        if let Err(problem) = self.check(message) {
            return message.refused(&problem);
        }
        let outcome = match message.channel.as_str() {
            "/meta/subscribe" => self.subscribe(message),
            "/meta/unsubscribe" => {
                self.with_client(message, |client| {
                    for name in &message.subscriptions {
                        client.subscriptions.remove(name);
                    }
                });
                Ok(())
            }
            "/meta/disconnect" => {
                self.world.cometd().leave(&message.client_id);
                Ok(())
            }
            _ => Err(Problem::NoPublishing),
        };
        match outcome {
            Ok(()) => {
                let mut reply = json!({ "channel": message.channel, "successful": true });
                if let (Some(said), Some(reply)) = (message.subscription(), reply.as_object_mut()) {
                    reply.insert("subscription".to_owned(), said);
                }
                message.answering(reply)
            }
            Err(problem) => message.refused(&problem),
        }
    }

    fn subscribe(&self, message: &Message) -> Result<(), Problem> {
        let user = self.session.as_ref().map(|session| session.user_id);
        let user = user.ok_or(Problem::Authentication)?;
        if message.subscriptions.is_empty() {
            return Err(Problem::NoSubscription);
        }
        if self.world.bus().left() == 0 {
            return Err(Problem::DailyLimit);
        }
        for name in &message.subscriptions {
            let subscription =
                delivery::subscription(self.world, user, name, message.replay_of(name))?;
            self.with_client(message, |client| {
                client.subscriptions.insert(name.clone(), subscription);
                client.wake.notify_one();
            });
        }
        Ok(())
    }

    fn with_client(&self, message: &Message, change: impl FnOnce(&mut Client)) {
        if let Some(client) = self.world.cometd().get(&message.client_id) {
            change(client);
        }
    }
}
