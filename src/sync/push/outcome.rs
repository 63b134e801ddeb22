//! From what Salesforce answered to what is recorded. Pure.

use crate::mapping::{Key, Mapping};
use crate::model::{Action, RemoteRecord, SalesforceId, Value, to_json};
use crate::postgres::{ConflictRow, Evidence, Intent, JournalEntry, Outcome, Recorded};
use crate::reconcile::{
    ATTEMPTS_MAX, Class, Conflict, FieldValues, RecordRef, classify, delay_before_attempt,
};
use crate::salesforce::{Body, RowError};
use crate::sync::Error;
use chrono::{DateTime, Utc};
use std::time::Duration;

/// How long a used-up limit is left alone.
const LIMIT_PAUSE: Duration = Duration::from_mins(5);
/// A refusal that reading should have resolved is believed after this many attempts.
const RESOLVE_TRIES_MAX: usize = 2;
/// So is the refusal of an insert whose external id is taken, by a record that reading does not find. More, since an
/// insert whose answer was lost may be carried out between reading and sending.
const TAKEN_TRIES_MAX: usize = 6;

/// The longest pause after a call without an answer. Such a failure is seldom the record's own, and after a few of them
/// a record travels alone and costs nobody else anything.
const SILENCE_LONGEST: Duration = Duration::from_mins(1);

const DELETED: &str = "DELETED";

/// One record about to be sent.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) record: RecordRef,
    pub(super) log_ids: Vec<i32>,
    pub(super) action: Action,
    /// The record's id, except for inserts.
    pub(super) sfid: Option<SalesforceId>,
    /// The external id's value, for inserts of a record that has one.
    pub(super) key: Option<String>,
    /// What is sent, by the field's position in the mapping.
    pub(super) values: FieldValues,
    /// Remote values to write into the row.
    pub(super) adopt: FieldValues,
    pub(super) conflicts: Vec<Conflict>,
    /// What `_hc_lastop` says once it is accepted.
    pub(super) lastop: &'static str,
    /// How often the same changes were sent before.
    pub(super) tries: usize,
    /// How often of these no answer came.
    pub(super) doubts: usize,
    /// Fields that are left for a second write, by their position in the mapping.
    pub(super) later: Vec<usize>,
    /// Whether there is a second write to come.
    pub(super) is_part: bool,
    /// The record's stamp when it was looked at, where Salesforce is to refuse the update if it has changed since.
    pub(super) seen: Option<DateTime<Utc>>,
}

impl Outgoing {
    /// A record about to be sent for the first time, with nothing in it.
    #[cfg(test)]
    pub(super) fn sample(table: &str, record_id: i32, action: Action) -> Self {
        Self {
            record: RecordRef { table: table.to_owned(), record_id },
            log_ids: vec![record_id],
            action,
            sfid: (action != Action::Insert).then(|| crate::reconcile::samples::sfid(1)),
            key: None,
            values: Vec::new(),
            adopt: Vec::new(),
            conflicts: Vec::new(),
            lastop: lastop(action),
            tries: 0,
            doubts: 0,
            later: Vec::new(),
            is_part: false,
            seen: None,
        }
    }

    /// The fields as they are sent.
    pub(super) fn body(&self, mapping: &Mapping) -> Body {
        let mut body = Body::default();
        for (field, value) in &self.values {
            if let Some(field) = mapping.fields.get(*field) {
                body.set(&field.name, value);
            }
        }
        body
    }

    /// The journal entry to be written before it is sent.
    pub(super) fn intent(&self, mapping: &Mapping) -> Intent {
        // What is left out is empty afterwards, and that is then our doing.
        let later = self.later.iter().map(|field| (field, &Value::Null));
        let values = self
            .values
            .iter()
            .map(|(field, value)| (field, value))
            .chain(later)
            .filter_map(|(field, value)| {
                let field = mapping.fields.get(*field)?;
                Some((field.name.clone(), to_json(value)))
            })
            .collect();
        Intent {
            table: self.record.table.clone(),
            record_id: self.record.record_id,
            operation: self.action,
            sfid: self.sfid.clone(),
            key: self.key.clone(),
            values,
            log_ids: self.log_ids.clone(),
            is_part: self.is_part,
        }
    }

    /// What an earlier worker was about to send. What it meant to adopt is not known any more.
    pub(super) fn of_entry(entry: &JournalEntry) -> Self {
        Self {
            record: RecordRef {
                table: entry.intent.table.clone(),
                record_id: entry.intent.record_id,
            },
            log_ids: entry.intent.log_ids.clone(),
            action: entry.intent.operation,
            sfid: entry.intent.sfid.clone(),
            key: entry.intent.key.clone(),
            values: Vec::new(),
            adopt: Vec::new(),
            conflicts: Vec::new(),
            lastop: lastop(entry.intent.operation),
            tries: 0,
            doubts: 0,
            later: Vec::new(),
            is_part: entry.intent.is_part,
            seen: None,
        }
    }
}

pub(super) fn lastop(action: Action) -> &'static str {
    match action {
        Action::Insert => "INSERTED",
        Action::Update => "UPDATED",
        Action::Delete => DELETED,
    }
}

/// What became of one record that was to be sent.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// Accepted, under this id.
    Saved(SalesforceId),
    /// Refused for this reason.
    Refused(RowError),
    /// Sent, and no answer came.
    Unknown(String),
    /// Not sent, or refused before it was looked at.
    NotSent(String),
}

impl Answer {
    /// Whether Salesforce gave it.
    pub(super) fn is_given(&self) -> bool {
        matches!(self, Self::Saved(_) | Self::Refused(_))
    }
}

/// An answer's meaning for the record, and for everything else where it has one.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) recorded: Recorded,
    pub(super) halt: Option<Error>,
}

/// Judges an answer. `journal` is the entry opened before sending.
pub(super) fn judge(mapping: &Mapping, outgoing: Outgoing, journal: i64, answer: Answer) -> Judged {
    let mut halt = None;
    let mut evidence = Evidence { operation: Some(outgoing.action), ..Evidence::default() };
    let outcome = match answer {
        Answer::Saved(sfid) if outgoing.is_part => Outcome::Begun { sfid },
        Answer::Saved(sfid) => accepted(sfid, outgoing.lastop),
        Answer::Unknown(reason) => Outcome::Later {
            not_before_in: delay_before_attempt(outgoing.tries + 1).min(SILENCE_LONGEST),
            reason,
            outcome: "unknown",
        },
        Answer::NotSent(reason) => {
            Outcome::Later { not_before_in: Duration::ZERO, reason, outcome: "refused" }
        }
        Answer::Refused(refusal) => {
            halt = halting(&mapping.object, &refusal);
            evidence.fields.clone_from(&refusal.fields);
            refused(mapping, &outgoing, refusal)
        }
    };
    let is_accepted = matches!(outcome, Outcome::Accepted { .. } | Outcome::Begun { .. });
    let mut recorded = Recorded {
        table: outgoing.record.table,
        record_id: outgoing.record.record_id,
        log_ids: outgoing.log_ids,
        journal: Some(journal),
        outcome,
        adopt: Vec::new(),
        conflicts: Vec::new(),
        restore: None,
        evidence,
    };
    // A decision that was not carried out is taken again from fresh facts.
    if is_accepted {
        recorded.adopt = by_column(mapping, outgoing.adopt);
        recorded.conflicts = conflict_rows(outgoing.conflicts);
    }
    Judged { recorded, halt }
}

/// What the row takes over. A deleted record's id is nobody's, least of all that of a new row with the same `id`.
pub(super) fn accepted(sfid: SalesforceId, lastop: &'static str) -> Outcome {
    Outcome::Accepted { sfid: Some(sfid).filter(|_| lastop != DELETED), lastop }
}

fn refused(mapping: &Mapping, outgoing: &Outgoing, refusal: RowError) -> Outcome {
    let tries = outgoing.tries + 1;
    let verdict = classify(&refusal.code, &refusal.message);
    let again = |not_before_in| Outcome::Later {
        not_before_in,
        reason: refusal.code.clone(),
        outcome: "refused",
    };
    match verdict.class {
        Class::RetrySoon if tries < ATTEMPTS_MAX => again(delay_before_attempt(tries)),
        Class::RetryLater => again(LIMIT_PAUSE),
        // Somebody was faster; the record is looked at again.
        Class::Resolve if is_outrun(&refusal) => {
            let pause = (tries > 1).then(|| delay_before_attempt(tries - 1));
            again(pause.unwrap_or_default())
        }
        Class::Resolve if outgoing.action == Action::Delete => {
            Outcome::Accepted { sfid: None, lastop: outgoing.lastop }
        }
        Class::Resolve if is_resolvable(outgoing, &refusal) && tries < RESOLVE_TRIES_MAX => {
            again(Duration::ZERO)
        }
        Class::Resolve if is_taken(mapping, outgoing, &refusal) && tries < TAKEN_TRIES_MAX => {
            again(delay_before_attempt(tries))
        }
        Class::PauseMapping | Class::StopConnection => again(Duration::ZERO),
        Class::RetrySoon | Class::Resolve | Class::Park => {
            Outcome::Refused { code: refusal.code, message: refusal.message }
        }
    }
}

/// Whether the record has changed since it was looked at.
fn is_outrun(refusal: &RowError) -> bool {
    matches!(refusal.code.as_str(), "PRECONDITION_FAILED" | "MATCH_PRECONDITION_FAILED")
}

/// Whether another look at Salesforce can tell more: the record may be gone, or there already.
fn is_resolvable(outgoing: &Outgoing, refusal: &RowError) -> bool {
    match outgoing.action {
        Action::Insert => refusal.code == "DUPLICATE_VALUE" && outgoing.key.is_some(),
        Action::Update => refusal.code != "DUPLICATE_VALUE",
        Action::Delete => true,
    }
}

/// Whether it is the external id that another record holds; Salesforce does not always say which field it is.
fn is_taken(mapping: &Mapping, outgoing: &Outgoing, refusal: &RowError) -> bool {
    let words = refusal.message.to_lowercase();
    let names = |key: &Key| words.contains(&key.field.to_lowercase());
    outgoing.action == Action::Insert
        && refusal.code == "DUPLICATE_VALUE"
        && (words.contains("<unknown>") || mapping.key.as_ref().is_some_and(names))
}

/// The error of a refusal that would meet every other record too.
pub(super) fn halting(object: &str, refusal: &RowError) -> Option<Error> {
    let verdict = classify(&refusal.code, &refusal.message);
    let code = refusal.code.clone();
    match verdict.class {
        Class::PauseMapping => {
            Some(Error::MappingRefused { object: object.to_owned(), code, remedy: verdict.remedy })
        }
        Class::StopConnection => Some(Error::ConnectionRefused { code, remedy: verdict.remedy }),
        _ => None,
    }
}

/// Field values by column.
pub(super) fn by_column(mapping: &Mapping, values: FieldValues) -> Vec<(String, Value)> {
    values
        .into_iter()
        .filter_map(|(field, value)| Some((mapping.fields.get(field)?.column.clone(), value)))
        .collect()
}

/// Conflicts in the form of the conflict log.
pub(super) fn conflict_rows(conflicts: Vec<Conflict>) -> Vec<ConflictRow> {
    conflicts
        .into_iter()
        .map(|conflict| ConflictRow {
            field: conflict.field,
            base: conflict.base,
            local: conflict.local,
            remote: conflict.remote,
            policy: conflict.policy,
            winner: conflict.winner.as_str(),
        })
        .collect()
}

/// A record's end without anything being sent now.
pub(super) fn unsent(record: &RecordRef, log_ids: Vec<i32>, outcome: Outcome) -> Recorded {
    Recorded {
        table: record.table.clone(),
        record_id: record.record_id,
        log_ids,
        journal: None,
        outcome,
        adopt: Vec::new(),
        conflicts: Vec::new(),
        restore: None::<RemoteRecord>,
        evidence: Evidence::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Outgoing, judge};
    use crate::model::Action::{self, Delete, Insert, Update};
    use crate::postgres::Outcome;
    use crate::reconcile::samples::{contact, sfid, text};
    use crate::salesforce::RowError;

    fn outgoing(action: Action, tries: usize, key: Option<&str>) -> Outgoing {
        let (key, adopt) = (key.map(str::to_owned), vec![(0, text("theirs"))]);
        Outgoing { key, adopt, tries, ..Outgoing::sample("contact", 1, action) }
    }

    fn word(outcome: &Outcome) -> &'static str {
        match outcome {
            Outcome::Accepted { .. } => "accepted",
            Outcome::Begun { .. } => "begun",
            Outcome::WaitsFor { .. } => "waits",
            Outcome::Refused { .. } => "parked",
            Outcome::Later { outcome, .. } => outcome,
            Outcome::Settled { .. } | Outcome::KeptAway { .. } => "settled",
        }
    }

    #[test]
    fn refusals_are_tried_again_resolved_or_parked() {
        #[rustfmt::skip]
        let table = [
            // action, code, tries before, key, outcome, halts
            (Insert, "FIELD_CUSTOM_VALIDATION_EXCEPTION", 0,  None,      "parked",   false),
            (Update, "UNABLE_TO_LOCK_ROW",                0,  None,      "refused",  false),
            (Update, "UNABLE_TO_LOCK_ROW",                19, None,      "parked",   false),
            (Insert, "STORAGE_LIMIT_EXCEEDED",            99, None,      "refused",  false),
            (Insert, "DUPLICATE_VALUE",                   0,  Some("k"), "refused",  false),
            (Insert, "DUPLICATE_VALUE",                   1,  Some("k"), "parked",   false),
            (Insert, "DUPLICATE_VALUE",                   0,  None,      "parked",   false),
            (Update, "DUPLICATE_VALUE",                   0,  None,      "parked",   false),
            (Update, "ENTITY_IS_DELETED",                 0,  None,      "refused",  false),
            (Update, "PRECONDITION_FAILED",               99, None,      "refused",  false),
            (Delete, "ENTITY_IS_DELETED",                 0,  None,      "accepted", false),
            (Delete, "DELETE_FAILED",                     0,  None,      "parked",   false),
            (Update, "INVALID_FIELD",                     0,  None,      "refused",  true),
            (Update, "API_DISABLED_FOR_ORG",              0,  None,      "refused",  true),
        ];
        for (action, code, tries, key, outcome, halts) in table {
            let refusal =
                RowError { code: code.to_owned(), message: String::new(), fields: Vec::new() };
            let answer = Answer::Refused(refusal);
            let judged = judge(&contact(), outgoing(action, tries, key), 1, answer);
            assert_eq!(word(&judged.recorded.outcome), outcome, "{action} {code} {tries}");
            assert_eq!(judged.halt.is_some(), halts, "{action} {code}");
        }
    }

    #[test]
    fn a_taken_external_id_is_looked_up_again_and_any_other_duplicate_once() {
        #[rustfmt::skip]
        let table = [
            // words, tries before, outcome
            ("duplicate value found: External_Id__c duplicates value on record with id: 001", 1, "refused"),
            ("doppelter Wert gefunden: external_id__c dupliziert einen Wert",                 4, "refused"),
            ("duplicate value found: <unknown> duplicates value on record with id: <unknown>", 1, "refused"),
            ("duplicate value found: External_Id__c duplicates value on record with id: 001", 5, "parked"),
            ("duplicate value found: Email duplicates value on record with id: 001",          0, "refused"),
            ("duplicate value found: Email duplicates value on record with id: 001",          1, "parked"),
        ];
        for (message, tries, outcome) in table {
            let refusal = RowError {
                code: "DUPLICATE_VALUE".to_owned(),
                message: message.to_owned(),
                fields: Vec::new(),
            };
            let outgoing = outgoing(Insert, tries, Some("k"));
            let judged = judge(&contact(), outgoing, 1, Answer::Refused(refusal));
            assert_eq!(word(&judged.recorded.outcome), outcome, "{message} {tries}");
        }
    }

    #[test]
    fn a_lost_answer_is_unknown_and_what_was_not_sent_is_not() {
        let cases = [
            (Answer::Unknown(String::new()), "unknown"),
            (Answer::NotSent(String::new()), "refused"),
        ];
        for (answer, outcome) in cases {
            let judged = judge(&contact(), outgoing(Insert, 0, None), 1, answer);
            assert_eq!(word(&judged.recorded.outcome), outcome);
            assert!(judged.recorded.adopt.is_empty(), "nothing was decided for good");
        }
    }

    #[test]
    fn what_was_sent_in_part_is_not_settled_yet() {
        let part = Outgoing { is_part: true, later: vec![2], ..outgoing(Insert, 0, None) };
        assert_eq!(part.intent(&contact()).values["AccountId"], serde_json::Value::Null);
        let judged = judge(&contact(), part, 1, Answer::Saved(sfid(1)));
        assert_eq!(word(&judged.recorded.outcome), "begun");
    }

    #[test]
    fn an_accepted_record_takes_its_id_and_adopts_what_was_overruled() {
        let judged = judge(&contact(), outgoing(Update, 0, None), 1, Answer::Saved(sfid(1)));
        assert_eq!(judged.recorded.adopt, [("lastname".to_owned(), text("theirs"))]);
    }
}
