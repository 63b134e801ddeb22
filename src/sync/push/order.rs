//! In which order a claim goes out: parents before children, circles in two passes, children deleted before parents.

use super::outcome::unsent;
use super::parents::Missing;
use super::run::Run;
use super::send::whole;
use super::settle::Serving;
use super::work::{Task, Work, record_of};
use crate::mapping::{Mapping, ROW_ID};
use crate::model::{Change, SalesforceId};
use crate::postgres::{Outcome, Recorded};
use crate::reconcile::{Batch, Net, Node, Operation, RecordRef, runs, schedule};
use crate::sync::Error;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What becomes of work that needs a row which is not inserted along with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blocked {
    /// It waits until the row is in Salesforce.
    Waits,
    /// It is given back.
    ComesBack,
}

impl Run<'_> {
    /// Sends everything that can be sent, parents before children. What an insert had to leave out because the record
    /// it refers to was not there yet goes out at the end.
    pub(super) async fn push(&mut self, work: Vec<Work>) -> Result<(), Error> {
        self.push_free(work, Blocked::Waits).await?;
        Ok(())
    }

    /// Sends changes one by one in the order in which they were made, neighbours of a kind together. Only what needs a
    /// row that was inserted later steps back: it goes out at the end.
    pub(super) async fn push_in_order(&mut self, steps: Vec<Net>) -> Result<(), Error> {
        let mut stepped_back = Vec::new();
        for mut run in runs(steps) {
            let all = run.len();
            run.retain(|step| !self.stopped.contains(&record_of(step)));
            // The log rows that are left out stay claimed, and come again as soon as their record may go on.
            self.pushed.more |= run.len() < all;
            // What follows a call that failed waits with it.
            if self.is_over() || !self.failed.is_empty() {
                return Ok(());
            }
            let work = self.gather(run).await?;
            let blocked = self.push_free(work, Blocked::ComesBack).await?;
            self.stopped.extend(blocked.iter().map(Work::record));
            stepped_back.extend(blocked);
        }
        self.push(stepped_back).await
    }

    async fn push_free(
        &mut self,
        work: Vec<Work>,
        if_blocked: Blocked,
    ) -> Result<Vec<Work>, Error> {
        self.parents.load(&self.pusher.db, work.iter().flat_map(|work| &work.wishes)).await?;
        let predecessors = predecessors(&self.pusher.group.mappings, &work);
        let (mut nodes, mut ready, mut held_back) = (Vec::new(), Vec::new(), Vec::new());
        for work in work {
            let Some(mapping) = self.pusher.mapping(&work.net.table) else { continue };
            match self.parents.needs(mapping, &work.wishes) {
                Ok(needs) => {
                    let record = work.record();
                    let follows = predecessors.get(&record).cloned().unwrap_or_default();
                    nodes.push(Node { record, operation: work.operation(), needs, follows });
                    ready.push(Some(work));
                }
                Err(missing) => held_back.push(self.waiting(&work, &missing)),
            }
        }
        let schedule = schedule(&nodes);
        let mut blocked = Vec::new();
        for (position, parent) in schedule.blocked {
            let Some(work) = ready.get_mut(position).and_then(Option::take) else { continue };
            match if_blocked {
                Blocked::Waits => held_back.push(self.waiting(&work, &Missing::Id(parent))),
                Blocked::ComesBack => blocked.push(work),
            }
        }
        for position in schedule.cycles {
            if let Some(work) = ready.get_mut(position).and_then(Option::take) {
                held_back.push(in_a_circle(&work));
            }
        }
        self.record_all(held_back).await?;
        let mut second_pass = Vec::new();
        for (position, parents) in schedule.second_pass {
            if let Some(Some(work)) = ready.get_mut(position) {
                second_pass.push(work.split(|wish| self.parents.is_one_of(wish, &parents)));
            }
        }
        for wave in schedule.waves {
            let members = wave.iter().flat_map(|batch| &batch.members);
            let members = members.filter_map(|position| nodes.get(*position));
            if self.wait_for_jobs(members) {
                if self.serving == Serving::UnderWay {
                    // No job can be finished now: these stay claimed, and come again.
                    return Ok(blocked);
                }
                self.finish_between_waves().await?;
            }
            for batch in shortest_first(wave) {
                let take = |position: &usize| ready.get_mut(*position).and_then(Option::take);
                let members: Vec<Work> = batch.members.iter().filter_map(take).collect();
                self.push_members(&batch.table, members).await?;
            }
        }
        if second_pass.iter().any(|work| self.is_carried(&work.record())) {
            self.finish_between_waves().await?;
        }
        self.push_second_pass(second_pass).await?;
        Ok(blocked)
    }

    /// Sets the references that were left out of the inserts which Salesforce has accepted.
    async fn push_second_pass(&mut self, work: Vec<Work>) -> Result<(), Error> {
        let mut by_table: BTreeMap<String, Vec<Work>> = BTreeMap::new();
        for mut work in work {
            let record = work.record();
            let new_id = self.parents.new_id(&record).cloned();
            if let (Some(sfid), Some(mapping)) = (new_id, self.pusher.mapping(&record.table)) {
                work.follow(mapping, sfid);
                by_table.entry(record.table).or_default().push(work);
            }
        }
        for (table, members) in by_table {
            self.push_members(&table, members).await?;
        }
        Ok(())
    }

    /// Sends work of one table, unless the run is over or the table's calls fail.
    async fn push_members(&mut self, table: &str, members: Vec<Work>) -> Result<(), Error> {
        let mapping = self.pusher.mapping(table).filter(|_| !members.is_empty() && !self.is_over());
        let is_well = |mapping: &&Mapping| !self.failed.contains_key(&mapping.object);
        let Some(mapping) = mapping.filter(is_well) else { return Ok(()) };
        let before = self.pusher.client.calls_made();
        let outcome = self.push_batch(mapping, members).await;
        self.pusher.count_calls(mapping, before).await;
        let outcome = outcome.map_err(|error| of_mapping(mapping, error));
        self.watch(mapping, before, outcome)
    }

    /// Records ends of records of any tables.
    async fn record_all(&mut self, records: Vec<Recorded>) -> Result<(), Error> {
        let mut by_table: BTreeMap<String, Vec<Recorded>> = BTreeMap::new();
        for recorded in records {
            by_table.entry(recorded.table.clone()).or_default().push(recorded);
        }
        for (table, records) in by_table {
            if let Some(mapping) = self.pusher.mapping(&table) {
                self.record(mapping, records).await?;
            }
        }
        Ok(())
    }
}

/// A few records do not wait for a backlog that goes out beside them.
fn shortest_first(mut wave: Vec<Batch>) -> Vec<Batch> {
    wave.sort_by_key(|batch| batch.members.len());
    wave
}

fn in_a_circle(work: &Work) -> Recorded {
    let outcome = Outcome::Refused {
        code: "REFERENCE_CYCLE".to_owned(),
        message: "this row and its parents refer to each other in a circle, and none of the references may be empty \
                  at first and set afterwards"
            .to_owned(),
    };
    unsent(&work.record(), work.net.log_ids(), outcome)
}

/// A refusal that would meet every record of the mapping concerns the mapping, whichever request met it.
pub(super) fn of_mapping(mapping: &Mapping, error: Error) -> Error {
    match error {
        Error::Salesforce(error) => whole(mapping, error),
        other => other,
    }
}

/// What should go out before a record where that is possible.
///
/// Before a deletion: the deletions of rows that refer to it, and the changes by which rows cease to, since Salesforce
/// may refuse to delete a record that others refer to, or delete them too. Before the next holder of an external id:
/// the deletion or change by which the former gives it up.
fn predecessors(mappings: &[Mapping], work: &[Work]) -> HashMap<RecordRef, Vec<RecordRef>> {
    let deleted: HashMap<&SalesforceId, RecordRef> = work
        .iter()
        .filter_map(|work| match &work.task {
            Task::Delete(sfid) => Some((sfid, work.record())),
            _ => None,
        })
        .collect();
    let deleted_by_name = deleted_by_name(mappings, work);
    let mut takers: HashMap<(&str, &str), RecordRef> = HashMap::new();
    for work in work {
        let key = mapping_of(mappings, work).and_then(|mapping| mapping.key.as_ref());
        let taken = key.and_then(|key| {
            let mut changes = work.net.changes.iter().rev();
            changes.find_map(|change| change.values.as_ref()?.get(&key.column)?.as_deref())
        });
        if let Some(taken) = taken.filter(|_| work.operation() != Operation::Delete) {
            takers.insert((&work.net.table, taken), work.record());
        }
    }
    let mut predecessors: HashMap<RecordRef, Vec<RecordRef>> = HashMap::new();
    for work in work.iter().filter(|work| work.operation() != Operation::Insert) {
        let Some(mapping) = mapping_of(mappings, work) else { continue };
        let parents = mapping.fields.iter().filter(|field| !field.reference_to.is_empty());
        let parents = parents.filter_map(|field| {
            let named_by = field.reference.as_ref();
            let by_id = left(work, &field.column, named_by.map(|it| &*it.column))
                .and_then(|sfid| deleted.get(&SalesforceId::parse(sfid).ok()?));
            // The lookup follows only when Salesforce is read again; until then the name tells.
            by_id.or_else(|| {
                let reference = named_by?;
                let name = left(work, &reference.column, Some(&field.column))?;
                deleted_by_name.get(&(&*reference.table, &*reference.match_column, name.to_owned()))
            })
        });
        let next = mapping
            .key
            .as_ref()
            .and_then(|key| takers.get(&(work.net.table.as_str(), left(work, &key.column, None)?)));
        for successor in parents.chain(next).filter(|successor| **successor != work.record()) {
            predecessors.entry(successor.clone()).or_default().push(work.record());
        }
    }
    predecessors
}

/// The rows that are deleted, by what other rows name them: table, column and value.
fn deleted_by_name<'a>(
    mappings: &'a [Mapping],
    work: &[Work],
) -> HashMap<(&'a str, &'a str, String), RecordRef> {
    let references = mappings.iter().flat_map(|mapping| &mapping.fields);
    let names: BTreeSet<(&str, &str)> = references
        .filter_map(|field| field.reference.as_ref())
        .map(|reference| (&*reference.table, &*reference.match_column))
        .collect();
    let mut deleted = HashMap::new();
    for work in work.iter().filter(|work| matches!(work.task, Task::Delete(_))) {
        for (table, column) in names.iter().filter(|(table, _)| *table == work.net.table) {
            let name = if *column == ROW_ID {
                Some(work.net.record_id.to_string())
            } else {
                left(work, column, None).map(str::to_owned)
            };
            if let Some(name) = name {
                deleted.insert((*table, *column, name), work.record());
            }
        }
    }
    deleted
}

fn mapping_of<'a>(mappings: &'a [Mapping], work: &Work) -> Option<&'a Mapping> {
    mappings.iter().find(|mapping| mapping.table == work.net.table)
}

/// What the column held before the changes, where they delete the row or give the column, or the one that stands for it,
/// another value.
fn left<'a>(work: &'a Work, column: &str, stands_for_it: Option<&str>) -> Option<&'a str> {
    let changes_it = |change: &&Change| {
        change.values.as_ref().is_none_or(|values| {
            values.contains_key(column) || stands_for_it.is_some_and(|it| values.contains_key(it))
        })
    };
    let earliest =
        work.net.changes.iter().filter(|change| change.old.is_some()).find(changes_it)?;
    earliest.old.as_ref()?.get(column)?.as_deref()
}
