//! Filling Bulk jobs: claim after claim goes into the same job, until nothing more is due or the job is full.
//!
//! A job's id is committed before anything is journalled for it. While a job is being filled, nothing of it has left:
//! whatever ends the run, the job is aborted by whoever comes next, and what it carries is given back unharmed.

use super::breakers::may_pass;
use super::bulk::{self, PAGE};
use super::locks::parents;
use super::order::of_mapping;
use super::outcome::{Answer, Outgoing};
use super::run::Run;
use super::send::{Call, lost, whole};
use super::settle::{Rest, Serving};
use crate::mapping::Mapping;
use crate::model::SalesforceId;
use crate::postgres::{self, BulkJob, BulkJobState, JournalEntry};
use crate::reconcile::{Conflict, FieldValues, Net, Node, Operation, RecordRef, value_of_json};
use crate::salesforce::{IngestCsv, IngestOperation, UPLOAD_BYTES_MAX};
use crate::sync::Error;
use std::collections::{HashMap, HashSet};
use std::iter::Peekable;
use std::vec::IntoIter;

/// A job of so many records is full. Salesforce works on ten thousand at a time, and the mapping is neither polled nor
/// sent any further until the job is through.
const RECORDS_MAX: u64 = 100_000;

/// So is a job that is half as large as an upload may be: there is room for the largest row.
const BYTES_MAX: u64 = UPLOAD_BYTES_MAX / 2;

/// And one of which so much has to be remembered beside the journal.
const NOTES_MAX: usize = 10_000;

/// A job that is being filled.
#[derive(Default)]
pub(super) struct Filling {
    /// Absent until there is something to put in.
    job: Option<BulkJob>,
    csv: IngestCsv,
    notes: Notes,
    records: HashSet<i32>,
    marks: HashSet<u64>,
}

/// What the journal does not hold of the entries that have more to them, by the entry's id.
pub(super) type Notes = HashMap<i64, Note>;

/// What was decided about a record beside what is sent.
pub(super) struct Note {
    adopt: FieldValues,
    conflicts: Vec<Conflict>,
    lastop: &'static str,
    tries: usize,
    doubts: usize,
}

impl Note {
    /// The note about a record; `None` where the journal says all.
    fn of(outgoing: Outgoing) -> Option<Self> {
        let is_plain = outgoing.adopt.is_empty()
            && outgoing.conflicts.is_empty()
            && outgoing.tries == 0
            && outgoing.lastop == super::outcome::lastop(outgoing.action);
        (!is_plain).then_some(Self {
            adopt: outgoing.adopt,
            conflicts: outgoing.conflicts,
            lastop: outgoing.lastop,
            tries: outgoing.tries,
            doubts: outgoing.doubts,
        })
    }
}

/// The record of a journal entry, with what was noted about it.
pub(super) fn recalled(mapping: &Mapping, entry: &JournalEntry, notes: &mut Notes) -> Outgoing {
    // The parents that it was given are what a lock is about.
    let parents =
        mapping.fields.iter().enumerate().filter(|(_, field)| !field.reference_to.is_empty());
    let values = parents.filter_map(|(position, field)| {
        let json = entry.intent.values.get(&field.name)?;
        Some((position, value_of_json(field.column_type, json)?))
    });
    let outgoing = Outgoing { values: values.collect(), ..Outgoing::of_entry(entry) };
    match notes.remove(&entry.id) {
        None => outgoing,
        Some(Note { adopt, conflicts, lastop, tries, doubts }) => {
            Outgoing { adopt, conflicts, lastop, tries, doubts, ..outgoing }
        }
    }
}

impl Filling {
    /// Takes the next records in, as many as belong together and find room; `left` gets those that a job cannot carry.
    fn take(
        &mut self,
        mapping: &Mapping,
        records: &mut Peekable<IntoIter<Outgoing>>,
        left: &mut Vec<Outgoing>,
    ) -> Result<Vec<Outgoing>, Error> {
        let mut page = Vec::new();
        while page.len() < PAGE && !self.is_full() {
            let Some(next) = records.next() else { break };
            let name = next.sfid.as_ref().map(SalesforceId::as_str).or(next.key.as_deref());
            let mark = name.map(bulk::mark).filter(|mark| !self.marks.contains(mark));
            match mark.zip(bulk::row(mapping, &next, &next.intent(mapping))) {
                Some((mark, row)) => {
                    self.csv.add(&row)?;
                    self.marks.insert(mark);
                    self.records.insert(next.record.record_id);
                    page.push(next);
                }
                None => left.push(next),
            }
        }
        Ok(page)
    }

    fn is_full(&self) -> bool {
        self.csv.rows() >= RECORDS_MAX
            || self.csv.bytes() >= BYTES_MAX
            || self.notes.len() >= NOTES_MAX
    }
}

impl Run<'_> {
    /// Puts what is many enough and expressible into a Bulk job, and answers what is left. The job is sent when it is
    /// full, or when somebody finishes it.
    pub(super) async fn fill_job(
        &mut self,
        mapping: &Mapping,
        call: Call,
        records: Vec<Outgoing>,
    ) -> Result<Vec<Outgoing>, Error> {
        let Some(operation) = bulk::operation(call) else { return Ok(records) };
        if !self.goes_by_bulk(mapping, call, records.len()).await? {
            return Ok(records);
        }
        // Salesforce works on several parts of a job at once: what locked each other out goes call after call.
        let locked = self.pusher.locks.parents(self.now);
        let is_locked = |next: &Outgoing| {
            !locked.is_empty()
                && parents(mapping, next).iter().any(|parent| locked.contains(parent))
        };
        let (mut left, free): (Vec<_>, Vec<_>) = records.into_iter().partition(is_locked);
        let mut records = free.into_iter().peekable();
        let key = (mapping.object.clone(), call);
        // What is not taken stays claimed, and comes again.
        while records.peek().is_some() && !self.is_over() && !self.failed.contains_key(&key.0) {
            let mut filling = self.filling.remove(&key).unwrap_or_default();
            let page = filling.take(mapping, &mut records, &mut left)?;
            if page.is_empty() {
                if filling.job.is_some() {
                    self.filling.insert(key.clone(), filling);
                }
                continue;
            }
            let job = match filling.job.take() {
                Some(job) => job,
                None => match self.start_job(mapping, call, operation).await? {
                    Some(job) => job,
                    None => break,
                },
            };
            let (db, job_id) = (&self.pusher.db, job.job_id.as_str());
            let intents: Vec<_> = page.iter().map(|next| next.intent(mapping)).collect();
            let ids = postgres::open_journal(db, self.lease, &intents, Some(job_id)).await?;
            let notes = ids.into_iter().zip(page);
            filling.notes.extend(notes.filter_map(|(id, next)| Some((id, Note::of(next)?))));
            filling.job = Some(job);
            let is_full = filling.is_full();
            self.filling.insert(key.clone(), filling);
            if is_full {
                self.finish_job(&key).await?;
            }
        }
        Ok(left)
    }

    async fn goes_by_bulk(
        &self,
        mapping: &Mapping,
        call: Call,
        records: usize,
    ) -> Result<bool, Error> {
        // A job divides its rows among calls of its own, which run beside each other.
        if self.is_over()
            || self.serving == Serving::UnderWay
            || self.pusher.group.is_ordered()
            || records == 0
        {
            return Ok(false);
        }
        let above = mapping.bulk.write_above;
        if records > above || self.filling.contains_key(&(mapping.object.clone(), call)) {
            return Ok(true);
        }
        if !self.is_cut_short || records < super::STEP {
            return Ok(false);
        }
        // The claim stopped early, since its rows are large: what waits counts, not what was taken.
        Ok(postgres::waits_more_than(&self.pusher.db, &mapping.table, above).await?)
    }

    /// Opens a job and commits its id; `None` where Salesforce does not open it.
    async fn start_job(
        &mut self,
        mapping: &Mapping,
        call: Call,
        operation: IngestOperation,
    ) -> Result<Option<BulkJob>, Error> {
        let (db, client) = (&self.pusher.db, &self.pusher.client);
        let key_field = mapping.key.as_ref().filter(|_| call == Call::Upsert);
        let key_field = key_field.map(|key| key.field.as_str());
        let job_id = match client.start_ingest_job(&mapping.object, operation, key_field).await {
            Ok(job_id) => job_id,
            Err(error) => {
                self.stops(mapping, whole(mapping, error));
                return Ok(None);
            }
        };
        let job = BulkJob {
            job_id,
            object: mapping.object.clone(),
            operation: operation.as_str().to_owned(),
            state: BulkJobState::Open,
        };
        postgres::save_bulk_job(db, self.lease, &job).await?;
        self.busy.insert(mapping.object.clone());
        Ok(Some(job))
    }

    /// Whether a job is being filled.
    pub(super) fn is_filling(&self) -> bool {
        !self.filling.is_empty()
    }

    /// Whether a job that is being filled carries the record.
    pub(super) fn is_carried(&self, record: &RecordRef) -> bool {
        self.filling.iter().any(|((object, _), filling)| {
            filling.records.contains(&record.record_id)
                && self
                    .pusher
                    .mapping(&record.table)
                    .is_some_and(|mapping| mapping.object == *object)
        })
    }

    /// Whether the jobs that are being filled have to be through before these may go. A deletion takes along in
    /// Salesforce what refers to the record, or is refused for it: what a job carries may be about to change that.
    pub(super) fn must_finish_before(&self, nets: &[Net]) -> bool {
        let mut deletions = nets.iter().filter(|net| net.operation == Operation::Delete);
        self.is_filling() && deletions.any(|net| !self.goes_along(net))
    }

    /// Whether a deletion may go in one job with those before it: nothing but rows of its own table is being deleted,
    /// and these do not refer to each other.
    fn goes_along(&self, net: &Net) -> bool {
        let Some(mapping) = self.pusher.mapping(&net.table) else { return false };
        let refers_to_itself =
            mapping.fields.iter().any(|field| field.reference_to.contains(&mapping.object));
        let is_alike =
            |(object, call): &(String, Call)| *object == mapping.object && *call == Call::Delete;
        !refers_to_itself && self.filling.keys().all(is_alike)
    }

    /// Whether these operations wait for what a job that is being filled carries.
    pub(super) fn wait_for_jobs<'n>(&self, mut nodes: impl Iterator<Item = &'n Node>) -> bool {
        let is_awaited = |node: &Node| {
            let mut awaited = node.follows.iter().chain(node.needs.iter().map(|need| &need.record));
            awaited.any(|record| self.is_carried(record))
        };
        self.is_filling() && nodes.any(is_awaited)
    }

    /// Sends all jobs that are being filled, and waits for them; more of the same schedule follows.
    pub(super) async fn finish_between_waves(&mut self) -> Result<(), Error> {
        self.is_between_waves = true;
        let finished = self.finish_jobs().await;
        self.is_between_waves = false;
        finished
    }

    /// Sends all jobs that are being filled, and waits for them.
    pub(super) async fn finish_jobs(&mut self) -> Result<(), Error> {
        while let Some(key) = self.filling.keys().next().cloned() {
            if self.is_over() {
                // What was never closed is aborted by whoever comes next.
                return Ok(());
            }
            let (object, _) = &key;
            let Some(mapping) = self.mapping_of(object) else { break };
            let before = self.pusher.client.calls_made();
            let outcome = self.finish_job(&key).await;
            self.pusher.count_calls(mapping, before).await;
            let outcome = outcome.map_err(|error| of_mapping(mapping, error));
            self.watch(mapping, before, outcome)?;
        }
        Ok(())
    }

    /// Uploads and closes a job, waits for it and records its results. When stopped meanwhile, whoever comes next
    /// settles the job by its id.
    async fn finish_job(&mut self, key: &(String, Call)) -> Result<(), Error> {
        let Some(filling) = self.filling.remove(key) else { return Ok(()) };
        let Some(mapping) = self.mapping_of(&key.0) else { return Ok(()) };
        let Filling { job: Some(job), csv, mut notes, .. } = filling else { return Ok(()) };
        self.has_finished = true;
        let (db, client) = (self.pusher.db.clone(), self.pusher.client.clone());
        let upload = bulk::upload(db, mapping.clone(), job.job_id.clone(), csv);
        let job_id = job.job_id.clone();
        let uploading = async move { client.upload(&job_id, upload).await };
        let Some(uploaded) = self.beside(uploading).await? else { return Ok(()) };
        let client = &self.pusher.client;
        if let Err(error) = uploaded {
            let aborted = client.abort(&job.job_id).await;
            if let Err(error) = &aborted {
                tracing::warn!(job = %job.job_id, %error, "a bulk job that was never closed could not be aborted yet");
            }
            let answer = Answer::NotSent(error.to_string());
            self.conclude_rest(mapping, &job, &mut notes, Rest::Same(answer)).await?;
            self.stops(mapping, whole(mapping, error));
            return if aborted.is_ok() { self.end_job(mapping, job).await } else { Ok(()) };
        }
        if let Err(error) = client.close(&job.job_id).await {
            let answer = lost(&error);
            if !matches!(answer, Answer::NotSent(_)) {
                return Err(error.into());
            }
            self.conclude_rest(mapping, &job, &mut notes, Rest::Same(answer)).await?;
            self.stops(mapping, whole(mapping, error));
            return Ok(());
        }
        self.await_job(mapping, job, notes).await
    }

    /// Nothing more of the mapping, or of anything, is sent in this run.
    fn stops(&mut self, mapping: &Mapping, error: Error) {
        if may_pass(&error) {
            self.fails(mapping, error);
        } else {
            self.halt.get_or_insert(error);
        }
    }
}
