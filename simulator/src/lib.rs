//! A Salesforce org in a box: rows, describe, SOQL and DML with Salesforce's rules and words, for
//! tests and for trying a sync without an org.
//!
//! Start at [`Org`]: it is the whole org as one value, without any network. What people and
//! programs send over HTTP ends in its methods.

pub mod control;
pub mod csv_load;
pub mod error;
mod exact;
pub mod generate;
mod http;
pub mod id;
mod moment;
pub mod org;
pub mod schema;
mod simulator;
pub mod soql;
pub mod sosl;
pub mod value;
mod words;

pub use control::{Control, ControlError, Fault, FaultKind};
pub use error::ApiError;
pub use http::TlsError;
pub use http::VersionState;
pub use id::Id;
pub use org::Org;
pub use simulator::{Config, Credentials, Simulator, StartError, Tls};
