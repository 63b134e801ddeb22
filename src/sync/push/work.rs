//! One record's share of a claim, with everything Postgres knows about it.

use crate::mapping::Mapping;
use crate::model::{Action, Fields, SalesforceId, Value};
use crate::postgres::{JournalEntry, LocalRow};
use crate::reconcile::{
    Attempt, Base, Decided, Net, Operation, RecordRef, Remote, Repeats, Unreadable, Wish,
    value_of_json, whole_row, wishes,
};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// What is to be done about a record, as far as Postgres knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Salesforce does not have it yet.
    Insert,
    /// Salesforce has it.
    Update(SalesforceId),
    /// The row is gone, Salesforce has the record.
    Delete(SalesforceId),
    /// The row is gone, and Salesforce should never have heard of it.
    Cancel,
}

/// One record's share of a claim.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) net: Net,
    pub(super) task: Task,
    pub(super) wishes: Vec<Wish>,
    /// Fields whose references follow in a second write, by their position in the mapping.
    pub(super) later: Vec<usize>,
    /// The row as it stands; absent where it was deleted.
    pub(super) row: Option<LocalRow>,
    pub(super) history: History,
    /// What a person has decided about its conflicts.
    pub(super) decided: Vec<Decided>,
}

impl Work {
    /// Brings together what the log, the table and the journal say about a record.
    pub(super) fn new(
        net: Net,
        mapping: &Mapping,
        row: Option<LocalRow>,
        entries: &[JournalEntry],
    ) -> Result<Self, Box<(Net, Unreadable)>> {
        let task = task_of(&net, row.as_ref());
        let wishes = match (&task, &row) {
            (Task::Delete(_) | Task::Cancel, _) => Ok(Vec::new()),
            (Task::Insert, Some(LocalRow { fields: Some(fields), .. })) if goes_whole(&net) => {
                whole_row(mapping, fields, changed_at(&net))
            }
            _ => wishes(&net, mapping),
        };
        match wishes {
            Ok(wishes) => {
                let history = History::new(&net.log_ids(), mapping, entries);
                let (later, decided) = (Vec::new(), Vec::new());
                let mut work = Self { net, task, wishes, later, row, history, decided };
                work.forget_what_is_wished(mapping);
                Ok(work)
            }
            Err(error) => Err(Box::new((net, error))),
        }
    }

    /// Splits off the references that follow once the record is created: what is left goes out first.
    pub(super) fn split(&mut self, is_later: impl Fn(&Wish) -> bool) -> Self {
        let (later, now): (Vec<Wish>, Vec<Wish>) =
            std::mem::take(&mut self.wishes).into_iter().partition(is_later);
        self.wishes = now;
        self.later = later.iter().map(|wish| wish.field).collect();
        Self {
            net: self.net.clone(),
            task: Task::Insert,
            wishes: later,
            later: Vec::new(),
            row: self.row.clone(),
            history: History::default(),
            decided: self.decided.clone(),
        }
    }

    /// The record that [`Work::split`] split this off from has been created as `sfid`, with these fields empty.
    pub(super) fn follow(&mut self, mapping: &Mapping, sfid: SalesforceId) {
        let fields = self.wishes.iter().filter_map(|wish| mapping.fields.get(wish.field));
        let values = fields.map(|field| (field.name.clone(), Value::Null)).collect();
        self.history.attempts.push(Attempt { values, is_unresolved: false });
        if let Some(row) = &mut self.row {
            row.sfid = Some(sfid.clone());
        }
        self.task = Task::Update(sfid);
    }

    pub(super) fn record(&self) -> RecordRef {
        record_of(&self.net)
    }

    /// The captured text of what is to be written has become wishes. What orders records among each other stays, and
    /// what was deleted keeps all of it: the deletion is decided by the row as it was.
    fn forget_what_is_wished(&mut self, mapping: &Mapping) {
        if !matches!(self.task, Task::Insert | Task::Update(_)) {
            return;
        }
        let orders = |column: &str| {
            let is_key = mapping.key.as_ref().is_some_and(|key| key.column == column);
            is_key
                || mapping
                    .fields
                    .iter()
                    .filter(|field| !field.reference_to.is_empty())
                    .any(|field| field.column == column || field.is_named_by(column))
        };
        for change in &mut self.net.changes {
            for captured in [&mut change.old, &mut change.values].into_iter().flatten() {
                captured.retain(|column, _| orders(column));
            }
        }
    }

    /// The wishes of a record that is to be created from its row, which holds these fields.
    pub(super) fn whole(
        &self,
        mapping: &Mapping,
        fields: &Fields,
    ) -> Result<Vec<Wish>, Unreadable> {
        whole_row(mapping, fields, changed_at(&self.net))
    }

    /// Takes over what the journal says about the record, newest first, beside what is known already.
    pub(super) fn recall(&mut self, mapping: &Mapping, entries: &[JournalEntry]) {
        let known = std::mem::take(&mut self.history.attempts);
        self.history = History::new(&self.net.log_ids(), mapping, entries);
        self.history.attempts.extend(known);
    }

    /// Whether what we sent once matters beside what Salesforce holds. It does not where Salesforce still holds what
    /// the row held before.
    pub(super) fn is_contested(&self, remote: Remote<'_>) -> bool {
        let Remote::Live(record) = remote else { return false };
        let is_as_before = |wish: &Wish| match &wish.base {
            Some(Base::Value(base)) => Some(base) == record.values.get(wish.field),
            // Which record that was is not known here.
            Some(Base::Parent { .. }) | None => false,
        };
        match self.task {
            Task::Update(_) => !self.wishes.iter().all(is_as_before),
            Task::Delete(_) => true,
            Task::Insert | Task::Cancel => false,
        }
    }

    pub(super) fn operation(&self) -> Operation {
        match self.task {
            Task::Insert => Operation::Insert,
            Task::Update(_) => Operation::Update,
            Task::Delete(_) => Operation::Delete,
            Task::Cancel => Operation::Cancel,
        }
    }
}

/// Whether an update turns out to be the insert of the whole row, because Salesforce never had the record.
pub(super) fn goes_whole(net: &Net) -> bool {
    net.operation == Operation::Update && net.sfid.is_none()
}

pub(super) fn record_of(net: &Net) -> RecordRef {
    RecordRef { table: net.table.clone(), record_id: net.record_id }
}

fn task_of(net: &Net, row: Option<&LocalRow>) -> Task {
    let sfid = match net.operation {
        // Whatever row holds the `id` now is another one.
        Operation::Delete => net.sfid.clone(),
        _ => row.and_then(|row| row.sfid.clone()).or_else(|| net.sfid.clone()),
    };
    match (net.operation, row, sfid) {
        (Operation::Delete, _, Some(sfid)) => Task::Delete(sfid),
        (Operation::Insert | Operation::Update, _, Some(sfid)) => Task::Update(sfid),
        (Operation::Insert | Operation::Update, Some(_), None) => Task::Insert,
        (Operation::Insert | Operation::Update, None, None)
        | (Operation::Delete, _, None)
        | (Operation::Cancel, _, _) => Task::Cancel,
    }
}

fn changed_at(net: &Net) -> DateTime<Utc> {
    net.changed_at().unwrap_or(DateTime::UNIX_EPOCH)
}

/// What the journal remembers of a record.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Everything that was or may have been written. An answer counts as missing only where the attempt was
    /// made for changes that are still unsent: what came of older ones has been found out since.
    pub(super) attempts: Vec<Attempt>,
    /// Inserts for the same changes that may have made a record, newest first.
    pub(super) lost_inserts: Vec<JournalEntry>,
    /// How often the same changes were sent already.
    pub(super) tries: usize,
    /// The values that were accepted last, and how often lately.
    pub(super) repeats: Repeats,
}

impl History {
    /// `entries` are the record's, newest first.
    fn new(log_ids: &[i32], mapping: &Mapping, entries: &[JournalEntry]) -> Self {
        let mut history = Self::default();
        let mut written = BTreeSet::new();
        for entry in entries {
            let is_same = entry.intent.log_ids.iter().any(|id| log_ids.contains(id));
            let is_unresolved = is_same && is_unanswered(entry);
            history.tries += usize::from(is_same);
            if is_unresolved && entry.intent.operation == Action::Insert {
                history.lost_inserts.push(entry.clone());
            }
            if entry.outcome.as_deref() != Some("refused") {
                let mut values = values_of(mapping, entry);
                if entry.outcome.as_deref() == Some("accepted") {
                    history.repeats.count(&values, entry.opened_at);
                    // What a later write of ours replaced can only come back by another's hand.
                    values.retain(|field, _| written.insert(field.clone()));
                }
                history.attempts.push(Attempt { values, is_unresolved });
            }
        }
        history
    }
}

fn is_unanswered(entry: &JournalEntry) -> bool {
    matches!(entry.outcome.as_deref(), None | Some("unknown"))
}

fn values_of(mapping: &Mapping, entry: &JournalEntry) -> BTreeMap<String, Value> {
    mapping
        .fields
        .iter()
        .filter_map(|field| {
            let json = entry.intent.values.get(&field.name)?;
            Some((field.name.clone(), value_of_json(field.column_type, json)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Task, Work};
    use crate::model::Action::{self, Delete, Insert, Update};
    use crate::model::SalesforceId;
    use crate::postgres::{Intent, JournalEntry, LocalRow};
    use crate::reconcile::coalesce;
    use crate::reconcile::samples::{change, contact, fields, moment, sfid, text};

    fn row(sfid: Option<SalesforceId>) -> LocalRow {
        LocalRow { record_id: 1, sfid, fields: Some(fields(&[("lastname", Some("whole"))])) }
    }

    fn work(
        action: Action,
        captured: Option<SalesforceId>,
        row: Option<LocalRow>,
        entries: &[JournalEntry],
    ) -> Work {
        let mut change = change(7, action);
        change.sfid = captured;
        if let Some(values) = &mut change.values {
            values.extend(fields(&[("lastname", Some("changed"))]));
        }
        let net = coalesce(vec![change]).now.remove(0);
        Work::new(net, &contact(), row, entries).unwrap()
    }

    fn entry(log_id: i32, operation: Action, outcome: Option<&str>) -> JournalEntry {
        let intent = Intent {
            table: "contact".to_owned(),
            record_id: 1,
            operation,
            sfid: None,
            key: None,
            values: [("LastName".to_owned(), "sent".into())].into_iter().collect(),
            log_ids: vec![log_id],
            is_part: false,
        };
        let outcome = outcome.map(str::to_owned);
        JournalEntry { id: 1, intent, opened_at: moment(0), outcome, bulk_job: None }
    }

    #[test]
    fn the_row_decides_what_a_change_means() {
        let linked = || Some(row(Some(sfid(1))));
        let unlinked = || Some(row(None));
        #[rustfmt::skip]
        let table = [
            // change, id at capture, row now, task
            (Insert, None,          unlinked(), Task::Insert),
            (Insert, None,          linked(),   Task::Update(sfid(1))),
            (Insert, None,          None,       Task::Cancel),
            (Update, Some(sfid(1)), linked(),   Task::Update(sfid(1))),
            (Update, None,          linked(),   Task::Update(sfid(1))),
            (Update, Some(sfid(9)), linked(),   Task::Update(sfid(1))),
            (Update, Some(sfid(1)), None,       Task::Update(sfid(1))),
            (Update, None,          unlinked(), Task::Insert),
            (Delete, Some(sfid(1)), None,       Task::Delete(sfid(1))),
            (Delete, Some(sfid(9)), linked(),   Task::Delete(sfid(9))),
            (Delete, None,          None,       Task::Cancel),
        ];
        for (action, captured, row, task) in table {
            let case = format!("{action} {captured:?} {row:?}");
            assert_eq!(work(action, captured, row, &[]).task, task, "{case}");
        }
    }

    #[test]
    fn a_changed_row_that_salesforce_never_had_is_sent_whole() {
        let work = work(Update, None, Some(row(None)), &[]);
        assert_eq!(work.wishes[0].local, crate::reconcile::Local::Value(text("whole")));
    }

    #[test]
    fn only_attempts_for_the_same_changes_count_as_unresolved() {
        #[rustfmt::skip]
        let table = [
            // log id, outcome, tries, lost inserts, attempts, of them unresolved
            (7, None,             1, 1, 1, 1),
            (7, Some("unknown"),  1, 1, 1, 1),
            (7, Some("refused"),  1, 0, 0, 0),
            (6, Some("unknown"),  0, 0, 1, 0),
            (6, Some("accepted"), 0, 0, 1, 0),
        ];
        for (log_id, outcome, tries, lost, attempts, unresolved) in table {
            let entries = [entry(log_id, Insert, outcome)];
            let history = work(Insert, None, Some(row(None)), &entries).history;
            let open = history.attempts.iter().filter(|attempt| attempt.is_unresolved).count();
            let found = (history.tries, history.lost_inserts.len(), history.attempts.len(), open);
            assert_eq!(found, (tries, lost, attempts, unresolved), "{log_id} {outcome:?}");
        }
    }
}
