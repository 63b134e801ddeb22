//! A scan: what Salesforce holds, laid beside the table, and what differs.
//!
//! Everything is staged in temporary tables and compared by Postgres, set by set, so that our memory does not grow
//! with the object, and the order in which Salesforce answers does not matter: it promises none for a Bulk query
//! without ORDER BY, and with one it gives up splitting a large object into chunks. Nothing is written unless the
//! scan is saved: it lives in one transaction of a connection of its own, which ends with it.

use super::statements::{Bounds, Statements, pulled};
use crate::mapping::Mapping;
use crate::model::{RemoteRecord, SalesforceId, Value};
use crate::postgres::apply::ApplyError;
use crate::postgres::cell::{Cell, wire_type};
use crate::postgres::connect::LIMITS;
use crate::postgres::lease::{Lease, fence_on};
use crate::postgres::{Database, Error};
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, NaiveDateTime, Utc};
use futures_util::{SinkExt, Stream, StreamExt};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::pin::pin;
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

/// Text that is collected before it is sent on.
const CHUNK_BYTES: usize = 64 << 10;

/// The kinds of difference that a scan finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingKind {
    /// A record without row.
    Missing,
    /// A row without record.
    Extra,
    /// A row whose stamp is not its record's.
    Stale,
    /// A row with its record's stamp and other values.
    Differing,
    /// A row that never had a record, and that nothing will send.
    Unlinked,
    /// A row with changes that are not sent yet: no difference.
    Waiting,
}

impl FindingKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Missing, Self::Extra, Self::Stale, Self::Differing, Self::Unlinked, Self::Waiting];

    /// The word in tables and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Stale => "stale",
            Self::Differing => "differing",
            Self::Unlinked => "unlinked",
            Self::Waiting => "waiting",
        }
    }

    /// Whether the two sides are not equal here.
    #[must_use]
    pub fn is_difference(self) -> bool {
        self != Self::Waiting
    }

    pub(super) fn parse(word: &str) -> Result<Self, Error> {
        let kind = Self::ALL.into_iter().find(|kind| kind.as_str() == word);
        kind.ok_or_else(|| Error::Unexpected(format!("a finding of kind `{word}`")))
    }
}

/// Where a scan begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanStart {
    /// Salesforce's clock before anything was read.
    pub started_at: DateTime<Utc>,
    /// The database's clock before anything was read.
    pub read_started: DateTime<Utc>,
}

/// One difference, as people see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// What kind it is.
    pub kind: FindingKind,
    /// The record, where there is one.
    pub sfid: Option<String>,
    /// The row, where there is one.
    pub record_id: Option<i32>,
    /// The fields that differ, each with `true`, or with the texts of both sides, ours first, where values were asked
    /// for.
    pub fields: Map<String, Json>,
}

/// A scan under way. Dropped, it leaves nothing behind.
pub struct Scan<'a> {
    client: Client,
    driver: JoinHandle<()>,
    mapping: &'a Mapping,
    statements: Statements,
    scanned: u64,
    sampled: u64,
    sample_after: Option<String>,
}

impl std::fmt::Debug for Scan<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan").field("scanned", &self.scanned).finish_non_exhaustive()
    }
}

impl Drop for Scan<'_> {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl<'a> Scan<'a> {
    /// Makes room for a scan of the mapping's object. Rows and records that change after `start`, or that the poll has
    /// yet to bring, will not be judged.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn begin(
        db: &Database,
        mapping: &'a Mapping,
        start: ScanStart,
        shows_values: bool,
    ) -> Result<Self, Error> {
        let progress = crate::postgres::progress(db, &mapping.object).await?;
        let bounds = Bounds {
            read_started: start.read_started,
            started_at: start.started_at,
            polled_to: progress.watermark.unwrap_or(start.started_at),
        };
        Self::begin_within(db, mapping, bounds, shows_values).await
    }

    /// As [`Scan::begin`], within these bounds.
    pub(super) async fn begin_within(
        db: &Database,
        mapping: &'a Mapping,
        bounds: Bounds,
        shows_values: bool,
    ) -> Result<Self, Error> {
        let statements = Statements::of(mapping, db.schema(), bounds, shows_values);
        let (client, connection) = db.connect_unpooled().await?;
        let driver = tokio::spawn(async move {
            // How the connection ends is told to whoever uses it.
            connection.await.ok();
        });
        let scan = Self {
            client,
            driver,
            mapping,
            statements,
            scanned: 0,
            sampled: 0,
            sample_after: None,
        };
        scan.client.batch_execute("begin").await?;
        scan.client.batch_execute(LIMITS).await?;
        scan.client.batch_execute(&scan.statements.create).await?;
        Ok(scan)
    }

    /// The connection that the scan lives on.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Adds records of which only ids and stamps were read. Answers how many.
    ///
    /// # Errors
    /// As [`crate::postgres::apply()`]: the stream's own, or the database's.
    pub async fn add<S, E>(&mut self, records: S) -> Result<u64, ApplyError<E>>
    where
        S: Stream<Item = Result<RemoteRecord, E>>,
    {
        let sink = self.client.copy_in::<_, Bytes>(&self.statements.copy_scan).await?;
        let mut sink = pin!(sink);
        let mut records = pin!(records);
        let mut text = String::with_capacity(CHUNK_BYTES + 64);
        let mut count = 0;
        while let Some(record) = records.next().await {
            write_line(&mut text, self.mapping, &record.map_err(ApplyError::Source)?);
            count += 1;
            if text.len() >= CHUNK_BYTES {
                sink.send(BytesMut::from(text.as_bytes()).freeze()).await?;
                text.clear();
            }
        }
        sink.send(Bytes::from(text)).await?;
        sink.finish().await?;
        self.scanned += count;
        Ok(count)
    }

    /// Adds records with all values, and compares these with their rows. Answers how many.
    ///
    /// # Errors
    /// As for [`Scan::add`].
    pub async fn add_with_values<S, E>(&mut self, records: S) -> Result<u64, ApplyError<E>>
    where
        S: Stream<Item = Result<RemoteRecord, E>>,
    {
        let count = self.compare_values(records).await?;
        self.client.batch_execute(&self.statements.keep_scanned).await?;
        self.scanned += count;
        Ok(count)
    }

    /// The ids of the next rows whose turn it is to be compared by value, behind the last ones asked for or, at
    /// first, behind `after`; empty behind the last row.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn next_sample(
        &mut self,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Vec<SalesforceId>, Error> {
        let after = self.sample_after.as_deref().or(after);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self
            .client
            .query_typed(
                &self.statements.next_sample,
                &[(&after, Type::TEXT), (&limit, Type::INT8)],
            )
            .await?;
        let ids = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
        self.sample_after = ids.last().cloned();
        Ok(ids.iter().filter_map(|id| SalesforceId::parse(id).ok()).collect())
    }

    /// Compares a sample's records with their rows.
    ///
    /// # Errors
    /// As for [`Scan::add`].
    pub async fn add_sample<S, E>(&mut self, records: S) -> Result<u64, ApplyError<E>>
    where
        S: Stream<Item = Result<RemoteRecord, E>>,
    {
        let count = self.compare_values(records).await?;
        self.sampled += count;
        Ok(count)
    }

    /// Compares what was added, which must be the whole object, with the whole table.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn compare(&mut self) -> Result<(), Error> {
        self.client.batch_execute("analyze pg_temp.lockstep_scan").await?;
        self.client.batch_execute(&self.statements.compare).await?;
        self.client.batch_execute(&self.statements.unlinked).await?;
        Ok(())
    }

    /// The next rows behind `after` whose records were not in the scan, in the order of ids.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn extras(
        &self,
        after: Option<&SalesforceId>,
        limit: usize,
    ) -> Result<Vec<SalesforceId>, Error> {
        let statement = "select distinct sfid collate \"C\" as sfid from pg_temp.lockstep_found \
                         where kind = 'extra' and sfid collate \"C\" > $1 order by 1 limit $2";
        let after = after.map_or("", SalesforceId::as_str);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let parameters: [(&(dyn ToSql + Sync), Type); 2] =
            [(&after, Type::TEXT), (&limit, Type::INT8)];
        let rows = self.client.query_typed(statement, &parameters).await?;
        let ids = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
        Ok(ids.iter().filter_map(|id| SalesforceId::parse(id).ok()).collect())
    }

    /// These rows are no difference after all.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn forget(&self, ids: &[SalesforceId]) -> Result<(), Error> {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let statement = "delete from pg_temp.lockstep_found where sfid = any($1)";
        self.client.execute_typed(statement, &[(&ids, Type::TEXT_ARRAY)]).await?;
        Ok(())
    }

    /// Names the fields of rows that are known to differ, given their records as they are now.
    ///
    /// # Errors
    /// As for [`Scan::add`].
    pub async fn explain<S, E>(&mut self, records: S) -> Result<(), ApplyError<E>>
    where
        S: Stream<Item = Result<RemoteRecord, E>>,
    {
        self.client
            .batch_execute(
                "create temp table lockstep_known on commit drop as \
                 select sfid, record_id, kind, detail from pg_temp.lockstep_found; \
                 truncate pg_temp.lockstep_found",
            )
            .await?;
        self.compare_values(records).await?;
        self.client
            .batch_execute(
                "update pg_temp.lockstep_known as known set detail = found.detail \
                 from pg_temp.lockstep_found as found where found.sfid = known.sfid and known.kind = 'stale'; \
                 truncate pg_temp.lockstep_found; \
                 insert into pg_temp.lockstep_found (sfid, record_id, kind, detail) \
                 select sfid, record_id, kind, detail from pg_temp.lockstep_known; \
                 drop table pg_temp.lockstep_known",
            )
            .await?;
        Ok(())
    }

    /// How many of each kind were found; a row that was found twice counts once.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn counts(&self) -> Result<BTreeMap<FindingKind, u64>, Error> {
        let statement = "select kind, count(distinct coalesce(sfid, record_id::text)) \
                         from pg_temp.lockstep_found group by kind";
        let rows = self.client.query_typed(statement, &[]).await?;
        rows.iter()
            .map(|row| {
                let count = u64::try_from(row.try_get::<_, i64>(1)?).unwrap_or_default();
                Ok((FindingKind::parse(row.try_get(0)?)?, count))
            })
            .collect()
    }

    /// The first differences of each kind, at most so many.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn differences(&self, at_most: u64) -> Result<Vec<Difference>, Error> {
        let limit = i64::try_from(at_most).unwrap_or(i64::MAX);
        let rows = self
            .client
            .query_typed(include_str!("../sql/read_differences.sql"), &[(&limit, Type::INT8)])
            .await?;
        rows.iter()
            .map(|row| {
                let fields: Json = row.try_get(3)?;
                Ok(Difference {
                    kind: FindingKind::parse(row.try_get(0)?)?,
                    sfid: row.try_get(1)?,
                    record_id: row.try_get(2)?,
                    fields: fields.as_object().cloned().unwrap_or_default(),
                })
            })
            .collect()
    }

    /// Records scanned, and records of the sample.
    #[must_use]
    pub fn read(&self) -> (u64, u64) {
        (self.scanned, self.sampled)
    }

    /// Keeps what was found for being repaired, and where the next sample begins: `None` at the first row.
    ///
    /// # Errors
    /// [`Error::Fenced`] when the lease is another's; nothing is kept then.
    pub async fn save(self, lease: &Lease, sample_after: Option<&str>) -> Result<(), Error> {
        let object = self.mapping.object.as_str();
        fence_on(&self.client, lease).await?;
        let (scanned, sampled) = (signed(self.scanned), signed(self.sampled));
        let of_object: [(&(dyn ToSql + Sync), Type); 1] = [(&object, Type::TEXT)];
        self.client.execute_typed(include_str!("../sql/save_findings.sql"), &of_object).await?;
        self.client
            .execute_typed(
                include_str!("../sql/save_scan.sql"),
                &[
                    (&object, Type::TEXT),
                    (&scanned, Type::INT8),
                    (&sampled, Type::INT8),
                    (&sample_after, Type::TEXT),
                ],
            )
            .await?;
        self.client.batch_execute("commit").await?;
        Ok(())
    }

    async fn compare_values<S, E>(&mut self, records: S) -> Result<u64, ApplyError<E>>
    where
        S: Stream<Item = Result<RemoteRecord, E>>,
    {
        self.client.batch_execute("truncate pg_temp.lockstep_values").await?;
        let mut types = vec![Type::TEXT];
        types.extend(self.mapping.has_system_modstamp().then_some(Type::TIMESTAMP));
        types.extend(pulled(self.mapping).map(|(_, field)| wire_type(field.column_type)));
        let sink = self.client.copy_in(&self.statements.copy_values).await?;
        let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
        let mut records = pin!(records);
        while let Some(record) = records.next().await {
            let record = record.map_err(ApplyError::Source)?;
            let stamp: Option<NaiveDateTime> =
                record.system_modstamp.map(|stamp| stamp.naive_utc());
            let id = record.id.as_str();
            let cells: Vec<Cell<'_>> = pulled(self.mapping)
                .map(|(index, _)| Cell(record.values.get(index).unwrap_or(&Value::Null)))
                .collect();
            let mut row: Vec<&(dyn ToSql + Sync)> = vec![&id];
            if self.mapping.has_system_modstamp() {
                row.push(&stamp);
            }
            row.extend(cells.iter().map(|cell| cell as &(dyn ToSql + Sync)));
            writer.as_mut().write(&row).await?;
        }
        let count = writer.finish().await?;
        self.client.batch_execute("analyze pg_temp.lockstep_values").await?;
        self.client.batch_execute(&self.statements.compare_values).await?;
        Ok(count)
    }
}

/// One line of COPY's text form. Ids and stamps hold nothing that would have to be escaped.
fn write_line(text: &mut String, mapping: &Mapping, record: &RemoteRecord) {
    text.push_str(record.id.as_str());
    if mapping.has_system_modstamp() {
        match record.system_modstamp {
            // Writing to a string cannot fail.
            Some(stamp) => write!(text, "\t{}+00", stamp.format("%Y-%m-%d %H:%M:%S%.3f")).ok(),
            None => write!(text, "\t\\N").ok(),
        };
    }
    text.push('\n');
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
