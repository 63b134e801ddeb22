//! Telling that the database is not the one it was: restored to an older state, copied, or failed over.
//!
//! The control schema says which server it is on and how often a worker has looked (the beat). A database that was
//! dumped and restored, or copied, is on another server or has another number; one that was recovered to a point in
//! time, or failed over, continues on another timeline; one whose files were put back has a lower beat than the worker
//! remembers. The last can only be told by a worker that runs meanwhile, so every new connection is compared with what
//! this process has seen before anything is done with it: from the moment the database went back, nothing is read or
//! written by what was remembered of its future.

use super::{Database, Error};
use std::sync::{Mutex, PoisonError};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

/// Which server a database is on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Identity {
    /// Made once by initdb; copies of the files share it. Absent where the role may not ask.
    system_identifier: Option<String>,
    /// Changes whenever a server is promoted or recovered to a point in time. Absent where the role may not ask.
    timeline: Option<i32>,
    /// The database's number, which a restored dump does not keep.
    database: i64,
    /// The number of the marker's table, which a restored dump does not keep either. Absent before there is one.
    relation: Option<i64>,
}

/// What this process knows of the database.
#[derive(Debug, Default)]
pub(super) struct Memory {
    seen: Mutex<Seen>,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    identity: Option<Identity>,
    /// The server's start, as a cheap sign that nothing can have changed.
    server_start: Option<String>,
    /// The beat that this process wrote last.
    beat: Option<i64>,
    went_back: Option<String>,
}

impl Memory {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses to go on once the database is known to have gone back.
    pub(super) fn check(&self) -> Result<(), Error> {
        let reason = self.seen().went_back.clone();
        reason.map_or(Ok(()), |reason| Err(Error::WentBack(reason)))
    }

    /// Compares the server of a new connection with the one this process knows.
    pub(super) async fn meet(&self, client: &Client) -> Result<(), Error> {
        let start = client
            .query_typed("select pg_postmaster_start_time()::text", &[])
            .await?
            .first()
            .map(|row| row.try_get::<_, String>(0))
            .transpose()?;
        let known = self.seen().clone();
        if known.server_start.is_some() && known.server_start == start {
            return Ok(());
        }
        let identity = identity(client).await?;
        let reason = match (&known.identity, known.beat) {
            (Some(before), beat) => {
                let now = if beat.is_some() { stored_beat(client).await? } else { None };
                judge(before, &identity, beat.map(|beat| (beat, now)))
            }
            (None, _) => None,
        };
        let mut seen = self.seen();
        if let Some(reason) = reason {
            seen.went_back = Some(reason.to_owned());
            return Err(Error::WentBack(reason.to_owned()));
        }
        seen.identity = Some(identity);
        seen.server_start = start;
        Ok(())
    }
}

/// Why the database is not what it was, if it is not. `beats` are the remembered beat and the one that is stored now.
fn judge(
    before: &Identity,
    now: &Identity,
    beats: Option<(i64, Option<i64>)>,
) -> Option<&'static str> {
    let differs = |before: Option<&str>, now: Option<&str>| {
        before.is_some() && now.is_some() && before != now
    };
    let timelines = (before.timeline, now.timeline);
    if differs(before.system_identifier.as_deref(), now.system_identifier.as_deref()) {
        Some("the database is on another server: it was restored from a dump, or copied")
    } else if before.database != now.database
        || matches!((before.relation, now.relation), (Some(before), Some(now)) if before != now)
    {
        Some("the database is another one: it was restored from a dump, or copied")
    } else if matches!(timelines, (Some(before), Some(now)) if before != now) {
        Some(
            "the server continues on another timeline: it failed over, was forked, or was recovered",
        )
    } else if matches!(beats, Some((remembered, stored)) if stored.is_none_or(|beat| beat < remembered))
    {
        Some("the database is older than what this worker has seen of it: it was restored")
    } else {
        None
    }
}

/// Asks the server who it is, as far as this role may ask.
async fn identity(client: &Client) -> Result<Identity, Error> {
    let system_identifier =
        optional(client, "select system_identifier::text from pg_control_system()").await?;
    // The first eight digits of a log file's name are the timeline, in hexadecimal.
    let timeline = "select substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)";
    let timeline = optional(client, timeline).await?;
    let database = "select oid::int8, to_regclass('lockstep.marker')::oid::int8 \
                    from pg_catalog.pg_database where datname = current_database()";
    let rows = client.query_typed(database, &[]).await?;
    let row = rows.first().ok_or_else(|| Error::Unexpected("no database".to_owned()))?;
    Ok(Identity {
        system_identifier,
        timeline: timeline.and_then(|digits| i32::from_str_radix(&digits, 16).ok()),
        database: row.try_get(0)?,
        relation: row.try_get(1)?,
    })
}

/// A text that some servers and roles do not give.
async fn optional(client: &Client, statement: &str) -> Result<Option<String>, Error> {
    match client.query_typed(statement, &[]).await {
        Ok(rows) => Ok(rows.first().map(|row| row.try_get(0)).transpose()?),
        Err(error) if error.code().is_some_and(is_denied) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn is_denied(code: &SqlState) -> bool {
    [
        SqlState::INSUFFICIENT_PRIVILEGE,
        SqlState::UNDEFINED_FUNCTION,
        SqlState::FEATURE_NOT_SUPPORTED,
        SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
    ]
    .contains(code)
}

/// The beat in the control schema; `None` where the database is from before there was one.
async fn stored_beat(client: &Client) -> Result<Option<i64>, Error> {
    match client.query_typed("select beat from lockstep.marker", &[]).await {
        Ok(rows) => Ok(rows.first().map(|row| row.try_get(0)).transpose()?),
        Err(error)
            if error.code().is_some_and(|code| {
                [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME].contains(code)
            }) =>
        {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Looks at the database and leaves a mark, by which this process knows it again. Answers why the database is not what
/// the control schema says it was, if it is not: then [`settle_marker`] is to be called when the consequences are drawn.
///
/// # Errors
/// [`Error::WentBack`] when the database is not what this process knew.
pub async fn beat(db: &Database) -> Result<Option<String>, Error> {
    let client = db.client().await?;
    let now = identity(&client).await?;
    let rows = client
        .query_typed(
            include_str!("sql/beat.sql"),
            &[
                (&now.system_identifier, Type::TEXT),
                (&now.timeline, Type::INT4),
                (&now.database, Type::INT8),
                (&now.relation, Type::INT8),
            ],
        )
        .await
        .map_err(Error::from)?;
    let row = rows.first().ok_or_else(|| Error::Unexpected("no beat".to_owned()))?;
    let stored = Identity {
        system_identifier: row.try_get(0)?,
        timeline: row.try_get(1)?,
        database: row.try_get(2)?,
        relation: row.try_get(3)?,
    };
    let beat: i64 = row.try_get(4)?;
    let mut seen = db.memory().seen();
    let remembered = seen.beat.map(|before| (before + 1, Some(beat)));
    let before = seen.identity.clone().unwrap_or_else(|| now.clone());
    if let Some(reason) = judge(&before, &now, remembered) {
        seen.went_back = Some(reason.to_owned());
        return Err(Error::WentBack(reason.to_owned()));
    }
    seen.beat = Some(beat);
    seen.identity = Some(now.clone());
    Ok(judge(&stored, &now, None).map(str::to_owned))
}

/// Notes that the database is where it is now, and that the consequences are drawn.
///
/// # Errors
/// When the database cannot be asked.
pub async fn settle_marker(db: &Database) -> Result<(), Error> {
    let client = db.client().await?;
    let now = identity(&client).await?;
    client
        .execute_typed(
            include_str!("sql/settle_marker.sql"),
            &[
                (&now.system_identifier, Type::TEXT),
                (&now.timeline, Type::INT4),
                (&now.database, Type::INT8),
                (&now.relation, Type::INT8),
            ],
        )
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Identity, beat, judge, settle_marker};
    use crate::postgres::testing::{connect_to, fresh_url, rows, run};
    use crate::postgres::{Error, migrate};

    fn identity(system: Option<&str>, timeline: Option<i32>, database: i64) -> Identity {
        let system_identifier = system.map(str::to_owned);
        Identity { system_identifier, timeline, database, relation: Some(9) }
    }

    #[test]
    fn another_server_a_copy_another_timeline_and_a_lower_beat_tell_themselves() {
        let known = identity(Some("7"), Some(1), 5);
        #[rustfmt::skip]
        let table = [
            ("the same",              known.clone(),                    Some((4, Some(4))), None),
            ("others looked since",   known.clone(),                    Some((4, Some(9))), None),
            ("dump and restore",      identity(Some("8"), Some(1), 5),  None,               Some("another server")),
            ("copied beside it",      identity(Some("7"), Some(1), 6),  None,               Some("another one")),
            ("the same number",       Identity { relation: Some(8), ..known.clone() }, None,       Some("another one")),
            ("failover",              identity(Some("7"), Some(2), 5),  Some((4, Some(4))), Some("timeline")),
            ("files put back",        known.clone(),                    Some((4, Some(3))), Some("older")),
            ("from before the marker", known.clone(),                   Some((4, None)),    Some("older")),
            ("the role may not ask",  identity(None, None, 5),          Some((4, Some(4))), None),
        ];
        for (case, now, beats, expected) in table {
            let said = judge(&known, &now, beats);
            let is_right = match expected {
                Some(words) => said.is_some_and(|said| said.contains(words)),
                None => said.is_none(),
            };
            assert!(is_right, "{case}: {said:?}");
        }
    }

    #[tokio::test]
    async fn a_database_that_lost_its_latest_beats_is_refused_from_then_on() {
        let db = connect_to(&fresh_url().await).await;
        migrate(&db).await.unwrap();
        assert_eq!(beat(&db).await.unwrap(), None);
        assert_eq!(beat(&db).await.unwrap(), None);

        run(&db, "update lockstep.marker set beat = 0").await;

        assert!(matches!(beat(&db).await, Err(Error::WentBack(_))));
        assert!(matches!(db.now().await, Err(Error::WentBack(_))), "nothing is done any more");
    }

    #[tokio::test]
    async fn a_marker_of_another_server_is_told_until_it_is_settled() {
        let db = connect_to(&fresh_url().await).await;
        migrate(&db).await.unwrap();
        beat(&db).await.unwrap();
        run(&db, "update lockstep.marker set system_identifier = 'another'").await;

        let told = beat(&db).await.unwrap();

        assert!(told.is_some_and(|reason| reason.contains("another server")));
        assert!(beat(&db).await.unwrap().is_some(), "told again: nobody drew the consequences");
        settle_marker(&db).await.unwrap();
        assert_eq!(beat(&db).await.unwrap(), None);
        assert_eq!(rows(&db, "select count(*) from lockstep.marker").await, ["1"]);
    }
}
