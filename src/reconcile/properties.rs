//! Properties of reconciliation over arbitrary values and histories.

use super::samples::{contact, moment, remote, sfid, text};
use super::{
    Attempt, Decision, Known, Net, Operation, Remote, Resolved, Step, coalesce, reconcile_update,
};
use crate::mapping::{ConflictPolicy, Mapping};
use crate::model::{Action, RemoteRecord, Value};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest, sample::select};
use std::collections::BTreeMap;

/// Few values, so that they meet.
fn value() -> impl Strategy<Value = Value> {
    select(vec![Value::Null, text("A"), text("B"), text("C")])
}

fn policy() -> impl Strategy<Value = ConflictPolicy> {
    use ConflictPolicy::{Newest, PostgresWins, SalesforceWins};
    select(vec![SalesforceWins, PostgresWins, Newest])
}

fn wish(field: usize) -> impl Strategy<Value = Resolved> {
    let base = prop_oneof![value().prop_map(Some), value().prop_map(|_| None)];
    (value(), base, 90_i64..110).prop_map(move |(local, base, at)| Resolved {
        field,
        local,
        base,
        changed_at: moment(at),
    })
}

fn attempt() -> impl Strategy<Value = Attempt> {
    (value(), value(), any::<bool>()).prop_map(|(last_name, email, is_unresolved)| Attempt {
        values: BTreeMap::from([("LastName".to_owned(), last_name), ("Email".to_owned(), email)]),
        is_unresolved,
    })
}

fn mapping() -> impl Strategy<Value = Mapping> {
    (policy(), policy()).prop_map(|(first, second)| {
        let mut mapping = contact();
        mapping.fields[0].conflict = first;
        mapping.fields[1].conflict = second;
        mapping
    })
}

/// What both sides hold once the decision is carried out: the record and the row's wishes.
fn carry_out(
    decision: &Decision,
    record: &RemoteRecord,
    wishes: &[Resolved],
) -> (RemoteRecord, Vec<Resolved>) {
    let mut record = record.clone();
    if let Step::Update(_, values) = &decision.step {
        for (field, value) in values {
            record.values[*field] = value.clone();
        }
    }
    let mut wishes = wishes.to_vec();
    for (field, value) in &decision.adopt {
        for wish in wishes.iter_mut().filter(|wish| wish.field == *field) {
            wish.local = value.clone();
        }
    }
    (record, wishes)
}

proptest! {
    #[test]
    fn carrying_out_a_decision_leaves_nothing_to_decide(
        mapping in mapping(),
        wishes in (wish(0), wish(1)).prop_map(|(a, b)| vec![a, b]),
        values in (value(), value()),
        attempts in vec(attempt(), 0..3),
    ) {
        let record = remote(values.0, values.1);
        let decide = |record: &RemoteRecord, wishes: &[Resolved]| {
            reconcile_update(&mapping, &sfid(1), wishes, Remote::Live(record), Known { attempts: &attempts, ..Known::default() })
        };
        let decision = decide(&record, &wishes);
        prop_assert_eq!(&decide(&record, &wishes), &decision, "the same facts, the same decision");

        let (record, wishes) = carry_out(&decision, &record, &wishes);
        let again = decide(&record, &wishes);
        prop_assert!(matches!(again.step, Step::Settle(_)));
        prop_assert!(again.adopt.is_empty() && again.conflicts.is_empty());
        for wish in &wishes {
            prop_assert_eq!(&wish.local, &record.values[wish.field], "both sides are equal");
        }
    }

    #[test]
    fn every_losing_value_is_logged(
        mapping in mapping(),
        wish in wish(0),
        remote_value in value(),
    ) {
        let record = remote(remote_value.clone(), Value::Null);
        let wishes = [wish.clone()];
        let decision =
            reconcile_update(&mapping, &sfid(1), &wishes, Remote::Live(&record), Known::default());
        let is_overruled = !decision.adopt.is_empty() && wish.base.as_ref() != Some(&wish.local);
        let overrules = matches!(decision.step, Step::Update(..))
            && wish.base.as_ref().map_or(!remote_value.is_null(), |base| *base != remote_value);
        prop_assert_eq!(decision.conflicts.len(), usize::from(is_overruled || overrules));
    }

    #[test]
    fn no_change_of_a_claim_is_lost_and_none_counts_twice(
        actions in vec(select(vec![Action::Insert, Action::Update, Action::Delete]), 0..12),
        records in vec(0_i32..3, 12),
    ) {
        let changes: Vec<_> = (1..)
            .zip(&actions)
            .zip(&records)
            .map(|((log_id, action), record_id)| {
                let mut change = super::samples::change(log_id, *action);
                change.record_id = *record_id;
                change
            })
            .collect();
        let coalesced = coalesce(changes.clone());
        let mut log_ids: Vec<i32> = coalesced.now.iter().flat_map(Net::log_ids).collect();
        log_ids.extend(&coalesced.later);
        log_ids.sort_unstable();
        prop_assert_eq!(log_ids, changes.iter().map(|change| change.log_id).collect::<Vec<_>>());
        for net in &coalesced.now {
            let is_gone = matches!(net.operation, Operation::Delete | Operation::Cancel);
            let ends_in_delete =
                net.changes.last().is_some_and(|change| change.action == Action::Delete);
            prop_assert_eq!(is_gone, ends_in_delete);
        }
    }
}
