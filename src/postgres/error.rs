//! Everything that can go wrong between us and Postgres, told apart by what helps.

use crate::runtime::Retry;
use std::path::PathBuf;
use tokio_postgres::error::{DbError, SqlState};

/// A failed conversation with Postgres.
///
/// No message holds a cell's value: where Postgres would quote one, only the condition is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The connection string cannot be read.
    #[error("the database URL is not valid: {0}")]
    InvalidUrl(String),
    /// The file with root certificates cannot be used.
    #[error("the root certificates in {path} cannot be read: {reason}")]
    RootCertificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No server answers there.
    #[error("the database server {host} cannot be reached: {reason}")]
    Unreachable {
        /// The server, without credentials.
        host: String,
        /// What the attempt ended with.
        reason: String,
    },
    /// The server's certificate or encryption is not what was asked for.
    #[error("no secure connection to the database server {host}: {reason}")]
    Tls {
        /// The server, without credentials.
        host: String,
        /// What the attempt ended with.
        reason: String,
    },
    /// Wrong user or password.
    #[error("the database refused the login: {0}")]
    Authentication(String),
    /// The server has no such database.
    #[error("the database does not exist: {0}")]
    DatabaseMissing(String),
    /// The role may not do this.
    #[error("the database role lacks a right: {0}")]
    Permission(String),
    /// The server takes no more connections.
    #[error("the database server takes no more connections")]
    TooManyConnections,
    /// The server is older than what is supported.
    #[error("the database server is version {0}, older than 13")]
    TooOld(u32),
    /// The mapping schema holds another org's records.
    #[error("the schema {schema} belongs to the org {bound}")]
    OtherOrg {
        /// The mapping schema.
        schema: String,
        /// The org it is bound to.
        bound: String,
    },
    /// The hstore extension cannot be installed here.
    #[error("the hstore extension is not available: {0}")]
    HstoreMissing(String),
    /// The database accepts no writes at the moment, as during a failover.
    #[error("the database is read-only")]
    ReadOnly,
    /// The database is not the one this process knew: it was restored, copied or failed over. Nothing is done with what
    /// was remembered of it.
    #[error("{0}")]
    WentBack(String),
    /// The connection ended.
    #[error("the connection to the database was lost: {0}")]
    Lost(String),
    /// A lock was not granted in time, or two transactions blocked each other.
    #[error("a lock in the database was not granted: {0}")]
    Locked(String),
    /// Another worker holds the lease now; nothing was written.
    #[error("the lease {0} is held by another worker")]
    Fenced(String),
    /// The load that a page belongs to was given up or begun anew meanwhile; nothing was written.
    #[error("the load of {0} was given up or begun anew meanwhile")]
    Superseded(String),
    /// Changes of the table are not captured for the moment, so that what was written unseen could be written over;
    /// nothing was written.
    #[error("changes of {0} are not captured for the moment, so nothing is written over")]
    Uncaptured(String),
    /// Another transaction created the same thing first.
    #[error("a concurrent write came first: {0}")]
    Collision(String),
    /// Rows share a value where each row must have its own.
    #[error("rows of {table} share a value, but {index} wants one row for each")]
    NotUnique {
        /// The table.
        table: String,
        /// The unique index that cannot be made.
        index: String,
    },
    /// A value does not fit its column.
    #[error("a value does not fit the table: {0}")]
    Misfit(String),
    /// The control schema could not be brought up to date.
    #[error("the control schema could not be migrated: {0}")]
    Migration(String),
    /// Something else has the name of a mapped table.
    #[error("{0} is not a table")]
    NotATable(String),
    /// A mapped table is not there, and another one, which was it, still captures changes under its name.
    #[error("the mapped table {table} was renamed to {now}")]
    Renamed {
        /// The table that the mapping names, with its schema.
        table: String,
        /// What it is called now.
        now: String,
    },
    /// A schema, table, column or function that the mappings need is not there, or no longer.
    #[error("something that the mappings need is missing in the database: {0}")]
    Missing(String),
    /// Any other refusal.
    #[error("the database refused a statement ({code}): {message}")]
    Refused {
        /// The SQLSTATE.
        code: String,
        /// Postgres' words, where they hold no values.
        message: String,
    },
    /// An answer that does not have the expected shape.
    #[error("the database gave an unexpected answer: {0}")]
    Unexpected(String),
}

impl Error {
    /// Whether trying again by itself can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Unreachable { .. }
            | Self::TooManyConnections
            | Self::ReadOnly
            | Self::WentBack(_)
            | Self::Lost(_)
            | Self::Locked(_)
            | Self::Fenced(_)
            | Self::Superseded(_)
            | Self::Uncaptured(_)
            | Self::Collision(_) => Retry::Soon,
            Self::InvalidUrl(_)
            | Self::RootCertificate { .. }
            | Self::Tls { .. }
            | Self::Authentication(_)
            | Self::DatabaseMissing(_)
            | Self::Permission(_)
            | Self::TooOld(_)
            | Self::OtherOrg { .. }
            | Self::HstoreMissing(_)
            | Self::NotUnique { .. }
            | Self::Misfit(_)
            | Self::NotATable(_)
            | Self::Renamed { .. }
            | Self::Missing(_)
            | Self::Migration(_)
            | Self::Refused { .. }
            | Self::Unexpected(_) => Retry::Never,
        }
    }

    /// Whether it concerns the database as a whole, and not the tables that were worked on.
    #[must_use]
    pub fn concerns_all(&self) -> bool {
        match self {
            Self::InvalidUrl(_)
            | Self::RootCertificate { .. }
            | Self::Unreachable { .. }
            | Self::Tls { .. }
            | Self::Authentication(_)
            | Self::DatabaseMissing(_)
            | Self::TooManyConnections
            | Self::TooOld(_)
            | Self::OtherOrg { .. }
            | Self::HstoreMissing(_)
            | Self::ReadOnly
            | Self::WentBack(_)
            | Self::Lost(_)
            | Self::Fenced(_)
            | Self::Migration(_) => true,
            Self::Permission(_)
            | Self::Locked(_)
            | Self::Superseded(_)
            | Self::Uncaptured(_)
            | Self::Collision(_)
            | Self::NotUnique { .. }
            | Self::Misfit(_)
            | Self::NotATable(_)
            | Self::Renamed { .. }
            | Self::Missing(_)
            | Self::Refused { .. }
            | Self::Unexpected(_) => false,
        }
    }

    /// What the operator does next; present whenever [`Self::retry`] is never, and where waiting may not help.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::InvalidUrl(_) => "write it as postgres://user:password@host:5432/database",
            Self::RootCertificate { .. } => "name a readable file of PEM certificates",
            Self::Unreachable { .. } => "check the host and port, and that the server is running",
            Self::Tls { .. } => {
                "check sslmode and the root certificate, or use sslmode=require to encrypt without verifying"
            }
            Self::Authentication(_) => "check the user and the password in the database URL",
            Self::DatabaseMissing(_) => "create the database, or correct its name in the URL",
            Self::Permission(_) => {
                "grant it, or connect as the role that owns the mapping schema; provisioning creates in the database \
                 and in the schema public"
            }
            Self::TooManyConnections => "lower the pool size, or raise the server's limit",
            Self::TooOld(_) => "use Postgres 13 or newer",
            Self::OtherOrg { .. } => {
                "check which org the Salesforce settings lead to, or give this org a schema of its own: postgres.schema"
            }
            Self::HstoreMissing(_) => {
                "install the contrib modules on the server, then run: create extension hstore"
            }
            Self::NotUnique { .. } => {
                "find them by grouping the table by that column; leave each value to the row that is to stand for the \
                 record, and clear it in the others"
            }
            Self::Misfit(_) => "compare the table's columns with the mapping: lockstep check",
            Self::NotATable(_) => "map the object to another table, or rename what is there",
            Self::Renamed { .. } => {
                "rename it back; or drop its triggers whose names begin with hc_, so that another table can take its place"
            }
            Self::Missing(_) => "make what is missing: lockstep provision",
            Self::Migration(_) | Self::Refused { .. } | Self::Unexpected(_) => {
                "read the server's log for the statement, and report it if it is ours"
            }
            Self::ReadOnly
            | Self::WentBack(_)
            | Self::Lost(_)
            | Self::Locked(_)
            | Self::Fenced(_)
            | Self::Superseded(_)
            | Self::Uncaptured(_)
            | Self::Collision(_) => return None,
        };
        Some(text.to_owned())
    }

    /// The failure of an attempt to connect to `host`.
    pub(super) fn from_connect(host: &str, error: &tokio_postgres::Error) -> Self {
        if let Some(refusal) = error.as_db_error() {
            return Self::from_refusal(refusal);
        }
        let host = host.to_owned();
        let reason = deepest(error);
        let text = error.to_string();
        // The driver tells its kinds apart by text only.
        if text.contains("TLS") {
            Self::Tls { host, reason }
        } else if text.contains("authentication") || text.contains("password") {
            Self::Authentication(reason)
        } else if text.contains("configuration") {
            Self::InvalidUrl(reason)
        } else {
            Self::Unreachable { host, reason }
        }
    }

    fn from_refusal(refusal: &DbError) -> Self {
        let message = refusal.message().to_owned();
        let code = refusal.code();
        match code.code() {
            "28000" | "28P01" => Self::Authentication(message),
            "3D000" => Self::DatabaseMissing(message),
            "42501" => Self::Permission(message),
            "42P01" | "42703" | "42883" | "3F000" => Self::Missing(message),
            "53300" => Self::TooManyConnections,
            "25006" => Self::ReadOnly,
            "55P03" | "40001" | "40P01" | "57014" => Self::Locked(message),
            // Told apart by who reports it, since words come in the server's language.
            "23505" if refusal.routine().is_some_and(|by| by.starts_with("comparetup_index")) => {
                let name = |name: Option<&str>| name.unwrap_or("the table").to_owned();
                Self::NotUnique { table: name(refusal.table()), index: name(refusal.constraint()) }
            }
            "23505" | "42P07" | "42710" | "42723" | "XX000" if is_race(refusal) => {
                Self::Collision(message)
            }
            // Rows whose parent is missing are not written; it went meanwhile.
            "23503" => Self::Collision(message),
            "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => Self::Lost(message),
            class if class.starts_with("08") => Self::Lost(message),
            // These quote the offending value in their message.
            class if class.starts_with("22") => Self::Misfit(in_place(refusal, "invalid value")),
            class if class.starts_with("23") => Self::Misfit(message),
            // Raised by the application's own functions, in words we cannot vouch for.
            "P0001" => Self::Refused {
                code: code.code().to_owned(),
                message: in_place(refusal, "an exception raised by a function"),
            },
            _ => Self::Refused { code: code.code().to_owned(), message },
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(refusal) => Self::from_refusal(refusal),
            None if error.is_closed() => Self::Lost("connection closed".to_owned()),
            None => {
                let text = deepest(&error);
                if std::error::Error::source(&error)
                    .is_some_and(|source| source.downcast_ref::<std::io::Error>().is_some())
                {
                    Self::Lost(text)
                } else {
                    Self::Unexpected(text)
                }
            }
        }
    }
}

fn is_race(refusal: &DbError) -> bool {
    *refusal.code() != SqlState::INTERNAL_ERROR
        || refusal.message().contains("concurrently updated")
}

/// The condition and where it arose, as far as Postgres names it without values.
fn in_place(refusal: &DbError, condition: &str) -> String {
    let place: Vec<&str> =
        [refusal.table(), refusal.column(), refusal.routine()].into_iter().flatten().collect();
    format!("{condition} ({} {})", refusal.code().code(), place.join(" ")).replace(" )", ")")
}

fn deepest(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
