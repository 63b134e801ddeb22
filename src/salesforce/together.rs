//! Several queries with one request.
//!
//! A composite request counts as one of the org's API requests, whatever it holds; five of its parts may be
//! queries. Its body also carries statements that no address could.

use super::call::Call;
use super::query::{STATEMENT_IN_URL_MAX, page};
use super::{Client, Error, QueryPage, Scope, Shape};
use crate::mapping::Mapping;
use chrono::{DateTime, Utc};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use url::form_urlencoded;

/// As many queries as one composite request may hold.
pub const QUERIES_TOGETHER_MAX: usize = 5;

/// A statement, and how its answer is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The statement; its SELECT list is that of `shape`.
    pub soql: String,
    /// Which records it sees.
    pub scope: Scope,
    /// How its records are read.
    pub shape: Shape,
}

impl Query {
    /// A query of a mapping's records, deleted ones included where the object knows them: those that satisfy all
    /// `conditions` and, unless `shape` is to be read beyond it, the mapping's filter. `order` is the rest of the
    /// statement, as in `ORDER BY Id LIMIT 10`; empty where the order does not matter.
    #[must_use]
    pub fn of(mapping: &Mapping, shape: Shape, conditions: &[String], order: &str) -> Self {
        let filter = mapping.filter.as_ref().map(|filter| format!("({})", filter.condition));
        let conditions: Vec<String> =
            filter.into_iter().chain(conditions.iter().cloned()).collect();
        Self::unfiltered(mapping, shape, &conditions, order)
    }

    /// As [`Query::of`], but of all records of the object, whatever the mapping's filter says.
    #[must_use]
    pub fn unfiltered(mapping: &Mapping, shape: Shape, conditions: &[String], order: &str) -> Self {
        let mut soql = format!("SELECT {} FROM {}", shape.select_list(), mapping.object);
        if !conditions.is_empty() {
            soql = format!("{soql} WHERE {}", conditions.join(" AND "));
        }
        if !order.is_empty() {
            soql = format!("{soql} {order}");
        }
        let scope = if mapping.has_is_deleted { Scope::WithDeleted } else { Scope::Live };
        Self { soql, scope, shape }
    }

    fn encoded(&self) -> String {
        form_urlencoded::byte_serialize(self.soql.as_bytes()).collect()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireComposite<'a> {
    #[serde(borrow)]
    composite_response: Vec<WireSubresponse<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSubresponse<'a> {
    #[serde(borrow)]
    body: &'a RawValue,
    http_status_code: u16,
    reference_id: &'a str,
}

impl<'a> WireComposite<'a> {
    /// The status and the body of each of so many parts, in the order in which they were asked: they may have run, and
    /// been answered, in another.
    pub(super) fn parts(&self, count: usize) -> Result<Vec<(StatusCode, &'a [u8])>, Error> {
        if self.composite_response.len() != count {
            return Err(Error::Malformed("a composite answer of another number of parts"));
        }
        let malformed = || Error::Malformed("a composite answer");
        (0..count)
            .map(|index| {
                let id = reference(index);
                let mut parts = self.composite_response.iter();
                let part = parts.find(|part| part.reference_id == id).ok_or_else(malformed)?;
                let status =
                    StatusCode::from_u16(part.http_status_code).map_err(|_| malformed())?;
                Ok((status, part.body.get().as_bytes()))
            })
            .collect()
    }
}

impl Client {
    /// Runs at most [`QUERIES_TOGETHER_MAX`] queries with one request, and answers the first page of each, in
    /// their order. A query that fails leaves the others their answers.
    ///
    /// # Errors
    /// When the request as a whole failed; passing failures were retried already. What is wrong with one query
    /// is in its place.
    pub async fn query_together(
        &self,
        queries: &[Query],
    ) -> Result<Vec<Result<QueryPage, Error>>, Error> {
        match queries {
            [] => Ok(Vec::new()),
            [query] if query.encoded().len() <= STATEMENT_IN_URL_MAX => {
                Ok(vec![self.query(&query.soql, query.scope, &query.shape).await])
            }
            queries => self.query_in_body(queries).await,
        }
    }

    /// A query whose statement is too long for an address.
    pub(super) async fn query_alone_in_body(&self, query: Query) -> Result<QueryPage, Error> {
        let answers = self.query_in_body(&[query]).await?;
        answers.into_iter().next().ok_or(Error::Malformed("a composite answer"))?
    }

    async fn query_in_body(
        &self,
        queries: &[Query],
    ) -> Result<Vec<Result<QueryPage, Error>>, Error> {
        let parts: Vec<_> = queries
            .iter()
            .enumerate()
            .map(|(index, query)| {
                let resource = query.scope.resource();
                let encoded = query.encoded();
                let url = format!("/services/data/{}/{resource}?q={encoded}", self.version());
                json!({ "method": "GET", "url": url, "referenceId": reference(index) })
            })
            .collect();
        let call = Call::reading(Method::POST, &[self.version(), "composite"])
            .with_json(&json!({ "compositeRequest": parts }));
        let answer = self.call(&call).await?;
        let composite: WireComposite<'_> = answer.json("a composite answer")?;
        let parts = composite.parts(queries.len())?;
        let read = |(query, part): (&Query, _)| first_page(part, answer.server_time, &query.shape);
        Ok(queries.iter().zip(parts).map(read).collect())
    }
}

/// What names a part of a composite request.
pub(super) fn reference(index: usize) -> String {
    format!("part{index}")
}

fn first_page(
    (status, body): (StatusCode, &[u8]),
    server_time: Option<DateTime<Utc>>,
    shape: &Shape,
) -> Result<QueryPage, Error> {
    if !status.is_success() {
        return Err(Error::of_answer(status, None, body));
    }
    page(body, server_time, shape)
}
