//! What is asked of the database before a load: which tables refer to each other, how large they are.

use super::{Database, Error};
use tokio_postgres::types::{ToSql, Type};

/// What there is of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableFacts {
    /// Whether it holds a row.
    pub has_rows: bool,
    /// Its indexes.
    pub indexes: u64,
    /// What it takes on disk, with its indexes.
    pub bytes: u64,
}

/// The foreign keys between tables of the mapping schema, each as (table that refers, table that is referred to).
///
/// # Errors
/// When the database cannot be asked.
pub async fn foreign_keys(db: &Database) -> Result<Vec<(String, String)>, Error> {
    let client = db.client().await?;
    let statement = include_str!("sql/read_foreign_keys.sql");
    let rows = client.query_typed(statement, &[(&db.schema(), Type::TEXT)]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// What there is of a table of the mapping schema; `None` when it is not there. Writes nothing.
///
/// # Errors
/// When the database cannot be asked.
pub async fn table_facts(db: &Database, table: &str) -> Result<Option<TableFacts>, Error> {
    let client = db.client().await?;
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&db.schema(), Type::TEXT), (&table, Type::TEXT)];
    let found = client.query_typed(include_str!("sql/read_table_facts.sql"), &parameters).await?;
    let Some(row) = found.first() else { return Ok(None) };
    let unsigned = |number: i64| u64::try_from(number).unwrap_or_default();
    let (indexes, bytes) = (unsigned(row.try_get(0)?), unsigned(row.try_get(1)?));
    let any = format!("select exists (select from {})", db.qualified(table));
    let row = client.query_typed(&any, &[]).await?;
    let has_rows = row.first().map_or(Ok(false), |row| row.try_get(0))?;
    Ok(Some(TableFacts { has_rows, indexes, bytes }))
}

#[cfg(test)]
mod tests {
    use super::{foreign_keys, table_facts};
    use crate::mapping::Direction;
    use crate::postgres::testing::{account, mapping, provisioned_database, run};

    #[tokio::test]
    async fn foreign_keys_and_tables_are_read_as_they_are() {
        let contact = mapping("Contact", Direction::Both);
        let db = provisioned_database(&[account(), contact]).await;
        assert_eq!(foreign_keys(&db).await.unwrap(), []);
        run(
            &db,
            "alter table salesforce.contact add accountid varchar(18) \
             references salesforce.account (sfid); \
             insert into salesforce.account (name) values ('a')",
        )
        .await;
        let keys = foreign_keys(&db).await.unwrap();
        assert_eq!(keys, [("contact".to_owned(), "account".to_owned())]);
        let account = table_facts(&db, "account").await.unwrap().unwrap();
        assert!(account.has_rows && account.indexes > 1 && account.bytes > 0, "{account:?}");
        assert!(!table_facts(&db, "contact").await.unwrap().unwrap().has_rows);
        assert_eq!(table_facts(&db, "nothing").await.unwrap(), None);
    }
}
