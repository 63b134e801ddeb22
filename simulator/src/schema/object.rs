//! One object: its fields by number and by name, its rules, its describe answer.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value as Json, json};

use super::{SchemaError, complete, field::Field, formula::Formula};
use crate::value::JsonMap;

/// A rule that refuses rows, checked after every other rule.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidationRule {
    /// The row is refused when all of these hold: field, one of `= != < <= > >=`, value.
    #[serde(default)]
    pub when: Vec<(String, String, Json)>,
    /// The row is refused when this holds.
    #[serde(default)]
    pub formula: Option<Formula>,
    /// The administrator's words.
    pub message: String,
    /// The field to show the message at, if any.
    #[serde(default)]
    pub field: Option<String>,
}

/// What a describe cannot say, in its member `simulator`. Never given back.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Extra {
    validation_rules: Vec<ValidationRule>,
}

/// The numbers of the fields that the engine itself fills.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "named after the fields")]
pub struct SystemFields {
    pub id: Option<usize>,
    pub name: Option<usize>,
    pub owner_id: Option<usize>,
    pub is_deleted: Option<usize>,
    pub created_date: Option<usize>,
    pub created_by_id: Option<usize>,
    pub last_modified_date: Option<usize>,
    pub last_modified_by_id: Option<usize>,
    pub system_modstamp: Option<usize>,
}

/// An object of the org.
#[derive(Debug, Clone)]
pub struct Object {
    pub(super) name: String,
    prefix: String,
    pub(super) fields: Vec<Field>,
    by_name: HashMap<String, usize>,
    by_relationship: HashMap<String, usize>,
    system: SystemFields,
    pub(super) rules: Vec<ValidationRule>,
    pub(super) described: JsonMap,
    /// What fields were before they were dropped, by number.
    pub(super) dropped: BTreeMap<usize, Field>,
    /// The `childRelationships` of the file, if it had any.
    listed_children: Vec<Json>,
}

impl Object {
    /// Reads a describe. `fallback_prefix` serves when it has no key prefix.
    pub(super) fn read(
        mut described: JsonMap,
        fallback_prefix: &str,
        origin: &str,
    ) -> Result<Self, SchemaError> {
        let problem =
            |message: String| SchemaError::NotADescribe { origin: origin.to_owned(), message };
        let Some(Json::Array(fields)) = described.remove("fields") else {
            return Err(problem("it has no fields".to_owned()));
        };
        let Some(name) = described.get("name").and_then(Json::as_str).map(str::to_owned) else {
            return Err(problem("it has no name".to_owned()));
        };
        let extra = match described.remove("simulator") {
            Some(extra) => {
                serde_json::from_value(extra).map_err(|error| problem(error.to_string()))?
            }
            None => Extra::default(),
        };
        let listed_children = match described.remove("childRelationships") {
            Some(Json::Array(listed)) => listed,
            _ => Vec::new(),
        };
        complete::object(&mut described);
        let prefix = described.get("keyPrefix").and_then(Json::as_str);
        let prefix =
            prefix.filter(|prefix| prefix.len() == 3).unwrap_or(fallback_prefix).to_owned();
        described.insert("keyPrefix".to_owned(), json!(prefix));
        let fields = with_system_fields(fields, &described)
            .into_iter()
            .map(|field| match field {
                Json::Object(field) => Field::read(field, origin),
                _ => Err(problem("a field is no object".to_owned())),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut object = Self {
            name,
            prefix,
            fields,
            by_name: HashMap::new(),
            by_relationship: HashMap::new(),
            system: SystemFields::default(),
            rules: extra.validation_rules,
            described,
            dropped: BTreeMap::new(),
            listed_children,
        };
        object.number_fields();
        Ok(object)
    }

    pub(super) fn number_fields(&mut self) {
        self.by_name.clear();
        self.by_relationship.clear();
        for (number, field) in self.fields.iter().enumerate() {
            if self.dropped.contains_key(&number) {
                continue;
            }
            self.by_name.insert(field.name.to_ascii_lowercase(), number);
            if let (Some(name), true) = (&field.relationship_name, !field.reference_to.is_empty()) {
                self.by_relationship.insert(name.to_ascii_lowercase(), number);
            }
        }
        let number = |name: &str| self.by_name.get(name).copied();
        self.system = SystemFields {
            id: number("id"),
            name: self.fields.iter().position(|field| field.name_field).or(number("name")),
            owner_id: number("ownerid"),
            is_deleted: number("isdeleted"),
            created_date: number("createddate"),
            created_by_id: number("createdbyid"),
            last_modified_date: number("lastmodifieddate"),
            last_modified_by_id: number("lastmodifiedbyid"),
            system_modstamp: number("systemmodstamp"),
        };
    }

    /// The API name in its canonical case.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key prefix of its ids.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The fields; a row's values have the same numbers. A field that was dropped leaves a hole: an
    /// element that no name finds, that nobody may read or write and that has no rules.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The field with this number, unless it was dropped.
    #[must_use]
    pub fn field(&self, number: usize) -> Option<&Field> {
        self.fields.get(number).filter(|_| !self.dropped.contains_key(&number))
    }

    /// The number of the field with this name, in any case.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<usize> {
        self.by_name.get(&name.to_ascii_lowercase()).copied()
    }

    /// The field with this name, in any case.
    #[must_use]
    pub fn field_named(&self, name: &str) -> Option<&Field> {
        self.number(name).and_then(|number| self.field(number))
    }

    /// The number of the reference field with this relationship name, in any case.
    #[must_use]
    pub fn relationship(&self, name: &str) -> Option<usize> {
        self.by_relationship.get(&name.to_ascii_lowercase()).copied()
    }

    /// The fields that the engine fills.
    #[must_use]
    pub fn system(&self) -> &SystemFields {
        &self.system
    }

    /// The validation rules.
    #[must_use]
    pub fn rules(&self) -> &[ValidationRule] {
        &self.rules
    }

    /// A true/false attribute of the describe's top level, such as `deletable`.
    #[must_use]
    pub fn is(&self, attribute: &str) -> bool {
        self.described.get(attribute).and_then(Json::as_bool).unwrap_or_default()
    }

    /// The top level of the describe, without fields and child relationships.
    pub(crate) fn described(&self) -> &JsonMap {
        &self.described
    }

    /// The child relationships that the describe file lists.
    pub(super) fn listed_children(&self) -> &[Json] {
        &self.listed_children
    }
}

/// A describe without `Id` is our compact form: the system fields are understood.
fn with_system_fields(fields: Vec<Json>, object: &JsonMap) -> Vec<Json> {
    if fields.iter().any(|field| field.get("name") == Some(&json!("Id"))) {
        return fields;
    }
    let mut all = vec![json!({"name": "Id", "label": "Record ID", "type": "id"})];
    if object.get("undeletable") == Some(&json!(true)) {
        all.push(json!({"name": "IsDeleted", "label": "Deleted", "type": "boolean"}));
    }
    all.extend(fields);
    let user = |name: &str, label: &str| json!({"name": name, "label": label, "type": "reference", "referenceTo": ["User"]});
    all.extend([
        json!({"name": "CreatedDate", "label": "Created Date", "type": "datetime"}),
        user("CreatedById", "Created By ID"),
        json!({"name": "LastModifiedDate", "label": "Last Modified Date", "type": "datetime"}),
        user("LastModifiedById", "Last Modified By ID"),
        json!({"name": "SystemModstamp", "label": "System Modstamp", "type": "datetime"}),
    ]);
    all
}
