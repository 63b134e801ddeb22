//! What the unsent changes of one record come to.
//!
//! A record's changes are merged into one net operation, so that Salesforce sees the latest state once instead
//! of every step on the way. The changes themselves are kept: the earliest of them that touched a column tells
//! what that column held before.

use crate::model::{Action, Change, SalesforceId};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// The net effect of a record's changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// The record is new to Salesforce.
    Insert,
    /// Some of its columns changed.
    Update,
    /// It is gone from Postgres.
    Delete,
    /// It came and went without Salesforce knowing, or so it seems: nothing to send, unless an earlier attempt
    /// to insert it ended unknown.
    Cancel,
}

/// One net operation of one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Net {
    /// The mapped table, without schema.
    pub table: String,
    /// The row's `id`.
    pub record_id: i32,
    /// The net effect.
    pub operation: Operation,
    /// The record's Salesforce id, if any of the changes knew it; the latest counts.
    pub sfid: Option<SalesforceId>,
    /// The changes it is made of, oldest first; never empty.
    pub changes: Vec<Change>,
    /// Whether the same `id` was used again for a new row, whose changes wait for the next claim.
    pub has_successor: bool,
}

impl Net {
    /// The trigger-log rows it is made of, ascending; the last one stands for the operation.
    #[must_use]
    pub fn log_ids(&self) -> Vec<i32> {
        self.changes.iter().map(|change| change.log_id).collect()
    }

    /// When the application made the latest of the changes, by the database's clock.
    #[must_use]
    pub fn changed_at(&self) -> Option<DateTime<Utc>> {
        self.changes.iter().map(|change| change.created_at).max()
    }
}

/// A claim, one net operation per record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Coalesced {
    /// What can be sent now, in the order of each record's first change.
    pub now: Vec<Net>,
    /// Log rows of rows that took the `id` of a deleted one; they wait until the deletion is through.
    pub later: Vec<i32>,
}

/// Merges the changes of one claim, given in any order, into one net operation per record.
#[must_use]
pub fn coalesce(changes: Vec<Change>) -> Coalesced {
    let mut coalesced = Coalesced::default();
    for ((table, record_id), lives) in lives(changes) {
        let mut lives = lives.into_iter();
        let Some(life) = lives.next() else { continue };
        let later: Vec<i32> = lives.flatten().map(|change| change.log_id).collect();
        let sfid = sfid_of(&life);
        coalesced.now.push(Net {
            table,
            record_id,
            operation: net_operation(&life, sfid.is_some()),
            sfid,
            changes: life,
            has_successor: !later.is_empty(),
        });
        coalesced.later.extend(later);
    }
    coalesced.now.sort_by_key(|net| net.changes.first().map(|change| change.log_id));
    coalesced.later.sort_unstable();
    coalesced
}

/// Each record's changes, oldest first, life by life: a deletion ends one, and the same `id` may begin another.
pub(super) fn lives(mut changes: Vec<Change>) -> BTreeMap<(String, i32), Vec<Vec<Change>>> {
    changes.sort_by_key(|change| change.log_id);
    let mut records: BTreeMap<(String, i32), Vec<Vec<Change>>> = BTreeMap::new();
    for change in changes {
        let lives = records.entry((change.table.clone(), change.record_id)).or_default();
        let is_over =
            |life: &Vec<Change>| life.last().is_some_and(|change| change.action == Action::Delete);
        match lives.last_mut().filter(|life| !is_over(life)) {
            Some(life) => life.push(change),
            None => lives.push(vec![change]),
        }
    }
    records
}

/// The record's id, if any of the changes knew it.
pub(super) fn sfid_of(life: &[Change]) -> Option<SalesforceId> {
    life.iter().rev().find_map(|change| change.sfid.clone())
}

pub(super) fn net_operation(life: &[Change], is_linked: bool) -> Operation {
    let ends_in = life.last().map(|change| change.action);
    let begins_with = life.first().map(|change| change.action);
    match (begins_with, ends_in) {
        (_, Some(Action::Delete)) if is_linked => Operation::Delete,
        (_, Some(Action::Delete)) => Operation::Cancel,
        (Some(Action::Insert), _) => Operation::Insert,
        _ => Operation::Update,
    }
}

#[cfg(test)]
mod tests {
    use super::{Operation, coalesce};
    use crate::model::{Action, ChangeState};
    use crate::reconcile::samples::{change, sfid};

    type Case = (&'static str, &'static [Action], bool, Operation, &'static [i32]);

    #[test]
    fn changes_of_one_record_come_to_one_operation() {
        use Action::{Delete, Insert, Update};
        #[rustfmt::skip]
        let table: [Case; 11] = [
            ("insert",                       &[Insert],                 false, Operation::Insert, &[]),
            ("insert, updates",              &[Insert, Update, Update], false, Operation::Insert, &[]),
            ("update",                       &[Update],                 true,  Operation::Update, &[]),
            ("updates",                      &[Update, Update],         true,  Operation::Update, &[]),
            ("update of an unlinked row",    &[Update],                 false, Operation::Update, &[]),
            ("update, delete",               &[Update, Delete],         true,  Operation::Delete, &[]),
            ("delete",                       &[Delete],                 true,  Operation::Delete, &[]),
            ("insert, delete",               &[Insert, Delete],         false, Operation::Cancel, &[]),
            ("insert, update, delete",       &[Insert, Update, Delete], false, Operation::Cancel, &[]),
            ("delete of an unlinked row",    &[Delete],                 false, Operation::Cancel, &[]),
            ("delete, insert of the same id", &[Delete, Insert, Update], true, Operation::Delete, &[2, 3]),
        ];
        for (case, actions, is_linked, operation, later) in table {
            let changes = (1..)
                .zip(actions)
                .map(|(log_id, action)| {
                    let mut change = change(log_id, *action);
                    change.sfid = is_linked.then(|| sfid(1));
                    change
                })
                .collect();
            let coalesced = coalesce(changes);
            assert_eq!(coalesced.now.len(), 1, "{case}");
            assert_eq!(coalesced.now[0].operation, operation, "{case}");
            assert_eq!(coalesced.later, later, "{case}");
            assert_eq!(coalesced.now[0].has_successor, !later.is_empty(), "{case}");
        }
    }

    #[test]
    fn a_parked_insert_and_its_repair_go_out_as_one_insert() {
        let mut parked = change(1, Action::Insert);
        parked.state = ChangeState::Failed;
        let repair = change(2, Action::Update);
        let coalesced = coalesce(vec![repair, parked]);
        assert_eq!(coalesced.now[0].operation, Operation::Insert);
        assert_eq!(coalesced.now[0].log_ids(), [1, 2]);
    }

    #[test]
    fn an_ignored_delete_cancels_the_unsent_insert() {
        let mut delete = change(2, Action::Delete);
        delete.state = ChangeState::Ignore;
        let coalesced = coalesce(vec![change(1, Action::Insert), delete]);
        assert_eq!(coalesced.now[0].operation, Operation::Cancel);
        assert_eq!(coalesced.now[0].log_ids(), [1, 2]);
    }

    #[test]
    fn records_keep_the_order_of_their_first_change() {
        let mut other = change(2, Action::Update);
        other.record_id = 0;
        let coalesced = coalesce(vec![change(3, Action::Update), other, change(1, Action::Update)]);
        let firsts: Vec<_> = coalesced.now.iter().map(super::Net::log_ids).collect();
        assert_eq!(firsts, [vec![1, 3], vec![2]]);
    }
}
