//! The tasks that talk to both sides. They observe, let `reconcile` decide, and carry its answer out.

mod error;
pub mod push;

pub use error::Error;
