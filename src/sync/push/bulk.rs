//! Sending records by Bulk ingest jobs.
//!
//! A job's id is committed before the job is filled and closed, so that after a crash its results can still be
//! fetched. Results are matched by the external id or the record's id, never by their order.

use super::outcome::{Answer, Outgoing};
use super::send::{Call, Sent, lost, whole};
use crate::mapping::Mapping;
use crate::model::{SalesforceId, Value, bulk_null};
use crate::salesforce::{
    self, Body, Client, IngestOperation, IngestResults, IngestRow, JobInfo, JobKind, JobState,
    UPLOAD_BYTES_MAX, ingest_csv,
};
use crate::sync::Error;
use std::collections::HashMap;

const ID_COLUMN: &str = "Id";

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

/// Whether a CSV cell can express the record: the text that stands for null cannot be sent as text.
pub(super) fn is_expressible(outgoing: &Outgoing) -> bool {
    let is_null_word = |value: &Value| value.as_text() == Some(bulk_null());
    !outgoing.values.iter().any(|(_, value)| is_null_word(value))
}

/// The upload; `None` if it is larger than a job takes.
pub(super) fn csv(mapping: &Mapping, records: &[Outgoing]) -> Option<Vec<u8>> {
    let rows: Vec<Body> = records.iter().map(|outgoing| row(mapping, outgoing)).collect();
    ingest_csv(&rows).ok().filter(|csv| csv.len() <= UPLOAD_BYTES_MAX)
}

fn row(mapping: &Mapping, outgoing: &Outgoing) -> Body {
    let mut row = outgoing.body(mapping);
    if let Some(sfid) = &outgoing.sfid {
        row.set(ID_COLUMN, &Value::Text(sfid.as_str().to_owned()));
    }
    row
}

/// Fills and closes a job whose id is committed, waits for it, and matches its results.
///
/// Answers also whether the job is over. One that is not was never closed and has no effect; it is aborted later.
///
/// # Errors
/// When the job was closed, or may have been, and its results cannot be had yet: it is settled by its id later.
pub(super) async fn work_off(
    client: &Client,
    mapping: &Mapping,
    job: &str,
    csv: Vec<u8>,
    records: &[Outgoing],
) -> Result<(Sent, bool), Error> {
    if let Err(error) = client.upload(job, csv).await {
        let aborted = client.abort(job).await;
        if let Err(error) = &aborted {
            tracing::warn!(job, %error, "a bulk job that was never closed could not be aborted yet");
        }
        let mut sent = Sent::nothing(records.len(), &error.to_string());
        sent.halt = Some(whole(mapping, error));
        return Ok((sent, aborted.is_ok()));
    }
    if let Err(error) = client.close(job).await {
        if !matches!(lost(&error), Answer::NotSent(_)) {
            return Err(error.into());
        }
        let mut sent = Sent::nothing(records.len(), &error.to_string());
        sent.halt = Some(whole(mapping, error));
        return Ok((sent, false));
    }
    Ok((results(client, mapping, job, records).await?, true))
}

/// Settles a job that an earlier run left: one that was never closed is aborted, any other is waited for.
pub(super) async fn settle(
    client: &Client,
    mapping: &Mapping,
    job: &str,
    records: &[Outgoing],
) -> Result<Sent, Error> {
    match client.ingest_job(job).await {
        Ok(known) if known.state == JobState::Open => {
            client.abort(job).await?;
            Ok(Sent::nothing(records.len(), "the bulk job was never closed"))
        }
        Ok(_) => results(client, mapping, job, records).await,
        Err(salesforce::Error::NotFound(_)) => {
            let answer = Answer::Unknown("the bulk job is not there any more".to_owned());
            Ok(Sent { answers: vec![answer; records.len()], halt: None })
        }
        Err(error) => Err(error.into()),
    }
}

async fn results(
    client: &Client,
    mapping: &Mapping,
    job: &str,
    records: &[Outgoing],
) -> Result<Sent, Error> {
    let ended = client.await_job(JobKind::Ingest, job).await?;
    if let Some(message) = &ended.error_message {
        tracing::warn!(job, object = %mapping.object, message, "a bulk job failed");
    }
    if let Some(answers) = all_saved(&ended, records) {
        return Ok(Sent { answers, halt: None });
    }
    let results = client.ingest_results(&ended, records.len()).await?;
    let key_column = mapping.key.as_ref().map(|key| key.field.as_str());
    Ok(Sent { answers: matched(records, results, key_column), halt: None })
}

/// The answers of a job that did all it was given, where no list is needed to tell the records' ids.
fn all_saved(ended: &JobInfo, records: &[Outgoing]) -> Option<Vec<Answer>> {
    let is_whole = ended.state == JobState::JobComplete
        && ended.failed == 0
        && usize::try_from(ended.processed).ok() == Some(records.len());
    let answers = records.iter().map(|outgoing| outgoing.sfid.clone().map(Answer::Saved));
    is_whole.then(|| answers.collect()).flatten()
}

/// One answer per record. A record that no list mentions may or may not have been written.
fn matched(records: &[Outgoing], results: IngestResults, key_column: Option<&str>) -> Vec<Answer> {
    let mut answers: HashMap<String, Answer> = HashMap::new();
    let name = |row: &IngestRow| -> Option<String> {
        let by_id = row.columns.get(ID_COLUMN).filter(|id| !id.is_empty());
        let by_key = key_column.and_then(|column| row.columns.get(column));
        by_id.or(by_key).cloned()
    };
    for row in results.unprocessed {
        if let Some(name) = name(&row) {
            answers.insert(name, Answer::NotSent("the bulk job ended before it".to_owned()));
        }
    }
    for row in results.failed {
        if let (Some(name), Some(error)) = (name(&row), row.error) {
            answers.insert(name, Answer::Refused(error));
        }
    }
    for row in results.successful {
        let own = row.columns.get(ID_COLUMN).and_then(|id| SalesforceId::parse(id).ok());
        if let (Some(name), Some(id)) = (name(&row), row.id.clone().or(own)) {
            answers.insert(name, Answer::Saved(id));
        }
    }
    records
        .iter()
        .map(|outgoing| {
            let name = outgoing.sfid.as_ref().map(SalesforceId::as_str).or(outgoing.key.as_deref());
            name.and_then(|name| answers.remove(name)).unwrap_or_else(|| {
                Answer::Unknown("the bulk job's results do not mention it".to_owned())
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::matched;
    use crate::model::{Action, SalesforceId};
    use crate::salesforce::{IngestResults, IngestRow, RowError};
    use crate::sync::push::outcome::{Answer, Outgoing};

    fn insert(record_id: i32, key: &str) -> Outgoing {
        let key = Some(key.to_owned());
        Outgoing { key, ..Outgoing::sample("account", record_id, Action::Insert) }
    }

    fn row(key: &str, id: Option<&str>, error: Option<&str>) -> IngestRow {
        IngestRow {
            id: id.map(|id| SalesforceId::parse(id).unwrap()),
            error: error.map(|code| RowError {
                code: code.to_owned(),
                message: String::new(),
                fields: Vec::new(),
            }),
            created: id.is_some(),
            columns: [("Key__c".to_owned(), key.to_owned())].into(),
        }
    }

    #[test]
    fn results_in_any_order_find_their_records_and_silence_is_unknown() {
        let records = ["a", "b", "c", "d"].map(|key| insert(1, key));
        let results = IngestResults {
            successful: vec![row("b", Some("001D000000IqhSL"), None)],
            failed: vec![row("a", None, Some("STRING_TOO_LONG"))],
            unprocessed: vec![row("d", None, None)],
        };
        let answers = matched(&records, results, Some("Key__c"));
        assert!(matches!(&answers[0], Answer::Refused(error) if error.code == "STRING_TOO_LONG"));
        assert!(matches!(&answers[1], Answer::Saved(_)));
        assert!(matches!(&answers[2], Answer::Unknown(_)));
        assert!(matches!(&answers[3], Answer::NotSent(_)));
    }
}
