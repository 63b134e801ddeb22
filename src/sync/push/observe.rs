//! What Salesforce holds of the records about to be written.

use super::work::{Task, Work};
use crate::mapping::Mapping;
use crate::model::{RemoteRecord, SalesforceId, StampField, Value};
use crate::reconcile::{Remote, is_compared, normal_record};
use crate::salesforce::{Client, Shape};
use crate::sync::Error;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The records looked at; those that were not there are remembered as gone.
#[derive(Debug, Default)]
pub(super) struct Observed {
    records: HashMap<SalesforceId, Option<RemoteRecord>>,
    /// What those of them that are gone were merged into.
    masters: HashMap<SalesforceId, SalesforceId>,
    /// Salesforce's clock before they were looked at, where updates depend on that.
    since: Option<DateTime<Utc>>,
}

/// What Salesforce is to be told of a record that is updated as it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The record had this stamp, and whoever changes it gives it a later one.
    At(DateTime<Utc>),
    /// The record was changed in the second in which it was looked at, or a moment before: another change could have the
    /// same stamp.
    TooFresh,
}

impl Observed {
    /// Looks at the records whose treatment depends on it: one request per 10,000. Those `found` a moment ago are
    /// known. Where all are mere updates, only the fields that are to be written are read, and the others are null.
    pub(super) async fn of(
        client: &Client,
        mapping: &Mapping,
        work: impl Iterator<Item = &Work>,
        found: Vec<RemoteRecord>,
    ) -> Result<Self, Error> {
        let mut records: HashMap<SalesforceId, Option<RemoteRecord>> =
            found.into_iter().map(|record| (record.id.clone(), Some(record))).collect();
        let wanted: BTreeMap<&SalesforceId, &Work> = work
            .filter(|work| matters(mapping, work))
            .filter_map(|work| Some((id_of(work)?, work)))
            .filter(|(id, _)| !records.contains_key(*id))
            .collect();
        let mut since = None;
        if !wanted.is_empty() {
            if mapping.is_conditional {
                since = Some(client.server_time().await?);
            }
            let (shape, positions) = shape_for(mapping, wanted.values().copied());
            let ids: Vec<SalesforceId> = wanted.into_keys().cloned().collect();
            let read = client.retrieve(&mapping.object, &ids, &shape).await?;
            let read = read.into_iter().map(|record| {
                record.map(|record| normal_record(mapping, spread(mapping, record, &positions)))
            });
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
        Ok(Self { records, masters, since })
    }

    /// How a record looked, by its stamp. Nothing where that was not asked for, or the object's records have no stamp that
    /// moves.
    pub(super) fn seen(&self, mapping: &Mapping, sfid: &SalesforceId) -> Option<Seen> {
        let has_stamp =
            matches!(mapping.stamp, StampField::SystemModstamp | StampField::LastModifiedDate);
        let record = self.records.get(sfid)?.as_ref().filter(|_| has_stamp)?;
        let (since, stamp) = (self.since?, record.system_modstamp?);
        Some(if stamp < since { Seen::At(stamp) } else { Seen::TooFresh })
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

/// What is to be read of these records, and the positions of those fields in the mapping.
fn shape_for<'a>(
    mapping: &Mapping,
    work: impl Iterator<Item = &'a Work> + Clone,
) -> (Shape, Vec<usize>) {
    let mut shape = Shape::of(mapping);
    if !work.clone().all(is_mere_update) {
        return (shape, (0..mapping.fields.len()).collect());
    }
    let wished: BTreeSet<usize> =
        work.flat_map(|work| &work.wishes).map(|wish| wish.field).collect();
    let fields = wished.iter().filter_map(|position| mapping.fields.get(*position));
    shape.fields = fields.map(|field| (field.name.clone(), field.column_type)).collect();
    (shape, wished.into_iter().collect())
}

/// Whether nothing but the fields to be written decides what becomes of it.
fn is_mere_update(work: &Work) -> bool {
    let Task::Update(sfid) = &work.task else { return false };
    let is_linked = work.row.as_ref().is_none_or(|row| row.sfid.as_ref() == Some(sfid));
    is_linked && work.history.tries == 0
}

/// The record with its values at their positions in the mapping.
fn spread(mapping: &Mapping, mut record: RemoteRecord, positions: &[usize]) -> RemoteRecord {
    if positions.len() < mapping.fields.len() {
        let mut values = vec![Value::Null; mapping.fields.len()];
        for (position, value) in positions.iter().zip(record.values) {
            if let Some(place) = values.get_mut(*position) {
                *place = value;
            }
        }
        record.values = values;
    }
    record
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
