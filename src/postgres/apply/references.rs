//! What refers to the records of a page: columns that name their parent, and lookups to records that were merged.

use super::Error;
use super::facts::{Lookup, Naming};
use super::ground::Ground;
use crate::postgres::identifier::{fill, literal, qualify, quote};
use tokio_postgres::types::Type;

/// Gives the rows that refer to the page's records the names that these have now. What is right already is neither
/// locked nor written.
pub(super) async fn fill_names(ground: &Ground<'_>) -> Result<u64, Error> {
    let mut filled = 0;
    for lookup in &ground.facts.lookups {
        let Some(naming) = &lookup.reference else { continue };
        let texts = Texts::of(ground, lookup, naming);
        let stale = texts.fill(include_str!("../sql/reference_stale.sql"));
        let rows = ground.transaction.query_typed(&stale, &[]).await?;
        let ids = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i32>, _>>()?;
        if ids.is_empty() {
            continue;
        }
        // A statement of its own, so that it sees what the application committed while the locks were waited for.
        let statement = texts.fill(include_str!("../sql/reference_fill.sql"));
        filled += ground
            .transaction
            .execute_typed(&statement, &[(&ids, Type::INT4_ARRAY), (&lookup.table, Type::TEXT)])
            .await?;
    }
    Ok(filled)
}

/// Points what refers to merged records among those that go to the records that they were merged into: rows, and
/// changes of the application that are not sent yet.
pub(super) async fn follow_merges(ground: &Ground<'_>) -> Result<(), Error> {
    ground.run_of_table(include_str!("../sql/merge_chain.sql")).await?;
    for lookup in &ground.facts.lookups {
        follow_unsent(ground, &lookup.table, &lookup.column, ("gone.sfid", "gone.master_sfid"))
            .await?;
        if let Some(naming) = &lookup.reference {
            let column = quote(&naming.match_column);
            let (old, new) = (format!("loser.{column}"), format!("master.{column}"));
            follow_unsent(ground, &lookup.table, &naming.column, (&old, &new)).await?;
        }
        let assignment = lookup.reference.as_ref().map_or_else(String::new, |naming| {
            format!(", {} = master.{}", quote(&naming.column), quote(&naming.match_column))
        });
        let is_keyed = ground.facts.foreign_keys.iter().any(|key| {
            key.is_incoming
                && key.child_table == lookup.table
                && key.columns.iter().any(|column| column.child == lookup.column)
        });
        let statement = fill(
            include_str!("../sql/merge_point.sql"),
            &[
                ("child", qualify(ground.schema, &lookup.table).as_str()),
                ("table", &ground.statements.table),
                ("lookup", &quote(&lookup.column)),
                ("reference_assignment", &assignment),
                ("only_present", if is_keyed { "and master.id is not null" } else { "" }),
            ],
        );
        ground.run(&statement).await?;
    }
    Ok(())
}

/// Replaces what unsent changes of `table` name in `column`: the `old` expression by the `new` one.
async fn follow_unsent(
    ground: &Ground<'_>,
    table: &str,
    column: &str,
    (old, new): (&str, &str),
) -> Result<(), Error> {
    let statement = fill(
        include_str!("../sql/merge_point_unsent.sql"),
        &[
            ("schema", quote(ground.schema).as_str()),
            ("hstore", &quote(&ground.facts.hstore)),
            ("table", &ground.statements.table),
            ("old", old),
            ("new", new),
        ],
    );
    ground
        .transaction
        .execute_typed(&statement, &[(&table, Type::TEXT), (&column, Type::TEXT)])
        .await?;
    Ok(())
}

/// The names in the statements about one column that names a parent.
struct Texts {
    parts: [(&'static str, String); 9],
}

impl Texts {
    fn of(ground: &Ground<'_>, lookup: &Lookup, naming: &Naming) -> Self {
        Self {
            parts: [
                ("child", qualify(ground.schema, &lookup.table)),
                ("table", ground.statements.table.clone()),
                ("schema", quote(ground.schema)),
                ("hstore", quote(&ground.facts.hstore)),
                ("lookup", quote(&lookup.column)),
                ("reference", quote(&naming.column)),
                ("match", quote(&naming.match_column)),
                ("lookup_name", literal(&lookup.column)),
                ("reference_name", literal(&naming.column)),
            ],
        }
    }

    fn fill(&self, template: &str) -> String {
        let parts = self.parts.each_ref().map(|(name, text)| (*name, text.as_str()));
        fill(template, &parts)
    }
}
