//! Rows that were written while changes were not captured: found by the transactions that wrote them, compared with
//! their records, and captured late.

use super::scan::Scan;
use super::statements::Bounds;
use crate::mapping::Mapping;
use crate::model::{RemoteRecord, SalesforceId};
use crate::postgres::apply::{ApplyError, hstore_schema};
use crate::postgres::connect::begin;
use crate::postgres::identifier::{fill, literal, quote};
use crate::postgres::{Database, Error};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::Stream;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use tokio_postgres::types::{ToSql, Type};

/// Rows that may not have been captured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uncaptured {
    /// Those with a record.
    pub linked: Vec<SalesforceId>,
    /// The numbers of those without.
    pub unlinked: Vec<i32>,
    /// Behind which number the next page begins; `None` behind the last.
    pub last: Option<i32>,
}

const HSTORE: &str = "select nspname::text from pg_extension join pg_namespace on extnamespace = pg_namespace.oid \
                      where extname = 'hstore'";

/// A comparison of such rows under way. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub struct MissedScan<'a> {
    db: Database,
    mapping: &'a Mapping,
    scan: Scan<'a>,
    hstore: String,
}

impl<'a> MissedScan<'a> {
    /// Begins a comparison that judges rows whenever they were changed.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn begin(db: &Database, mapping: &'a Mapping) -> Result<Self, Error> {
        // Later than any stamp of a row or a record.
        let later = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(365_000);
        let bounds = Bounds { read_started: later, started_at: later, polled_to: later };
        let scan = Scan::begin_within(db, mapping, bounds, true).await?;
        let forget = "delete from lockstep.missed where object = $1";
        scan.client().execute_typed(forget, &[(&mapping.object, Type::TEXT)]).await?;
        let rows = scan.client().query_typed(HSTORE, &[]).await?;
        let missing = || Error::HstoreMissing("it was not found in the catalog".to_owned());
        let hstore: String = rows.first().ok_or_else(missing)?.try_get(0)?;
        Ok(Self { db: db.clone(), mapping, scan, hstore: quote(&hstore) })
    }

    /// Compares these records with their rows.
    ///
    /// # Errors
    /// As for [`Scan::add`].
    pub async fn compare<S, E>(&mut self, records: S) -> Result<u64, ApplyError<E>>
    where
        S: Stream<Item = Result<RemoteRecord, E>>,
    {
        self.scan.add_sample(records).await
    }

    /// The next rows behind `after` that were written at or after transaction `horizon` and that the log does not tell
    /// of by it.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn uncaptured(
        &self,
        after: i32,
        horizon: i64,
        limit: usize,
    ) -> Result<Uncaptured, Error> {
        let statement = of_table(
            &self.db,
            self.mapping,
            include_str!("../sql/read_uncaptured.sql"),
            &self.hstore,
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let parameters: [(&(dyn ToSql + Sync), Type); 3] =
            [(&after, Type::INT4), (&horizon, Type::INT8), (&limit, Type::INT8)];
        let rows = self.scan.client().query_typed(&statement, &parameters).await?;
        let mut found = Uncaptured::default();
        for row in &rows {
            let id: i32 = row.try_get(0)?;
            let sfid: Option<&str> = row.try_get(1)?;
            found.last = Some(id);
            match sfid {
                Some(sfid) => found.linked.extend(SalesforceId::parse(sfid).ok()),
                None => found.unlinked.push(id),
            }
        }
        Ok(found)
    }

    /// Notes what was missed of the rows that were compared since the last call, and of these rows without record.
    /// Answers how many.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn note(&self, unlinked: &[i32]) -> Result<u64, Error> {
        let differing = self.differing().await?;
        self.scan.client().batch_execute("truncate pg_temp.lockstep_found").await?;
        let statement =
            of_table(&self.db, self.mapping, include_str!("../sql/note_missed.sql"), &self.hstore);
        let parameters: [(&(dyn ToSql + Sync), Type); 3] = [
            (&self.mapping.object, Type::TEXT),
            (&differing, Type::JSONB),
            (&unlinked, Type::INT4_ARRAY),
        ];
        Ok(self.scan.client().execute_typed(&statement, &parameters).await?)
    }

    /// Keeps what was noted, in place of what was noted before.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn keep(self) -> Result<(), Error> {
        self.scan.client().batch_execute("commit").await?;
        Ok(())
    }

    /// What the compared rows' records hold in the columns that would be sent, as rows of `missed_linked.sql`.
    async fn differing(&self) -> Result<Json, Error> {
        let columns = sent_columns(self.mapping);
        let statement = "select record_id, detail from pg_temp.lockstep_found \
                         where record_id is not null and detail <> '{}'";
        let rows = self.scan.client().query_typed(statement, &[]).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            let (record_id, detail): (i32, Json) = (row.try_get(0)?, row.try_get(1)?);
            let remote: Map<String, Json> = detail
                .as_object()
                .into_iter()
                .flatten()
                .filter_map(|(name, texts)| {
                    let there = texts.as_array()?.get(1)?.clone();
                    Some((columns.get(name)?.clone(), there))
                })
                .collect();
            if !remote.is_empty() {
                found.push(serde_json::json!({ "record_id": record_id, "remote": remote }));
            }
        }
        Ok(Json::Array(found))
    }
}

/// Captures what was noted as missed of the mapping. Answers how many rows that were.
///
/// # Errors
/// When the database cannot be asked.
pub async fn capture_missed(db: &Database, mapping: &Mapping) -> Result<u64, Error> {
    let mut client = db.client().await?;
    let transaction = begin(&mut client).await?;
    let hstore = quote(&hstore_schema(&transaction).await?);
    let statement = of_table(db, mapping, include_str!("../sql/capture_missed.sql"), &hstore);
    let row = transaction.query_typed_one(&statement, &[(&mapping.object, Type::TEXT)]).await?;
    let count: i64 = row.try_get(0)?;
    transaction.commit().await?;
    Ok(u64::try_from(count).unwrap_or_default())
}

fn of_table(db: &Database, mapping: &Mapping, statement: &str, hstore: &str) -> String {
    let parts = [
        ("table", db.qualified(&mapping.table)),
        ("schema", quote(db.schema())),
        ("name", literal(&mapping.table)),
        ("hstore", hstore.to_owned()),
    ];
    let parts: Vec<(&str, &str)> = parts.iter().map(|(key, text)| (*key, text.as_str())).collect();
    fill(statement, &parts)
}

/// The columns whose changes are sent, by what a comparison calls them.
fn sent_columns(mapping: &Mapping) -> BTreeMap<String, String> {
    let sent = mapping.fields.iter().filter(|field| field.direction.pushes() && field.updateable);
    let mut columns = BTreeMap::new();
    for field in sent {
        columns.insert(field.name.clone(), field.column.clone());
        if let Some(reference) = &field.reference {
            let name = format!("{} ({})", field.name, reference.column);
            columns.insert(name, reference.column.clone());
        }
    }
    columns
}
