//! The unsent changes of records one by one, in the order in which the application made them.
//!
//! The other way beside merging them: for orgs whose triggers and processes must see every change, and those of
//! different records in their order. It costs more calls.

use super::coalesce::{Net, Operation, lives, net_operation, sfid_of};
use crate::model::{Action, Change, ChangeState};
use std::collections::BTreeSet;

/// Takes the changes of one claim, given in any order, apart into steps: one for each change, oldest first.
///
/// Two things still go together. What came and went before it was ever sent is one step, which cancels it out. And a
/// parked change goes out with the next one of its record, which builds on it: Salesforce does not hold it. Where a
/// deletion is parked, a new row with the same `id` has to wait: its changes have no steps.
#[must_use]
pub fn steps(changes: Vec<Change>) -> Vec<Net> {
    let mut steps = Vec::new();
    for ((table, record_id), lives) in lives(changes) {
        let mut lives = lives.into_iter().peekable();
        while let Some(life) = lives.next() {
            let sfid = sfid_of(&life);
            let has_successor = lives.peek().is_some();
            let is_deletion_parked = life.last().is_some_and(|last| {
                (last.action, last.state) == (Action::Delete, ChangeState::Failed)
            });
            for changes in parts(life, sfid.is_some()) {
                let ends_life = changes.last().is_some_and(|last| last.action == Action::Delete);
                steps.push(Net {
                    table: table.clone(),
                    record_id,
                    operation: net_operation(&changes, sfid.is_some()),
                    sfid: sfid.clone(),
                    changes,
                    has_successor: has_successor && ends_life,
                });
            }
            if is_deletion_parked {
                break;
            }
        }
    }
    steps.sort_by_key(|step| step.changes.last().map(|change| change.log_id));
    steps
}

fn parts(life: Vec<Change>, is_linked: bool) -> Vec<Vec<Change>> {
    if net_operation(&life, is_linked) == Operation::Cancel {
        return vec![life];
    }
    let is_parked = |change: &Change| change.state == ChangeState::Failed;
    let mut parts: Vec<Vec<Change>> = Vec::new();
    for change in life {
        match parts.last_mut().filter(|part| part.last().is_some_and(is_parked)) {
            Some(part) => part.push(change),
            None => parts.push(vec![change]),
        }
    }
    parts
}

/// Splits steps into runs that may go out together: neighbours of one table and kind, no record twice.
#[must_use]
pub fn runs(steps: Vec<Net>) -> Vec<Vec<Net>> {
    let mut runs: Vec<Vec<Net>> = Vec::new();
    let mut records = BTreeSet::new();
    for step in steps {
        let fits = runs.last().and_then(|run| run.last()).is_some_and(|last| {
            (&last.table, last.operation) == (&step.table, step.operation)
                && !records.contains(&step.record_id)
        });
        if !fits {
            records.clear();
        }
        records.insert(step.record_id);
        match runs.last_mut().filter(|_| fits) {
            Some(run) => run.push(step),
            None => runs.push(vec![step]),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::{runs, steps};
    use crate::model::Action::{Delete, Insert, Update};
    use crate::model::{Action, Change, ChangeState};
    use crate::reconcile::Net;
    use crate::reconcile::samples::{change, sfid};

    fn of(log_id: i32, record_id: i32, action: Action) -> Change {
        Change { record_id, ..change(log_id, action) }
    }

    fn linked(change: Change) -> Change {
        Change { sfid: Some(sfid(1)), ..change }
    }

    fn parked(change: Change) -> Change {
        Change { state: ChangeState::Failed, ..change }
    }

    fn written(steps: &[Net]) -> Vec<String> {
        let ids =
            |step: &Net| step.log_ids().iter().map(i32::to_string).collect::<Vec<_>>().join("+");
        steps.iter().map(|step| format!("{:?} {}", step.operation, ids(step))).collect()
    }

    type Case = (&'static str, Vec<Change>, &'static [&'static str]);

    #[test]
    fn changes_stay_apart_except_for_those_that_cancel_out_or_repair() {
        #[rustfmt::skip]
        let table: [Case; 8] = [
            ("a record's changes", vec![of(2, 1, Update), of(1, 1, Insert), of(3, 1, Update)],
                &["Insert 1", "Update 2", "Update 3"]),
            ("several records", vec![of(1, 7, Insert), of(2, 3, Insert), of(3, 7, Update)],
                &["Insert 1", "Insert 2", "Update 3"]),
            ("a deletion", vec![linked(of(1, 1, Update)), linked(of(2, 1, Delete))],
                &["Update 1", "Delete 2"]),
            ("came and went unsent", vec![of(1, 1, Insert), of(2, 2, Insert), of(3, 1, Update), of(4, 1, Delete)],
                &["Insert 2", "Cancel 1+3+4"]),
            ("deleted, the id used again", vec![linked(of(1, 1, Delete)), of(2, 1, Insert), of(3, 1, Update)],
                &["Delete 1", "Insert 2", "Update 3"]),
            ("a repair takes what was parked along", vec![parked(of(1, 1, Insert)), of(2, 1, Update), of(3, 1, Update)],
                &["Insert 1+2", "Update 3"]),
            ("a deletion takes what was parked along", vec![parked(linked(of(1, 1, Update))), linked(of(2, 1, Delete))],
                &["Delete 1+2"]),
            ("behind a parked deletion a new row with its id waits", vec![parked(linked(of(1, 1, Delete))), of(2, 1, Insert)],
                &["Delete 1"]),
        ];
        for (case, changes, expected) in table {
            assert_eq!(written(&steps(changes)), expected, "{case}");
        }
    }

    #[test]
    fn every_step_knows_the_record_and_only_the_deletion_its_successor() {
        let changes = vec![of(1, 1, Update), linked(of(2, 1, Delete)), of(3, 1, Insert)];
        let steps = steps(changes);
        let known: Vec<_> =
            steps.iter().map(|step| (step.sfid.is_some(), step.has_successor)).collect();
        assert_eq!(known, [(true, false), (true, true), (false, false)]);
    }

    #[test]
    fn neighbours_of_a_kind_travel_together_and_no_record_twice() {
        let in_table = |table: &str, change: Change| Change { table: table.to_owned(), ..change };
        let changes = vec![
            in_table("a", of(1, 1, Insert)),
            in_table("a", of(2, 2, Insert)),
            in_table("b", of(3, 1, Insert)),
            in_table("a", of(4, 3, Insert)),
            in_table("a", of(5, 1, Update)),
            in_table("a", of(6, 2, Update)),
            in_table("a", of(7, 1, Update)),
        ];
        let runs: Vec<_> = runs(steps(changes)).iter().map(|run| written(run)).collect();
        let expected: [&[&str]; 5] = [
            &["Insert 1", "Insert 2"],
            &["Insert 3"],
            &["Insert 4"],
            &["Update 5", "Update 6"],
            &["Update 7"],
        ];
        assert_eq!(runs, expected);
    }
}
