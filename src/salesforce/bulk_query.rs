//! Reading many records with a Bulk 2.0 query job.
//!
//! A page is streamed: only the row in hand is in memory, whatever the size of the page. Cells are always text,
//! and null is an empty cell.

use super::bulk_rows::BulkRows;
use super::call::Call;
use super::csv_rows::CsvRows;
use super::jobs::{JobInfo, JobKind};
use super::{Client, Error, Scope, Shape};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::json;

/// A part of a query job's result.
#[derive(Debug)]
pub struct BulkPage {
    /// The records, as they arrive.
    pub rows: BulkRows,
    /// Where the next page begins; valid as long as the job exists.
    pub next: Option<String>,
    /// How many records Salesforce announced for this page.
    pub expected: Option<u64>,
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
        let rows = BulkRows::new(CsvRows::open(response, expected).await?, shape)?;
        Ok(BulkPage { rows, next, expected })
    }
}

fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
