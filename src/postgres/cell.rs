//! A value on its way into a column, in Postgres' binary form.

use super::numeric;
use crate::model::{ColumnType, Value};
use bytes::BytesMut;
use std::error::Error;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// The wire type of a column. Text and `varchar` travel alike.
pub(super) fn wire_type(column: ColumnType) -> Type {
    match column {
        ColumnType::Varchar(_) | ColumnType::Text => Type::TEXT,
        ColumnType::Boolean => Type::BOOL,
        ColumnType::Integer => Type::INT4,
        ColumnType::Bigint => Type::INT8,
        ColumnType::Double => Type::FLOAT8,
        ColumnType::Numeric(..) | ColumnType::AnyNumeric => Type::NUMERIC,
        ColumnType::Date => Type::DATE,
        ColumnType::Timestamp => Type::TIMESTAMP,
        ColumnType::TimestampTz => Type::TIMESTAMPTZ,
        ColumnType::Time => Type::TIME,
    }
}

/// A borrowed value that is written as its column's type.
#[derive(Debug)]
pub(super) struct Cell<'a>(pub &'a Value);

impl ToSql for Cell<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match (self.0, ty) {
            (Value::Null, _) => Ok(IsNull::Yes),
            (Value::Bool(flag), &Type::BOOL) => flag.to_sql(ty, out),
            (Value::Int(number), &Type::INT4) => i32::try_from(*number)
                .map_err(|_| "a number is too large for its column")?
                .to_sql(ty, out),
            (Value::Int(number), &Type::INT8) => number.to_sql(ty, out),
            (Value::Double(number), &Type::FLOAT8) => number.to_sql(ty, out),
            (Value::Decimal(number), &Type::NUMERIC) => {
                numeric::write(*number, out);
                Ok(IsNull::No)
            }
            (Value::Text(text), &Type::TEXT) => text.to_sql(ty, out),
            (Value::Date(day), &Type::DATE) => day.to_sql(ty, out),
            (Value::DateTime(moment), &Type::TIMESTAMP) => moment.to_sql(ty, out),
            (Value::DateTime(moment), &Type::TIMESTAMPTZ) => moment.and_utc().to_sql(ty, out),
            (Value::Time(time), &Type::TIME) => time.to_sql(ty, out),
            (Value::Unreadable(_), _) => {
                Err("an unreadable value is on its way into a column".into())
            }
            _ => Err("a value is not of its column's type".into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The value in the text form that a cast to its column's type reads. An unreadable one must not get here; it reads
/// as null.
pub(super) fn text_form(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Unreadable(_) => None,
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Int(number) => Some(number.to_string()),
        Value::Double(number) => Some(number.to_string()),
        Value::Decimal(number) => Some(number.to_string()),
        Value::Text(text) => Some(text.clone()),
        Value::Date(day) => Some(day.format("%Y-%m-%d").to_string()),
        Value::DateTime(moment) => Some(moment.format("%Y-%m-%d %H:%M:%S%.6f").to_string()),
        Value::Time(time) => Some(time.format("%H:%M:%S%.6f").to_string()),
    }
}
