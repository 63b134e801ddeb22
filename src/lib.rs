//! Lockstep: open, self-hosted, bidirectional sync between Postgres and Salesforce.

pub mod mapping;
pub mod model;
pub mod postgres;
