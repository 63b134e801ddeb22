//! The parents at which records were refused for a lock, of late.
//!
//! Salesforce locks a record's parents while it writes it; calls on one parent lock each other out. A parent that met this
//! once gets one call at a time for a while. What is known is lost with the process: the next refusal tells it again.

use super::outcome::{Answer, Outgoing};
use crate::mapping::{Field, Mapping};
use crate::model::to_csv;
use crate::reconcile::is_lock;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So long after its last lock a parent gets one call at a time.
const REMEMBERED_FOR: TimeDelta = TimeDelta::minutes(10);

/// So many parents are remembered; of more, the latest.
const PARENTS_MAX: usize = 10_000;

/// The characters of an id without its check characters, as messages often have it.
const SHORT_ID: usize = 15;

/// What everybody refers to and nobody locks by writing a child.
const NEVER_LOCKED: [&str; 6] =
    ["User", "Group", "RecordType", "Profile", "UserRole", "Organization"];

/// Parents that were locked, by their id. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Locks {
    at: Arc<Mutex<HashMap<String, DateTime<Utc>>>>,
}

impl Locks {
    /// Notes the parents of those records that were refused for a lock.
    pub(super) fn note<'a>(
        &self,
        mapping: &Mapping,
        answers: impl Iterator<Item = (&'a Outgoing, &'a Answer)>,
        now: DateTime<Utc>,
    ) {
        let locked: BTreeSet<String> =
            answers.flat_map(|(outgoing, answer)| locked(mapping, outgoing, answer)).collect();
        if locked.is_empty() {
            return;
        }
        let mut at = self.lock();
        at.retain(|_, at| now - *at < REMEMBERED_FOR);
        at.extend(locked.into_iter().map(|parent| (parent, now)));
        if at.len() > PARENTS_MAX {
            let mut times: Vec<DateTime<Utc>> = at.values().copied().collect();
            times.sort_unstable();
            let oldest = times.get(at.len() - PARENTS_MAX).copied();
            at.retain(|_, at| Some(*at) >= oldest);
        }
    }

    /// The parents that were locked of late.
    pub(super) fn parents(&self, now: DateTime<Utc>) -> BTreeSet<String> {
        let at = self.lock();
        at.iter()
            .filter(|(_, at)| now - **at < REMEMBERED_FOR)
            .map(|(parent, _)| parent.clone())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, DateTime<Utc>>> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ids of the parents that the record is given, in the order of the fields.
pub(super) fn parents(mapping: &Mapping, outgoing: &Outgoing) -> Vec<String> {
    let may_be_locked = |field: &Field| {
        field.reference_to.iter().any(|object| !NEVER_LOCKED.contains(&object.as_str()))
    };
    let mut given: Vec<(usize, String)> = outgoing
        .values
        .iter()
        .filter(|(field, value)| {
            !value.is_null() && mapping.fields.get(*field).is_some_and(may_be_locked)
        })
        .map(|(field, value)| (*field, to_csv(value)))
        .collect();
    given.sort_unstable();
    given.into_iter().map(|(_, parent)| parent).collect()
}

/// The parents that an answer says are locked: those that its words name, or else all of the record's.
fn locked(mapping: &Mapping, outgoing: &Outgoing, answer: &Answer) -> Vec<String> {
    let Answer::Refused(refusal) = answer else { return Vec::new() };
    if !is_lock(&refusal.code, &refusal.message) {
        return Vec::new();
    }
    let mut parents = parents(mapping, outgoing);
    let is_named = |parent: &String| {
        parent.get(..SHORT_ID).is_some_and(|short| refusal.message.contains(short))
    };
    if parents.iter().any(is_named) {
        parents.retain(is_named);
    }
    parents
}

#[cfg(test)]
mod tests {
    use super::{Locks, PARENTS_MAX, REMEMBERED_FOR};
    use crate::mapping::Mapping;
    use crate::model::Action;
    use crate::reconcile::RecordRef;
    use crate::reconcile::samples::{contact, moment, text};
    use crate::salesforce::RowError;
    use crate::sync::push::outcome::{Answer, Outgoing};
    use chrono::TimeDelta;

    const ACCOUNT: &str = "001000000000001AAA";
    const OTHER: &str = "001000000000002AAA";
    const OWNER: &str = "005000000000001AAA";

    /// Contacts that refer to an account, to another one, and to their owner.
    fn mapping() -> Mapping {
        let mut mapping = contact();
        for (position, object) in [(0, "User"), (1, "Account")] {
            mapping.fields[position].reference_to = vec![object.to_owned()];
        }
        mapping
    }

    fn child(parents: &[(usize, &str)]) -> Outgoing {
        Outgoing {
            record: RecordRef { table: "contact".to_owned(), record_id: 1 },
            log_ids: vec![1],
            action: Action::Insert,
            sfid: None,
            key: None,
            values: parents.iter().map(|(field, id)| (*field, text(id))).collect(),
            adopt: Vec::new(),
            conflicts: Vec::new(),
            lastop: "INSERTED",
            tries: 0,
            doubts: 0,
            later: Vec::new(),
            is_part: false,
            seen: None,
        }
    }

    fn refused(code: &str, message: &str) -> Answer {
        let (code, message) = (code.to_owned(), message.to_owned());
        Answer::Refused(RowError { code, message, fields: Vec::new() })
    }

    #[test]
    fn a_lock_concerns_the_parents_that_are_named_or_else_all_but_owners() {
        let child = child(&[(0, OWNER), (1, OTHER), (2, ACCOUNT)]);
        let named =
            "unable to obtain exclusive access to this record or 1 records: 001000000000001";
        #[rustfmt::skip]
        let table: [(&str, &str, &[&str]); 5] = [
            ("UNABLE_TO_LOCK_ROW",                   "",                             &[ACCOUNT, OTHER]),
            ("UNABLE_TO_LOCK_ROW",                   named,                          &[ACCOUNT]),
            ("UNABLE_TO_LOCK_ROW",                   "or 1 records: 005000000000009", &[ACCOUNT, OTHER]),
            ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "caused by: UNABLE_TO_LOCK_ROW", &[ACCOUNT, OTHER]),
            ("STRING_TOO_LONG",                      named,                          &[]),
        ];
        for (code, message, expected) in table {
            let locks = Locks::default();
            locks.note(&mapping(), [(&child, &refused(code, message))].into_iter(), moment(0));
            let found: Vec<String> = locks.parents(moment(1)).into_iter().collect();
            assert_eq!(found, expected, "{code} {message}");
        }
    }

    #[test]
    fn a_parent_that_met_no_lock_for_a_while_is_like_any_other() {
        let locks = Locks::default();
        let (child, answer) = (child(&[(2, ACCOUNT)]), refused("UNABLE_TO_LOCK_ROW", ""));
        locks.note(&contact(), [(&child, &answer)].into_iter(), moment(0));
        let over = moment(0) + REMEMBERED_FOR;
        assert_eq!(locks.parents(over - TimeDelta::seconds(1)).len(), 1);
        assert!(locks.parents(over).is_empty());
    }

    #[test]
    fn of_very_many_parents_the_latest_are_remembered() {
        let locks = Locks::default();
        let answer = refused("UNABLE_TO_LOCK_ROW", "");
        let children: Vec<Outgoing> =
            (0..=PARENTS_MAX).map(|n| child(&[(2, &format!("001{n:012}AAA"))])).collect();
        for (second, child) in (0..).zip(children.iter().map(Some).chain([None])) {
            if let Some(child) = child {
                // Looking is what costs, not noting.
                locks
                    .lock()
                    .insert(super::parents(&contact(), child).remove(0), moment(second / 100));
            }
        }
        locks.note(&contact(), [(&children[0], &answer)].into_iter(), moment(200));
        assert!(locks.parents(moment(200)).len() <= PARENTS_MAX + 100);
        assert!(locks.parents(moment(200)).contains("001000000000000AAA"));
    }
}
