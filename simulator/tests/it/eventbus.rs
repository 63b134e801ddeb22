//! A client of the Pub/Sub API, with messages of its own.

use std::{collections::BTreeMap, time::Duration};

use apache_avro::{Schema, reader::datum::GenericDatumReader};
use futures_util::stream;
use serde_json::Value;
use tokio::sync::mpsc;
use tonic::{Request, Status, Streaming, client::Grpc, transport::Channel};
use tonic_prost::ProstCodec;

use crate::support::Sandbox;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct OneText {
    #[prost(string, tag = "1")]
    pub(crate) text: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TopicInfo {
    #[prost(string, tag = "1")]
    pub(crate) topic_name: String,
    #[prost(string, tag = "2")]
    pub(crate) tenant_guid: String,
    #[prost(bool, tag = "3")]
    pub(crate) can_publish: bool,
    #[prost(bool, tag = "4")]
    pub(crate) can_subscribe: bool,
    #[prost(string, tag = "5")]
    pub(crate) schema_id: String,
    #[prost(string, tag = "6")]
    pub(crate) rpc_id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SchemaInfo {
    #[prost(string, tag = "1")]
    pub(crate) schema_json: String,
    #[prost(string, tag = "2")]
    pub(crate) schema_id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Fetch {
    #[prost(string, tag = "1")]
    pub(crate) topic_name: String,
    #[prost(int32, tag = "2")]
    pub(crate) replay_preset: i32,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) replay_id: Vec<u8>,
    #[prost(int32, tag = "4")]
    pub(crate) num_requested: i32,
    #[prost(string, tag = "5")]
    pub(crate) auth_refresh: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Fetched {
    #[prost(message, repeated, tag = "1")]
    pub(crate) events: Vec<Consumed>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) latest_replay_id: Vec<u8>,
    #[prost(string, tag = "3")]
    pub(crate) rpc_id: String,
    #[prost(int32, tag = "4")]
    pub(crate) pending_num_requested: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Consumed {
    #[prost(message, optional, tag = "1")]
    pub(crate) event: Option<Produced>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) replay_id: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Produced {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(string, tag = "2")]
    pub(crate) schema_id: String,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) payload: Vec<u8>,
}

/// A connection to the event bus.
pub(crate) struct EventBus {
    channel: Channel,
    pub(crate) metadata: BTreeMap<&'static str, String>,
}

/// A subscription that is open.
pub(crate) struct Subscription {
    requests: mpsc::UnboundedSender<Fetch>,
    pub(crate) answers: Streaming<Fetched>,
}

impl EventBus {
    pub(crate) async fn of(sandbox: &Sandbox) -> Self {
        let endpoint = Channel::from_shared(sandbox.simulator.url()).unwrap();
        let token = sandbox.credentials.access_token.clone();
        let tenant = sandbox.query("SELECT Id FROM User LIMIT 1").await;
        assert_eq!(tenant["totalSize"], 1);
        Self {
            channel: endpoint.connect().await.unwrap(),
            metadata: BTreeMap::from([
                ("tenantid", token.split('!').next().unwrap().to_owned()),
                ("instanceurl", sandbox.simulator.url()),
                ("accesstoken", token),
            ]),
        }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        for (key, value) in &self.metadata {
            request.metadata_mut().insert(*key, value.parse().unwrap());
        }
        request
    }

    async fn unary<A>(&self, method: &'static str, text: &str) -> Result<A, Status>
    where
        A: prost::Message + Default + 'static,
    {
        let mut grpc = Grpc::new(self.channel.clone());
        grpc.ready().await.unwrap();
        let path = axum::http::uri::PathAndQuery::from_static(method);
        let request = self.request(OneText { text: text.to_owned() });
        let codec = ProstCodec::<OneText, A>::default();
        Ok(grpc.unary(request, path, codec).await?.into_inner())
    }

    pub(crate) async fn topic(&self, name: &str) -> Result<TopicInfo, Status> {
        self.unary("/eventbus.v1.PubSub/GetTopic", name).await
    }

    pub(crate) async fn schema(&self, id: &str) -> Result<SchemaInfo, Status> {
        self.unary("/eventbus.v1.PubSub/GetSchema", id).await
    }

    pub(crate) async fn unknown(&self) -> Result<OneText, Status> {
        self.unary("/eventbus.v1.PubSub/ManagedSubscribe", "").await
    }

    /// Subscribes with this first request.
    pub(crate) async fn subscribe(&self, first: Fetch) -> Result<Subscription, Status> {
        let (requests, mut queue) = mpsc::unbounded_channel();
        requests.send(first).unwrap();
        let stream = stream::poll_fn(move |context| queue.poll_recv(context));
        let mut grpc = Grpc::new(self.channel.clone());
        grpc.ready().await.unwrap();
        let path = axum::http::uri::PathAndQuery::from_static("/eventbus.v1.PubSub/Subscribe");
        let codec = ProstCodec::<Fetch, Fetched>::default();
        let answers = grpc.streaming(self.request(stream), path, codec).await?.into_inner();
        Ok(Subscription { requests, answers })
    }

    /// The error that a subscription with this first request ends with.
    pub(crate) async fn refusal(&self, first: Fetch) -> Status {
        match self.subscribe(first).await {
            Ok(mut subscription) => subscription.end().await,
            Err(status) => status,
        }
    }

    /// An event, read with the schema it names.
    pub(crate) async fn read(&self, event: &Consumed) -> Value {
        let event = event.event.as_ref().unwrap();
        let schema = self.schema(&event.schema_id).await.unwrap();
        let schema = Schema::parse_str(&schema.schema_json).unwrap();
        let reader = GenericDatumReader::builder(&schema).build().unwrap();
        let mut payload = event.payload.as_slice();
        let value = reader.read_value(&mut payload).unwrap();
        assert!(payload.is_empty(), "nothing follows the datum");
        Value::try_from(value).unwrap()
    }
}

impl Subscription {
    pub(crate) fn ask(&self, request: Fetch) {
        self.requests.send(request).unwrap();
    }

    pub(crate) async fn next(&mut self) -> Fetched {
        let answer = tokio::time::timeout(PATIENCE, self.answers.message()).await;
        answer.expect("an answer in time").unwrap().expect("an answer")
    }

    /// The next events; empty answers are passed over.
    pub(crate) async fn events(&mut self, count: usize) -> Vec<Consumed> {
        let mut events = Vec::new();
        while events.len() < count {
            events.extend(self.next().await.events);
        }
        assert_eq!(events.len(), count);
        events
    }

    /// The error that the subscription ends with.
    pub(crate) async fn end(&mut self) -> Status {
        loop {
            let answer = tokio::time::timeout(PATIENCE, self.answers.message()).await;
            match answer.expect("an end in time") {
                Ok(answer) => assert!(answer.is_some(), "the stream ended without an error"),
                Err(status) => return status,
            }
        }
    }
}

/// The error code in the trailers, without what all have in common.
pub(crate) fn error_code(status: &Status) -> &str {
    let code = status.metadata().get("error-code").map_or("", |code| code.to_str().unwrap());
    assert!(status.metadata().contains_key("rpc-id"), "{status:?}");
    code.strip_prefix("sfdc.platform.eventbus.grpc.").unwrap_or(code)
}
