//! A page straight into its table, at the speed of `COPY`.
//!
//! Such a page is applied as a whole from memory, under a lock that lets readers pass and keeps the application's
//! writers waiting for no longer than the page takes. Our triggers are off meanwhile, which no other session ever sees.
//! Anything that a first load of an untouched table does not meet sends the page to the merge instead: something
//! captured or sent meanwhile, a record that has a row, a key that is taken, a table that is not ours.

use super::pulled;
use super::rows::Whole;
use crate::mapping::Mapping;
use crate::postgres::apply::{Applied, Facts, Page, Statements};
use crate::postgres::identifier::{quote, system_name};
use crate::postgres::lease::{Lease, begin_fenced};
use crate::postgres::progress::write_checkpoint;
use crate::postgres::{Database, Error};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use deadpool_postgres::Transaction;
use futures_util::SinkExt;
use std::pin::pin;
use tokio_postgres::types::{ToSql, Type};

/// How long the lock is waited for: the application's writers queue up behind us meanwhile.
const LOCK_WAIT: &str = "set local lock_timeout = '500ms'";

/// Writes a page straight into the table, with its checkpoint; `None` where it has to be merged instead, and nothing
/// of it is written. `is_last` says when a load began whose last page it is.
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's, [`Error::Superseded`] when the load was given up meanwhile, or
/// whatever kept the database from answering.
pub async fn load_direct(
    db: &Database,
    lease: &Lease,
    page: &Page<'_>,
    rows: &Whole,
    is_last: Option<DateTime<Utc>>,
) -> Result<Option<Applied>, Error> {
    match write(db, lease, page, rows, is_last).await {
        Ok(written) => Ok(written),
        // Whatever it was, the merge knows what to do about it, or says it better.
        Err(
            error @ (Error::Collision(_)
            | Error::Misfit(_)
            | Error::Locked(_)
            | Error::Permission(_)
            | Error::Refused { .. }),
        ) => {
            tracing::info!(mapping = %page.mapping.object, %error, "a page is merged instead of copied");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn write(
    db: &Database,
    lease: &Lease,
    page: &Page<'_>,
    Whole { chunks, system }: &Whole,
    is_last: Option<DateTime<Utc>>,
) -> Result<Option<Applied>, Error> {
    let mapping = page.mapping;
    let mut client = db.client().await?;
    let transaction = begin_fenced(&mut client, lease).await?;
    let facts = Facts::read(&transaction, db.schema(), mapping).await?;
    if facts.has_waiting() {
        return Ok(None);
    }
    let names_parents = mapping.fields.iter().any(|field| field.reference.is_some());
    let statements = names_parents.then(|| Statements::of(mapping, db.schema(), &facts));
    if let Some(statements) = &statements {
        // The page's room belongs to nobody else: it is filled before anybody has to wait.
        transaction.batch_execute(&statements.create_page).await?;
        copy(&transaction, &statements.copy(*system), chunks).await?;
    }
    let table = db.qualified(&mapping.table);
    transaction.batch_execute(LOCK_WAIT).await?;
    transaction.batch_execute(&format!("lock table {table} in share row exclusive mode")).await?;
    if is_in_the_way(&transaction, db, page).await? || is_named(&transaction, db, &facts).await? {
        return Ok(None);
    }
    let triggers = enabled_triggers(&transaction, db.schema(), mapping).await?;
    switch(&transaction, &table, &triggers, false).await?;
    let inserted = if let Some(statements) = &statements {
        transaction.execute_typed(&statements.load, &[]).await?
    } else {
        let columns: Vec<String> = system
            .columns()
            .into_iter()
            .map(str::to_owned)
            .chain(pulled(mapping).map(|(_, field)| quote(&field.column)))
            .collect();
        let statement = format!("copy {table} ({}) from stdin (format binary)", columns.join(", "));
        copy(&transaction, &statement, chunks).await?
    };
    switch(&transaction, &table, &triggers, true).await?;
    if let Some(started_at) = is_last {
        let parameters: [(&(dyn ToSql + Sync), Type); 2] =
            [(&mapping.object.as_str(), Type::TEXT), (&started_at, Type::TIMESTAMPTZ)];
        let statement = include_str!("../sql/load_all_read.sql");
        if transaction.execute_typed(statement, &parameters).await? == 0 {
            return Err(Error::Superseded(mapping.object.clone()));
        }
    }
    if let Some(checkpoint) = &page.checkpoint {
        write_checkpoint(&transaction, &mapping.object, checkpoint).await?;
    }
    transaction.commit().await?;
    Ok(Some(Applied { read: inserted, inserted, ..Applied::default() }))
}

async fn copy(
    transaction: &Transaction<'_>,
    statement: &str,
    chunks: &[Bytes],
) -> Result<u64, Error> {
    let mut sink = pin!(transaction.copy_in(statement).await?);
    for chunk in chunks {
        sink.send(chunk.clone()).await?;
    }
    Ok(sink.finish().await?)
}

/// A statement of its own, so that it sees what was committed while the lock was waited for.
async fn is_in_the_way(
    transaction: &Transaction<'_>,
    db: &Database,
    page: &Page<'_>,
) -> Result<bool, Error> {
    let parameters: [(&(dyn ToSql + Sync), Type); 3] = [
        (&page.mapping.table.as_str(), Type::TEXT),
        (&page.mapping.object.as_str(), Type::TEXT),
        (&page.read_started, Type::TIMESTAMPTZ),
    ];
    let statement = db.statement(include_str!("../sql/load_in_the_way.sql"));
    Ok(transaction.query_typed_one(&statement, &parameters).await?.try_get(0)?)
}

/// Whether there are rows that may name a record of the page as their parent.
async fn is_named(
    transaction: &Transaction<'_>,
    db: &Database,
    facts: &Facts,
) -> Result<bool, Error> {
    for table in facts.naming_tables() {
        let any = format!("select exists (select from {})", db.qualified(table));
        if transaction.query_typed_one(&any, &[]).await?.try_get(0)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Those of our row triggers that are enabled, and whether in every session; one that somebody disabled stays so.
async fn enabled_triggers(
    transaction: &Transaction<'_>,
    schema: &str,
    mapping: &Mapping,
) -> Result<Vec<(String, bool)>, Error> {
    let ours = ["_status_trigger", "_logtrigger"]
        .map(|suffix| system_name("hc_", &mapping.table, suffix))
        .to_vec();
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(&schema, Type::TEXT), (&mapping.table.as_str(), Type::TEXT), (&ours, Type::TEXT_ARRAY)];
    let rows =
        transaction.query_typed(include_str!("../sql/load_triggers.sql"), &parameters).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

async fn switch(
    transaction: &Transaction<'_>,
    table: &str,
    triggers: &[(String, bool)],
    is_on: bool,
) -> Result<(), Error> {
    for (trigger, is_always) in triggers {
        let how = match (is_on, is_always) {
            (false, _) => "disable",
            (true, false) => "enable",
            (true, true) => "enable always",
        };
        let statement = format!("alter table {table} {how} trigger {}", quote(trigger));
        transaction.batch_execute(&statement).await?;
    }
    Ok(())
}
