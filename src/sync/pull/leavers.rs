//! Records that leave the mapping's filter: those that changed in the window and that the filter leaves out now.
//!
//! Only ids are read. Most of them never had a row; those that have one are handled as the mapping's `leave` says.

use super::run::Run;
use super::window;
use crate::mapping::{LeaveRule, Mapping};
use crate::model::{RemoteRecord, StampField};
use crate::postgres::{self, Applied, Cause, Departed, PollPosition, Removal};
use crate::salesforce::{Query, QueryPage, Shape};
use crate::sync::Error;
use chrono::{DateTime, Utc};

/// What asks for the records that the filter leaves out, from `beginning` or after `last` on; `None` where there is
/// no filter, or rows stay when their records leave it.
pub(super) fn query(
    mapping: &Mapping,
    beginning: DateTime<Utc>,
    last: Option<&RemoteRecord>,
) -> Option<Query> {
    let filter = mapping.filter.as_ref()?;
    if filter.leave == LeaveRule::Keep || mapping.stamp == StampField::None {
        return None;
    }
    let shape = ids_and_stamps(mapping);
    let position = after(last);
    let mut conditions = window::remaining(mapping.stamp, beginning, &position);
    conditions.push(format!("(NOT ({}))", filter.condition));
    Some(Query::unfiltered(mapping, shape, &conditions, &window::order(mapping.stamp)))
}

/// What is enough to know a version of a record.
pub(super) fn ids_and_stamps(mapping: &Mapping) -> Shape {
    Shape { fields: Vec::new(), has_master_record_id: false, ..Shape::of(mapping) }
}

/// The position right after a record.
pub(super) fn after(last: Option<&RemoteRecord>) -> PollPosition {
    PollPosition {
        stamp: last.and_then(|record| record.system_modstamp),
        id: last.map(|record| record.id.clone()),
        ..PollPosition::default()
    }
}

impl Run<'_> {
    /// Lets the rows go whose records have left the filter, beginning with those of `first`.
    pub(super) async fn leavers(
        &mut self,
        beginning: DateTime<Utc>,
        first: QueryPage,
        read_started: DateTime<Utc>,
    ) -> Result<(), Error> {
        let mut page = first;
        loop {
            let last = page.records.last().cloned();
            let next =
                query(self.mapping, beginning, last.as_ref()).filter(|_| page.next.is_some());
            let departed: Vec<Departed> = page
                .records
                .into_iter()
                .map(|record| Departed {
                    id: record.id,
                    system_modstamp: record.system_modstamp,
                    master_record_id: None,
                })
                .collect();
            if !departed.is_empty() {
                let (mapping, cause) = (self.mapping, Cause::LeftFilter);
                let removal =
                    Removal { mapping, read_started, cause, checkpoint: None, more: true };
                let applied = postgres::remove(self.db, self.lease, removal, &departed).await?;
                self.pulled.applied += Applied { read: 0, ..applied };
                self.is_open = true;
            }
            let Some(next) = next else { return Ok(()) };
            page = self.ask(next).await?;
        }
    }
}
