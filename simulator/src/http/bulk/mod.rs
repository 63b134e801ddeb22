//! Bulk API 2.0: jobs that read or write many rows behind the caller's back.
//!
//! A job is a small state machine that requests and one background task move along:
//! `Open → UploadComplete → InProgress → JobComplete | Failed`, with `Aborted` reachable from every
//! state before the last. Results are streamed; a job keeps them compressed or as positions in its
//! upload, never as one text.

mod ingest;
mod job;
mod jobs;
mod one_shot;
mod outcome;
mod query;
mod results;
mod sheet;

pub(crate) use ingest::answer as ingest;
pub(crate) use jobs::Jobs;
pub(crate) use query::answer as query;
pub(crate) use sheet::Format as CsvFormat;
