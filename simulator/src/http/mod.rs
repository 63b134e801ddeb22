//! The org over HTTP/1.1: REST, Bulk 2.0 and OAuth as Salesforce speaks them, faults on demand, and
//! the control routes below `/__org`.
//!
//! A request passes the [`gate`] (sizes, faults, log), is [`dispatch`]ed by its path (version,
//! session, daily limit, verb), and ends in one function per resource, which reads a [`call::Call`]
//! and answers a [`reply::Reply`] or a [`refusal::Refusal`]. Resources are ordinary functions; they
//! run on threads that may block, because an org is a value behind a lock.

mod app_usage;
mod async_bulk;
mod blobs;
pub(crate) mod bulk;
pub(crate) mod call;
mod collections;
pub(crate) mod cometd;
mod composite;
mod conditions;
pub(crate) mod connection;
mod control;
mod cursors;
mod describe;
mod dispatch;
pub(crate) mod events;
mod faults;
mod front;
pub(crate) mod gate;
mod late;
mod layouts;
mod limits;
mod multipart;
pub(crate) mod oauth;
mod org_lock;
mod passwords;
pub(crate) mod pubsub;
mod query;
mod record;
mod refusal;
mod relationships;
mod replication;
mod reply;
mod request_log;
mod rest_xml;
mod route;
mod rows;
mod search;
mod sessions;
mod soap;
mod steered_clock;
pub(crate) mod tls;
mod tooling;
mod upsert;
mod usage;
mod versions;
pub(crate) mod world;
mod xml;

pub(crate) use control::VERSION as CONTROL_VERSION;
pub use tls::TlsError;
pub use versions::VersionState;
