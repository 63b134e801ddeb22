//! Fields that both sides keep undoing, which are written to neither of them any more.

use super::{Database, Error};
use chrono::{DateTime, Utc};
use tokio_postgres::types::Type;

/// A field of one row that is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrozenField {
    /// The object.
    pub object: String,
    /// The row's table.
    pub table: String,
    /// The row's `id`.
    pub record_id: i32,
    /// The field's API name.
    pub field: String,
    /// When the row's value was held back last.
    pub at: DateTime<Utc>,
}

/// Fields that are left alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frozen {
    /// How many there are.
    pub count: u64,
    /// The latest of them, as many as were asked for.
    pub fields: Vec<FrozenField>,
}

/// The fields of one object's rows, or of all, that both sides keep undoing: the latest `limit`.
///
/// # Errors
/// When the database cannot be asked.
pub async fn frozen(db: &Database, object: Option<&str>, limit: i64) -> Result<Frozen, Error> {
    let client = db.client().await?;
    let statement = include_str!("sql/read_frozen.sql");
    let rows =
        client.query_typed(statement, &[(&object, Type::TEXT), (&limit, Type::INT8)]).await?;
    let mut frozen = Frozen::default();
    for row in rows {
        frozen.count = u64::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default();
        frozen.fields.push(FrozenField {
            object: row.try_get(1)?,
            table: row.try_get(2)?,
            record_id: row.try_get(3)?,
            field: row.try_get(4)?,
            at: row.try_get(5)?,
        });
    }
    Ok(frozen)
}
