//! End to end: the product against a real Postgres and the simulator, over real HTTP.
//!
//! One program, so that everything is linked once. A scenario per file, a sentence per test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on must fail where it stands"
)]
#![allow(unreachable_pub, reason = "one program: nothing in it is reachable from outside")]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test reads its seed and prints it, and a failure prints the worker's last words"
)]

mod backfill_ops;
mod budget;
mod capture;
mod cli;
mod convergence;
mod crash;
mod deletes;
mod directions;
mod drift;
mod errors;
mod healing;
mod housekeeping;
mod inside;
mod load;
mod operations;
mod order;
mod pull;
mod push;
mod recovery;
mod replicated;
mod request_options;
mod schedule;
mod steps;
mod sweep;
mod uncaptured;
mod values;
mod verify;
mod wait;
mod world;
