//! A CSV download, row by row, that cannot end early unnoticed.
//!
//! A cut connection is an error by itself. A body that was shortened on the way looks complete, and may even be
//! cut inside its last row: so the rows are counted against what Salesforce announced, each has as many cells as the
//! header, and the last one has to end in a line break outside of quotes.

use super::Error;
use bytes::{Buf, Bytes};
use csv_core::{ReadRecordResult, Reader};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reqwest::Response;

/// Room for the cells of a row; grows where one is larger.
const ROW_BYTES: usize = 8 << 10;
const ROW_CELLS: usize = 64;

/// A CSV download in progress. Holds the row in hand and the bytes that arrived behind it.
pub(super) struct CsvRows {
    body: BoxStream<'static, Result<Bytes, reqwest::Error>>,
    arrived: Bytes,
    reader: Reader,
    header: Vec<Vec<u8>>,
    cells: Vec<u8>,
    cells_len: usize,
    ends: Vec<usize>,
    ends_len: usize,
    /// Whether the cells are those of a whole row, so that the next one begins afresh.
    is_whole: bool,
    expected: Option<u64>,
    received: u64,
}

/// One row; its cells are unescaped and stand one behind the other.
#[derive(Clone, Copy)]
pub(super) struct CsvRow<'a> {
    cells: &'a [u8],
    ends: &'a [usize],
}

impl<'a> CsvRow<'a> {
    /// The bytes of a cell.
    pub(super) fn get(self, index: usize) -> Option<&'a [u8]> {
        let start =
            index.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.cells.get(start..*self.ends.get(index)?)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        (0..self.ends.len()).filter_map(move |index| self.get(index))
    }

    /// The row as text.
    pub(super) fn text(self) -> TextRow<'a> {
        TextRow { cells: self, text: std::str::from_utf8(self.cells).ok() }
    }
}

/// One row as text.
#[derive(Clone, Copy)]
pub(super) struct TextRow<'a> {
    cells: CsvRow<'a>,
    /// All cells at once, as almost every row is text from end to end.
    text: Option<&'a str>,
}

/// The bytes of a cell are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotText;

impl<'a> TextRow<'a> {
    /// The text of a cell; `None` where there is none.
    pub(super) fn get(self, index: usize) -> Option<Result<&'a str, NotText>> {
        let Some(text) = self.text else {
            return self.cells.get(index).map(|cell| std::str::from_utf8(cell).or(Err(NotText)));
        };
        let ends = self.cells.ends;
        let start = index.checked_sub(1).map_or(Some(0), |before| ends.get(before).copied())?;
        // Two halves of a character in two cells are no text either.
        Some(text.get(start..*ends.get(index)?).ok_or(NotText))
    }
}

impl CsvRows {
    /// Reads the header row. `expected` is the number of rows that Salesforce announced. A download without rows
    /// may come without header row.
    pub(super) async fn open(response: Response, expected: Option<u64>) -> Result<Self, Error> {
        let mut rows = Self {
            body: response.bytes_stream().boxed(),
            arrived: Bytes::new(),
            reader: Reader::new(),
            header: Vec::new(),
            cells: vec![0; ROW_BYTES],
            cells_len: 0,
            ends: vec![0; ROW_CELLS],
            ends_len: 0,
            is_whole: false,
            expected,
            received: 0,
        };
        while !rows.parse() {
            if rows.receive().await? {
                continue;
            }
            // Without rows, the header need not end in a line break.
            let is_cut = rows.parse_end();
            if expected.unwrap_or_default() > 0 || (is_cut && expected.is_none()) {
                return Err(rows.truncated());
            }
            break;
        }
        rows.header = rows.row().iter().map(<[u8]>::to_vec).collect();
        Ok(rows)
    }

    /// The names of the columns.
    pub(super) fn header(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.header.iter().map(Vec::as_slice)
    }

    /// The next row; `None` after the last one, once it is certain that it was the last one.
    pub(super) async fn next(&mut self) -> Result<Option<CsvRow<'_>>, Error> {
        while !self.advance()? {
            if !self.receive().await? {
                return Ok(None);
            }
        }
        Ok(Some(self.row()))
    }

    /// Goes to the next row of what has arrived; false when no row is there as a whole.
    pub(super) fn advance(&mut self) -> Result<bool, Error> {
        if !self.parse() {
            return Ok(false);
        }
        if self.ends_len != self.header.len() {
            return Err(self.truncated());
        }
        self.received += 1;
        Ok(true)
    }

    /// The row that was gone to.
    pub(super) fn row(&self) -> CsvRow<'_> {
        CsvRow {
            cells: self.cells.get(..self.cells_len).unwrap_or_default(),
            ends: self.ends.get(..self.ends_len).unwrap_or_default(),
        }
    }

    /// Waits for more bytes; false at the end of the download, once it is certain that it is the end.
    pub(super) async fn receive(&mut self) -> Result<bool, Error> {
        match self.body.next().await {
            Some(Ok(bytes)) => {
                self.arrived = bytes;
                Ok(true)
            }
            Some(Err(error)) => Err(Error::transport(error.without_url())),
            None if self.header.is_empty() => Ok(false),
            None => {
                let is_counted = self.expected.is_none_or(|expected| expected == self.received);
                let is_cut = self.parse_end();
                if is_counted && !is_cut { Ok(false) } else { Err(self.truncated()) }
            }
        }
    }

    /// Reads on until a row is whole; false when that takes more bytes.
    fn parse(&mut self) -> bool {
        if self.is_whole {
            (self.cells_len, self.ends_len, self.is_whole) = (0, 0, false);
        }
        while !self.arrived.is_empty() {
            let (result, read, written, ended) = self.reader.read_record(
                &self.arrived,
                self.cells.get_mut(self.cells_len..).unwrap_or_default(),
                self.ends.get_mut(self.ends_len..).unwrap_or_default(),
            );
            self.arrived.advance(read);
            if self.took(&result, written, ended) {
                return true;
            }
        }
        false
    }

    /// Whether the bytes that arrived ended inside a row; its cells are then the row at hand.
    fn parse_end(&mut self) -> bool {
        if self.is_whole {
            (self.cells_len, self.ends_len, self.is_whole) = (0, 0, false);
        }
        loop {
            let (result, _, written, ended) = self.reader.read_record(
                &[],
                self.cells.get_mut(self.cells_len..).unwrap_or_default(),
                self.ends.get_mut(self.ends_len..).unwrap_or_default(),
            );
            if result == ReadRecordResult::End {
                return false;
            }
            if self.took(&result, written, ended) {
                return true;
            }
        }
    }

    /// Notes what was parsed, and makes room for more where it ran out; whether a row is whole.
    fn took(&mut self, result: &ReadRecordResult, written: usize, ended: usize) -> bool {
        self.cells_len += written;
        self.ends_len += ended;
        match result {
            ReadRecordResult::OutputFull => self.cells.resize(self.cells.len() * 2, 0),
            ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
            ReadRecordResult::Record => self.is_whole = true,
            ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
        }
        self.is_whole
    }

    fn truncated(&self) -> Error {
        let received = self.received;
        Error::Truncated { expected: self.expected.unwrap_or(received + 1), received }
    }
}

#[cfg(test)]
mod tests {
    use super::CsvRows;
    use crate::salesforce::Error;

    async fn rows(body: &'static str, expected: Option<u64>) -> Result<u64, Error> {
        let response = reqwest::Response::from(http_response(body));
        let mut rows = CsvRows::open(response, expected).await?;
        let mut count = 0;
        while rows.next().await?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    fn http_response(body: &'static str) -> oauth2::http::Response<&'static str> {
        oauth2::http::Response::new(body)
    }

    #[tokio::test]
    async fn a_whole_download_is_accepted() {
        #[rustfmt::skip]
        let table = [
            ("\"Id\",\"Name\"\n\"1\",\"a\"\n\"2\",\"b\"\n",       Some(2), 2),
            ("\"Id\",\"Name\"\r\n\"1\",\"a\"\r\n",                None,    1),
            ("\"Id\",\"Name\"\n\"1\",\"a \"\"quoted\"\"\nline\"\n", Some(1), 1),
            ("\"Id\",\"Name\"\n",                                 Some(0), 0),
            ("\"Id\",\"Name\"",                                   Some(0), 0),
            ("",                                                  Some(0), 0),
        ];
        for (body, expected, count) in table {
            assert_eq!(rows(body, expected).await.unwrap(), count, "{body:?}");
        }
    }

    #[tokio::test]
    async fn a_download_that_lost_its_end_is_refused_wherever_it_was_cut() {
        let whole = "\"Id\",\"Name\"\n\"1\",\"a\"\n\"2\",\"b \"\"x\"\"\nc\"\n";
        for cut in 0..whole.len() {
            let outcome = rows(&whole[..cut], Some(2)).await;
            assert!(matches!(outcome, Err(Error::Truncated { expected: 2, .. })), "cut at {cut}");
        }
    }

    #[tokio::test]
    async fn a_cut_inside_a_row_shows_even_where_no_number_was_announced() {
        for body in ["\"Id\",\"Name\"\n\"1\",\"a", "\"Id\",\"Name\"\n\"1\"", "\"Id\"\n\"1\n"] {
            assert!(rows(body, None).await.is_err(), "{body:?}");
        }
    }
}
