//! Reads whole records: the pages of a window, and records by their ids, in as many parts as the org wants.

use super::parts::{join, more_parts, parts_needed, split};
use crate::mapping::Mapping;
use crate::model::{RemoteRecord, SalesforceId};
use crate::salesforce::{Client, Error, Query, QueryPage, Shape};
use std::collections::{BTreeMap, BTreeSet};

/// As many ids as go into one statement.
const IDS_MAX: usize = 500;

/// How often a record that changes between its parts is read before it is left to the next poll.
const TRIES_MAX: usize = 3;

/// Reads a mapping's records.
pub(super) struct Reader<'a> {
    pub(super) client: &'a Client,
    pub(super) mapping: &'a Mapping,
    shape: Shape,
    parts: usize,
}

/// Records that were read, and those that would not hold still.
#[derive(Debug, Default)]
pub(super) struct Whole {
    pub(super) records: Vec<RemoteRecord>,
    /// Changed each time between two parts; to be read by the next poll.
    pub(super) torn: Vec<RemoteRecord>,
}

impl<'a> Reader<'a> {
    /// A reader in at least `parts` parts, as found necessary before.
    pub(super) fn new(client: &'a Client, mapping: &'a Mapping, parts: usize) -> Self {
        let shape = Shape::of(mapping);
        let parts = parts.max(parts_needed(&shape));
        Self { client, mapping, shape, parts }
    }

    /// The number of parts that have proved necessary.
    pub(super) fn parts(&self) -> usize {
        self.parts
    }

    /// All fields in one.
    pub(super) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The query of the first part of the mapping's records under these conditions.
    pub(super) fn query(&self, conditions: &[String], order: &str) -> Query {
        let part = split(&self.shape, self.parts).swap_remove(0);
        Query::of(self.mapping, part, conditions, order)
    }

    /// The first page of [`Reader::query`]; Salesforce may want it in more parts.
    pub(super) async fn page(
        &mut self,
        conditions: &[String],
        order: &str,
    ) -> Result<QueryPage, Error> {
        loop {
            let query = self.query(conditions, order);
            let mut answers = self.client.query_together(&[query]).await?;
            let answer = answers.pop().unwrap_or(Err(Error::Malformed("no answer to a query")));
            match answer {
                Err(error) if self.is_narrowed_for(&error) => {}
                answer => return answer,
            }
        }
    }

    /// Whether the error asks for more parts, which the next query then has.
    pub(super) fn is_narrowed_for(&mut self, error: &Error) -> bool {
        let more = if error.is_too_large() { more_parts(&self.shape, self.parts) } else { None };
        if let Some(parts) = more {
            tracing::info!(mapping = %self.mapping.object, parts, "salesforce wants the fields in parts");
            self.parts = parts;
        }
        more.is_some()
    }

    /// Completes the first parts of some records by the others.
    pub(super) async fn complete(&mut self, first: Vec<RemoteRecord>) -> Result<Whole, Error> {
        let mut whole = Whole::default();
        if self.parts == 1 || first.is_empty() {
            whole.records = first;
            return Ok(whole);
        }
        let mut first = first;
        for attempt in 1.. {
            let ids: Vec<SalesforceId> = first.iter().map(|record| record.id.clone()).collect();
            if attempt > 1 {
                let again = self.by_ids_in_part(0, &ids).await?;
                first = first.into_iter().filter_map(|old| again.get(&old.id).cloned()).collect();
            }
            let mut others = Vec::new();
            for part in 1..split(&self.shape, self.parts).len() {
                others.push(self.by_ids_in_part(part, &ids).await?);
            }
            let mut joined = join(first, others);
            whole.records.append(&mut joined.whole);
            first = joined.torn;
            if first.is_empty() || attempt == TRIES_MAX {
                break;
            }
        }
        whole.torn = first;
        Ok(whole)
    }

    /// Reads these records, whole. Those that are gone, or that the mapping's filter leaves out, are not among them.
    pub(super) async fn by_ids(&mut self, ids: &[SalesforceId]) -> Result<Whole, Error> {
        let first = self.by_ids_in_part(0, ids).await?;
        self.complete(first.into_values().collect()).await
    }

    async fn by_ids_in_part(
        &self,
        part: usize,
        ids: &[SalesforceId],
    ) -> Result<BTreeMap<SalesforceId, RemoteRecord>, Error> {
        let parts = split(&self.shape, self.parts);
        let shape = parts.get(part).unwrap_or(&self.shape);
        let mut found = BTreeMap::new();
        for ids in ids.chunks(IDS_MAX) {
            let mut missing: BTreeSet<&SalesforceId> = ids.iter().collect();
            while !missing.is_empty() {
                let quoted: Vec<String> =
                    missing.iter().map(|id| format!("'{}'", id.as_str())).collect();
                let condition = format!("Id IN ({})", quoted.join(","));
                let query = Query::of(self.mapping, shape.clone(), &[condition], "ORDER BY Id");
                let mut answers = self.client.query_together(&[query]).await?;
                let page = answers.pop().unwrap_or(Err(Error::Malformed("no answer")))?;
                // A page may be shorter than what was asked for; what comes after it is asked for again.
                let last = page.records.last().map(|record| record.id.clone());
                match (page.next, last) {
                    (Some(_), Some(last)) => missing.retain(|id| **id > last),
                    _ => missing.clear(),
                }
                found.extend(page.records.into_iter().map(|record| (record.id.clone(), record)));
            }
        }
        Ok(found)
    }
}
