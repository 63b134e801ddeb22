//! Transactions that others do not see yet.
//!
//! Salesforce stamps a row when it is written and shows it when its transaction commits, which can
//! be minutes later. Here such a transaction is parked: its rows are taken back and kept aside as they
//! were written, stamps included, until it lands or is abandoned. Meanwhile `latestDateCovered` of the
//! replication calls stops before it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Org, Row, RowRef};
use crate::{ApiError, Id, value::Value};

/// What a parked transaction did, and since when it is under way.
#[derive(Debug)]
pub(super) struct Parked {
    since: DateTime<Utc>,
    rows: BTreeMap<(usize, Id), Change>,
}

/// A row before and after a parked transaction.
#[derive(Debug)]
struct Change {
    before: Option<Row>,
    after: Option<Row>,
}

impl Org {
    /// Opens a parked transaction that has done nothing yet.
    pub(crate) fn park_nothing(&mut self) -> u64 {
        let since = self.now();
        self.parked_ever += 1;
        self.parked.insert(self.parked_ever, Parked { since, rows: BTreeMap::new() });
        self.parked_ever
    }

    /// Keeps what was written since the innermost [`Org::begin`] aside and answers its number. The
    /// caller takes the writes themselves back.
    pub(crate) fn park(&mut self) -> u64 {
        let number = self.park_nothing();
        self.park_more(number);
        number
    }

    /// Adds what was written since the innermost [`Org::begin`] to a parked transaction.
    pub(crate) fn park_more(&mut self, number: u64) {
        let start = self.open.last().copied().unwrap_or(self.undo.len());
        let mut befores: BTreeMap<(usize, Id), Option<Row>> = BTreeMap::new();
        for (table, id, before) in self.undo.iter().skip(start) {
            befores.entry((*table, *id)).or_insert_with(|| before.clone());
        }
        let changes: Vec<_> = befores
            .into_iter()
            .map(|(place, before)| (place, before, self.row(place.0, place.1).as_ref().map(own)))
            .collect();
        let stamp = |place: (usize, Id), row: &Row| {
            row.value(self.object(place.0)?.system().system_modstamp?).as_moment()
        };
        let stamps = changes.iter().filter_map(|(place, _, after)| stamp(*place, after.as_ref()?));
        let earliest = stamps.min();
        let Some(parked) = self.parked.get_mut(&number) else { return };
        parked.since = earliest.map_or(parked.since, |stamp| parked.since.min(stamp));
        for (place, before, after) in changes {
            parked.rows.entry(place).or_insert(Change { before, after: None }).after = after;
        }
    }

    /// Lays a parked transaction's rows over the org's, inside of a [`Org::begin`] that will be taken
    /// back, so that it can go on; false when there is none of this number.
    pub(crate) fn resume(&mut self, number: u64) -> bool {
        let Some(parked) = self.parked.get(&number) else { return false };
        let rows: Vec<_> =
            parked.rows.iter().map(|(place, change)| (*place, change.after.clone())).collect();
        for ((table, id), after) in rows {
            self.put(table, id, after);
        }
        true
    }

    /// Commits a parked transaction: its rows become visible, with the stamps that they got.
    ///
    /// # Errors
    /// `DUPLICATE_VALUE` when another row has taken a unique value meanwhile, `ENTITY_IS_DELETED`
    /// when a changed row has gone; then nothing of it happens.
    pub(crate) fn land(&mut self, number: u64) -> Result<(), ApiError> {
        let Some(parked) = self.parked.remove(&number) else { return Ok(()) };
        self.begin();
        for ((table, id), change) in parked.rows {
            if let Err(error) = self.land_row(table, id, change) {
                self.rollback();
                return Err(error);
            }
        }
        self.commit();
        Ok(())
    }

    /// Forgets a parked transaction; false when there is none of this number.
    pub(crate) fn abandon(&mut self, number: u64) -> bool {
        self.parked.remove(&number).is_some()
    }

    /// The parked transactions: number, since when, and rows.
    pub(crate) fn parked(&self) -> impl Iterator<Item = (u64, DateTime<Utc>, usize)> {
        self.parked.iter().map(|(number, parked)| (*number, parked.since, parked.rows.len()))
    }

    /// Until when everything that happened can be seen.
    pub(super) fn covered(&self) -> DateTime<Utc> {
        let earliest = self.parked.values().map(|parked| parked.since).min();
        let before = earliest.map(|since| since - TimeDelta::seconds(1));
        before.map_or_else(|| self.now(), |before| before.min(self.now()))
    }

    fn land_row(&mut self, table: usize, id: Id, change: Change) -> Result<(), ApiError> {
        let current = self.row(table, id).as_ref().map(own);
        let row = match (change, current) {
            (Change { before: Some(_), after: Some(_) }, None) => {
                return Err(ApiError::row("ENTITY_IS_DELETED", "entity is deleted", &[]));
            }
            (Change { before: Some(before), after: Some(after) }, Some(current)) => {
                Some(self.merged(table, &before, after, current))
            }
            (change, _) => change.after,
        };
        if let Some(row) = row.as_ref().filter(|row| row.is_live()) {
            self.check_unique_values(table, id, row)?;
        } else if row.is_none() {
            let now = self.now();
            if let Some(purged) = self.purged.get_mut(table) {
                purged.insert(id, now);
            }
        }
        self.put(table, id, row);
        Ok(())
    }

    /// The row as it is now with what the transaction changed; a stamp does not go back.
    fn merged(&self, table: usize, before: &Row, after: Row, mut current: Row) -> Row {
        let system = self.object(table).map(|object| object.system().clone());
        let is_stamp = |field| {
            system.as_ref().is_some_and(|system| {
                [system.system_modstamp, system.last_modified_date].contains(&Some(field))
            })
        };
        for field in after.fields() {
            let value = after.value(field);
            let is_older = is_stamp(field)
                && current.value(field).as_moment() > value.as_moment()
                && *value != Value::Null;
            if before.value(field) != value && !is_older {
                current.set(Some(field), value.clone());
            }
        }
        if before.is_live() != after.is_live() {
            current.binned = after.binned;
        }
        current
    }

    fn check_unique_values(&self, table: usize, id: Id, row: &Row) -> Result<(), ApiError> {
        let Some(object) = self.object(table) else { return Ok(()) };
        for (at, field) in object.fields().iter().enumerate().filter(|(_, field)| field.unique) {
            if !row.value(at).is_null() {
                self.check_unique(table, Some(id), (at, field), row.value(at))?;
            }
        }
        Ok(())
    }
}

fn own(row: &RowRef<'_>) -> Row {
    Row::clone(row)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    };

    use serde_json::json;

    use super::*;
    use crate::{org::Scope, schema::Schema, value::JsonMap};

    struct Fixture {
        org: Org,
        seconds: Arc<AtomicI64>,
    }

    fn fixture() -> Fixture {
        let seconds = Arc::new(AtomicI64::new(1_800_000_000));
        let told = Arc::clone(&seconds);
        let clock = Arc::new(move || {
            DateTime::from_timestamp(told.load(Ordering::Acquire), 0).unwrap_or_default()
        });
        Fixture { org: Org::new(Schema::sample(), clock), seconds }
    }

    fn body(json: &serde_json::Value) -> JsonMap {
        json.as_object().unwrap().clone()
    }

    impl Fixture {
        fn parked_account(&mut self, key: &str) -> (u64, Id) {
            self.org.begin();
            let user = self.org.human_user();
            let fields = body(&json!({ "Name": "late", "External_Id__c": key }));
            let id = self.org.create(user, "Account", &fields).unwrap();
            let number = self.org.park();
            self.org.rollback();
            (number, id)
        }

        fn count(&self) -> usize {
            let user = self.org.human_user();
            self.org.query(user, "SELECT Id FROM Account", Scope::Live).unwrap().rows.len()
        }
    }

    #[test]
    fn a_parked_row_is_invisible_until_it_lands_and_keeps_its_stamp() {
        let mut fixture = fixture();
        let written = fixture.org.now();
        let (number, id) = fixture.parked_account("k");
        fixture.seconds.fetch_add(300, Ordering::AcqRel);

        assert_eq!(fixture.count(), 0);
        assert_eq!(fixture.org.covered(), written - TimeDelta::seconds(1));
        fixture.org.land(number).unwrap();

        assert_eq!(fixture.count(), 1);
        assert_eq!(fixture.org.last_modified(id), Some(written));
        assert_eq!(fixture.org.covered(), fixture.org.now());
    }

    #[test]
    fn a_value_that_was_taken_meanwhile_fails_the_whole_transaction() {
        let mut fixture = fixture();
        let (number, _) = fixture.parked_account("k");
        let user = fixture.org.human_user();
        let fields = body(&json!({ "Name": "first", "External_Id__c": "k" }));
        fixture.org.create(user, "Account", &fields).unwrap();

        let error = fixture.org.land(number).unwrap_err();

        assert_eq!(error.code, "DUPLICATE_VALUE");
        assert_eq!(fixture.count(), 1);
    }

    #[test]
    fn a_row_that_others_changed_meanwhile_gets_only_what_the_transaction_changed() {
        let mut fixture = fixture();
        let user = fixture.org.human_user();
        let id = fixture.org.create(user, "Account", &body(&json!({ "Name": "a" }))).unwrap();
        let text = id.to_string();
        fixture.org.begin();
        fixture.org.update(user, "Account", &text, &body(&json!({ "Phone": "1" }))).unwrap();
        let number = fixture.org.park();
        fixture.org.rollback();
        fixture.seconds.fetch_add(60, Ordering::AcqRel);
        fixture.org.update(user, "Account", &text, &body(&json!({ "Name": "b" }))).unwrap();
        let stamp = fixture.org.last_modified(id);

        fixture.org.land(number).unwrap();

        let soql = "SELECT Id FROM Account WHERE Name = 'b' AND Phone = '1'";
        assert_eq!(fixture.org.query(user, soql, Scope::Live).unwrap().rows.len(), 1);
        assert_eq!(fixture.org.last_modified(id), stamp, "a stamp does not go back");
    }

    #[test]
    fn a_transaction_sees_its_own_rows_when_it_goes_on() {
        let mut fixture = fixture();
        let (number, id) = fixture.parked_account("k");
        let user = fixture.org.human_user();

        fixture.org.begin();
        assert!(fixture.org.resume(number));
        let fields = body(&json!({ "Phone": "1" }));
        fixture.org.update(user, "Account", &id.to_string(), &fields).unwrap();
        fixture.org.park_more(number);
        fixture.org.rollback();
        assert_eq!(fixture.count(), 0);
        fixture.org.land(number).unwrap();

        let soql = "SELECT Id FROM Account WHERE Name = 'late' AND Phone = '1'";
        assert_eq!(fixture.org.query(user, soql, Scope::Live).unwrap().rows.len(), 1);
    }
}
