//! Holes in the capturing of changes, found and mended while a worker runs.
//!
//! A trigger may be dropped, disabled or replaced at any time, by a migration of the application's or a restore. One
//! cheap statement tells whether anything changed; only then is everything compared.

use super::capture::{self, TriggerState};
use super::catalog::Catalog;
use super::{BESIDE, Provisioned, Step, run};
use crate::mapping::Mapping;
use crate::postgres::connect::begin;
use crate::postgres::{Database, Error};
use std::collections::BTreeSet;
use tokio_postgres::types::Type;

/// What the schema's capturing looks like, to be compared with a later look.
#[derive(Clone, Debug, Default)]
pub struct CaptureState {
    checksum: String,
    /// Every transaction with a lower number had ended; no part of the comparison.
    pub horizon: i64,
    /// Each as its parent's name, a space and its own.
    partitions: BTreeSet<String>,
}

/// Something through which changes of the application are lost to Salesforce.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hole {
    /// The mapping's object.
    pub object: String,
    /// What is, or was, wrong.
    pub message: String,
    /// Whether it is closed again, so that only what happened meanwhile was missed.
    pub is_mended: bool,
    /// What the operator does about it.
    pub help: String,
}

impl PartialEq for CaptureState {
    fn eq(&self, other: &Self) -> bool {
        (&self.checksum, &self.partitions) == (&other.checksum, &other.partitions)
    }
}

impl Eq for CaptureState {}

impl CaptureState {
    /// The partitions of the mapping's table that there were before and are no longer.
    #[must_use]
    pub fn lost_partitions(&self, now: &Self, mapping: &Mapping) -> Vec<Hole> {
        let prefix = format!("{} ", mapping.table);
        let gone = self.partitions.difference(&now.partitions);
        gone.filter_map(|partition| partition.strip_prefix(&prefix))
            .map(|partition| Hole {
                object: mapping.object.clone(),
                message: format!("{partition} is no longer a partition of {}", mapping.table),
                is_mended: false,
                help: format!(
                    "attach it again; or let its records be told from the others: lockstep verify {}",
                    mapping.object
                ),
            })
            .collect()
    }
}

/// Looks at what capturing depends on, by one statement.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn capture_state(db: &Database) -> Result<CaptureState, Error> {
    let client = db.client().await?;
    let schema = db.schema();
    let rows = client
        .query_typed(include_str!("../sql/read_capture_state.sql"), &[(&schema, Type::TEXT)])
        .await?;
    let Some(row) = rows.first() else { return Ok(CaptureState::default()) };
    let checksum: Option<String> = row.try_get(0)?;
    let partitions: Vec<String> = row.try_get(1)?;
    Ok(CaptureState {
        checksum: checksum.unwrap_or_default(),
        horizon: row.try_get(2)?,
        partitions: partitions.into_iter().collect(),
    })
}

/// Puts back what is missing of functions and triggers. Answers every hole that was found; one that another worker mended
/// first is not answered. Tables and columns are left as they are. Asks for each table only for a moment, since the
/// application waits behind it.
///
/// # Errors
/// When the catalog cannot be read, or a trigger cannot be put back; [`Error::Locked`] where a table is in use.
pub async fn mend_capture(db: &Database, mappings: &[Mapping]) -> Result<Vec<Hole>, Error> {
    let mut client = db.client().await?;
    let transaction = begin(&mut client).await?;
    let catalog = Catalog::read(&transaction, db.schema()).await?;
    transaction.commit().await?;
    drop(client);
    let mut holes = Vec::new();
    let mut schema_step = Provisioned::default();
    if capture::log_trigger(db.schema()).state(&catalog) != TriggerState::Ours {
        // It only wakes workers: without it, they find what is captured at their next look.
        run(db, Step::Schema, BESIDE, &mut schema_step).await?;
    }
    for mapping in mappings {
        let found = holes_of(&catalog, db.schema(), mapping);
        let mut done = Provisioned::default();
        // What is disabled stays so, and counts as a hole all the same.
        if found.iter().any(|hole| hole.is_mended)
            || capture::lost(&catalog, db.schema(), mapping).is_some()
        {
            run(db, Step::Capture { mapping }, BESIDE, &mut done).await?;
        }
        let is_ours = !done.done.is_empty();
        holes.extend(found.into_iter().filter(|hole| is_ours || !hole.is_mended));
    }
    Ok(holes)
}

/// Whether the mapping's changes are captured as far as they are to be sent.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn is_captured(db: &Database, mapping: &Mapping) -> Result<bool, Error> {
    let mut client = db.client().await?;
    let transaction = begin(&mut client).await?;
    let catalog = Catalog::read(&transaction, db.schema()).await?;
    transaction.commit().await?;
    Ok(capture::lost(&catalog, db.schema(), mapping).is_none())
}

/// What is wrong; [`Hole::is_mended`] says whether putting triggers and functions back mends it.
fn holes_of(catalog: &Catalog, schema: &str, mapping: &Mapping) -> Vec<Hole> {
    let (table, object) = (&mapping.table, &mapping.object);
    let hole = |message, is_mended, help| Hole { object: object.clone(), message, is_mended, help };
    let meanwhile = if mapping.direction.pushes() {
        "it is put back; rows that were written meanwhile are compared before the mapping goes on"
            .to_owned()
    } else {
        "it is put back".to_owned()
    };
    let Some(relation) = catalog.relations.get(table) else {
        let now = capture::renamed_to(catalog, schema, mapping);
        let error = now.map_or_else(
            || Error::Missing(format!("table {schema}.{table}")),
            |now| Error::Renamed { table: format!("{schema}.{table}"), now },
        );
        return vec![hole(error.to_string(), false, error.remedy().unwrap_or_default())];
    };
    let mut holes = Vec::new();
    for trigger in capture::table_triggers(mapping, schema) {
        let name = &trigger.name;
        holes.extend(match trigger.state(catalog) {
            TriggerState::Ours => None,
            TriggerState::Missing => {
                Some(hole(format!("trigger {name} of {table} was dropped"), true, meanwhile.clone()))
            }
            TriggerState::Foreign => {
                Some(hole(format!("trigger {name} of {table} was replaced"), true, meanwhile.clone()))
            }
            TriggerState::Reset => Some(hole(
                format!("the triggers of {table} were disabled for a while: {name} was reset"),
                true,
                meanwhile.clone(),
            )),
            TriggerState::Disabled => Some(hole(
                format!("trigger {name} of {table} is disabled: changes are not captured"),
                false,
                format!(
                    "alter table {schema}.{table} enable always trigger {name}; rows that were written meanwhile are then compared"
                ),
            )),
        });
    }
    if let Some(hstore) = &catalog.hstore {
        let functions = capture::table_functions(catalog, mapping, schema, hstore);
        let stale = functions.iter().filter(|function| function.is_foreign(catalog, schema));
        holes.extend(stale.map(|function| {
            hole(format!("function {} was replaced", function.name), true, meanwhile.clone())
        }));
    }
    for field in &mapping.fields {
        if !relation.columns.contains_key(&field.column) {
            holes.push(hole(
                format!("column {table}.{} was dropped", field.column),
                false,
                "take the field out of the mapping; or add the column and load it: lockstep provision"
                    .to_owned(),
            ));
        }
    }
    holes
}
