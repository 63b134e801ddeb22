//! The shape of an object's change events: an Avro record, known by an id that never changes.
//!
//! Components of names, addresses and locations are nested in a record of their own. What is
//! computed (formulas, roll-ups) is not part of an event, nor is what every event would repeat (`Id`,
//! `SystemModstamp`, `IsDeleted`).

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use super::event::{ChangeType, Place};
use crate::schema::{Field, FieldType, Object};

/// Fields that no event carries.
const LEFT_OUT: [&str; 7] = [
    "Id",
    "IsDeleted",
    "SystemModstamp",
    "MasterRecordId",
    "LastReferencedDate",
    "LastViewedDate",
    "PhotoUrl",
];

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventType {
    Boolean,
    Int,
    Long,
    Double,
    Text,
    /// Days, moments and times of day: milliseconds in Avro, text in JSON.
    Time,
    /// A record of parts.
    Nested,
}

impl EventType {
    fn of(field: &Field) -> Self {
        match field.kind {
            FieldType::Boolean => Self::Boolean,
            FieldType::Int if field.type_name == "int" => Self::Int,
            FieldType::Int => Self::Long,
            FieldType::Number => Self::Double,
            FieldType::Date | FieldType::Datetime | FieldType::Time => Self::Time,
            _ => Self::Text,
        }
    }

    fn avro(self) -> Json {
        match self {
            Self::Boolean => json!("boolean"),
            Self::Int => json!("int"),
            Self::Double => json!("double"),
            Self::Long | Self::Time => json!("long"),
            Self::Text | Self::Nested => json!("string"),
        }
    }
}

/// A field of an event's record.
#[derive(Debug, Clone)]
pub(crate) struct EventField {
    pub(crate) name: String,
    pub(crate) kind: EventType,
    /// What a nested record holds.
    pub(crate) parts: Vec<EventField>,
    /// The object's field that is shown; of no meaning for a nested record.
    pub(crate) source: String,
}

/// The schema of one object's change events.
#[derive(Debug, Clone)]
pub(crate) struct EventSchema {
    /// Known for ever by this; another shape has another id.
    pub(crate) id: String,
    /// The object.
    pub(crate) entity: String,
    /// The Avro schema.
    pub(crate) json: String,
    /// The fields by their index; index 0 is the header and has no entry here.
    pub(crate) fields: Vec<EventField>,
    /// Places and the numbers of the object's fields that they show.
    pub(super) columns: Vec<(Place, usize)>,
    /// Tells whether the object's fields are still the same.
    pub(super) fingerprint: u128,
}

impl EventSchema {
    /// The schema of an object as it is now.
    pub(crate) fn of(object: &Object) -> Self {
        let mut fields: Vec<EventField> = Vec::new();
        let mut columns = Vec::new();
        let mut nested: HashMap<String, usize> = HashMap::new();
        for (number, field) in object.fields().iter().enumerate() {
            // A field that was dropped leaves a hole.
            if object.field(number).is_none() || !is_told(field) {
                continue;
            }
            let Some(compound) = compound_of(object, field) else {
                fields.push(EventField::simple(field, field.name.clone()));
                columns.push((Place { field: fields.len(), part: None }, number));
                continue;
            };
            let at = *nested.entry(compound.clone()).or_insert_with(|| {
                fields.push(EventField {
                    name: compound.clone(),
                    kind: EventType::Nested,
                    parts: Vec::new(),
                    source: compound.clone(),
                });
                fields.len()
            });
            if let Some(record) = fields.get_mut(at - 1) {
                record.parts.push(EventField::simple(field, part_name(&compound, &field.name)));
                let place = Place { field: at, part: Some(record.parts.len() - 1) };
                columns.push((place, number));
            }
        }
        columns.sort_unstable();
        let name = event_name(object.name());
        let json = avro(&name, &fields).to_string();
        Self {
            id: id_of(&json),
            entity: object.name().to_owned(),
            json,
            fields,
            columns,
            fingerprint: fingerprint(object),
        }
    }

    /// The field at a place.
    pub(crate) fn field(&self, place: Place) -> Option<&EventField> {
        let field = self.fields.get(place.field.checked_sub(1)?)?;
        place.part.map_or(Some(field), |part| field.parts.get(part))
    }

    /// The name of a place: `Phone`, or `BillingAddress.City`.
    pub(crate) fn path(&self, place: Place) -> String {
        let name = |place| self.field(place).map_or("", |field| field.name.as_str());
        match place.part {
            None => name(place).to_owned(),
            Some(_) => format!("{}.{}", name(Place { part: None, ..place }), name(place)),
        }
    }
}

impl EventField {
    fn simple(field: &Field, name: String) -> Self {
        Self { name, kind: EventType::of(field), parts: Vec::new(), source: field.name.clone() }
    }

    fn avro(&self, known: &mut Vec<String>) -> Json {
        let shown =
            if self.kind == EventType::Nested { self.nested_avro(known) } else { self.kind.avro() };
        json!({ "name": self.name, "type": ["null", shown], "default": null })
    }

    /// A record type is written out once and referred to by its name afterwards.
    fn nested_avro(&self, known: &mut Vec<String>) -> Json {
        let parts: Vec<&str> = self.parts.iter().map(|part| part.name.as_str()).collect();
        let stem = match parts.as_slice() {
            _ if self.name == "Name" => "PersonName",
            ["Latitude", "Longitude"] => "Location",
            _ => "Address",
        };
        let signature = format!("{stem}({})", parts.join(","));
        let named = known.iter().filter(|known| known.starts_with(&format!("{stem}("))).count();
        if let Some(position) = known
            .iter()
            .filter(|known| known.starts_with(&format!("{stem}(")))
            .position(|known| *known == signature)
        {
            return json!(format!("com.sforce.eventbus.{}", numbered(stem, position)));
        }
        known.push(signature);
        let fields: Vec<Json> = self.parts.iter().map(|part| part.avro(known)).collect();
        json!({ "type": "record", "name": numbered(stem, named), "fields": fields })
    }
}

fn numbered(stem: &str, position: usize) -> String {
    if position == 0 { stem.to_owned() } else { format!("{stem}{position}") }
}

/// `AccountChangeEvent`, `Invoice__ChangeEvent`.
pub(crate) fn event_name(object: &str) -> String {
    match object.strip_suffix("__c") {
        Some(stem) => format!("{stem}__ChangeEvent"),
        None => format!("{object}ChangeEvent"),
    }
}

/// Changes whenever a change of the object's fields changes its events.
pub(super) fn fingerprint(object: &Object) -> u128 {
    let numbers = 0..object.fields().len();
    let fields = numbers.filter_map(|number| object.field(number)).filter(|field| is_told(field));
    let parts = fields.flat_map(|field| {
        let compound = field.compound_field_name.as_deref().unwrap_or_default();
        [field.name.as_str(), field.type_name.as_str(), compound]
    });
    let count = object.fields().len().to_string();
    parts.chain([count.as_str()]).fold(FNV_START, |hash, part| fnv(fnv(hash, part), "\0"))
}

fn is_told(field: &Field) -> bool {
    let is_computed = field.calculated || field.formula.is_some() || field.roll_up.is_some();
    let is_left_out = LEFT_OUT.iter().any(|name| field.name.eq_ignore_ascii_case(name));
    !is_computed
        && !is_left_out
        && !field.kind.is_compound()
        && field.kind != FieldType::Base64
        && !is_person_name(field)
}

/// A `Name` that is only a view on first and last name.
fn is_person_name(field: &Field) -> bool {
    field.name == "Name" && !field.createable && !field.auto_number
}

/// The nested record that a component belongs to.
fn compound_of(object: &Object, field: &Field) -> Option<String> {
    let compound = field.compound_field_name.as_ref().filter(|name| **name != field.name)?;
    let known = object.field_named(compound)?;
    (known.kind.is_compound() || is_person_name(known)).then(|| known.name.clone())
}

/// `BillingCity` is the part `City` of `BillingAddress`.
fn part_name(compound: &str, field: &str) -> String {
    if let Some(stem) = compound.strip_suffix("__c") {
        let part = field.strip_prefix(&format!("{stem}__")).unwrap_or(field);
        return part.trim_end_matches("__s").to_owned();
    }
    let stem = compound.strip_suffix("Address").unwrap_or_default();
    field.strip_prefix(stem).unwrap_or(field).to_owned()
}

fn avro(name: &str, fields: &[EventField]) -> Json {
    let strings = json!({ "type": "array", "items": "string" });
    let kinds = json!({ "type": "enum", "name": "ChangeType", "symbols": ChangeType::names() });
    let header = json!({
        "type": "record",
        "name": "ChangeEventHeader",
        "fields": [
            { "name": "entityName", "type": "string" },
            { "name": "recordIds", "type": strings },
            { "name": "changeType", "type": kinds },
            { "name": "changeOrigin", "type": "string" },
            { "name": "transactionKey", "type": "string" },
            { "name": "sequenceNumber", "type": "int" },
            { "name": "commitTimestamp", "type": "long" },
            { "name": "commitNumber", "type": "long" },
            { "name": "commitUser", "type": "string" },
            { "name": "nulledFields", "type": strings },
            { "name": "diffFields", "type": strings },
            { "name": "changedFields", "type": strings },
        ],
    });
    let mut known = Vec::new();
    let mut all = vec![json!({ "name": "ChangeEventHeader", "type": header })];
    all.extend(fields.iter().map(|field| field.avro(&mut known)));
    json!({ "type": "record", "name": name, "namespace": "com.sforce.eventbus", "fields": all })
}

const FNV_START: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const FNV_PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

/// FNV-1a: the same text has the same hash in every version of the program.
pub(super) fn fnv(hash: u128, text: &str) -> u128 {
    text.bytes().fold(hash, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(FNV_PRIME))
}

/// The hash of a text.
pub(super) fn hash_of(text: &str) -> u128 {
    fnv(FNV_START, text)
}

/// A schema id: 22 characters that depend on the schema alone.
fn id_of(json: &str) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(hash_of(json).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Schema;

    fn schema(object: &str) -> EventSchema {
        EventSchema::of(Schema::sample().object(object).unwrap())
    }

    #[test]
    fn channels_are_named_after_their_objects() {
        assert_eq!(event_name("Account"), "AccountChangeEvent");
        assert_eq!(event_name("Invoice__c"), "Invoice__ChangeEvent");
    }

    #[test]
    fn components_are_nested_and_computed_fields_left_out() {
        let contact = schema("Contact");
        let account = schema("Account");
        let invoice = schema("Invoice__c");
        let paths = |schema: &EventSchema| -> Vec<String> {
            schema.columns.iter().map(|(place, _)| schema.path(*place)).collect()
        };

        assert!(paths(&contact).contains(&"Name.LastName".to_owned()));
        assert!(paths(&contact).contains(&"MailingAddress.PostalCode".to_owned()));
        assert!(paths(&account).contains(&"Name".to_owned()));
        assert!(paths(&account).contains(&"Headquarters__c.Latitude".to_owned()));
        assert!(!paths(&account).iter().any(|path| LEFT_OUT.contains(&path.as_str())));
        assert!(!paths(&invoice).contains(&"Line_Total__c".to_owned()), "a roll-up");
    }

    #[test]
    fn a_schema_id_changes_with_the_fields_and_with_nothing_else() {
        let text = r#"{"name":"Thing__c","keyPrefix":"a0x","fields":[{"name":"Name","type":"string"},{"name":"A__c","type":"string"}]}"#;
        let of = |text: String| {
            let schema = Schema::from_texts([("t".to_owned(), text)]).unwrap();
            EventSchema::of(schema.object("Thing__c").unwrap())
        };
        let (one, again) = (of(text.to_owned()), of(text.replace("a0x", "a0y")));
        let other = of(text.replace("\"A__c\",\"type\":\"string\"", "\"A__c\",\"type\":\"date\""));

        assert_eq!((&one.id, one.fingerprint), (&again.id, again.fingerprint));
        assert_ne!(one.id, other.id);
        assert_ne!(one.fingerprint, other.fingerprint);
    }
}
