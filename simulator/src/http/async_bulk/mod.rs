//! Bulk API 1.0: jobs whose batches the client cuts itself.
//!
//! A batch is a small job of its own: it waits, works and ends, and its results stand in the order of
//! its rows. Bodies are CSV, JSON or XML, as the job says; what is told of jobs and batches is XML, or
//! JSON for a client that speaks JSON. Rows are written by the same engine as in Bulk 2.0.
//!
//! | file | what |
//! |---|---|
//! | `job`, `batch` | what is kept, and how it is told |
//! | `requests` | what can be asked, by path and verb |
//! | `body` | a batch's body, read into columns and rows |
//! | `work`, `query` | what a batch does |
//! | `results` | how its rows ended |
//! | `answer`, `fault` | forms of answers, refusals, and errors that a fault orders |
//! | `glance` | what a fault sees of a request |

mod answer;
mod batch;
mod body;
mod fault;
mod glance;
mod job;
mod query;
mod requests;
mod results;
mod work;

pub(crate) use fault::error;
pub(crate) use glance::{object_of, rows_of};
pub(crate) use job::Jobs;
pub(crate) use requests::answer;
