//! Journals, sends and records what a run decided to send.

use super::Pusher;
use super::breakers::may_pass;
use super::chunks::{Chunk, Chunks, chunks, in_order, next};
use super::outcome::{Answer, Judged, Outgoing, judge, unsent};
use super::run::Run;
use super::send::{Call, Sent, send};
use crate::mapping::Mapping;
use crate::postgres::{self, Lease, Outcome, Recorded};
use crate::reconcile::RecordRef;
use crate::sync::Error;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Calls of one operation under way at once. More gain little, and records under one parent lock each other out.
const IN_FLIGHT_MAX: usize = 3;

/// So many calls that fail in a row are not one record's fault.
const FAILURES_MAX: usize = 2;

/// Records that were journalled and sent together.
pub(super) struct Delivered {
    pub(super) records: Vec<Outgoing>,
    pub(super) journal: Vec<i64>,
    pub(super) sent: Sent,
}

/// Journals the records of one call and sends them.
async fn delivery(
    pusher: &Pusher,
    lease: &Lease,
    mapping: &Mapping,
    call: Call,
    records: Vec<Outgoing>,
) -> Result<Delivered, Error> {
    let intents: Vec<_> = records.iter().map(|next| next.intent(mapping)).collect();
    let journal = postgres::open_journal(&pusher.db, lease, &intents, None).await?;
    let sent = send(&pusher.client, mapping, call, &records).await;
    Ok(Delivered { records, journal, sent })
}

impl Run<'_> {
    /// Sends records of one mapping, each kind of operation by the API that suits its number.
    pub(super) async fn deliver(
        &mut self,
        mapping: &Mapping,
        outgoing: Vec<Outgoing>,
    ) -> Result<(), Error> {
        let is_ordered = self.pusher.group.is_ordered();
        let mut outgoing: Vec<(Call, Outgoing)> =
            outgoing.into_iter().map(|next| (Call::of(mapping, &next), next)).collect();
        if !is_ordered {
            outgoing.sort_by_key(|(call, _)| *call);
        }
        let mut by_call: Vec<(Call, Vec<Outgoing>)> = Vec::new();
        for (call, next) in outgoing {
            match by_call.last_mut().filter(|(last, _)| *last == call) {
                Some((_, records)) => records.push(next),
                None => by_call.push((call, vec![next])),
            }
        }
        for (call, records) in by_call {
            if self.is_over() || self.failed.contains_key(&mapping.object) {
                break;
            }
            let records = self.fill_job(mapping, call, records).await?;
            self.deliver_by_collections(mapping, call, records).await?;
        }
        Ok(())
    }

    async fn deliver_by_collections(
        &mut self,
        mapping: &Mapping,
        call: Call,
        records: Vec<Outgoing>,
    ) -> Result<(), Error> {
        if self.pusher.group.is_ordered() {
            return self.deliver_chunks(mapping, call, in_order(mapping, records), 1).await;
        }
        let locked = self.pusher.locks.parents(self.now);
        let Chunks { beside, alone } = chunks(mapping, records, &locked);
        self.deliver_chunks(mapping, call, beside, IN_FLIGHT_MAX).await?;
        if self.failed.contains_key(&mapping.object) {
            return Ok(());
        }
        self.deliver_chunks(mapping, call, alone, 1).await
    }

    /// Sends calls, some of them beside each other, but never two on a parent that is known to be locked by then.
    async fn deliver_chunks(
        &mut self,
        mapping: &Mapping,
        call: Call,
        mut waiting: Vec<Chunk>,
        in_flight: usize,
    ) -> Result<(), Error> {
        let mut is_halted = self.is_over();
        // One call that fails may have met a record that nobody can swallow: the others need not suffer for it.
        let mut failures = 0;
        let (pusher, lease) = (self.pusher, self.lease);
        let mut deliveries = FuturesUnordered::new();
        let mut under_way: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        let mut begun = 0;
        let mut failure = None;
        loop {
            while !is_halted && !self.stop.is_cancelled() && under_way.len() < in_flight {
                let locked = pusher.locks.parents(self.now);
                let Some(position) = next(&waiting, &under_way, &locked) else { break };
                let Chunk { records, parents } = waiting.remove(position);
                begun += 1;
                under_way.insert(begun, parents);
                let delivery = delivery(pusher, lease, mapping, call, records);
                deliveries.push(delivery.map(move |delivered| (begun, delivered)));
            }
            // Whatever was sent is recorded, even after a failure: its answer is known now and never again.
            let Some((number, delivered)) = deliveries.next().await else { break };
            under_way.remove(&number);
            let recorded = match delivered {
                Ok(delivered) => {
                    failures = match &delivered.sent.halt {
                        Some(error) if may_pass(error) && !pusher.group.is_ordered() => {
                            failures + 1
                        }
                        Some(_) => FAILURES_MAX,
                        None => 0,
                    };
                    is_halted |= failures >= FAILURES_MAX;
                    self.conclude(mapping, delivered).await
                }
                Err(error) => Err(error),
            };
            if let Err(error) = recorded {
                is_halted = true;
                failure.get_or_insert(error);
            }
            is_halted |= self.halt.is_some();
        }
        failure.map_or(Ok(()), Err)
    }

    /// Gives the changes of open journal entries back, as sent with unknown outcome.
    pub(super) async fn release_open_entries(&mut self) -> Result<(), Error> {
        let entries = postgres::open_entries(&self.pusher.db, &self.pusher.tables(&[])).await?;
        let mut by_table: BTreeMap<String, Vec<Recorded>> = BTreeMap::new();
        for entry in entries {
            let record =
                RecordRef { table: entry.intent.table.clone(), record_id: entry.intent.record_id };
            let outcome = Outcome::Later {
                not_before_in: Duration::ZERO,
                reason: "the worker ended before the answer came".to_owned(),
                outcome: "unknown",
            };
            let recorded = Recorded {
                journal: Some(entry.id),
                ..unsent(&record, entry.intent.log_ids, outcome)
            };
            by_table.entry(entry.intent.table).or_default().push(recorded);
        }
        for (table, records) in by_table {
            if let Some(mapping) = self.pusher.mapping(&table) {
                self.record(mapping, records).await?;
            }
        }
        Ok(())
    }

    /// Records what came of what was sent.
    pub(super) async fn conclude(
        &mut self,
        mapping: &Mapping,
        delivered: Delivered,
    ) -> Result<(), Error> {
        let Delivered { records, journal, sent } = delivered;
        self.pusher.locks.note(mapping, records.iter().zip(&sent.answers), self.now);
        let mut halt = sent.halt;
        if sent.answers.iter().any(Answer::is_given) {
            self.answered.insert(mapping.object.clone());
        }
        let mut concluded = Vec::with_capacity(records.len());
        for ((outgoing, journal), answer) in records.into_iter().zip(journal).zip(sent.answers) {
            let judged: Judged = judge(mapping, outgoing, journal, answer);
            halt = halt.or(judged.halt);
            concluded.push(judged.recorded);
        }
        self.record(mapping, concluded).await?;
        match halt {
            Some(error) if may_pass(&error) => self.fails(mapping, error),
            halt => self.halt = self.halt.take().or(halt),
        }
        Ok(())
    }

    /// Records the ends of records and counts them.
    pub(super) async fn record(
        &mut self,
        mapping: &Mapping,
        records: Vec<Recorded>,
    ) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        postgres::record(&self.pusher.db, self.lease, mapping, &records).await?;
        for recorded in records {
            let record = RecordRef { table: recorded.table, record_id: recorded.record_id };
            if recorded.outcome.is_final() {
                self.stopped.remove(&record);
            } else {
                self.stopped.insert(record.clone());
            }
            match recorded.outcome {
                Outcome::Accepted { sfid, .. } => {
                    self.pushed.accepted += 1;
                    if let Some(sfid) = sfid {
                        self.parents.link(record, sfid);
                    }
                }
                Outcome::Begun { sfid } => self.parents.link(record, sfid),
                Outcome::Refused { .. } => self.pushed.refused += 1,
                Outcome::Later { not_before_in, .. } => {
                    self.pushed.waiting += 1;
                    // What need not wait is looked at again at once.
                    self.pushed.more |= not_before_in.is_zero();
                }
                Outcome::WaitsFor { .. } => self.pushed.waiting += 1,
                Outcome::Settled { .. } | Outcome::KeptAway { .. } => self.pushed.settled += 1,
            }
        }
        Ok(())
    }
}
