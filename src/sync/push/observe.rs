//! What Salesforce holds of the records about to be written.

use super::work::{Task, Work};
use crate::mapping::Mapping;
use crate::model::{RemoteRecord, SalesforceId};
use crate::reconcile::{Remote, is_compared, normal_record};
use crate::salesforce::{Client, Shape};
use crate::sync::Error;
use std::collections::{BTreeSet, HashMap};

/// The records looked at; those that were not there are remembered as gone.
#[derive(Debug, Default)]
pub(super) struct Observed {
    records: HashMap<SalesforceId, Option<RemoteRecord>>,
    /// What those of them that are gone were merged into.
    masters: HashMap<SalesforceId, SalesforceId>,
}

impl Observed {
    /// Looks at the records whose treatment depends on it: one request per 2,000. Those `found` a moment ago are
    /// known.
    pub(super) async fn of(
        client: &Client,
        mapping: &Mapping,
        work: impl Iterator<Item = &Work>,
        found: Vec<RemoteRecord>,
    ) -> Result<Self, Error> {
        let mut records: HashMap<SalesforceId, Option<RemoteRecord>> =
            found.into_iter().map(|record| (record.id.clone(), Some(record))).collect();
        let ids: BTreeSet<&SalesforceId> =
            work.filter(|work| matters(mapping, work)).filter_map(id_of).collect();
        let ids: Vec<SalesforceId> =
            ids.into_iter().filter(|id| !records.contains_key(*id)).cloned().collect();
        if !ids.is_empty() {
            let read = client.retrieve(&mapping.object, &ids, &Shape::of(mapping)).await?;
            let read =
                read.into_iter().map(|record| record.map(|record| normal_record(mapping, record)));
            records.extend(ids.into_iter().zip(read));
        }
        let masters = if mapping.has_master_record_id {
            let gone: Vec<SalesforceId> = records
                .iter()
                .filter(|(_, record)| record.as_ref().is_none_or(|record| record.is_deleted))
                .map(|(id, _)| id.clone())
                .collect();
            client.merged_into(&mapping.object, &gone).await?
        } else {
            HashMap::new()
        };
        Ok(Self { records, masters })
    }

    /// The record that this one, which is gone, was merged into.
    pub(super) fn merged_into(&self, sfid: &SalesforceId) -> Option<&SalesforceId> {
        self.masters.get(sfid)
    }

    pub(super) fn remote(&self, sfid: &SalesforceId) -> Remote<'_> {
        match self.records.get(sfid) {
            None => Remote::NotAsked,
            Some(Some(record)) if !record.is_deleted => Remote::Live(record),
            Some(_) => Remote::Gone,
        }
    }
}

fn id_of(work: &Work) -> Option<&SalesforceId> {
    match &work.task {
        Task::Update(sfid) | Task::Delete(sfid) => Some(sfid),
        Task::Insert | Task::Cancel => None,
    }
}

/// Where nothing is read back there is nothing to compare, unless an earlier attempt failed.
fn matters(mapping: &Mapping, work: &Work) -> bool {
    let is_compared = match work.task {
        Task::Update(_) => {
            work.wishes.iter().filter_map(|wish| mapping.fields.get(wish.field)).any(is_compared)
        }
        Task::Delete(_) => mapping.direction.pulls(),
        Task::Insert | Task::Cancel => false,
    };
    is_compared || work.history.tries > 0
}
