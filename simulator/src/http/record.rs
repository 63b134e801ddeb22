//! The body of a write to one row, in the forms that Salesforce takes: JSON, XML, and a form with
//! the row in one part and its file in another.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::{
    Org,
    exact::keep_digits,
    http::{call::Call, multipart, refusal::Refusal, rest_xml},
    schema::{FieldType, Object},
    value::JsonMap,
};

/// Reads the row in a body.
///
/// # Errors
/// 415 for a body in another form, 400 for one that cannot be read.
pub(crate) fn read(call: &Call, org: &Org, object: &str) -> Result<JsonMap, Refusal> {
    let object = org.schema().object(object).ok_or_else(Refusal::not_found)?;
    match call.media_type().as_deref() {
        Some("application/xml" | "text/xml") => {
            let mut row = rest_xml::row(&call.body)?;
            give_types(object, &mut row);
            Ok(row)
        }
        Some("multipart/form-data") => of_form(call, object),
        _ => call.json(),
    }
}

/// In XML everything is text; only flags are not read from text.
fn give_types(object: &Object, row: &mut JsonMap) {
    for (name, value) in row.iter_mut() {
        let is_flag =
            object.field_named(name).is_some_and(|field| field.kind == FieldType::Boolean);
        let flag = match value.as_str().map(str::trim) {
            Some("true" | "1") => true,
            Some("false" | "0") => false,
            _ => continue,
        };
        if is_flag {
            *value = Value::Bool(flag);
        }
    }
}

/// The part with JSON is the row; the part called after a base64 field is its file.
fn of_form(call: &Call, object: &Object) -> Result<JsonMap, Refusal> {
    let refused = |message: &str| Refusal::bad_request("INVALID_MULTIPART_REQUEST", message);
    let parts = multipart::parts(call).ok_or_else(|| refused("The body is no multipart form"))?;
    let is_json = |part: &&multipart::Part| part.content_type.starts_with("application/json");
    let row = parts.iter().find(is_json).or(parts.iter().find(|part| part.file_name.is_none()));
    let row = row.ok_or_else(|| refused("The form has no part with the record"))?;
    let mut body: JsonMap = serde_json::from_slice(&keep_digits(&row.content))
        .map_err(|error| Refusal::malformed_json(&error))?;
    for part in parts.iter().filter(|part| !std::ptr::eq(*part, row)) {
        let field = object.field_named(&part.name);
        let Some(field) = field.filter(|field| field.kind == FieldType::Base64) else {
            let message = format!("The part '{}' is called after no file field", part.name);
            return Err(refused(&message));
        };
        body.insert(field.name.clone(), Value::String(STANDARD.encode(&part.content)));
    }
    Ok(body)
}
