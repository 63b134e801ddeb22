//! SOQL over REST: pages of records, and counts.

use super::call::Call;
use super::{Client, Error, Query, Shape, decode};
use crate::model::RemoteRecord;
use chrono::{DateTime, Utc};
use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use url::form_urlencoded;

/// Salesforce refuses addresses and headers of more than 16,384 bytes together. Longer statements travel in the
/// body of a composite request.
pub(super) const STATEMENT_IN_URL_MAX: usize = 14_000;

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
    /// Salesforce's clock when it was asked, or up to two seconds before.
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

impl Client {
    /// Runs a query whose SELECT list is that of `shape`, and answers its first page.
    ///
    /// # Errors
    /// See [`Error`]; passing failures were retried already.
    pub async fn query(&self, soql: &str, scope: Scope, shape: &Shape) -> Result<QueryPage, Error> {
        let encoded: usize = form_urlencoded::byte_serialize(soql.as_bytes()).map(str::len).sum();
        if encoded > STATEMENT_IN_URL_MAX {
            let query = Query { soql: soql.to_owned(), scope, shape: shape.clone() };
            return self.query_alone_in_body(query).await;
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
}

pub(super) fn page(
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
