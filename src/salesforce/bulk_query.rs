//! Reading many records with a Bulk 2.0 query job.
//!
//! A page is streamed: only the row in hand is in memory, whatever the size of the page. Cells are always text,
//! and null is an empty cell.

use super::call::Call;
use super::csv_rows::CsvRows;
use super::decode::CsvColumns;
use super::jobs::{JobInfo, JobKind};
use super::{Client, Error, Scope, Shape};
use crate::model::RemoteRecord;
use futures_util::stream::{self, BoxStream, StreamExt};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::json;
use std::fmt;

/// A part of a query job's result.
pub struct BulkPage {
    /// The records, as they arrive. Ends with an error unless every announced row arrived whole.
    pub records: BoxStream<'static, Result<RemoteRecord, Error>>,
    /// Where the next page begins; valid as long as the job exists.
    pub next: Option<String>,
    /// How many records Salesforce announced for this page.
    pub expected: Option<u64>,
}

impl fmt::Debug for BulkPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkPage")
            .field("next", &self.next)
            .field("expected", &self.expected)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Starts a query job; answers its id. Salesforce allows 10,000 of them a day. Where an answer was lost, the
    /// job is started again: one that nobody asks for has no effect.
    ///
    /// # Errors
    /// See [`Error`]; a mistake in the statement shows here or makes the job fail.
    pub async fn start_query_job(&self, soql: &str, scope: Scope) -> Result<String, Error> {
        let path = [self.version(), "jobs", JobKind::Query.resource()];
        let call = Call::reading(Method::POST, &path).with_json(&json!({
            "operation": scope.resource(),
            "query": soql,
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": "LF",
        }));
        let job: JobInfo = self.call(&call).await?.json("a job")?;
        Ok(job.id)
    }

    /// Opens a page of at most `max_records` of a completed job's result: the first one, or the one at `locator`.
    /// A page can be opened any number of times.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::MissingField`] when the statement did not select all of `shape`.
    pub async fn query_job_page(
        &self,
        id: &str,
        locator: Option<&str>,
        max_records: u32,
        shape: &Shape,
    ) -> Result<BulkPage, Error> {
        let path = [self.version(), "jobs", JobKind::Query.resource(), id, "results"];
        let mut call = Call::reading(Method::GET, &path)
            .accepting("text/csv")
            .with_query("maxRecords", max_records.to_string());
        if let Some(locator) = locator {
            call = call.with_query("locator", locator);
        }
        let response = self.open(&call).await?;
        let expected =
            text_of(response.headers(), "sforce-numberofrecords").and_then(|n| n.parse().ok());
        let next = text_of(response.headers(), "sforce-locator")
            .filter(|locator| !locator.is_empty() && *locator != "null")
            .map(str::to_owned);
        let rows = CsvRows::open(response, expected).await?;
        let records = if rows.header().is_empty() {
            // No header is only acceptable where no row was announced, which reading on establishes.
            Reading { rows, columns: None }
        } else {
            let columns = CsvColumns::find(shape.clone(), rows.header().iter())?;
            Reading { rows, columns: Some(columns) }
        };
        Ok(BulkPage { records: records.into_stream(), next, expected })
    }
}

struct Reading {
    rows: CsvRows,
    columns: Option<CsvColumns>,
}

impl Reading {
    fn into_stream(self) -> BoxStream<'static, Result<RemoteRecord, Error>> {
        stream::try_unfold(self, async |mut reading| {
            let record = reading.next().await?;
            Ok(record.map(|record| (record, reading)))
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<Option<RemoteRecord>, Error> {
        let Some(row) = self.rows.next().await? else { return Ok(None) };
        let columns = self.columns.as_ref().ok_or(Error::Malformed("rows without header"))?;
        columns.record(row).map(Some)
    }
}

fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
