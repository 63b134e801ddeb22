//! A JSON body becomes typed changes: names are looked up, values converted, parents found by
//! their keys.

use serde_json::Value as Json;

use super::{
    Org, UpsertError,
    convert::{from_json, from_text},
};
use crate::{
    ApiError, Id,
    schema::Field,
    value::{JsonMap, Value},
};

/// Typed changes: field numbers and their new values.
pub(super) type Changes = Vec<(usize, Value)>;

/// Which right a field needs to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Create,
    Update,
}

impl Org {
    /// Turns a JSON body into typed changes of an object, given by its number.
    pub(super) fn read_body(
        &self,
        user: Id,
        of: usize,
        body: &JsonMap,
        purpose: Purpose,
    ) -> Result<Changes, ApiError> {
        let object = self.object(of).ok_or_else(ApiError::unknown_object)?;
        let mut changes = Changes::new();
        let mut read_only = Vec::new();
        for (name, json) in body {
            if name == "attributes" {
                continue;
            }
            if name.eq_ignore_ascii_case("Id") {
                let message = "The Id field should not be specified in the sobject data.";
                return Err(ApiError::request("INVALID_FIELD", message));
            }
            let relation = object.relationship(name).filter(|_| json.is_object());
            let field = object.number(name).or(relation);
            let field = field.filter(|field| self.can_read_field(user, of, *field));
            let Some((number, field)) =
                field.and_then(|number| Some((number, object.field(number)?)))
            else {
                let message =
                    format!("No such column '{name}' on sobject of type {}", object.name());
                return Err(ApiError::request("INVALID_FIELD", message));
            };
            if !self.is_writable(user, (of, number), purpose) {
                read_only.push(field.name.as_str());
            } else if relation.is_some() {
                changes.push((number, self.parent_in_body(field, json)?));
            } else {
                changes.push((number, from_json(field, json)?));
            }
        }
        refuse_read_only(&read_only)?;
        Ok(changes)
    }

    /// Resolves `"Account": {"External_Id__c": "x"}` to the parent's id.
    fn parent_in_body(&self, field: &Field, json: &Json) -> Result<Value, ApiError> {
        let members = json.as_object();
        let named = json
            .get("attributes")
            .and_then(|attributes| attributes.get("type"))
            .and_then(Json::as_str);
        let key =
            members.and_then(|members| members.iter().find(|(name, _)| *name != "attributes"));
        let Some((name, value)) = key else {
            let message = format!("No key is given for the parent of {}", field.name);
            return Err(ApiError::request("INVALID_FIELD", message));
        };
        let targets = field
            .reference_to
            .iter()
            .filter(|target| named.is_none_or(|named| target.eq_ignore_ascii_case(named)));
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        for target in targets {
            if let Some(parent) = self.parent_by_key(target, name, &text)? {
                return Ok(Value::Id(parent));
            }
        }
        let entity = named.or(field.reference_to.first().map(String::as_str)).unwrap_or_default();
        Err(no_parent(&text, name, entity))
    }

    /// The parent with this key; `None` when there is none or the schema lacks the object.
    pub(super) fn parent_by_key(
        &self,
        target: &str,
        key: &str,
        text: &str,
    ) -> Result<Option<Id>, ApiError> {
        let Ok((number, object)) = self.object_named(target) else { return Ok(None) };
        let field = object.number(key).and_then(|number| Some((number, object.field(number)?)));
        let Some((key, field)) = field.filter(|(_, field)| field.is_key()) else {
            let message = format!("No such column '{key}' on sobject of type {}", object.name());
            return Err(ApiError::request("INVALID_FIELD", message));
        };
        let value = from_text(field, text)?;
        match self.matches(number, key, &value).as_slice() {
            [] => Ok(None),
            [id] => Ok(Some(*id)),
            several => Err(UpsertError::Several(several.to_vec()).into()),
        }
    }
}

/// The refusal of fields that may not be written, if there are any.
pub(super) fn refuse_read_only(fields: &[&str]) -> Result<(), ApiError> {
    if fields.is_empty() {
        return Ok(());
    }
    let message = format!(
        "Unable to create/update fields: {}. Please check the security settings of this field and \
         verify that it is read/write for your profile or permission set.",
        fields.join(", ")
    );
    Err(ApiError::row("INVALID_FIELD_FOR_INSERT_UPDATE", message, fields))
}

/// The error for a parent that no row has the key of.
pub(super) fn no_parent(text: &str, key: &str, entity: &str) -> ApiError {
    let message =
        format!("Foreign key external ID: {text} not found for field {key} in entity {entity}");
    ApiError::row("INVALID_FIELD", message, &[])
}
