//! The connection: which org a mapping schema belongs to, and how much of that org's API requests is used.

use super::{Database, Error};
use chrono::{DateTime, Utc};
use tokio_postgres::types::Type;

/// The org's API requests of the last 24 hours, as Salesforce last told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrgUsage {
    /// Requests used, by everybody.
    pub used: u64,
    /// Requests allowed.
    pub limit: u64,
    /// When Salesforce said so, by the database's clock.
    pub noted_at: DateTime<Utc>,
}

/// Binds the mapping schema to an org. Idempotent.
///
/// # Errors
/// [`Error::OtherOrg`] when the schema holds another org's records: they would be taken for deleted ones.
pub async fn bind_org(
    db: &Database,
    organization_id: &str,
    api_version: &str,
) -> Result<(), Error> {
    let client = db.client().await?;
    let rows = client
        .query_typed(
            include_str!("sql/bind_org.sql"),
            &[
                (&db.schema(), Type::TEXT),
                (&organization_id, Type::TEXT),
                (&api_version, Type::TEXT),
            ],
        )
        .await?;
    let bound: Option<String> = rows.first().map(|row| row.try_get(0)).transpose()?;
    match bound {
        Some(bound) if bound != organization_id => {
            Err(Error::OtherOrg { schema: db.schema().to_owned(), bound })
        }
        _ => Ok(()),
    }
}

/// Keeps what Salesforce said of its API requests.
///
/// # Errors
/// When the database cannot be asked.
pub async fn note_org_usage(db: &Database, used: u64, limit: u64) -> Result<(), Error> {
    let client = db.client().await?;
    let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
    client
        .execute_typed(
            include_str!("sql/note_org_usage.sql"),
            &[
                (&db.schema(), Type::TEXT),
                (&number(used), Type::INT8),
                (&number(limit), Type::INT8),
            ],
        )
        .await?;
    Ok(())
}

/// What Salesforce last said of its API requests, if it ever did.
///
/// # Errors
/// When the database cannot be asked.
pub async fn org_usage(db: &Database) -> Result<Option<OrgUsage>, Error> {
    let client = db.client().await?;
    let rows = client
        .query_typed(include_str!("sql/read_org_usage.sql"), &[(&db.schema(), Type::TEXT)])
        .await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let number = |count: i64| u64::try_from(count).unwrap_or_default();
    Ok(Some(OrgUsage {
        used: number(row.try_get(0)?),
        limit: number(row.try_get(1)?),
        noted_at: row.try_get(2)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::{bind_org, note_org_usage, org_usage};
    use crate::postgres::testing::fresh_database;
    use crate::postgres::{Error, migrate};

    #[tokio::test]
    async fn a_schema_belongs_to_one_org_for_good() {
        let db = fresh_database().await;
        migrate(&db).await.unwrap();
        bind_org(&db, "00Da", "66.0").await.unwrap();
        bind_org(&db, "00Da", "67.0").await.unwrap();
        let refused = bind_org(&db, "00Db", "66.0").await.unwrap_err();
        assert!(matches!(refused, Error::OtherOrg { .. }), "{refused}");
        assert!(refused.remedy().is_some());
    }

    #[tokio::test]
    async fn the_last_word_on_api_requests_is_kept() {
        let db = fresh_database().await;
        migrate(&db).await.unwrap();
        assert_eq!(org_usage(&db).await.unwrap(), None);
        note_org_usage(&db, 17, 15_000).await.unwrap();
        note_org_usage(&db, 18, 15_000).await.unwrap();
        let usage = org_usage(&db).await.unwrap().unwrap();
        assert_eq!((usage.used, usage.limit), (18, 15_000));
    }
}
