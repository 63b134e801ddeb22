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
pub const UPLOAD_BYTES_MAX: u64 = 100_000_000;

/// A CSV with header row, of records that come one after the other: each is counted first, and written once all are
/// known. A parent named by its external id, as in `{"Account": {"External_Id__c": "x"}}`, becomes the column
/// `Account.External_Id__c`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IngestCsv {
    columns: BTreeSet<String>,
    rows: u64,
    /// What all cells of all rows take, without what stands between them.
    cells: u64,
}

impl IngestCsv {
    /// Counts a record in.
    ///
    /// # Errors
    /// [`Error::Malformed`] when a value is a list.
    pub fn add(&mut self, record: &Body) -> Result<(), Error> {
        let mut written = Vec::new();
        for (column, cell) in cells(record)? {
            write_cell(&cell, &mut written);
            if !self.columns.contains(column.as_ref()) {
                self.columns.insert(column.into_owned());
            }
        }
        self.rows += 1;
        self.cells += length(&written);
        Ok(())
    }

    /// Records that were counted in.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The whole CSV's bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        // Each row has as many commas and line breaks as columns.
        let separators = u64::try_from(self.columns.len()).unwrap_or(u64::MAX);
        length(&self.header()) + self.cells + self.rows.saturating_mul(separators)
    }

    /// The header row.
    #[must_use]
    pub fn header(&self) -> Vec<u8> {
        let mut header = Vec::new();
        write_row(self.columns.iter().map(String::as_str), &mut header);
        header
    }

    /// Writes the row of a record that was counted in.
    ///
    /// # Errors
    /// [`Error::Malformed`] when a value is a list.
    pub fn write(&self, record: &Body, out: &mut Vec<u8>) -> Result<(), Error> {
        let cells = cells(record)?;
        let cell = |column: &String| cells.get(column.as_str()).map_or("", AsRef::as_ref);
        write_row(self.columns.iter().map(cell), out);
        Ok(())
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn write_row<'a>(cells: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) {
    for (position, cell) in cells.enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write_cell(cell, out);
    }
    out.push(b'\n');
}

fn write_cell(cell: &str, out: &mut Vec<u8>) {
    if !cell.contains([',', '"', '\n', '\r']) {
        out.extend_from_slice(cell.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in cell.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
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
    use super::IngestCsv;
    use crate::model::{Decimal, Value};
    use crate::salesforce::Body;
    use serde_json::{Value as Json, json};

    fn written(records: &[Body]) -> String {
        let mut csv = IngestCsv::default();
        for record in records {
            csv.add(record).unwrap();
        }
        let mut out = csv.header();
        for record in records {
            csv.write(record, &mut out).unwrap();
        }
        assert_eq!(csv.bytes(), u64::try_from(out.len()).unwrap(), "as announced");
        String::from_utf8(out).unwrap()
    }

    fn csv(records: &[Json]) -> String {
        let records: Vec<Body> =
            records.iter().map(|record| record.as_object().unwrap().clone().into()).collect();
        written(&records)
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
        assert!(IngestCsv::default().add(&record.into()).is_err());
    }

    #[test]
    fn a_decimal_keeps_all_its_digits() {
        let number = Value::Decimal(Decimal::parse("-1234567890123456.78").unwrap());
        let body: Body = [("A", &number)].into_iter().collect();
        assert_eq!(written(&[body]), "A\n-1234567890123456.78\n");
    }
}
