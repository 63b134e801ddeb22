//! The objects of an org, as their describe answers tell.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

/// Why describe files could not be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The folder or a file in it cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not the describe of an object.
    #[error("{origin} is no describe of an object: {message}")]
    NotADescribe {
        /// File or name of the describe.
        origin: String,
        /// What is wrong.
        message: String,
    },
}

/// All objects of an org.
#[derive(Debug, Clone, Default)]
pub struct Schema {}

/// One object.
#[derive(Debug, Clone)]
pub struct Object {}

impl Schema {
    /// The built-in sample org.
    #[must_use]
    pub fn sample() -> Self {
        Self {}
    }

    /// The objects described by the `*.json` files of a folder, one answer of
    /// `GET sobjects/X/describe` each.
    ///
    /// # Errors
    /// [`SchemaError`] for the first file that does not fit.
    pub fn from_dir(_folder: &Path) -> Result<Self, SchemaError> {
        Ok(Self::default())
    }

    /// The object of this name, whatever its case.
    #[must_use]
    pub fn object(&self, _name: &str) -> Option<&Object> {
        None
    }

    /// The answer of describe global.
    #[must_use]
    pub fn describe_global(&self, _version: &str) -> Json {
        Json::Null
    }
}

impl Object {
    /// The API name in its canonical case.
    #[must_use]
    pub fn name(&self) -> &str {
        ""
    }

    /// The answer of describe.
    #[must_use]
    pub fn describe(&self, _version: &str) -> Json {
        Json::Null
    }
}
