//! What people ask of loads: which part, how fast, pause, cancel; and what loads took.
//!
//! A wish is written by any process, without a lease, and heeded by whoever runs the load. Everything that changes a
//! load itself is fenced by the lease `backfill:<object>`.

use super::lease::{Lease, begin_fenced, fenced};
use super::{Database, Error};
use chrono::{DateTime, Utc};
use std::time::Duration;
use tokio_postgres::types::{ToSql, Type};

/// What of an object a load reads. The default is all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Only records stamped since then, by Salesforce's clock.
    pub since: Option<DateTime<Utc>>,
    /// Only these fields, by their API names: rows are completed with them and none is made.
    pub fields: Option<Vec<String>>,
}

impl Part {
    /// Whether it is all of the object.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.since.is_none() && self.fields.is_none()
    }
}

/// What a person wishes of a load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// Go on.
    #[default]
    Run,
    /// Stop, to go on later.
    Pause,
    /// Give up.
    Cancel,
}

impl Wish {
    /// The word in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Pause => "pause",
            Self::Cancel => "cancel",
        }
    }

    pub(super) fn parse(word: &str) -> Self {
        let known = [Self::Pause, Self::Cancel].into_iter().find(|wish| wish.as_str() == word);
        known.unwrap_or_default()
    }
}

/// A load that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// What it reads.
    pub part: Part,
    /// How the person put [`Part::since`], to know the same request when it comes again.
    pub since_text: Option<String>,
    /// Rows per second at most.
    pub rows_per_second: Option<u64>,
}

/// What a step of a load took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Took {
    /// Rows read so far, over all steps.
    pub rows: u64,
    /// Rows expected in all, where that is news.
    pub expected: Option<u64>,
    /// The time of the step.
    pub time: Duration,
    /// Requests to Salesforce in the step.
    pub calls: u64,
    /// Whether it was the last step.
    pub finished: bool,
}

/// How the load of one mapping stands.
#[derive(Clone, Debug, PartialEq)]
pub struct BackfillStatus {
    /// The object.
    pub object: String,
    /// Its table.
    pub table: String,
    /// Whether a load has been completed since it was last needed.
    pub loaded: bool,
    /// Up to where the object was polled.
    pub watermark: Option<DateTime<Utc>>,
    /// Rows applied by the load under way.
    pub rows: Option<u64>,
    /// Its Bulk query job.
    pub job: Option<String>,
    /// What is wished of it, and since when.
    pub wish: (Wish, Option<DateTime<Utc>>),
    /// Since when whoever runs it has heeded the wish.
    pub heeded_at: Option<DateTime<Utc>>,
    /// What was asked for.
    pub request: Request,
    /// Rows expected in all.
    pub expected: Option<u64>,
    /// The time spent in it so far.
    pub time: Duration,
    /// Requests to Salesforce so far.
    pub calls: u64,
    /// The last one that was finished.
    pub last: Option<LastBackfill>,
    /// Who is at it.
    pub holder: Option<String>,
}

/// What the last finished load of a mapping took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LastBackfill {
    /// Rows read.
    pub rows: u64,
    /// The time spent in it.
    pub time: Duration,
    /// Requests to Salesforce.
    pub calls: u64,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
}

/// Asks for a load of the object, in place of what was asked before.
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's.
pub async fn ask_backfill(
    db: &Database,
    lease: &Lease,
    object: &str,
    request: &Request,
) -> Result<(), Error> {
    let rate = request.rows_per_second.map(|rate| i64::try_from(rate).unwrap_or(i64::MAX));
    let parameters: [(&(dyn ToSql + Sync), Type); 5] = [
        (&object, Type::TEXT),
        (&request.part.since, Type::TIMESTAMPTZ),
        (&request.since_text, Type::TEXT),
        (&request.part.fields, Type::TEXT_ARRAY),
        (&rate, Type::INT8),
    ];
    fenced(db, lease, include_str!("sql/ask_backfill.sql"), &parameters).await
}

/// Makes the load under way read at most so many rows per second from now on; as many as it can where `None`.
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's.
pub async fn set_backfill_rate(
    db: &Database,
    lease: &Lease,
    object: &str,
    rows_per_second: Option<u64>,
) -> Result<(), Error> {
    let rate = rows_per_second.map(|rate| i64::try_from(rate).unwrap_or(i64::MAX));
    let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&object, Type::TEXT), (&rate, Type::INT8)];
    fenced(db, lease, include_str!("sql/rate_backfill.sql"), &parameters).await
}

/// Notes a person's wish, and answers whether it is news. Needs no lease: a wish changes nothing by itself.
///
/// # Errors
/// When the database cannot be asked.
pub async fn wish(db: &Database, object: &str, wish: Wish) -> Result<bool, Error> {
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&object, Type::TEXT), (&wish.as_str(), Type::TEXT)];
    let client = db.client().await?;
    let news = client.query_typed(include_str!("sql/wish_backfill.sql"), &parameters).await?;
    Ok(!news.is_empty())
}

/// Notes that whoever runs the load has heeded the wish, and answers whether that is news.
///
/// # Errors
/// When the database cannot be asked.
pub async fn heed_wish(db: &Database, object: &str, wish: Wish) -> Result<bool, Error> {
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&object, Type::TEXT), (&wish.as_str(), Type::TEXT)];
    let client = db.client().await?;
    let news = client.query_typed(include_str!("sql/heed_backfill.sql"), &parameters).await?;
    Ok(!news.is_empty())
}

/// Gives the load under way up: its position and what was asked of it are forgotten, its rows stay. The wish to
/// cancel stays too, so that no worker begins anew by itself; asking for a load ends it.
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's.
pub async fn give_up_backfill(db: &Database, lease: &Lease, object: &str) -> Result<(), Error> {
    let mut client = db.client().await?;
    let transaction = begin_fenced(&mut client, lease).await?;
    for statement in
        [include_str!("sql/restart_backfill.sql"), include_str!("sql/give_up_backfill.sql")]
    {
        transaction.execute_typed(statement, &[(&object, Type::TEXT)]).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Notes what a step took, for progress and for the next estimate.
///
/// # Errors
/// [`Error::Fenced`] when the lease is another's.
pub async fn note_backfill(
    db: &Database,
    lease: &Lease,
    object: &str,
    took: Took,
) -> Result<(), Error> {
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let expected = took.expected.map(signed);
    let parameters: [(&(dyn ToSql + Sync), Type); 6] = [
        (&object, Type::TEXT),
        (&signed(took.rows), Type::INT8),
        (&expected, Type::INT8),
        (&took.time.as_secs_f64(), Type::FLOAT8),
        (&signed(took.calls), Type::INT8),
        (&took.finished, Type::BOOL),
    ];
    fenced(db, lease, include_str!("sql/note_backfill.sql"), &parameters).await
}

/// How the loads of all applied mappings that read from Salesforce stand, by object.
///
/// # Errors
/// When the database cannot be asked.
pub async fn backfills(db: &Database) -> Result<Vec<BackfillStatus>, Error> {
    let client = db.client().await?;
    let rows = client.query_typed(include_str!("sql/read_backfills.sql"), &[]).await?;
    rows.iter().map(backfill).collect()
}

fn backfill(row: &tokio_postgres::Row) -> Result<BackfillStatus, Error> {
    let last = match row.try_get(18)? {
        Some(finished_at) => Some(LastBackfill {
            rows: unsigned(row.try_get(15)?).unwrap_or_default(),
            time: seconds(row.try_get(16)?),
            calls: unsigned(row.try_get(17)?).unwrap_or_default(),
            finished_at,
        }),
        None => None,
    };
    Ok(BackfillStatus {
        object: row.try_get(0)?,
        loaded: row.try_get(1)?,
        watermark: row.try_get(2)?,
        rows: unsigned(row.try_get(3)?),
        job: row.try_get(4)?,
        wish: (Wish::parse(row.try_get(5)?), row.try_get(6)?),
        heeded_at: row.try_get(7)?,
        request: Request {
            part: Part { since: row.try_get(8)?, fields: row.try_get(10)? },
            since_text: row.try_get(9)?,
            rows_per_second: unsigned(row.try_get(11)?),
        },
        expected: unsigned(row.try_get(12)?),
        time: seconds(row.try_get(13)?),
        calls: unsigned(row.try_get(14)?).unwrap_or_default(),
        last,
        holder: row.try_get(19)?,
        table: row.try_get(20)?,
    })
}

fn unsigned(number: Option<i64>) -> Option<u64> {
    number.and_then(|number| u64::try_from(number).ok())
}

fn seconds(seconds: Option<f64>) -> Duration {
    Duration::try_from_secs_f64(seconds.unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{
        Part, Request, Took, Wish, ask_backfill, backfills, give_up_backfill, heed_wish,
        note_backfill, wish,
    };
    use crate::postgres::testing::{account, provisioned_database};
    use crate::postgres::{
        BackfillProgress, Checkpoint, Database, Error, Lease, acquire, needs_load, progress,
        release, save,
    };
    use chrono::{DateTime, TimeDelta, Utc};
    use std::time::Duration;

    async fn world() -> (Database, Lease) {
        let db = provisioned_database(&[account()]).await;
        let lease = acquire(&db, "backfill:Account", "me", Duration::from_mins(1)).await.unwrap();
        (db, lease.unwrap())
    }

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    fn position(started: i64, locator: Option<&str>) -> Checkpoint {
        Checkpoint::Backfill(BackfillProgress {
            job_id: Some("j".to_owned()),
            locator: locator.map(str::to_owned),
            rows: 7,
            started_at: at(started),
            read_started: at(started),
        })
    }

    async fn saved(db: &Database, lease: &Lease, checkpoint: Checkpoint) -> Result<(), Error> {
        save(db, lease, "Account", checkpoint).await
    }

    #[tokio::test]
    async fn a_load_of_a_part_leaves_a_mapping_as_loaded_or_unloaded_as_it_was() {
        let (db, lease) = world().await;
        let part = Part { since: Some(at(1)), fields: Some(vec!["Name".to_owned()]) };
        let request = Request { part: part.clone(), ..Request::default() };
        for loaded_before in [false, true] {
            let before = progress(&db, "Account").await.unwrap();
            assert_eq!((before.loaded, before.part.is_whole()), (loaded_before, true));

            ask_backfill(&db, &lease, "Account", &request).await.unwrap();
            saved(&db, &lease, position(5, None)).await.unwrap();
            assert_eq!(progress(&db, "Account").await.unwrap().part, part);
            saved(&db, &lease, Checkpoint::Loaded).await.unwrap();
            assert_eq!(progress(&db, "Account").await.unwrap(), before);

            saved(&db, &lease, position(6, None)).await.unwrap();
            saved(&db, &lease, Checkpoint::Loaded).await.unwrap();
            let after = progress(&db, "Account").await.unwrap();
            assert_eq!((after.loaded, after.watermark), (true, Some(at(6))));
        }
    }

    #[tokio::test]
    async fn a_page_of_a_load_that_was_given_up_meanwhile_brings_it_not_back() {
        let (db, lease) = world().await;
        saved(&db, &lease, position(5, None)).await.unwrap();
        saved(&db, &lease, position(5, Some("a"))).await.unwrap();
        let superseded = Err(Error::Superseded("Account".to_owned()));

        give_up_backfill(&db, &lease, "Account").await.unwrap();
        assert_eq!(saved(&db, &lease, position(5, Some("b"))).await, superseded);
        assert_eq!(saved(&db, &lease, Checkpoint::Loaded).await, superseded);
        assert!(!progress(&db, "Account").await.unwrap().loaded);

        saved(&db, &lease, position(6, None)).await.unwrap();
        assert_eq!(saved(&db, &lease, position(5, Some("b"))).await, superseded);
        saved(&db, &lease, position(6, Some("a"))).await.unwrap();
    }

    #[tokio::test]
    async fn a_stale_process_can_neither_ask_for_a_load_nor_give_one_up() {
        let (db, stale) = world().await;
        release(&db, &stale).await.unwrap();
        let refused = Err(Error::Fenced("backfill:Account".to_owned()));
        assert_eq!(needs_load(&db, &stale, "Account").await, refused);
        assert_eq!(give_up_backfill(&db, &stale, "Account").await, refused);
        assert_eq!(ask_backfill(&db, &stale, "Account", &Request::default()).await, refused);
        assert_eq!(note_backfill(&db, &stale, "Account", Took::default()).await, refused);
    }

    #[tokio::test]
    async fn a_wish_is_news_once_and_heeded_once_and_a_new_request_ends_it() {
        let (db, lease) = world().await;
        assert!(wish(&db, "Account", Wish::Pause).await.unwrap());
        assert!(!wish(&db, "Account", Wish::Pause).await.unwrap());
        assert_eq!(progress(&db, "Account").await.unwrap().wish, Wish::Pause);
        assert!(heed_wish(&db, "Account", Wish::Pause).await.unwrap());
        assert!(!heed_wish(&db, "Account", Wish::Pause).await.unwrap());
        assert!(!heed_wish(&db, "Account", Wish::Cancel).await.unwrap());

        wish(&db, "Account", Wish::Cancel).await.unwrap();
        give_up_backfill(&db, &lease, "Account").await.unwrap();
        assert_eq!(progress(&db, "Account").await.unwrap().wish, Wish::Cancel);
        ask_backfill(&db, &lease, "Account", &Request::default()).await.unwrap();
        assert_eq!(progress(&db, "Account").await.unwrap().wish, Wish::Run);
    }

    #[tokio::test]
    async fn what_a_load_took_is_summed_and_kept_for_the_next_estimate() {
        let (db, lease) = world().await;
        let took = Took {
            rows: 10,
            expected: Some(20),
            time: Duration::from_secs(2),
            calls: 3,
            finished: false,
        };
        note_backfill(&db, &lease, "Account", took).await.unwrap();
        let under_way = backfills(&db).await.unwrap().remove(0);
        assert_eq!((under_way.expected, under_way.calls, under_way.last), (Some(20), 3, None));
        assert_eq!(under_way.holder.as_deref(), Some("me"));

        let end = Took { rows: 20, expected: None, finished: true, ..took };
        note_backfill(&db, &lease, "Account", end).await.unwrap();
        let ended = backfills(&db).await.unwrap().remove(0);
        let last = ended.last.unwrap();
        assert_eq!((last.rows, last.time, last.calls), (20, Duration::from_secs(4), 6));
        assert_eq!((ended.time, ended.calls), (Duration::ZERO, 0));
    }
}
