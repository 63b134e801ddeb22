//! From one record's work and what Salesforce holds to what is sent or recorded. Pure.

use super::observe::{Observed, Seen};
use super::outcome::{Outgoing, accepted, by_column, conflict_rows, lastop, unsent};
use super::work::{Task, Work};
use crate::mapping::{ConflictPolicy, Field, Mapping};
use crate::model::{Action, SalesforceId, to_csv, to_json};
use crate::postgres::{Evidence, Outcome, Recorded};
use crate::reconcile::{
    Conflict, Decision, Deletion, FieldValues, Known, Operation, Past, Remote, Resolved, Step,
    freeze, is_compared, reconcile_delete, reconcile_found, reconcile_insert, reconcile_update,
    row_before_delete,
};
use serde_json::Value as Json;
use std::time::Duration;

/// Changes within one second have one stamp, and Salesforce's clock is known to two.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// What follows from a decision.
#[derive(Debug)]
pub(super) enum Next {
    /// This is sent.
    Send(Box<Outgoing>),
    /// Nothing is sent, this is recorded.
    Record(Box<Recorded>),
    /// The whole row is to be inserted; its parents may have to be looked up first.
    Recreate(Box<Work>, Decision),
}

/// Decides one record. `wishes` are its own, with every parent's id in place.
pub(super) fn decide(
    mapping: &Mapping,
    work: Work,
    mut wishes: Vec<Resolved>,
    observed: &Observed,
) -> Next {
    let attempts = &work.history.attempts;
    let known = Known { attempts, decided: &work.decided };
    let mut decision = match &work.task {
        Task::Insert => reconcile_insert(wishes),
        Task::Update(sfid) if observed.merged_into(sfid).is_some() => {
            return merged(&work, sfid, observed);
        }
        Task::Update(sfid) => {
            wishes.retain(|wish| is_updateable(mapping, wish));
            match observed.remote(sfid) {
                Remote::Live(record) if unlinked(&work).is_some() => {
                    reconcile_found(mapping, &wishes, record, known)
                }
                Remote::Live(record) => {
                    let remote = Remote::Live(record);
                    let decision = reconcile_update(mapping, sfid, &wishes, remote, known);
                    let past = Past { attempts, repeats: &work.history.repeats };
                    freeze(mapping, &wishes, record, past, decision)
                }
                remote => reconcile_update(mapping, sfid, &wishes, remote, known),
            }
        }
        Task::Delete(sfid) => {
            let deletion = Deletion {
                sfid: sfid.clone(),
                before: row_before_delete(&work.net, mapping),
                has_successor: work.net.has_successor,
            };
            reconcile_delete(mapping, &deletion, observed.remote(sfid), known)
        }
        Task::Cancel => {
            return record(
                mapping,
                &work,
                Decision {
                    step: Step::Settle("deleted before it was sent"),
                    adopt: Vec::new(),
                    conflicts: Vec::new(),
                },
                observed,
            );
        }
    };
    leave_for_later(&work.later, &mut decision);
    follow(mapping, work, decision, observed)
}

/// What follows in a second write is decided then: a record that was found instead of created has something in these
/// fields, perhaps.
fn leave_for_later(later: &[usize], decision: &mut Decision) {
    if later.is_empty() {
        return;
    }
    decision.adopt.retain(|(field, _)| !later.contains(field));
    if let Step::Insert(values) | Step::Update(_, values) = &mut decision.step {
        values.retain(|(field, _)| !later.contains(field));
    }
    if matches!(&decision.step, Step::Update(_, values) if values.is_empty()) {
        decision.step = Step::Settle("both sides hold the same");
    }
}

/// An edit of a record that was merged would bring the duplicate back that a person has just removed: it waits for
/// a person too.
fn merged(work: &Work, sfid: &SalesforceId, observed: &Observed) -> Next {
    let master = observed.merged_into(sfid).unwrap_or(sfid);
    let outcome = Outcome::Refused {
        code: "RECORD_WAS_MERGED".to_owned(),
        message: format!("record {sfid} was merged into {master} in Salesforce"),
    };
    Next::Record(Box::new(unsent(&work.record(), work.net.log_ids(), outcome)))
}

fn follow(mapping: &Mapping, work: Work, mut decision: Decision, observed: &Observed) -> Next {
    let write = match &mut decision.step {
        Step::Insert(values) => Write::Insert(std::mem::take(values)),
        Step::Update(sfid, values) => Write::Update(sfid.clone(), std::mem::take(values)),
        Step::Delete(sfid) => Write::Delete(sfid.clone()),
        Step::Recreate => return Next::Recreate(Box::new(work), decision),
        Step::Ask => return Next::Record(Box::new(asked(&work, decision.conflicts))),
        Step::Settle(_) | Step::AlreadyDeleted | Step::Restore => {
            return record(mapping, &work, decision, observed);
        }
    };
    let mut next = outgoing(mapping, &work, write, decision);
    let sfid = next.sfid.as_ref().filter(|_| depends_on_remote(mapping, &next));
    match sfid.and_then(|sfid| observed.seen(mapping, sfid)) {
        Some(Seen::TooFresh) => return Next::Record(Box::new(too_fresh(&work))),
        Some(Seen::At(stamp)) => next.seen = Some(stamp),
        None => {}
    }
    if unlinked(&work).is_some() {
        next.lastop = lastop(Action::Insert);
    }
    Next::Send(Box::new(next))
}

/// Whether it may be sent only as long as the record is as it was seen.
fn depends_on_remote(mapping: &Mapping, next: &Outgoing) -> bool {
    let is_decided_by_remote =
        |field: &Field| is_compared(field) && field.conflict != ConflictPolicy::PostgresWins;
    let mut fields = next.values.iter().filter_map(|(field, _)| mapping.fields.get(*field));
    mapping.is_conditional && next.action == Action::Update && fields.any(is_decided_by_remote)
}

/// The record is looked at again when a change of it is sure to show.
fn too_fresh(work: &Work) -> Recorded {
    let outcome = Outcome::Later {
        not_before_in: SETTLED_AFTER,
        reason: "it was changed in Salesforce a moment ago, and may be changed again unnoticed"
            .to_owned(),
        outcome: "refused",
    };
    unsent(&work.record(), work.net.log_ids(), outcome)
}

/// The record waits for a person, who is shown both sides' values.
fn asked(work: &Work, conflicts: Vec<Conflict>) -> Recorded {
    let fields: Vec<String> = conflicts.iter().map(|conflict| conflict.field.clone()).collect();
    let (operation, what) = match work.task {
        Task::Delete(_) => (Action::Delete, "the row was deleted, and Salesforce has changed"),
        _ => (Action::Update, "both sides have changed"),
    };
    let outcome = Outcome::Refused {
        code: "CONFLICT".to_owned(),
        message: format!("{what} {}", fields.join(", ")),
    };
    let values = |conflict: Conflict| {
        let Conflict { field, base, local, remote, .. } = conflict;
        let values = [("base", base), ("local", local), ("remote", remote)];
        let values = values.map(|(side, value)| (side.to_owned(), to_json(&value)));
        (field, Json::Object(values.into_iter().collect()))
    };
    let conflicts = Some(conflicts.into_iter().map(values).collect());
    let evidence =
        Evidence { fields, operation: Some(operation), conflicts, ..Evidence::default() };
    Recorded { evidence, ..unsent(&work.record(), work.net.log_ids(), outcome) }
}

/// The insert of a record from its row as it stands.
pub(super) fn recreation(
    mapping: &Mapping,
    work: &Work,
    wishes: Vec<Resolved>,
    decision: Decision,
) -> Outgoing {
    let values = wishes.into_iter().map(|wish| (wish.field, wish.local)).collect();
    outgoing(mapping, work, Write::Insert(values), decision)
}

/// The external id among these values, as text.
pub(super) fn key_among(mapping: &Mapping, values: &FieldValues) -> Option<String> {
    let key = mapping.key.as_ref()?;
    let position = mapping.fields.iter().position(|field| field.name == key.field)?;
    values
        .iter()
        .find(|(field, value)| *field == position && !value.is_null())
        .map(|(_, value)| to_csv(value))
}

enum Write {
    Insert(FieldValues),
    Update(SalesforceId, FieldValues),
    Delete(SalesforceId),
}

fn outgoing(mapping: &Mapping, work: &Work, write: Write, decision: Decision) -> Outgoing {
    let (action, sfid, values) = match write {
        Write::Insert(values) => (Action::Insert, None, values),
        Write::Update(sfid, values) => (Action::Update, Some(sfid), values),
        Write::Delete(sfid) => (Action::Delete, Some(sfid), Vec::new()),
    };
    let key = (action == Action::Insert).then(|| key_among(mapping, &values)).flatten();
    Outgoing {
        record: work.record(),
        log_ids: work.net.log_ids(),
        action,
        sfid,
        key,
        values,
        adopt: decision.adopt,
        conflicts: decision.conflicts,
        lastop: lastop(action),
        tries: work.history.tries,
        doubts: work.history.attempts.iter().filter(|attempt| attempt.is_unresolved).count(),
        later: work.later.clone(),
        is_part: !work.later.is_empty(),
        seen: None,
    }
}

fn record(mapping: &Mapping, work: &Work, decision: Decision, observed: &Observed) -> Next {
    let mut restore = None;
    let outcome = match (&decision.step, &work.task) {
        (Step::AlreadyDeleted, Task::Delete(sfid)) => {
            accepted(sfid.clone(), lastop(Action::Delete))
        }
        (Step::Restore, Task::Delete(sfid)) => {
            if let Remote::Live(record) = observed.remote(sfid) {
                restore = Some(record.clone());
            }
            settled("the record was edited in Salesforce; the row is brought back")
        }
        (Step::Settle(reason), _) => match unlinked(work) {
            Some(sfid) if !work.later.is_empty() => Outcome::Begun { sfid },
            Some(sfid) => accepted(sfid, lastop(Action::Insert)),
            None => settled(reason),
        },
        _ => settled("nothing to send"),
    };
    Next::Record(Box::new(Recorded {
        adopt: by_column(mapping, decision.adopt),
        conflicts: conflict_rows(decision.conflicts),
        restore,
        ..unsent(&work.record(), work.net.log_ids(), outcome)
    }))
}

pub(super) fn settled(reason: &str) -> Outcome {
    Outcome::Settled { reason: reason.to_owned() }
}

/// The id of a record that was found for a row which does not know it yet.
fn unlinked(work: &Work) -> Option<SalesforceId> {
    let Task::Update(sfid) = &work.task else { return None };
    let knows = work.row.as_ref().is_none_or(|row| row.sfid.as_ref() == Some(sfid));
    (!knows && work.operation() == Operation::Update).then(|| sfid.clone())
}

fn is_updateable(mapping: &Mapping, wish: &Resolved) -> bool {
    mapping.fields.get(wish.field).is_some_and(|field| field.updateable)
}
