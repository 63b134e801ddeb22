//! The rows that a query job found, kept as they were when it ran.
//!
//! Rows are written out once, in pieces that are kept compressed; a page unpacks one piece at a time
//! while it is sent. Computed rows that nobody has touched are written out only while they are sent:
//! they stay what they were. So a result neither changes under its reader nor takes the memory of its
//! text.

use std::{io, ops::Range, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use crate::{
    http::{bulk::sheet::Format, reply::Pieces},
    org::Untouched,
};

/// Rows in one piece.
pub(crate) const PIECE: usize = 2_000;

/// How many pieces are made ready at the same time while a page is sent.
const AHEAD: usize = 2;

/// The text of a result, piece by piece.
#[derive(Debug)]
pub(crate) struct Results {
    format: Format,
    header: String,
    pieces: Vec<Piece>,
    rows: usize,
}

#[derive(Debug)]
enum Piece {
    Written {
        packed: Vec<u8>,
        /// Where each row ends in the text.
        ends: Vec<u32>,
    },
    /// Rows to be written when they are sent.
    Untouched(Untouched),
}

impl Results {
    /// No rows yet.
    pub(crate) fn new(format: Format, header: String) -> Self {
        Self { format, header, pieces: Vec::new(), rows: 0 }
    }

    /// Adds rows: their text, and where each of them ends in it. All pieces but the last have
    /// [`PIECE`] rows.
    pub(crate) fn push(&mut self, text: &str, ends: Vec<u32>) {
        self.rows += ends.len();
        let packed = lz4_flex::compress_prepend_size(text.as_bytes());
        self.pieces.push(Piece::Written { packed, ends });
    }

    /// Adds so many rows that are written when they are sent.
    pub(crate) fn push_untouched(&mut self, rows: Untouched, count: usize) {
        self.rows += count;
        self.pieces.push(Piece::Untouched(rows));
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// How many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        let size = |piece: &Piece| match piece {
            Piece::Written { packed, ends } => packed.len() + ends.len() * size_of::<u32>(),
            Piece::Untouched(rows) => rows.size(),
        };
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
            let results = Arc::clone(&self);
            let text = tokio::task::spawn_blocking(move || results.text(index, within));
            async { text.await.map_err(io::Error::other).flatten() }
        });
        let body = body.buffered(AHEAD);
        Box::pin(stream::once(std::future::ready(Ok(header))).chain(body))
    }

    /// The text of some of a piece's rows.
    fn text(&self, index: usize, rows: Range<usize>) -> io::Result<Bytes> {
        match self.pieces.get(index) {
            None => Ok(Bytes::new()),
            Some(Piece::Written { packed, ends }) => unpack(packed, ends, rows),
            Some(Piece::Untouched(piece)) => {
                let mut text = String::new();
                for row in piece.rows(rows) {
                    let mut line = self.format.line(&mut text);
                    row.for_each(|value| line.value(&value));
                    line.end();
                }
                Ok(Bytes::from(text))
            }
        }
    }
}

fn unpack(packed: &[u8], ends: &[u32], rows: Range<usize>) -> io::Result<Bytes> {
    let text = lz4_flex::decompress_size_prepended(packed).map_err(io::Error::other)?;
    let end_of = |count: usize| match count.min(ends.len()).checked_sub(1) {
        Some(last) => ends.get(last).map_or(0, |end| *end as usize),
        None => 0,
    };
    let (start, end) = (end_of(rows.start), end_of(rows.end));
    Ok(Bytes::from(text).slice(start..end.max(start)))
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
        let mut results = Results::new(Format::default(), "h\n".to_owned());
        for first in (0..count).step_by(PIECE) {
            let (mut text, mut ends) = (String::new(), Vec::new());
            for row in first..count.min(first + PIECE) {
                text.push_str(&line(row));
                ends.push(u32::try_from(text.len()).unwrap());
            }
            results.push(&text, ends);
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
