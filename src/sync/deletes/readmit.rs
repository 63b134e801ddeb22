//! Records that were kept out by a foreign key or a key, and may come in now: they are read again by their ids.

use super::Deletes;
use crate::mapping::Mapping;
use crate::model::SalesforceId;
use crate::postgres::{self, Applied, Lease, Page};
use crate::salesforce::{Query, Shape};
use crate::sync::Error;
use futures_util::stream;
use std::collections::HashSet;
use std::convert::Infallible;

/// Records read with one request.
const BATCH: i64 = 200;

impl Deletes {
    /// Reads the mapping's released records again and applies them. Those that are no longer in Salesforce, or no
    /// longer selected by the mapping's filter, are forgotten. Costs no request where there are none.
    ///
    /// # Errors
    /// When either side fails or the lease was lost; what was not read yet stays released.
    pub async fn readmit(&self, lease: &Lease, mapping: &Mapping) -> Result<Applied, Error> {
        let mut applied = Applied::default();
        if !mapping.direction.pulls() {
            return Ok(applied);
        }
        let before = self.client.calls_made();
        let mut seen = HashSet::new();
        loop {
            let ids = postgres::released_orphans(&self.db, &mapping.table, BATCH).await?;
            // What was read and is still released waits for the next time.
            if ids.is_empty() || !ids.iter().any(|id| seen.insert(id.clone())) {
                break;
            }
            applied += self.readmit_batch(lease, mapping, &ids).await?;
        }
        let calls = self.client.calls_made().saturating_sub(before);
        crate::sync::count_calls(&self.db, &mapping.object, "pull", calls).await;
        Ok(applied)
    }

    async fn readmit_batch(
        &self,
        lease: &Lease,
        mapping: &Mapping,
        ids: &[SalesforceId],
    ) -> Result<Applied, Error> {
        let list: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
        let condition = format!("Id IN ({})", list.join(","));
        let query = Query::of(mapping, Shape::of(mapping), &[condition], "");
        let read_started = self.db.now().await?;
        let mut page = self.client.query(&query.soql, query.scope, &query.shape).await?;
        let mut records = std::mem::take(&mut page.records);
        while let Some(next) = page.next {
            page = self.client.query_more(&next, &query.shape).await?;
            records.append(&mut page.records);
        }
        let absent: Vec<SalesforceId> = ids
            .iter()
            .filter(|id| !records.iter().any(|record| record.id == **id))
            .cloned()
            .collect();
        postgres::forget_orphans(&self.db, &mapping.table, &absent).await?;
        let rows = stream::iter(records.into_iter().map(Ok::<_, Infallible>));
        let page = Page { mapping, read_started, checkpoint: None, more: true };
        Ok(postgres::apply(&self.db, lease, page, rows).await?)
    }
}
