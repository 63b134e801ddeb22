//! A CometD client that keeps its cookie.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Answer, Sandbox};

/// How long events may take to come.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Bayeux {
    http: reqwest::Client,
    url: String,
    pub(crate) token: String,
    pub(crate) cookie: String,
    pub(crate) client_id: String,
    /// Events that came and were not asked for yet.
    waiting: Vec<Value>,
}

impl Bayeux {
    pub(crate) fn new(sandbox: &Sandbox) -> Self {
        Self {
            http: sandbox.http.clone(),
            url: format!("{}/cometd/66.0", sandbox.simulator.url()),
            token: sandbox.credentials.access_token.clone(),
            cookie: String::new(),
            client_id: String::new(),
            waiting: Vec::new(),
        }
    }

    /// Sends messages as they are.
    pub(crate) async fn post(&self, messages: &Value) -> Answer {
        let mut request = self.http.post(&self.url).json(messages);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if !self.cookie.is_empty() {
            request = request.header("Cookie", &self.cookie);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    /// Sends one message and answers the reply to it; events on the way are kept.
    pub(crate) async fn send(&mut self, mut message: Value) -> Value {
        message["id"] = json!("1");
        if !self.client_id.is_empty() {
            message["clientId"] = json!(self.client_id);
        }
        let answer = self.post(&json!([message])).await;
        let mut reply = Value::Null;
        for one in answer.json().as_array().unwrap_or_else(|| panic!("{}", answer.text)) {
            if one["channel"] == message["channel"] {
                reply = one.clone();
            } else {
                self.waiting.push(one.clone());
            }
        }
        reply
    }

    pub(crate) async fn handshake(&mut self) -> Value {
        self.client_id.clear();
        let message = json!([{
            "channel": "/meta/handshake",
            "version": "1.0",
            "minimumVersion": "1.0",
            "supportedConnectionTypes": ["long-polling"],
            "ext": { "replay": true },
            "id": "1",
        }]);
        let answer = self.post(&message).await;
        let cookie = answer.header("set-cookie");
        cookie.split(';').next().unwrap_or_default().clone_into(&mut self.cookie);
        let reply = answer.json()[0].clone();
        reply["clientId"].as_str().unwrap_or_default().clone_into(&mut self.client_id);
        reply
    }

    pub(crate) async fn subscribe(&mut self, channel: &str, replay: i64) -> Value {
        self.send(json!({
            "channel": "/meta/subscribe",
            "subscription": channel,
            "ext": { "replay": { channel: replay } },
        }))
        .await
    }

    pub(crate) async fn connect(&mut self) -> Value {
        self.send(json!({ "channel": "/meta/connect", "connectionType": "long-polling" })).await
    }

    /// The next events, which must be exactly so many.
    pub(crate) async fn events(&mut self, count: usize) -> Vec<Value> {
        let begun = Instant::now();
        while self.waiting.len() < count {
            let reply = self.connect().await;
            assert_eq!(reply["successful"], json!(true), "{reply}");
            assert!(begun.elapsed() < PATIENCE, "only these events came: {:?}", self.waiting);
        }
        assert_eq!(self.waiting.len(), count, "{:?}", self.waiting);
        std::mem::take(&mut self.waiting)
    }
}
