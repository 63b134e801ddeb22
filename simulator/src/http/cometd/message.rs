//! Bayeux messages: what is read of them, and the replies that say no.

use serde_json::{Value, json};

/// A message of a client.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) channel: String,
    pub(super) client_id: String,
    /// The channels to subscribe to or to leave.
    pub(super) subscriptions: Vec<String>,
    id: Option<Value>,
    whole: Value,
}

/// Why a message is refused.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Problem {
    NoAuthentication,
    Authentication,
    UnknownClient,
    ConnectionType,
    NoSubscription,
    UnknownChannel(String),
    Denied,
    Replay(String),
    DailyLimit,
    NoPublishing,
}

impl Problem {
    fn error(&self) -> String {
        match self {
            Self::NoAuthentication => "401::Request requires authentication".to_owned(),
            Self::Authentication => "401::Authentication invalid".to_owned(),
            Self::UnknownClient => "403::Unknown client".to_owned(),
            Self::ConnectionType => "400::Unsupported connection types".to_owned(),
            Self::NoSubscription => "403::Subscription missing".to_owned(),
            Self::UnknownChannel(name) => format!("404::Unknown channel {name}"),
            Self::Denied => "403:denied_by_security_policy:create_denied".to_owned(),
            Self::Replay(id) => format!(
                "400::The replayId {{{id}}} you provided was invalid.  Please provide a valid ID, \
                 -2 to replay all events, or -1 to replay only new events."
            ),
            Self::DailyLimit => "403::Organization total events daily limit exceeded".to_owned(),
            Self::NoPublishing => "403::Publishing is not allowed on this channel".to_owned(),
        }
    }

    /// How the client should go on, where it should not go on as before.
    fn reconnect(&self) -> Option<&'static str> {
        match self {
            Self::NoAuthentication | Self::Authentication | Self::ConnectionType => Some("none"),
            Self::UnknownClient => Some("handshake"),
            _ => None,
        }
    }
}

impl Message {
    /// The messages of a body: an array of them, or one alone. `None` for anything else.
    pub(super) fn read(body: &[u8]) -> Option<Vec<Self>> {
        let messages = match serde_json::from_slice(body).ok()? {
            Value::Array(messages) => messages,
            message @ Value::Object(_) => vec![message],
            _ => return None,
        };
        messages.into_iter().map(Self::of).collect()
    }

    fn of(whole: Value) -> Option<Self> {
        let text = |key: &str| whole.get(key).and_then(Value::as_str).map(str::to_owned);
        let subscriptions = match whole.get("subscription") {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(several)) => {
                several.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        Some(Self {
            channel: text("channel")?,
            client_id: text("clientId").unwrap_or_default(),
            subscriptions,
            id: whole.get("id").cloned(),
            whole,
        })
    }

    /// What the message says about where to start a subscription.
    pub(super) fn replay_of(&self, channel: &str) -> Option<&Value> {
        self.whole.get("ext")?.get("replay")?.get(channel)
    }

    /// The channels to subscribe to, as the message wrote them.
    pub(super) fn subscription(&self) -> Option<Value> {
        self.whole.get("subscription").cloned()
    }

    /// Whether the client of a handshake can do long polling.
    pub(super) fn speaks_long_polling(&self) -> bool {
        let kinds = self.whole.get("supportedConnectionTypes").and_then(Value::as_array);
        kinds.is_none_or(|kinds| kinds.iter().any(|kind| kind == "long-polling"))
    }

    /// A reply with the message's id and client.
    pub(super) fn answering(&self, mut reply: Value) -> Value {
        if let Some(members) = reply.as_object_mut() {
            if let Some(id) = &self.id {
                members.insert("id".to_owned(), id.clone());
            }
            if !self.client_id.is_empty() {
                members.entry("clientId").or_insert_with(|| json!(self.client_id));
            }
        }
        reply
    }

    /// The reply that refuses the message.
    pub(super) fn refused(&self, problem: &Problem) -> Value {
        let mut reply = json!({
            "channel": self.channel,
            "error": problem.error(),
            "successful": false,
        });
        if let Some(members) = reply.as_object_mut() {
            if let Some(reconnect) = problem.reconnect() {
                let advice = json!({ "reconnect": reconnect, "interval": 0 });
                members.insert("advice".to_owned(), advice);
            }
            if let Some(subscription) = self.subscription() {
                members.insert("subscription".to_owned(), subscription);
            }
        }
        self.answering(reply)
    }

    /// The reply to a handshake that fails for this reason.
    pub(super) fn denied(&self, reason: &str) -> Value {
        self.answering(json!({
            "ext": {
                "sfdc": { "failureReason": reason },
                "replay": true,
                "payload.format": true,
            },
            "advice": { "reconnect": "none" },
            "channel": self.channel,
            "error": "403::Handshake denied",
            "successful": false,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_an_array_of_messages_or_one() {
        let one = Message::read(br#"{"channel":"/meta/connect","clientId":"c","id":7}"#).unwrap();
        assert_eq!((one.len(), one[0].client_id.as_str()), (1, "c"));
        assert_eq!(one[0].refused(&Problem::UnknownClient)["id"], 7);

        let several = br#"[{"channel":"/meta/subscribe","subscription":["/a","/b"],"ext":{"replay":{"/a":-2}}}]"#;
        let several = Message::read(several).unwrap();
        assert_eq!(several[0].subscriptions, ["/a", "/b"]);
        assert_eq!(several[0].replay_of("/a"), Some(&json!(-2)));
        assert_eq!(several[0].replay_of("/b"), None);

        for nonsense in [&b"7"[..], b"[7]", b"{}", b"not json", b""] {
            assert!(Message::read(nonsense).is_none());
        }
    }
}
