//! Deleting, bringing back and removing for good.
//!
//! A deletion takes along what hangs on the row by master-detail or cascading lookups, and sets
//! other lookups to it to null. All of that is remembered in the recycle bin, so that undeleting
//! the row that was asked for restores the whole.

use std::collections::BTreeSet;

use super::{
    Action, Org, RowRef, TriggerEvent, Writer,
    row::Binned,
    triggers::Change,
    write::{entity_is_deleted, invalid_cross_reference, not_allowed},
};
use crate::{
    ApiError, Id,
    schema::{Object, OnDelete},
    value::Value,
};

/// What a deletion will do, found out before anything is done.
#[derive(Debug, Default)]
struct Deletion {
    /// Tables and rows that go to the recycle bin.
    rows: BTreeSet<(usize, Id)>,
    /// Lookups that become null: table, row, field, and the row they referred to.
    cleared: Vec<(usize, Id, usize, Id)>,
    /// Rows that forbid the deletion, unless they are deleted themselves.
    restricting: Vec<(usize, Id)>,
}

impl Org {
    /// Moves a row, and the rows that hang on it by master-detail or cascading lookups, to the
    /// recycle bin. Without `object` the id's prefix names it (Collections).
    ///
    /// # Errors
    /// `MALFORMED_ID`; 404 when the row is missing or already deleted; `DELETE_FAILED` when
    /// children forbid it.
    pub fn delete(
        &mut self,
        writer: impl Into<Writer>,
        object: Option<&str>,
        id: &str,
    ) -> Result<Id, ApiError> {
        let writer = writer.into();
        let id = Id::parse(id)?;
        let number = match object {
            Some(name) => self.object_named(name)?.0,
            None => self
                .schema
                .number_of_prefix(id.prefix())
                .ok_or_else(|| invalid_cross_reference().with_status(404))?,
        };
        self.live_row(number, id)?;
        self.check_change(writer.user, number, id, Action::Delete)?;
        self.delete_row(writer, number, id)?;
        Ok(id)
    }

    fn delete_row(&mut self, writer: Writer, number: usize, id: Id) -> Result<(), ApiError> {
        let object = self.object(number).ok_or_else(ApiError::unknown_object)?;
        if !object.is("deletable") {
            return Err(not_allowed(object));
        }
        if !self.has_triggers(number) {
            return self.take_away(writer, number, id);
        }
        let old = self.live_row(number, id)?.into_row();
        let change = |event| Change { event, object: number, id: Some(id), old: Some(&old) };
        self.atomically(|org| {
            org.fire(writer, change(TriggerEvent::BeforeDelete), None)?;
            org.take_away(writer, number, id)?;
            org.fire(writer, change(TriggerEvent::AfterDelete), None)
        })
    }

    /// Moves a row and what hangs on it to the recycle bin. Triggers of the rows that it takes along
    /// do not run, as in Salesforce.
    fn take_away(&mut self, writer: Writer, number: usize, id: Id) -> Result<(), ApiError> {
        let deletion = self.plan_deletion(number, id);
        if let Some((child, _)) =
            deletion.restricting.iter().find(|row| !deletion.rows.contains(row))
        {
            let child = self.object(*child).map(Object::name).unwrap_or_default();
            let message = format!(
                "Your attempt to delete {} could not be completed because it is associated with \
                 the following records of {child}.",
                id.short()
            );
            return Err(ApiError::row("DELETE_FAILED", message, &[]));
        }
        for (table, child, field, _) in &deletion.cleared {
            let stamp = self.object(*table).and_then(|object| object.system().system_modstamp);
            let now = self.now();
            if let Some(mut row) = self.row(*table, *child).map(RowRef::into_row) {
                row.set(Some(*field), Value::Null);
                row.set(stamp, Value::Moment(now));
                self.put(*table, *child, Some(row));
            }
        }
        for (table, row) in &deletion.rows {
            let cleared = deletion.cleared.iter().filter(|(.., parent)| parent == row);
            let cleared = cleared.map(|(table, row, field, _)| (*table, *row, *field)).collect();
            self.bin(writer, *table, *row, Binned { at: self.now(), root: id, cleared });
        }
        Ok(())
    }

    fn plan_deletion(&self, number: usize, id: Id) -> Deletion {
        let mut deletion = Deletion::default();
        let mut open = vec![(number, id)];
        deletion.rows.insert((number, id));
        while let Some((parent, id)) = open.pop() {
            for relation in self.schema.references_to(parent) {
                let Some(table) = self.table(relation.child) else { continue };
                for child in table.with_value(relation.field, &Value::Id(id)) {
                    if !table.is_live(child) {
                        continue;
                    }
                    let on_delete = if self.is_shadow(relation, id, child) {
                        OnDelete::Cascade
                    } else {
                        relation.on_delete
                    };
                    match on_delete {
                        OnDelete::Restrict => deletion.restricting.push((relation.child, child)),
                        OnDelete::Clear => {
                            deletion.cleared.push((relation.child, child, relation.field, id));
                        }
                        OnDelete::Cascade => {
                            if deletion.rows.insert((relation.child, child)) {
                                open.push((relation.child, child));
                            }
                        }
                    }
                }
            }
        }
        let rows = &deletion.rows;
        deletion.cleared.retain(|(table, child, ..)| !rows.contains(&(*table, *child)));
        deletion
    }

    /// Marks a row deleted; an object without a recycle bin loses it.
    pub(super) fn bin(&mut self, writer: Writer, number: usize, id: Id, binned: Binned) {
        let Some(is_deleted) = self.object(number).map(|object| object.system().is_deleted) else {
            return;
        };
        let Some(mut row) = self.row(number, id).map(RowRef::into_row) else { return };
        if is_deleted.is_none() {
            self.erase(number, id);
            return;
        }
        row.binned = Some(Box::new(binned));
        row.set(is_deleted, Value::Bool(true));
        self.stamp(number, writer.user, &mut row);
        self.put(number, id, Some(row));
    }

    /// Brings a row and what was deleted with it back from the recycle bin.
    ///
    /// # Errors
    /// `UNDELETE_FAILED` when the row is not in the recycle bin or its master is;
    /// `DUPLICATE_VALUE` when a key has been taken meanwhile.
    pub fn undelete(&mut self, writer: impl Into<Writer>, id: &str) -> Result<Id, ApiError> {
        let writer = writer.into();
        let id = Id::parse(id)?;
        let failed = |message: &str| ApiError::row("UNDELETE_FAILED", message, &[]);
        let number = self.schema.number_of_prefix(id.prefix());
        let number = number.ok_or_else(invalid_cross_reference)?;
        let row = self.row(number, id).ok_or_else(|| failed("entity is not in the recycle bin"))?;
        let Some(binned) = &row.binned else {
            return Err(failed("entity is not in the recycle bin"));
        };
        let group = self.binned_with(number, id, binned.root);
        self.check_masters(&group).map_err(failed)?;
        for (table, row) in &group {
            self.check_keys(*table, *row)?;
        }
        let change =
            Change { event: TriggerEvent::AfterUndelete, object: number, id: Some(id), old: None };
        self.atomically(|org| {
            for (table, row) in group {
                org.restore(writer, table, row);
            }
            org.fire_after(writer, change)?;
            Ok(id)
        })
    }

    /// The row and those below it that went to the recycle bin in the same deletion.
    fn binned_with(&self, number: usize, id: Id, root: Id) -> BTreeSet<(usize, Id)> {
        let mut group = BTreeSet::from([(number, id)]);
        let mut open = vec![(number, id)];
        while let Some((parent, id)) = open.pop() {
            let cascades = self.schema.references_to(parent).filter(|relation| {
                relation.on_delete == OnDelete::Cascade || self.is_of_shadows(relation)
            });
            for relation in cascades {
                let Some(table) = self.table(relation.child) else { continue };
                for child in table.with_value(relation.field, &Value::Id(id)) {
                    let root_of = table.get(child).and_then(|row| Some(row.binned.as_ref()?.root));
                    if root_of == Some(root) && group.insert((relation.child, child)) {
                        open.push((relation.child, child));
                    }
                }
            }
        }
        group
    }

    /// A detail cannot come back without its master.
    fn check_masters(&self, group: &BTreeSet<(usize, Id)>) -> Result<(), &'static str> {
        for (number, id) in group {
            let (Some(object), Some(row)) = (self.object(*number), self.row(*number, *id)) else {
                continue;
            };
            for (at, _) in
                object.fields().iter().enumerate().filter(|(_, field)| field.master_detail)
            {
                let Some(master) = row.value(at).as_id() else { continue };
                let is_live = self
                    .locate(master)
                    .is_some_and(|(table, row)| row.is_live() || group.contains(&(table, master)));
                if !is_live {
                    return Err("the master record is deleted");
                }
            }
        }
        Ok(())
    }

    fn check_keys(&self, number: usize, id: Id) -> Result<(), ApiError> {
        let (Some(object), Some(row)) = (self.object(number), self.row(number, id)) else {
            return Ok(());
        };
        for (at, field) in object.fields().iter().enumerate().filter(|(_, field)| field.unique) {
            self.check_unique(number, Some(id), (at, field), row.value(at))?;
        }
        Ok(())
    }

    fn restore(&mut self, writer: Writer, number: usize, id: Id) {
        let is_deleted = self.object(number).and_then(|object| object.system().is_deleted);
        let Some(mut row) = self.row(number, id).map(RowRef::into_row) else { return };
        let Some(binned) = row.binned.take() else { return };
        row.set(is_deleted, Value::Bool(false));
        let merged_into = self.object(number).and_then(|object| object.number("MasterRecordId"));
        row.set(merged_into, Value::Null);
        self.stamp(number, writer.user, &mut row);
        self.put(number, id, Some(row));
        for (table, child, field) in binned.cleared {
            let stamp = self.object(table).and_then(|object| object.system().system_modstamp);
            let now = self.now();
            let row =
                self.row(table, child).filter(|row| row.is_live() && row.value(field).is_null());
            if let Some(mut row) = row.map(RowRef::into_row) {
                row.set(Some(field), Value::Id(id));
                row.set(stamp, Value::Moment(now));
                self.put(table, child, Some(row));
            }
        }
    }

    /// Removes a row, live or in the recycle bin, with what hangs on it: only the delete log
    /// remembers it.
    ///
    /// # Errors
    /// As [`Org::delete`].
    pub fn purge(&mut self, id: &str) -> Result<Id, ApiError> {
        let id = Id::parse(id)?;
        let number =
            self.schema.number_of_prefix(id.prefix()).ok_or_else(invalid_cross_reference)?;
        self.purge_row(self.integration_user().into(), number, id)?;
        Ok(id)
    }

    /// Deletes a row past the recycle bin.
    pub(super) fn purge_row(
        &mut self,
        writer: Writer,
        number: usize,
        id: Id,
    ) -> Result<(), ApiError> {
        match self.row(number, id).map(|row| row.is_live()) {
            Some(true) => self.delete_row(writer, number, id)?,
            Some(false) => {}
            None => {
                let gone = self.purged.get(number).is_some_and(|purged| purged.contains_key(&id));
                let error = if gone { entity_is_deleted() } else { invalid_cross_reference() };
                return Err(error.with_status(404));
            }
        }
        let root = self.row(number, id).and_then(|row| Some(row.binned.as_ref()?.root));
        for (table, row) in self.binned_with(number, id, root.unwrap_or(id)) {
            self.erase(table, row);
        }
        Ok(())
    }

    pub(super) fn erase(&mut self, number: usize, id: Id) {
        let Some(row) = self.row(number, id) else { return };
        let at = row.binned.as_ref().map_or_else(|| self.now(), |binned| binned.at);
        if let Some(purged) = self.purged.get_mut(number) {
            purged.insert(id, at);
        }
        self.put(number, id, None);
    }
}
