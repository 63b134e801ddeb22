//! Lockstep: open, self-hosted, bidirectional sync between Postgres and Salesforce.

pub mod cli;
pub mod config;
pub mod mapping;
pub mod model;
