//! What Salesforce says about an object: the part of a describe answer that sync needs.
//!
//! The shape is that of `GET …/sobjects/X/describe`. Every attribute is optional on the wire, since older API
//! versions leave the newest out.

use serde::Deserialize;
use serde_json::Value as Json;
use std::fmt;

/// An object as the integration user sees it.
///
/// Fields and objects hidden by permissions are absent, just like those that do not exist.
#[expect(clippy::struct_excessive_bools, reason = "mirrors the describe answer")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectDescribe {
    /// API name, in Salesforce's own spelling.
    pub name: String,
    /// Whether records may be created.
    pub createable: bool,
    /// Whether records may be changed.
    pub updateable: bool,
    /// Whether records may be deleted.
    pub deletable: bool,
    /// Whether SOQL may read it.
    pub queryable: bool,
    /// Whether getUpdated and getDeleted cover it.
    pub replicateable: bool,
    /// The first three characters of its ids.
    pub key_prefix: Option<String>,
    /// The fields, in Salesforce's order.
    pub fields: Vec<FieldDescribe>,
}

impl ObjectDescribe {
    /// The field of this API name; Salesforce compares names without regard to case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&FieldDescribe> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }
}

/// A field as the integration user sees it.
#[expect(clippy::struct_excessive_bools, reason = "mirrors the describe answer")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FieldDescribe {
    /// API name, in Salesforce's own spelling.
    pub name: String,
    /// The data type.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// Characters for text, 0 otherwise.
    pub length: u32,
    /// All digits, for numbers other than `int`.
    pub precision: u32,
    /// Digits after the point, for numbers other than `int`.
    pub scale: u32,
    /// Whether null is allowed. False on checkboxes, which are never null.
    pub nillable: bool,
    /// Whether Salesforce fills the field when it is left out of an insert.
    pub defaulted_on_create: bool,
    /// Whether the user may set it on insert.
    pub createable: bool,
    /// Whether the user may change it.
    pub updateable: bool,
    /// Formula or roll-up: its value may move without `SystemModstamp`.
    pub calculated: bool,
    /// Numbered by Salesforce.
    pub auto_number: bool,
    /// Formatted text, which Salesforce cleans as it saves it.
    pub html_formatted: bool,
    /// The value of a new record where none is given.
    pub default_value: Option<Json>,
    /// The formula of that value.
    pub default_value_formula: Option<String>,
    /// Marked as External ID.
    pub external_id: bool,
    /// Usable as the key of an upsert.
    pub id_lookup: bool,
    /// No two records share a value.
    pub unique: bool,
    /// Whether uniqueness regards case.
    pub case_sensitive: bool,
    /// Usable in a SOQL condition.
    pub filterable: bool,
    /// The objects that a reference may point to.
    pub reference_to: Vec<String>,
    /// The name to traverse the reference by.
    pub relationship_name: Option<String>,
    /// Whether only listed picklist values are accepted.
    pub restricted_picklist: bool,
    /// The picklist's values.
    pub picklist_values: Vec<PicklistValue>,
}

/// One value of a picklist.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PicklistValue {
    /// Whether new records may use it.
    pub active: bool,
    /// The value the API reads and writes.
    pub value: String,
    /// What people see.
    pub label: Option<String>,
}

/// A Salesforce data type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldType {
    /// The record's own id.
    Id,
    /// Single-line text.
    #[default]
    String,
    /// Checkbox.
    Boolean,
    /// Whole number of at most 32 bits.
    Int,
    /// Whole number of 64 bits.
    Long,
    /// Number.
    Double,
    /// Currency.
    Currency,
    /// Percent.
    Percent,
    /// Calendar day.
    Date,
    /// Moment.
    Datetime,
    /// Time of day.
    Time,
    /// Email address.
    Email,
    /// Phone number.
    Phone,
    /// Web address.
    Url,
    /// One of a list of values.
    Picklist,
    /// Several of a list of values, joined by `;`.
    Multipicklist,
    /// A list that also takes other text.
    Combobox,
    /// Lookup, master-detail or hierarchy.
    Reference,
    /// Multi-line text, long or rich text.
    Textarea,
    /// Compound address; not mapped, its parts are.
    Address,
    /// Compound position; not mapped, its parts are.
    Location,
    /// Binary content; not mapped.
    Base64,
    /// Value of varying type.
    #[serde(rename = "anyType")]
    AnyType,
    /// Text that may read as a mask.
    EncryptedString,
    /// Any type this version does not know.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", format!("{self:?}").to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::{FieldType, ObjectDescribe};

    #[test]
    fn a_describe_of_another_version_still_reads() {
        let json = r#"{"name":"Account","unheardOf":1,"fields":[
            {"name":"Name","type":"string","length":255},
            {"name":"Where__c","type":"hologram"}]}"#;
        let describe: ObjectDescribe = serde_json::from_str(json).unwrap();
        assert_eq!(describe.field("NAME").unwrap().length, 255);
        assert_eq!(describe.field("where__c").unwrap().field_type, FieldType::Unknown);
    }
}
