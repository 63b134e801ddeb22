//! The nouns of the system: values, Salesforce ids, described objects, records and changes.
//!
//! Everything here is plain data: no I/O, no clock, no tasks. All other layers speak in these terms, so that
//! `postgres/` and `salesforce/` never need to know each other.

mod cell;
mod change;
mod describe;
mod id;
mod record;
mod row;
mod stamp;
mod text;
mod value;

pub use cell::Cell;
pub use change::{Action, Change, ChangeState, Fields};
pub use describe::{FieldDescribe, FieldType, ObjectDescribe, PicklistValue};
pub use id::{InvalidId, SalesforceId};
pub use record::RemoteRecord;
pub use row::{RowHead, RowSink, RowSource};
pub use stamp::StampField;
pub use text::{
    InvalidValue, bulk_null, parse_postgres, parse_salesforce, to_csv, to_json, to_soql_literal,
};
pub use value::{ColumnType, Value};
