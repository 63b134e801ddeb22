//! A field that both sides keep undoing: automation in Salesforce puts its value back as often as ours arrives.
//!
//! Left alone that goes on for ever, at the price of a write per poll, and nobody hears of it. A field whose value was
//! sent often, in quick succession, and never holds, is frozen instead: each side keeps what it has, the record's other
//! fields go on, and a person is told. Any other value is sent at once, the same one again after a day.

use super::decide::{Attempt, Conflict, Decision, Step, is_compared};
use super::merge::Winner;
use super::values::Resolved;
use crate::mapping::Mapping;
use crate::model::{RemoteRecord, Value};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;

/// So often the same value is sent before the field is frozen; the past of a record that was sent less often does not
/// matter here. Fields that order something, which an application sets and automation resets, are seldom used that often
/// for one record.
pub const UNDONE_MAX: usize = 10;
/// Writes further apart are no quick succession, and cost little.
const APART_MAX: TimeDelta = TimeDelta::minutes(15);
/// After this time without a write the value gets another chance.
const FROZEN_FOR: TimeDelta = TimeDelta::days(1);

/// For each field, by its API name: the value that Salesforce accepted last, and how often in quick succession.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Repeats(BTreeMap<String, Repeat>);

#[derive(Clone, Debug, PartialEq)]
struct Repeat {
    value: Value,
    times: usize,
    latest: DateTime<Utc>,
    earliest: DateTime<Utc>,
    is_over: bool,
}

impl Repeats {
    /// Counts an earlier write that Salesforce accepted, made at this moment. To be called newest first.
    pub fn count(&mut self, values: &BTreeMap<String, Value>, at: DateTime<Utc>) {
        for (field, value) in values {
            match self.0.get_mut(field) {
                None => {
                    let (times, is_over) = (1, false);
                    let repeat =
                        Repeat { value: value.clone(), times, latest: at, earliest: at, is_over };
                    self.0.insert(field.clone(), repeat);
                }
                Some(repeat) if repeat.is_over => {}
                Some(repeat) => {
                    let is_quick = repeat.earliest - at <= APART_MAX;
                    if is_quick && repeat.value == *value {
                        repeat.times += 1;
                        repeat.earliest = at;
                    } else {
                        repeat.is_over = true;
                    }
                }
            }
        }
    }

    /// When this value of a field was written for the last time, if that was undone often enough.
    fn undone(&self, field: &str, value: &Value) -> Option<DateTime<Utc>> {
        let repeat = self.0.get(field).filter(|repeat| repeat.value == *value)?;
        (repeat.times >= UNDONE_MAX).then_some(repeat.latest)
    }
}

/// What the journal remembers of a record.
#[derive(Clone, Copy, Debug)]
pub struct Past<'a> {
    /// Everything that was or may have been written.
    pub attempts: &'a [Attempt],
    /// What was accepted last, and how often.
    pub repeats: &'a Repeats,
}

/// Corrects the decision about an update of a record that Salesforce holds as `record`, for the sake of fields that are
/// frozen.
///
/// The value that was undone so often is not sent, and the row does not take Salesforce's either: what put the row's
/// value back would do so once more. Such a field is a conflict that neither side wins. Another value of the application
/// is sent although the row did not start from Salesforce's.
#[must_use]
pub fn freeze(
    mapping: &Mapping,
    wishes: &[Resolved],
    record: &RemoteRecord,
    past: Past<'_>,
    mut decision: Decision,
) -> Decision {
    let Past { attempts, repeats } = past;
    if decision.step == Step::Ask {
        return decision;
    }
    let mut send = match &mut decision.step {
        Step::Update(_, values) => std::mem::take(values),
        _ => Vec::new(),
    };
    let after_unknown = attempts.iter().any(|attempt| attempt.is_unresolved);
    let mut is_frozen = false;
    for wish in wishes {
        let Some(field) = mapping.fields.get(wish.field).filter(|field| is_compared(field)) else {
            continue;
        };
        let undone_at = repeats.undone(&field.name, &wish.local);
        let is_sent = send.iter().any(|(position, _)| *position == wish.field);
        if is_sent && undone_at.is_some_and(|at| wish.changed_at - at <= FROZEN_FOR) {
            send.retain(|(position, _)| *position != wish.field);
            decision.conflicts.retain(|conflict| conflict.field != field.name);
            decision.conflicts.push(Conflict {
                field: field.name.clone(),
                base: wish.base.clone().unwrap_or(Value::Null),
                local: wish.local.clone(),
                remote: record.values.get(wish.field).cloned().unwrap_or(Value::Null),
                policy: field.conflict,
                winner: Winner::Neither,
            });
            is_frozen = true;
        }
        let started_from = wish.base.as_ref().filter(|base| **base != wish.local);
        let is_thawed =
            started_from.is_some_and(|base| repeats.undone(&field.name, base).is_some());
        if !is_sent && is_thawed && !after_unknown {
            let lost = decision.conflicts.iter_mut().find(|conflict| conflict.field == field.name);
            if let Some(conflict) = lost {
                conflict.winner = Winner::Postgres;
                decision.adopt.retain(|(position, _)| *position != wish.field);
                send.push((wish.field, wish.local.clone()));
            }
        }
    }
    if !send.is_empty() {
        decision.step = Step::Update(record.id.clone(), send);
    } else if is_frozen {
        decision.step = Step::Settle("frozen: both sides keep undoing each other's value");
    }
    decision
}

#[cfg(test)]
mod tests {
    use super::{Past, Repeats, UNDONE_MAX, freeze};
    use crate::mapping::{ConflictPolicy, Direction, Mapping};
    use crate::model::Value;
    use crate::reconcile::samples::{contact, moment, remote, sfid, text};
    use crate::reconcile::{
        Attempt, Decision, Known, Remote, Resolved, Step, Winner, reconcile_update,
    };
    use std::collections::BTreeMap;

    /// A value, how often it was written, and the seconds between a write and what followed it.
    type Writes = (&'static str, usize, i64);

    /// Writes, newest first.
    fn repeats(writes: &[Writes]) -> Repeats {
        let mut repeats = Repeats::default();
        let mut before = 0;
        for (value, times, seconds) in writes {
            for _ in 0..*times {
                before += seconds;
                let values = BTreeMap::from([("LastName".to_owned(), text(value))]);
                repeats.count(&values, moment(1_000_000 - before));
            }
        }
        repeats
    }

    #[test]
    fn only_a_value_that_was_undone_often_and_quickly_is_frozen_for_a_day() {
        let most = UNDONE_MAX;
        #[rustfmt::skip]
        let table: [(&str, &[Writes], bool); 10] = [
            ("never sent",               &[],                                              false),
            ("not often enough",         &[("ours", most - 1, 10)],                        false),
            ("often enough",             &[("ours", most, 10)],                            true),
            ("for long",                 &[("ours", 3 * most, 900)],                       true),
            ("another value was sent",   &[("other", most, 10)],                           false),
            ("another value in between", &[("ours", 2, 10), ("other", 1, 10), ("ours", most, 10)], false),
            ("another value before it",  &[("ours", most, 10), ("other", 1, 10)],          true),
            ("slowly",                   &[("ours", 3 * most, 901)],                       false),
            ("hours ago",                &[("ours", 1, 80_000), ("ours", most, 10)],       true),
            ("days ago",                 &[("ours", 1, 90_000), ("ours", most, 10)],       false),
        ];
        for (case, writes, is_frozen) in table {
            let decision = decision(&contact(), false, &repeats(writes));
            assert_eq!(matches!(decision.step, Step::Settle(_)), is_frozen, "{case}");
        }
    }

    #[test]
    fn fields_are_counted_each_for_itself() {
        let mut repeats = repeats(&[("ours", UNDONE_MAX, 10)]);
        repeats.count(&BTreeMap::from([("Email".to_owned(), text("ours"))]), moment(0));

        assert!(repeats.undone("LastName", &text("ours")).is_some());
        assert!(repeats.undone("Email", &text("ours")).is_none());
    }

    /// What becomes of a row that says `ours` where Salesforce says `theirs`, and has a new e-mail address or not.
    fn decision(mapping: &Mapping, has_email: bool, repeats: &Repeats) -> Decision {
        let record = remote(text("theirs"), Value::Null);
        let wish = |field, local, base| Resolved {
            field,
            local: text(local),
            base: Some(base),
            changed_at: moment(1_000_000),
        };
        let mut wishes = vec![wish(0, "ours", text("theirs"))];
        if has_email {
            wishes.push(wish(1, "e", Value::Null));
        }
        let decision =
            reconcile_update(mapping, &sfid(1), &wishes, Remote::Live(&record), Known::default());
        freeze(mapping, &wishes, &record, Past { attempts: &[], repeats }, decision)
    }

    #[test]
    fn a_frozen_field_is_not_sent_and_the_others_are() {
        let ours = |field, value| (field, text(value));
        let often = repeats(&[("ours", UNDONE_MAX, 10)]);
        let seldom = repeats(&[("ours", 2, 10)]);
        let update = |values| Step::Update(sfid(1), values);
        let frozen = Step::Settle("frozen: both sides keep undoing each other's value");
        #[rustfmt::skip]
        let table = [
            ("frozen alone",     false, &often,  frozen,                                  1),
            ("frozen, another",  true,  &often,  update(vec![ours(1, "e")]),              1),
            ("undone seldom",    true,  &seldom, update(vec![ours(0, "ours"), ours(1, "e")]), 0),
        ];
        for (case, has_email, repeats, step, conflicts) in table {
            let decision = decision(&contact(), has_email, repeats);
            assert_eq!(decision.step, step, "{case}");
            assert!(decision.adopt.is_empty(), "{case}");
            let winners: Vec<_> =
                decision.conflicts.iter().map(|conflict| conflict.winner).collect();
            assert_eq!(winners, vec![Winner::Neither; conflicts], "{case}");
        }
    }

    #[test]
    fn what_was_frozen_is_told_with_both_values() {
        let conflicts =
            decision(&contact(), false, &repeats(&[("ours", UNDONE_MAX, 10)])).conflicts;

        let [conflict] = conflicts.as_slice() else { panic!("{conflicts:?}") };
        assert_eq!(conflict.field, "LastName");
        assert_eq!((&conflict.local, &conflict.remote), (&text("ours"), &text("theirs")));
    }

    #[test]
    fn a_policy_does_not_thaw_a_field() {
        let mut mapping = contact();
        mapping.fields[0].conflict = ConflictPolicy::PostgresWins;

        let decision = decision(&mapping, false, &repeats(&[("ours", UNDONE_MAX, 10)]));

        assert!(matches!(decision.step, Step::Settle(_)));
        assert_eq!(decision.conflicts.len(), 1);
    }

    #[test]
    fn a_field_that_is_never_read_back_cannot_be_undone() {
        let mut mapping = contact();
        mapping.fields[0].direction = Direction::ToSalesforce;

        let decision = decision(&mapping, false, &repeats(&[("ours", UNDONE_MAX, 10)]));

        assert_eq!(decision.step, Step::Update(sfid(1), vec![(0, text("ours"))]));
    }

    #[test]
    fn another_value_is_sent_although_the_row_did_not_start_from_salesforces() {
        let record = remote(text("theirs"), Value::Null);
        let often = repeats(&[("ours", 1, 90_000), ("ours", UNDONE_MAX, 10)]);
        let once = repeats(&[("ours", 1, 10)]);
        let unresolved = Attempt { values: BTreeMap::new(), is_unresolved: true };
        let wishes = [Resolved {
            field: 0,
            local: text("another"),
            base: Some(text("ours")),
            changed_at: moment(1_000_000),
        }];
        let often_lately = repeats(&[("ours", UNDONE_MAX, 10)]);
        #[rustfmt::skip]
        let table = [
            ("frozen now",             &often_lately, vec![],           Winner::Postgres),
            ("frozen before",          &often,        vec![],           Winner::Postgres),
            ("never frozen",           &once,         vec![],           Winner::Salesforce),
            ("after a lost answer",    &often_lately, vec![unresolved], Winner::Salesforce),
        ];
        for (case, repeats, attempts, winner) in table {
            let remote = Remote::Live(&record);
            let decided = reconcile_update(
                &contact(),
                &sfid(1),
                &wishes,
                remote,
                Known { attempts: &attempts, ..Known::default() },
            );
            let decided = freeze(
                &contact(),
                &wishes,
                &record,
                Past { attempts: &attempts, repeats },
                decided,
            );
            assert_eq!(decided.conflicts[0].winner, winner, "{case}");
            let is_sent = decided.step == Step::Update(sfid(1), vec![(0, text("another"))]);
            assert_eq!(is_sent, winner == Winner::Postgres, "{case}");
            assert_eq!(decided.adopt.is_empty(), is_sent, "{case}");
        }
    }
}
