//! The tasks that talk to both sides. They observe, let `reconcile` decide, and carry its answer out.

mod backfill;
mod error;
mod pull;
pub mod push;

pub use backfill::{Backfill, Step};
pub use error::Error;
pub use pull::{Pulled, Puller};
pub use push::{Pushed, Pusher};
