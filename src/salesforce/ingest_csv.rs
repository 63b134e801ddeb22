//! The CSV that a Bulk ingest job takes.
//!
//! It takes the same records as the Collections calls. The two forms differ where it hurts: in JSON an absent
//! field is left alone and null clears it; in CSV an empty cell is left alone and only `#N/A` clears. A file has
//! one header, so records with different fields get the union of the columns.

use super::Error;
use super::body::{Body, BodyCell};
use crate::model::bulk_null;
use serde_json::Value as Json;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// As large as an upload may be. Salesforce counts 150 MB after its own re-encoding.
pub const UPLOAD_BYTES_MAX: usize = 100_000_000;

/// Writes records as a CSV with header row, in their order. A parent named by its external id, as in
/// `{"Account": {"External_Id__c": "x"}}`, becomes the column `Account.External_Id__c`.
///
/// # Errors
/// [`Error::Malformed`] when a value is a list.
pub fn ingest_csv(records: &[Body]) -> Result<Vec<u8>, Error> {
    let rows = records.iter().map(cells).collect::<Result<Vec<_>, _>>()?;
    let columns: BTreeSet<&str> =
        rows.iter().flat_map(|row| row.keys().map(AsRef::as_ref)).collect();
    let unwritable = |_| Error::Malformed("records that cannot be written as CSV");
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(&columns).map_err(unwritable)?;
    for row in &rows {
        let cells = columns.iter().map(|column| row.get(*column).map_or("", AsRef::as_ref));
        writer.write_record(cells).map_err(unwritable)?;
    }
    writer.into_inner().map_err(|_| Error::Malformed("records that cannot be written as CSV"))
}

type Cells<'a> = BTreeMap<Cow<'a, str>, Cow<'a, str>>;

fn cells(record: &Body) -> Result<Cells<'_>, Error> {
    let mut cells = Cells::new();
    for (name, value) in record.cells() {
        match value {
            BodyCell::Number(digits) => {
                cells.insert(Cow::Borrowed(name), Cow::Borrowed(digits.as_str()));
            }
            BodyCell::Json(Json::Object(parent)) => {
                for (key, value) in parent {
                    cells.insert(Cow::Owned(format!("{name}.{key}")), cell(value)?);
                }
            }
            BodyCell::Json(value) => {
                cells.insert(Cow::Borrowed(name), cell(value)?);
            }
        }
    }
    Ok(cells)
}

fn cell(value: &Json) -> Result<Cow<'_, str>, Error> {
    Ok(match value {
        Json::Null => Cow::Borrowed(bulk_null()),
        // In JSON an empty text clears the field.
        Json::String(text) if text.is_empty() => Cow::Borrowed(bulk_null()),
        Json::String(text) => Cow::Borrowed(text),
        Json::Bool(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
        Json::Number(number) => Cow::Owned(match number.as_f64() {
            // Without exponent, which CSV parsers disagree about.
            Some(float) if number.is_f64() => float.to_string(),
            _ => number.to_string(),
        }),
        Json::Array(_) | Json::Object(_) => {
            return Err(Error::Malformed("a record with a compound value"));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::ingest_csv;
    use crate::model::{Decimal, Value};
    use crate::salesforce::Body;
    use serde_json::{Value as Json, json};

    fn csv(records: &[Json]) -> String {
        let records: Vec<Body> =
            records.iter().map(|record| record.as_object().unwrap().clone().into()).collect();
        String::from_utf8(ingest_csv(&records).unwrap()).unwrap()
    }

    #[test]
    fn records_with_different_fields_share_one_header_and_leave_each_other_alone() {
        let text = csv(&[json!({ "Id": "1", "Name": "a" }), json!({ "Id": "2", "Phone": "b" })]);
        assert_eq!(text, "Id,Name,Phone\n1,a,\n2,,b\n");
    }

    #[test]
    fn null_is_explicit_and_text_is_quoted_where_it_must_be() {
        let text = csv(&[json!({ "A": null, "B": "", "C": "x,\"y\"\nz", "D": true })]);
        assert_eq!(text, "A,B,C,D\n#N/A,#N/A,\"x,\"\"y\"\"\nz\",true\n");
    }

    #[test]
    fn numbers_are_plain_digits() {
        let text = csv(&[json!({ "A": 1e20, "B": -7, "C": 0.1, "D": 12.0 })]);
        assert_eq!(text, "A,B,C,D\n100000000000000000000,-7,0.1,12\n");
    }

    #[test]
    fn a_parent_is_named_by_its_key() {
        let text = csv(&[json!({ "Account": { "External_Id__c": "x" }, "LastName": "Doe" })]);
        assert_eq!(text, "Account.External_Id__c,LastName\nx,Doe\n");
    }

    #[test]
    fn a_list_is_refused() {
        let record = json!({ "A": [1] }).as_object().unwrap().clone();
        assert!(ingest_csv(&[record.into()]).is_err());
    }

    #[test]
    fn a_decimal_keeps_all_its_digits() {
        let number = Value::Decimal(Decimal::parse("-1234567890123456.78").unwrap());
        let body: Body = [("A", &number)].into_iter().collect();
        assert_eq!(ingest_csv(&[body]).unwrap(), b"A\n-1234567890123456.78\n");
    }
}
