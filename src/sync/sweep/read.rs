//! Reading for a sweep: the whole object by one statement, and chosen records by their ids.

use super::Sweeper;
use crate::mapping::{LeaveRule, Mapping};
use crate::model::{ColumnType, RemoteRecord, SalesforceId, StampField};
use crate::postgres::{FindingKind, Scan};
use crate::salesforce::{JobKind, JobState, QueryPage, Scope, Shape};
use crate::sync::Error;
use futures_util::stream;
use std::convert::Infallible;

/// Rows of a Bulk result per request.
const BULK_PAGE_ROWS: u32 = 100_000;

/// Records asked for by id at once: as many as one request takes, and fewer where a record may be large.
const IDS_AT_ONCE: usize = 2_000;
const LARGE_IDS_AT_ONCE: usize = 250;

/// How the whole object is read.
pub(super) enum Reading {
    /// By REST, of which this is the first page.
    Pages(QueryPage),
    /// By a Bulk query job.
    Job(String),
}

impl Sweeper {
    /// Asks for the whole object. The first answer tells whether its pages are few enough, or a Bulk job is better.
    pub(super) async fn choose_reading(
        &self,
        mapping: &Mapping,
        is_full: bool,
    ) -> Result<Reading, Error> {
        let shape = shape(mapping, is_full);
        let soql = statement(mapping, &shape);
        let first = self.client.query(&soql, Scope::Live, &shape).await?;
        if first.next.is_none() || first.total <= mapping.bulk.read_above {
            return Ok(Reading::Pages(first));
        }
        Ok(Reading::Job(self.client.start_query_job(&soql, Scope::Live).await?))
    }

    /// Stages the whole object, and makes sure that it is whole.
    pub(super) async fn fill(
        &self,
        scan: &mut Scan<'_>,
        reading: Reading,
        (mapping, is_full): (&Mapping, bool),
    ) -> Result<(), Error> {
        let shape = shape(mapping, is_full);
        let (received, expected) = match reading {
            Reading::Pages(first) => self.fill_by_pages(scan, &shape, is_full, first).await?,
            Reading::Job(job) => self.fill_by_job(scan, mapping, (&shape, is_full), &job).await?,
        };
        if received == expected {
            return Ok(());
        }
        Err(Error::IncompleteScan { object: mapping.object.clone(), received, expected })
    }

    async fn fill_by_pages(
        &self,
        scan: &mut Scan<'_>,
        shape: &Shape,
        is_full: bool,
        first: QueryPage,
    ) -> Result<(u64, u64), Error> {
        let expected = first.total;
        let mut received = 0;
        let mut page = first;
        loop {
            let records = stream::iter(page.records.into_iter().map(Ok::<_, Infallible>));
            received += if is_full {
                scan.add_with_values(records).await?
            } else {
                scan.add(records).await?
            };
            let Some(next) = page.next else { return Ok((received, expected)) };
            page = self.client.query_more(&next, shape).await?;
        }
    }

    async fn fill_by_job(
        &self,
        scan: &mut Scan<'_>,
        mapping: &Mapping,
        (shape, is_full): (&Shape, bool),
        job: &str,
    ) -> Result<(u64, u64), Error> {
        let ended = self.client.await_job(JobKind::Query, job).await?;
        if ended.state != JobState::JobComplete {
            let object = mapping.object.clone();
            return Err(Error::QueryJobEnded { object, state: ended.state });
        }
        let mut received = 0;
        let mut locator = None;
        loop {
            let page =
                self.client.query_job_page(job, locator.as_deref(), BULK_PAGE_ROWS, shape).await?;
            received += if is_full {
                scan.add_with_values(page.rows.into_records()).await?
            } else {
                scan.add(page.rows.into_records()).await?
            };
            locator = page.next;
            if locator.is_none() {
                return Ok((received, ended.processed));
            }
        }
    }

    /// Asks by id for records that were not in the scan, and forgets those that are there after all: they became visible
    /// late, or the mapping keeps rows that leave its filter. Only the first are asked for where a repair asks anyway.
    pub(super) async fn ask_for_extras_found(
        &self,
        scan: &mut Scan<'_>,
        mapping: &Mapping,
        at_most: usize,
    ) -> Result<(), Error> {
        let keeps = mapping.filter.as_ref().is_some_and(|filter| filter.leave == LeaveRule::Keep);
        let mut after = None;
        let mut asked = 0;
        while keeps || asked < at_most {
            let ids = scan.extras(after.as_ref(), IDS_AT_ONCE).await?;
            let Some(last) = ids.last() else { return Ok(()) };
            after = Some(last.clone());
            asked += ids.len();
            let there = if keeps || mapping.filter.is_none() {
                self.existing(mapping, &ids).await?
            } else {
                let there = self.fetch(mapping, &ids).await?;
                there.into_iter().map(|record| record.id).collect()
            };
            scan.forget(&there).await?;
        }
        Ok(())
    }

    /// Compares the rows whose turn it is by value. Answers behind which id the next sample begins.
    pub(super) async fn sample(
        &self,
        scan: &mut Scan<'_>,
        mapping: &Mapping,
        size: u64,
        after: Option<&str>,
    ) -> Result<Option<String>, Error> {
        let mut left = size;
        let mut position = after.map(str::to_owned);
        while left > 0 {
            let wanted = left.min(ids_at_once(mapping) as u64);
            let ids = scan.next_sample(position.as_deref(), wanted).await?;
            if let Some(last) = ids.last() {
                position = Some(last.to_string());
                let records = self.fetch(mapping, &ids).await?;
                scan.add_sample(stream::iter(records.into_iter().map(Ok::<_, Infallible>))).await?;
            }
            if (ids.len() as u64) < wanted {
                return Ok(None);
            }
            left -= wanted;
        }
        Ok(position)
    }

    /// Finds out in which fields the first rows with another stamp differ.
    pub(super) async fn explain(
        &self,
        scan: &mut Scan<'_>,
        mapping: &Mapping,
        at_most: u64,
    ) -> Result<(), Error> {
        let differences = scan.differences(at_most).await?;
        let ids: Vec<SalesforceId> = differences
            .iter()
            .filter(|difference| {
                difference.kind == FindingKind::Stale && difference.fields.is_empty()
            })
            .filter_map(|difference| SalesforceId::parse(difference.sfid.as_deref()?).ok())
            .collect();
        if ids.is_empty() {
            return Ok(());
        }
        let mut records = Vec::new();
        for ids in ids.chunks(ids_at_once(mapping)) {
            records.append(&mut self.fetch(mapping, ids).await?);
        }
        scan.explain(stream::iter(records.into_iter().map(Ok::<_, Infallible>))).await?;
        Ok(())
    }

    /// The records of these ids that are there now, and within the mapping's filter.
    pub(super) async fn fetch(
        &self,
        mapping: &Mapping,
        ids: &[SalesforceId],
    ) -> Result<Vec<RemoteRecord>, Error> {
        let shape = live_shape(mapping);
        let Some(filter) = &mapping.filter else {
            let records = self.client.retrieve(&mapping.object, ids, &shape).await?;
            return Ok(records.into_iter().flatten().collect());
        };
        let listed: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
        let soql = format!(
            "SELECT {} FROM {} WHERE Id IN ({}) AND ({})",
            shape.select_list(),
            mapping.object,
            listed.join(","),
            filter.condition
        );
        let mut page = self.client.query(&soql, Scope::Live, &shape).await?;
        let mut records = page.records;
        while let Some(next) = page.next {
            page = self.client.query_more(&next, &shape).await?;
            records.append(&mut page.records);
        }
        Ok(records)
    }

    /// Those of the ids whose records are there, whatever the mapping's filter says.
    pub(super) async fn existing(
        &self,
        mapping: &Mapping,
        ids: &[SalesforceId],
    ) -> Result<Vec<SalesforceId>, Error> {
        let shape = Shape { fields: Vec::new(), stamp: StampField::None, ..live_shape(mapping) };
        let records = self.client.retrieve(&mapping.object, ids, &shape).await?;
        Ok(records.into_iter().flatten().map(|record| record.id).collect())
    }
}

/// How many records are asked for by id at once.
pub(super) fn ids_at_once(mapping: &Mapping) -> usize {
    let is_large = mapping.fields.iter().any(|field| field.column_type == ColumnType::Text);
    if is_large || mapping.filter.is_some() { LARGE_IDS_AT_ONCE } else { IDS_AT_ONCE }
}

/// All fields, of live records.
fn live_shape(mapping: &Mapping) -> Shape {
    Shape { has_is_deleted: false, has_master_record_id: false, ..Shape::of(mapping) }
}

fn shape(mapping: &Mapping, is_full: bool) -> Shape {
    let all = live_shape(mapping);
    if is_full { all } else { Shape { fields: Vec::new(), ..all } }
}

/// Without an order: none is needed, and asking for one would keep Salesforce from reading in chunks.
fn statement(mapping: &Mapping, shape: &Shape) -> String {
    let condition = mapping
        .filter
        .as_ref()
        .map_or(String::new(), |filter| format!(" WHERE {}", filter.condition));
    format!("SELECT {} FROM {}{condition}", shape.select_list(), mapping.object)
}
