//! Where a setting came from.

use crate::mapping::Position;
use std::{fmt, ops::Range, path::PathBuf};

/// Where a setting's value was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nothing was given.
    Default,
    /// The settings file.
    File {
        /// Its path.
        path: PathBuf,
        /// Where the value stands.
        position: Position,
        /// Where the value stands, in bytes.
        span: Range<usize>,
    },
    /// An environment variable of this name.
    Variable(String),
    /// A file that holds the secret alone.
    SecretFile {
        /// Its path.
        path: PathBuf,
        /// Where the path was given.
        named_by: Box<Origin>,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, position, .. } => {
                write!(f, "{}:{}:{}", path.display(), position.line, position.column)
            }
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::SecretFile { path, named_by } => {
                write!(f, "secret file {}, named by {named_by}", path.display())
            }
        }
    }
}
