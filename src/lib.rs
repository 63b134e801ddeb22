//! Lockstep: open, self-hosted, bidirectional sync between Postgres and Salesforce.

pub mod model;
