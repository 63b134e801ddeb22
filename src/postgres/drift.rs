//! What is kept of objects that differ from what their mappings were bound to, for people to see and for the next start.

use super::connect::begin;
use super::{Database, Error};
use crate::mapping::Applied;
use chrono::{DateTime, Utc};
use tokio_postgres::types::{ToSql, Type};

/// One difference as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriftNote {
    /// The mapping's object.
    pub object: String,
    /// The field; the object's name where it concerns the whole object.
    pub field: String,
    /// The word for what changed.
    pub kind: String,
    /// What changed and what is done about it.
    pub detail: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// Keeps that the object differs in these fields, each with kind and detail, and in no others. Those that were kept
/// already keep their beginning.
///
/// # Errors
/// When the database cannot be asked.
pub async fn note_drift(
    db: &Database,
    object: &str,
    drifted: &[(&str, &str, &str)],
) -> Result<(), Error> {
    let fields: Vec<&str> = drifted.iter().map(|(field, _, _)| *field).collect();
    let kinds: Vec<&str> = drifted.iter().map(|(_, kind, _)| *kind).collect();
    let details: Vec<&str> = drifted.iter().map(|(_, _, detail)| *detail).collect();
    let mut client = db.client().await?;
    let transaction = begin(&mut client).await?;
    let forget = "delete from lockstep.drift where object = $1 and field <> all($2)";
    transaction
        .execute_typed(forget, &[(&object, Type::TEXT), (&fields, Type::TEXT_ARRAY)])
        .await?;
    let parameters: [(&(dyn ToSql + Sync), Type); 4] = [
        (&object, Type::TEXT),
        (&fields, Type::TEXT_ARRAY),
        (&kinds, Type::TEXT_ARRAY),
        (&details, Type::TEXT_ARRAY),
    ];
    transaction.execute_typed(include_str!("sql/note_drift.sql"), &parameters).await?;
    transaction.commit().await?;
    Ok(())
}

/// Every difference that is kept, by object and field.
///
/// # Errors
/// When the database cannot be asked.
pub async fn drifts(db: &Database) -> Result<Vec<DriftNote>, Error> {
    let statement =
        "select object, field, kind, detail, since from lockstep.drift order by object, field";
    let rows = db.client().await?.query_typed(statement, &[]).await?;
    rows.iter()
        .map(|row| {
            Ok(DriftNote {
                object: row.try_get(0)?,
                field: row.try_get(1)?,
                kind: row.try_get(2)?,
                detail: row.try_get(3)?,
                since: row.try_get(4)?,
            })
        })
        .collect()
}

/// The mappings as they were last applied; none where nothing was applied yet.
///
/// # Errors
/// When the database cannot be asked.
pub async fn applied(db: &Database) -> Result<Vec<Applied>, Error> {
    let client = db.client().await?;
    let exists = "select to_regclass('lockstep.mapping') is not null";
    let exists: bool = client.query_typed_one(exists, &[]).await?.try_get(0)?;
    if !exists {
        return Ok(Vec::new());
    }
    let rows = client.query_typed(include_str!("sql/read_applied.sql"), &[]).await?;
    rows.iter()
        .map(|row| {
            let columns: Vec<String> = row.try_get(2)?;
            let columns = columns.into_iter().collect();
            Ok(Applied { object: row.try_get(0)?, key: row.try_get(1)?, columns })
        })
        .collect()
}

/// The object has to be loaded again because its binding changed. Under no lease, as in provisioning: a load under way
/// is superseded by it.
///
/// # Errors
/// When the database cannot be asked.
pub async fn require_load(db: &Database, object: &str) -> Result<(), Error> {
    let mut client = db.client().await?;
    let transaction = begin(&mut client).await?;
    transaction.execute_typed(include_str!("sql/need_load.sql"), &[(&object, Type::TEXT)]).await?;
    transaction.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{drifts, note_drift};
    use crate::postgres::migrate;
    use crate::postgres::testing::{connect_to, fresh_url};

    #[tokio::test]
    async fn what_is_kept_is_what_differs_now() {
        let db = connect_to(&fresh_url().await).await;
        migrate(&db).await.unwrap();

        let gone = ("Phone", "removed_field", "gone");
        note_drift(&db, "Account", &[gone, ("Fax", "wider_field", "wider")]).await.unwrap();
        let first = drifts(&db).await.unwrap();
        note_drift(&db, "Account", &[gone]).await.unwrap();

        assert_eq!(first.len(), 2);
        assert_eq!(drifts(&db).await.unwrap(), first[1..], "and it keeps its beginning");
        note_drift(&db, "Account", &[]).await.unwrap();
        assert_eq!(drifts(&db).await.unwrap(), []);
    }
}
