//! The objects of an org, as their describe answers tell.
//!
//! A schema is loaded from the answers of `GET sobjects/X/describe`, one file per object. Every
//! attribute but the names is optional; what is missing gets the value it usually has, attributes
//! we do not know are kept, and all of them are given back. A file without the field `Id` is in
//! compact form: the system fields are understood. The member `simulator` of an object or field
//! holds what a describe cannot say (validation rules, roll-ups, the format of auto numbers).

mod alter;
mod complete;
mod features;
pub mod field;
pub mod formula;
pub mod object;
pub mod record_type;
mod relations;
mod sample;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use serde_json::Value as Json;

use crate::value::JsonMap;

pub(crate) use complete::set_version;
pub(crate) use features::contact_field;
pub use features::{CURRENCIES, Features};
pub use field::{Field, FieldType};
pub use object::Object;
pub use relations::{ChildRelationship, OnDelete, Relation};
use sample::{PUSH_TOPIC, SAMPLE};

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
pub struct Schema {
    objects: Vec<Object>,
    by_name: HashMap<String, usize>,
    by_prefix: HashMap<String, usize>,
    relations: Vec<Relation>,
    /// By parent.
    children: Vec<Vec<ChildRelationship>>,
    features: Features,
    person_fields: Vec<Json>,
}

impl Schema {
    /// The built-in sample org.
    ///
    /// # Panics
    /// Never in a build whose tests passed: the sample files are part of the program.
    #[must_use]
    pub fn sample() -> Self {
        Self::sample_with(Features::default())
    }

    /// The built-in sample org with some features.
    ///
    /// # Panics
    /// As [`Schema::sample`].
    #[must_use]
    #[expect(clippy::expect_used, reason = "the files are embedded and a test reads them")]
    pub fn sample_with(features: Features) -> Self {
        let files = SAMPLE.map(|(name, text)| (name.to_owned(), text.to_owned()));
        Self::from_texts_with(files, features).expect("the embedded describes are valid")
    }

    /// The objects described by the `*.json` files of a folder, one answer of
    /// `GET sobjects/X/describe` each. The sample's User is added when the folder has none.
    ///
    /// # Errors
    /// [`SchemaError`] for the first file that does not fit.
    pub fn from_dir(folder: &Path, features: Features) -> Result<Self, SchemaError> {
        let unreadable = |source| SchemaError::Unreadable { path: folder.to_owned(), source };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let text = std::fs::read_to_string(&path)
                    .map_err(|source| SchemaError::Unreadable { path: path.clone(), source })?;
                files.push((path.display().to_string(), text));
            }
        }
        files.sort();
        Self::from_texts_with(files, features)
    }

    /// The objects of these describes, each given with a name for messages.
    ///
    /// # Errors
    /// [`SchemaError::NotADescribe`] for the first that does not fit.
    pub fn from_texts(
        texts: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SchemaError> {
        Self::from_texts_with(texts, Features::default())
    }

    fn from_texts_with(
        texts: impl IntoIterator<Item = (String, String)>,
        features: Features,
    ) -> Result<Self, SchemaError> {
        let texts: Vec<(String, String)> = texts.into_iter().collect();
        let person_fields = features.person_fields(&texts);
        let mut schema = Self { features, person_fields, ..Self::default() };
        for (origin, text) in texts {
            schema.add(&origin, &text)?;
        }
        for (origin, text) in features.objects() {
            if schema.object(&origin).is_none() {
                schema.add(&origin, &text)?;
            }
        }
        if schema.object("User").is_none() {
            let [(origin, text), ..] = SAMPLE;
            schema.add(origin, text)?;
        }
        if schema.object("PushTopic").is_none() {
            let (origin, text) = PUSH_TOPIC;
            schema.add(origin, text)?;
        }
        schema.relate();
        Ok(schema)
    }

    fn add(&mut self, origin: &str, text: &str) -> Result<(), SchemaError> {
        let problem =
            |message: String| SchemaError::NotADescribe { origin: origin.to_owned(), message };
        let described: Json =
            serde_json::from_str(text).map_err(|error| problem(error.to_string()))?;
        let Json::Object(mut described) = described else {
            return Err(problem("it is no JSON object".to_owned()));
        };
        self.features.extend(&mut described, &self.person_fields);
        self.insert(origin, described)
    }

    fn insert(&mut self, origin: &str, described: JsonMap) -> Result<(), SchemaError> {
        let problem =
            |message: String| SchemaError::NotADescribe { origin: origin.to_owned(), message };
        let number = self.objects.len();
        let object = Object::read(described, &self.free_prefix(), origin)?;
        if self.number(object.name()).is_some() {
            return Err(problem(format!("{} is described twice", object.name())));
        }
        if self.number_of_prefix(object.prefix()).is_some() {
            return Err(problem(format!("key prefix {} is used twice", object.prefix())));
        }
        self.by_name.insert(object.name().to_ascii_lowercase(), number);
        self.by_prefix.insert(object.prefix().to_owned(), number);
        self.objects.push(object);
        Ok(())
    }

    /// A key prefix that no object has.
    fn free_prefix(&self) -> String {
        let mut prefixes = (self.objects.len()..1000).map(|number| format!("z{number:02}"));
        prefixes.find(|prefix| !self.by_prefix.contains_key(prefix)).unwrap_or_default()
    }

    /// All objects, in the order of their numbers; those that were dropped too.
    #[must_use]
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// The number of the object of this name, in any case.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<usize> {
        self.by_name.get(&name.to_ascii_lowercase()).copied()
    }

    /// The number of the object whose ids have this prefix.
    #[must_use]
    pub fn number_of_prefix(&self, prefix: &str) -> Option<usize> {
        self.by_prefix.get(prefix).copied()
    }

    /// The object of this name, whatever its case.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<&Object> {
        self.number(name).and_then(|number| self.objects.get(number))
    }
}

#[cfg(test)]
mod tests;
