//! Triggers: scripts that run before or after rows change, and may change what is stored.
//!
//! A script is written in [Rhai](https://rhai.rs). It finds the row in `row` (for deletions `old`
//! only), what it was in `old`, and the event's name in `event`. Before triggers change the row by
//! assigning to `row.Field__c`. Through `org` a script reads and writes other rows as the same user:
//! `org.create("Contact", #{…})`, `org.update(id, #{…})`, `org.delete(id)`, `org.undelete(id)`,
//! `org.get(id)`, `org.query("SELECT …")`, `org.now()`, `org.today()`. `add_error("words")` and
//! `add_error("Field__c", "words")` refuse the row as a validation rule does;
//! whatever else goes wrong refuses it as an Apex trigger that threw. The row and everything that
//! its triggers wrote happen together or not at all.

mod script;
mod values;

use serde::{Deserialize, Serialize};

use super::{Org, Row, Writer, rules::Rule};
use crate::{ApiError, Id};
pub(super) use script::Trigger;

/// Triggers that set off triggers deeper than this are refused.
const DEPTH_MAX: usize = 16;

/// When a trigger runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[expect(missing_docs, reason = "named after Salesforce's own trigger events")]
pub enum TriggerEvent {
    #[serde(rename = "before insert")]
    BeforeInsert,
    #[serde(rename = "before update")]
    BeforeUpdate,
    #[serde(rename = "before delete")]
    BeforeDelete,
    #[serde(rename = "after insert")]
    AfterInsert,
    #[serde(rename = "after update")]
    AfterUpdate,
    #[serde(rename = "after delete")]
    AfterDelete,
    #[serde(rename = "after undelete")]
    AfterUndelete,
}

/// What happens to a row, in the eyes of triggers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change<'a> {
    pub(super) event: TriggerEvent,
    pub(super) object: usize,
    /// The row's id; a row that is about to be inserted has none.
    pub(super) id: Option<Id>,
    /// What the row was.
    pub(super) old: Option<&'a Row>,
}

impl Org {
    /// Whether anything would run at any event of an object.
    pub(super) fn has_triggers(&self, number: usize) -> bool {
        self.rules.of(number).any(|rule| matches!(rule, Rule::Trigger(_)))
    }

    /// Does something completely or not at all.
    pub(super) fn atomically<T, E>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.begin();
        let outcome = work(self);
        if outcome.is_ok() {
            self.commit();
        } else {
            self.rollback();
        }
        outcome
    }

    /// Runs the triggers of an event one after the other. Those before a change alter `row`.
    pub(super) fn fire(
        &mut self,
        writer: Writer,
        change: Change<'_>,
        mut row: Option<&mut Row>,
    ) -> Result<(), ApiError> {
        let triggers: Vec<_> = self
            .rules
            .of(change.object)
            .filter_map(|rule| match rule {
                Rule::Trigger(trigger) if trigger.events.contains(&change.event) => {
                    Some(std::sync::Arc::clone(trigger))
                }
                _ => None,
            })
            .collect();
        for trigger in triggers {
            if self.trigger_depth >= DEPTH_MAX {
                return Err(self.too_deep(&trigger, change));
            }
            self.trigger_depth += 1;
            let outcome = self.run_trigger(&trigger, writer, change, row.as_deref_mut());
            self.trigger_depth -= 1;
            outcome?;
        }
        Ok(())
    }

    /// Runs the triggers after a change, which see the row as it is stored.
    pub(super) fn fire_after(
        &mut self,
        writer: Writer,
        change: Change<'_>,
    ) -> Result<(), ApiError> {
        let row = change.id.and_then(|id| self.row(change.object, id));
        let mut row = row.map(super::RowRef::into_row);
        self.fire(writer, change, row.as_mut())
    }

    fn too_deep(&self, trigger: &Trigger, change: Change<'_>) -> ApiError {
        let object = self.object(change.object).map_or("", |object| object.name());
        let message = format!(
            "{}: maximum trigger depth exceeded\n{object} trigger event {:?}",
            trigger.name, change.event
        );
        ApiError::row("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message, &[])
    }
}
