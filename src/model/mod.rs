//! The nouns of the system: values, Salesforce ids, described objects, records and changes.
//!
//! Everything here is plain data: no I/O, no clock, no tasks. All other layers speak in these terms, so that
//! `postgres/` and `salesforce/` never need to know each other.

mod cell;
mod change;
mod column;
mod decimal;
mod describe;
mod forms;
mod id;
mod record;
mod row;
mod stamp;
mod text;
mod unfit;
mod value;

pub use cell::Cell;
pub use change::{Action, Change, ChangeState, Fields};
pub use column::ColumnType;
pub use decimal::{Decimal, DecimalError};
pub use describe::{FieldDescribe, FieldType, ObjectDescribe, PicklistValue};
pub use forms::{bulk_null, to_csv, to_json, to_soql_literal};
pub use id::{InvalidId, SalesforceId};
pub use record::RemoteRecord;
pub use row::{RowHead, RowSink, RowSource};
pub use stamp::StampField;
pub use text::{normal_text, parse_postgres, parse_salesforce};
pub use unfit::{InvalidValue, Unfit};
pub use value::Value;
