//! SOQL over REST: pages of records, and counts.

use super::call::{Answer, Call};
use super::{Client, Error, Shape, decode};
use crate::model::RemoteRecord;
use chrono::{DateTime, Utc};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use url::form_urlencoded;

/// Salesforce refuses addresses and headers of more than 16,384 bytes together. Longer statements travel in the
/// body of a composite request.
const STATEMENT_IN_URL_MAX: usize = 14_000;

/// Which records a query sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those that are not deleted.
    Live,
    /// Those in the recycle bin too (`queryAll`).
    WithDeleted,
}

impl Scope {
    pub(super) fn resource(self) -> &'static str {
        match self {
            Self::Live => "query",
            Self::WithDeleted => "queryAll",
        }
    }
}

/// Some records of a query's result.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryPage {
    /// The records, in the query's order.
    pub records: Vec<RemoteRecord>,
    /// Where the next page is; for [`Client::query_more`]. Valid for two days.
    pub next: Option<String>,
    /// How many records the whole result has.
    pub total: u64,
    /// Salesforce's clock when it answered.
    pub server_time: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePage<'a> {
    total_size: u64,
    done: bool,
    next_records_url: Option<String>,
    #[serde(borrow, default)]
    records: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireComposite<'a> {
    #[serde(borrow)]
    composite_response: Vec<WireSubresponse<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSubresponse<'a> {
    #[serde(borrow)]
    body: &'a RawValue,
    http_status_code: u16,
}

impl Client {
    /// Runs a query whose SELECT list is that of `shape`, and answers its first page.
    ///
    /// # Errors
    /// See [`Error`]; passing failures were retried already.
    pub async fn query(&self, soql: &str, scope: Scope, shape: &Shape) -> Result<QueryPage, Error> {
        let encoded: String = form_urlencoded::byte_serialize(soql.as_bytes()).collect();
        if encoded.len() > STATEMENT_IN_URL_MAX {
            return self.query_in_body(&encoded, scope, shape).await;
        }
        let answer = self.call(&self.query_call(soql, scope)).await?;
        page(&answer.body, answer.server_time, shape)
    }

    /// Answers the page that an earlier page named as the next.
    ///
    /// # Errors
    /// See [`Error`]; among others `INVALID_QUERY_LOCATOR` when the result has expired.
    pub async fn query_more(&self, next: &str, shape: &Shape) -> Result<QueryPage, Error> {
        let answer = self.call(&Call::following(next)).await?;
        page(&answer.body, answer.server_time, shape)
    }

    /// How many live records the object has, as far as the integration user sees them.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn count(&self, object: &str) -> Result<u64, Error> {
        self.count_matching(&format!("SELECT COUNT() FROM {object}"), Scope::Live).await
    }

    /// The result of a `SELECT COUNT() …`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn count_matching(&self, soql: &str, scope: Scope) -> Result<u64, Error> {
        let answer = self.call(&self.query_call(soql, scope)).await?;
        let page: WirePage<'_> = answer.json("a count")?;
        Ok(page.total_size)
    }

    fn query_call(&self, soql: &str, scope: Scope) -> Call {
        Call::reading(Method::GET, &[self.version(), scope.resource()]).with_query("q", soql)
    }

    /// A query as part of a composite request, whose body may be long.
    async fn query_in_body(
        &self,
        encoded: &str,
        scope: Scope,
        shape: &Shape,
    ) -> Result<QueryPage, Error> {
        let url = format!("/services/data/{}/{}?q={encoded}", self.version(), scope.resource());
        let call = Call::reading(Method::POST, &[self.version(), "composite"]).with_json(&json!({
            "compositeRequest": [{ "method": "GET", "url": url, "referenceId": "query" }]
        }));
        let answer = self.call(&call).await?;
        let (status, body) = only_subresponse(&answer)?;
        if !status.is_success() {
            return Err(Error::of_answer(status, None, body.as_bytes()));
        }
        page(body.as_bytes(), answer.server_time, shape)
    }
}

fn only_subresponse(answer: &Answer) -> Result<(StatusCode, &str), Error> {
    let malformed = || Error::Malformed("a composite answer");
    let composite: WireComposite<'_> = answer.json("a composite answer")?;
    let [subresponse] = composite.composite_response.as_slice() else { return Err(malformed()) };
    let status = StatusCode::from_u16(subresponse.http_status_code).map_err(|_| malformed())?;
    Ok((status, subresponse.body.get()))
}

fn page(
    body: &[u8],
    server_time: Option<DateTime<Utc>>,
    shape: &Shape,
) -> Result<QueryPage, Error> {
    let wire: WirePage<'_> =
        serde_json::from_slice(body).map_err(|_| Error::Malformed("a page of records"))?;
    if !wire.done && wire.next_records_url.is_none() {
        return Err(Error::Malformed("a page that is not the last names no next page"));
    }
    Ok(QueryPage {
        records: decode::records(&wire.records, shape)?,
        next: wire.next_records_url.filter(|_| !wire.done),
        total: wire.total_size,
        server_time,
    })
}
