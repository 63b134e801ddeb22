//! The Tooling API, as far as data clients look into it: queries and describes are well formed and
//! the org has no metadata to tell of; Apex is not run.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    http::{call::Call, refusal::Refusal, reply::Reply},
    soql,
    value::JsonMap,
};

/// The objects of the Tooling API that are known by name.
const OBJECTS: [&str; 16] = [
    "ApexClass",
    "ApexComponent",
    "ApexLog",
    "ApexPage",
    "ApexTrigger",
    "CustomField",
    "CustomObject",
    "DebugLevel",
    "EntityDefinition",
    "FieldDefinition",
    "Flow",
    "FlowDefinition",
    "RecordType",
    "TraceFlag",
    "ValidationRule",
    "WorkflowRule",
];

/// `GET /tooling/…`
///
/// # Errors
/// 404 for what the Tooling API does not have, 400 for a malformed query.
pub(crate) fn tooling(call: &Call, path: &[String]) -> Result<Reply, Refusal> {
    let words: Vec<&str> = path.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => {
            let resource =
                |name: &str| (name.to_owned(), json!(call.path_of(&format!("tooling/{name}"))));
            let all = ["query", "sobjects", "executeAnonymous"].map(resource);
            Ok(Reply::ok(&serde_json::Map::from_iter(all)))
        }
        ["query"] => query(call),
        ["sobjects"] => {
            let objects: Vec<Value> = OBJECTS.iter().map(|name| described(call, name)).collect();
            Ok(Reply::ok(&json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects })))
        }
        ["sobjects", object] => {
            let object = described(call, known(object).ok_or_else(Refusal::not_found)?);
            Ok(Reply::ok(&json!({ "objectDescribe": object, "recentItems": [] })))
        }
        ["sobjects", object, "describe"] => {
            let mut object = described(call, known(object).ok_or_else(Refusal::not_found)?);
            if let Value::Object(members) = &mut object {
                members.extend(details());
            }
            Ok(Reply::ok(&object))
        }
        ["executeAnonymous"] if call.parameter("anonymousBody").is_some() => {
            Ok(Reply::ok(&json!({
                "line": 1, "column": 1, "compiled": false, "success": false,
                "compileProblem": "Apex is not available in this org",
                "exceptionStackTrace": null, "exceptionMessage": null,
            })))
        }
        ["executeAnonymous"] => {
            let message = "anonymousBody is a required parameter";
            Err(Refusal::rest(StatusCode::BAD_REQUEST, "MISSING_ARGUMENT", message))
        }
        _ => Err(Refusal::not_found()),
    }
}

/// What a describe has and describe global has not.
fn details() -> JsonMap {
    let fields =
        json!([field("Id", "id", "tns:ID", 18), field("Name", "string", "xsd:string", 255)]);
    JsonMap::from_iter([
        ("fields".to_owned(), fields),
        ("childRelationships".to_owned(), json!([])),
        ("recordTypeInfos".to_owned(), json!([])),
    ])
}

fn query(call: &Call) -> Result<Reply, Refusal> {
    let Some(text) = call.parameter("q") else {
        let message = "A query string has to be specified";
        return Err(Refusal::bad_request("MALFORMED_QUERY", message));
    };
    let query = soql::parse(text)?;
    let Some(object) = known(&query.from) else {
        let message = format!("sObject type '{}' is not supported.", query.from);
        return Err(Refusal::bad_request("INVALID_TYPE", message));
    };
    Ok(Reply::ok(&json!({
        "size": 0, "totalSize": 0, "done": true, "queryLocator": null,
        "entityTypeName": object, "records": [],
    })))
}

fn known(name: &str) -> Option<&'static str> {
    OBJECTS.iter().find(|object| object.eq_ignore_ascii_case(name)).copied()
}

fn described(call: &Call, name: &str) -> Value {
    let url = call.path_of(&format!("tooling/sobjects/{name}"));
    json!({
        "activateable": false, "createable": false, "custom": false, "customSetting": false,
        "deletable": false, "deprecatedAndHidden": false, "feedEnabled": false, "keyPrefix": null,
        "label": name, "labelPlural": name, "layoutable": false, "mergeable": false,
        "mruEnabled": false, "name": name, "queryable": true, "replicateable": false,
        "retrieveable": true, "searchable": false, "triggerable": false, "undeletable": false,
        "updateable": false,
        "urls": { "sobject": url, "describe": format!("{url}/describe"), "rowTemplate": format!("{url}/{{ID}}") },
    })
}

fn field(name: &str, kind: &str, soap_type: &str, length: u32) -> Value {
    json!({
        "name": name, "label": name, "type": kind, "soapType": soap_type, "length": length,
        "byteLength": length * 3, "nillable": false, "createable": false, "updateable": false,
        "custom": false, "calculated": false, "filterable": true, "sortable": true, "groupable": true,
        "idLookup": name == "Id", "nameField": name == "Name", "unique": false, "externalId": false,
        "referenceTo": [], "relationshipName": null, "picklistValues": [], "precision": 0, "scale": 0,
        "digits": 0, "defaultValue": null, "inlineHelpText": null,
    })
}
