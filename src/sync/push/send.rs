//! Sending records by sObject Collections.
//!
//! A call that is refused as a whole is halved until the record at fault stands alone. A call whose answer is
//! lost is never repeated here.

use super::outcome::{Answer, Outgoing, halting};
use crate::mapping::Mapping;
use crate::model::{Action, SalesforceId};
use crate::reconcile::{Class, classify};
use crate::runtime::Retry;
use crate::salesforce::{self, Client, RowError, RowResult};
use crate::sync::Error;
use std::ops::Range;

/// The writing operations of the API, as we use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Call {
    /// Insert without external id.
    Create,
    /// Insert of a record with an external id: where the id is taken, Salesforce refuses the record.
    Keyed,
    /// Insert by external id that may take over what has it, since nothing is read back.
    Upsert,
    /// Change by id.
    Update,
    /// Change by id, each record by a request that Salesforce refuses if the record has changed since it was looked at.
    UpdateIfUnmodified,
    /// Delete by id.
    Delete,
}

impl Call {
    pub(super) fn of(mapping: &Mapping, outgoing: &Outgoing) -> Self {
        match outgoing.action {
            Action::Insert if outgoing.key.is_some() && mapping.direction.pulls() => Self::Keyed,
            Action::Insert if outgoing.key.is_some() => Self::Upsert,
            Action::Insert => Self::Create,
            Action::Update if outgoing.seen.is_some() => Self::UpdateIfUnmodified,
            Action::Update => Self::Update,
            Action::Delete => Self::Delete,
        }
    }
}

/// One answer per record, in order, and the error after which nothing more should be sent.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) answers: Vec<Answer>,
    pub(super) halt: Option<Error>,
}

/// Sends records of one kind, at most as many as a call may carry.
pub(super) async fn send(
    client: &Client,
    mapping: &Mapping,
    call: Call,
    records: &[Outgoing],
) -> Sent {
    let mut answers: Vec<Answer> =
        vec![Answer::NotSent("sending stopped early".to_owned()); records.len()];
    let mut halt = None;
    let size = if call == Call::UpdateIfUnmodified { 1 } else { records.len().max(1) };
    let starts = (0..records.len()).step_by(size).rev();
    let mut waiting: Vec<Range<usize>> = starts.map(|start| start..start + size).collect();
    while let Some(range) = waiting.pop() {
        let Some(part) = records.get(range.clone()).filter(|part| !part.is_empty()) else {
            continue;
        };
        let answer = match request(client, mapping, call, part).await {
            Ok(results) => Ok(results),
            Err(error) => match blame(&error) {
                Some(refusal) if part.len() == 1 => Ok(vec![Err(refusal)]),
                Some(_) => {
                    let middle = range.start + part.len() / 2;
                    waiting.push(middle..range.end);
                    waiting.push(range.start..middle);
                    continue;
                }
                None => Err(error),
            },
        };
        match answer {
            Ok(results) => fill(&mut answers, range.start, results.into_iter().map(judged)),
            Err(error) => {
                let answer = lost(&error);
                fill(&mut answers, range.start, part.iter().map(|_| answer.clone()));
                halt = Some(whole(mapping, error));
                break;
            }
        }
    }
    Sent { answers, halt }
}

fn fill(answers: &mut [Answer], start: usize, with: impl Iterator<Item = Answer>) {
    for (slot, answer) in answers.iter_mut().skip(start).zip(with) {
        *slot = answer;
    }
}

fn judged(result: RowResult) -> Answer {
    match result {
        Ok(saved) => Answer::Saved(saved.id),
        Err(refusal) => Answer::Refused(refusal),
    }
}

/// The refusal of a call that one of its records may be to blame for.
fn blame(error: &salesforce::Error) -> Option<RowError> {
    let salesforce::Error::Refused(refusal) = error else { return None };
    let verdict = classify(&refusal.code, &refusal.message);
    matches!(verdict.class, Class::Park | Class::Resolve).then(|| refusal.clone())
}

pub(super) fn lost(error: &salesforce::Error) -> Answer {
    if error.outcome_is_unknown() {
        Answer::Unknown(error.to_string())
    } else {
        Answer::NotSent(error.to_string())
    }
}

/// What a failed call means for everything that is still to be sent.
pub(super) fn whole(mapping: &Mapping, error: salesforce::Error) -> Error {
    let Some(refusal) = error.refusal() else { return Error::Salesforce(error) };
    let is_forbidden = matches!(error, salesforce::Error::Forbidden(_));
    match halting(&mapping.object, refusal) {
        Some(halting) => halting,
        // What is forbidden as a whole is the object, whatever the code says of records.
        None if is_forbidden && error.retry() == Retry::Never => Error::MappingRefused {
            object: mapping.object.clone(),
            code: refusal.code.clone(),
            remedy: classify(&refusal.code, &refusal.message).remedy,
        },
        None => Error::Salesforce(error),
    }
}

async fn request(
    client: &Client,
    mapping: &Mapping,
    call: Call,
    records: &[Outgoing],
) -> Result<Vec<RowResult>, salesforce::Error> {
    let bodies = records.iter().map(|outgoing| outgoing.body(mapping));
    let ids = records.iter().filter_map(|outgoing| outgoing.sfid.clone());
    match (call, &mapping.key) {
        (Call::Upsert, Some(key)) => {
            client.upsert(&mapping.object, &key.field, bodies.collect()).await
        }
        (Call::Create | Call::Keyed | Call::Upsert, _) => {
            client.create(&mapping.object, bodies.collect()).await
        }
        (Call::UpdateIfUnmodified, _) => {
            let mut results = Vec::with_capacity(records.len());
            for (next, body) in records.iter().zip(bodies) {
                if let (Some(id), Some(seen)) = (&next.sfid, next.seen) {
                    let update = client.update_if_unmodified(&mapping.object, id, body, seen);
                    results.push(update.await?);
                }
            }
            Ok(results)
        }
        (Call::Update, _) => client.update(&mapping.object, ids.zip(bodies).collect()).await,
        (Call::Delete, _) => client.delete(&ids.collect::<Vec<SalesforceId>>()).await,
    }
}
