//! End to end: the product against a real Postgres and the simulator, over real HTTP.
//!
//! One program, so that everything is linked once. A scenario per file, a sentence per test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on must fail where it stands"
)]

mod cli;
mod convergence;
mod crash;
mod push;
mod wait;
mod world;
