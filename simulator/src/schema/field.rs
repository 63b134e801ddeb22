//! One field: what the engine needs of its describe, and the describe itself, complete.

use serde_json::Value as Json;

use super::{SchemaError, complete, formula::Formula};
use crate::value::JsonMap;

/// The `type` of a describe's field, as far as it makes a difference to rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are Salesforce's own type names")]
pub enum FieldType {
    Id,
    Reference,
    Boolean,
    /// `int` and `long`.
    Int,
    /// `double`, `currency` and `percent`.
    Number,
    Date,
    Datetime,
    Time,
    Email,
    Picklist,
    Multipicklist,
    /// Compound `address`: computed from its components.
    Address,
    /// Compound `location`: computed from its components.
    Location,
    Base64,
    /// Every other kind of text: string, textarea, phone, url, combobox, encryptedstring, anyType.
    Text,
}

impl FieldType {
    fn of(name: &str) -> Self {
        match name {
            "id" => Self::Id,
            "reference" => Self::Reference,
            "boolean" => Self::Boolean,
            "int" | "long" => Self::Int,
            "double" | "currency" | "percent" => Self::Number,
            "date" => Self::Date,
            "datetime" => Self::Datetime,
            "time" => Self::Time,
            "email" => Self::Email,
            "picklist" => Self::Picklist,
            "multipicklist" => Self::Multipicklist,
            "address" => Self::Address,
            "location" => Self::Location,
            "base64" => Self::Base64,
            _ => Self::Text,
        }
    }

    /// Whether values of this type are text in quotes in SOQL.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(
            self,
            Self::Email | Self::Picklist | Self::Multipicklist | Self::Text | Self::Base64
        )
    }

    /// Whether values are objects computed from other fields.
    #[must_use]
    pub fn is_compound(self) -> bool {
        matches!(self, Self::Address | Self::Location)
    }
}

/// A roll-up summary over detail rows.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RollUp {
    /// The detail object.
    pub object: String,
    /// Its reference to this object.
    pub via: String,
    /// The summarised field; not needed to count.
    pub field: Option<String>,
    /// What is computed.
    pub summary: Summary,
    /// Which details count; all, unless there is a condition.
    #[serde(default)]
    pub filter: Option<Formula>,
}

/// The function of a roll-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the variants are Salesforce's own function names")]
pub enum Summary {
    Count,
    Sum,
    Min,
    Max,
}

/// What a describe cannot say, in the member `simulator` of a field. Never given back.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Extra {
    roll_up: Option<RollUp>,
    display_format: Option<String>,
    child_relationship: Option<String>,
}

/// A field of an object.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "they mirror the describe's attributes")]
#[expect(missing_docs, reason = "named after the describe's attributes")]
pub struct Field {
    pub name: String,
    pub label: String,
    pub kind: FieldType,
    /// The describe's `type`, such as `currency`.
    pub type_name: String,
    pub length: usize,
    pub precision: usize,
    pub scale: usize,
    pub digits: usize,
    pub nillable: bool,
    pub createable: bool,
    pub updateable: bool,
    pub defaulted_on_create: bool,
    pub calculated: bool,
    pub auto_number: bool,
    pub external_id: bool,
    pub id_lookup: bool,
    pub unique: bool,
    pub case_sensitive: bool,
    pub restricted_picklist: bool,
    pub filterable: bool,
    pub sortable: bool,
    pub custom: bool,
    pub name_field: bool,
    pub cascade_delete: bool,
    pub restricted_delete: bool,
    /// Whether this is the reference of a detail to its master.
    pub master_detail: bool,
    pub reference_to: Vec<String>,
    pub relationship_name: Option<String>,
    pub compound_field_name: Option<String>,
    /// The active values, in order.
    pub picklist: Vec<String>,
    /// The value that an omitted field gets on create.
    pub default_value: Json,
    pub formula: Option<Formula>,
    pub roll_up: Option<RollUp>,
    /// Format of an auto number, such as `INV-{00000}`.
    pub display_format: String,
    /// Name of the relationship from the parent to its rows, where it is not the usual one.
    pub child_relationship: Option<String>,
    /// The complete describe of the field.
    pub described: JsonMap,
}

impl Field {
    /// Reads one element of a describe's `fields`, filling in what it leaves out.
    pub(super) fn read(mut described: JsonMap, origin: &str) -> Result<Self, SchemaError> {
        let problem =
            |message: String| SchemaError::NotADescribe { origin: origin.to_owned(), message };
        if !described.get("name").is_some_and(Json::is_string) {
            return Err(problem("a field has no name".to_owned()));
        }
        let extra = match described.remove("simulator") {
            Some(extra) => {
                serde_json::from_value(extra).map_err(|error| problem(error.to_string()))?
            }
            None => Extra::default(),
        };
        complete::field(&mut described, extra.roll_up.is_some());
        let text = |key: &str| described.get(key).and_then(Json::as_str).map(str::to_owned);
        let flag = |key: &str| described.get(key).and_then(Json::as_bool).unwrap_or_default();
        let size = |key: &str| {
            let size = described.get(key).and_then(Json::as_u64).unwrap_or_default();
            usize::try_from(size).unwrap_or(usize::MAX)
        };
        let type_name = text("type").unwrap_or_default();
        Ok(Self {
            name: text("name").unwrap_or_default(),
            label: text("label").unwrap_or_default(),
            kind: FieldType::of(&type_name),
            type_name,
            length: size("length"),
            precision: size("precision"),
            scale: size("scale"),
            digits: size("digits"),
            nillable: flag("nillable"),
            createable: flag("createable"),
            updateable: flag("updateable"),
            defaulted_on_create: flag("defaultedOnCreate"),
            calculated: flag("calculated"),
            auto_number: flag("autoNumber"),
            external_id: flag("externalId"),
            id_lookup: flag("idLookup"),
            unique: flag("unique"),
            case_sensitive: flag("caseSensitive"),
            restricted_picklist: flag("restrictedPicklist"),
            filterable: flag("filterable"),
            sortable: flag("sortable"),
            custom: flag("custom"),
            name_field: flag("nameField"),
            cascade_delete: flag("cascadeDelete"),
            restricted_delete: flag("restrictedDelete"),
            master_detail: described.get("relationshipOrder").is_some_and(Json::is_number),
            reference_to: complete::texts(described.get("referenceTo")),
            relationship_name: text("relationshipName"),
            compound_field_name: text("compoundFieldName"),
            picklist: complete::active_values(&described),
            default_value: complete::default_of(&described),
            formula: text("calculatedFormula").and_then(|formula| Formula::parse(&formula)),
            roll_up: extra.roll_up,
            display_format: extra.display_format.unwrap_or_else(|| "{00000}".to_owned()),
            child_relationship: extra.child_relationship,
            described,
        })
    }

    /// Whether rows are found by this field: what an upsert or a parent in a body may use.
    #[must_use]
    pub fn is_key(&self) -> bool {
        self.external_id || self.id_lookup
    }
}
