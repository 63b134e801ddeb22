//! Conflicts that a person decides: what was asked, and what the answer is worth by now.

use super::decide::{Conflict, Decision, Step};
use super::merge::Winner;
use crate::mapping::Field;
use crate::model::Value;

/// A person's decision about a conflict that was shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// The field's API name.
    pub field: String,
    /// The row's value that was shown; null for a row that is deleted.
    pub local: Value,
    /// The record's value that was shown.
    pub remote: Value,
    /// Whose value stays: the row's or the record's.
    pub winner: Winner,
}

/// What a person has decided about this conflict, unless the side that is to be overruled holds another value since: that
/// one was never shown.
pub(super) fn decision_about(
    decided: &[Decided],
    field: &Field,
    local: &Value,
    remote: &Value,
) -> Option<Winner> {
    let decided = decided.iter().find(|decided| decided.field == field.name)?;
    let is_as_shown = match decided.winner {
        Winner::Postgres => decided.remote == *remote,
        _ => decided.local == *local,
    };
    is_as_shown.then_some(decided.winner)
}

/// What is asked where a person has yet to decide something: then nothing is done about the record.
pub(super) fn question(conflicts: &[Conflict]) -> Option<Decision> {
    let undecided = conflicts.iter().filter(|conflict| conflict.winner == Winner::Undecided);
    let conflicts: Vec<Conflict> = undecided.cloned().collect();
    (!conflicts.is_empty()).then(|| Decision { step: Step::Ask, adopt: Vec::new(), conflicts })
}

#[cfg(test)]
mod tests {
    use super::Decided;
    use super::Winner::{self, Postgres, Salesforce};
    use crate::mapping::{ConflictPolicy, Mapping};
    use crate::model::Value;
    use crate::reconcile::samples::{contact, moment, remote, sfid, text};
    use crate::reconcile::{
        Deletion, Known, Past, Remote, Repeats, Resolved, Step, freeze, reconcile_delete,
        reconcile_update,
    };
    use std::collections::BTreeMap;

    /// Contacts of whose last name a person decides.
    fn asking() -> Mapping {
        let mut mapping = contact();
        mapping.fields[0].conflict = ConflictPolicy::Manual;
        mapping
    }

    fn wish(field: usize, base: &str, local: &str) -> Resolved {
        Resolved { field, local: text(local), base: Some(text(base)), changed_at: moment(100) }
    }

    fn decided(local: Value, remote: &str, winner: Winner) -> Decided {
        Decided { field: "LastName".to_owned(), local, remote: text(remote), winner }
    }

    #[test]
    fn a_record_that_a_person_is_asked_about_is_left_alone_on_both_sides_with_all_its_fields() {
        let record = remote(text("X"), text("theirs"));
        let wishes = [wish(0, "A", "B"), wish(1, "a", "b")];
        let ours = Step::Update(sfid(1), vec![(0, text("B"))]);
        let theirs = Step::Settle("overruled: Salesforce's values stay");
        #[rustfmt::skip]
        let table = [
            // decided                                      step,           adopted, conflicts
            (vec![],                                        Step::Ask,      0,       1),
            (vec![decided(text("B"), "X", Postgres)],       ours.clone(),   1,       2),
            (vec![decided(text("old"), "X", Postgres)],     ours,           1,       2),
            (vec![decided(text("B"), "old", Postgres)],     Step::Ask,      0,       1),
            (vec![decided(text("B"), "X", Salesforce)],     theirs.clone(), 2,       2),
            (vec![decided(text("B"), "old", Salesforce)],   theirs,         2,       2),
            (vec![decided(text("old"), "X", Salesforce)],   Step::Ask,      0,       1),
        ];
        for (decided, step, adopted, conflicts) in table {
            let live = Remote::Live(&record);
            let decision = reconcile_update(
                &asking(),
                &sfid(1),
                &wishes,
                live,
                Known { decided: &decided, ..Known::default() },
            );
            let past = Past { attempts: &[], repeats: &Repeats::default() };
            let decision = freeze(&asking(), &wishes, &record, past, decision);
            assert_eq!(decision.step, step, "{decided:?}");
            let found = (decision.adopt.len(), decision.conflicts.len());
            assert_eq!(found, (adopted, conflicts), "{decided:?}");
        }
    }

    #[test]
    fn a_person_is_asked_about_a_deletion_that_meets_an_edit() {
        let record = remote(text("X"), Value::Null);
        #[rustfmt::skip]
        let table = [
            // decided                                    id in use again, step
            (vec![],                                      false, Step::Ask),
            (vec![decided(Value::Null, "X", Postgres)],   false, Step::Delete(sfid(1))),
            (vec![decided(Value::Null, "old", Postgres)], false, Step::Ask),
            (vec![decided(Value::Null, "X", Salesforce)], false, Step::Restore),
            (vec![],                                      true,  Step::Delete(sfid(1))),
        ];
        for (decided, has_successor, step) in table {
            let before = BTreeMap::from([("lastname".to_owned(), text("A"))]);
            let deletion = Deletion { sfid: sfid(1), before, has_successor };
            let live = Remote::Live(&record);
            let decision = reconcile_delete(
                &asking(),
                &deletion,
                live,
                Known { decided: &decided, ..Known::default() },
            );
            assert_eq!(decision.step, step, "{decided:?}");
        }
    }
}
