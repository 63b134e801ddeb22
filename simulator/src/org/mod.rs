//! The org: its rows, and everything that can be asked of them or done to them.
//!
//! # How a caller uses it
//!
//! An [`Org`] is a plain value: no locks, no network, no time of its own. Reading takes `&self`,
//! writing `&mut self`; whoever shares it puts it behind a lock. Every method that may be refused
//! answers an [`ApiError`] that already has Salesforce's code, words, `fields` and, for calls
//! about one row, HTTP status.
//!
//! * Names of objects and fields are accepted in any case, ids with 15 or 18 characters.
//! * Each writing call ([`Org::create`], [`Org::update`], [`Org::upsert`], [`Org::delete`],
//!   [`Org::ingest`]) is one row and one transaction: it happens completely or not at all. To
//!   take several back together (`allOrNone`), bracket them with [`Org::begin`] and
//!   [`Org::rollback`] or [`Org::commit`].
//! * A query answers row ids and a [`Shape`]; rows are written out one at a time with
//!   [`Org::write_json`] or [`Org::each_cell`], so a cursor keeps only ids.

mod alter;
mod answers;
mod bin;
mod blob;
mod body;
mod cells;
mod changes;
mod check;
mod computed;
mod convert;
mod currencies;
mod derived;
mod describe;
mod duplicates;
pub(crate) mod events;
mod history;
mod id_list;
mod ingest;
mod merge;
mod needs;
mod parked;
mod people;
mod person;
mod populate;
mod query;
mod read;
mod record_types;
mod remove;
mod render;
mod rights;
mod row;
mod rules;
mod save;
mod search;
mod shape;
mod standing;
mod synthetic;
mod table;
mod touch;
mod triggers;
mod users;
mod write;
mod writer;

use std::{collections::BTreeMap, fmt, sync::Arc};

use chrono::{DateTime, SubsecRound, Utc};

pub use alter::PicklistChange;
pub use answers::{
    Deleted, Groups, IngestFailure, Ingested, Key, Operation, QueryResult, Scope, Updated,
    UpsertError, Upserted,
};
pub use cells::Cells;
pub(crate) use cells::Untouched;
pub use duplicates::DuplicateAction;
pub use id_list::IdList;
pub use ingest::IngestPlan;
pub use merge::Merged;
pub use people::Names;
pub use render::{Keep, Paper};
pub use rights::{Action, FieldRight, Permission};
pub use rules::{DefinedRule, RuleSpec};
pub use shape::Shape;
pub use triggers::TriggerEvent;
pub use writer::Writer;

use crate::{
    ApiError, Id,
    schema::{Object, Schema},
    value::Value,
};
use row::{Row, RowRef};
use table::Table;

/// Tells the time of the org. The org truncates it to whole seconds.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// User name of the user that a sync works as.
pub const INTEGRATION_USERNAME: &str = "integration@lockstep.example";
/// User name of the second user.
pub const HUMAN_USERNAME: &str = "human@lockstep.example";

/// A Salesforce org: schema, rows, users and one commit clock.
pub struct Org {
    schema: Schema,
    /// One per object of the schema, in its order.
    tables: Vec<Table>,
    /// When rows that are gone for good were deleted, per table.
    purged: Vec<BTreeMap<Id, DateTime<Utc>>>,
    /// Since when the delete log of an object is complete, where it was trimmed.
    log_starts: BTreeMap<usize, DateTime<Utc>>,
    record_types: Vec<Option<record_types::RecordTypes>>,
    person: Option<person::PersonAccounts>,
    clock: Clock,
    /// What rows were before the open transactions changed them, oldest first.
    undo: Vec<(usize, Id, Option<Row>)>,
    /// How long `undo` was when each open transaction began, the outermost first.
    open: Vec<usize>,
    /// Transactions that others do not see yet.
    parked: BTreeMap<u64, parked::Parked>,
    parked_ever: u64,
    rights: rights::Rights,
    /// What is told of changes.
    events: events::Events,
    rules: rules::Rules,
    /// How many triggers are running, each because of the one before.
    trigger_depth: usize,
    /// When the org began.
    born: DateTime<Utc>,
    /// When the schema or the rights last changed.
    metadata_at: DateTime<Utc>,
    /// The same for each object that changed since the org began.
    described_at: BTreeMap<usize, DateTime<Utc>>,
}

impl fmt::Debug for Org {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Org").finish_non_exhaustive()
    }
}

impl Org {
    /// An org without records but its two users (see [`Org::integration_user`] and
    /// [`Org::human_user`]).
    #[must_use]
    pub fn new(schema: Schema, clock: Clock) -> Self {
        let tables: Vec<Table> = schema.objects().iter().map(Table::new).collect();
        let purged = tables.iter().map(|_| BTreeMap::new()).collect();
        let born = clock().trunc_subsecs(0);
        let mut org = Self {
            schema,
            tables,
            purged,
            log_starts: BTreeMap::new(),
            record_types: Vec::new(),
            person: None,
            clock,
            undo: Vec::new(),
            open: Vec::new(),
            parked: BTreeMap::new(),
            parked_ever: 0,
            rights: rights::Rights::default(),
            events: events::Events::default(),
            rules: rules::Rules::default(),
            trigger_depth: 0,
            born,
            metadata_at: born,
            described_at: BTreeMap::new(),
        };
        org.add_user(INTEGRATION_USERNAME, "Integration", "User");
        org.add_user(HUMAN_USERNAME, "Hannah", "Human");
        org.add_record_types();
        org.add_currencies();
        org.add_standing();
        org.person = person::PersonAccounts::of(&org.schema);
        org
    }

    /// Users are not made by DML, whose rules ask for more than a test wants to say.
    fn add_user(&mut self, username: &str, first_name: &str, last_name: &str) {
        let now = self.now();
        let Some(number) = self.schema.number("User") else { return };
        let (Some(object), Some(table)) =
            (self.schema.objects().get(number), self.tables.get_mut(number))
        else {
            return;
        };
        table.sequence += 1;
        let id = Id::generate(object.prefix(), table.sequence);
        let mut row = Row::new(object.fields().len());
        let alias = first_name.to_lowercase().chars().take(8).collect::<String>();
        for (name, value) in [
            ("Id", Value::Id(id)),
            ("Username", Value::Text(username.into())),
            ("FirstName", Value::Text(first_name.into())),
            ("LastName", Value::Text(last_name.into())),
            ("Email", Value::Text(username.into())),
            ("Alias", Value::Text(alias.into())),
            ("IsActive", Value::Bool(true)),
            ("UserType", Value::Text("Standard".into())),
            ("TimeZoneSidKey", Value::Text("GMT".into())),
            ("LocaleSidKey", Value::Text("en_US".into())),
            ("LanguageLocaleKey", Value::Text("en_US".into())),
            ("EmailEncodingKey", Value::Text("UTF-8".into())),
            ("ProfileId", Value::Id(standing::administrator())),
            ("CreatedDate", Value::Moment(now)),
            ("CreatedById", Value::Id(id)),
            ("LastModifiedDate", Value::Moment(now)),
            ("LastModifiedById", Value::Id(id)),
            ("SystemModstamp", Value::Moment(now)),
        ] {
            row.set(object.number(name), value);
        }
        table.put(id, Some(row));
    }

    /// The objects, for describe and describe global.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The commit clock, in whole seconds: what the next write would be stamped with.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        (self.clock)().trunc_subsecs(0)
    }

    /// The org's own id (`00D…`).
    #[must_use]
    pub fn organization_id(&self) -> Id {
        Id::generate("00D", 1)
    }

    /// The user that a sync works as.
    #[must_use]
    pub fn integration_user(&self) -> Id {
        Id::generate("005", 1)
    }

    /// A second user, for acting as a person would.
    #[must_use]
    pub fn human_user(&self) -> Id {
        Id::generate("005", 2)
    }

    /// The active user with this user name, in any case.
    #[must_use]
    pub fn user(&self, username: &str) -> Option<Id> {
        let (number, object) = self.object_named("User").ok()?;
        let (name, active) = (object.number("Username")?, object.number("IsActive"));
        let is_wanted = |row: &Row| {
            let is_active = active.is_none_or(|active| *row.value(active) != Value::Bool(false));
            let stored = row.value(name).as_text();
            is_active && stored.is_some_and(|stored| stored.eq_ignore_ascii_case(username))
        };
        self.table(number)?.iter().find(|(_, row)| is_wanted(row)).map(|(id, _)| id)
    }

    /// The user name of a user.
    #[must_use]
    pub fn username(&self, user: Id) -> Option<String> {
        let (number, object) = self.object_named("User").ok()?;
        let row = self.table(number)?.get(user)?;
        row.value(object.number("Username")?).as_text().map(str::to_owned)
    }

    /// Opens a transaction, so that [`Org::rollback`] can take the writes from here on back.
    ///
    /// Transactions nest: the inner one can be taken back alone, and is taken back with the outer
    /// one. Nothing is final before the outermost is committed.
    pub fn begin(&mut self) {
        self.open.push(self.undo.len());
    }

    /// Keeps what was written since the innermost [`Org::begin`].
    pub fn commit(&mut self) {
        self.open.pop();
        if self.open.is_empty() {
            self.undo.clear();
        }
    }

    /// Takes back what was written since the innermost [`Org::begin`]. Ids stay used up, as in
    /// Salesforce.
    pub fn rollback(&mut self) {
        let Some(start) = self.open.pop() else { return };
        while self.undo.len() > start {
            let Some((number, id, before)) = self.undo.pop() else { return };
            if before.is_some()
                && let Some(purged) = self.purged.get_mut(number)
            {
                purged.remove(&id);
            }
            if let Some(table) = self.tables.get_mut(number) {
                table.put(id, before);
            }
        }
    }

    /// Stores or removes a row: the one way by which rows change.
    fn put(&mut self, number: usize, id: Id, row: Option<Row>) {
        let Some(table) = self.tables.get_mut(number) else { return };
        let before = table.put(id, row);
        if self.events.watches(number) {
            self.events.touch(number, id, before.clone());
        }
        if !self.open.is_empty() {
            self.undo.push((number, id, before));
        }
    }

    /// An object and its number.
    fn object_named(&self, name: &str) -> Result<(usize, &Object), ApiError> {
        let found =
            self.schema.number(name).and_then(|number| Some((number, self.object(number)?)));
        found.ok_or_else(ApiError::unknown_object)
    }

    fn object(&self, number: usize) -> Option<&Object> {
        self.schema.objects().get(number)
    }

    fn table(&self, number: usize) -> Option<&Table> {
        self.tables.get(number)
    }

    fn row(&self, number: usize, id: Id) -> Option<RowRef<'_>> {
        self.table(number)?.get(id)
    }

    /// The row of an id, whose prefix names the object.
    fn locate(&self, id: Id) -> Option<(usize, RowRef<'_>)> {
        let number = self.schema.number_of_prefix(id.prefix())?;
        Some((number, self.row(number, id)?))
    }
}

#[cfg(test)]
mod tests;
