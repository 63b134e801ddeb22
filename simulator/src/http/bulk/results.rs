//! The rows that a query job found, kept as they were when it ran.
//!
//! Rows are written out once, in pieces that are kept compressed; a page unpacks one piece at a time
//! while it is sent. So a result neither changes under its reader nor takes the memory of its text.

use std::{
    io::{self, Read, Write},
    ops::Range,
    sync::Arc,
};

use bytes::Bytes;
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use futures_util::{StreamExt, stream};

use crate::http::reply::Pieces;

/// Rows in one piece.
pub(crate) const PIECE: usize = 2_000;

/// The text of a result, piece by piece.
#[derive(Debug)]
pub(crate) struct Results {
    header: String,
    pieces: Vec<Piece>,
    rows: usize,
}

#[derive(Debug)]
struct Piece {
    packed: Vec<u8>,
    /// Where each row ends in the text.
    ends: Vec<usize>,
}

impl Results {
    /// No rows yet.
    pub(crate) fn new(header: String) -> Self {
        Self { header, pieces: Vec::new(), rows: 0 }
    }

    /// Adds rows: their text, and where each of them ends in it. All pieces but the last have
    /// [`PIECE`] rows.
    pub(crate) fn push(&mut self, text: &str, ends: Vec<usize>) -> io::Result<()> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes())?;
        self.rows += ends.len();
        self.pieces.push(Piece { packed: encoder.finish()?, ends });
        Ok(())
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// How many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        let size = |piece: &Piece| piece.packed.len() + piece.ends.len() * size_of::<usize>();
        self.pieces.iter().map(size).sum()
    }

    /// The header and these rows as a body.
    pub(crate) fn page(self: Arc<Self>, rows: Range<usize>) -> Pieces {
        let header = Bytes::from(self.header.clone());
        let first = rows.start / PIECE;
        let last = rows.end.div_ceil(PIECE).max(first);
        let body = stream::iter(first..last).map(move |index| {
            let before = index * PIECE;
            let within = rows.start.saturating_sub(before)..rows.end - before;
            self.pieces.get(index).map_or(Ok(Bytes::new()), |piece| piece.unpack(within))
        });
        Box::pin(stream::once(std::future::ready(Ok(header))).chain(body))
    }
}

impl Piece {
    /// The text of some of the rows.
    fn unpack(&self, rows: Range<usize>) -> io::Result<Bytes> {
        let mut text = Vec::new();
        DeflateDecoder::new(self.packed.as_slice()).read_to_end(&mut text)?;
        let end_of = |count: usize| match count.min(self.ends.len()).checked_sub(1) {
            Some(last) => self.ends.get(last).copied().unwrap_or_default(),
            None => 0,
        };
        let (start, end) = (end_of(rows.start), end_of(rows.end));
        Ok(Bytes::from(text).slice(start..end.max(start)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(row: usize) -> String {
        format!("{row}\n")
    }

    #[tokio::test]
    async fn any_range_of_rows_can_be_read_across_pieces() {
        let count = PIECE * 2 + 5;
        let mut results = Results::new("h\n".to_owned());
        for first in (0..count).step_by(PIECE) {
            let (mut text, mut ends) = (String::new(), Vec::new());
            for row in first..count.min(first + PIECE) {
                text.push_str(&line(row));
                ends.push(text.len());
            }
            results.push(&text, ends).unwrap();
        }
        let results = Arc::new(results);

        for range in [0..0, 0..3, PIECE - 1..PIECE + 1, 0..count, PIECE..PIECE * 2, count..count] {
            let pieces: Vec<_> = Arc::clone(&results).page(range.clone()).collect().await;
            let text: Vec<u8> = pieces.into_iter().flat_map(Result::unwrap).collect();
            let expected: String = range.map(line).collect();
            assert_eq!(String::from_utf8(text).unwrap(), format!("h\n{expected}"));
        }
    }
}
