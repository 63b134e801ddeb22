//! A CSV download, row by row, that cannot end early unnoticed.
//!
//! A cut connection is an error by itself. A body that was shortened on the way looks complete, and may even be
//! cut inside its last row: so the rows are counted against what Salesforce announced, the last row has to end
//! in a line break, and no quote may be left open.

use super::Error;
use bytes::Bytes;
use csv_async::{AsyncReader, AsyncReaderBuilder, ByteRecord, ErrorKind};
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use reqwest::Response;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::io::StreamReader;

/// Large enough that waking up per buffer costs nothing beside parsing it.
const BUFFER_BYTES: usize = 64 << 10;

type Body = StreamReader<BoxStream<'static, io::Result<Bytes>>, Bytes>;

/// A CSV download in progress.
pub(super) struct CsvRows {
    reader: AsyncReader<Watched>,
    header: ByteRecord,
    row: ByteRecord,
    expected: Option<u64>,
    received: u64,
}

impl CsvRows {
    /// Reads the header row. `expected` is the number of rows that Salesforce announced. A download without rows
    /// may come without header row.
    pub(super) async fn open(response: Response, expected: Option<u64>) -> Result<Self, Error> {
        let body = response.bytes_stream();
        let body = body.map_err(|error| io::Error::other(error.without_url()));
        let body = Watched::new(StreamReader::new(Box::pin(body)));
        let mut reader =
            AsyncReaderBuilder::new().buffer_capacity(BUFFER_BYTES).create_reader(body);
        let header = reader.byte_headers().await.map_err(|error| failure(error, expected, 0))?;
        let header = header.clone();
        Ok(Self { reader, header, row: ByteRecord::new(), expected, received: 0 })
    }

    /// The names of the columns.
    pub(super) fn header(&self) -> &ByteRecord {
        &self.header
    }

    /// The next row; `None` after the last one, once it is certain that it was the last one.
    pub(super) async fn next(&mut self) -> Result<Option<&ByteRecord>, Error> {
        let is_row = self
            .reader
            .read_byte_record(&mut self.row)
            .await
            .map_err(|error| failure(error, self.expected, self.received))?;
        if !is_row {
            return self.check_end().map(|()| None);
        }
        self.received += 1;
        Ok(Some(&self.row))
    }

    fn check_end(&self) -> Result<(), Error> {
        let is_counted = self.expected.is_none_or(|expected| expected == self.received);
        let has_end = self.reader.get_ref().has_end();
        if is_counted && (has_end || self.received == 0) {
            return Ok(());
        }
        // A row that is cut inside its last cell still counts as read; it did not arrive whole.
        let received = if has_end { self.received } else { self.received.saturating_sub(1) };
        Err(Error::Truncated { expected: self.expected.unwrap_or(self.received), received })
    }
}

fn failure(error: csv_async::Error, expected: Option<u64>, received: u64) -> Error {
    match error.into_kind() {
        ErrorKind::Io(error) => match error.downcast::<reqwest::Error>() {
            Ok(source) => Error::transport(source),
            Err(_) => Error::Malformed("a CSV download"),
        },
        ErrorKind::UnequalLengths { .. } => {
            Error::Truncated { expected: expected.unwrap_or(received + 1), received }
        }
        _ => Error::Malformed("a CSV download"),
    }
}

/// Passes bytes on, and remembers how they ended.
struct Watched {
    inner: Body,
    is_quoted: bool,
    last: Option<u8>,
}

impl Watched {
    fn new(inner: Body) -> Self {
        Self { inner, is_quoted: false, last: None }
    }

    /// Whether the bytes so far end with a whole row. Quotes always come in pairs, doubled ones included.
    fn has_end(&self) -> bool {
        !self.is_quoted && self.last == Some(b'\n')
    }

    fn note(&mut self, bytes: &[u8]) {
        self.is_quoted = bytes.iter().fold(self.is_quoted, |is_quoted, b| is_quoted ^ (*b == b'"'));
        self.last = bytes.last().copied().or(self.last);
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        let added = buffer.filled().get(before..).unwrap_or_default();
        self.note(added);
        Poll::Ready(Ok(()))
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
