//! Query cursors: what is left of a result that did not fit one page.
//!
//! A cursor keeps ids, not rows: a page shows rows as they are when it is read, as in Salesforce.

use std::{collections::VecDeque, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{Id, org::QueryResult};

/// How long a cursor lives.
const LIFETIME: TimeDelta = TimeDelta::days(2);

/// How many cursors are kept; the oldest goes first. Bounds the memory of a long run.
const KEPT: usize = 500;

/// The open cursors, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    open: VecDeque<Cursor>,
    opened: u64,
}

#[derive(Debug)]
struct Cursor {
    id: String,
    expires: DateTime<Utc>,
    result: Arc<QueryResult>,
    batch_size: usize,
}

/// Where in which result a page begins.
#[derive(Debug)]
pub(crate) struct Position {
    pub(crate) cursor: String,
    pub(crate) result: Arc<QueryResult>,
    pub(crate) offset: usize,
    pub(crate) batch_size: usize,
}

impl Cursors {
    /// Opens a cursor and answers its id.
    pub(crate) fn open(
        &mut self,
        result: Arc<QueryResult>,
        batch_size: usize,
        now: DateTime<Utc>,
    ) -> String {
        if self.open.len() == KEPT {
            self.open.pop_front();
        }
        self.opened += 1;
        let id = Id::generate("01g", self.opened).to_string();
        self.open.push_back(Cursor { id: id.clone(), expires: now + LIFETIME, result, batch_size });
        id
    }

    /// What a locator such as `01g…-2000` stands for; `None` when it is unknown or too old.
    pub(crate) fn find(&self, locator: &str, now: DateTime<Utc>) -> Option<Position> {
        let (id, offset) = locator.split_once('-')?;
        let offset = offset.parse().ok()?;
        let cursor = self.open.iter().find(|cursor| {
            cursor.expires > now && (cursor.id == id || cursor.id.get(..15) == Some(id))
        })?;
        (offset <= cursor.result.rows.len()).then(|| Position {
            cursor: cursor.id.clone(),
            result: Arc::clone(&cursor.result),
            offset,
            batch_size: cursor.batch_size,
        })
    }

    /// Forgets all cursors.
    pub(crate) fn clear(&mut self) {
        self.open.clear();
    }
}
