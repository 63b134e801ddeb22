//! Describe answers as a user sees them: objects, fields and references that the user may not read
//! are missing, and what the user may not write says so.

use serde_json::{Value as Json, json};

use super::{Action, Org, body::Purpose};
use crate::{
    Id,
    schema::{Object, set_version},
    value::JsonMap,
};

/// Members of a describe that the short form lacks.
const LONG_ONLY: [&str; 15] = [
    "actionOverrides",
    "compactLayoutable",
    "defaultImplementation",
    "extendedBy",
    "extendsInterfaces",
    "implementedBy",
    "implementsInterfaces",
    "listviewable",
    "lookupLayoutable",
    "namedLayoutInfos",
    "networkScopeFieldName",
    "recordTypeInfos",
    "searchLayoutable",
    "sobjectDescribeOption",
    "supportedScopes",
];

impl Org {
    /// The answer of describe for an object, with this version in its paths; `None` for an object
    /// that does not exist for the user.
    #[must_use]
    pub fn describe(&self, user: Id, name: &str, version: &str) -> Option<Json> {
        let number = self.visible_object(user, name)?;
        let object = self.object(number)?;
        let mut described = self.top_level(user, number, object);
        let fields = (0..object.fields().len())
            .filter_map(|field| self.describe_field(user, number, field))
            .collect();
        described.insert("fields".to_owned(), Json::Array(fields));
        described.insert("childRelationships".to_owned(), Json::Array(self.children(user, number)));
        let mut described = Json::Object(described);
        set_version(&mut described, version);
        Some(described)
    }

    /// An object's element of describe global; `None` for one that does not exist for the user.
    #[must_use]
    pub fn describe_short(&self, user: Id, name: &str, version: &str) -> Option<Json> {
        let number = self.visible_object(user, name)?;
        let mut described = self.top_level(user, number, self.object(number)?);
        described.retain(|key, _| !LONG_ONLY.contains(&key.as_str()));
        if let Some(Json::Object(urls)) = described.get_mut("urls") {
            urls.retain(|key, _| !matches!(key.as_str(), "defaultValues" | "listviews"));
        }
        let mut described = Json::Object(described);
        set_version(&mut described, version);
        Some(described)
    }

    /// The answer of describe global.
    #[must_use]
    pub fn describe_global(&self, user: Id, version: &str) -> Json {
        let mut names: Vec<&str> = self.schema().objects().iter().map(Object::name).collect();
        names.sort_unstable();
        names.dedup();
        let objects: Vec<Json> =
            names.into_iter().filter_map(|name| self.describe_short(user, name, version)).collect();
        json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects})
    }

    fn top_level(&self, user: Id, number: usize, object: &Object) -> JsonMap {
        let mut described = object.described().clone();
        for (attribute, action) in [
            ("createable", Action::Create),
            ("updateable", Action::Update),
            ("deletable", Action::Delete),
            ("undeletable", Action::Delete),
        ] {
            if !self.can_do(user, number, action) {
                described.insert(attribute.to_owned(), json!(false));
            }
        }
        described
    }

    fn describe_field(&self, user: Id, number: usize, at: usize) -> Option<Json> {
        let field = self.object(number)?.field(at)?;
        if !self.can_read_field(user, number, at) {
            return None;
        }
        let mut described = field.described.clone();
        for (attribute, purpose, action) in [
            ("createable", Purpose::Create, Action::Create),
            ("updateable", Purpose::Update, Action::Update),
        ] {
            let is_open =
                self.is_writable(user, (number, at), purpose) && self.can_do(user, number, action);
            described.insert(attribute.to_owned(), json!(is_open));
        }
        let is_shown = |name: &&String| {
            self.schema().number(name).is_none_or(|target| self.can_see_object(user, target))
        };
        let targets: Vec<&String> = field.reference_to.iter().filter(is_shown).collect();
        if targets.len() < field.reference_to.len() {
            described.insert("referenceTo".to_owned(), json!(targets));
            if targets.is_empty() {
                described.insert("relationshipName".to_owned(), Json::Null);
            }
        }
        Some(Json::Object(described))
    }

    fn children(&self, user: Id, parent: usize) -> Vec<Json> {
        let is_shown = |relation: &crate::schema::Relation| {
            self.can_see_object(user, relation.child)
                && self.can_read_field(user, relation.child, relation.field)
        };
        let children = self.schema().children_of(parent).iter();
        let mut shown: Vec<Json> = children
            .filter(|child| child.relation.as_ref().is_none_or(is_shown))
            .map(|child| child.described.clone())
            .collect();
        let key =
            |child: &Json, key: &str| child.get(key).and_then(Json::as_str).map(str::to_owned);
        shown.sort_by_cached_key(|child| (key(child, "childSObject"), key(child, "field")));
        shown
    }
}
