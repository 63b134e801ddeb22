//! From the text of an answer to records.
//!
//! JSON is borrowed from the answer's bytes down to the single cell, and numbers are read from their digits,
//! so that nothing is rounded on the way. A field that was asked for and is not in the answer is an error and
//! never null: a hidden field must not empty a column.

use super::{Error, Shape};
use crate::model::{
    ColumnType, InvalidValue, RemoteRecord, SalesforceId, Unfit, Value, parse_salesforce,
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::{Borrow, Cow};
use std::collections::BTreeMap;

const NO_RECORD: &str = "a record is no JSON object";
const NO_ID: &str = "a record has no valid id";

type RawRecord<'a> = BTreeMap<Text<'a>, &'a RawValue>;

/// A string that is copied only if it holds escapes.
#[derive(PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Borrow<str> for Text<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Reads a page's records.
pub(super) fn records(raw: &[&RawValue], shape: &Shape) -> Result<Vec<RemoteRecord>, Error> {
    raw.iter().map(|record| self::record(record, shape)).collect()
}

/// Reads one record.
pub(super) fn record(raw: &RawValue, shape: &Shape) -> Result<RemoteRecord, Error> {
    let cells: RawRecord<'_> =
        serde_json::from_str(raw.get()).map_err(|_| Error::Malformed(NO_RECORD))?;
    assemble(shape, |name, column| json_value(&cells, name, column))
}

/// Builds a record from a source of cells.
fn assemble(
    shape: &Shape,
    cell: impl Fn(&str, ColumnType) -> Result<Value, Error>,
) -> Result<RemoteRecord, Error> {
    let id = match cell("Id", ColumnType::Text)? {
        Value::Text(text) => SalesforceId::parse(&text).map_err(|_| Error::Malformed(NO_ID))?,
        _ => return Err(Error::Malformed(NO_ID)),
    };
    let is_deleted = shape.has_is_deleted
        && sound("IsDeleted", cell("IsDeleted", ColumnType::Boolean)?)? == Value::Bool(true);
    let system_modstamp = match shape.stamp.name() {
        Some(stamp) => moment(&sound(stamp, cell(stamp, ColumnType::Timestamp)?)?),
        None => None,
    };
    let master_record_id =
        match shape.has_master_record_id.then(|| cell("MasterRecordId", ColumnType::Text)) {
            Some(Ok(Value::Text(text))) if !text.is_empty() => {
                Some(SalesforceId::parse(&text).map_err(|_| Error::Malformed(NO_ID))?)
            }
            Some(Err(error)) => return Err(error),
            _ => None,
        };
    let values =
        shape.fields.iter().map(|(name, column)| cell(name, *column)).collect::<Result<_, _>>()?;
    Ok(RemoteRecord { id, system_modstamp, is_deleted, master_record_id, values })
}

/// Without its system fields a record is nothing; any other field may be unreadable by itself.
fn sound(field: &str, value: Value) -> Result<Value, Error> {
    match value {
        Value::Unreadable(source) => Err(Error::Value { field: field.to_owned(), source }),
        value => Ok(value),
    }
}

fn moment(value: &Value) -> Option<DateTime<Utc>> {
    match value {
        Value::DateTime(moment) => Some(moment.and_utc()),
        _ => None,
    }
}

/// The cell of a field, or, for a path, the cell of the parent's field. A record without parent has null there.
fn json_value(cells: &RawRecord<'_>, path: &str, column: ColumnType) -> Result<Value, Error> {
    let missing = || Error::MissingField(path.to_owned());
    let Some((parent, rest)) = path.split_once('.') else {
        return cell_value(lookup(cells, path).ok_or_else(missing)?, column);
    };
    let parent = lookup(cells, parent).ok_or_else(missing)?;
    if parent.get() == "null" {
        return Ok(Value::Null);
    }
    let cells: RawRecord<'_> =
        serde_json::from_str(parent.get()).map_err(|_| Error::Malformed(NO_RECORD))?;
    json_value(&cells, rest, column)
}

fn lookup<'a>(cells: &RawRecord<'a>, name: &str) -> Option<&'a RawValue> {
    cells.get(name).copied().or_else(|| {
        let mut others = cells.iter();
        others.find_map(|(known, raw)| known.0.eq_ignore_ascii_case(name).then_some(*raw))
    })
}

fn cell_value(raw: &RawValue, column: ColumnType) -> Result<Value, Error> {
    let raw = raw.get();
    match raw.as_bytes().first() {
        Some(b'n') => Ok(Value::Null),
        Some(b'"') => Ok(match serde_json::from_str::<Text<'_>>(raw) {
            Ok(text) => value(column, &text.0),
            // The JSON around it was sound: it is half of a surrogate pair.
            Err(_) => not_text(column),
        }),
        Some(b'{' | b'[') => Err(Error::Malformed("a cell holds a compound value")),
        _ => Ok(value(column, raw)),
    }
}

fn value(column: ColumnType, text: &str) -> Value {
    parse_salesforce(column, Some(text)).unwrap_or_else(Value::Unreadable)
}

fn not_text(column: ColumnType) -> Value {
    Value::Unreadable(InvalidValue { column, unfit: Unfit::NotText })
}

#[cfg(test)]
mod tests {
    use super::record;
    use crate::model::{ColumnType, Decimal, InvalidValue, RemoteRecord, StampField, Unfit, Value};
    use crate::salesforce::{Error, Shape};
    use serde_json::value::RawValue;

    const ID: &str = "001D000000IqhSLIAZ";

    fn shape(fields: &[(&str, ColumnType)]) -> Shape {
        Shape {
            fields: fields.iter().map(|(name, column)| ((*name).to_owned(), *column)).collect(),
            has_is_deleted: true,
            has_master_record_id: false,
            stamp: StampField::SystemModstamp,
        }
    }

    fn decoded(cells: &str, fields: &[(&str, ColumnType)]) -> Result<RemoteRecord, Error> {
        let json = format!(
            r#"{{"attributes":{{"type":"Account"}},"Id":"{ID}","IsDeleted":true,
            "SystemModstamp":"2024-01-02T03:04:05.000+0000",{cells}}}"#
        );
        record(&RawValue::from_string(json).unwrap(), &shape(fields))
    }

    #[test]
    fn the_system_fields_are_read() {
        let record = decoded(r#""Name":"Acme""#, &[("Name", ColumnType::Text)]).unwrap();
        assert_eq!(record.id.as_str(), ID);
        assert!(record.is_deleted);
        assert_eq!(record.system_modstamp.unwrap().to_rfc3339(), "2024-01-02T03:04:05+00:00");
    }

    #[test]
    fn every_json_form_of_a_cell_is_read() {
        let day = chrono::NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
        #[rustfmt::skip]
        let table = [
            (r#""F":null"#,                     "F",   ColumnType::Double,  Value::Null),
            (r#""F":10.0"#,                     "F",   ColumnType::Integer, Value::Int(10)),
            (r#""F":1.0E20"#,                   "F",   ColumnType::Double,  Value::Double(1e20)),
            (r#""F":12345678901234567.89"#,     "F",   ColumnType::Text,    Value::Text("12345678901234567.89".into())),
            (r#""F":123456789012345.678"#,      "F",   ColumnType::Numeric(18, 3), Value::Decimal(Decimal::of(123_456_789_012_345_678, 3).unwrap())),
            (r#""F":false"#,                    "F",   ColumnType::Boolean, Value::Bool(false)),
            (r#""F":"2024-02-29""#,             "F",   ColumnType::Date,    Value::Date(day)),
            (r#""F":"\u00e9 \"x\"\r\n!""#,      "F",   ColumnType::Text,    Value::Text("é \"x\"\n!".into())),
            (r#""f":"other case""#,             "F",   ColumnType::Text,    Value::Text("other case".into())),
            (r#""P":{"attributes":{},"F":"x"}"#, "P.F", ColumnType::Text,   Value::Text("x".into())),
            (r#""P":null"#,                     "P.F", ColumnType::Text,    Value::Null),
            (r#""P":{"Q":{"F":1.5}}"#,          "P.Q.F", ColumnType::Double, Value::Double(1.5)),
        ];
        for (cells, field, column, expected) in table {
            let record = decoded(cells, &[(field, column)]).unwrap();
            assert_eq!(record.values, [expected], "{cells}");
        }
    }

    #[test]
    fn a_missing_field_is_no_null() {
        let outcome = decoded(r#""Name":"Acme""#, &[("Phone", ColumnType::Text)]);
        assert!(matches!(outcome, Err(Error::MissingField(field)) if field == "Phone"));
    }

    #[test]
    fn what_does_not_fit_is_marked_and_the_rest_of_the_record_is_read() {
        #[rustfmt::skip]
        let table = [
            (r#""F":"canary""#,        ColumnType::Integer,       Unfit::Kind),
            (r#""F":"a\ud83d canary""#, ColumnType::Text,          Unfit::NotText),
            (r#""F":"canary\u0000""#,  ColumnType::Text,          Unfit::NullCharacter),
            (r#""F":"canary""#,        ColumnType::Varchar(5),    Unfit::TooLong),
            (r#""F":1000.00"#,         ColumnType::Numeric(5, 2), Unfit::TooManyDigits),
        ];
        for (cells, column, unfit) in table {
            let cells = format!(r#""G":"sound",{cells}"#);
            let record = decoded(&cells, &[("F", column), ("G", ColumnType::Text)]).unwrap();
            let expected = Value::Unreadable(InvalidValue { column, unfit });
            assert_eq!(record.values, [expected, Value::Text("sound".into())], "{cells}");
            assert!(!format!("{record:?}").contains("canary"), "{cells}");
        }
        assert!(decoded(r#""F":{"city":"x"}"#, &[("F", ColumnType::Text)]).is_err());
    }

    #[test]
    fn an_unreadable_system_field_is_never_taken_for_false() {
        let json = format!(r#"{{"Id":"{ID}","IsDeleted":"perhaps","SystemModstamp":null}}"#);
        let outcome = record(&RawValue::from_string(json).unwrap(), &shape(&[]));
        assert!(matches!(outcome, Err(Error::Value { field, .. }) if field == "IsDeleted"));
    }
}
