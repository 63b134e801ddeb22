//! Bulk jobs that are closed: waiting for them, and recording what became of each record, page by page.
//!
//! The changes of other objects go out meanwhile, by Collections: nobody waits for another mapping's backlog.

use super::bulk::{self, PAGE};
use super::deliver::Delivered;
use super::filling::{Notes, recalled};
use super::outcome::{Answer, Outgoing};
use super::parents::Parents;
use super::run::Run;
use super::send::Sent;
use crate::mapping::Mapping;
use crate::model::ChangeState;
use crate::postgres::{self, BulkJob, BulkJobState, JournalEntry, Share, Taking};
use crate::reconcile::{self, Operation, coalesce};
use crate::salesforce::{self, JobInfo, JobKind, JobState, ResultList};
use crate::sync::Error;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// How often the changes of other objects are looked for while a job is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Names of a job's records that are read together.
const NAMES: i64 = 10_000;

/// What goes out while a job is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Serving {
    /// Nothing.
    Off,
    /// The changes of other objects.
    Allowed,
    /// These are being sent now.
    UnderWay,
}

/// What became of all records of a job of which nothing is recorded yet.
pub(super) enum Rest {
    /// Each was written, under the id it had.
    Saved,
    /// All ended alike.
    Same(Answer),
}

impl Rest {
    fn of(&self, entry: &JournalEntry) -> Answer {
        match (self, &entry.intent.sfid) {
            (Self::Same(answer), _) => answer.clone(),
            (Self::Saved, Some(sfid)) => Answer::Saved(sfid.clone()),
            (Self::Saved, None) => Answer::Unknown("the bulk job knows it by no id".to_owned()),
        }
    }
}

impl<'a> Run<'a> {
    /// The mapping of an object.
    pub(super) fn mapping_of(&self, object: &str) -> Option<&'a Mapping> {
        self.pusher.mappings().find(|mapping| mapping.object == object)
    }

    /// Settles Bulk jobs that an earlier run, or a crash, left: one that was never closed is aborted, any other is
    /// waited for.
    pub(super) async fn settle_bulk_jobs(&mut self) -> Result<(), Error> {
        let objects: Vec<String> =
            self.pusher.mappings().map(|mapping| mapping.object.clone()).collect();
        let jobs = postgres::open_bulk_jobs(&self.pusher.db, &objects).await?;
        self.busy.extend(jobs.iter().map(|job| job.object.clone()));
        for job in jobs {
            let Some(mapping) = self.mapping_of(&job.object) else { continue };
            let before = self.pusher.client.calls_made();
            let settled = self.settle_job(mapping, job).await;
            self.pusher.count_calls(mapping, before).await;
            settled?;
            if self.stop.is_cancelled() {
                return Ok(());
            }
        }
        self.busy.clear();
        Ok(())
    }

    async fn settle_job(&mut self, mapping: &Mapping, job: BulkJob) -> Result<(), Error> {
        let mut notes = Notes::new();
        let client = &self.pusher.client;
        let answer = match client.ingest_job(&job.job_id).await {
            Ok(known) if known.state == JobState::Open => {
                client.abort(&job.job_id).await?;
                Answer::NotSent("the bulk job was never closed".to_owned())
            }
            Ok(_) => return self.await_job(mapping, job, notes).await,
            Err(salesforce::Error::NotFound(_)) => {
                Answer::Unknown("the bulk job is not there any more".to_owned())
            }
            Err(error) => return Err(error.into()),
        };
        self.conclude_rest(mapping, &job, &mut notes, Rest::Same(answer)).await?;
        self.end_job(mapping, job).await
    }

    /// Waits for a closed job and records its results. When stopped meanwhile, whoever comes next does it.
    pub(super) async fn await_job(
        &mut self,
        mapping: &Mapping,
        job: BulkJob,
        notes: Notes,
    ) -> Result<(), Error> {
        let (client, job_id) = (self.pusher.client.clone(), job.job_id.clone());
        let waiting = async move { client.await_job(JobKind::Ingest, &job_id).await };
        let Some(ended) = self.beside(waiting).await? else { return Ok(()) };
        let ended = ended?;
        if let Some(message) = &ended.error_message {
            let code = code_of(message);
            tracing::warn!(job = %job.job_id, object = %mapping.object, code, "a bulk job failed");
        }
        self.conclude_job(mapping, &job, &ended, notes).await?;
        self.end_job(mapping, job).await
    }

    /// Records what became of a job's records. What an earlier attempt has recorded already stays as it is.
    async fn conclude_job(
        &mut self,
        mapping: &Mapping,
        job: &BulkJob,
        ended: &JobInfo,
        mut notes: Notes,
    ) -> Result<(), Error> {
        let records = postgres::count_job_entries(&self.pusher.db, &job.job_id).await?;
        let silent = Answer::Unknown("the bulk job's results do not mention it".to_owned());
        let needs_no_list =
            bulk::did_all(ended, records) && matches!(job.operation.as_str(), "update" | "delete");
        if !needs_no_list {
            let entries = self.marks_of(job).await?;
            for list in ended.result_lists(records) {
                self.conclude_list(mapping, (job, ended, list), &entries, &mut notes).await?;
            }
        }
        let rest = if needs_no_list { Rest::Saved } else { Rest::Same(silent) };
        self.conclude_rest(mapping, job, &mut notes, rest).await
    }

    /// The job's open entries, by what stands for their names.
    async fn marks_of(&self, job: &BulkJob) -> Result<HashMap<u64, i64>, Error> {
        let mut entries = HashMap::new();
        let mut after = 0;
        loop {
            let page = postgres::job_names(&self.pusher.db, &job.job_id, after, NAMES).await?;
            let Some((last, _)) = page.last() else { return Ok(entries) };
            after = *last;
            let named = page.into_iter().filter_map(|(id, name)| Some((bulk::mark(&name?), id)));
            entries.extend(named);
        }
    }

    async fn conclude_list(
        &mut self,
        mapping: &Mapping,
        (job, ended, list): (&BulkJob, &JobInfo, ResultList),
        entries: &HashMap<u64, i64>,
        notes: &mut Notes,
    ) -> Result<(), Error> {
        let key_column = mapping.key.as_ref().map(|key| key.field.as_str());
        let mut rows = self.pusher.client.open_results(ended, list).await?;
        loop {
            let mut answers: HashMap<i64, Answer> = HashMap::new();
            let mut is_over = false;
            while answers.len() < PAGE && !is_over {
                let Some(row) = rows.next().await? else {
                    is_over = true;
                    continue;
                };
                let named = bulk::answer(list, row, key_column);
                let entry = named
                    .and_then(|(name, answer)| Some((*entries.get(&bulk::mark(&name))?, answer)));
                answers.extend(entry);
            }
            let ids: Vec<i64> = answers.keys().copied().collect();
            let page = postgres::job_entries_among(&self.pusher.db, &job.job_id, &ids).await?;
            let answers = page.iter().filter_map(|entry| answers.remove(&entry.id)).collect();
            self.conclude_page(mapping, &page, answers, notes).await?;
            if is_over || self.stop.is_cancelled() {
                return Ok(());
            }
        }
    }

    /// Records the same kind of end for all of the job's records that have none yet.
    pub(super) async fn conclude_rest(
        &mut self,
        mapping: &Mapping,
        job: &BulkJob,
        notes: &mut Notes,
        rest: Rest,
    ) -> Result<(), Error> {
        let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let mut after = 0;
        loop {
            let page = postgres::job_entries(&self.pusher.db, &job.job_id, after, limit).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.id;
            let answers = page.iter().map(|entry| rest.of(entry)).collect();
            self.conclude_page(mapping, &page, answers, notes).await?;
        }
    }

    async fn conclude_page(
        &mut self,
        mapping: &Mapping,
        page: &[JournalEntry],
        answers: Vec<Answer>,
        notes: &mut Notes,
    ) -> Result<(), Error> {
        let records: Vec<Outgoing> =
            page.iter().map(|entry| recalled(mapping, entry, notes)).collect();
        let journal = page.iter().map(|entry| entry.id).collect();
        let sent = Sent { answers, halt: None };
        self.conclude(mapping, Delivered { records, journal, sent }).await?;
        if !self.is_between_waves {
            // The rows know their records now; nobody in this run asks for so many.
            self.parents = Parents::default();
        }
        self.serve_others().await
    }

    pub(super) async fn end_job(&mut self, mapping: &Mapping, job: BulkJob) -> Result<(), Error> {
        let done = BulkJob { state: BulkJobState::Done, ..job };
        postgres::save_bulk_job(&self.pusher.db, self.lease, &done).await?;
        self.busy.remove(&mapping.object);
        Ok(())
    }

    /// Waits for something that a job needs, while the changes of other objects go out. `None` when stopped.
    pub(super) async fn beside<T>(
        &mut self,
        waiting: impl Future<Output = T> + Send,
    ) -> Result<Option<T>, Error> {
        tokio::pin!(waiting);
        loop {
            let step = tokio::time::timeout(LOOK_EVERY, &mut waiting);
            match self.stop.run_until_cancelled(step).await {
                None => return Ok(None),
                Some(Ok(done)) => return Ok(Some(done)),
                Some(Err(_)) => self.serve_others().await?,
            }
        }
    }

    /// Sends what is due of objects that no job is about, a call's worth at a time. A backlog waits for its turn, and so
    /// do deletions: what the job carries may be about to change what they take along.
    async fn serve_others(&mut self) -> Result<(), Error> {
        // Where the order counts, nothing overtakes.
        let is_off = self.serving != Serving::Allowed || self.pusher.group.is_ordered();
        if is_off || self.is_over() {
            return Ok(());
        }
        let mut left_out = self.paused.clone();
        left_out.extend(self.busy.iter().cloned());
        left_out.extend(self.failed.keys().cloned());
        let tables = self.pusher.tables(&left_out);
        if tables.is_empty() {
            return Ok(());
        }
        let may_update = self.pusher.client.budget().allows(reconcile::Work::Update);
        let taking = if may_update { Taking::All } else { Taking::InsertsAndDeletions };
        let lookups = self.pusher.lookups();
        let limit = super::SHARE;
        let share = Share { lookups: &lookups, taking, ..Share::of(&tables, limit) };
        let changes = postgres::claim(&self.pusher.db, self.lease, &share).await?;
        if changes.is_empty() {
            return Ok(());
        }
        self.pushed.claimed += changes.len();
        if changes.len() >= super::STEP {
            let tables = changes.iter().map(|change| change.table.as_str());
            let objects =
                tables.filter_map(|table| Some(self.pusher.mapping(table)?.object.clone()));
            self.paused.extend(objects.collect::<BTreeSet<_>>());
        }
        let mut nets = coalesce(changes).now;
        nets.retain(|net| net.changes.iter().any(|change| change.state != ChangeState::Failed));
        let all = nets.len();
        nets.retain(|net| net.operation != Operation::Delete);
        self.pushed.more = true;
        self.serving = Serving::UnderWay;
        let is_whole = nets.len() == all;
        let served = self.serve(nets).await;
        self.serving = if is_whole { Serving::Allowed } else { Serving::Off };
        served
    }

    /// The one way round in which a run calls itself, one level deep.
    fn serve(&mut self, nets: Vec<reconcile::Net>) -> BoxFuture<'_, Result<(), Error>> {
        async move {
            let work = self.gather(nets).await?;
            self.push(work).await
        }
        .boxed()
    }
}

/// What is safe to log of a failed job's words: the code before the first colon. The rest may quote cells.
fn code_of(message: &str) -> &str {
    let code = message.split(':').next().unwrap_or_default().trim();
    let is_code = code.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if is_code { code } else { "" }
}

#[cfg(test)]
mod tests {
    use super::code_of;

    #[test]
    fn of_a_failed_jobs_words_only_the_code_is_logged() {
        #[rustfmt::skip]
        let table = [
            ("InvalidBatch : Field name not found : Canary__c",       "InvalidBatch"),
            ("InternalServerError:could not parse 'canary'",          "InternalServerError"),
            ("could not parse 'canary'",                              ""),
            ("could not parse 'canary': unexpected end",              ""),
            ("",                                                      ""),
        ];
        for (message, code) in table {
            assert_eq!(code_of(message), code, "{message}");
        }
    }
}
