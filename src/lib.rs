#![doc = include_str!("../ARCHITECTURE.md")]

pub mod cli;
pub mod config;
pub mod demo;
pub mod mapping;
pub mod model;
pub mod postgres;
pub mod reconcile;
pub mod runtime;
pub mod salesforce;
pub mod sync;
pub mod telemetry;
pub mod worker;
