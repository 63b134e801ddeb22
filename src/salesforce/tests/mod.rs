//! The client over real HTTP.

mod forged;
