//! Rehearses what is about to be sent, and has sent what was held back once Salesforce would take it.

use super::Pusher;
use super::outcome::{Outgoing, unsent};
use super::run::Run;
use super::work::Work;
use crate::mapping::Mapping;
use crate::model::{Action, ChangeState};
use crate::postgres::{self, Evidence, Lease, Outcome, Recorded, Rehearsed};
use crate::reconcile::{Objection, RecordRef, Target, rehearse, value_of_json};
use crate::sync::Error;
use std::collections::{HashMap, HashSet};

/// Parked changes that are looked at together.
const PAGE: i64 = 1_000;

/// The changes of each record that are due by themselves: not brought along, parked, by another one.
pub(super) type Due = HashMap<RecordRef, Vec<i32>>;

/// What is due of this work; nothing where nothing is rehearsed.
pub(super) fn due(mapping: &Mapping, work: &[Work]) -> Due {
    if mapping.rehearsal.is_none() {
        return Due::new();
    }
    let is_due = |state| state == ChangeState::Pending;
    work.iter()
        .map(|work| {
            let changes = work.net.changes.iter().filter(|change| is_due(change.state));
            (work.record(), changes.map(|change| change.log_id).collect())
        })
        .collect()
}

impl Run<'_> {
    /// Parts what may be sent from what Salesforce would refuse for certain, which is parked.
    ///
    /// A change that was held back before and is due again was retried by a person, who may know better.
    pub(super) async fn rehearse(
        &self,
        mapping: &Mapping,
        outgoing: Vec<Outgoing>,
        due: &Due,
    ) -> Result<(Vec<Outgoing>, Vec<Recorded>), Error> {
        let (mut sent, mut held) = (Vec::with_capacity(outgoing.len()), Vec::new());
        for next in outgoing {
            match objection_to(mapping, &next) {
                Some(objection) => held.push((next, objection)),
                None => sent.push(next),
            }
        }
        if held.is_empty() {
            return Ok((sent, Vec::new()));
        }
        let ids: Vec<i32> =
            held.iter().filter_map(|(next, _)| due.get(&next.record)).flatten().copied().collect();
        let known = postgres::rehearsed_before(&self.pusher.db, &mapping.table, &ids).await?;
        let known: HashSet<i32> = known.into_iter().collect();
        let is_insisted_on = |next: &Outgoing| {
            due.get(&next.record).is_some_and(|due| due.iter().any(|id| known.contains(id)))
        };
        let mut parked = Vec::new();
        for (next, objection) in held {
            if is_insisted_on(&next) {
                sent.push(next);
            } else {
                parked.push(held_back(mapping, &next, objection));
            }
        }
        Ok((sent, parked))
    }
}

fn objection_to(mapping: &Mapping, next: &Outgoing) -> Option<Objection> {
    rehearse(mapping, target_of(mapping, next.action, next.key.is_some()), &next.values)
}

fn target_of(mapping: &Mapping, action: Action, has_key: bool) -> Target {
    match action {
        Action::Delete => Target::Gone,
        Action::Update => Target::Existing,
        // Where nothing is read back, an external id may be sent without being looked for.
        Action::Insert if has_key && !mapping.direction.pulls() => Target::Either,
        Action::Insert => Target::New,
    }
}

fn held_back(mapping: &Mapping, next: &Outgoing, objection: Objection) -> Recorded {
    let Objection { code, message, fields } = objection;
    let outcome = Outcome::Refused { code: code.to_owned(), message };
    let evidence = Evidence {
        fields,
        operation: Some(next.action),
        rehearsed: Some(next.intent(mapping).values),
        conflicts: None,
    };
    Recorded { evidence, ..unsent(&next.record, next.log_ids.clone(), outcome) }
}

impl Pusher {
    /// Has changes sent that the rehearsal held back and would not hold back now: Salesforce may take more than it did,
    /// or the rehearsal is switched off.
    pub(super) async fn release_rehearsed(&self, lease: &Lease) -> Result<(), Error> {
        for mapping in self.mappings() {
            let mut after = 0;
            loop {
                let page = postgres::rehearsed(&self.db, &mapping.table, after, PAGE).await?;
                let Some(last) = page.last() else { break };
                after = last.log_id;
                let is_free = |rehearsed: &&Rehearsed| !is_still_held(mapping, rehearsed);
                let ids: Vec<i32> = page
                    .iter()
                    .filter(is_free)
                    .flat_map(|rehearsed| rehearsed.log_ids.iter().copied())
                    .collect();
                if !ids.is_empty() {
                    postgres::release_rehearsed(&self.db, lease, &ids).await?;
                }
            }
        }
        Ok(())
    }
}

/// Whether what was to be sent would still be refused. A field that is not mapped any more is not sent any more.
fn is_still_held(mapping: &Mapping, rehearsed: &Rehearsed) -> bool {
    let values = rehearsed
        .values
        .iter()
        .filter_map(|(name, json)| {
            let position = mapping.fields.iter().position(|field| field.name == *name)?;
            let field = mapping.fields.get(position)?;
            Some((position, value_of_json(field.column_type, json)?))
        })
        .collect();
    let key = mapping.key.as_ref().and_then(|key| rehearsed.values.get(&key.field));
    let has_key = key.is_some_and(|key| !key.is_null());
    let target = target_of(mapping, rehearsed.operation, has_key);
    rehearse(mapping, target, &values).is_some()
}
