//! Up to where getDeleted has been asked, and whether it is time to ask again.

use super::{Database, Error};
use chrono::{DateTime, Utc};
use tokio_postgres::types::Type;

/// How far asking for deletions has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeletionsAsked {
    /// Up to where the mapping has been polled; `None` before its first load.
    pub watermark: Option<DateTime<Utc>>,
    /// Up to where deletions have been asked for, by Salesforce's clock; `None` if never.
    pub covered: Option<DateTime<Utc>>,
    /// Whether a quarter of an hour has passed since.
    pub is_due: bool,
}

/// How far asking for deletions of the object has come.
///
/// # Errors
/// When the database cannot be asked.
pub async fn deletions_asked(db: &Database, object: &str) -> Result<DeletionsAsked, Error> {
    let client = db.client().await?;
    let row = client
        .query_typed_one(include_str!("sql/read_deletions.sql"), &[(&object, Type::TEXT)])
        .await?;
    Ok(DeletionsAsked {
        watermark: row.try_get(0)?,
        covered: row.try_get(1)?,
        is_due: row.try_get(2)?,
    })
}

/// Lets records come back whose rows the application deleted while `deletes.in_postgres` was `ignore`: a person has
/// asked for the whole object to be loaded again.
///
/// # Errors
/// When the database cannot be asked.
pub async fn welcome_kept_away(db: &Database, object: &str) -> Result<(), Error> {
    let client = db.client().await?;
    let statement = include_str!("sql/welcome_kept_away.sql");
    client.execute_typed(statement, &[(&object, Type::TEXT)]).await?;
    Ok(())
}
