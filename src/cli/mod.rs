//! What a person types: one file per command.

pub mod check;
pub mod config;
pub mod schema;
