//! Merging: one row takes the place of up to two others.

use super::{
    Action, Org, RowRef, TriggerEvent, Writer, body::Purpose, row::Binned, triggers::Change,
};
use crate::{
    ApiError, Id,
    value::{JsonMap, Value},
};

/// The objects that can be merged.
const MERGEABLE: [&str; 4] = ["Account", "Contact", "Lead", "Case"];

/// What a merge did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The row that remains.
    pub id: Id,
    /// The rows that it took the place of; they are in the recycle bin.
    pub merged: Vec<Id>,
    /// The rows that referred to those and now refer to it.
    pub updated: Vec<Id>,
}

impl Org {
    /// Merges up to two rows into `master`, which gets the given fields. What referred to them
    /// refers to it from then on; they go to the recycle bin with `MasterRecordId` set.
    ///
    /// # Errors
    /// `INVALID_TYPE_FOR_OPERATION` for an object that cannot be merged, `MERGE_FAILED` for too
    /// many rows or a row with itself; otherwise as for updates and deletions.
    pub fn merge(
        &mut self,
        writer: impl Into<Writer>,
        master: &str,
        losers: &[String],
        fields: &JsonMap,
    ) -> Result<Merged, ApiError> {
        let writer = writer.into();
        let master = Id::parse(master)?;
        let losers = losers.iter().map(|id| Id::parse(id)).collect::<Result<Vec<_>, _>>()?;
        let number = self.mergeable(master, &losers)?;
        for id in losers.iter().chain([&master]) {
            self.live_row(number, *id)?;
            let is_loser = *id != master;
            let action = if is_loser { Action::Delete } else { Action::Update };
            self.check_change(writer.user, number, *id, action)?;
        }
        let changes = self.read_body(writer.user, number, fields, Purpose::Update)?;
        self.atomically(|org| {
            let mut updated = Vec::new();
            for loser in &losers {
                for child in org.adopt_children(writer, number, (*loser, master), &losers) {
                    if child != master && !updated.contains(&child) {
                        updated.push(child);
                    }
                }
            }
            for loser in &losers {
                org.retire(writer, number, *loser, master)?;
            }
            org.update_row(writer, number, master, changes)?;
            Ok(Merged { id: master, merged: losers.clone(), updated })
        })
    }

    fn mergeable(&self, master: Id, losers: &[Id]) -> Result<usize, ApiError> {
        let failed = |what: &str| Err(ApiError::row("MERGE_FAILED", what, &[]));
        let number = self.schema.number_of_prefix(master.prefix());
        let number = number.ok_or_else(ApiError::unknown_object)?;
        let name = self.object(number).map_or("", |object| object.name());
        if !MERGEABLE.contains(&name) {
            let message = format!("entity type {name} cannot be merged");
            return Err(ApiError::row("INVALID_TYPE_FOR_OPERATION", message, &[]));
        }
        if losers.is_empty() || losers.len() > 2 {
            return failed("merge takes one or two records besides the master record");
        }
        if losers.contains(&master) || losers.first() == losers.get(1) {
            return failed("cannot merge a record with itself");
        }
        if losers.iter().any(|loser| loser.prefix() != master.prefix()) {
            return failed("cannot merge with entity of different type");
        }
        Ok(number)
    }

    /// Lets the rows that refer to `loser` refer to `master`, and answers them.
    fn adopt_children(
        &mut self,
        writer: Writer,
        number: usize,
        (loser, master): (Id, Id),
        losers: &[Id],
    ) -> Vec<Id> {
        let mut children = Vec::new();
        for relation in self.schema.references_to(number) {
            let Some(table) = self.table(relation.child) else { continue };
            let found = table.with_value(relation.field, &Value::Id(loser));
            let found = found.filter(|id| table.is_live(*id) && !losers.contains(id));
            children.extend(found.map(|id| (relation.child, relation.field, id)));
        }
        for (table, field, child) in children.iter().copied() {
            let Some(mut row) = self.row(table, child).map(RowRef::into_row) else { continue };
            // Nothing becomes its own parent.
            let parent = if child == master { Value::Null } else { Value::Id(master) };
            row.set(Some(field), parent);
            self.stamp(table, writer.user, &mut row);
            self.put(table, child, Some(row));
        }
        children.into_iter().map(|(.., child)| child).collect()
    }

    /// Sends a merged row to the recycle bin.
    fn retire(
        &mut self,
        writer: Writer,
        number: usize,
        loser: Id,
        master: Id,
    ) -> Result<(), ApiError> {
        let old = self.live_row(number, loser)?.into_row();
        let change = |event| Change { event, object: number, id: Some(loser), old: Some(&old) };
        self.fire(writer, change(TriggerEvent::BeforeDelete), None)?;
        let mut row = self.live_row(number, loser)?.into_row();
        let field = self.object(number).and_then(|object| object.number("MasterRecordId"));
        row.set(field, Value::Id(master));
        self.put(number, loser, Some(row));
        let binned = Binned { at: self.now(), root: loser, cleared: Vec::new() };
        self.bin(writer, number, loser, binned);
        self.fire(writer, change(TriggerEvent::AfterDelete), None)
    }
}
