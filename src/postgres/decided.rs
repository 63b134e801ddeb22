//! What a person has decided about conflicts.

use super::{Database, Error};
use crate::mapping::Mapping;
use crate::reconcile::{Decided, Winner, value_of_json};
use serde_json::Value as Json;
use std::collections::HashMap;
use tokio_postgres::types::Type;

/// The decisions about conflicts of a mapping's records with these `id`s that have not been carried out yet, by record.
///
/// # Errors
/// When the database cannot be asked.
pub async fn decided(
    db: &Database,
    mapping: &Mapping,
    record_ids: &[i32],
) -> Result<HashMap<i32, Vec<Decided>>, Error> {
    let client = db.client().await?;
    let table = mapping.table.as_str();
    let rows = client
        .query_typed(
            include_str!("sql/read_decided.sql"),
            &[(&table, Type::TEXT), (&record_ids, Type::INT4_ARRAY)],
        )
        .await?;
    let mut decided: HashMap<i32, Vec<Decided>> = HashMap::new();
    for row in rows {
        let word: &str = row.try_get(1)?;
        let winner = match word {
            "postgres" => Winner::Postgres,
            "salesforce" => Winner::Salesforce,
            _ => return Err(Error::Unexpected(format!("`{word}` as the winner of a conflict"))),
        };
        let conflicts: Option<Json> = row.try_get(2)?;
        let conflicts = conflicts.as_ref().and_then(Json::as_object).into_iter().flatten();
        let about = |(name, values): (&String, &Json)| {
            let field = mapping.fields.iter().find(|field| field.name == *name)?;
            let value = |side| value_of_json(field.column_type, values.get(side)?);
            let (local, remote) = (value("local")?, value("remote")?);
            Some(Decided { field: name.clone(), local, remote, winner })
        };
        decided.entry(row.try_get(0)?).or_default().extend(conflicts.filter_map(about));
    }
    Ok(decided)
}
