//! A batch's body, read into columns and rows of text, as the engine of ingest takes them.
//!
//! In JSON and XML every record has columns of its own; they are put side by side, and what a record
//! does not have is empty, which leaves a field alone. A parent that is named by its key becomes a
//! column such as `Account.External_Id__c`.

use serde_json::Value;

use crate::http::{
    async_bulk::job::Content,
    bulk::CsvFormat,
    xml::{self, Element},
};

/// Most rows of a batch.
const ROWS_MAX: usize = 10_000;

/// The cell that means null.
const NULL_CELL: &str = "#N/A";

/// Columns and rows; a row may be shorter than the columns.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Table {
    /// Reads a body.
    ///
    /// # Errors
    /// What fails the batch, in the words of its `stateMessage`.
    pub(super) fn read(content: Content, body: &[u8]) -> Result<Self, String> {
        let table = match content {
            Content::Csv => Self::of_csv(body)?,
            Content::Json => Self::of_json(body)?,
            Content::Xml => Self::of_xml(body)?,
        };
        if table.rows.len() > ROWS_MAX {
            let count = table.rows.len();
            return Err(format!(
                "InvalidBatch : Records exceed the maximum of {ROWS_MAX} per batch: {count}"
            ));
        }
        Ok(table)
    }

    /// A row's cell by the name of its column.
    pub(super) fn cell(&self, column: &str, row: &[String]) -> Option<String> {
        let place = self.columns.iter().position(|name| name.eq_ignore_ascii_case(column))?;
        row.get(place).cloned()
    }

    fn of_csv(body: &[u8]) -> Result<Self, String> {
        let mut records = CsvFormat::default().reader(body).into_records();
        let unreadable = |error: csv::Error| format!("InvalidBatch : Failed to parse CSV: {error}");
        let cells = |record: csv::StringRecord| record.iter().map(str::to_owned).collect();
        let header = records.next().transpose().map_err(unreadable)?;
        let header = header.ok_or("InvalidBatch : Failed to parse CSV header")?;
        let rows: Result<Vec<_>, _> = records.map(|record| record.map(cells)).collect();
        Ok(Self { columns: cells(header), rows: rows.map_err(unreadable)? })
    }

    fn of_json(body: &[u8]) -> Result<Self, String> {
        let records: Vec<serde_json::Map<String, Value>> = serde_json::from_slice(body)
            .map_err(|error| format!("InvalidBatch : Failed to parse JSON: {error}"))?;
        let mut table = Self::default();
        for record in &records {
            let mut row = Vec::new();
            for (name, value) in record.iter().filter(|(name, _)| *name != "attributes") {
                table.put_json(&mut row, name, value);
            }
            table.rows.push(row);
        }
        Ok(table)
    }

    fn put_json(&mut self, row: &mut Vec<String>, name: &str, value: &Value) {
        match value {
            Value::Null => self.put(row, name, NULL_CELL.to_owned()),
            Value::String(text) => self.put(row, name, text.clone()),
            Value::Object(parent) => {
                for (key, value) in parent.iter().filter(|(key, _)| *key != "attributes") {
                    self.put_json(row, &format!("{name}.{key}"), value);
                }
            }
            other => self.put(row, name, other.to_string()),
        }
    }

    fn of_xml(body: &[u8]) -> Result<Self, String> {
        let unreadable = |error: String| format!("InvalidBatch : Failed to parse XML: {error}");
        let text = std::str::from_utf8(body).map_err(|error| unreadable(error.to_string()))?;
        let root = xml::read(text).map_err(unreadable)?;
        let mut table = Self::default();
        for record in root.all("sObject") {
            let mut row = Vec::new();
            for field in record.children.iter().filter(|field| field.name != "type") {
                table.put_xml(&mut row, &field.name, field);
            }
            table.rows.push(row);
        }
        Ok(table)
    }

    fn put_xml(&mut self, row: &mut Vec<String>, name: &str, field: &Element) {
        if field.is_nil() {
            return self.put(row, name, NULL_CELL.to_owned());
        }
        // A parent is an sObject element of its own below the relationship.
        let parent = field.child("sObject").unwrap_or(field);
        if parent.children.is_empty() {
            return self.put(row, name, field.text.clone());
        }
        for key in parent.children.iter().filter(|key| key.name != "type") {
            self.put_xml(row, &format!("{name}.{}", key.name), key);
        }
    }

    fn put(&mut self, row: &mut Vec<String>, name: &str, cell: String) {
        let known = self.columns.iter().position(|column| column.eq_ignore_ascii_case(name));
        let place = known.unwrap_or_else(|| {
            self.columns.push(name.to_owned());
            self.columns.len() - 1
        });
        if row.len() <= place {
            row.resize(place + 1, String::new());
        }
        if let Some(to) = row.get_mut(place) {
            *to = cell;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[&str], rows: &[&[&str]]) -> Table {
        let owned = |row: &[&str]| row.iter().map(|&cell| cell.to_owned()).collect();
        Table { columns: owned(columns), rows: rows.iter().map(|row| owned(row)).collect() }
    }

    #[test]
    fn the_three_types_of_body_read_alike() {
        let expected = table(&["Acc.Key", "N"], &[&["k", "1"], &["", "#N/A"]]);
        let csv = "Acc.Key,N\nk,1\n,#N/A\n";
        let json = r#"[{"Acc":{"attributes":{"type":"A"},"Key":"k"},"N":1},{"N":null}]"#;
        let xml = "<sObjects xmlns:xsi='x'><sObject><type>C</type><Acc><sObject><type>A</type><Key>k</Key>\
                   </sObject></Acc><N>1</N></sObject><sObject><N xsi:nil='true'/></sObject></sObjects>";

        for (content, body) in [(Content::Csv, csv), (Content::Json, json), (Content::Xml, xml)] {
            assert_eq!(
                Table::read(content, body.as_bytes()).as_ref(),
                Ok(&expected),
                "{content:?}"
            );
        }
    }

    #[test]
    fn a_body_that_cannot_be_read_or_is_too_long_fails_the_batch() {
        let long = format!("Name\n{}", "x\n".repeat(ROWS_MAX + 1));
        #[rustfmt::skip]
        let table = [
            (Content::Csv, ""), (Content::Csv, long.as_str()),
            (Content::Json, "{}"), (Content::Json, "[1]"), (Content::Json, "["),
            (Content::Xml, "<a>"), (Content::Xml, ""),
        ];
        for (content, body) in table {
            let message = Table::read(content, body.as_bytes()).unwrap_err();
            assert!(message.starts_with("InvalidBatch : "), "{message}");
        }
    }
}
