//! The long tail: records behind the window that became visible late, after a transaction that took longer than the
//! overlap.
//!
//! Only ids and stamps are read of what may be a day's changes; the table tells which versions it does not have, and
//! only those are read whole.

use super::leavers::{after, ids_and_stamps};
use super::run::Run;
use super::window;
use crate::mapping::Mapping;
use crate::model::RemoteRecord;
use crate::postgres;
use crate::salesforce::{Query, QueryPage};
use crate::sync::Error;
use chrono::{DateTime, Utc};

/// What asks for ids and stamps from `reach` on, or after `last`, up to where the window begins.
pub(super) fn query(
    mapping: &Mapping,
    reach: DateTime<Utc>,
    beginning: DateTime<Utc>,
    last: Option<&RemoteRecord>,
) -> Query {
    let stamp = mapping.stamp;
    let mut conditions = window::remaining(stamp, reach, &after(last));
    let field = stamp.name().unwrap_or_default();
    conditions.push(format!("{field} < {}", window::literal(beginning)));
    Query::of(mapping, ids_and_stamps(mapping), &conditions, &window::order(stamp))
}

impl Run<'_> {
    /// Reads and applies what the table does not have of the tail, beginning with the records of `first`.
    pub(super) async fn tail(
        &mut self,
        beginning: DateTime<Utc>,
        first: QueryPage,
    ) -> Result<(), Error> {
        let mut page = first;
        loop {
            let last = page.records.last().cloned();
            let unknown = postgres::unknown_records(self.db, self.mapping, &page.records).await?;
            if !unknown.is_empty() {
                let read_started = self.db.now().await?;
                let whole = self.reader.by_ids(&unknown).await?;
                self.hold_back(whole.torn.iter());
                self.apply(whole.records, read_started, None, true).await?;
            }
            let (Some(_), Some(last)) = (&page.next, last) else { return Ok(()) };
            page = self.ask(query(self.mapping, beginning, beginning, Some(&last))).await?;
        }
    }
}
