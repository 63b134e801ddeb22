//! Features of an org that add fields to its objects.

use serde_json::{Value as Json, json};

use crate::value::JsonMap;

/// The currencies of an org with several, the corporate one first.
pub const CURRENCIES: [(&str, f64); 4] = [("USD", 1.0), ("EUR", 0.9), ("GBP", 0.8), ("JPY", 150.0)];

/// What an org has beyond the ordinary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Features {
    /// Objects with amounts have a `CurrencyIsoCode`, and there is `CurrencyType`.
    pub multi_currency: bool,
    /// Accounts may be persons, with fields and a shadow among the contacts.
    pub person_accounts: bool,
}

/// Fields of contacts that accounts have under a name with `Person` before it.
const PERSON_FIELDS: [&str; 8] = [
    "AssistantName",
    "Birthdate",
    "Department",
    "Email",
    "HomePhone",
    "LeadSource",
    "MobilePhone",
    "Title",
];

/// Fields that both have under the same name.
const NAME_FIELDS: [&str; 3] = ["FirstName", "LastName", "Salutation"];

/// The contact's name of an account's person field.
pub(crate) fn contact_field(name: &str) -> Option<String> {
    if NAME_FIELDS.contains(&name) {
        return Some(name.to_owned());
    }
    if let Some(stem) = name.strip_suffix("__pc") {
        return Some(format!("{stem}__c"));
    }
    let plain = name.strip_prefix("Person")?;
    PERSON_FIELDS.contains(&plain).then(|| plain.to_owned())
}

/// The account's name of a contact's field, if accounts have it.
fn account_field(name: &str) -> Option<String> {
    if NAME_FIELDS.contains(&name) {
        return Some(name.to_owned());
    }
    if let Some(stem) = name.strip_suffix("__c") {
        return Some(format!("{stem}__pc"));
    }
    PERSON_FIELDS.contains(&name).then(|| format!("Person{name}"))
}

impl Features {
    /// The fields that accounts get of the contact's describe.
    pub(super) fn person_fields(self, texts: &[(String, String)]) -> Vec<Json> {
        if !self.person_accounts {
            return Vec::new();
        }
        let mut described =
            texts.iter().filter_map(|(_, text)| serde_json::from_str::<Json>(text).ok());
        let contact = described.rfind(|json| json.get("name") == Some(&json!("Contact")));
        let fields = contact.as_ref().and_then(|contact| contact.get("fields")?.as_array());
        let fields = fields.map(Vec::as_slice).unwrap_or_default();
        let mut added = vec![
            json!({"name": "IsPersonAccount", "label": "Is Person Account", "type": "boolean",
                "createable": false, "updateable": false}),
            json!({"name": "PersonContactId", "label": "Contact ID", "type": "reference",
                "referenceTo": ["Contact"], "createable": false, "updateable": false}),
        ];
        added.extend(fields.iter().filter_map(person_field));
        added
    }

    /// Adds to a describe what the features bring, unless it has it already.
    pub(super) fn extend(self, described: &mut JsonMap, person_fields: &[Json]) {
        let name = described.get("name").and_then(Json::as_str).unwrap_or_default().to_owned();
        let Some(Json::Array(fields)) = described.get_mut("fields") else { return };
        let has = |fields: &[Json], name: &Json| {
            fields.iter().any(|field| field.get("name") == Some(name))
        };
        let added = match name.as_str() {
            "Account" => person_fields,
            "Contact" => person_fields.get(..1).unwrap_or_default(),
            _ => &[],
        };
        for field in added {
            if !has(fields, field.get("name").unwrap_or(&Json::Null)) {
                fields.push(field.clone());
            }
        }
        let has_amounts = fields.iter().any(|field| field.get("type") == Some(&json!("currency")));
        let has_code = has(fields, &json!("CurrencyIsoCode"));
        if self.multi_currency && has_amounts && !has_code {
            let codes = CURRENCIES.map(|(code, _)| code);
            fields.push(json!({
                "name": "CurrencyIsoCode", "label": "Currency ISO Code", "type": "picklist",
                "length": 3, "picklistValues": codes, "defaultValue": codes[0],
                "restrictedPicklist": true, "defaultedOnCreate": true,
            }));
        }
    }

    /// Describes of objects that only orgs with these features have.
    pub(super) fn objects(self) -> Vec<(String, String)> {
        if !self.multi_currency {
            return Vec::new();
        }
        let described = json!({
            "name": "CurrencyType", "label": "Currency Type", "keyPrefix": "01L", "deletable": false,
            "undeletable": false,
            "fields": [
                {"name": "IsoCode", "label": "Currency ISO Code", "type": "picklist", "length": 3,
                 "nillable": false, "nameField": true},
                {"name": "ConversionRate", "type": "double", "precision": 18, "scale": 6, "nillable": false},
                {"name": "DecimalPlaces", "type": "int", "digits": 1, "nillable": false},
                {"name": "IsActive", "label": "Active", "type": "boolean"},
                {"name": "IsCorporate", "label": "Corporate Currency", "type": "boolean", "createable": false,
                 "updateable": false},
            ],
        });
        vec![("CurrencyType".to_owned(), described.to_string())]
    }
}

/// A contact's field as accounts have it: never required, a key or part of a compound.
fn person_field(field: &Json) -> Option<Json> {
    let name = field.get("name").and_then(Json::as_str)?;
    let is_plain =
        |key: &str| field.get(key).is_none_or(|value| value.is_null() || *value == json!(false));
    let is_wanted =
        is_plain("calculatedFormula") && is_plain("autoNumber") && is_plain("simulator");
    let renamed = account_field(name).filter(|_| is_wanted)?;
    let mut field = field.clone();
    let members = field.as_object_mut()?;
    members.insert("custom".to_owned(), json!(renamed.ends_with("__pc")));
    members.insert("name".to_owned(), json!(renamed));
    if members.get("type") != Some(&json!("boolean")) {
        members.insert("nillable".to_owned(), json!(true));
    }
    for key in ["compoundFieldName", "externalId", "idLookup", "unique", "nameField"] {
        members.remove(key);
    }
    Some(field)
}
