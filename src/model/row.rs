//! Records handed from one side to the other without being owned in between.
//!
//! A source writes its records into a sink cell by cell, as many as the sink takes at a time. So a row of a download
//! becomes a row of a `COPY` with no allocation, although neither side knows the other.

use super::Cell;
use chrono::NaiveDateTime;

/// What every record has besides its mapped fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowHead<'a> {
    /// The record's id in its 18-character form.
    pub id: &'a str,
    /// `SystemModstamp`, or the field that stands in for it, in UTC.
    pub system_modstamp: Option<NaiveDateTime>,
    /// Whether the record is in the recycle bin.
    pub is_deleted: bool,
    /// The record that this one was merged into.
    pub master_record_id: Option<&'a str>,
}

/// Takes records.
pub trait RowSink: Send {
    /// Begins a record; one cell per field of the mapping follows, in its order.
    fn begin(&mut self, head: RowHead<'_>);

    /// The next field's value.
    fn cell(&mut self, cell: Cell<'_>);

    /// Whether what was taken should be carried on before more comes.
    fn is_full(&self) -> bool;
}

/// Gives records, each once.
pub trait RowSource: Send {
    /// Why it may fail.
    type Error;

    /// Writes records until the sink is full or there are no more; false when there are no more.
    ///
    /// # Errors
    /// When the records end in an error; what was written until then must not be used.
    fn write_rows<S: RowSink>(
        &mut self,
        sink: &mut S,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;
}
