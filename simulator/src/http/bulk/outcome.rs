//! How the rows of an ingest job ended, and the three files that tell it.
//!
//! A row is remembered by its place in the upload, from which its cells are read again when a file is
//! sent. The files list rows from the last to the first: Salesforce does not keep the upload's order,
//! and a client that relies on it should fail here first.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use futures_util::stream;

use crate::{
    ApiError, Id,
    http::{bulk::sheet::Format, faults::Trouble, reply::Pieces},
};

/// Rows read again at a time.
const PIECE: usize = 500;

/// The end of every row.
#[derive(Debug)]
pub(crate) struct Outcome {
    upload: Bytes,
    format: Format,
    header: Vec<String>,
    rows: Vec<Row>,
}

/// A row: where it is, and how it ended.
#[derive(Debug)]
struct Row {
    bytes: Range<usize>,
    end: End,
}

/// How a row ended.
#[derive(Debug)]
pub(crate) enum End {
    Saved { id: Id, is_new: bool },
    Refused { id: Option<Id>, error: Box<str> },
    Unprocessed,
}

/// The three files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum File {
    Successful,
    Failed,
    Unprocessed,
}

impl Outcome {
    /// An outcome without rows yet.
    pub(crate) fn new(upload: Bytes, format: Format, header: Vec<String>) -> Self {
        Self { upload, format, header, rows: Vec::new() }
    }

    /// The outcome of a job that did nothing.
    pub(crate) fn nothing_done(upload: Bytes, format: Format) -> Self {
        let mut outcome = Self::new(upload, format, Vec::new());
        let mut reader = outcome.format.reader(&outcome.upload);
        let mut record = csv::StringRecord::new();
        if matches!(reader.read_record(&mut record), Ok(true)) {
            outcome.header = record.iter().map(str::to_owned).collect();
        }
        let mut places = Vec::new();
        let mut start = position(&reader);
        while matches!(reader.read_record(&mut record), Ok(true)) {
            let end = position(&reader);
            places.push(start..end);
            start = end;
        }
        outcome.rows =
            places.into_iter().map(|bytes| Row { bytes, end: End::Unprocessed }).collect();
        outcome
    }

    /// Why a fault refuses a row of the upload.
    pub(crate) fn trouble(
        &self,
        trouble: &Trouble,
        index: usize,
        cells: &csv::StringRecord,
    ) -> Option<ApiError> {
        trouble.of_row(index, |field| {
            let column = self.header.iter().position(|name| name.eq_ignore_ascii_case(field))?;
            cells.get(column).map(str::to_owned)
        })
    }

    /// Adds the next row of the upload.
    pub(crate) fn push(&mut self, bytes: Range<usize>, end: End) {
        self.rows.push(Row { bytes, end });
    }

    /// How many rows a file has.
    pub(crate) fn count(&self, file: File) -> usize {
        self.rows.iter().filter(|row| row.end.file() == file).count()
    }

    /// One of the files as a body.
    pub(crate) fn file(self: Arc<Self>, file: File) -> Pieces {
        let pieces = self.rows.len().div_ceil(PIECE);
        let header = self.write_header(file);
        Box::pin(stream::iter((0..=pieces).map(move |piece| {
            let Some(done) = piece.checked_sub(1) else { return Ok(Bytes::from(header.clone())) };
            let end = self.rows.len() - done * PIECE;
            let start = end.saturating_sub(PIECE);
            Ok(Bytes::from(self.write_rows(file, start..end)))
        })))
    }

    fn write_header(&self, file: File) -> String {
        let extra: &[&str] = match file {
            File::Successful => &["sf__Id", "sf__Created"],
            File::Failed => &["sf__Id", "sf__Error"],
            File::Unprocessed => &[],
        };
        let mut text = String::new();
        let own = self.header.iter().map(String::as_str);
        self.format.write(extra.iter().copied().chain(own), &mut text);
        text
    }

    fn write_rows(&self, file: File, rows: Range<usize>) -> String {
        let mut text = String::new();
        let rows = self.rows.get(rows).unwrap_or_default();
        for (row, cells) in rows.iter().zip(self.cells(rows)).rev() {
            if row.end.file() != file {
                continue;
            }
            let cells = cells.iter().chain(std::iter::repeat("")).take(self.header.len());
            let (id, said) = row.end.told();
            let extra = [id.as_str(), said];
            let extra = if file == File::Unprocessed { &[] } else { extra.as_slice() };
            self.format.write(extra.iter().copied().chain(cells), &mut text);
        }
        text
    }

    /// The cells of rows that follow each other in the upload.
    fn cells(&self, rows: &[Row]) -> Vec<csv::StringRecord> {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Vec::new() };
        let bytes = self.upload.get(first.bytes.start..last.bytes.end).unwrap_or_default();
        let read: Result<Vec<_>, _> = self.format.reader(bytes).into_records().collect();
        // Rows that were read once can be read again, and a blank line is no row either time.
        let mut read = read.unwrap_or_else(|error| {
            tracing::error!(%error, "rows that were read once cannot be read again");
            Vec::new()
        });
        read.resize(rows.len(), csv::StringRecord::new());
        read
    }
}

impl End {
    fn file(&self) -> File {
        match self {
            Self::Saved { .. } => File::Successful,
            Self::Refused { .. } => File::Failed,
            Self::Unprocessed => File::Unprocessed,
        }
    }

    /// The cells that a file adds to a row's own.
    fn told(&self) -> (String, &str) {
        match self {
            Self::Saved { id, is_new } => (id.to_string(), if *is_new { "true" } else { "false" }),
            Self::Refused { id, error } => {
                (id.map_or_else(String::new, |id| id.to_string()), error.as_ref())
            }
            Self::Unprocessed => (String::new(), ""),
        }
    }
}

/// How far a reader has come, in bytes.
pub(crate) fn position(reader: &csv::Reader<&[u8]>) -> usize {
    usize::try_from(reader.position().byte()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    #[tokio::test]
    async fn a_job_that_did_nothing_gives_all_rows_back() {
        let upload = Bytes::from_static(b"Name,Note\na,\"two\nlines\"\nb\n");
        let outcome = Arc::new(Outcome::nothing_done(upload, Format::default()));

        assert_eq!(outcome.count(File::Unprocessed), 2);
        let pieces: Vec<_> = outcome.file(File::Unprocessed).collect().await;
        let text: Vec<u8> = pieces.into_iter().flat_map(Result::unwrap).collect();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "\"Name\",\"Note\"\n\"b\",\"\"\n\"a\",\"two\nlines\"\n"
        );
    }
}
