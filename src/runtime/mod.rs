//! A small runtime for long-running work: bounded retries, a limit of speed, rest for what fails, and an orderly end.
//!
//! It knows nothing of Postgres or Salesforce. Everything that waits here waits on a signal, a timer with a
//! bound, or the end of work in progress; nothing is polled.

mod breaker;
mod rate;
mod retry;
mod retry_budget;
mod shutdown;

pub use breaker::Breaker;
pub use rate::Rate;
pub use retry::{RetryPolicy, Verdict, retry, retry_if_paid};
pub use retry_budget::RetryBudget;
pub use shutdown::stop_on_signals;

/// What the engine does after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// The same again, after a pause of seconds.
    Soon,
    /// The same again, but not before the situation can have changed: minutes or hours.
    Later,
    /// Nothing, until a person changed something.
    Never,
}
