//! End to end: the product against a real Postgres and the simulator, over real HTTP.
//!
//! One program, so that everything is linked once. A scenario per file, a sentence per test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that cannot go on must fail where it stands"
)]

mod cli;
mod convergence;
mod crash;
mod operations;
mod push;
mod wait;
mod world;
