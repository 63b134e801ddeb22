//! What comes in becomes a value of its field: JSON of a body, text of a cell or URL.
//!
//! Only the type is decided here, and what follows from it alone (range, length, picklist, form
//! of an address). Whether the value may be written, or refers to something, is decided elsewhere.

use chrono::{DateTime, SubsecRound, Utc};
use serde_json::Value as Json;

use crate::{
    ApiError, Id, exact,
    moment::{exact_moment, in_range, time},
    schema::{Field, FieldType},
    value::Value,
};

/// Whole numbers below it come back from a float as they were.
const FLOAT_WHOLE_MAX: u64 = 1 << 53;

/// A value from a JSON body.
pub(super) fn from_json(field: &Field, json: &Json) -> Result<Value, ApiError> {
    use FieldType::{Boolean, Int, Number};
    match (field.kind, json) {
        (Boolean, Json::Null) => Err(wrong_type(field, "null")),
        (_, Json::Null) => Ok(Value::Null),
        (Boolean, Json::Bool(value)) => Ok(Value::Bool(*value)),
        (Int, Json::Number(number)) => match number.as_i64() {
            Some(number) => int(field, number),
            None => Err(unreadable(field, json)),
        },
        (Number, Json::Number(written)) => match (written.as_f64(), written.as_i64()) {
            (_, Some(whole)) if whole.unsigned_abs() >= FLOAT_WHOLE_MAX => {
                number(field, &whole.to_string()).unwrap_or_else(|| Err(unreadable(field, json)))
            }
            (Some(parsed), _) => float(field, parsed),
            (None, _) => Err(unreadable(field, json)),
        },
        (Boolean, _) | (_, Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_)) => {
            Err(unreadable(field, json))
        }
        (_, Json::String(text)) => {
            parse(field, text).unwrap_or_else(|| Err(unreadable(field, json)))
        }
    }
}

/// A value from text: a cell of a CSV or a part of a URL. Empty is null.
pub(super) fn from_text(field: &Field, text: &str) -> Result<Value, ApiError> {
    if field.kind == FieldType::Boolean {
        return match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" => Ok(Value::Bool(true)),
            "false" | "0" | "no" => Ok(Value::Bool(false)),
            _ => Err(wrong_type(field, text)),
        };
    }
    parse(field, text).unwrap_or_else(|| Err(wrong_type(field, text)))
}

/// Text as a value; `None` when it does not read as the field's type.
fn parse(field: &Field, text: &str) -> Option<Result<Value, ApiError>> {
    // A no-break space stays.
    let trimmed = text.trim_matches(|character| character <= ' ');
    if trimmed.is_empty() {
        return Some(Ok(Value::Null));
    }
    match field.kind {
        FieldType::Boolean | FieldType::Address | FieldType::Location => None,
        FieldType::Int => Some(int(field, trimmed.parse().ok()?)),
        FieldType::Number => number(field, trimmed),
        FieldType::Date => {
            trimmed.parse().ok().filter(|date| in_range(*date)).map(|date| Ok(Value::Date(date)))
        }
        FieldType::Time => time(trimmed).map(|time| Ok(Value::Time(time))),
        FieldType::Datetime => moment(trimmed).map(|moment| Ok(Value::Moment(moment))),
        FieldType::Id | FieldType::Reference => Some(reference(field, trimmed)),
        FieldType::Email => Some(email(field, trimmed)),
        FieldType::Picklist => Some(picklist(field, trimmed)),
        FieldType::Multipicklist => Some(multipicklist(field, trimmed)),
        // Nobody is ever shown more of it, so no more is kept.
        FieldType::Text if field.type_name == "encryptedstring" => {
            Some(sized(field, &"*".repeat(trimmed.chars().count())))
        }
        FieldType::Text | FieldType::Base64 => Some(sized(field, trimmed)),
    }
}

/// An instant as it is stored: truncated to whole seconds.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    exact_moment(text).map(|moment| moment.trunc_subsecs(0))
}

fn int(field: &Field, number: i64) -> Result<Value, ApiError> {
    let digits = if field.digits == 0 { 9 } else { field.digits };
    let limit = 10_i64.checked_pow(u32::try_from(digits).unwrap_or(18)).unwrap_or(i64::MAX);
    if number.checked_abs().is_none_or(|size| size >= limit) {
        return Err(out_of_range(field, &number.to_string()));
    }
    Ok(Value::Int(number))
}

/// A number as it was written, with all its digits. `None` for what is none.
fn number(field: &Field, written: &str) -> Option<Result<Value, ApiError>> {
    let parsed: f64 = written.parse().ok().filter(|parsed: &f64| parsed.is_finite())?;
    let exact = exact::is_long(written).then(|| exact::rounded(written, field.scale)).flatten();
    let Some(exact) = exact else { return Some(float(field, parsed)) };
    let whole_digits = field.precision.saturating_sub(field.scale);
    let is_within = i64::try_from(whole_digits).is_ok_and(|limit| exact.whole_digits <= limit);
    if field.precision > 0 && !is_within {
        return Some(Err(out_of_range(field, written)));
    }
    let nearest = Value::Number(exact.text.parse().ok()?);
    let is_float = nearest.to_cell() == exact.text;
    Some(Ok(if is_float { nearest } else { Value::Exact(exact.text.into()) }))
}

/// Rounds to the field's scale, halves away from zero.
fn float(field: &Field, number: f64) -> Result<Value, ApiError> {
    let whole_digits = field.precision.saturating_sub(field.scale);
    let limit = 10_f64.powi(i32::try_from(whole_digits).unwrap_or(18));
    if field.precision > 0 && number.abs() >= limit {
        return Err(out_of_range(field, &number.to_string()));
    }
    let factor = 10_f64.powi(i32::try_from(field.scale).unwrap_or_default());
    let scaled = number * factor;
    // With a large scale the way there and back would add what nobody wrote, as in 4.020100000000002.
    let fits = |text: &str| text.split_once('.').is_none_or(|(_, part)| part.len() <= field.scale);
    let is_exact_enough = scaled.abs() >= 9_007_199_254_740_992.0 || fits(&number.to_string());
    let rounded = if is_exact_enough { number } else { half_up(scaled) / factor };
    Ok(Value::Number(if rounded == 0.0 { 0.0 } else { rounded }))
}

/// Rounds halves away from zero, taking 1.005 for the decimal that was written and not for the
/// binary fraction just below it.
fn half_up(scaled: f64) -> f64 {
    // Never so much as to change a digit: coordinates have fifteen of them behind the point.
    let nudge = (scaled.abs() * f64::EPSILON * 2.0).min(0.25);
    (scaled + nudge.copysign(scaled)).round()
}

fn reference(field: &Field, text: &str) -> Result<Value, ApiError> {
    Id::from_text(text).map(Value::Id).ok_or_else(|| {
        let message = format!("{}: id value of incorrect type: {text}", field.label);
        ApiError::row("MALFORMED_ID", message, &[&field.name])
    })
}

fn email(field: &Field, text: &str) -> Result<Value, ApiError> {
    let is_plausible = text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty()
            && !host.contains('@')
            && host.split('.').count() > 1
            && host.split('.').all(|part| !part.is_empty())
            && !text.contains(char::is_whitespace)
    });
    if !is_plausible {
        let message = format!("{}: invalid email address: {text}", field.label);
        return Err(ApiError::row("INVALID_EMAIL_ADDRESS", message, &[&field.name]));
    }
    sized(field, text)
}

/// The defined value that equals the text but for case, as it is defined.
fn defined<'a>(field: &'a Field, text: &'a str) -> Option<&'a str> {
    field.picklist.iter().map(String::as_str).find(|value| value.eq_ignore_ascii_case(text))
}

fn picklist(field: &Field, text: &str) -> Result<Value, ApiError> {
    match defined(field, text) {
        Some(value) => Ok(Value::Text(value.into())),
        None if field.restricted_picklist => Err(bad_choice(field, text)),
        None => sized(field, text),
    }
}

/// Sorts the chosen values as they are defined, undefined ones last.
fn multipicklist(field: &Field, text: &str) -> Result<Value, ApiError> {
    let mut chosen: Vec<&str> = Vec::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let value = match defined(field, part) {
            None if field.restricted_picklist => return Err(bad_choice(field, part)),
            value => value.unwrap_or(part),
        };
        if !chosen.contains(&value) {
            chosen.push(value);
        }
    }
    let rank = |value: &&str| field.picklist.iter().position(|defined| defined == value);
    chosen.sort_by_key(|value| rank(value).unwrap_or(usize::MAX));
    sized(field, &chosen.join(";"))
}

fn sized(field: &Field, text: &str) -> Result<Value, ApiError> {
    // A character beyond the basic plane counts as two.
    if field.length > 0 && text.encode_utf16().count() > field.length {
        let message =
            format!("{}: data value too large: {text} (max length={})", field.label, field.length);
        return Err(ApiError::row("STRING_TOO_LONG", message, &[&field.name]));
    }
    Ok(if text.is_empty() { Value::Null } else { Value::Text(text.into()) })
}

fn bad_choice(field: &Field, text: &str) -> ApiError {
    let message = format!("{}: bad value for restricted picklist field: {text}", field.label);
    ApiError::row("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, &[&field.name])
}

fn out_of_range(field: &Field, number: &str) -> ApiError {
    let message =
        format!("{}: value outside of valid range on numeric field: {number}", field.label);
    ApiError::row("NUMBER_OUTSIDE_VALID_RANGE", message, &[&field.name])
}

fn wrong_type(field: &Field, text: &str) -> ApiError {
    let message = format!("{}: value not of required type: {text}", field.label);
    ApiError::row("INVALID_TYPE_ON_FIELD_IN_RECORD", message, &[&field.name])
}

/// The JSON parser's complaint, which never carries `fields`.
fn unreadable(field: &Field, json: &Json) -> ApiError {
    let (token, text) = match json {
        Json::Null => ("VALUE_NULL", "null".to_owned()),
        Json::Bool(true) => ("VALUE_TRUE", "true".to_owned()),
        Json::Bool(false) => ("VALUE_FALSE", "false".to_owned()),
        Json::Number(number) if number.is_f64() => ("VALUE_NUMBER_FLOAT", number.to_string()),
        Json::Number(number) => ("VALUE_NUMBER_INT", number.to_string()),
        Json::String(text) => ("VALUE_STRING", text.clone()),
        Json::Array(_) => ("START_ARRAY", "[".to_owned()),
        Json::Object(_) => ("START_OBJECT", "{".to_owned()),
    };
    let kind = match field.type_name.as_str() {
        "id" | "reference" => "reference",
        other => other,
    };
    ApiError::request(
        "JSON_PARSER_ERROR",
        format!(
            "Cannot deserialize instance of {kind} from {token} value {text} or request may be \
             missing a required field at [line:1, column:2]"
        ),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Schema;

    fn convert(path: &str, json: &Json) -> Result<String, String> {
        let schema = Schema::sample();
        let (object, field) = path.split_once('.').unwrap();
        let field = schema.object(object).unwrap().field_named(field).unwrap();
        from_json(field, json).map(|value| value.to_cell()).map_err(|error| error.to_string())
    }

    #[test]
    fn json_values_become_values_of_their_field() {
        #[rustfmt::skip]
        let table = [
            ("Account.Name",              json!("  Acme\n"),                  "Acme"),
            ("Account.Name",              json!("   "),                       ""),
            ("Account.AnnualRevenue",     json!(1234.5),                      "1235.0"),
            ("Account.AnnualRevenue",     json!("12"),                        "12.0"),
            ("Account.Discount__c",       json!(1.005),                       "1.01"),
            ("Account.Discount__c",       json!(-1.005),                      "-1.01"),
            ("Account.BillingLatitude",   json!(4.0201),                      "4.0201"),
            ("Account.Name",              json!("\u{a0}Acme\u{a0} "),         "\u{a0}Acme\u{a0}"),
            ("Account.Discount__c",       json!("12.3450000000000000001"),    "12.35"),
            ("Account.AnnualRevenue",     json!("123456789012345678"),        "123456789012345678.0"),
            ("Account.AnnualRevenue",     json!(123_456_789_012_345_678_i64), "123456789012345678.0"),
            ("Account.NumberOfEmployees", json!(12),                          "12"),
            ("Account.Active__c",         json!(false),                       "false"),
            ("Account.Tier__c",           json!("gold"),                      "Gold"),
            ("Account.Industry",          json!("Alchemy"),                   "Alchemy"),
            ("Account.Regions__c",        json!("Asia;Europe;Asia"),          "Europe;Asia"),
            ("Account.Last_Review__c",    json!("2024-02-29T10:00:00.999+0200"), "2024-02-29T08:00:00.000Z"),
            ("Account.Last_Review__c",    json!("2024-02-29T10:00:00Z"),      "2024-02-29T10:00:00.000Z"),
            ("Account.Contract_Start__c", json!("2024-02-29"),                "2024-02-29"),
            ("Account.Opening_Time__c",   json!("10:12:00.000Z"),             "10:12:00.000Z"),
            ("Contact.Email",             json!("ada@example.com"),           "ada@example.com"),
            ("Account.ParentId",          json!("001000000000001"),           "001000000000001AAA"),
        ];
        for (path, json, expected) in table {
            assert_eq!(convert(path, &json).as_deref(), Ok(expected), "{path} {json}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_code() {
        #[rustfmt::skip]
        let table = [
            ("Account.AnnualRevenue",     json!("banana"),     "JSON_PARSER_ERROR: Cannot deserialize instance of currency from VALUE_STRING value banana or request may be missing a required field at [line:1, column:2]"),
            ("Account.Name",              json!(5),            "JSON_PARSER_ERROR: Cannot deserialize instance of string from VALUE_NUMBER_INT value 5 or"),
            ("Account.NumberOfEmployees", json!(1.5),          "JSON_PARSER_ERROR"),
            ("Account.Active__c",         json!(null),         "INVALID_TYPE_ON_FIELD_IN_RECORD: Active: value not of required type: null"),
            ("Account.Active__c",         json!("true"),       "JSON_PARSER_ERROR"),
            ("Account.NumberOfEmployees", json!(100_000_000),  "NUMBER_OUTSIDE_VALID_RANGE"),
            ("Account.Discount__c",       json!(1000),         "NUMBER_OUTSIDE_VALID_RANGE"),
            ("Account.Tier__c",           json!("Tin"),        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST: Tier: bad value for restricted picklist field: Tin"),
            ("Account.Regions__c",        json!("Asia;Mars"),  "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST: Regions: bad value for restricted picklist field: Mars"),
            ("Account.BillingCity",       json!("x".repeat(41)), "STRING_TOO_LONG: Billing City: data value too large: xxxx"),
            ("Account.BillingCity",       json!("\u{1f600}".repeat(21)), "STRING_TOO_LONG"),
            ("Account.AnnualRevenue",     json!("1234567890123456789"), "NUMBER_OUTSIDE_VALID_RANGE"),
            ("Contact.Email",             json!("ada"),        "INVALID_EMAIL_ADDRESS: Email: invalid email address: ada"),
            ("Contact.Birthdate",         json!("1999-02-30"), "JSON_PARSER_ERROR"),
            ("Account.ParentId",          json!("123"),        "MALFORMED_ID: Parent Account ID: id value of incorrect type: 123"),
        ];
        for (path, json, expected) in table {
            let error = convert(path, &json).unwrap_err();
            assert!(error.starts_with(expected), "{path} {json}: {error}");
        }
    }
}
