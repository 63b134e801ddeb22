//! Rows that go: their records were deleted, merged, purged or hidden in Salesforce, or have left the mapping's filter.
//!
//! All roads end here, so that one guard counts them, one rule protects what the application has not sent yet, and
//! every row is remembered by its id. What cannot go at once is noted in `lockstep.departure`, and tried again with
//! every window.

use super::ground::Ground;
use super::{ApplyError, Error, Facts, orphans, references};
use crate::mapping::{DeleteRule, LeaveRule, Mapping};
use crate::model::{RowHead, SalesforceId};
use crate::postgres::connect::begin;
use crate::postgres::identifier::{fill, literal, quote};
use crate::postgres::lease::{Lease, fence};
use crate::postgres::progress::{Checkpoint, write_checkpoint};
use crate::postgres::{Applied, Database};
use chrono::{DateTime, NaiveDateTime, Utc};
use std::convert::Infallible;
use tokio_postgres::types::Type;

/// The default guard against mass deletion: this many rows, or one in so many of the table.
const DELETES_ALWAYS_ALLOWED: u64 = 100;
const DELETES_ALLOWED_ONE_IN: u64 = 200;

/// Why a record has no place in the table any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It was deleted in Salesforce, at its stamp. A row with a later stamp stays.
    Deleted,
    /// It left the mapping's filter, at its stamp. A row with a later stamp stays.
    LeftFilter,
    /// It was looked for by its id and is not there: purged, or hidden. No stamp protects its row.
    Missing,
}

impl Cause {
    fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::LeftFilter => "left",
            Self::Missing => "missing",
        }
    }
}

/// A record without a place in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departed {
    /// Its id.
    pub id: SalesforceId,
    /// When it went, as far as known.
    pub system_modstamp: Option<DateTime<Utc>>,
    /// The record that it was merged into, if it was.
    pub master_record_id: Option<SalesforceId>,
}

impl Departed {
    /// A deleted record; nothing where its id is none.
    pub(in crate::postgres) fn of(head: RowHead<'_>) -> Option<Self> {
        Some(Self {
            id: SalesforceId::parse(head.id).ok()?,
            system_modstamp: head.system_modstamp.map(|stamp| stamp.and_utc()),
            master_record_id: head.master_record_id.and_then(|id| SalesforceId::parse(id).ok()),
        })
    }
}

/// Records whose rows are to go.
#[derive(Clone, Debug)]
pub struct Removal<'a> {
    /// The mapping they belong to.
    pub mapping: &'a Mapping,
    /// The database's clock before Salesforce was asked about them.
    pub read_started: DateTime<Utc>,
    /// Why they go.
    pub cause: Cause,
    /// What is saved together with them.
    pub checkpoint: Option<Checkpoint>,
    /// Whether more records of the same window follow: they are noted only, and counted and removed with the last.
    pub more: bool,
}

/// Removes the rows of these records, as the mapping's rules for deletions and leavers say, all or nothing.
///
/// Ids without a row are passed over. Rows with unsent changes, and rows that a foreign key holds, stay noted and go
/// when they can. Each row is remembered, so that the record gets its old `id` if it returns.
///
/// # Errors
/// [`ApplyError::TooManyDeletes`] when the guard holds the window back; nothing was removed then, and what was noted
/// before is tried again with the next window.
pub async fn remove(
    db: &Database,
    lease: &Lease,
    removal: Removal<'_>,
    departed: &[Departed],
) -> Result<Applied, ApplyError<Infallible>> {
    let mut client = db.client().await?;
    let transaction = begin(&mut client).await?;
    let facts = Facts::read(&transaction, db.schema(), removal.mapping).await?;
    let ground =
        Ground::new(&transaction, db.schema(), removal.mapping, removal.read_started, facts);
    fence(&transaction, lease).await?;
    let mut applied = Applied { read: departed.len() as u64, ..Applied::default() };
    let mut is_noted = ground.facts.has_departures;
    if !departed.is_empty() {
        is_noted |= note(&ground, removal.cause, departed).await? > 0;
    }
    if !removal.more {
        if is_noted {
            applied.deleted = carry_out(&ground, Source::Noted).await?;
        }
        applied.released = orphans::release(&ground).await?;
    }
    if let Some(checkpoint) = &removal.checkpoint {
        write_checkpoint(&transaction, &removal.mapping.object, checkpoint).await?;
    }
    transaction.commit().await?;
    Ok(applied)
}

/// Whether the mapping lets rows go for this cause.
fn removes(mapping: &Mapping, cause: Cause) -> bool {
    match cause {
        Cause::Deleted | Cause::Missing => mapping.deletes.in_salesforce == DeleteRule::Delete,
        Cause::LeftFilter => {
            mapping.filter.as_ref().is_none_or(|filter| filter.leave == LeaveRule::Delete)
        }
    }
}

/// The records as columns: ids, stamps, and what they were merged into.
type Columns<'a> = (Vec<&'a str>, Vec<Option<NaiveDateTime>>, Vec<Option<&'a str>>);

fn columns(departed: &[Departed]) -> Columns<'_> {
    let stamp = |record: &Departed| record.system_modstamp.map(|stamp| stamp.naive_utc());
    (
        departed.iter().map(|record| record.id.as_str()).collect(),
        departed.iter().map(stamp).collect(),
        departed
            .iter()
            .map(|record| record.master_record_id.as_ref().map(SalesforceId::as_str))
            .collect(),
    )
}

/// Notes records whose rows are to go, and settles what needs no removal. Answers how many were noted.
async fn note(ground: &Ground<'_>, cause: Cause, departed: &[Departed]) -> Result<u64, Error> {
    if cause != Cause::LeftFilter {
        welcome(ground, departed).await?;
    }
    if !removes(ground.mapping, cause) {
        if cause != Cause::LeftFilter {
            mark(ground, departed).await?;
        }
        return Ok(0);
    }
    let (ids, stamps, masters) = columns(departed);
    let noted = ground
        .transaction
        .execute_typed(
            &ground.statements.depart.note,
            &[
                (&ground.mapping.table, Type::TEXT),
                (&cause.as_str(), Type::TEXT),
                (&ids, Type::TEXT_ARRAY),
                (&stamps, Type::TIMESTAMP_ARRAY),
                (&masters, Type::TEXT_ARRAY),
            ],
        )
        .await?;
    Ok(noted)
}

/// Treats the deletions of the page that is staged; answers how many rows went.
pub(super) async fn of_page<E>(
    ground: &Ground<'_>,
    deleted: &[Departed],
    more: bool,
) -> Result<u64, ApplyError<E>> {
    let depart = &ground.statements.depart;
    if !deleted.is_empty() {
        welcome(ground, deleted).await?;
    }
    if !removes(ground.mapping, Cause::Deleted) {
        if !deleted.is_empty() {
            mark(ground, deleted).await?;
        }
        if !more && ground.facts.has_departures {
            return carry_out(ground, Source::Noted).await;
        }
        return Ok(0);
    }
    if more {
        if !deleted.is_empty() {
            ground.run_of_table(&depart.note_page).await?;
        }
        return Ok(0);
    }
    match (deleted.is_empty(), ground.facts.has_departures) {
        (true, false) => Ok(0),
        (true, true) => carry_out(ground, Source::Noted).await,
        (false, _) => carry_out(ground, Source::Page).await,
    }
}

/// Records that the application deleted for itself only, and that Salesforce deletes now, may come back one day.
async fn welcome(ground: &Ground<'_>, departed: &[Departed]) -> Result<(), Error> {
    if !ground.facts.has_kept_away {
        return Ok(());
    }
    let (ids, stamps, _) = columns(departed);
    ground
        .transaction
        .execute_typed(
            include_str!("../sql/depart_welcome.sql"),
            &[
                (&ground.mapping.table, Type::TEXT),
                (&ids, Type::TEXT_ARRAY),
                (&stamps, Type::TIMESTAMP_ARRAY),
            ],
        )
        .await?;
    Ok(())
}

/// Marks the rows that the mapping keeps although their records are gone.
async fn mark(ground: &Ground<'_>, departed: &[Departed]) -> Result<(), Error> {
    let Some(mark) = &ground.statements.depart.mark else { return Ok(()) };
    let (ids, stamps, _) = columns(departed);
    ground
        .transaction
        .execute_typed(mark, &[(&ids, Type::TEXT_ARRAY), (&stamps, Type::TIMESTAMP_ARRAY)])
        .await?;
    Ok(())
}

/// Where the rows that are to go are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// In `lockstep.departure`.
    Noted,
    /// There, and in the page that is staged.
    Page,
}

/// Removes what can go, and keeps noted what cannot. Answers how many rows went.
pub(super) async fn carry_out<E>(
    ground: &Ground<'_>,
    source: Source,
) -> Result<u64, ApplyError<E>> {
    let depart = &ground.statements.depart;
    let create = if source == Source::Noted { &depart.create_noted } else { &depart.create };
    let found = ground.run(create).await?;
    if found == 0 {
        settle(ground, source).await?;
        return Ok(0);
    }
    ground
        .transaction
        .execute_typed(
            &depart.hold,
            &[(&ground.mapping.table, Type::TEXT), (&ground.read_started, Type::TIMESTAMPTZ)],
        )
        .await?;
    let mut counts = Counts::of_gone(ground).await?;
    if counts.has_merged {
        references::follow_merges(ground).await?;
    }
    if ground.facts.restricting().next().is_some() {
        hold_referred(ground).await?;
        counts = Counts::of_gone(ground).await?;
    }
    guard(ground, counts.going).await?;
    let mut deleted = 0;
    if counts.going > 0 {
        deleted = ground.run_of_table(&depart.delete).await?;
    }
    if counts.held > 0 {
        ground.run_of_table(include_str!("../sql/depart_keep.sql")).await?;
    }
    settle(ground, source).await?;
    Ok(deleted)
}

/// How many rows go and stay.
struct Counts {
    going: u64,
    held: u64,
    has_merged: bool,
}

impl Counts {
    async fn of_gone(ground: &Ground<'_>) -> Result<Self, Error> {
        let statement = include_str!("../sql/depart_count.sql");
        let row = ground.transaction.query_typed_one(statement, &[]).await?;
        let count = |count: i64| u64::try_from(count).unwrap_or_default();
        Ok(Self {
            going: count(row.try_get(0)?),
            held: count(row.try_get(1)?),
            has_merged: row.try_get(2)?,
        })
    }
}

async fn settle(ground: &Ground<'_>, source: Source) -> Result<(), Error> {
    if source == Source::Noted || ground.facts.has_departures {
        ground.run_of_table(include_str!("../sql/depart_settle.sql")).await?;
    }
    Ok(())
}

/// Rows that are referred to stay. Of a table that refers to itself, that may hold further rows.
async fn hold_referred(ground: &Ground<'_>) -> Result<(), Error> {
    let keys: Vec<_> = ground.facts.restricting().collect();
    loop {
        let mut held = 0;
        for key in &keys {
            let refers: Vec<String> = key
                .columns
                .iter()
                .map(|column| {
                    format!("child.{} = target.{}", quote(&column.child), quote(&column.parent))
                })
                .collect();
            let stays = if key.is_outgoing {
                "and not exists (select from pg_temp.lockstep_gone as going \
                 where going.record_id = child.id and going.held_by is null)"
            } else {
                ""
            };
            let held_by = literal(&format!("the foreign key {} of {}", key.name, key.child_table));
            let statement = fill(
                include_str!("../sql/depart_hold_referred.sql"),
                &[
                    ("table", ground.statements.table.as_str()),
                    ("child", &key.child),
                    ("refers", &refers.join(" and ")),
                    ("stays", stays),
                    ("held_by", &held_by),
                ],
            );
            held += ground.run(&statement).await?;
        }
        if held == 0 || !keys.iter().any(|key| key.is_outgoing) {
            return Ok(());
        }
    }
}

async fn guard<E>(ground: &Ground<'_>, count: u64) -> Result<(), ApplyError<E>> {
    let allowed = match ground.mapping.deletes.hold_above {
        Some(limit) => limit,
        // Counting a large table takes its time; only a large deletion is worth it.
        None if count <= DELETES_ALWAYS_ALLOWED => return Ok(()),
        None => {
            let row = ground.transaction.query_typed_one(&ground.statements.count, &[]).await?;
            let rows = u64::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default();
            (rows / DELETES_ALLOWED_ONE_IN).max(DELETES_ALWAYS_ALLOWED)
        }
    };
    if count <= allowed {
        return Ok(());
    }
    let object = ground.mapping.object.clone();
    Err(ApplyError::TooManyDeletes { object, count, allowed })
}
