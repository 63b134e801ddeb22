//! The mapped tables: what columns and indexes a mapping needs, and the statements that add what is missing.

use super::catalog::{Catalog, Relation};
use crate::mapping::{Field, KeyDefault, Mapping, WiderFieldRule};
use crate::model::ColumnType;
use crate::postgres::identifier::{qualify, quote, system_name};
use std::collections::BTreeMap;

/// What every mapped table has, as in Heroku Connect's newer installations: ids sort by their bytes.
const SYSTEM_COLUMNS: [&str; 4] = [
    "sfid varchar(18) collate \"ucs_basic\"",
    "id serial primary key",
    "_hc_lastop varchar(32)",
    "_hc_err text",
];

/// What the key of a row becomes that comes without one.
pub(super) const GENERATED_KEY: &str = "gen_random_uuid()::text";

/// A column that a mapping needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ColumnPlan {
    pub name: String,
    pub column_type: ColumnType,
    /// Whether its values come from Salesforce, so that a new column has to be loaded.
    pub is_loaded: bool,
    /// Whether the database makes up the value of a row that comes without one.
    pub is_generated_key: bool,
}

/// The columns of the application and those of Salesforce's own; without `id`, `sfid` and the `_hc_` columns.
pub(super) fn columns(mapping: &Mapping) -> Vec<ColumnPlan> {
    let mut plans = Vec::new();
    let mut add = |name: &str, column_type, is_loaded, is_generated_key| {
        if !plans.iter().any(|plan: &ColumnPlan| plan.name == name) {
            plans.push(ColumnPlan {
                name: name.to_owned(),
                column_type,
                is_loaded,
                is_generated_key,
            });
        }
    };
    for field in &mapping.fields {
        let is_generated = generated_key(mapping).is_some_and(|key| key.name == field.name);
        add(&field.column, field.column_type, field.direction.pulls(), is_generated);
        if let Some(reference) = &field.reference {
            add(&reference.column, reference.column_type, field.direction.pulls(), false);
        }
    }
    if mapping.has_system_modstamp() {
        add("systemmodstamp", ColumnType::Timestamp, false, false);
    }
    if mapping.has_is_deleted {
        add("isdeleted", ColumnType::Boolean, false, false);
    }
    plans
}

/// The field of the key that the database makes up where the application gives none.
pub(super) fn generated_key(mapping: &Mapping) -> Option<&Field> {
    let key = mapping.key.as_ref().filter(|key| key.default != Some(KeyDefault::Off))?;
    let field = mapping.field_of_column(&key.column)?;
    Some(field).filter(|field| field.direction.pushes() && field.createable && field.holds_a_uuid())
}

/// The column that is to make up keys, says the mapping, and does not.
pub(super) fn without_default<'a>(mapping: &'a Mapping, relation: &Relation) -> Option<&'a str> {
    let field = generated_key(mapping)?;
    let is_wanted = mapping.key.as_ref().is_some_and(|key| key.default == Some(KeyDefault::Uuid));
    let column = relation.columns.get(&field.column).filter(|_| is_wanted)?;
    (!column.has_default).then_some(field.column.as_str())
}

/// The statement that creates the whole table.
pub(super) fn create_table(mapping: &Mapping, schema: &str) -> String {
    let mut definitions: Vec<String> = columns(mapping).iter().map(definition).collect();
    definitions.extend(SYSTEM_COLUMNS.map(str::to_owned));
    format!("create table {} ({})", qualify(schema, &mapping.table), definitions.join(", "))
}

fn definition(plan: &ColumnPlan) -> String {
    let default =
        if plan.is_generated_key { format!(" default {GENERATED_KEY}") } else { String::new() };
    format!("{} {}{default}", quote(&plan.name), plan.column_type.sql())
}

/// The statements that widen columns whose fields have come to hold more since the mapping was `applied`, each with
/// what it does. `applied` has the types of the columns then. That is a change of the catalog alone: no row is touched, and readers wait for an instant only.
pub(super) fn widen_columns(
    mapping: &Mapping,
    relation: &Relation,
    schema: &str,
    applied: &BTreeMap<String, String>,
) -> Vec<(String, String)> {
    if mapping.drift.wider_field != WiderFieldRule::Widen {
        return Vec::new();
    }
    let has_grown = |plan: &ColumnPlan| {
        let wanted = plan.column_type.sql();
        let was = applied.get(&plan.name).is_some_and(|was| *was != wanted);
        let is = relation.columns.get(&plan.name);
        was && is.is_some_and(|is| is_wider(plan.column_type, &is.sql_type))
    };
    columns(mapping)
        .into_iter()
        .filter(has_grown)
        .map(|plan| {
            let (table, column) = (qualify(schema, &mapping.table), quote(&plan.name));
            let wanted = plan.column_type.sql();
            (
                format!("column {}.{} widened to {wanted}", mapping.table, plan.name),
                format!("alter table {table} alter column {column} type {wanted}"),
            )
        })
        .collect()
}

/// Whether a column can become of the wider type without its rows being written anew.
fn is_wider(wider: ColumnType, is: &str) -> bool {
    let between = |name: &str| is.strip_prefix(name)?.strip_suffix(')');
    let length = between("character varying(").and_then(|length| length.parse::<u32>().ok());
    let digits = between("numeric(").and_then(|digits| digits.split_once(','));
    match wider {
        ColumnType::Varchar(wider) => length.is_some_and(|length| length < wider),
        ColumnType::Text => length.is_some(),
        ColumnType::Numeric(wider, scale) => digits.is_some_and(|(precision, its_scale)| {
            its_scale == scale.to_string() && precision.parse::<u16>().is_ok_and(|p| p < wider)
        }),
        _ => false,
    }
}

/// The statements that add the columns an adopted or older table lacks, each with what it does.
pub(super) fn add_columns(
    mapping: &Mapping,
    relation: &Relation,
    schema: &str,
) -> Vec<(String, String)> {
    let table = qualify(schema, &mapping.table);
    let system = [("sfid", "varchar(18)"), ("_hc_lastop", "varchar(32)"), ("_hc_err", "text")]
        .map(|(name, sql_type)| (name.to_owned(), sql_type.to_owned(), false));
    let mapped = columns(mapping)
        .into_iter()
        .map(|plan| (plan.name, plan.column_type.sql(), plan.is_generated_key));
    let mut statements = Vec::new();
    for (name, sql_type, is_generated) in mapped.chain(system) {
        let column = quote(&name);
        if !relation.columns.contains_key(&name) {
            let add = format!("alter table {table} add column {column} {sql_type}");
            // Apart from the addition, so that rows that exist already are not given a key.
            let default = if is_generated {
                format!("; alter table {table} alter column {column} set default {GENERATED_KEY}")
            } else {
                String::new()
            };
            statements.push((
                format!("column {}.{name} added", mapping.table),
                format!("{add}{default}"),
            ));
        }
    }
    if let Some(name) = without_default(mapping, relation) {
        let column = quote(name);
        statements.push((
            format!("column {}.{name} makes up keys", mapping.table),
            format!("alter table {table} alter column {column} set default {GENERATED_KEY}"),
        ));
    }
    if !relation.columns.contains_key("id") {
        statements.push((
            format!("column {}.id added", mapping.table),
            format!("alter table {table} add column id serial unique"),
        ));
    } else if relation.columns.get("id").is_some_and(|id| !id.has_default) {
        let sequence = qualify(schema, &system_name("", &mapping.table, "_id_seq"));
        statements.push((
            format!("{}.id numbered", mapping.table),
            format!(
                "create sequence if not exists {sequence} as integer owned by {table}.id; \
                 select setval('{}', coalesce((select max(id) from {table}), 0) + 1, false); \
                 alter table {table} alter column id set default nextval('{}')",
                sequence.replace('\'', "''"),
                sequence.replace('\'', "''"),
            ),
        ));
    }
    statements
}

/// The columns to be indexed, and whether uniquely. `parents_of` are the mappings that may refer to this one.
pub(super) fn indexes(mapping: &Mapping, all: &[Mapping]) -> Vec<(String, bool)> {
    let mut indexes = vec![("sfid".to_owned(), true)];
    if let Some(key) = &mapping.key {
        indexes.push((key.column.clone(), true));
    }
    let stamp = mapping.has_system_modstamp().then(|| "systemmodstamp".to_owned());
    let referred = all
        .iter()
        .flat_map(|child| &child.fields)
        .filter_map(|field| field.reference.as_ref())
        .filter(|reference| reference.table == mapping.table)
        .map(|reference| reference.match_column.clone());
    // Without it, a page of parents would read the whole table to find the rows that name them.
    let lookups = mapping
        .fields
        .iter()
        .filter(|field| field.reference.is_some())
        .map(|field| field.column.clone());
    let wanted = mapping.indexes.iter().cloned().chain(referred).chain(lookups);
    for column in stamp.into_iter().chain(wanted) {
        if !indexes.iter().any(|(existing, _)| *existing == column) {
            indexes.push((column, false));
        }
    }
    indexes
}

/// What is said of an index that was made.
pub(super) fn index_made(name: &str) -> String {
    format!("index {name} created")
}

/// The statements for the indexes that no index of the table can stand in for.
pub(super) fn add_indexes(
    mapping: &Mapping,
    all: &[Mapping],
    catalog: &Catalog,
    schema: &str,
) -> Vec<(String, String)> {
    let relation = catalog.relations.get(&mapping.table);
    // A unique index of a partitioned table has to hold the columns it is divided by.
    let is_partitioned = relation.is_some_and(|relation| relation.is_partitioned);
    indexes(mapping, all)
        .into_iter()
        .map(|(column, is_unique)| (column, is_unique && !is_partitioned))
        .filter(|(column, is_unique)| {
            let existing = relation.and_then(|relation| relation.indexed.get(column));
            existing.is_none_or(|existing_is_unique| *is_unique && !existing_is_unique)
        })
        .map(|(column, is_unique)| {
            let (prefix, unique) =
                if is_unique { ("hcu_idx_", "unique ") } else { ("hc_idx_", "") };
            let name = system_name(prefix, &format!("{}_{column}", mapping.table), "");
            let statement = format!(
                "create {unique}index {} on {} ({})",
                quote(&name),
                qualify(schema, &mapping.table),
                quote(&column)
            );
            (index_made(&name), statement)
        })
        .collect()
}
