//! The change feed: what committed transactions did to the rows of selected objects.
//!
//! [`Org::put`](super::Org) notes every row of a selected object that a transaction touches, with
//! what it was before. When the transaction ends ([`Org::settle`]) rows are compared with what they
//! were; so whatever was rolled back meanwhile has left no difference and yields no event. With no
//! object selected nothing is noted and nothing costs.

mod bitmap;
mod draft;
mod event;
mod log;
mod payload;
mod schema;
#[cfg(test)]
mod tests;
mod topic;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use chrono::{DateTime, TimeDelta, Utc};

pub(crate) use bitmap::encode as bitmaps;
pub(crate) use event::{Change, ChangeType, Header, NO_RECORD, Place};
pub(crate) use log::{Event, Log, Matter, Start};
pub(crate) use schema::{EventField, EventSchema, event_name};

use super::{Org, Row};
use crate::{ApiError, Id};
use draft::{Draft, merge, split};

/// Changes of one transaction that are told one by one.
const MOST_CHANGES: usize = 100_000;
/// Commit numbers are large from the start, so that nobody keeps them in 32 bits.
const FIRST_COMMIT: u64 = 10_585_193_000_000;

/// Who writes, as events tell it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Author {
    /// `com/salesforce/api/rest/66.0;client=X`; empty for a change by hand.
    pub(crate) origin: String,
    /// The user, for rows that do not say themselves who changed them.
    pub(crate) user: Option<Id>,
}

/// The feed of one org.
#[derive(Debug)]
pub(crate) struct Events {
    /// Numbers of the selected objects.
    captured: HashSet<usize>,
    /// Numbers of the objects whose rows are noted, for events or for push topics.
    watched: HashSet<usize>,
    /// What the rows that the open transaction touched were before, in order.
    touched: Vec<(usize, Id, Option<Row>)>,
    known: HashSet<(usize, Id)>,
    author: Author,
    /// The schemas as of the last event, by object.
    current: HashMap<usize, Arc<EventSchema>>,
    /// Every schema there ever was, by its id.
    schemas: HashMap<String, Arc<EventSchema>>,
    log: Log,
    commits: u64,
    most_changes: usize,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            captured: HashSet::new(),
            watched: HashSet::new(),
            touched: Vec::new(),
            known: HashSet::new(),
            author: Author::default(),
            current: HashMap::new(),
            schemas: HashMap::new(),
            log: Log::default(),
            commits: 0,
            most_changes: MOST_CHANGES,
        }
    }
}

impl Events {
    /// Whether changes of an object are told.
    fn captures(&self, number: usize) -> bool {
        self.captured.contains(&number)
    }

    /// Whether rows of an object are to be noted.
    pub(super) fn watches(&self, number: usize) -> bool {
        !self.watched.is_empty() && self.watched.contains(&number)
    }

    /// Notes what a row was before the open transaction touched it for the first time.
    pub(super) fn touch(&mut self, number: usize, id: Id, before: Option<Row>) {
        if self.known.insert((number, id)) {
            self.touched.push((number, id, before));
        }
    }

    /// The kept events.
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// The kept events, to lose some.
    pub(crate) fn log_mut(&mut self) -> &mut Log {
        &mut self.log
    }

    /// The schema with this id, of now or of any time before.
    pub(crate) fn schema(&self, id: &str) -> Option<&Arc<EventSchema>> {
        self.schemas.get(id)
    }

    /// Sets how many changes of a transaction are told one by one.
    pub(crate) fn set_most_changes(&mut self, most: usize) {
        self.most_changes = most;
    }

    /// Sets how long events are kept, and how many.
    pub(crate) fn set_retention(&mut self, retention: Option<TimeDelta>, most: Option<usize>) {
        self.log.retention = retention.unwrap_or(self.log.retention);
        self.log.most_events = most.unwrap_or(self.log.most_events);
    }

    fn transaction(&mut self, now: DateTime<Utc>) -> Transaction {
        self.commits += 1;
        let key = schema::hash_of(&format!("{}/{}", self.commits, now.timestamp()));
        let hex = format!("{key:032x}");
        let part = |range| hex.get(range).unwrap_or_default();
        Transaction {
            key: [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-"),
            commit_number: FIRST_COMMIT + self.commits * 17,
            sequence: 0,
            at: now,
        }
    }

    /// Puts one event on the bus.
    fn tell(&mut self, transaction: &mut Transaction, draft: Draft, ids: Vec<String>, user: Id) {
        transaction.sequence += 1;
        let size = draft.size();
        let header = Header {
            entity: draft.schema.entity.clone(),
            record_ids: ids,
            change_type: draft.kind,
            origin: self.author.origin.clone(),
            transaction_key: transaction.key.clone(),
            sequence: transaction.sequence,
            committed: transaction.at,
            commit_number: transaction.commit_number,
            user,
        };
        let change = Change { schema: draft.schema, header, leaves: draft.leaves };
        self.log.add(transaction.at, Matter::Change(Arc::new(change)), size);
    }
}

/// What the events of one transaction have in common.
struct Transaction {
    key: String,
    commit_number: u64,
    sequence: u32,
    at: DateTime<Utc>,
}

impl Org {
    /// Selects the objects whose changes are told, in place of those selected before.
    ///
    /// # Errors
    /// 404 `NOT_FOUND` for an unknown object; nothing changes then.
    pub(crate) fn capture(&mut self, objects: &[String]) -> Result<(), ApiError> {
        let numbers = objects.iter().map(|name| Ok(self.object_named(name.trim())?.0));
        let numbers = numbers.collect::<Result<HashSet<usize>, ApiError>>()?;
        self.settle();
        self.events.captured = numbers;
        self.watch();
        for number in self.events.captured.clone() {
            self.event_schema(number);
        }
        Ok(())
    }

    /// The names of the selected objects.
    pub(crate) fn captured(&self) -> Vec<&str> {
        let objects = self.schema.objects().iter().enumerate();
        let captured = objects.filter(|(number, _)| self.events.captures(*number));
        captured.map(|(_, object)| object.name()).collect()
    }

    /// The feed.
    pub(crate) fn events(&self) -> &Events {
        &self.events
    }

    /// The feed, to steer it.
    pub(crate) fn events_mut(&mut self) -> &mut Events {
        &mut self.events
    }

    /// Says who writes from here on.
    pub(crate) fn write_as(&mut self, author: Author) {
        self.events.author = author;
    }

    /// Forgets who writes, unless a transaction is open.
    pub(crate) fn forget_author(&mut self) {
        if self.open.is_empty() {
            self.events.author = Author::default();
        }
    }

    /// The schema of an object's events as its fields are now.
    pub(crate) fn event_schema(&mut self, number: usize) -> Option<Arc<EventSchema>> {
        let object = self.schema.objects().get(number)?;
        let known = self.events.current.get(&number);
        if let Some(known) = known.filter(|known| known.fingerprint == schema::fingerprint(object))
        {
            return Some(Arc::clone(known));
        }
        let schema = Arc::new(EventSchema::of(object));
        self.events.current.insert(number, Arc::clone(&schema));
        self.events.schemas.insert(schema.id.clone(), Arc::clone(&schema));
        Some(schema)
    }

    /// Ends a transaction: what it changed is told. Without changes, or between [`Org::begin`] and
    /// [`Org::commit`], nothing happens.
    pub(crate) fn settle(&mut self) {
        if self.events.touched.is_empty() || !self.open.is_empty() {
            return;
        }
        let touched = std::mem::take(&mut self.events.touched);
        self.events.known.clear();
        let mut drafts = Vec::new();
        for (number, id, before) in &touched {
            let (number, id) = (*number, *id);
            if !self.events.captures(number) {
                continue;
            }
            let Some(schema) = self.event_schema(number) else { continue };
            let after = self.row(number, id);
            let draft = Draft::of(&schema, id, before.as_ref(), after.as_deref());
            let modifier =
                self.object(number).and_then(|object| object.system().last_modified_by_id);
            let user = after.as_ref().and_then(|row| row.value(modifier?).as_id());
            drafts.extend(draft.map(|draft| Draft { user, ..draft }));
        }
        if !drafts.is_empty() {
            self.tell_changes(drafts);
        }
        self.tell_topics(&touched);
    }

    /// Tells of the changes of one transaction.
    fn tell_changes(&mut self, drafts: Vec<Draft>) {
        let (told, overflown) = split(drafts, self.events.most_changes);
        let fallback = self.events.author.user.unwrap_or_else(|| self.integration_user());
        let mut transaction = self.events.transaction(self.now());
        for draft in merge(told) {
            let ids = draft.ids.iter().map(ToString::to_string).collect();
            let user = draft.user.unwrap_or(fallback);
            self.events.tell(&mut transaction, draft, ids, user);
        }
        for schema in overflown {
            let draft = gap(schema, ChangeType::GapOverflow);
            self.events.tell(&mut transaction, draft, vec![NO_RECORD.to_owned()], fallback);
        }
    }

    /// Tells of changes without saying which, as after work outside ordinary transactions.
    ///
    /// # Errors
    /// 404 `NOT_FOUND` for an unknown object.
    pub(crate) fn tell_gap(
        &mut self,
        object: &str,
        kind: ChangeType,
        ids: Vec<String>,
    ) -> Result<(), ApiError> {
        let (number, _) = self.object_named(object)?;
        self.settle();
        let schema = self.event_schema(number).ok_or_else(ApiError::unknown_object)?;
        let mut transaction = self.events.transaction(self.now());
        let user = self.events.author.user.unwrap_or_else(|| self.integration_user());
        self.events.tell(&mut transaction, gap(schema, kind.as_gap()), ids, user);
        Ok(())
    }
}

fn gap(schema: Arc<EventSchema>, kind: ChangeType) -> Draft {
    Draft { schema, ids: Vec::new(), kind, leaves: Vec::new(), user: None }
}
