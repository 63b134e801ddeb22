//! Rows into tables at the speed of `COPY`.

mod encode;
mod rows;

pub(super) use encode::{System, pulled};
pub(super) use rows::Records;
pub use rows::Rows;
