//! Records as rows of a binary `COPY`, written straight into its buffers.
//!
//! The rows are the same for both roads into a table: `COPY` into the table itself, and into the page that is merged.

use crate::mapping::{Field, Mapping};
use crate::model::{Cell, ColumnType, InvalidValue, RowHead, RowSink, Unfit, Value};
use crate::postgres::Departed;
use crate::postgres::cell::{self, wire_type};
use crate::postgres::unreadable::Unreadables;
use bytes::{BufMut, Bytes, BytesMut};
use chrono::{NaiveDate, NaiveDateTime};
use std::borrow::Cow;
use tokio_postgres::types::{IsNull, ToSql, Type};

/// Bytes handed to the connection at a time: enough that handing over costs nothing beside writing them.
const CHUNK_BYTES: usize = 128 << 10;

/// What a binary `COPY` begins with: the signature, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What it ends with.
const TRAILER: &[u8] = &[0xff, 0xff];

/// The mark of a row that is as Salesforce has it.
const SYNCED: &[u8] = b"SYNCED";

/// The fields whose values Salesforce gives, with their places in a record.
pub(in crate::postgres) fn pulled(mapping: &Mapping) -> impl Iterator<Item = (usize, &Field)> {
    mapping.fields.iter().enumerate().filter(|(_, field)| field.direction.pulls())
}

/// Which of the columns that not every object has are among a row's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::postgres) struct System {
    stamp: bool,
    is_deleted: bool,
    master: bool,
}

impl System {
    /// All of them, for a page that is merged.
    pub(in crate::postgres) const ALL: Self = Self { stamp: true, is_deleted: true, master: true };

    /// Those that the mapped table has.
    pub(in crate::postgres) fn of_table(mapping: &Mapping) -> Self {
        Self {
            stamp: mapping.has_system_modstamp(),
            is_deleted: mapping.has_is_deleted,
            master: false,
        }
    }

    /// The columns that a row begins with, as they are named in a mapped table.
    pub(in crate::postgres) fn columns(self) -> Vec<&'static str> {
        let mut columns = vec!["sfid", "_hc_lastop"];
        columns.extend(self.stamp.then_some("systemmodstamp"));
        columns.extend(self.is_deleted.then_some("isdeleted"));
        columns.extend(self.master.then_some("master_sfid"));
        columns
    }
}

/// What becomes of the record in hand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Row {
    /// There is none.
    None,
    /// It is written.
    Live,
    /// It is written; nothing but its id is used.
    Deleted,
    /// A value of it cannot be held, so it is left out.
    Unreadable,
}

/// Where a field's values go.
struct Target {
    field: String,
    column: ColumnType,
    wire: Type,
}

/// Takes records and gives the bytes of a `COPY`. Columns: [`System::columns`], then those of [`pulled`].
pub(in crate::postgres) struct Encoder {
    /// Per field of the mapping, where it goes; `None` where Salesforce's value is not wanted.
    fields: Box<[Option<Target>]>,
    system: System,
    columns: i16,
    next_field: usize,
    /// The record in hand: its id, where it begins, and what is to become of it.
    id: String,
    begins_at: usize,
    row: Row,
    open: BytesMut,
    full: Vec<Bytes>,
    full_bytes: usize,
    limit: usize,
    rows: u64,
    departed: Vec<Departed>,
    unreadables: Unreadables,
}

impl Encoder {
    /// An encoder that is full when it holds about `limit` bytes.
    pub(in crate::postgres) fn new(mapping: &Mapping, system: System, limit: usize) -> Self {
        let target = |field: &Field| Target {
            field: field.name.clone(),
            column: field.column_type,
            wire: wire_type(field.column_type),
        };
        let fields: Box<[Option<Target>]> = mapping
            .fields
            .iter()
            .map(|field| field.direction.pulls().then(|| target(field)))
            .collect();
        let wanted = fields.iter().flatten().count() + system.columns().len();
        let mut open = BytesMut::with_capacity(CHUNK_BYTES);
        open.put_slice(HEADER);
        Self {
            fields,
            system,
            // Postgres has no table of more than 1,600 columns.
            columns: i16::try_from(wanted).unwrap_or(i16::MAX),
            next_field: 0,
            id: String::new(),
            begins_at: open.len(),
            row: Row::None,
            open,
            full: Vec::new(),
            full_bytes: 0,
            limit,
            rows: 0,
            departed: Vec::new(),
            unreadables: Unreadables::default(),
        }
    }

    /// The system columns of the rows.
    pub(in crate::postgres) fn system(&self) -> System {
        self.system
    }

    /// Whether no record came so far.
    pub(in crate::postgres) fn is_empty(&self) -> bool {
        self.rows == 0 && self.row == Row::None && self.unreadables.records() == 0
    }

    /// How many records are written.
    pub(in crate::postgres) fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether every record is live and has its row.
    pub(in crate::postgres) fn is_plain(&self) -> bool {
        self.departed.is_empty() && self.unreadables.records() == 0
    }

    /// Bytes held.
    pub(in crate::postgres) fn bytes(&self) -> usize {
        self.full_bytes + self.open.len()
    }

    /// Ends the rows. Nothing may be written afterwards.
    pub(in crate::postgres) fn end(&mut self) {
        self.end_row();
        self.open.put_slice(TRAILER);
        self.close_chunk();
    }

    /// All chunks that are full, in their order.
    pub(in crate::postgres) fn full(&self) -> &[Bytes] {
        &self.full
    }

    /// Takes the full chunks out.
    pub(in crate::postgres) fn take_full(&mut self) -> Vec<Bytes> {
        self.full_bytes = 0;
        std::mem::take(&mut self.full)
    }

    /// The records that are deleted, and those that were left out.
    pub(in crate::postgres) fn into_left(self) -> (Vec<Departed>, Unreadables) {
        (self.departed, self.unreadables)
    }

    fn end_row(&mut self) {
        match self.row {
            Row::None => {}
            Row::Live | Row::Deleted => self.rows += 1,
            Row::Unreadable => self.open.truncate(self.begins_at),
        }
        self.row = Row::None;
    }

    fn close_chunk(&mut self) {
        self.full_bytes += self.open.len();
        self.full.push(self.open.split().freeze());
    }

    fn put(&mut self, cell: &[u8]) {
        // A cell of two gigabytes cannot have been received.
        self.open.put_i32(i32::try_from(cell.len()).unwrap_or(i32::MAX));
        self.open.put_slice(cell);
    }

    fn put_null(&mut self) {
        self.open.put_i32(-1);
    }

    /// Whether the value could be written.
    fn put_any(&mut self, wire: &Type, value: &Value) -> bool {
        let at = self.open.len();
        self.put_null();
        let written = cell::Cell(value).to_sql_checked(wire, &mut self.open);
        if matches!(written, Ok(IsNull::No)) {
            let length = self.open.len() - at - size_of::<i32>();
            let length = i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes();
            if let Some(place) = self.open.get_mut(at..at + length.len()) {
                place.copy_from_slice(&length);
            }
        }
        written.is_ok()
    }

    fn leave_out(&mut self, field: usize, invalid: InvalidValue) {
        let Some(Some(target)) = self.fields.get(field) else { return };
        if self.row == Row::Deleted {
            self.put_null();
        } else {
            self.unreadables.add(&self.id, &target.field, invalid);
            self.row = Row::Unreadable;
        }
    }
}

impl RowSink for Encoder {
    fn begin(&mut self, head: RowHead<'_>) {
        self.end_row();
        if self.open.len() >= CHUNK_BYTES {
            self.close_chunk();
            self.open.reserve(CHUNK_BYTES + CHUNK_BYTES / 8);
        }
        self.next_field = 0;
        self.begins_at = self.open.len();
        self.row = if head.is_deleted { Row::Deleted } else { Row::Live };
        self.id.clear();
        self.id.push_str(head.id);
        self.open.put_i16(self.columns);
        self.put(head.id.as_bytes());
        self.put(SYNCED);
        if self.system.stamp {
            match head.system_modstamp {
                Some(stamp) => self.put(&microseconds(stamp).to_be_bytes()),
                None => self.put_null(),
            }
        }
        if self.system.is_deleted {
            self.put(&[u8::from(head.is_deleted)]);
        }
        if self.system.master {
            match head.master_record_id {
                Some(id) => self.put(id.as_bytes()),
                None => self.put_null(),
            }
        }
        if head.is_deleted {
            self.departed.extend(Departed::of(head));
        }
    }

    fn cell(&mut self, cell: Cell<'_>) {
        let at = self.next_field;
        self.next_field += 1;
        let Some(Some(Target { column, wire, .. })) = self.fields.get(at) else { return };
        match (&cell, wire) {
            (Cell::Null, _) => self.put_null(),
            (Cell::Text(text), &Type::TEXT) => self.put(text.as_bytes()),
            (Cell::Bool(flag), &Type::BOOL) => self.put(&[u8::from(*flag)]),
            (Cell::Double(number), &Type::FLOAT8) => self.put(&number.to_be_bytes()),
            (Cell::Int(number), &Type::INT4) if i32::try_from(*number).is_ok() => {
                self.put(&i32::try_from(*number).unwrap_or_default().to_be_bytes());
            }
            (Cell::Int(number), &Type::INT8) => self.put(&number.to_be_bytes()),
            (Cell::Date(day), &Type::DATE) => self.put(&days(*day).to_be_bytes()),
            (Cell::DateTime(moment), &Type::TIMESTAMP | &Type::TIMESTAMPTZ) => {
                self.put(&microseconds(*moment).to_be_bytes());
            }
            _ => {
                let (column, wire) = (*column, wire.clone());
                let value = match cell {
                    Cell::Value(value) => value,
                    other => Cow::Owned(other.into_value()),
                };
                match *value {
                    Value::Unreadable(invalid) => self.leave_out(at, invalid),
                    _ if self.put_any(&wire, &value) => {}
                    _ => self.leave_out(at, InvalidValue { column, unfit: Unfit::Kind }),
                }
            }
        }
    }

    fn is_full(&self) -> bool {
        self.bytes() >= self.limit
    }
}

/// Postgres counts from the beginning of 2000.
const EPOCH: NaiveDateTime = match NaiveDate::from_ymd_opt(2000, 1, 1) {
    Some(day) => match day.and_hms_opt(0, 0, 0) {
        Some(moment) => moment,
        None => NaiveDateTime::MIN,
    },
    None => NaiveDateTime::MIN,
};

fn microseconds(moment: NaiveDateTime) -> i64 {
    moment.and_utc().timestamp_micros() - EPOCH.and_utc().timestamp_micros()
}

fn days(day: NaiveDate) -> i32 {
    // The span between any two days that exist here fits by far.
    i32::try_from(day.signed_duration_since(EPOCH.date()).num_days()).unwrap_or(i32::MAX)
}
