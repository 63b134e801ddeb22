//! Rows on their way into a `COPY`: what is in memory, and where more comes from.

use super::encode::{Encoder, System};
use crate::mapping::Mapping;
use crate::model::{RemoteRecord, RowHead, RowSink, RowSource, SalesforceId};
use crate::postgres::Departed;
use crate::postgres::unreadable::Unreadables;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use std::fmt;

/// Bytes in memory at a time while rows are passed on as they come.
const PASSING_BYTES: usize = 256 << 10;

/// Records of one mapping, as far as they have been received, and the source of the rest.
pub struct Rows<R> {
    encoder: Encoder,
    /// `None` when it has given everything.
    source: Option<R>,
    /// Chunks that were taken out of the encoder and not yet out of here, in reverse.
    taken: Vec<Bytes>,
}

/// A page of rows, all of it in memory.
pub struct Whole {
    pub(super) chunks: Vec<Bytes>,
    pub(super) system: System,
}

impl fmt::Debug for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Whole").field("chunks", &self.chunks.len()).finish_non_exhaustive()
    }
}

impl<R> fmt::Debug for Rows<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("rows", &self.encoder.rows())
            .field("bytes", &self.encoder.bytes())
            .field("is_whole", &self.source.is_none())
            .finish_non_exhaustive()
    }
}

impl<R: RowSource> Rows<R> {
    /// Rows that pass through with as little in memory as possible.
    #[must_use]
    pub fn passing(mapping: &Mapping, source: R) -> Self {
        Self {
            encoder: Encoder::new(mapping, System::ALL, PASSING_BYTES),
            source: Some(source),
            taken: Vec::new(),
        }
    }

    /// Receives records until all are in memory, or as many as `limit` bytes hold.
    ///
    /// # Errors
    /// Those of the source.
    pub async fn received(mapping: &Mapping, source: R, limit: usize) -> Result<Self, R::Error> {
        let mut rows = Self {
            encoder: Encoder::new(mapping, System::of_table(mapping), limit),
            source: Some(source),
            taken: Vec::new(),
        };
        rows.receive().await?;
        Ok(rows)
    }

    /// How many records were received so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.encoder.rows()
    }

    /// How many bytes are held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.encoder.bytes()
    }

    /// The records that are deleted, and those that were left out.
    pub(in crate::postgres) fn into_left(self) -> (Vec<Departed>, Unreadables) {
        self.encoder.into_left()
    }

    /// The system columns that each row begins with.
    pub(in crate::postgres) fn system(&self) -> System {
        self.encoder.system()
    }

    /// All rows, where they are in memory and each is that of a live record with nothing left out.
    #[must_use]
    pub fn whole(&self) -> Option<Whole> {
        let is_whole = self.source.is_none() && self.taken.is_empty() && self.encoder.is_plain();
        // The bytes are shared, not copied.
        is_whole.then(|| Whole { chunks: self.encoder.full().to_vec(), system: self.system() })
    }

    /// Receives what comes first; whether there is a record at all.
    pub(in crate::postgres) async fn has_any(&mut self) -> Result<bool, R::Error> {
        if self.encoder.is_empty() {
            self.receive().await?;
        }
        Ok(!self.encoder.is_empty())
    }

    /// The next bytes of the `COPY`; `None` after the last ones.
    pub(in crate::postgres) async fn chunk(&mut self) -> Result<Option<Bytes>, R::Error> {
        loop {
            if let Some(chunk) = self.taken.pop() {
                return Ok(Some(chunk));
            }
            self.taken = self.encoder.take_full();
            self.taken.reverse();
            if self.taken.is_empty() {
                if self.source.is_none() {
                    return Ok(None);
                }
                self.receive().await?;
            }
        }
    }

    async fn receive(&mut self) -> Result<(), R::Error> {
        let Some(source) = &mut self.source else { return Ok(()) };
        if !source.write_rows(&mut self.encoder).await? {
            self.source = None;
            self.encoder.end();
        }
        Ok(())
    }
}

/// Records that are owned, as a source.
#[derive(Debug)]
pub struct Records<S>(pub S);

impl<S, E> RowSource for Records<S>
where
    S: Stream<Item = Result<RemoteRecord, E>> + Send + Unpin,
{
    type Error = E;

    async fn write_rows<K: RowSink>(&mut self, sink: &mut K) -> Result<bool, E> {
        while let Some(record) = self.0.next().await {
            let record = record?;
            sink.begin(RowHead {
                id: record.id.as_str(),
                system_modstamp: record.system_modstamp.map(|stamp| stamp.naive_utc()),
                is_deleted: record.is_deleted,
                master_record_id: record.master_record_id.as_ref().map(SalesforceId::as_str),
            });
            for value in &record.values {
                sink.cell(value.into());
            }
            if sink.is_full() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
