//! The rows of a Bulk result as records, read without owning a cell.

use super::csv_rows::{CsvRows, NotText, TextRow};
use super::{Error, Shape};
use crate::model::{
    Cell, ColumnType, InvalidValue, RemoteRecord, RowHead, RowSink, RowSource, SalesforceId, Unfit,
    Value,
};
use futures_util::stream::{self, BoxStream, StreamExt};
use std::borrow::Cow;
use std::fmt;

const NO_ID: &str = "a record has no valid id";

/// A download of records. Ends with an error unless every announced row arrived whole.
pub struct BulkRows {
    rows: CsvRows,
    columns: Option<Columns>,
}

impl fmt::Debug for BulkRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkRows").field("columns", &self.columns).finish_non_exhaustive()
    }
}

impl BulkRows {
    pub(super) fn new(rows: CsvRows, shape: &Shape) -> Result<Self, Error> {
        // No header is only acceptable where no row was announced, which opening has established.
        let columns = if rows.header().len() == 0 {
            None
        } else {
            Some(Columns::find(shape, &rows.header().collect::<Vec<_>>())?)
        };
        Ok(Self { rows, columns })
    }

    /// The records one by one, each owned.
    #[must_use]
    pub fn into_records(self) -> BoxStream<'static, Result<RemoteRecord, Error>> {
        stream::try_unfold(self, async |mut rows| {
            let mut one = OneRecord::default();
            rows.write_rows(&mut one).await?;
            let record = one.head.map(|head| RemoteRecord { values: one.values, ..head });
            Ok(record.map(|record| (record, rows)))
        })
        .boxed()
    }
}

impl RowSource for BulkRows {
    type Error = Error;

    async fn write_rows<S: RowSink>(&mut self, sink: &mut S) -> Result<bool, Error> {
        loop {
            while self.rows.advance()? {
                let columns = self.columns.as_ref().ok_or(Error::Malformed("a row, no header"))?;
                columns.write(self.rows.row().text(), sink)?;
                if sink.is_full() {
                    return Ok(true);
                }
            }
            if !self.rows.receive().await? {
                return Ok(false);
            }
        }
    }
}

/// Where the fields of a shape stand in the rows of a CSV.
#[derive(Debug)]
struct Columns {
    id: usize,
    stamp: Option<usize>,
    is_deleted: Option<usize>,
    master_record_id: Option<usize>,
    fields: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    column_type: ColumnType,
    position: usize,
}

impl Columns {
    /// Finds every field of the shape in the header row.
    fn find(shape: &Shape, header: &[&[u8]]) -> Result<Self, Error> {
        let position = |name: &str| {
            let mut columns = header.iter();
            let position = columns.position(|column| column.eq_ignore_ascii_case(name.as_bytes()));
            position.ok_or_else(|| Error::MissingField(name.to_owned()))
        };
        let optional = |is_there: bool, name| is_there.then(|| position(name)).transpose();
        let fields = shape.fields.iter().map(|(name, column_type)| {
            Ok(Column { position: position(name)?, column_type: *column_type })
        });
        Ok(Self {
            id: position("Id")?,
            stamp: shape.stamp.name().map(&position).transpose()?,
            master_record_id: optional(shape.has_master_record_id, "MasterRecordId")?,
            is_deleted: optional(shape.has_is_deleted, "IsDeleted")?,
            fields: fields.collect::<Result<_, Error>>()?,
        })
    }

    fn write(&self, row: TextRow<'_>, sink: &mut impl RowSink) -> Result<(), Error> {
        let bytes = |position| row.get(position).ok_or(Error::Malformed("a row lacks a cell"));
        let text = |position| {
            bytes(position)?.map_err(|NotText| Error::Malformed("a system field is not in UTF-8"))
        };
        let cell = |position, column_type, name: &str| {
            Cell::read(column_type, text(position)?).map_err(|source| unfit(name, source))
        };
        let id = full_id(text(self.id)?)?;
        let system_modstamp = match self.stamp {
            Some(position) => cell(position, ColumnType::Timestamp, "the stamp")?.moment(),
            None => None,
        };
        let is_deleted = match self.is_deleted {
            Some(position) => cell(position, ColumnType::Boolean, "IsDeleted")? == Cell::Bool(true),
            None => false,
        };
        let master_record_id = match self.master_record_id.map(text).transpose()? {
            None | Some("") => None,
            Some(id) => Some(full_id(id)?),
        };
        sink.begin(RowHead { id, system_modstamp, is_deleted, master_record_id });
        for Column { column_type, position } in &self.fields {
            // What cannot be held concerns this record only, which the sink puts aside.
            let read = match bytes(*position)? {
                Ok(text) => Cell::read(*column_type, text),
                Err(NotText) => Err(InvalidValue { column: *column_type, unfit: Unfit::NotText }),
            };
            sink.cell(
                read.unwrap_or_else(|invalid| Cell::Value(Cow::Owned(Value::Unreadable(invalid)))),
            );
        }
        Ok(())
    }
}

fn full_id(text: &str) -> Result<&str, Error> {
    if SalesforceId::is_full(text) { Ok(text) } else { Err(Error::Malformed(NO_ID)) }
}

fn unfit(field: &str, source: InvalidValue) -> Error {
    Error::Value { field: field.to_owned(), source }
}

/// A sink of one record, which owns its values.
#[derive(Default)]
struct OneRecord {
    head: Option<RemoteRecord>,
    values: Vec<Value>,
}

impl RowSink for OneRecord {
    fn begin(&mut self, head: RowHead<'_>) {
        self.head = SalesforceId::parse(head.id).ok().map(|id| RemoteRecord {
            id,
            system_modstamp: head.system_modstamp.map(|stamp| stamp.and_utc()),
            is_deleted: head.is_deleted,
            master_record_id: head.master_record_id.and_then(|id| SalesforceId::parse(id).ok()),
            values: Vec::new(),
        });
    }

    fn cell(&mut self, cell: Cell<'_>) {
        self.values.push(cell.into_value());
    }

    fn is_full(&self) -> bool {
        self.head.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::BulkRows;
    use crate::model::{ColumnType, InvalidValue, RemoteRecord, StampField, Unfit, Value};
    use crate::salesforce::csv_rows::CsvRows;
    use crate::salesforce::{Error, Shape};
    use futures_util::TryStreamExt;

    const ID: &str = "001D000000IqhSLIAZ";

    async fn records(csv: impl Into<Vec<u8>>) -> Result<Vec<RemoteRecord>, Error> {
        let shape = Shape {
            fields: vec![
                ("Name".to_owned(), ColumnType::Text),
                ("Account.Name".to_owned(), ColumnType::Text),
            ],
            has_is_deleted: true,
            has_master_record_id: false,
            stamp: StampField::SystemModstamp,
        };
        let response = reqwest::Response::from(oauth2::http::Response::new(csv.into()));
        let rows = CsvRows::open(response, None).await?;
        BulkRows::new(rows, &shape)?.into_records().try_collect().await
    }

    #[tokio::test]
    async fn a_csv_row_is_read_by_the_names_in_the_header() {
        let csv = format!(
            "\"Account.Name\",\"NAME\",\"Id\",\"IsDeleted\",\"SystemModstamp\"\n\
             \"\",\"Acme\",\"{ID}\",\"false\",\"2024-01-02T03:04:05.000Z\"\n\
             \" x \",\"\",\"{ID}\",\"true\",\"2024-01-02T03:04:05.000+0000\"\n"
        );
        let records = records(csv).await.unwrap();
        assert_eq!(records[0].values, [Value::Text("Acme".into()), Value::Null]);
        assert_eq!(records[1].values, [Value::Null, Value::Text("x".into())]);
        assert_eq!(
            records.iter().map(|record| record.is_deleted).collect::<Vec<_>>(),
            [false, true]
        );
        for record in records {
            assert_eq!(record.id.as_str(), ID);
            assert_eq!(record.system_modstamp.unwrap().to_rfc3339(), "2024-01-02T03:04:05+00:00");
        }
    }

    #[tokio::test]
    async fn a_csv_without_a_field_is_refused() {
        let csv = "\"Id\",\"IsDeleted\",\"SystemModstamp\",\"Name\"\n".to_owned();
        let outcome = records(csv).await;
        assert!(matches!(outcome, Err(Error::MissingField(field)) if field == "Account.Name"));
    }

    #[tokio::test]
    async fn a_cell_that_is_not_in_utf8_is_marked_and_the_other_rows_are_read() {
        let row = |name: &[u8], id: &[u8]| {
            [name, b",\xc3\xa9,", id, b",false,2024-01-02T03:04:05.000Z\n"].concat()
        };
        let header: &[u8] = b"Name,Account.Name,Id,IsDeleted,SystemModstamp\n";
        let id = ID.as_bytes();
        let not_text =
            Value::Unreadable(InvalidValue { column: ColumnType::Text, unfit: Unfit::NotText });
        let accent = || Value::Text("é".to_owned());

        let csv = [header, &row(b"a", id), &row(b"b\xff", id), &row(b"c", id)].concat();
        let values: Vec<_> =
            records(csv).await.unwrap().into_iter().map(|record| record.values).collect();
        let broken_id = records([header, &row(b"a", b"001\xff")].concat()).await;

        assert_eq!(values[0], [Value::Text("a".into()), accent()]);
        assert_eq!(values[1], [not_text, accent()]);
        assert_eq!(values[2], [Value::Text("c".into()), accent()]);
        assert!(matches!(broken_id, Err(Error::Malformed(_))));
    }

    #[tokio::test]
    async fn a_row_that_is_no_record_is_refused_without_its_content() {
        for row in ["canary,,001,false,2024-01-02T03:04:05.000Z", "canary,,001D000000IqhSLIAZ,no,"]
        {
            let csv = format!("Name,Account.Name,Id,IsDeleted,SystemModstamp\n{row}\n");
            let error = records(csv).await.unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        }
    }
}
