//! One run of a pusher: gathers what is known, and decides batch by batch.

use super::decide::{Next, decide, key_among, recreation, settled};
use super::filling::Filling;
use super::observe::Observed;
use super::outcome::{Outgoing, unsent};
use super::parents::{Missing, Parents};
use super::resolve::{self, Found, Lost};
use super::send::Call;
use super::settle::Serving;
use super::work::{Task, Work, goes_whole, record_of};
use super::{Pushed, Pusher, rehearse};
use crate::mapping::{ConflictPolicy, DeleteRule, Mapping};
use crate::model::{Action, RemoteRecord};
use crate::postgres::{self, JournalEntry, Lease, LocalRow, Outcome, Recorded};
use crate::reconcile::{
    self, Decided, Decision, FieldValues, Local, Net, Operation, RecordRef, UNDONE_MAX, Unreadable,
    Wish,
};
use crate::sync::Error;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a child waits before it looks for its parent again.
const PARENT_PAUSE: Duration = Duration::from_secs(5);
/// A row that refers to no row at all is an error, once it had this long to appear.
const PARENT_GRACE: TimeDelta = TimeDelta::minutes(10);
/// How long an insert that may still be running is left alone.
const NOT_YET_PAUSE: Duration = Duration::from_secs(3);

/// So many mappings whose calls fail mean that it is not for them.
const FAILED_MAX: usize = 2;

/// How long a change of a field that is out of Salesforce waits before it is looked at again.
const HELD_PAUSE: Duration = Duration::from_secs(15);

/// One run.
pub(super) struct Run<'a> {
    pub(super) pusher: &'a Pusher,
    pub(super) lease: &'a Lease,
    pub(super) stop: &'a CancellationToken,
    /// The database's clock once there was something to do.
    pub(super) now: DateTime<Utc>,
    pub(super) parents: Parents,
    pub(super) pushed: Pushed,
    /// Records whose latest step is not through: what follows it has to wait.
    pub(super) stopped: BTreeSet<RecordRef>,
    /// Why nothing more is sent.
    pub(super) halt: Option<Error>,
    /// Objects of which nothing more is sent, since calls failed that may go well later.
    pub(super) failed: BTreeMap<String, Error>,
    /// Objects of which Salesforce accepted or refused records.
    pub(super) answered: BTreeSet<String>,
    /// Objects of which nothing is to be claimed beside what the run was begun for.
    pub(super) paused: Vec<String>,
    /// Bulk jobs that are being filled, by object.
    pub(super) filling: BTreeMap<(String, Call), Filling>,
    /// Objects whose Bulk jobs are not settled.
    pub(super) busy: BTreeSet<String>,
    /// Whether a job was sent in this run.
    pub(super) has_finished: bool,
    /// Whether the changes at hand stopped short of a whole claim, since they are large.
    pub(super) is_cut_short: bool,
    /// Whether more of the same schedule is to be sent.
    pub(super) is_between_waves: bool,
    /// What goes out while a job is waited for.
    pub(super) serving: Serving,
}

/// What a search for records leaves to do.
#[derive(Default)]
struct Searched {
    work: Vec<Work>,
    /// The records that were found.
    found: Vec<RemoteRecord>,
    /// Inserts that end here for now.
    records: Vec<Recorded>,
}

impl<'a> Run<'a> {
    pub(super) fn new(pusher: &'a Pusher, lease: &'a Lease, stop: &'a CancellationToken) -> Self {
        Self {
            pusher,
            lease,
            stop,
            now: DateTime::UNIX_EPOCH,
            parents: Parents::default(),
            pushed: Pushed::default(),
            stopped: BTreeSet::new(),
            halt: None,
            failed: BTreeMap::new(),
            answered: BTreeSet::new(),
            paused: Vec::new(),
            filling: BTreeMap::new(),
            busy: BTreeSet::new(),
            has_finished: false,
            is_cut_short: false,
            is_between_waves: false,
            serving: Serving::Off,
        }
    }

    /// Whether nothing more is to be sent: something failed, the worker stops, or the API budget is spent.
    pub(super) fn is_over(&self) -> bool {
        let may_send = self.pusher.client.budget().allows(reconcile::Work::InsertOrDelete);
        let is_down = self.halt.is_some() || self.failed.len() >= FAILED_MAX;
        is_down || self.stop.is_cancelled() || !may_send
    }

    /// Adds to each net operation what the table and the journal say; records what needs no sending.
    pub(super) async fn gather(&mut self, nets: Vec<Net>) -> Result<Vec<Work>, Error> {
        if nets.is_empty() {
            return Ok(Vec::new());
        }
        self.now = self.pusher.db.now().await?;
        let mut by_table: BTreeMap<String, Vec<Net>> = BTreeMap::new();
        for net in nets {
            by_table.entry(net.table.clone()).or_default().push(net);
        }
        let mut gathered = Vec::new();
        for (table, nets) in by_table {
            let Some(mapping) = self.pusher.mapping(&table) else { continue };
            let ids: Vec<i32> = nets.iter().map(|net| net.record_id).collect();
            let whole: Vec<i32> =
                nets.iter().filter(|net| goes_whole(net)).map(|net| net.record_id).collect();
            let rows = postgres::read_rows(&self.pusher.db, mapping, &ids, &whole).await?;
            let mut rows: HashMap<i32, LocalRow> =
                rows.into_iter().map(|row| (row.record_id, row)).collect();
            // What was simply accepted, and not all the time, is looked up only where it turns out to matter.
            let tried = postgres::tried(&self.pusher.db, &table, &ids, UNDONE_MAX).await?;
            let entries = self.attempts(&table, &tried).await?;
            let mut decided = self.decided(mapping, &ids).await?;
            let mut records = Vec::new();
            for net in nets {
                if let Some(column) = held_column(mapping, &net) {
                    records.push(held(&net, column));
                    continue;
                }
                let row = rows.remove(&net.record_id);
                let known = entries.get(&net.record_id).map_or(&[][..], Vec::as_slice);
                match Work::new(net, mapping, row, known) {
                    Ok(mut work) => {
                        work.decided = decided.remove(&work.net.record_id).unwrap_or_default();
                        match needless(mapping, &work) {
                            Some(recorded) => records.push(recorded),
                            None => gathered.push(work),
                        }
                    }
                    Err(failed) => records.push(unreadable(&failed.0, &failed.1)),
                }
            }
            self.record(mapping, records).await?;
        }
        Ok(gathered)
    }

    /// Observes, decides and sends records of one mapping.
    pub(super) async fn push_batch(
        &mut self,
        mapping: &Mapping,
        work: Vec<Work>,
    ) -> Result<(), Error> {
        let Searched { work, found, mut records } = self.search(mapping, work).await?;
        let observed = Observed::of(&self.pusher.client, mapping, work.iter(), found).await?;
        let work = self.recall(mapping, work, &observed).await?;
        let due = rehearse::due(mapping, &work);
        let mut outgoing = Vec::new();
        let mut recreate: Vec<(Work, Decision)> = Vec::new();
        for work in work {
            match self.parents.resolve(&work.wishes) {
                Ok(wishes) => match decide(mapping, work, wishes, &observed) {
                    Next::Send(next) => outgoing.push(*next),
                    Next::Record(recorded) => records.push(*recorded),
                    Next::Recreate(work, decision) => recreate.push((*work, decision)),
                },
                Err(missing) => records.push(self.waiting(&work, &missing)),
            }
        }
        for (work, decision) in recreate {
            match self.recreate(mapping, &work, decision).await? {
                Ok(next) => outgoing.push(next),
                Err(recorded) => records.push(*recorded),
            }
        }
        let (outgoing, mut held) = self.rehearse(mapping, outgoing, &due).await?;
        records.append(&mut held);
        self.record(mapping, records).await?;
        self.deliver(mapping, outgoing).await
    }

    /// Recalls what was sent for the records whose treatment depends on it, now that they were looked at.
    async fn recall(
        &self,
        mapping: &Mapping,
        mut work: Vec<Work>,
        observed: &Observed,
    ) -> Result<Vec<Work>, Error> {
        let contested: Vec<usize> = work
            .iter()
            .enumerate()
            .filter(|(_, work)| match &work.task {
                Task::Update(sfid) | Task::Delete(sfid) => work.is_contested(observed.remote(sfid)),
                Task::Insert | Task::Cancel => false,
            })
            .map(|(position, _)| position)
            .collect();
        let ids: Vec<i32> = contested
            .iter()
            .filter_map(|position| work.get(*position))
            .map(|work| work.net.record_id)
            .collect();
        let entries = self.attempts(&mapping.table, &ids).await?;
        for position in contested {
            if let Some(work) = work.get_mut(position) {
                work.recall(mapping, entries.get(&work.net.record_id).map_or(&[], Vec::as_slice));
            }
        }
        Ok(work)
    }

    /// What the journal knows of these records.
    async fn attempts(
        &self,
        table: &str,
        record_ids: &[i32],
    ) -> Result<HashMap<i32, Vec<JournalEntry>>, Error> {
        if record_ids.is_empty() {
            return Ok(HashMap::new());
        }
        Ok(by_record(postgres::attempts(&self.pusher.db, table, record_ids).await?))
    }

    /// What a person has decided about conflicts of these records.
    async fn decided(
        &self,
        mapping: &Mapping,
        record_ids: &[i32],
    ) -> Result<HashMap<i32, Vec<Decided>>, Error> {
        if mapping.fields.iter().all(|field| field.conflict != ConflictPolicy::Manual) {
            return Ok(HashMap::new());
        }
        Ok(postgres::decided(&self.pusher.db, mapping, record_ids).await?)
    }

    /// Looks for records that inserts may have already, and turns the work into what is left to do.
    ///
    /// What was never sent is not looked for: an insert overwrites nothing, and Salesforce says so where the external
    /// id is taken.
    async fn search(&mut self, mapping: &Mapping, work: Vec<Work>) -> Result<Searched, Error> {
        let inserts: Vec<(RecordRef, Option<String>, &Work)> = work
            .iter()
            .map(|work| (work, key_of(mapping, work)))
            .filter(|(work, key)| {
                let has_key = work.task == Task::Insert && key.is_some();
                !work.history.lost_inserts.is_empty() || (has_key && work.history.tries > 0)
            })
            .map(|(work, key)| (work.record(), key, work))
            .collect();
        let lost: Vec<Lost<'_>> = inserts
            .iter()
            .map(|(record, key, work)| {
                let attempts = &work.history.lost_inserts;
                Lost { record, key: key.as_deref(), attempts }
            })
            .collect();
        let mut searched = Searched::default();
        if lost.is_empty() {
            searched.work = work;
            return Ok(searched);
        }
        let (client, db) = (&self.pusher.client, &self.pusher.db);
        let mut found = resolve::find(client, db, mapping, &lost, self.now).await?;
        for work in work {
            let Some(found) = found.remove(&work.record()) else {
                searched.work.push(work);
                continue;
            };
            if let Found::Record(record) = &found {
                searched.found.push((**record).clone());
            }
            match self.after_search(work, found) {
                Ok(work) => searched.work.push(work),
                Err(recorded) => searched.records.push(*recorded),
            }
        }
        Ok(searched)
    }

    /// What is left to do once an insert was searched for.
    fn after_search(&self, mut work: Work, found: Found) -> Result<Work, Box<Recorded>> {
        let later = |not_before_in, reason: &str| Outcome::Later {
            not_before_in,
            reason: reason.to_owned(),
            outcome: "unknown",
        };
        let outcome = match found {
            Found::Record(record) => {
                work.task = match work.task {
                    Task::Cancel | Task::Delete(_) => Task::Delete(record.id),
                    Task::Insert | Task::Update(_) => Task::Update(record.id),
                };
                return Ok(work);
            }
            Found::Nothing => return Ok(work),
            Found::NotYet => {
                later(NOT_YET_PAUSE, "an insert whose answer never came may still be running")
            }
            // The other row may be about to give the external id up.
            Found::Taken(evidence) if self.age(&work) <= Some(PARENT_GRACE) => {
                later(PARENT_PAUSE, &evidence)
            }
            Found::Taken(evidence) => {
                Outcome::Refused { code: "DUPLICATE_VALUE".to_owned(), message: evidence }
            }
            Found::Undecidable(evidence) => {
                Outcome::Refused { code: "OUTCOME_UNKNOWN".to_owned(), message: evidence }
            }
        };
        Err(Box::new(unsent(&work.record(), work.net.log_ids(), outcome)))
    }

    /// How long ago the application made the latest of the changes.
    fn age(&self, work: &Work) -> Option<TimeDelta> {
        work.net.changed_at().map(|changed_at| self.now - changed_at)
    }

    async fn recreate(
        &mut self,
        mapping: &Mapping,
        work: &Work,
        decision: Decision,
    ) -> Result<Result<Outgoing, Box<Recorded>>, Error> {
        let record = work.record();
        let id = [record.record_id];
        let rows = postgres::read_rows(&self.pusher.db, mapping, &id, &id).await?;
        let Some(fields) = rows.into_iter().find_map(|row| row.fields) else {
            let outcome = settled("deleted on both sides");
            return Ok(Err(Box::new(unsent(&record, work.net.log_ids(), outcome))));
        };
        let wishes = match work.whole(mapping, &fields) {
            Ok(wishes) => wishes,
            Err(error) => return Ok(Err(Box::new(unreadable(&work.net, &error)))),
        };
        self.parents.load(&self.pusher.db, wishes.iter()).await?;
        Ok(match self.parents.resolve(&wishes) {
            Ok(wishes) => Ok(recreation(mapping, work, wishes, decision)),
            Err(missing) => Err(Box::new(self.waiting(work, &missing))),
        })
    }

    /// The end for now of a record that needs a parent.
    pub(super) fn waiting(&self, work: &Work, missing: &Missing) -> Recorded {
        let outcome = match missing {
            Missing::Row(_) | Missing::Nothing(_) if self.age(work) > Some(PARENT_GRACE) => {
                Outcome::Refused { code: "PARENT_NOT_FOUND".to_owned(), message: missing.reason() }
            }
            Missing::Row(_) | Missing::Nothing(_) => Outcome::Later {
                not_before_in: PARENT_PAUSE,
                reason: missing.reason(),
                outcome: "refused",
            },
            Missing::Id(parent) => {
                Outcome::WaitsFor { table: parent.table.clone(), record_id: parent.record_id }
            }
        };
        unsent(&work.record(), work.net.log_ids(), outcome)
    }
}

/// The end of a record for which nothing is sent whatever Salesforce holds.
fn needless(mapping: &Mapping, work: &Work) -> Option<Recorded> {
    let reason = match &work.task {
        Task::Delete(sfid) if mapping.deletes.in_postgres == DeleteRule::Ignore => {
            let outcome = Outcome::KeptAway { sfid: sfid.clone() };
            return Some(unsent(&work.record(), work.net.log_ids(), outcome));
        }
        Task::Cancel if work.history.lost_inserts.is_empty() => "deleted before it was sent",
        Task::Update(_) if work.wishes.is_empty() => "no mapped column changed",
        _ => return None,
    };
    Some(unsent(&work.record(), work.net.log_ids(), settled(reason)))
}

/// A column of which the net operation has a value to send, whose field is out of Salesforce for now.
fn held_column<'a>(mapping: &'a Mapping, net: &Net) -> Option<&'a str> {
    if matches!(net.operation, Operation::Delete | Operation::Cancel) {
        return None;
    }
    let is_changed = |column: &&String| {
        net.changes.iter().any(|change| {
            let value = change.values.as_ref().and_then(|values| values.get(*column));
            // A new row tells all its columns; what is null there is not missed in Salesforce.
            value.is_some_and(|value| value.is_some() || change.action == Action::Update)
        })
    };
    mapping.held_columns.iter().find(is_changed).map(String::as_str)
}

/// The record waits until the field is back, so that nothing of it is lost.
fn held(net: &Net, column: &str) -> Recorded {
    let outcome = Outcome::Later {
        not_before_in: HELD_PAUSE,
        reason: format!("the field of column {column} is out of Salesforce for now"),
        outcome: "refused",
    };
    unsent(&record_of(net), net.log_ids(), outcome)
}

fn unreadable(net: &Net, error: &Unreadable) -> Recorded {
    let outcome = Outcome::Refused { code: "INVALID_VALUE".to_owned(), message: error.to_string() };
    unsent(&record_of(net), net.log_ids(), outcome)
}

fn key_of(mapping: &Mapping, work: &Work) -> Option<String> {
    let values: FieldValues = work
        .wishes
        .iter()
        .filter_map(|wish: &Wish| match &wish.local {
            Local::Value(value) => Some((wish.field, value.clone())),
            Local::Parent(_) => None,
        })
        .collect();
    key_among(mapping, &values)
}

fn by_record(entries: Vec<JournalEntry>) -> HashMap<i32, Vec<JournalEntry>> {
    let mut by_record: HashMap<i32, Vec<JournalEntry>> = HashMap::new();
    for entry in entries {
        by_record.entry(entry.intent.record_id).or_default().push(entry);
    }
    by_record
}
