//! Fills in what a describe file leaves out, so that every describe answer is complete.

use serde_json::{Value as Json, json};

use crate::value::JsonMap;

/// Attributes of a field that are usually false.
const FIELD_FALSE: [&str; 19] = [
    "aiPredictionField",
    "autoNumber",
    "cascadeDelete",
    "caseSensitive",
    "dependentPicklist",
    "deprecatedAndHidden",
    "displayLocationInDecimal",
    "encrypted",
    "externalId",
    "formulaTreatNullNumberAsZero",
    "highScaleNumber",
    "htmlFormatted",
    "nameField",
    "namePointing",
    "restrictedDelete",
    "restrictedPicklist",
    "searchPrefilterable",
    "unique",
    "writeRequiresMasterRead",
];

/// Fields that the org fills.
const SYSTEM: [&str; 10] = [
    "Id",
    "IsDeleted",
    "CreatedDate",
    "CreatedById",
    "LastModifiedDate",
    "LastModifiedById",
    "SystemModstamp",
    "LastActivityDate",
    "LastViewedDate",
    "LastReferencedDate",
];

/// Attributes of an object that are usually true.
const OBJECT_TRUE: [&str; 12] = [
    "compactLayoutable",
    "createable",
    "deletable",
    "layoutable",
    "mruEnabled",
    "queryable",
    "replicateable",
    "retrieveable",
    "searchable",
    "triggerable",
    "undeletable",
    "updateable",
];

/// Attributes of an object that are usually null.
const OBJECT_NULL: [&str; 11] = [
    "associateEntityType",
    "associateParentEntity",
    "defaultImplementation",
    "extendedBy",
    "extendsInterfaces",
    "implementedBy",
    "implementsInterfaces",
    "keyPrefix",
    "listviewable",
    "lookupLayoutable",
    "networkScopeFieldName",
];

/// Attributes of a field that are usually null.
const FIELD_NULL: [&str; 7] = [
    "controllerName",
    "defaultValueFormula",
    "filteredLookupInfo",
    "inlineHelpText",
    "mask",
    "maskType",
    "referenceTargetField",
];

/// Attributes of an object that are usually false.
const OBJECT_FALSE: [&str; 9] = [
    "activateable",
    "customSetting",
    "deepCloneable",
    "deprecatedAndHidden",
    "feedEnabled",
    "hasSubtypes",
    "isInterface",
    "isSubtype",
    "mergeable",
];

/// Sets a member unless the file has it.
fn fill(described: &mut JsonMap, key: &str, value: Json) {
    described.entry(key).or_insert(value);
}

/// The strings of a JSON array.
pub(super) fn texts(list: Option<&Json>) -> Vec<String> {
    let list = list.and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Json::as_str).map(str::to_owned).collect()
}

/// The values of a picklist that are active, in order.
pub(super) fn active_values(field: &JsonMap) -> Vec<String> {
    let values = field.get("picklistValues").and_then(Json::as_array).map(Vec::as_slice);
    let is_active = |value: &&Json| value.get("active").and_then(Json::as_bool).unwrap_or(true);
    let text = |value: &Json| value.get("value").and_then(Json::as_str).map(str::to_owned);
    values.unwrap_or_default().iter().filter(is_active).filter_map(text).collect()
}

/// The default: the member `defaultValue`, else the picklist value marked so.
pub(super) fn default_of(field: &JsonMap) -> Json {
    match field.get("defaultValue") {
        Some(value) if !value.is_null() => value.clone(),
        _ => {
            let values = field.get("picklistValues").and_then(Json::as_array).map(Vec::as_slice);
            let chosen = values
                .unwrap_or_default()
                .iter()
                .find(|value| value.get("defaultValue") == Some(&Json::Bool(true)));
            chosen.and_then(|value| value.get("value")).cloned().unwrap_or(Json::Null)
        }
    }
}

/// Marks the picklist value that is the default.
pub(super) fn mark_default(field: &mut JsonMap, default: &Json) {
    let Some(Json::Array(values)) = field.get_mut("picklistValues") else { return };
    for value in values.iter_mut().filter_map(Json::as_object_mut) {
        let is_default = value.get("value") == Some(default);
        value.insert("defaultValue".to_owned(), json!(is_default));
    }
}

/// Completes one element of `fields`. A field with a roll-up is calculated.
pub(super) fn field(field: &mut JsonMap, is_roll_up: bool) {
    let name = field.get("name").and_then(Json::as_str).unwrap_or_default().to_owned();
    fill(field, "type", json!("string"));
    let kind = field.get("type").and_then(Json::as_str).unwrap_or_default().to_owned();
    expand_picklist(field);
    fill(field, "calculatedFormula", Json::Null);
    let has_formula = field.get("calculatedFormula").is_some_and(Json::is_string);
    fill(field, "calculated", json!(has_formula || is_roll_up));
    writability(field, &name, &kind);
    sizes(field, &kind);
    references(field, &kind);
    queries(field, &kind);
    let custom = name.ends_with("__c") || name.ends_with("__s");
    let label = name.trim_end_matches("__c").replace('_', " ");
    for (key, value) in [
        ("label", json!(label)),
        ("custom", json!(custom)),
        ("soapType", json!(soap_type(&kind))),
        ("extraTypeInfo", Json::Null),
        ("permissionable", json!(custom)),
        ("compoundFieldName", Json::Null),
        ("idLookup", json!(kind == "id" || field.get("externalId") == Some(&json!(true)))),
    ] {
        fill(field, key, value);
    }
    for key in FIELD_FALSE {
        fill(field, key, json!(false));
    }
    for key in FIELD_NULL {
        fill(field, key, Json::Null);
    }
}

/// Picklist values may be written as bare strings; the first active default stays marked.
fn expand_picklist(field: &mut JsonMap) {
    fill(field, "picklistValues", json!([]));
    let default = field.get("defaultValue").cloned().unwrap_or(Json::Null);
    let Some(Json::Array(values)) = field.get_mut("picklistValues") else { return };
    for value in values {
        if let Json::String(text) = value {
            *value = json!({
                "active": true, "defaultValue": default == json!(text), "label": text,
                "validFor": null, "value": text,
            });
        }
    }
}

/// Who may write the field, and whether it may be null.
fn writability(field: &mut JsonMap, name: &str, kind: &str) {
    let is = |key: &str| field.get(key).and_then(Json::as_bool).unwrap_or_default();
    let has_default = field.get("defaultValue").is_some_and(|value| !value.is_null());
    let is_detail = field.get("relationshipOrder").is_some_and(Json::is_number);
    let is_system = SYSTEM.contains(&name);
    let nullable_system =
        name.ends_with("ActivityDate") || name.contains("LastView") || name.contains("LastRef");
    let read_only = is_system
        || is("calculated")
        || is("autoNumber")
        || matches!(kind, "address" | "location" | "id");
    let always_set = kind == "boolean"
        || (is_system && !nullable_system)
        || is_detail
        || is("autoNumber")
        || name == "OwnerId";
    let defaulted = always_set && !is_detail || has_default;
    fill(field, "createable", json!(!read_only));
    fill(field, "updateable", json!(!read_only && !is_detail));
    fill(field, "nillable", json!(!always_set));
    fill(field, "defaultedOnCreate", json!(defaulted));
    let default = if kind == "boolean" { json!(false) } else { Json::Null };
    fill(field, "defaultValue", default);
}

fn sizes(field: &mut JsonMap, kind: &str) {
    let length = match kind {
        "id" | "reference" => 18,
        "phone" => 40,
        "email" => 80,
        "multipicklist" => 4099,
        "encryptedstring" => 175,
        "string" | "url" | "picklist" | "combobox" | "textarea" => 255,
        _ => 0,
    };
    fill(field, "length", json!(length));
    let length = field.get("length").and_then(Json::as_u64).unwrap_or_default();
    let bytes = if matches!(kind, "id" | "reference") { length } else { length * 3 };
    fill(field, "byteLength", json!(bytes));
    let (precision, scale) = match kind {
        "double" => (18, 0),
        "currency" | "percent" => (18, 2),
        _ => (0, 0),
    };
    fill(field, "precision", json!(precision));
    fill(field, "scale", json!(scale));
    fill(field, "digits", json!(if kind == "int" { 9 } else { 0 }));
}

fn references(field: &mut JsonMap, kind: &str) {
    fill(field, "referenceTo", json!([]));
    let polymorphic = texts(field.get("referenceTo")).len() > 1;
    let name = field.get("name").and_then(Json::as_str).unwrap_or_default();
    let relationship = match name.strip_suffix("__c") {
        Some(stem) => format!("{stem}__r"),
        None => name.trim_end_matches("Id").to_owned(),
    };
    let relationship = if kind == "reference" { json!(relationship) } else { Json::Null };
    fill(field, "relationshipName", relationship);
    fill(field, "relationshipOrder", Json::Null);
    fill(field, "polymorphicForeignKey", json!(polymorphic));
    fill(field, "namePointing", json!(polymorphic));
    if kind == "reference" {
        let is_detail = field.get("relationshipOrder").is_some_and(Json::is_number);
        fill(field, "cascadeDelete", json!(is_detail));
        fill(field, "writeRequiresMasterRead", json!(false));
    }
}

fn queries(field: &mut JsonMap, kind: &str) {
    let length = field.get("length").and_then(Json::as_u64).unwrap_or_default();
    let is_long = kind == "textarea" && length > 255;
    let opaque = is_long || matches!(kind, "base64" | "encryptedstring");
    let is_compound = matches!(kind, "address" | "location");
    let is_number = matches!(kind, "double" | "currency" | "percent");
    fill(field, "filterable", json!(!opaque));
    fill(field, "sortable", json!(!opaque && !is_compound && kind != "multipicklist"));
    fill(field, "groupable", json!(!opaque && !is_compound && !is_number && kind != "datetime"));
    fill(field, "aggregatable", json!(!opaque && !is_compound && kind != "boolean"));
    fill(field, "queryByDistance", json!(is_compound));
    if kind == "textarea" && field.get("htmlFormatted") != Some(&json!(true)) {
        fill(field, "extraTypeInfo", json!("plaintextarea"));
    }
}

fn soap_type(kind: &str) -> &'static str {
    match kind {
        "id" | "reference" => "tns:ID",
        "boolean" => "xsd:boolean",
        "int" => "xsd:int",
        "long" => "xsd:long",
        "double" | "currency" | "percent" => "xsd:double",
        "date" => "xsd:date",
        "datetime" => "xsd:dateTime",
        "time" => "xsd:time",
        "base64" => "xsd:base64Binary",
        "address" => "urn:address",
        "location" => "urn:location",
        "anyType" => "xsd:anyType",
        _ => "xsd:string",
    }
}

/// Completes the top level of a describe, without `fields` and `childRelationships`.
pub(super) fn object(object: &mut JsonMap) {
    let name = object.get("name").and_then(Json::as_str).unwrap_or_default().to_owned();
    let custom = name.ends_with("__c");
    fill(object, "label", json!(name.trim_end_matches("__c").replace('_', " ")));
    let label = object.get("label").and_then(Json::as_str).unwrap_or_default().to_owned();
    fill(object, "labelPlural", json!(format!("{label}s")));
    fill(object, "custom", json!(custom));
    fill(object, "sobjectDescribeOption", json!("FULL"));
    for key in OBJECT_TRUE {
        fill(object, key, json!(true));
    }
    for key in OBJECT_FALSE {
        fill(object, key, json!(false));
    }
    for key in OBJECT_NULL {
        fill(object, key, Json::Null);
    }
    fill(object, "searchLayoutable", json!(true));
    fill(object, "actionOverrides", json!([]));
    fill(object, "namedLayoutInfos", json!([]));
    fill(object, "supportedScopes", json!([{"label": "All", "name": "everything"}]));
    fill(object, "urls", urls(&name));
    super::record_type::complete(object, &name);
}

fn urls(name: &str) -> Json {
    let base = format!("/services/data/v0.0/sobjects/{name}");
    json!({
        "approvalLayouts": format!("{base}/describe/approvalLayouts"),
        "compactLayouts": format!("{base}/describe/compactLayouts"),
        "defaultValues": format!("{base}/defaultValues?recordTypeId&fields"),
        "describe": format!("{base}/describe"),
        "layouts": format!("{base}/describe/layouts"),
        "listviews": format!("{base}/listviews"),
        "quickActions": format!("{base}/quickActions"),
        "rowTemplate": format!("{base}/{{ID}}"),
        "sobject": base,
    })
}

/// Puts the version into every `/services/data/v…/` path inside a describe.
pub(crate) fn set_version(described: &mut Json, version: &str) {
    match described {
        Json::String(text) => {
            let rest = text.strip_prefix("/services/data/").and_then(|path| path.split_once('/'));
            if let Some((_, rest)) = rest {
                *text = format!("/services/data/v{version}/{rest}");
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| set_version(item, version)),
        Json::Object(members) => {
            members.values_mut().for_each(|member| set_version(member, version));
        }
        _ => {}
    }
}
