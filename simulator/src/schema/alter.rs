//! Changing objects and fields at run time.
//!
//! A field keeps its number for ever, so that stored rows stay valid: a new field gets the next
//! number, a dropped one leaves a hole. Only the schema changes here; whoever owns the rows brings
//! them along.

use serde_json::{Value as Json, json};

use super::{Field, Object, Schema, SchemaError, complete};
use crate::value::JsonMap;

/// Attributes that follow from the type of a field.
const OF_TYPE: [&str; 25] = [
    "aggregatable",
    "autoNumber",
    "byteLength",
    "calculated",
    "calculatedFormula",
    "cascadeDelete",
    "createable",
    "defaultValue",
    "defaultedOnCreate",
    "digits",
    "extraTypeInfo",
    "filterable",
    "groupable",
    "htmlFormatted",
    "length",
    "namePointing",
    "polymorphicForeignKey",
    "precision",
    "queryByDistance",
    "referenceTo",
    "relationshipName",
    "relationshipOrder",
    "scale",
    "soapType",
    "sortable",
];

/// Attributes that follow from the length of a text.
const OF_LENGTH: [&str; 5] = ["aggregatable", "byteLength", "filterable", "groupable", "sortable"];

fn problem(origin: &str, message: impl Into<String>) -> SchemaError {
    SchemaError::NotADescribe { origin: origin.to_owned(), message: message.into() }
}

impl Field {
    /// The field with other attributes, named as in a describe; `required` stands for the opposite
    /// of `nillable`. What follows from a changed attribute changes with it.
    ///
    /// # Errors
    /// An attribute that no field has, or one of the wrong kind.
    pub fn altered(&self, changes: &JsonMap) -> Result<Self, SchemaError> {
        let mut described = self.described.clone();
        let is_known =
            |key: &str| described.contains_key(key) || matches!(key, "required" | "simulator");
        if let Some(unknown) = changes.keys().find(|key| !is_known(key)) {
            return Err(problem(&self.name, format!("fields have no attribute {unknown}")));
        }
        let outdated = self.outdated(changes);
        described.retain(|key, _| !outdated.contains(&key.as_str()));
        for (key, value) in changes {
            match key.as_str() {
                "required" => {
                    let is_required = value.as_bool();
                    let is_required =
                        is_required.ok_or_else(|| problem(&self.name, "required is no boolean"))?;
                    described.insert("nillable".to_owned(), json!(!is_required));
                }
                _ => {
                    described.insert(key.clone(), value.clone());
                }
            }
        }
        if let Some(default) = changes.get("defaultValue") {
            complete::mark_default(&mut described, default);
        }
        let mut altered = Self::read(described, &self.name)?;
        if !changes.contains_key("simulator") && altered.type_name == self.type_name {
            altered.roll_up.clone_from(&self.roll_up);
            altered.display_format.clone_from(&self.display_format);
            altered.child_relationship.clone_from(&self.child_relationship);
        }
        Ok(altered)
    }

    /// The attributes that follow anew from others that change.
    fn outdated(&self, changes: &JsonMap) -> Vec<&'static str> {
        let differs =
            |key: &str| changes.get(key).is_some_and(|new| self.described.get(key) != Some(new));
        let mut outdated = Vec::new();
        if differs("type") {
            outdated.extend(OF_TYPE);
            if changes.get("type") == Some(&json!("boolean")) || self.type_name == "boolean" {
                outdated.push("nillable");
            }
        }
        if differs("length") {
            outdated.extend(OF_LENGTH);
        }
        if differs("name") {
            outdated.push("relationshipName");
        }
        if differs("calculatedFormula") {
            outdated.extend(["calculated", "createable", "updateable"]);
        }
        if differs("defaultValue") {
            outdated.push("defaultedOnCreate");
        }
        if differs("externalId") && !self.name_field {
            outdated.push("idLookup");
        }
        outdated
    }

    /// The hole that a dropped field leaves: without rights and without rules.
    fn hole(&self) -> Self {
        Self {
            nillable: true,
            createable: false,
            updateable: false,
            calculated: false,
            auto_number: false,
            external_id: false,
            id_lookup: false,
            unique: false,
            name_field: false,
            master_detail: false,
            reference_to: Vec::new(),
            relationship_name: None,
            compound_field_name: None,
            default_value: Json::Null,
            formula: None,
            roll_up: None,
            ..self.clone()
        }
    }
}

impl Object {
    /// Adds a field, described as in a file, and answers its number.
    ///
    /// # Errors
    /// A describe that does not fit, or a name that is taken.
    pub(super) fn add_field(&mut self, described: JsonMap) -> Result<usize, SchemaError> {
        let field = Field::read(described, &self.name)?;
        self.check_name(&field.name, None)?;
        self.fields.push(field);
        self.number_fields();
        Ok(self.fields.len() - 1)
    }

    /// Puts another field in the place of one.
    pub(super) fn replace_field(&mut self, number: usize, field: Field) -> Result<(), SchemaError> {
        self.check_name(&field.name, Some(number))?;
        let Some(place) = self.fields.get_mut(number) else { return Ok(()) };
        let old = std::mem::replace(place, field);
        let new = place.name.clone();
        if old.name != new {
            for rule in &mut self.rules {
                let names = rule.when.iter_mut().map(|(name, ..)| name).chain(rule.field.as_mut());
                for name in names.filter(|name| name.eq_ignore_ascii_case(&old.name)) {
                    name.clone_from(&new);
                }
            }
        }
        self.number_fields();
        Ok(())
    }

    /// Makes a field a hole.
    ///
    /// # Errors
    /// A field that every row needs.
    pub(super) fn drop_field(&mut self, number: usize) -> Result<(), SchemaError> {
        let system = &self.system();
        let is_needed = [
            system.id,
            system.name,
            system.owner_id,
            system.is_deleted,
            system.created_date,
            system.created_by_id,
            system.last_modified_date,
            system.last_modified_by_id,
            system.system_modstamp,
        ]
        .contains(&Some(number));
        let Some(field) = self.fields.get_mut(number) else { return Ok(()) };
        if is_needed {
            return Err(problem(&self.name, format!("{} cannot be dropped", field.name)));
        }
        let hole = field.hole();
        self.dropped.insert(number, std::mem::replace(field, hole));
        self.number_fields();
        Ok(())
    }

    /// Brings the field of this name that was dropped last back, and answers its number.
    ///
    /// # Errors
    /// No such field, or a name that was taken meanwhile.
    pub(super) fn undelete_field(&mut self, name: &str) -> Result<usize, SchemaError> {
        self.check_name(name, None)?;
        let is_wanted = |field: &Field| field.name.eq_ignore_ascii_case(name);
        let found = self.dropped.iter().rev().find(|(_, field)| is_wanted(field));
        let Some(number) = found.map(|(number, _)| *number) else {
            return Err(problem(&self.name, format!("no field {name} was dropped")));
        };
        if let (Some(field), Some(place)) =
            (self.dropped.remove(&number), self.fields.get_mut(number))
        {
            *place = field;
        }
        self.number_fields();
        Ok(number)
    }

    fn check_name(&self, name: &str, own: Option<usize>) -> Result<(), SchemaError> {
        let mut letters = name.chars();
        let is_sound = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
            && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if !is_sound {
            return Err(problem(&self.name, format!("{name} is no name of a field")));
        }
        match self.number(name) {
            Some(taken) if Some(taken) != own => Err(problem(
                &self.name,
                format!("There is already a field named {name} on {}", self.name),
            )),
            _ => Ok(()),
        }
    }

    /// Sets attributes of the describe's top level, such as `label` or `deletable`.
    pub(super) fn alter(&mut self, changes: &JsonMap) -> Result<(), SchemaError> {
        for (key, value) in changes {
            let is_open = self.described.contains_key(key)
                && !matches!(key.as_str(), "name" | "keyPrefix" | "custom" | "urls");
            if !is_open {
                return Err(problem(&self.name, format!("{key} cannot be changed")));
            }
            self.described.insert(key.clone(), value.clone());
        }
        Ok(())
    }
}

impl Schema {
    /// Adds an object, described as in a file, and answers its number.
    ///
    /// # Errors
    /// A describe that does not fit, a name or key prefix that is taken.
    pub fn add_object(&mut self, described: JsonMap) -> Result<usize, SchemaError> {
        self.insert("the object", described)?;
        self.relate();
        Ok(self.objects.len() - 1)
    }

    /// Sets attributes of an object.
    ///
    /// # Errors
    /// An attribute that objects lack or that cannot change.
    pub fn alter_object(&mut self, object: usize, changes: &JsonMap) -> Result<(), SchemaError> {
        self.with(object, |object| object.alter(changes))
    }

    /// Makes an object one that no name and no id finds.
    pub fn drop_object(&mut self, object: usize) {
        self.by_name.retain(|_, number| *number != object);
        self.by_prefix.retain(|_, number| *number != object);
        self.relate();
    }

    /// Adds a field to an object and answers its number.
    ///
    /// # Errors
    /// A describe that does not fit, or a name that is taken.
    pub fn add_field(&mut self, object: usize, field: JsonMap) -> Result<usize, SchemaError> {
        let mut added = 0;
        self.with(object, |object| {
            added = object.add_field(field)?;
            Ok(())
        })?;
        Ok(added)
    }

    /// Puts another field in the place of one.
    ///
    /// # Errors
    /// A name that is taken.
    pub fn replace_field(
        &mut self,
        object: usize,
        number: usize,
        field: Field,
    ) -> Result<(), SchemaError> {
        self.with(object, |object| object.replace_field(number, field))
    }

    /// Drops a field.
    ///
    /// # Errors
    /// A field that every row needs.
    pub fn drop_field(&mut self, object: usize, number: usize) -> Result<(), SchemaError> {
        self.with(object, |object| object.drop_field(number))
    }

    /// Brings the field of this name that was dropped last back, and answers its number.
    ///
    /// # Errors
    /// No such field, or a name that was taken meanwhile.
    pub fn undelete_field(&mut self, object: usize, name: &str) -> Result<usize, SchemaError> {
        let mut number = 0;
        self.with(object, |object| {
            number = object.undelete_field(name)?;
            Ok(())
        })?;
        Ok(number)
    }

    fn with(
        &mut self,
        object: usize,
        change: impl FnOnce(&mut Object) -> Result<(), SchemaError>,
    ) -> Result<(), SchemaError> {
        let object =
            self.objects.get_mut(object).ok_or_else(|| problem("the schema", "no such object"))?;
        change(object)?;
        self.relate();
        Ok(())
    }
}
