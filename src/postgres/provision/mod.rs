//! Gives the database what the mappings need, and tells what does not fit.
//!
//! Everything is compared with the catalog first, so that a second run does nothing. Existing tables are adopted:
//! what is missing is added and nothing is dropped. No column's type is changed, but for a text column whose field has
//! come to hold more since the mapping was last applied.

mod capture;
mod catalog;
mod guard;
mod inspect;
mod propose;
mod settings;
mod tables;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_capture;
#[cfg(test)]
mod tests_guard;

pub use guard::{CaptureState, Hole, capture_state, is_captured, mend_capture};
pub use inspect::{Finding, as_found, inspect};
pub use propose::{Proposal, propose};

use super::connect::begin;
use super::hole::{begin_capture_on, open_hole_on};
use super::identifier::{fill, quote};
use super::{Database, Error};
use crate::mapping::Mapping;
use capture::TriggerState;
use catalog::Catalog;
use deadpool_postgres::Transaction;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio_postgres::types::Type;

/// Any constant will do, as long as all workers use the same.
const PROVISION_LOCK: i64 = 0x10c5_7e91;
/// How a table under load is asked to let us in. Whoever writes to it waits behind us meanwhile.
#[derive(Clone, Copy)]
struct Patience {
    /// As Postgres takes it.
    lock_timeout: &'static str,
    attempts: u32,
}

/// When something starts, which happens rarely.
const AT_START: Patience = Patience { lock_timeout: "2s", attempts: 5 };
/// Beside an application at work: it is tried again soon.
const BESIDE: Patience = Patience { lock_timeout: "200ms", attempts: 1 };
/// Between them the application's queue behind our lock request may drain.
const LOCK_PAUSE: Duration = Duration::from_millis(500);

/// What a run changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provisioned {
    /// One sentence per change. Empty when everything was in place.
    pub done: Vec<String>,
    /// The objects whose table or a pulled column is new. Their checkpoints already say so.
    pub to_load: Vec<String>,
}

/// Brings the mapping schema up to the mappings. Idempotent, and safe from many workers at once.
///
/// # Errors
/// When a statement is refused, or a table stays locked by the application. What was done until then stays.
pub async fn provision(db: &Database, mappings: &[Mapping]) -> Result<Provisioned, Error> {
    let mut guard = db.client().await?;
    let lock = begin(&mut guard).await?;
    lock.batch_execute(
        "set local idle_in_transaction_session_timeout = 0; set local lock_timeout = '10min'",
    )
    .await?;
    lock.execute_typed("select pg_advisory_xact_lock($1)", &[(&PROVISION_LOCK, Type::INT8)])
        .await?;
    let mut provisioned = Provisioned::default();
    run(db, Step::Schema, AT_START, &mut provisioned).await?;
    for mapping in mappings {
        run(db, Step::Mapping { mapping, all: mappings }, AT_START, &mut provisioned).await?;
    }
    lock.commit().await?;
    Ok(provisioned)
}

/// What one transaction brings about.
#[derive(Clone, Copy)]
enum Step<'a> {
    Schema,
    Mapping {
        mapping: &'a Mapping,
        all: &'a [Mapping],
    },
    /// The functions and triggers of a table alone.
    Capture {
        mapping: &'a Mapping,
    },
}

/// Runs one step in a transaction of its own, again when the application holds a table for too long.
async fn run(
    db: &Database,
    step: Step<'_>,
    patience: Patience,
    provisioned: &mut Provisioned,
) -> Result<(), Error> {
    let mut client = db.client().await?;
    for attempt in 1.. {
        let transaction = begin(&mut client).await?;
        let lock_timeout = format!("set local lock_timeout = '{}'", patience.lock_timeout);
        transaction.batch_execute(&lock_timeout).await?;
        let result = match step {
            Step::Schema => provision_schema(&transaction, db.schema()).await,
            Step::Mapping { mapping, all } => {
                provision_mapping(&transaction, db.schema(), mapping, all).await
            }
            Step::Capture { mapping } => {
                let catalog = Catalog::read(&transaction, db.schema()).await?;
                let mut done = Vec::new();
                provision_capture(&transaction, &catalog, db.schema(), mapping, &mut done)
                    .await
                    .map(|()| Provisioned { done, to_load: Vec::new() })
            }
        };
        match result {
            Ok(step) => {
                transaction.commit().await?;
                provisioned.done.extend(step.done);
                provisioned.to_load.extend(step.to_load);
                break;
            }
            Err(Error::Locked(_)) if attempt < patience.attempts => {
                transaction.rollback().await?;
                pause(LOCK_PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the pause of a bounded retry, which owns its time")]
async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

async fn provision_schema(
    transaction: &Transaction<'_>,
    schema: &str,
) -> Result<Provisioned, Error> {
    let mut done = Vec::new();
    let catalog = Catalog::read(transaction, schema).await?;
    if !catalog.has_schema {
        transaction.batch_execute(&format!("create schema {}", quote(schema))).await?;
        done.push(format!("schema {schema} created"));
    }
    if catalog.hstore.is_none() {
        create_hstore(transaction).await?;
        done.push("extension hstore created".to_owned());
    }
    if !catalog.functions.contains_key(&("public".to_owned(), "get_xmlbinary".to_owned())) {
        transaction.batch_execute(include_str!("../sql/create_get_xmlbinary.sql")).await?;
        done.push("function public.get_xmlbinary created".to_owned());
    }
    for (table, indexes, statement) in SYSTEM_TABLES {
        let is_complete = catalog
            .relations
            .get(table)
            .is_some_and(|relation| indexes.iter().all(|index| relation.indexes.contains(*index)));
        if !is_complete {
            transaction.batch_execute(&fill(statement, &[("schema", &quote(schema))])).await?;
            done.push(format!("table {table} created"));
        }
    }
    let catalog = Catalog::read(transaction, schema).await?;
    let hstore = hstore_schema(&catalog)?;
    let functions = capture::schema_functions(schema, hstore);
    create_functions(transaction, &catalog, schema, &functions, &mut done).await?;
    let triggers = [capture::log_trigger(schema)];
    create_triggers(transaction, &catalog, schema, &triggers, &mut done).await?;
    Ok(Provisioned { done, to_load: Vec::new() })
}

/// Name, the indexes that make it complete, and the statements that create all of it where absent.
const SYSTEM_TABLES: [(&str, &[&str], &str); 4] = [
    (
        "_trigger_log",
        &[
            "_trigger_log_idx_created_at",
            "_trigger_log_idx_state_id",
            "_trigger_log_idx_state_table_name",
            "_trigger_log_idx_record_id",
            "_trigger_log_idx_deleted_sfid",
        ],
        include_str!("../sql/create_trigger_log.sql"),
    ),
    (
        "_trigger_log_archive",
        &[
            "_trigger_log_archive_idx_created_at",
            "_trigger_log_archive_idx_record_id",
            "_trigger_log_archive_idx_state_table_name",
            "_trigger_log_archive_idx_requeue",
        ],
        include_str!("../sql/create_trigger_log_archive.sql"),
    ),
    ("_hcmeta", &[], include_str!("../sql/create_hcmeta.sql")),
    (
        "_sf_event_log",
        &["idx__sf_event_log_comp_key", "idx__sf_event_log_sfid"],
        include_str!("../sql/create_sf_event_log.sql"),
    ),
];

/// Managed databases may insist on a schema of their own for extensions.
async fn create_hstore(transaction: &Transaction<'_>) -> Result<(), Error> {
    let heroku = transaction
        .query_typed_one(
            "select exists (select from pg_namespace where nspname = 'heroku_ext')",
            &[],
        )
        .await?;
    let target = if heroku.try_get(0)? { "heroku_ext" } else { "public" };
    transaction
        .batch_execute(&format!("create extension if not exists hstore with schema {target}"))
        .await
        .map_err(|error| match Error::from(error) {
            Error::Refused { message, .. } | Error::Permission(message) => {
                Error::HstoreMissing(message)
            }
            other => other,
        })
}

fn hstore_schema(catalog: &Catalog) -> Result<&str, Error> {
    let missing = || Error::HstoreMissing("it was not found in the catalog".to_owned());
    catalog.hstore.as_deref().ok_or_else(missing)
}

async fn provision_mapping(
    transaction: &Transaction<'_>,
    schema: &str,
    mapping: &Mapping,
    all: &[Mapping],
) -> Result<Provisioned, Error> {
    let mut done = Vec::new();
    let catalog = Catalog::read(transaction, schema).await?;
    let mut is_to_load = false;
    if let Some(relation) = catalog.relations.get(&mapping.table) {
        if !relation.is_table {
            return Err(Error::NotATable(format!("{schema}.{}", mapping.table)));
        }
        is_to_load = tables::columns(mapping)
            .iter()
            .any(|plan| plan.is_loaded && !relation.columns.contains_key(&plan.name));
        let applied = applied_types(transaction, mapping).await?;
        let widened = tables::widen_columns(mapping, relation, schema, &applied);
        let added = tables::add_columns(mapping, relation, schema);
        for (text, statement) in widened.into_iter().chain(added) {
            transaction.batch_execute(&statement).await?;
            done.push(text);
        }
    } else {
        if let Some(now) = capture::renamed_to(&catalog, schema, mapping) {
            return Err(Error::Renamed { table: format!("{schema}.{}", mapping.table), now });
        }
        transaction.batch_execute(&tables::create_table(mapping, schema)).await?;
        done.push(format!("table {} created", mapping.table));
        is_to_load = mapping.direction.pulls() || is_to_load;
    }
    let catalog = Catalog::read(transaction, schema).await?;
    let set_aside = set_aside(transaction, mapping).await?;
    for (text, statement) in tables::add_indexes(mapping, all, &catalog, schema) {
        if set_aside.contains(&text) {
            continue;
        }
        transaction.batch_execute(&statement).await?;
        done.push(text);
    }
    provision_capture(transaction, &catalog, schema, mapping, &mut done).await?;
    if save_mapping(transaction, mapping).await? {
        done.push(format!("mapping {} recorded", mapping.object));
    }
    save_lookups(transaction, mapping).await?;
    let mut to_load = Vec::new();
    if is_to_load {
        let object: &str = &mapping.object;
        transaction
            .execute_typed(include_str!("../sql/need_load.sql"), &[(&object, Type::TEXT)])
            .await?;
        to_load.push(mapping.object.clone());
    }
    Ok(Provisioned { done, to_load })
}

async fn provision_capture(
    transaction: &Transaction<'_>,
    catalog: &Catalog,
    schema: &str,
    mapping: &Mapping,
    done: &mut Vec<String>,
) -> Result<(), Error> {
    if let Some(lost) = capture::lost(catalog, schema, mapping) {
        open_hole_on(transaction, &mapping.object, &lost).await?;
    }
    let functions = capture::table_functions(catalog, mapping, schema, hstore_schema(catalog)?);
    create_functions(transaction, catalog, schema, &functions, done).await?;
    let triggers = capture::table_triggers(mapping, schema);
    create_triggers(transaction, catalog, schema, &triggers, done).await?;
    if mapping.direction.pushes() {
        begin_capture_on(transaction, &mapping.object).await?;
    }
    Ok(())
}

/// The types of the mapping's columns when it was last applied; empty if it never was.
async fn applied_types(
    transaction: &Transaction<'_>,
    mapping: &Mapping,
) -> Result<BTreeMap<String, String>, Error> {
    let statement = "select field ->> 'column', field ->> 'type' from lockstep.mapping, \
                     jsonb_array_elements(settings -> 'fields') as field where object = $1";
    let object: &str = &mapping.object;
    let rows = transaction.query_typed(statement, &[(&object, Type::TEXT)]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// What a load under way has set aside and brings back itself, in the words that say so of an index made.
async fn set_aside(transaction: &Transaction<'_>, mapping: &Mapping) -> Result<Vec<String>, Error> {
    let object: &str = &mapping.object;
    let statement = include_str!("../sql/load_set_aside.sql");
    let rows = transaction.query_typed(statement, &[(&object, Type::TEXT)]).await?;
    rows.iter().map(|row| Ok(tables::index_made(row.try_get(0)?))).collect()
}

async fn create_functions(
    transaction: &Transaction<'_>,
    catalog: &Catalog,
    schema: &str,
    functions: &[capture::FunctionPlan],
    done: &mut Vec<String>,
) -> Result<(), Error> {
    let hstore = hstore_schema(catalog)?;
    for function in functions {
        if !function.is_present(catalog, schema) {
            transaction.batch_execute(&function.statement(schema, hstore)).await?;
            done.push(format!("function {} created", function.name));
        }
    }
    Ok(())
}

/// A disabled trigger of ours is left alone: somebody meant it. Inspection reports it.
async fn create_triggers(
    transaction: &Transaction<'_>,
    catalog: &Catalog,
    schema: &str,
    triggers: &[capture::TriggerPlan],
    done: &mut Vec<String>,
) -> Result<(), Error> {
    for trigger in triggers {
        match trigger.state(catalog) {
            TriggerState::Missing | TriggerState::Foreign => {
                transaction.batch_execute(&trigger.statement(schema)).await?;
                done.push(format!("trigger {} created", trigger.name));
            }
            TriggerState::Reset => {
                transaction.batch_execute(&trigger.enable(schema)).await?;
                done.push(format!("trigger {} enabled for every session", trigger.name));
            }
            TriggerState::Disabled | TriggerState::Ours => {}
        }
    }
    Ok(())
}

/// Remembers which columns refer to which objects, for those who apply the parents.
async fn save_lookups(transaction: &Transaction<'_>, mapping: &Mapping) -> Result<(), Error> {
    let lookups = settings::lookups(mapping);
    let statement = include_str!("../sql/save_lookups.sql");
    transaction
        .execute_typed(statement, &[(&mapping.table.as_str(), Type::TEXT), (&lookups, Type::JSONB)])
        .await?;
    Ok(())
}

async fn save_mapping(transaction: &Transaction<'_>, mapping: &Mapping) -> Result<bool, Error> {
    let settings = settings::settings(mapping);
    let direction = settings.get("direction").and_then(|word| word.as_str()).unwrap_or_default();
    let rows = transaction
        .query_typed(
            include_str!("../sql/save_mapping.sql"),
            &[
                (&mapping.object.as_str(), Type::TEXT),
                (&mapping.table.as_str(), Type::TEXT),
                (&direction, Type::TEXT),
                (&settings, Type::JSONB),
            ],
        )
        .await?;
    Ok(!rows.is_empty())
}
