//! Records that cannot have a row yet: a foreign key of the application's wants a parent that is not here, or another
//! row holds their key, with a change that is not sent yet or as one that may or may not be theirs.
//!
//! They are kept by their ids, so that they hold nobody else up. What they wait for releases them: the page that
//! brings the parent, or the end of any window of their own. A released record is read again, since it may have
//! changed meanwhile.

use super::Error;
use super::facts::ForeignKey;
use super::ground::Ground;
use super::statements::key_constraint;
use crate::model::SalesforceId;
use crate::postgres::Database;
use crate::postgres::identifier::{fill, literal, quote};
use crate::postgres::load::pulled;
use tokio_postgres::types::{ToSql, Type};

/// Takes keys from rows whose records have lost them, and parks the page's records whose key cannot be taken. Answers
/// how many of those have no row that is clearly theirs, and tells of them once.
pub(super) async fn release_keys(ground: &Ground<'_>, statement: &str) -> Result<u64, Error> {
    let table = ground.mapping.table.as_str();
    let row = ground.transaction.query_typed_one(statement, &[(&table, Type::TEXT)]).await?;
    let count = |index| Ok::<_, Error>(u64::try_from(row.try_get::<_, i64>(index)?).unwrap_or(0));
    let (ambiguous, news) = (count(0)?, count(1)?);
    if news > 0 {
        let object = ground.mapping.object.as_str();
        let constraint = key_constraint(ground.mapping);
        tracing::warn!(mapping = %object, records = news, %constraint, "it is not clear which rows are those of some records");
        let (records, are) = if news == 1 { ("record", "is") } else { ("records", "are") };
        let message = format!(
            "{news} {records} of {object} {are} left out: {constraint} is held by several rows, or by a row of \
             another record"
        );
        let event =
            "insert into lockstep.event (kind, object, message) values ('ambiguous', $1, $2)";
        let parameters: [(&(dyn ToSql + Sync), Type); 2] =
            [(&object, Type::TEXT), (&message, Type::TEXT)];
        ground.transaction.execute_typed(event, &parameters).await?;
    }
    Ok(ambiguous)
}

/// Parks the page's records that foreign keys keep out.
pub(super) async fn park(ground: &Ground<'_>) -> Result<u64, Error> {
    let checks: Vec<(&ForeignKey, Check)> =
        ground.facts.outgoing().filter_map(|key| Some((key, Check::of(ground, key)?))).collect();
    let mut parked = 0;
    loop {
        let mut found = 0;
        for (key, check) in &checks {
            found += ground
                .transaction
                .execute_typed(
                    &check.statement,
                    &[
                        (&ground.mapping.table, Type::TEXT),
                        (&key.name, Type::TEXT),
                        (&key.parent_table, Type::TEXT),
                    ],
                )
                .await?;
        }
        parked += found;
        // A parent in the page may have been parked itself.
        if found == 0 || !checks.iter().any(|(key, _)| key.is_incoming) {
            return Ok(parked);
        }
    }
}

/// The statement that parks what one foreign key keeps out.
struct Check {
    statement: String,
}

impl Check {
    /// `None` where the columns are not Salesforce's to fill.
    fn of(ground: &Ground<'_>, key: &ForeignKey) -> Option<Self> {
        let staged = |column: &str| {
            let (index, _) = pulled(ground.mapping).find(|(_, field)| field.column == column)?;
            Some(format!("f{index}"))
        };
        let columns = key
            .columns
            .iter()
            .map(|column| Some((staged(&column.child)?, column)))
            .collect::<Option<Vec<_>>>()?;
        let list = |text: &dyn Fn(&str, &str) -> String, between: &str| {
            let texts: Vec<String> =
                columns.iter().map(|(staged, column)| text(staged, &column.parent)).collect();
            texts.join(between)
        };
        let in_page = |column: &str| match column {
            "sfid" => Some("sfid".to_owned()),
            other => staged(other),
        };
        let others = columns
            .iter()
            .map(|(child, column)| {
                Some(format!("other.{} = page.{child}", in_page(&column.parent)?))
            })
            .collect::<Option<Vec<_>>>();
        let not_in_page = match others {
            Some(others) if key.is_incoming => format!(
                "and not exists (select from pg_temp.lockstep_page as other \
                 where not other.is_deleted and {})",
                others.join(" and ")
            ),
            _ => String::new(),
        };
        let statement = fill(
            include_str!("../sql/orphan_park.sql"),
            &[
                ("awaited", list(&|staged, _| format!("page.{staged}::text"), ", ").as_str()),
                ("is_set", &list(&|staged, _| format!("page.{staged} is not null"), " and ")),
                ("parent", &key.parent),
                (
                    "is_parent",
                    &list(
                        &|staged, parent| format!("parent.{} = page.{staged}", quote(parent)),
                        " and ",
                    ),
                ),
                ("not_in_page", &not_in_page),
            ],
        );
        Some(Self { statement })
    }
}

/// Forgets that the page's records were waited for.
pub(super) async fn forget_page(ground: &Ground<'_>) -> Result<(), Error> {
    ground.run_of_table(include_str!("../sql/orphan_forget.sql")).await?;
    Ok(())
}

/// Releases what waits for rows of this table that are here now, and what of this table waits for nothing any more.
pub(super) async fn release(ground: &Ground<'_>) -> Result<u64, Error> {
    let facts = &ground.facts;
    let mut released = 0;
    for key in &facts.foreign_keys {
        let is_of_interest =
            (key.is_incoming && facts.is_awaited) || (key.is_outgoing && facts.has_orphans);
        if is_of_interest {
            released += release_key(ground, key).await?;
        }
    }
    if facts.has_orphans {
        let known: Vec<&str> = facts.outgoing().map(|key| key.name.as_str()).collect();
        let key_is_free = ground.mapping.key.as_ref().map_or_else(
            || "true".to_owned(),
            |key| {
                fill(
                    include_str!("../sql/orphan_key_is_free.sql"),
                    &[("table", ground.statements.table.as_str()), ("key", &quote(&key.column))],
                )
            },
        );
        let statement = fill(
            include_str!("../sql/orphan_release_others.sql"),
            &[
                ("key_name", literal(&key_constraint(ground.mapping)).as_str()),
                ("key_is_free", &key_is_free),
            ],
        );
        released += ground
            .transaction
            .execute_typed(
                &statement,
                &[(&ground.mapping.table, Type::TEXT), (&known, Type::TEXT_ARRAY)],
            )
            .await?;
    }
    Ok(released)
}

async fn release_key(ground: &Ground<'_>, key: &ForeignKey) -> Result<u64, Error> {
    let is_parent: Vec<String> = key
        .columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let position = index + 1;
            format!(
                "parent.{} = (orphan.awaited[{position}])::{}",
                quote(&column.parent),
                column.sql_type
            )
        })
        .collect();
    let statement = fill(
        include_str!("../sql/orphan_release.sql"),
        &[("parent", key.parent.as_str()), ("is_parent", &is_parent.join(" and "))],
    );
    Ok(ground
        .transaction
        .execute_typed(&statement, &[(&key.child_table, Type::TEXT), (&key.name, Type::TEXT)])
        .await?)
}

/// Up to `limit` records of the table that can be read again.
///
/// # Errors
/// When the database cannot be asked.
pub async fn released_orphans(
    db: &Database,
    table: &str,
    limit: i64,
) -> Result<Vec<SalesforceId>, Error> {
    let client = db.client().await?;
    let rows = client
        .query_typed(
            include_str!("../sql/orphan_released.sql"),
            &[(&table, Type::TEXT), (&limit, Type::INT8)],
        )
        .await?;
    let id = |row: &tokio_postgres::Row| {
        let id: &str = row.try_get(0)?;
        SalesforceId::parse(id).map_err(|error| Error::Unexpected(error.to_string()))
    };
    rows.iter().map(id).collect()
}

/// Forgets records of the table that Salesforce does not have any more.
///
/// # Errors
/// When the database cannot be asked.
pub async fn forget_orphans(db: &Database, table: &str, ids: &[SalesforceId]) -> Result<(), Error> {
    let client = db.client().await?;
    let ids: Vec<&str> = ids.iter().map(SalesforceId::as_str).collect();
    client
        .execute_typed(
            include_str!("../sql/orphan_drop.sql"),
            &[(&table, Type::TEXT), (&ids, Type::TEXT_ARRAY)],
        )
        .await?;
    Ok(())
}
