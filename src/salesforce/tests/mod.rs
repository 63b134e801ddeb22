//! The client over real HTTP.

mod forged;
mod org;
