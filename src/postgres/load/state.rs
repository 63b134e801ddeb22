//! How a load goes about its table: whether rows go straight in, and which indexes wait for its end.
//!
//! Only plain indexes of ours are set aside. The unique ones stay: they are what tells a record that is there already,
//! and what keeps the application from writing a key twice. What was set aside is on record in the transaction that
//! drops it, and the record goes when all of it is back.

use crate::mapping::Mapping;
use crate::postgres::connect::begin;
use crate::postgres::identifier::system_name;
use crate::postgres::lease::{Lease, begin_fenced};
use crate::postgres::progress::{Checkpoint, write_checkpoint};
use crate::postgres::{BackfillProgress, Database, Error};
use deadpool_postgres::Transaction;
use tokio_postgres::types::{ToSql, Type};

/// How long the application is kept waiting for a lock that is only a convenience.
const SHORT_LOCK: &str = "set local lock_timeout = '1s'";

/// How a load goes about its table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadState {
    /// Whether rows may go straight in.
    pub is_direct: bool,
    /// Whether all pages are in, and only the end of the load is left.
    pub is_read: bool,
    /// Bulk jobs of this load that came to nothing.
    pub failed_jobs: u32,
    /// What is set aside: names and definitions.
    indexes: Vec<(String, String)>,
}

impl LoadState {
    /// Whether the load has an end of its own, after its last page.
    #[must_use]
    pub fn has_end(&self) -> bool {
        self.is_direct || !self.indexes.is_empty()
    }
}

/// Saves the beginning of a load. Where nothing speaks against it, rows will go straight in; `sets_aside` says whether
/// the load is so large that indexes should wait.
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's.
pub async fn open_load(
    db: &Database,
    lease: &Lease,
    mapping: &Mapping,
    position: &BackfillProgress,
    sets_aside: bool,
) -> Result<(), Error> {
    let checkpoint = Checkpoint::Backfill(position.clone());
    let mut client = db.client().await?;
    let transaction = begin_fenced(&mut client, lease).await?;
    let is_direct = find_road(&transaction, db, mapping).await?;
    let indexes = if is_direct && sets_aside {
        own_indexes(&transaction, db.schema(), mapping).await?
    } else {
        Vec::new()
    };
    save(&transaction, mapping, is_direct, &indexes).await?;
    write_checkpoint(&transaction, &mapping.object, &checkpoint).await?;
    if indexes.is_empty() {
        return Ok(transaction.commit().await?);
    }
    transaction.batch_execute(SHORT_LOCK).await?;
    let names: Vec<String> = indexes.iter().map(|(name, _)| db.qualified(name)).collect();
    match transaction.batch_execute(&format!("drop index {}", names.join(", "))).await {
        Ok(()) => return Ok(transaction.commit().await?),
        Err(error) => match Error::from(error) {
            // The application uses the table: it keeps its indexes.
            Error::Locked(_) => {}
            error => return Err(error),
        },
    }
    transaction.rollback().await?;
    let transaction = begin_fenced(&mut client, lease).await?;
    save(&transaction, mapping, is_direct, &[]).await?;
    write_checkpoint(&transaction, &mapping.object, &checkpoint).await?;
    Ok(transaction.commit().await?)
}

/// Whether the rows of a load that begins now may go straight into the table, as [`open_load`] finds it.
///
/// # Errors
/// [`Error::Missing`] before anything was provisioned.
pub async fn may_be_direct(db: &Database, mapping: &Mapping) -> Result<bool, Error> {
    let mut client = db.client().await?;
    let transaction = begin(&mut client).await?;
    find_road(&transaction, db, mapping).await
}

async fn find_road(
    transaction: &Transaction<'_>,
    db: &Database,
    mapping: &Mapping,
) -> Result<bool, Error> {
    if mapping.is_part {
        return Ok(false);
    }
    let parameters: [(&(dyn ToSql + Sync), Type); 3] = [
        (&db.schema(), Type::TEXT),
        (&mapping.table.as_str(), Type::TEXT),
        (&mapping.object.as_str(), Type::TEXT),
    ];
    let row =
        transaction.query_typed_opt(include_str!("../sql/load_find_road.sql"), &parameters).await?;
    if !row.map_or(Ok(false), |row| row.try_get(0))? {
        return Ok(false);
    }
    let is_empty = format!("select not exists (select from {})", db.qualified(&mapping.table));
    Ok(transaction.query_typed_one(&is_empty, &[]).await?.try_get(0)?)
}

/// Name and definition of the plain indexes that provisioning makes.
async fn own_indexes(
    transaction: &Transaction<'_>,
    schema: &str,
    mapping: &Mapping,
) -> Result<Vec<(String, String)>, Error> {
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&schema, Type::TEXT), (&mapping.table.as_str(), Type::TEXT)];
    let rows =
        transaction.query_typed(include_str!("../sql/load_own_indexes.sql"), &parameters).await?;
    let mut indexes = Vec::new();
    for row in rows {
        let (name, column): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        if name == system_name("hc_idx_", &format!("{}_{column}", mapping.table), "") {
            indexes.push((name, row.try_get(2)?));
        }
    }
    Ok(indexes)
}

async fn save(
    transaction: &Transaction<'_>,
    mapping: &Mapping,
    is_direct: bool,
    indexes: &[(String, String)],
) -> Result<(), Error> {
    let (names, definitions): (Vec<&str>, Vec<&str>) =
        indexes.iter().map(|(name, definition)| (name.as_str(), definition.as_str())).unzip();
    let parameters: [(&(dyn ToSql + Sync), Type); 4] = [
        (&mapping.object.as_str(), Type::TEXT),
        (&is_direct, Type::BOOL),
        (&names, Type::TEXT_ARRAY),
        (&definitions, Type::TEXT_ARRAY),
    ];
    transaction.execute_typed(include_str!("../sql/load_open.sql"), &parameters).await?;
    Ok(())
}

/// How the load of an object goes about its table; the default where nothing is known of one.
///
/// # Errors
/// When the database cannot be asked.
pub async fn load_state(db: &Database, object: &str) -> Result<LoadState, Error> {
    let client = db.client().await?;
    let rows =
        client.query_typed(include_str!("../sql/load_state.sql"), &[(&object, Type::TEXT)]).await?;
    let Some(row) = rows.first() else { return Ok(LoadState::default()) };
    let (names, definitions): (Vec<String>, Vec<String>) = (row.try_get(3)?, row.try_get(4)?);
    Ok(LoadState {
        is_direct: row.try_get(0)?,
        is_read: row.try_get(1)?,
        failed_jobs: u32::try_from(row.try_get::<_, i32>(2)?).unwrap_or_default(),
        indexes: names.into_iter().zip(definitions).collect(),
    })
}

/// Notes that a Bulk job came to nothing, so that the load begins anew with a job of its own. What is in the table
/// already is compared then, and not written again. Answers how many jobs failed so far.
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's.
pub async fn note_failed_job(db: &Database, lease: &Lease, object: &str) -> Result<u32, Error> {
    let mut client = db.client().await?;
    let transaction = begin_fenced(&mut client, lease).await?;
    for statement in
        [include_str!("../sql/load_failed_job.sql"), include_str!("../sql/restart_backfill.sql")]
    {
        transaction.execute_typed(statement, &[(&object, Type::TEXT)]).await?;
    }
    transaction.commit().await?;
    Ok(load_state(db, object).await?.failed_jobs)
}

/// Brings back what the load set aside, looks at the table afresh, and forgets the load's ways. Then the load is
/// complete, where `completes` says so. Safe to repeat.
///
/// The application's writers wait while an index is built, one index at a time.
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's.
pub async fn close_load(
    db: &Database,
    lease: &Lease,
    mapping: &Mapping,
    completes: bool,
) -> Result<(), Error> {
    let state = load_state(db, &mapping.object).await?;
    for (_, definition) in &state.indexes {
        let definition = definition.replacen("CREATE INDEX ", "create index if not exists ", 1);
        let mut client = db.client().await?;
        let transaction = begin_fenced(&mut client, lease).await?;
        transaction.batch_execute("set local statement_timeout = 0").await?;
        transaction.batch_execute(&definition).await?;
        transaction.commit().await?;
    }
    let mut client = db.client().await?;
    if state.has_end() {
        let transaction = begin(&mut client).await?;
        let table = db.qualified(&mapping.table);
        transaction.batch_execute(&format!("analyze (skip_locked) {table}")).await?;
        transaction.commit().await?;
    }
    let transaction = begin_fenced(&mut client, lease).await?;
    let forget = "delete from lockstep.load where object = $1";
    transaction.execute_typed(forget, &[(&mapping.object.as_str(), Type::TEXT)]).await?;
    if completes {
        write_checkpoint(&transaction, &mapping.object, &Checkpoint::Loaded).await?;
    }
    transaction.commit().await?;
    Ok(())
}
