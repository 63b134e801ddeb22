//! Query cursors: what is left of a result that did not fit one page.
//!
//! A cursor keeps ids, not rows: a page shows rows as they are when it is read, as in Salesforce.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{Id, org::QueryResult};

/// How long a cursor lives.
const LIFETIME: TimeDelta = TimeDelta::days(2);

/// How many cursors are kept, and how much they may weigh together: a stretch of ten million rows
/// weighs as little as one row. The oldest go first, so that a long run needs no more memory than a
/// short one.
const KEPT: Kept = Kept { cursors: 20_000, weight: 20_000_000 };

#[derive(Debug, Clone, Copy)]
struct Kept {
    cursors: usize,
    weight: usize,
}

/// The open cursors.
#[derive(Debug)]
pub(crate) struct Cursors {
    kept: Kept,
    /// By age.
    open: BTreeMap<u64, Cursor>,
    /// By the 15 characters of the id.
    by_id: HashMap<String, u64>,
    /// Of all open cursors.
    weight: usize,
    opened: u64,
}

#[derive(Debug)]
struct Cursor {
    id: Id,
    expires: DateTime<Utc>,
    result: Arc<QueryResult>,
    batch_size: usize,
}

/// Where in which result a page begins.
#[derive(Debug)]
pub(crate) struct Position {
    /// The cursor, once there is one.
    pub(crate) cursor: Option<Id>,
    pub(crate) result: Arc<QueryResult>,
    pub(crate) offset: usize,
    pub(crate) batch_size: usize,
}

impl Default for Cursors {
    fn default() -> Self {
        Self::keeping(KEPT)
    }
}

impl Cursors {
    fn keeping(kept: Kept) -> Self {
        Self { kept, open: BTreeMap::new(), by_id: HashMap::new(), weight: 0, opened: 0 }
    }

    /// Opens a cursor and answers its id.
    pub(crate) fn open(
        &mut self,
        result: Arc<QueryResult>,
        batch_size: usize,
        now: DateTime<Utc>,
    ) -> Id {
        self.weight += result.weight();
        while !self.open.is_empty()
            && (self.open.len() >= self.kept.cursors || self.weight > self.kept.weight)
        {
            self.forget_oldest();
        }
        while self.open.first_key_value().is_some_and(|(_, oldest)| oldest.expires <= now) {
            self.forget_oldest();
        }
        self.opened += 1;
        let id = Id::generate("01g", self.opened);
        self.by_id.insert(id.short().to_owned(), self.opened);
        let cursor = Cursor { id, expires: now + LIFETIME, result, batch_size };
        self.open.insert(self.opened, cursor);
        id
    }

    fn forget_oldest(&mut self) {
        if let Some((_, oldest)) = self.open.pop_first() {
            self.by_id.remove(oldest.id.short());
            self.weight -= oldest.result.weight();
        }
    }

    /// What a locator such as `01g…-2000` stands for; `None` when it is unknown or too old.
    pub(crate) fn find(&self, locator: &str, now: DateTime<Utc>) -> Option<Position> {
        let (id, offset) = locator.split_once('-')?;
        let id = Id::from_text(id)?;
        let offset = offset.parse().ok()?;
        let cursor = self.open.get(self.by_id.get(id.short())?)?;
        (cursor.expires > now && offset <= cursor.result.len()).then(|| Position {
            cursor: Some(id),
            result: Arc::clone(&cursor.result),
            offset,
            batch_size: cursor.batch_size,
        })
    }

    /// Forgets all cursors.
    pub(crate) fn clear(&mut self) {
        let kept = self.kept;
        // Ids are not given out twice.
        *self = Self { opened: self.opened, ..Self::keeping(kept) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Org, org::Scope, schema::Schema};

    #[test]
    fn the_oldest_cursors_go_when_there_are_too_many_or_they_weigh_too_much() {
        let now: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
        let mut org = Org::new(Schema::sample(), Arc::new(move || now));
        crate::generate::fill(&mut org, 1, 0.02);
        let reader = org.integration_user();
        let ten = org.query(reader, "SELECT Id FROM Account LIMIT 10", Scope::Live).unwrap();
        let ten = Arc::new(ten);
        let is_open = |cursors: &Cursors, id: &Id| {
            cursors.find(&format!("{id}-2"), now + TimeDelta::days(1)).is_some()
        };

        let mut few = Cursors::keeping(Kept { cursors: 2, weight: 1000 });
        let ids = [0; 4].map(|_| few.open(Arc::clone(&ten), 200, now));
        assert_eq!(ids.map(|id| is_open(&few, &id)), [false, false, true, true]);
        assert!(few.find(&format!("{}-2", ids[3].short()), now).is_some());
        assert!(few.find(&format!("{}-2", ids[3]), now + LIFETIME).is_none());
        assert!(few.find(&format!("{}-11", ids[3]), now).is_none());

        let weight = ten.weight() * 5 / 2;
        let mut small = Cursors::keeping(Kept { cursors: 100, weight });
        let ids = [0; 4].map(|_| small.open(Arc::clone(&ten), 200, now));
        assert_eq!(ids.map(|id| is_open(&small, &id)), [false, false, true, true]);
        small.open(Arc::clone(&ten), 200, now + LIFETIME);
        assert_eq!((small.open.len(), small.weight), (1, ten.weight()));
    }

    #[test]
    fn a_cursor_over_computed_rows_weighs_no_more_than_one_over_few_rows() {
        let now: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
        let mut org = Org::new(Schema::sample(), Arc::new(move || now));
        org.add_synthetic(&[("Account".to_owned(), 10_000_000)]).unwrap();
        let query = |soql| Arc::new(org.query(org.integration_user(), soql, Scope::Live).unwrap());
        let few = query("SELECT Id FROM Account LIMIT 10");
        let all = query("SELECT Id FROM Account");

        let mut cursors = Cursors::keeping(Kept { cursors: 100, weight: 10 });
        let first = cursors.open(few, 2, now);
        let second = cursors.open(Arc::clone(&all), 2_000, now);

        assert_eq!(all.len(), 10_000_000);
        for (id, offset) in [(first, 2), (second, 9_999_000)] {
            assert!(cursors.find(&format!("{id}-{offset}"), now).is_some());
        }
    }
}
