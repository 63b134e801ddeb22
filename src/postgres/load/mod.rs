//! Rows into tables at the speed of `COPY`.

mod direct;
mod encode;
mod rows;
mod state;
#[cfg(test)]
mod tests;

pub use direct::load_direct;
pub(super) use encode::{System, pulled};
pub use rows::{Records, Rows, Whole};
pub use state::{LoadState, close_load, load_state, may_be_direct, note_failed_job, open_load};
