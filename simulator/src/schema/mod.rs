//! The objects of an org, as their describe answers tell.
//!
//! A schema is loaded from the answers of `GET sobjects/X/describe`, one file per object. Every
//! attribute but the names is optional; what is missing gets the value it usually has, attributes
//! we do not know are kept, and all of them are given back. A file without the field `Id` is in
//! compact form: the system fields are understood. The member `simulator` of an object or field
//! holds what a describe cannot say (validation rules, roll-ups, the format of auto numbers).

mod complete;
pub mod field;
pub mod formula;
pub mod object;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use serde_json::{Value as Json, json};

pub use field::{Field, FieldType};
pub use object::Object;

const SAMPLE: [(&str, &str); 9] = [
    ("User", include_str!("../../sample/User.json")),
    ("Account", include_str!("../../sample/Account.json")),
    ("Contact", include_str!("../../sample/Contact.json")),
    ("Opportunity", include_str!("../../sample/Opportunity.json")),
    ("Lead", include_str!("../../sample/Lead.json")),
    ("Case", include_str!("../../sample/Case.json")),
    ("Product2", include_str!("../../sample/Product2.json")),
    ("Invoice__c", include_str!("../../sample/Invoice__c.json")),
    ("Invoice_Line__c", include_str!("../../sample/Invoice_Line__c.json")),
];

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

/// What happens to a row when the row it refers to is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDelete {
    /// It is deleted too.
    Cascade,
    /// The delete is refused.
    Restrict,
    /// The reference becomes null.
    Clear,
}

/// A reference between two objects of the schema.
#[derive(Debug, Clone, Copy)]
pub struct Relation {
    /// Number of the object that refers.
    pub child: usize,
    /// Number of its field.
    pub field: usize,
    /// Number of the object referred to.
    pub parent: usize,
    /// What the parent's deletion does.
    pub on_delete: OnDelete,
}

/// All objects of an org.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    objects: Vec<Object>,
    by_name: HashMap<String, usize>,
    by_prefix: HashMap<String, usize>,
    relations: Vec<Relation>,
}

impl Schema {
    /// The built-in sample org.
    ///
    /// # Panics
    /// Never in a build whose tests passed: the sample files are part of the program.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the files are embedded and a test reads them")]
    pub fn sample() -> Self {
        let files = SAMPLE.map(|(name, text)| (name.to_owned(), text.to_owned()));
        Self::from_texts(files).expect("the embedded describes are valid")
    }

    /// The objects described by the `*.json` files of a folder, one answer of
    /// `GET sobjects/X/describe` each. The sample's User is added when the folder has none.
    ///
    /// # Errors
    /// [`SchemaError`] for the first file that does not fit.
    pub fn from_dir(folder: &Path) -> Result<Self, SchemaError> {
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
        Self::from_texts(files)
    }

    /// The objects of these describes, each given with a name for messages.
    ///
    /// # Errors
    /// [`SchemaError::NotADescribe`] for the first that does not fit.
    pub fn from_texts(
        texts: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SchemaError> {
        let mut schema = Self::default();
        for (origin, text) in texts {
            schema.add(&origin, &text)?;
        }
        if schema.object("User").is_none() {
            let [(origin, text), ..] = SAMPLE;
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
        let Json::Object(described) = described else {
            return Err(problem("it is no JSON object".to_owned()));
        };
        let number = self.objects.len();
        let object = Object::read(described, &format!("z{number:02}"), origin)?;
        if self.by_name.insert(object.name().to_ascii_lowercase(), number).is_some() {
            return Err(problem(format!("{} is described twice", object.name())));
        }
        if self.by_prefix.insert(object.prefix().to_owned(), number).is_some() {
            return Err(problem(format!("key prefix {} is used twice", object.prefix())));
        }
        self.objects.push(object);
        Ok(())
    }

    /// Finds the references between objects, and completes `childRelationships`.
    fn relate(&mut self) {
        let mut relations = Vec::new();
        for (child, object) in self.objects.iter().enumerate() {
            for (number, field) in object.fields().iter().enumerate() {
                for parent in field.reference_to.iter().filter_map(|name| self.number(name)) {
                    let on_delete = self.on_delete(parent, object, field);
                    relations.push(Relation { child, field: number, parent, on_delete });
                }
            }
        }
        for parent in 0..self.objects.len() {
            let children: Vec<Json> = relations
                .iter()
                .filter(|relation| relation.parent == parent)
                .filter_map(|relation| self.child_relationship(relation))
                .collect();
            if let Some(object) = self.objects.get_mut(parent) {
                object.described_mut().entry("childRelationships").or_insert(Json::Array(children));
            }
        }
        self.relations = relations;
    }

    fn on_delete(&self, parent: usize, child: &Object, field: &Field) -> OnDelete {
        let listed = self.objects.get(parent).and_then(|parent| {
            let list = parent.described().get("childRelationships")?.as_array()?;
            list.iter().find(|entry| {
                entry.get("childSObject").and_then(Json::as_str) == Some(child.name())
                    && entry.get("field").and_then(Json::as_str) == Some(&field.name)
            })
        });
        let is_listed = |key: &str| {
            listed.and_then(|entry| entry.get(key)).and_then(Json::as_bool).unwrap_or_default()
        };
        if field.master_detail || field.cascade_delete || is_listed("cascadeDelete") {
            OnDelete::Cascade
        } else if field.restricted_delete || is_listed("restrictedDelete") {
            OnDelete::Restrict
        } else {
            OnDelete::Clear
        }
    }

    fn child_relationship(&self, relation: &Relation) -> Option<Json> {
        let child = self.objects.get(relation.child)?;
        let field = child.field(relation.field)?;
        let plural = match child.name().strip_suffix("__c") {
            Some(stem) => format!("{}__r", plural(stem)),
            None => plural(child.name()),
        };
        let parent = self.objects.get(relation.parent)?;
        let relationship = match field.name.as_str() {
            _ if parent.name() == "User" => Json::Null,
            "ParentId" => json!(format!("Child{plural}")),
            "ReportsToId" | "MasterRecordId" => Json::Null,
            _ => json!(plural),
        };
        Some(json!({
            "cascadeDelete": relation.on_delete == OnDelete::Cascade,
            "childSObject": child.name(),
            "deprecatedAndHidden": false,
            "field": field.name,
            "junctionIdListNames": [],
            "junctionReferenceTo": [],
            "relationshipName": relationship,
            "restrictedDelete": relation.on_delete == OnDelete::Restrict,
        }))
    }

    /// All objects, in the order of their numbers.
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

    /// The references to an object, by its number.
    pub fn references_to(&self, parent: usize) -> impl Iterator<Item = &Relation> {
        self.relations.iter().filter(move |relation| relation.parent == parent)
    }

    /// The answer of describe global.
    #[must_use]
    pub fn describe_global(&self, version: &str) -> Json {
        let mut objects: Vec<&Object> = self.objects.iter().collect();
        objects.sort_by_key(|object| object.name());
        let objects: Vec<Json> =
            objects.iter().map(|object| object.describe_short(version)).collect();
        json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects})
    }
}

/// The plural of an object's name, as in `Opportunities`.
fn plural(name: &str) -> String {
    match name.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ => format!("{name}s"),
    }
}

#[cfg(test)]
mod tests;
