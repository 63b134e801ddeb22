//! What a Bulk ingest job carries, and which record a row of its results is about.
//!
//! What was journalled is what is uploaded: the file is written from the journal while it is sent, so that nobody holds
//! it. Results are matched by the external id or the record's id, never by their order.

use super::outcome::{Answer, Outgoing};
use super::send::Call;
use crate::mapping::Mapping;
use crate::model::{SalesforceId, Value, bulk_null};
use crate::postgres::{self, Database, Intent};
use crate::reconcile::value_of_json;
use crate::salesforce::{
    Body, IngestCsv, IngestOperation, IngestRow, JobInfo, JobState, ResultList, Upload,
    UploadStream,
};
use bytes::Bytes;
use futures_util::{StreamExt, future, stream};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::sync::Arc;

const ID_COLUMN: &str = "Id";

/// Journal entries that are read, or settled, together.
pub(super) const PAGE: usize = 2_000;

/// The job's operation, where this kind of call can be matched with its results.
pub(super) fn operation(call: Call) -> Option<IngestOperation> {
    match call {
        Call::Create | Call::UpdateIfUnmodified => None,
        Call::Keyed => Some(IngestOperation::Insert),
        Call::Upsert => Some(IngestOperation::Upsert),
        Call::Update => Some(IngestOperation::Update),
        Call::Delete => Some(IngestOperation::Delete),
    }
}

/// The row of a record that is journalled as `intent`. `None` where a CSV cell, or the journal, does not hold exactly
/// what is to be sent: the text that stands for null, or a number that would come back from the journal rounded.
pub(super) fn row(mapping: &Mapping, outgoing: &Outgoing, intent: &Intent) -> Option<Body> {
    let is_exact = outgoing.values.iter().all(|(_, value)| match value {
        Value::Double(number) => is_read_back(*number),
        value => value.as_text() != Some(bulk_null()),
    });
    let mut wanted = outgoing.body(mapping);
    for field in outgoing.later.iter().filter_map(|field| mapping.fields.get(*field)) {
        wanted.set(&field.name, &Value::Null);
    }
    for (position, value) in &outgoing.values {
        if let Some(field) = mapping.fields.get(*position) {
            wanted.set(&field.name, plain(value));
        }
    }
    if let Some(sfid) = &outgoing.sfid {
        wanted.set(ID_COLUMN, &Value::Text(sfid.as_str().to_owned()));
    }
    journalled_row(mapping, intent).filter(|row| is_exact && *row == wanted)
}

/// The row of what was journalled.
fn journalled_row(mapping: &Mapping, intent: &Intent) -> Option<Body> {
    let mut row = Body::default();
    for field in &mapping.fields {
        if let Some(json) = intent.values.get(&field.name) {
            let value = value_of_json(field.column_type, json)?;
            row.set(&field.name, plain(&value));
        }
    }
    if let Some(sfid) = &intent.sfid {
        row.set(ID_COLUMN, &Value::Text(sfid.as_str().to_owned()));
    }
    Some(row)
}

/// Empty text clears a field, as null does.
fn plain(value: &Value) -> &Value {
    if value.as_text() == Some("") { &Value::Null } else { value }
}

/// Whether a number that is read from its digits is the same number.
fn is_read_back(number: f64) -> bool {
    let reads = |text: String| {
        serde_json::from_str::<f64>(&text).is_ok_and(|read| read.to_bits() == number.to_bits())
    };
    reads(format!("{number}")) && reads(format!("{number:e}"))
}

/// The upload of all that is journalled for a job and was counted into `csv`, read while it is sent.
pub(super) fn upload(db: Database, mapping: Mapping, job_id: String, csv: IngestCsv) -> Upload {
    let length = csv.bytes();
    let (mapping, csv) = (Arc::new(mapping), Arc::new(csv));
    Upload::new(length, move || {
        let header = stream::once(future::ready(Ok(Bytes::from(csv.header()))));
        let rows = Rows {
            db: db.clone(),
            mapping: Arc::clone(&mapping),
            job_id: job_id.clone(),
            csv: Arc::clone(&csv),
            after: 0,
        };
        let rows: UploadStream = stream::try_unfold(rows, Rows::next).boxed();
        header.chain(rows).boxed()
    })
}

/// Where an upload has come to.
struct Rows {
    db: Database,
    mapping: Arc<Mapping>,
    job_id: String,
    csv: Arc<IngestCsv>,
    after: i64,
}

impl Rows {
    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let page = postgres::job_entries(&self.db, &self.job_id, self.after, limit).await;
        let page = page.map_err(io::Error::other)?;
        let Some(last) = page.last() else { return Ok(None) };
        self.after = last.id;
        let mut written = Vec::new();
        for entry in &page {
            let row = journalled_row(&self.mapping, &entry.intent)
                .ok_or_else(|| io::Error::other("a journalled value that cannot be read"))?;
            self.csv.write(&row, &mut written).map_err(io::Error::other)?;
        }
        Ok(Some((Bytes::from(written), self)))
    }
}

/// Stands for what a job's results call a record; no two that a job carries are alike.
pub(super) fn mark(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.to_lowercase().hash(&mut hasher);
    hasher.finish()
}

/// What a row of results calls its record, and what became of it.
pub(super) fn answer(
    list: ResultList,
    row: IngestRow,
    key_column: Option<&str>,
) -> Option<(String, Answer)> {
    let own = row.columns.get(ID_COLUMN).filter(|id| !id.is_empty()).cloned();
    let by_key = key_column.and_then(|column| row.columns.get(column));
    let name = own.clone().or_else(|| by_key.cloned())?;
    let answer = match list {
        ResultList::Successful => {
            let own = own.and_then(|id| SalesforceId::parse(&id).ok());
            Answer::Saved(row.id.or(own)?)
        }
        ResultList::Failed => Answer::Refused(row.error?),
        ResultList::Unprocessed => Answer::NotSent("the bulk job ended before it".to_owned()),
    };
    Some((name, answer))
}

/// Whether a job did all it was given: so many records.
pub(super) fn did_all(ended: &JobInfo, records: u64) -> bool {
    ended.state == JobState::JobComplete && ended.failed == 0 && ended.processed == records
}

#[cfg(test)]
mod tests {
    use super::{answer, is_read_back, mark, row};
    use crate::model::{Action, SalesforceId, Value};
    use crate::reconcile::samples::{contact, text};
    use crate::salesforce::{IngestRow, ResultList, RowError};
    use crate::sync::push::outcome::{Answer, Outgoing};

    fn result(id: Option<&str>, error: Option<&str>, columns: &[(&str, &str)]) -> IngestRow {
        IngestRow {
            id: id.map(|id| SalesforceId::parse(id).unwrap()),
            error: error.map(|code| RowError {
                code: code.to_owned(),
                message: String::new(),
                fields: Vec::new(),
            }),
            created: id.is_some(),
            columns: columns.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        }
    }

    #[test]
    fn a_result_names_its_record_by_its_id_or_its_key() {
        let id = "001D000000IqhSLIAZ";
        let by_key = result(Some(id), None, &[("Key__c", "k")]);
        let (name, saved) = answer(ResultList::Successful, by_key, Some("Key__c")).unwrap();
        assert!(name == "k" && matches!(saved, Answer::Saved(saved) if saved.as_str() == id));

        let refused = result(None, Some("STRING_TOO_LONG"), &[("Id", id), ("Key__c", "k")]);
        let (name, refused) = answer(ResultList::Failed, refused, Some("Key__c")).unwrap();
        assert!(name == id && matches!(refused, Answer::Refused(_)));

        let left = result(None, None, &[("Key__c", "k")]);
        let (_, left) = answer(ResultList::Unprocessed, left, Some("Key__c")).unwrap();
        assert!(matches!(left, Answer::NotSent(_)));
    }

    #[test]
    fn a_result_that_names_nobody_or_tells_nothing_is_no_answer() {
        let nameless = result(Some("001D000000IqhSLIAZ"), None, &[]);
        assert!(answer(ResultList::Successful, nameless, Some("Key__c")).is_none());
        let mute = result(None, None, &[("Key__c", "k")]);
        assert!(answer(ResultList::Failed, mute, Some("Key__c")).is_none());
    }

    #[test]
    fn salesforce_does_not_tell_keys_apart_by_their_case_so_one_job_carries_only_one_of_them() {
        assert_eq!(mark("Key"), mark("kEY"));
        assert_ne!(mark("key"), mark("keys"));
    }

    #[test]
    fn what_the_journal_or_a_cell_would_not_hold_exactly_does_not_go_by_bulk() {
        let sends = |value: Value| {
            let outgoing = Outgoing {
                values: vec![(0, value)],
                ..Outgoing::sample("contact", 1, Action::Update)
            };
            row(&contact(), &outgoing, &outgoing.intent(&contact())).is_some()
        };
        assert!(sends(text("plain")));
        assert!(sends(text("")), "as null");
        assert!(sends(Value::Null));
        assert!(!sends(text("#N/A")));
        assert!(is_read_back(0.1) && is_read_back(-12_345.67) && is_read_back(0.0));
    }
}
