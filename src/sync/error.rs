//! Why a task of the engine ended early.

use crate::runtime::Retry;
use crate::{postgres, salesforce};
use std::convert::Infallible;

/// An error of one of the two sides, or a reason of the engine's own to stop.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Postgres failed.
    #[error(transparent)]
    Postgres(postgres::Error),
    /// Salesforce failed.
    #[error(transparent)]
    Salesforce(#[from] salesforce::Error),
    /// Another worker has taken the lease over; nothing was written.
    #[error("the lease {lease} has been taken over by another worker")]
    Fenced {
        /// The lease's name.
        lease: String,
    },
    /// The mass-delete guard held a page back; nothing of it was applied.
    #[error("{count} rows of {object} would be deleted at once, {allowed} are allowed")]
    TooManyDeletes {
        /// The object.
        object: String,
        /// Rows that would be deleted.
        count: u64,
        /// The limit.
        allowed: u64,
    },
    /// A Bulk query job ended without a result.
    #[error("the Bulk query job of {object} ended as {state:?}")]
    QueryJobEnded {
        /// The object.
        object: String,
        /// How it ended.
        state: salesforce::JobState,
    },
    /// Not all of an object arrived. Nothing was inferred from what did.
    #[error("{received} of {expected} records of {object} arrived")]
    IncompleteScan {
        /// The object.
        object: String,
        /// Records that arrived.
        received: u64,
        /// Records that Salesforce announced.
        expected: u64,
    },
    /// Salesforce refuses a mapping's fields or operations as such, so every record of it would fail.
    #[error("salesforce refuses the mapping of {object}: {code}")]
    MappingRefused {
        /// The object.
        object: String,
        /// Salesforce's code.
        code: String,
        /// What the operator does.
        remedy: &'static str,
    },
    /// Salesforce refuses this client or this user as such.
    #[error("salesforce refuses the connection: {code}")]
    ConnectionRefused {
        /// Salesforce's code.
        code: String,
        /// What the operator does.
        remedy: &'static str,
    },
}

impl Error {
    /// What the engine does.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Postgres(error) => error.retry(),
            Self::Salesforce(error) => error.retry(),
            Self::Fenced { .. } => Retry::Soon,
            Self::IncompleteScan { .. } => Retry::Later,
            Self::TooManyDeletes { .. }
            | Self::QueryJobEnded { .. }
            | Self::MappingRefused { .. }
            | Self::ConnectionRefused { .. } => Retry::Never,
        }
    }

    /// Whether it concerns everything that is done next, and not one mapping alone: the connection, the database, the
    /// lease.
    #[must_use]
    pub fn concerns_all(&self) -> bool {
        match self {
            Self::Postgres(error) => error.concerns_all(),
            Self::Salesforce(error) => error.concerns_all(),
            Self::Fenced { .. } | Self::ConnectionRefused { .. } => true,
            Self::TooManyDeletes { .. }
            | Self::QueryJobEnded { .. }
            | Self::IncompleteScan { .. }
            | Self::MappingRefused { .. } => false,
        }
    }

    /// What the operator does; `None` if the engine copes alone.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Postgres(error) => error.remedy(),
            Self::Salesforce(error) => error.remedy(),
            Self::Fenced { .. } | Self::IncompleteScan { .. } => None,
            Self::TooManyDeletes { object, count, .. } => Some(format!(
                "nothing of it was done. See what differs: lockstep verify {object}. If the records are really gone: \
                 lockstep verify {object} --repair --allow-deletes {count}, or set \
                 deletes = {{ hold_above = {count} }} in the mapping file and start the worker again; if not, \
                 restore them in Salesforce, or give the integration user its rights back"
            )),
            Self::QueryJobEnded { .. } => Some(
                "look why at Bulk Data Load Jobs in Salesforce's set-up; reading starts anew with a job of its own"
                    .to_owned(),
            ),
            Self::MappingRefused { remedy, .. } | Self::ConnectionRefused { remedy, .. } => {
                Some((*remedy).to_owned())
            }
        }
    }
}

impl From<postgres::Error> for Error {
    fn from(error: postgres::Error) -> Self {
        match error {
            postgres::Error::Fenced(lease) => Self::Fenced { lease },
            other => Self::Postgres(other),
        }
    }
}

impl<E: Into<Error>> From<postgres::ApplyError<E>> for Error {
    fn from(error: postgres::ApplyError<E>) -> Self {
        match error {
            postgres::ApplyError::Source(error) => error.into(),
            postgres::ApplyError::Database(error) => error.into(),
            postgres::ApplyError::TooManyDeletes { object, count, allowed } => {
                Self::TooManyDeletes { object, count, allowed }
            }
        }
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
