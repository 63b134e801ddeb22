//! Tells what does not fit, without touching anything.

use super::capture::{self, TriggerState};
use super::catalog::{Catalog, Relation};
use super::tables;
use crate::mapping::Mapping;
use crate::model::ColumnType;
use crate::postgres::connect::begin;
use crate::postgres::{Database, Error};

/// What mends whatever provisioning makes.
const PROVISION: &str = "run: lockstep provision";

/// One thing that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The mapping's object.
    pub object: String,
    /// What is wrong.
    pub message: String,
    /// What the operator does about it.
    pub help: String,
    /// Whether provisioning does it by itself.
    pub is_repairable: bool,
    /// Whether it is only that the mapping, or a column of it, was not provisioned yet.
    pub is_new: bool,
}

/// Compares the database with the mappings, read-only.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn inspect(db: &Database, mappings: &[Mapping]) -> Result<Vec<Finding>, Error> {
    let mut client = db.client().await?;
    let transaction = begin(&mut client).await?;
    let catalog = Catalog::read(&transaction, db.schema()).await?;
    transaction.commit().await?;
    Ok(mappings.iter().flat_map(|mapping| findings(&catalog, db.schema(), mapping)).collect())
}

/// The mappings with the column types that their tables have already, wherever those hold every value of the field.
///
/// A table that existed before, or was made by Heroku Connect or by another setting of `types`, is so taken as it is.
/// Columns that are still to be made keep the type of the mapping, and so do those that do not fit: [`inspect`]
/// reports them.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn as_found(db: &Database, mut mappings: Vec<Mapping>) -> Result<Vec<Mapping>, Error> {
    let mut client = db.client().await?;
    let transaction = begin(&mut client).await?;
    let catalog = Catalog::read(&transaction, db.schema()).await?;
    transaction.commit().await?;
    for mapping in &mut mappings {
        let Some(relation) = catalog.relations.get(&mapping.table) else { continue };
        for field in &mut mapping.fields {
            let found = relation.columns.get(&field.column);
            if let Some(found) = found.and_then(|column| ColumnType::parse(&column.sql_type))
                && field.fits(found)
            {
                field.column_type = found;
            }
            let Some(reference) = &mut field.reference else { continue };
            let found = relation.columns.get(&reference.column);
            if let Some(found) = found.and_then(|column| ColumnType::parse(&column.sql_type))
                && reference.fits(found)
            {
                reference.column_type = found;
            }
        }
    }
    Ok(mappings)
}

fn findings(catalog: &Catalog, schema: &str, mapping: &Mapping) -> Vec<Finding> {
    let finding = |message: String, help: String, is_repairable| Finding {
        object: mapping.object.clone(),
        message,
        help,
        is_repairable,
        is_new: false,
    };
    let repairable = |message| finding(message, PROVISION.to_owned(), true);
    let not_yet = |message| Finding { is_new: true, ..repairable(message) };
    let table = &mapping.table;
    let Some(relation) = catalog.relations.get(table) else {
        if let Some(now) = capture::renamed_to(catalog, schema, mapping) {
            let error = Error::Renamed { table: format!("{schema}.{table}"), now };
            return vec![finding(error.to_string(), error.remedy().unwrap_or_default(), false)];
        }
        return vec![not_yet(format!("table {schema}.{table} does not exist"))];
    };
    if !relation.is_table {
        let help = format!("map the object to another table, or rename {table}");
        return vec![finding(format!("{schema}.{table} is not a table"), help, false)];
    }
    let mut findings: Vec<Finding> = misfits(mapping, relation)
        .into_iter()
        .map(|(column, problem)| match problem {
            Misfit::Missing => not_yet(format!("column {table}.{column} does not exist")),
            Misfit::Type { is, wanted } => finding(
                format!("column {table}.{column} is {is}, the mapping needs {wanted}"),
                format!(
                    "alter the column's type to {wanted}, or take the field out of the mapping"
                ),
                false,
            ),
        })
        .collect();
    let keyless = tables::without_default(mapping, relation);
    findings.extend(keyless.map(|column| {
        repairable(format!("column {table}.{column} does not make up keys, as the mapping asks"))
    }));
    findings.extend(trigger_findings(catalog, schema, mapping, finding));
    let was_provisioned = relation.columns.contains_key("_hc_lastop");
    for finding in &mut findings {
        finding.is_new |= finding.is_repairable && !was_provisioned;
    }
    if let Some(hstore) = &catalog.hstore {
        let functions = capture::table_functions(catalog, mapping, schema, hstore);
        let stale = functions.iter().filter(|function| !function.is_present(catalog, schema));
        findings.extend(
            stale.map(|function| {
                repairable(format!("function {} is not Lockstep's", function.name))
            }),
        );
    }
    findings
}

/// What is wrong with the triggers of a table.
fn trigger_findings(
    catalog: &Catalog,
    schema: &str,
    mapping: &Mapping,
    finding: impl Fn(String, String, bool) -> Finding,
) -> Vec<Finding> {
    let table = &mapping.table;
    let repairable = |message| finding(message, PROVISION.to_owned(), true);
    let mut findings = Vec::new();
    for trigger in capture::table_triggers(mapping, schema) {
        let name = &trigger.name;
        findings.extend(match trigger.state(catalog) {
            TriggerState::Ours => None,
            TriggerState::Missing => {
                Some(repairable(format!("trigger {name} of {table} does not exist")))
            }
            TriggerState::Foreign => Some(repairable(format!("trigger {name} is not Lockstep's"))),
            TriggerState::Reset => Some(repairable(format!(
                "trigger {name} of {table} was disabled for a while, or does not fire in every session"
            ))),
            TriggerState::Disabled => Some(finding(
                format!("trigger {name} is disabled: changes of {table} are not captured"),
                format!(
                    "alter table {schema}.{table} enable always trigger {name}; what changed meanwhile has to be written again"
                ),
                false,
            )),
        });
    }
    findings
}

enum Misfit {
    Missing,
    Type { is: String, wanted: String },
}

fn misfits(mapping: &Mapping, relation: &Relation) -> Vec<(String, Misfit)> {
    let system = [
        ("id", ColumnType::Integer),
        ("sfid", ColumnType::Varchar(18)),
        ("_hc_lastop", ColumnType::Varchar(32)),
        ("_hc_err", ColumnType::Text),
    ]
    .map(|(name, column_type)| (name.to_owned(), column_type));
    let mapped = tables::columns(mapping).into_iter().map(|plan| (plan.name, plan.column_type));
    system
        .into_iter()
        .chain(mapped)
        .filter_map(|(name, wanted)| match relation.columns.get(&name) {
            None => Some((name, Misfit::Missing)),
            // Old installations have varchar(1024) here; the messages are cut to fit.
            Some(_) if name == "_hc_err" => None,
            Some(column) if holds(&column.sql_type, wanted) => None,
            Some(column) if is_adopted(mapping, &name, &column.sql_type) => None,
            Some(column) => {
                let is = column.sql_type.clone();
                Some((name, Misfit::Type { is, wanted: wanted.sql() }))
            }
        })
        .collect()
}

/// Whether the column is taken as it is, by [`as_found`].
fn is_adopted(mapping: &Mapping, column: &str, is: &str) -> bool {
    let Some(found) = ColumnType::parse(is) else { return false };
    let mut references = mapping.fields.iter().filter_map(|field| field.reference.as_ref());
    mapping.field_of_column(column).is_some_and(|field| field.fits(found))
        || references.any(|reference| reference.column == column && reference.fits(found))
}

/// Whether every value of the wanted type fits, and travels in the same binary form.
fn holds(is: &str, wanted: ColumnType) -> bool {
    let length = |text: &str| {
        text.strip_prefix("character varying(")?.strip_suffix(')')?.parse::<u32>().ok()
    };
    match wanted {
        ColumnType::Varchar(needed) => {
            is == "text"
                || is == "character varying"
                || length(is).is_some_and(|available| available >= needed)
        }
        ColumnType::Text => is == "text" || is == "character varying",
        _ => is == wanted.sql(),
    }
}

#[cfg(test)]
mod tests {
    use super::holds;
    use crate::model::ColumnType::{Double, Text, Varchar};

    #[test]
    fn a_wider_column_fits_and_a_narrower_one_does_not() {
        #[rustfmt::skip]
        let table = [
            ("character varying(80)", Varchar(80), true),
            ("character varying(81)", Varchar(80), true),
            ("character varying(40)", Varchar(80), false),
            ("text",                  Varchar(80), true),
            ("character varying(80)", Text,        false),
            ("numeric",               Double,      false),
            ("double precision",      Double,      true),
        ];
        for (is, wanted, expected) in table {
            assert_eq!(holds(is, wanted), expected, "{is} {wanted:?}");
        }
    }
}
