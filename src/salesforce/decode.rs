//! From the text of an answer to records.
//!
//! JSON is borrowed from the answer's bytes down to the single cell, and numbers are read from their digits,
//! so that nothing is rounded on the way. A field that was asked for and is not in the answer is an error and
//! never null: a hidden field must not empty a column.

use super::{Error, Shape};
use crate::model::{ColumnType, RemoteRecord, SalesforceId, Value, parse_salesforce};
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
    let is_deleted =
        shape.has_is_deleted && cell("IsDeleted", ColumnType::Boolean)? == Value::Bool(true);
    let system_modstamp = match shape.stamp.name() {
        Some(stamp) => moment(&cell(stamp, ColumnType::Timestamp)?),
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
        return cell_value(path, lookup(cells, path).ok_or_else(missing)?, column);
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

fn cell_value(field: &str, raw: &RawValue, column: ColumnType) -> Result<Value, Error> {
    let raw = raw.get();
    match raw.as_bytes().first() {
        Some(b'n') => Ok(Value::Null),
        Some(b'"') => {
            let text: Text<'_> = serde_json::from_str(raw)
                .map_err(|_| Error::Malformed("a cell holds invalid text"))?;
            value(field, column, Some(&text.0))
        }
        Some(b'{' | b'[') => Err(Error::Malformed("a cell holds a compound value")),
        _ => value(field, column, Some(raw)),
    }
}

fn value(field: &str, column: ColumnType, text: Option<&str>) -> Result<Value, Error> {
    parse_salesforce(column, text)
        .map_err(|source| Error::Value { field: field.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::record;
    use crate::model::{ColumnType, RemoteRecord, StampField, Value};
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
    fn what_does_not_fit_names_the_field_and_not_the_value() {
        let error = decoded(r#""F":"canary""#, &[("F", ColumnType::Integer)]).unwrap_err();
        assert!(matches!(&error, Error::Value { field, .. } if field == "F"));
        assert!(!format!("{error} {error:?}").contains("canary"));
        assert!(decoded(r#""F":{"city":"x"}"#, &[("F", ColumnType::Text)]).is_err());
    }
}
