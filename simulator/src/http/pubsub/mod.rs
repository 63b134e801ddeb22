//! The Pub/Sub API: the gRPC service `eventbus.v1.PubSub`, on the port of everything else.
//!
//! Clients speak HTTP/2 without an upgrade (or over TLS, where the org speaks that). Subscribing, topics
//! and schemas are there; nobody publishes to change events, and managed subscriptions are not
//! implemented.

mod avro;
mod caller;
mod failure;
mod proto;
mod subscription;

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{Response, StatusCode},
};
use bytes::Bytes;
use futures_util::Stream;
use tonic::{
    Response as Answer, Status, Streaming,
    metadata::MetadataMap,
    server::{Grpc, StreamingService, UnaryService},
};
use tonic_prost::ProstCodec;

use crate::http::{
    connection::Cutter,
    events::{Channel, NoChannel},
    faults::{Content, Seen, Strike, ordered},
    gate::is_cut,
    request_log::Entry,
    route::Route,
    world::World,
};
use caller::Caller;
use failure::Failure;
use proto::{FetchRequest, FetchResponse, SchemaInfo, SchemaRequest, TopicInfo, TopicRequest};

/// The path of every method, in the syntax of axum.
pub(crate) const PATH: &str = "/eventbus.v1.PubSub/{method}";

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Events = Pin<Box<dyn Stream<Item = Result<FetchResponse, Status>> + Send>>;

/// Takes a call in and an answer out, faults permitting.
pub(crate) async fn pass(
    State(world): State<Arc<World>>,
    ConnectInfo(cutter): ConnectInfo<Cutter>,
    request: Request,
) -> Response<Body> {
    cutter.let_stay();
    let path = request.uri().path().to_owned();
    let (headers, body) = (request.headers(), Bytes::new());
    let content = Content { world: &world, route: &Route::PubSub, query: "", headers, body: &body };
    let strike = world.faults().strike(&Seen::new(("POST", &path), world.now(), content));
    let fate = strike.fate.as_ref().and_then(|(_, kind)| ordered(kind, &Route::PubSub, None));
    let response = match fate {
        _ if is_cut(&strike) => {
            cutter.cut();
            Response::new(Body::empty())
        }
        // A gRPC client makes a status of its own out of that of HTTP.
        Some(reply) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = reply.status;
            response
        }
        None => answer(&world, &path, request, strike.before).await,
    };
    write_down(&world, path, &strike, response.status());
    response
}

async fn answer(
    world: &Arc<World>,
    path: &str,
    request: Request,
    latency: Duration,
) -> Response<Body> {
    if !latency.is_zero() {
        tokio::time::sleep_until(tokio::time::Instant::now() + latency).await;
    }
    let service = PubSub(Arc::clone(world));
    let response = match path.rsplit('/').next().unwrap_or_default() {
        "Subscribe" => grpc().streaming(service, request).await,
        "GetTopic" => grpc::<TopicInfo, TopicRequest>().unary(service, request).await,
        "GetSchema" => grpc::<SchemaInfo, SchemaRequest>().unary(service, request).await,
        "Publish" | "PublishStream" => Failure::PublishDenied.status(&rpc_id()).into_http(),
        _ => Failure::Unimplemented.status(&rpc_id()).into_http(),
    };
    response.map(Body::new)
}

fn grpc<Sent, Taken>() -> Grpc<ProstCodec<Sent, Taken>>
where
    Sent: prost::Message + Default + 'static,
    Taken: prost::Message + Default + 'static,
{
    Grpc::new(ProstCodec::default())
}

/// Calls are logged when they begin to be answered; a stream may go on for long.
fn write_down(world: &World, path: String, strike: &Strike, status: StatusCode) {
    world.log().add(Entry {
        number: 0,
        time: world.now().to_rfc3339(),
        method: "POST".to_owned(),
        path,
        query: None,
        options: BTreeMap::new(),
        api: Route::PubSub.kind(),
        status: (!is_cut(strike)).then(|| status.as_u16()),
        records: 0,
        username: None,
        millis: 0,
        fault: strike.name(),
    });
}

/// An id for a call, told with its answers so that people can talk about it.
fn rpc_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// The service.
struct PubSub(Arc<World>);

impl PubSub {
    fn caller(&self, metadata: &MetadataMap, rpc_id: &str) -> Result<Caller, Status> {
        Caller::of(&self.0, metadata).map_err(|failure| failure.status(rpc_id))
    }

    fn topic(&self, metadata: &MetadataMap, name: &str) -> Result<TopicInfo, Status> {
        let rpc_id = rpc_id();
        let caller = self.caller(metadata, &rpc_id)?;
        let mut org = self.0.org();
        let channel = Channel::of(&org, caller.user, name).map_err(|no| match no {
            NoChannel::Unknown => Failure::TopicNotFound.status(&rpc_id),
            NoChannel::Denied => Failure::TopicDenied.status(&rpc_id),
        })?;
        let schema_id = match channel {
            Channel::Object(object) => {
                let number = org.schema().number(&object);
                let schema = number.and_then(|number| org.event_schema(number));
                schema.map(|schema| schema.id.clone()).unwrap_or_default()
            }
            // Events of several objects have several schemas.
            Channel::All | Channel::Named(_) => String::new(),
        };
        Ok(TopicInfo {
            topic_name: name.to_owned(),
            tenant_guid: self.0.organization_id().to_owned(),
            can_publish: false,
            can_subscribe: true,
            schema_id,
            rpc_id,
        })
    }

    fn schema(&self, metadata: &MetadataMap, id: &str) -> Result<SchemaInfo, Status> {
        let rpc_id = rpc_id();
        self.caller(metadata, &rpc_id)?;
        let org = self.0.org();
        let schema = org.events().schema(id);
        let schema = schema.ok_or_else(|| Failure::SchemaNotFound.status(&rpc_id))?;
        Ok(SchemaInfo { schema_json: schema.json.clone(), schema_id: schema.id.clone(), rpc_id })
    }
}

impl UnaryService<TopicRequest> for PubSub {
    type Response = TopicInfo;
    type Future = std::future::Ready<Result<Answer<TopicInfo>, Status>>;

    fn call(&mut self, request: tonic::Request<TopicRequest>) -> Self::Future {
        let topic = self.topic(request.metadata(), &request.get_ref().topic_name);
        std::future::ready(topic.map(Answer::new))
    }
}

impl UnaryService<SchemaRequest> for PubSub {
    type Response = SchemaInfo;
    type Future = std::future::Ready<Result<Answer<SchemaInfo>, Status>>;

    fn call(&mut self, request: tonic::Request<SchemaRequest>) -> Self::Future {
        let schema = self.schema(request.metadata(), &request.get_ref().schema_id);
        std::future::ready(schema.map(Answer::new))
    }
}

impl StreamingService<FetchRequest> for PubSub {
    type Response = FetchResponse;
    type ResponseStream = Events;
    type Future = Boxed<Result<Answer<Events>, Status>>;

    fn call(&mut self, request: tonic::Request<Streaming<FetchRequest>>) -> Self::Future {
        let caller = self.caller(request.metadata(), &rpc_id());
        Box::pin(async move {
            let events: Events = Box::pin(subscription::events(caller?, request.into_inner()));
            Ok(Answer::new(events))
        })
    }
}
