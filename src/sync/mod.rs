//! The tasks that talk to both sides. They observe, let `reconcile` decide, and carry its answer out.

mod backfill;
mod deletes;
mod error;
mod pull;
pub mod push;
mod recovery;
mod sweep;

pub use backfill::{Api, Backfill, Forecast, Step};
pub use deletes::Deletes;
pub use error::Error;
pub use pull::{Opening, Pulled, Puller};
pub use push::{Pushed, Pusher};
pub use recovery::went_back;
pub use sweep::{Repaired, SweepOptions, SweepReport, SweepTurn, Sweeper, sweep_turn};

use crate::postgres::{self, Database};

/// Counts requests to Salesforce for a mapping, for people to see. Work does not fail for it.
async fn count_calls(db: &Database, object: &str, kind: &str, calls: u64) {
    if calls == 0 {
        return;
    }
    if let Err(error) = postgres::add_usage(db, object, kind, calls).await {
        tracing::warn!(mapping = %object, %error, "calls could not be counted");
    }
}
