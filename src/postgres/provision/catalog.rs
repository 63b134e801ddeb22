//! What the database has: a snapshot of the catalog that planning and inspection look at.

use crate::postgres::Error;
use deadpool_postgres::Transaction;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::types::Type;

/// The mapping schema as it stands.
pub(super) struct Catalog {
    pub has_schema: bool,
    /// The schema of the hstore extension.
    pub hstore: Option<String>,
    pub relations: BTreeMap<String, Relation>,
    /// Body and settings, by schema and name.
    pub functions: BTreeMap<(String, String), Function>,
    /// By table and name.
    pub triggers: BTreeMap<(String, String), Trigger>,
    /// The tables whose triggers run one of the schema's functions, with their schemas, by the function's name.
    pub users: BTreeMap<String, BTreeSet<(String, String)>>,
}

/// A table, or what stands in its place.
#[derive(Default)]
pub(super) struct Relation {
    pub is_table: bool,
    pub is_partitioned: bool,
    pub columns: BTreeMap<String, Column>,
    /// Names of all indexes.
    pub indexes: BTreeSet<String>,
    /// Columns with an index of their own over all rows, and whether one of them is unique.
    pub indexed: BTreeMap<String, bool>,
}

pub(super) struct Column {
    pub sql_type: String,
    pub has_default: bool,
}

pub(super) struct Function {
    pub body: String,
    pub settings: String,
}

/// In which sessions a trigger fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fires {
    Never,
    /// Not where `session_replication_role` is `replica`; or only there, which nobody asks for.
    Ordinarily,
    Always,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trigger {
    pub fires: Fires,
    pub has_condition: bool,
    /// `pg_trigger.tgtype`: timing, level and events.
    pub kind: i32,
    pub function: String,
}

impl Fires {
    /// From `pg_trigger.tgenabled`.
    fn of(enabled: &str) -> Self {
        match enabled {
            "A" => Self::Always,
            "O" => Self::Ordinarily,
            _ => Self::Never,
        }
    }
}

impl Catalog {
    pub(super) async fn read(transaction: &Transaction<'_>, schema: &str) -> Result<Self, Error> {
        let of_schema: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 1] =
            [(&schema, Type::TEXT)];
        let facts = transaction
            .query_typed_one(
                "select exists (select from pg_namespace where nspname = $1), \
                 (select nspname::text from pg_extension join pg_namespace on extnamespace = pg_namespace.oid \
                  where extname = 'hstore')",
                &of_schema,
            )
            .await?;
        let mut catalog = Self {
            has_schema: facts.try_get(0)?,
            hstore: facts.try_get(1)?,
            relations: BTreeMap::new(),
            functions: BTreeMap::new(),
            triggers: BTreeMap::new(),
            users: BTreeMap::new(),
        };
        for row in
            transaction.query_typed(include_str!("../sql/read_relations.sql"), &of_schema).await?
        {
            let relation = catalog.relations.entry(row.try_get(0)?).or_default();
            let kind: &str = row.try_get(1)?;
            relation.is_table = matches!(kind, "r" | "p");
            relation.is_partitioned = kind == "p";
            let column = Column { sql_type: row.try_get(3)?, has_default: row.try_get(4)? };
            relation.columns.insert(row.try_get(2)?, column);
        }
        for row in
            transaction.query_typed(include_str!("../sql/read_indexes.sql"), &of_schema).await?
        {
            let relation = catalog.relations.entry(row.try_get(0)?).or_default();
            relation.indexes.insert(row.try_get(1)?);
            let column: Option<String> = row.try_get(2)?;
            if let (Some(column), true) = (column, row.try_get(3)?) {
                *relation.indexed.entry(column).or_default() |= row.try_get::<_, bool>(4)?;
            }
        }
        for row in
            transaction.query_typed(include_str!("../sql/read_triggers.sql"), &of_schema).await?
        {
            let (table, owner): (String, String) = (row.try_get(0)?, row.try_get(7)?);
            if row.try_get(8)? {
                let user = (owner.clone(), table.clone());
                catalog.users.entry(row.try_get(6)?).or_default().insert(user);
            }
            if owner != schema {
                continue;
            }
            let trigger = Trigger {
                fires: Fires::of(row.try_get(2)?),
                has_condition: row.try_get(3)?,
                kind: row.try_get(4)?,
                function: row.try_get(5)?,
            };
            catalog.triggers.insert((table, row.try_get(1)?), trigger);
        }
        for row in
            transaction.query_typed(include_str!("../sql/read_functions.sql"), &of_schema).await?
        {
            let function = Function { body: row.try_get(2)?, settings: row.try_get(3)? };
            catalog.functions.insert((row.try_get(0)?, row.try_get(1)?), function);
        }
        Ok(catalog)
    }
}
