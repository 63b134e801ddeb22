//! Rows as scripts see them, and back.

use rhai::{Array, Dynamic, Map};
use serde_json::Value as Json;

use crate::{
    ApiError,
    org::{Org, Row, convert::from_json},
    schema::{Field, FieldType, Object},
    value::Value,
};

/// A stored value as a script sees it: text unless it is a number, true or false.
fn from_value(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(value) => Dynamic::from_bool(*value),
        Value::Int(number) => Dynamic::from_int(*number),
        Value::Number(_) | Value::Exact(_) => {
            Dynamic::from_float(value.as_number().unwrap_or_default())
        }
        other => other.to_cell().into(),
    }
}

/// JSON as a script sees it.
pub(super) fn from_any(json: Json) -> Dynamic {
    match json {
        Json::Null => Dynamic::UNIT,
        Json::Bool(value) => Dynamic::from_bool(value),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Dynamic::from_int(number),
            (None, Some(number)) => Dynamic::from_float(number),
            (None, None) => Dynamic::UNIT,
        },
        Json::String(text) => text.into(),
        Json::Array(items) => {
            Dynamic::from_array(items.into_iter().map(from_any).collect::<Array>())
        }
        Json::Object(members) => Dynamic::from_map(
            members.into_iter().map(|(name, value)| (name.into(), from_any(value))).collect(),
        ),
    }
}

/// A value of a script as JSON; what JSON cannot say is null.
pub(super) fn to_json(value: &Dynamic) -> Json {
    if let Ok(value) = value.as_bool() {
        return value.into();
    }
    if let Ok(number) = value.as_int() {
        return number.into();
    }
    if let Ok(number) = value.as_float() {
        return number.into();
    }
    if let Some(map) = value.read_lock::<Map>() {
        return Json::Object(
            map.iter().map(|(name, value)| (name.to_string(), to_json(value))).collect(),
        );
    }
    value.clone().into_string().map_or(Json::Null, Json::String)
}

/// All fields of a row, computed ones included.
pub(super) fn map(org: &Org, number: usize, row: &Row) -> Map {
    let fields = org.object(number).map(Object::fields).unwrap_or_default();
    let shown = fields.iter().enumerate().filter(|(_, field)| !field.kind.is_compound());
    let pair = |(at, field): (usize, &Field)| {
        (field.name.as_str().into(), from_value(&org.read(number, row, at)))
    };
    shown.map(pair).collect()
}

/// Lays what a script changed in a row's map over the row.
pub(super) fn apply(
    org: &Org,
    number: usize,
    row: &mut Row,
    (before, after): (&Map, &Map),
) -> Result<(), ApiError> {
    let object = org.object(number).ok_or_else(ApiError::unknown_object)?;
    for (name, value) in after {
        let json = to_json(value);
        if before.get(name).is_some_and(|before| to_json(before) == json) {
            continue;
        }
        let refused = |what: &str| {
            let message = format!("{what}: {}.{name}", object.name());
            ApiError::row("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message, &[])
        };
        let at = object.number(name).ok_or_else(|| refused("Invalid field"))?;
        let field = object.field(at).ok_or_else(|| refused("Invalid field"))?;
        if !field.createable && !field.updateable {
            return Err(refused("Field is not writeable"));
        }
        row.set(Some(at), assigned(field, &json)?);
    }
    Ok(())
}

/// A script need not care whether a number is whole, and clears a checkbox with `()`.
fn assigned(field: &Field, json: &Json) -> Result<Value, ApiError> {
    match (field.kind, json) {
        (FieldType::Boolean, Json::Null) => Ok(Value::Bool(false)),
        (FieldType::Int, Json::Number(number)) if number.is_f64() => {
            from_json(field, &Json::String(format!("{:.0}", number.as_f64().unwrap_or_default())))
        }
        _ => from_json(field, json),
    }
}
