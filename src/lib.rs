#![doc = include_str!("../ARCHITECTURE.md")]

pub mod mapping;
pub mod model;
