//! Changes that the rehearsal held back: those a person has insisted on, and those that may go now.

use super::lease::{Lease, begin_fenced};
use super::{Database, Error};
use crate::model::Action;
use serde_json::{Map, Value as Json};
use tokio_postgres::types::Type;

/// Changes of one record that were held back.
#[derive(Clone, Debug, PartialEq)]
pub struct Rehearsed {
    /// Ascends; names them.
    pub log_id: i32,
    /// The log rows.
    pub log_ids: Vec<i32>,
    /// What Salesforce was to do.
    pub operation: Action,
    /// What would have been sent, by field.
    pub values: Map<String, Json>,
}

/// Those of these log rows of a table that the rehearsal held back when they were last looked at.
///
/// # Errors
/// When the database cannot be asked.
pub async fn rehearsed_before(
    db: &Database,
    table: &str,
    log_ids: &[i32],
) -> Result<Vec<i32>, Error> {
    let statement = include_str!("sql/find_rehearsed.sql");
    let client = db.client().await?;
    let rows = client
        .query_typed(statement, &[(&table, Type::TEXT), (&log_ids, Type::INT4_ARRAY)])
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// What the rehearsal holds back of a table, by ascending number, after this one, at most so many.
///
/// # Errors
/// When the database cannot be asked.
pub async fn rehearsed(
    db: &Database,
    table: &str,
    after: i32,
    limit: i64,
) -> Result<Vec<Rehearsed>, Error> {
    let statement = db.statement(include_str!("sql/read_rehearsed.sql"));
    let client = db.client().await?;
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
        [(&table, Type::TEXT), (&after, Type::INT4), (&limit, Type::INT8)];
    let rows = client.query_typed(&statement, &parameters).await?;
    rows.iter()
        .map(|row| {
            let word: &str = row.try_get(2)?;
            let sent: Json = row.try_get(3)?;
            Ok(Rehearsed {
                log_id: row.try_get(0)?,
                log_ids: row.try_get(1)?,
                operation: Action::parse(word)
                    .ok_or_else(|| Error::Unexpected(format!("`{word}` among parked changes")))?,
                values: sent.as_object().cloned().unwrap_or_default(),
            })
        })
        .collect()
}

/// Makes held-back changes due again, as if they had never been looked at.
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's.
pub async fn release_rehearsed(db: &Database, lease: &Lease, log_ids: &[i32]) -> Result<(), Error> {
    let mut client = db.client().await?;
    let transaction = begin_fenced(&mut client, lease).await?;
    let statement = db.statement(include_str!("sql/release_rehearsed.sql"));
    transaction.execute_typed(&statement, &[(&log_ids, Type::INT4_ARRAY)]).await?;
    transaction.commit().await?;
    Ok(())
}
