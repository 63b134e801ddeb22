//! Requests to Salesforce, counted per mapping and kind, and what the org and the API budget say.
//!
//! Counts gather in memory and are written a few at a time: a quiet poll must not cost a statement for being counted.

use super::{Database, Error};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tokio_postgres::types::{ToSql, Type};

/// So many calls that are not yet written are written with the next one.
const WRITE_AT: u64 = 100;

/// Calls by object and kind that are not yet written.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<BTreeMap<(String, String), u64>>);

impl Ledger {
    /// Adds calls; answers how many wait now.
    fn add(&self, object: String, kind: String, calls: u64) -> u64 {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *open.entry((object, kind)).or_default() += calls;
        open.values().sum()
    }

    fn take(&self) -> BTreeMap<(String, String), u64> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Counts requests to Salesforce for an object, by kind. They are written at once only when many have gathered;
/// [`flush_usage`] writes the rest.
///
/// # Errors
/// When the database cannot be asked; the calls stay counted.
pub async fn add_usage(db: &Database, object: &str, kind: &str, calls: u64) -> Result<(), Error> {
    let waiting = db.ledger().add(object.to_owned(), kind.to_owned(), calls);
    if waiting < WRITE_AT { Ok(()) } else { flush_usage(db).await }
}

/// Writes the calls that were counted since the last time into the current hour. Does nothing when there are none.
///
/// # Errors
/// When the database cannot be asked; the calls stay counted.
pub async fn flush_usage(db: &Database) -> Result<(), Error> {
    let taken = db.ledger().take();
    if taken.is_empty() {
        return Ok(());
    }
    let written = write(db, &taken).await;
    if written.is_err() {
        for ((object, kind), calls) in taken {
            db.ledger().add(object, kind, calls);
        }
    }
    written
}

async fn write(db: &Database, calls: &BTreeMap<(String, String), u64>) -> Result<(), Error> {
    let objects: Vec<&str> = calls.keys().map(|(object, _)| object.as_str()).collect();
    let kinds: Vec<&str> = calls.keys().map(|(_, kind)| kind.as_str()).collect();
    let numbers: Vec<i64> =
        calls.values().map(|&calls| i64::try_from(calls).unwrap_or(i64::MAX)).collect();
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(&objects, Type::TEXT_ARRAY), (&kinds, Type::TEXT_ARRAY), (&numbers, Type::INT8_ARRAY)];
    db.client().await?.execute_typed(include_str!("sql/add_usage.sql"), &parameters).await?;
    Ok(())
}

/// How many requests all workers together counted in the last 24 hours, to the hour.
///
/// # Errors
/// When the database cannot be asked.
pub async fn counted_usage(db: &Database) -> Result<u64, Error> {
    let statement = "select coalesce(sum(calls), 0)::bigint from lockstep.api_usage \
                     where hour >= clock_timestamp() - interval '24 hours'";
    let row = db.client().await?.query_typed(statement, &[]).await?;
    let row = row.first().ok_or_else(|| Error::Unexpected("no count of calls".to_owned()))?;
    Ok(u64::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default())
}

/// How far the API budget cuts work down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetNote {
    /// The level's word.
    pub level: String,
    /// Since when it holds.
    pub since: DateTime<Utc>,
}

/// Keeps the level of the API budget, for people to see. Answers whether it is news.
///
/// # Errors
/// When the database cannot be asked.
pub async fn note_budget(db: &Database, level: &str) -> Result<bool, Error> {
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&db.schema(), Type::TEXT), (&level, Type::TEXT)];
    let client = db.client().await?;
    Ok(client.execute_typed(include_str!("sql/note_budget.sql"), &parameters).await? > 0)
}

/// The level of the API budget as last kept.
///
/// # Errors
/// When the database cannot be asked.
pub async fn budget_note(db: &Database) -> Result<Option<BudgetNote>, Error> {
    let statement = "select budget_level, budget_since from lockstep.connection \
                     where schema_name = $1 and budget_level is not null";
    let rows = db.client().await?.query_typed(statement, &[(&db.schema(), Type::TEXT)]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(BudgetNote { level: row.try_get(0)?, since: row.try_get(1)? }))
}

#[cfg(test)]
mod tests {
    use super::{add_usage, budget_note, counted_usage, flush_usage, note_budget};
    use crate::postgres::migrate;
    use crate::postgres::testing::{connect_to, fresh_url};

    #[tokio::test]
    async fn calls_are_written_together_and_counted_over_a_day() {
        let db = connect_to(&fresh_url().await).await;
        migrate(&db).await.unwrap();

        add_usage(&db, "Account", "pull", 2).await.unwrap();
        add_usage(&db, "Account", "pull", 3).await.unwrap();
        assert_eq!(counted_usage(&db).await.unwrap(), 0, "nothing is written yet");
        add_usage(&db, "Contact", "push", 200).await.unwrap();
        assert_eq!(counted_usage(&db).await.unwrap(), 205, "many do not wait");
        add_usage(&db, "Contact", "push", 1).await.unwrap();
        flush_usage(&db).await.unwrap();
        flush_usage(&db).await.unwrap();

        assert_eq!(counted_usage(&db).await.unwrap(), 206);
    }

    #[tokio::test]
    async fn a_level_is_news_once_and_keeps_its_beginning() {
        let db = connect_to(&fresh_url().await).await;
        migrate(&db).await.unwrap();
        assert_eq!(budget_note(&db).await.unwrap(), None);

        assert!(note_budget(&db, "closed").await.unwrap());
        let first = budget_note(&db).await.unwrap().unwrap();
        assert!(!note_budget(&db, "closed").await.unwrap());

        assert_eq!(budget_note(&db).await.unwrap(), Some(first));
        assert!(note_budget(&db, "open").await.unwrap());
    }
}
