//! The errors of the Pub/Sub API: a gRPC status, and the error code and RPC id in its trailers.

use tonic::{
    Code, Status,
    metadata::{MetadataMap, MetadataValue},
};

/// Why a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    HeadersInvalid,
    Authentication,
    Unavailable,
    TopicMissing,
    TopicChanged,
    TopicNotFound,
    TopicDenied,
    SchemaNotFound,
    NothingRequested,
    ReplayIdMissing,
    ReplayIdCorrupted,
    DeliveryLimit,
    RefreshInvalid,
    Unimplemented,
    PublishDenied,
}

impl Failure {
    fn parts(self) -> (Code, &'static str, &'static str) {
        match self {
            Self::HeadersInvalid => (
                Code::Unauthenticated,
                "service.auth.headers.invalid",
                "The metadata headers accesstoken, instanceurl and tenantid are required",
            ),
            Self::Authentication => (
                Code::Unauthenticated,
                "service.auth.error",
                "An authentication exception occurred. Provide valid authentication via metadata \
                 headers.",
            ),
            Self::Unavailable => {
                (Code::Unavailable, "service.unavailable", "The Pub/Sub API service is unavailable")
            }
            Self::TopicMissing => (
                Code::InvalidArgument,
                "subscription.fetch.topic.invalid",
                "The first fetch request must name a topic",
            ),
            Self::TopicChanged => (
                Code::InvalidArgument,
                "subscription.fetch.topic.invalid",
                "The topic of a stream cannot be changed",
            ),
            Self::TopicNotFound => (Code::NotFound, "topic.not.found", "The topic does not exist"),
            Self::TopicDenied => {
                (Code::PermissionDenied, "topic.permission.denied", "The topic is not accessible")
            }
            Self::SchemaNotFound => {
                (Code::NotFound, "schema.not.found", "The schema does not exist")
            }
            Self::NothingRequested => (
                Code::InvalidArgument,
                "subscription.fetch.requested.events.invalid",
                "The number of requested events must be greater than zero",
            ),
            Self::ReplayIdMissing => (
                Code::InvalidArgument,
                "subscription.fetch.replayid.validation.failed",
                "A custom replay preset needs a replay id",
            ),
            Self::ReplayIdCorrupted => (
                Code::InvalidArgument,
                "subscription.fetch.replayid.corrupted",
                "The replay id is invalid. Ensure that it is one that was received, and within the \
                 retention window",
            ),
            Self::DeliveryLimit => (
                Code::ResourceExhausted,
                "subscription.limit.exceeded",
                "You have exceeded the event delivery limit for your org.",
            ),
            Self::RefreshInvalid => (
                Code::Unauthenticated,
                "service.auth.refresh.invalid",
                "The token to refresh the stream with is not valid",
            ),
            Self::Unimplemented => {
                (Code::Unimplemented, "service.unimplemented", "The method is not available")
            }
            Self::PublishDenied => (
                Code::PermissionDenied,
                "publish.topic.permission.denied",
                "Nobody but the org publishes to this topic",
            ),
        }
    }

    /// The status that a call with this RPC id ends with.
    pub(super) fn status(self, rpc_id: &str) -> Status {
        let (code, error, message) = self.parts();
        let mut trailers = MetadataMap::new();
        let error = format!("sfdc.platform.eventbus.grpc.{error}");
        for (key, value) in [("error-code", error.as_str()), ("rpc-id", rpc_id)] {
            if let Ok(value) = MetadataValue::try_from(value) {
                trailers.insert(key, value);
            }
        }
        Status::with_metadata(code, format!("{message}. rpcId: {rpc_id}"), trailers)
    }
}
