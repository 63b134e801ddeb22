//! What becomes of one record: its merged wishes against what Salesforce holds.

use super::ask::{Decided, decision_about, question};
use super::merge::{Facts, Ours, Resolution, Winner, merge_field};
use super::values::{FieldValues, Resolved};
use crate::mapping::{ConflictPolicy, Field, Mapping};
use crate::model::{RemoteRecord, SalesforceId, Value};
use std::collections::BTreeMap;

/// The record as Salesforce holds it.
#[derive(Clone, Copy, Debug)]
pub enum Remote<'a> {
    /// Nobody looked: the decision must not depend on it.
    NotAsked,
    /// It is deleted, or not there.
    Gone,
    /// It is there.
    Live(&'a RemoteRecord),
}

/// What we once sent for a record, from the journal. Refused attempts do not count: they wrote nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// The values sent, by the field's API name.
    pub values: BTreeMap<String, Value>,
    /// Whether its answer never came.
    pub is_unresolved: bool,
}

/// What is known of a record beside what both sides hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// Everything that was or may have been written.
    pub attempts: &'a [Attempt],
    /// What a person has decided about its conflicts.
    pub decided: &'a [Decided],
}

/// A row that the application deleted.
#[derive(Clone, Debug, PartialEq)]
pub struct Deletion {
    /// The record's id.
    pub sfid: SalesforceId,
    /// The row as it was before the record's unsent changes, by column.
    pub before: BTreeMap<String, Value>,
    /// Whether a new row has taken the `id` since.
    pub has_successor: bool,
}

/// A field that both sides changed, or a record that one side deleted and the other edited.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// The field's API name; `IsDeleted` where the deletion itself is in question.
    pub field: String,
    /// The value both started from; null where it is not known.
    pub base: Value,
    /// The row's value.
    pub local: Value,
    /// The record's value.
    pub remote: Value,
    /// The policy that decided.
    pub policy: ConflictPolicy,
    /// The side whose value stays.
    pub winner: Winner,
}

/// What to do about a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Nothing needs to be sent; the text says why, for the archive.
    Settle(&'static str),
    /// Create it with these values, or find it by its key.
    Insert(FieldValues),
    /// Write these values.
    Update(SalesforceId, FieldValues),
    /// Create it anew from the whole row: it was deleted in Salesforce while the application edited it.
    Recreate,
    /// Delete it.
    Delete(SalesforceId),
    /// It is gone already, as the application wants it.
    AlreadyDeleted,
    /// Bring the row back: Salesforce's record was edited while the application deleted the row.
    Restore,
    /// Do nothing on either side until a person has decided the conflicts.
    Ask,
}

/// The answer for one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What to do.
    pub step: Step,
    /// Remote values to write into the row.
    pub adopt: FieldValues,
    /// Conflicts to log.
    pub conflicts: Vec<Conflict>,
}

impl Decision {
    fn only(step: Step) -> Self {
        Self { step, adopt: Vec::new(), conflicts: Vec::new() }
    }
}

/// Decides an insert of a record that Salesforce does not have.
#[must_use]
pub fn reconcile_insert(wishes: Vec<Resolved>) -> Decision {
    let values = wishes.into_iter().map(|wish| (wish.field, wish.local)).collect();
    Decision::only(Step::Insert(values))
}

/// Decides an update, field by field. `sfid` is the record's id.
///
/// An update of a record that Salesforce deleted wins over the deletion.
#[must_use]
pub fn reconcile_update(
    mapping: &Mapping,
    sfid: &SalesforceId,
    wishes: &[Resolved],
    remote: Remote<'_>,
    known: Known<'_>,
) -> Decision {
    match remote {
        _ if wishes.is_empty() => Decision::only(Step::Settle("no mapped column changed")),
        Remote::NotAsked => {
            let values = wishes.iter().map(|wish| (wish.field, wish.local.clone())).collect();
            Decision::only(Step::Update(sfid.clone(), values))
        }
        Remote::Gone => Decision {
            step: Step::Recreate,
            adopt: Vec::new(),
            conflicts: wishes
                .iter()
                .filter_map(|wish| mapping.fields.get(wish.field))
                .take(1)
                .map(|field| deletion_conflict(field, Winner::Postgres))
                .collect(),
        },
        Remote::Live(record) => merge_record(mapping, wishes, record, known).decision(record),
    }
}

/// Decides an insert of a row for which Salesforce has this record already: the row takes it over.
///
/// What both sides have is decided as for an update. What only the record has comes into the row, unless an
/// attempt of ours put it there and the application has emptied it since.
#[must_use]
pub fn reconcile_found(
    mapping: &Mapping,
    wishes: &[Resolved],
    record: &RemoteRecord,
    known: Known<'_>,
) -> Decision {
    let mut merged = merge_record(mapping, wishes, record, known);
    let fields = mapping.fields.iter().zip(&record.values).enumerate();
    for (position, (field, remote)) in fields {
        let is_wished = wishes.iter().any(|wish| wish.field == position);
        if is_wished || remote.is_null() || is_unreadable(remote) || !field.direction.pulls() {
            continue;
        }
        if is_compared(field) && ours(field, remote, known.attempts) != Ours::No {
            merged.send.push((position, Value::Null));
        } else {
            merged.adopt.push((position, remote.clone()));
        }
    }
    merged.decision(record)
}

/// Decides a deletion.
///
/// An edit in Salesforce of a field that both sides may write wins over the deletion, unless the row's `id` is
/// in use again: then there is no place to bring it back to. Where a person is to decide about such a field, it is the
/// deletion that is decided.
#[must_use]
pub fn reconcile_delete(
    mapping: &Mapping,
    deletion: &Deletion,
    remote: Remote<'_>,
    known: Known<'_>,
) -> Decision {
    let delete = Step::Delete(deletion.sfid.clone());
    let record = match remote {
        Remote::NotAsked => return Decision::only(delete),
        Remote::Gone => return Decision::only(Step::AlreadyDeleted),
        Remote::Live(record) => record,
    };
    let winner = |field: &Field, remote: &Value| match field.conflict {
        _ if deletion.has_successor => Winner::Postgres,
        ConflictPolicy::Manual => {
            decision_about(known.decided, field, &Value::Null, remote).unwrap_or(Winner::Undecided)
        }
        _ => Winner::Salesforce,
    };
    let conflicts: Vec<Conflict> = mapping
        .fields
        .iter()
        .zip(&record.values)
        .filter(|(field, _)| is_compared(field))
        .filter_map(|(field, remote)| {
            let base = deletion.before.get(&field.column)?;
            let is_edited = base != remote && ours(field, remote, known.attempts) == Ours::No;
            is_edited.then(|| Conflict {
                field: field.name.clone(),
                base: base.clone(),
                local: Value::Null,
                remote: remote.clone(),
                policy: field.conflict,
                winner: winner(field, remote),
            })
        })
        .collect();
    if let Some(question) = question(&conflicts) {
        return question;
    }
    let is_deleted = conflicts.iter().all(|conflict| conflict.winner == Winner::Postgres);
    let step = if is_deleted { delete } else { Step::Restore };
    Decision { step, adopt: Vec::new(), conflicts }
}

/// Whether a field's remote value matters before it is overwritten.
#[must_use]
pub fn is_compared(field: &Field) -> bool {
    field.direction.pulls() && field.direction.pushes() && field.updateable
}

/// What the fields of a record come to.
#[derive(Default)]
struct Merged {
    send: FieldValues,
    adopt: FieldValues,
    conflicts: Vec<Conflict>,
}

impl Merged {
    fn decision(self, record: &RemoteRecord) -> Decision {
        let Self { send, adopt, conflicts } = self;
        if let Some(question) = question(&conflicts) {
            return question;
        }
        let step = match (send.is_empty(), adopt.is_empty()) {
            (false, _) => Step::Update(record.id.clone(), send),
            (true, false) => Step::Settle("overruled: Salesforce's values stay"),
            (true, true) => Step::Settle("Salesforce already holds these values"),
        };
        Decision { step, adopt, conflicts }
    }
}

fn merge_record(
    mapping: &Mapping,
    wishes: &[Resolved],
    record: &RemoteRecord,
    known: Known<'_>,
) -> Merged {
    let after_unknown = known.attempts.iter().any(|attempt| attempt.is_unresolved);
    let mut merged = Merged::default();
    for wish in wishes {
        let (Some(field), Some(remote)) =
            (mapping.fields.get(wish.field), record.values.get(wish.field))
        else {
            continue;
        };
        if !is_compared(field) {
            if &wish.local != remote {
                merged.send.push((wish.field, wish.local.clone()));
            }
            continue;
        }
        let resolution = merge_field(&Facts {
            base: wish.base.as_ref(),
            local: &wish.local,
            remote,
            ours: ours(field, remote, known.attempts),
            was_sent: known.attempts.iter().any(|attempt| attempt.values.contains_key(&field.name)),
            local_at: wish.changed_at,
            remote_at: record.system_modstamp,
            after_unknown,
            policy: field.conflict,
            decided: decision_about(known.decided, field, &wish.local, remote),
        });
        if let Resolution::Conflict(winner) = resolution {
            merged.conflicts.push(field_conflict(field, wish, remote, winner));
        }
        match resolution {
            Resolution::Equal | Resolution::Conflict(Winner::Neither | Winner::Undecided) => {}
            Resolution::Push | Resolution::Conflict(Winner::Postgres) => {
                merged.send.push((wish.field, wish.local.clone()));
            }
            // What the row cannot hold stays in Salesforce, and is reported by the reading that found it.
            Resolution::Adopt | Resolution::Conflict(Winner::Salesforce)
                if is_unreadable(remote) => {}
            Resolution::Adopt | Resolution::Conflict(Winner::Salesforce) => {
                merged.adopt.push((wish.field, remote.clone()));
            }
        }
    }
    merged
}

fn is_unreadable(value: &Value) -> bool {
    matches!(value, Value::Unreadable(_))
}

fn field_conflict(field: &Field, wish: &Resolved, remote: &Value, winner: Winner) -> Conflict {
    Conflict {
        field: field.name.clone(),
        base: wish.base.clone().unwrap_or(Value::Null),
        local: wish.local.clone(),
        remote: remote.clone(),
        policy: field.conflict,
        winner,
    }
}

fn deletion_conflict(edited: &Field, winner: Winner) -> Conflict {
    Conflict {
        field: "IsDeleted".to_owned(),
        base: Value::Bool(false),
        local: Value::Bool(false),
        remote: Value::Bool(true),
        policy: edited.conflict,
        winner,
    }
}

fn ours(field: &Field, remote: &Value, attempts: &[Attempt]) -> Ours {
    attempts
        .iter()
        .filter(|attempt| attempt.values.get(&field.name) == Some(remote))
        .map(|attempt| if attempt.is_unresolved { Ours::Unresolved } else { Ours::Settled })
        .fold(Ours::No, |so_far, next| match (so_far, next) {
            (Ours::Unresolved, _) | (_, Ours::Unresolved) => Ours::Unresolved,
            _ => next,
        })
}

#[cfg(test)]
mod tests {
    use super::{
        Attempt, Deletion, Known, Remote, Step, Winner, reconcile_delete, reconcile_update,
    };
    use crate::mapping::{ConflictPolicy, Direction};
    use crate::model::Value;
    use crate::reconcile::Resolved;
    use crate::reconcile::samples::{contact, moment, remote, sfid, text};
    use std::collections::BTreeMap;

    fn wish(field: usize, base: &str, local: &str) -> Resolved {
        Resolved { field, local: text(local), base: Some(text(base)), changed_at: moment(100) }
    }

    fn attempt(last_name: &str, is_unresolved: bool) -> Attempt {
        let values = BTreeMap::from([("LastName".to_owned(), text(last_name))]);
        Attempt { values, is_unresolved }
    }

    #[test]
    fn different_fields_changed_on_both_sides_both_survive() {
        let record = remote(text("A"), text("theirs"));
        let decision = reconcile_update(
            &contact(),
            &sfid(1),
            &[wish(0, "A", "B")],
            Remote::Live(&record),
            Known::default(),
        );
        assert_eq!(decision.step, Step::Update(sfid(1), vec![(0, text("B"))]));
        assert!(decision.adopt.is_empty() && decision.conflicts.is_empty());
    }

    #[test]
    fn a_conflict_sends_the_one_field_and_adopts_the_other() {
        let mut mapping = contact();
        mapping.fields[1].conflict = ConflictPolicy::PostgresWins;
        let record = remote(text("X"), text("y"));
        let wishes = [wish(0, "A", "B"), wish(1, "a", "b")];
        let decision =
            reconcile_update(&mapping, &sfid(1), &wishes, Remote::Live(&record), Known::default());
        assert_eq!(decision.step, Step::Update(sfid(1), vec![(1, text("b"))]));
        assert_eq!(decision.adopt, [(0, text("X"))]);
        let winners: Vec<_> = decision.conflicts.iter().map(|c| (&*c.field, c.winner)).collect();
        assert_eq!(winners, [("LastName", Winner::Salesforce), ("Email", Winner::Postgres)]);
        assert_eq!(decision.conflicts[0].base, text("A"));
        assert_eq!(decision.conflicts[0].local, text("B"));
        assert_eq!(decision.conflicts[0].remote, text("X"));
    }

    #[test]
    fn updates_meet_what_salesforce_holds() {
        use Step::{Recreate, Settle};
        let edited = remote(text("X"), Value::Null);
        let same = remote(text("B"), Value::Null);
        let update = Step::Update(sfid(1), vec![(0, text("B"))]);
        #[rustfmt::skip]
        let table = [
            ("not asked",                  Remote::NotAsked,      vec![],                     update.clone(),                                  0),
            ("deleted there",              Remote::Gone,          vec![],                     Recreate,                                        1),
            ("already equal",              Remote::Live(&same),   vec![],                     Settle("Salesforce already holds these values"), 0),
            ("edited there",               Remote::Live(&edited), vec![],                     Settle("overruled: Salesforce's values stay"),   1),
            ("an accepted write of ours",  Remote::Live(&edited), vec![attempt("X", false)],  update.clone(),                                  0),
            ("a lost write of ours",       Remote::Live(&edited), vec![attempt("X", true)],   update.clone(),                                  0),
            ("edited after a lost write",  Remote::Live(&edited), vec![attempt("Y", true)],   Settle("overruled: Salesforce's values stay"),   1),
        ];
        for (case, remote, attempts, step, conflicts) in table {
            let decision = reconcile_update(
                &contact(),
                &sfid(1),
                &[wish(0, "A", "B")],
                remote,
                Known { attempts: &attempts, ..Known::default() },
            );
            assert_eq!(decision.step, step, "{case}");
            assert_eq!(decision.conflicts.len(), conflicts, "{case}");
        }
    }

    #[test]
    fn a_field_that_is_never_read_back_is_sent_without_asking_whose_it_is() {
        let mut mapping = contact();
        mapping.fields[0].direction = Direction::ToSalesforce;
        let record = remote(text("X"), Value::Null);
        let decision = reconcile_update(
            &mapping,
            &sfid(1),
            &[wish(0, "A", "B")],
            Remote::Live(&record),
            Known::default(),
        );
        assert_eq!(decision.step, Step::Update(sfid(1), vec![(0, text("B"))]));
        assert!(decision.conflicts.is_empty());
    }

    #[test]
    fn a_delete_yields_to_an_edit() {
        use Step::{AlreadyDeleted, Delete, Restore};
        let same = remote(text("A"), text("not captured"));
        let edited = remote(text("X"), Value::Null);
        let delete = Delete(sfid(1));
        #[rustfmt::skip]
        let table = [
            ("not asked",               Remote::NotAsked,      false, vec![],                    delete.clone(),  0),
            ("gone",                    Remote::Gone,          false, vec![],                    AlreadyDeleted,  0),
            ("unchanged",               Remote::Live(&same),   false, vec![],                    delete.clone(),  0),
            ("edited",                  Remote::Live(&edited), false, vec![],                    Restore,         1),
            ("edited, id in use again", Remote::Live(&edited), true,  vec![],                    delete.clone(),  1),
            ("our own write",           Remote::Live(&edited), false, vec![attempt("X", false)], delete.clone(),  0),
        ];
        for (case, remote, has_successor, attempts, step, conflicts) in table {
            let before = BTreeMap::from([("lastname".to_owned(), text("A"))]);
            let deletion = Deletion { sfid: sfid(1), before, has_successor };
            let decision = reconcile_delete(
                &contact(),
                &deletion,
                remote,
                Known { attempts: &attempts, ..Known::default() },
            );
            assert_eq!(decision.step, step, "{case}");
            assert_eq!(decision.conflicts.len(), conflicts, "{case}");
        }
    }

    #[test]
    fn an_update_without_mapped_columns_is_settled() {
        let decision = reconcile_update(&contact(), &sfid(1), &[], Remote::Gone, Known::default());
        assert!(matches!(decision.step, Step::Settle(_)));
    }
}
