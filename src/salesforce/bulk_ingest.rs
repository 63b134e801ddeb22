//! Writing many records with a Bulk 2.0 ingest job.
//!
//! A job is opened, filled once, closed, and worked off by Salesforce at its leisure. Until it is closed it has no
//! effect, so an abandoned one is harmless; once closed, its outcome can be read for seven days. The results
//! come in no particular order: the caller matches them by a column of its own.

use super::call::{Call, Upload};
use super::csv_rows::CsvRows;
use super::jobs::{JobInfo, JobKind};
use super::{Client, Error, RowError};
use crate::model::SalesforceId;
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeMap;

const ID_COLUMN: &str = "sf__Id";
const CREATED_COLUMN: &str = "sf__Created";
const ERROR_COLUMN: &str = "sf__Error";

/// What a job does with its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IngestOperation {
    /// Creates them.
    Insert,
    /// Changes those named by the column `Id`.
    Update,
    /// Changes those named by the key field, and creates the others.
    Upsert,
    /// Moves those named by the only column `Id` to the recycle bin.
    Delete,
}

impl IngestOperation {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Upsert => "upsert",
            Self::Delete => "delete",
        }
    }
}

/// What became of one record of a job. `Debug` shows no cells.
#[derive(Clone, PartialEq, Eq)]
pub struct IngestRow {
    /// Its id, where it has one.
    pub id: Option<SalesforceId>,
    /// Why it was refused.
    pub error: Option<RowError>,
    /// Whether the job made it.
    pub created: bool,
    /// The cells as they were uploaded, by column.
    pub columns: BTreeMap<String, String>,
}

impl std::fmt::Debug for IngestRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IngestRow")
            .field("id", &self.id)
            .field("error", &self.error)
            .field("created", &self.created)
            .finish_non_exhaustive()
    }
}

/// Where a job's records are listed by what became of them; each is in one of the lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResultList {
    /// Accepted.
    Successful,
    /// Refused, with the reason.
    Failed,
    /// Never tried, because the job failed or was aborted before.
    Unprocessed,
}

impl ResultList {
    fn resource(self) -> &'static str {
        match self {
            Self::Successful => "successfulResults",
            Self::Failed => "failedResults",
            Self::Unprocessed => "unprocessedrecords",
        }
    }
}

impl JobInfo {
    /// The lists that tell what became of the `records` that were uploaded to the job, which is in a final state. Those
    /// that its counts tell to be empty are left out.
    #[must_use]
    pub fn result_lists(&self, records: u64) -> Vec<ResultList> {
        let lists = [
            (ResultList::Successful, self.processed > self.failed),
            (ResultList::Failed, self.failed > 0),
            (ResultList::Unprocessed, self.processed < records),
        ];
        lists.into_iter().filter(|(_, has_rows)| *has_rows).map(|(list, _)| list).collect()
    }
}

/// A list of a job's results, row by row.
pub struct ResultRows {
    rows: CsvRows,
    header: Vec<String>,
}

impl ResultRows {
    /// The next record; `None` after the last one.
    ///
    /// # Errors
    /// [`Error::Truncated`] when the list holds fewer records than Salesforce counted; otherwise see [`Error`].
    pub async fn next(&mut self) -> Result<Option<IngestRow>, Error> {
        let Some(row) = self.rows.next().await? else { return Ok(None) };
        let cells = row.iter().map(text).collect::<Result<Vec<_>, _>>()?;
        Ok(Some(ingest_row(self.header.iter().cloned().zip(cells).collect())))
    }
}

impl Client {
    /// Opens a job; answers its id. `key_field` names the external id of an upsert.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn start_ingest_job(
        &self,
        object: &str,
        operation: IngestOperation,
        key_field: Option<&str>,
    ) -> Result<String, Error> {
        let mut job = json!({
            "object": object,
            "operation": operation.as_str(),
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": "LF",
        });
        if let (Some(key_field), Some(job)) = (key_field, job.as_object_mut()) {
            job.insert("externalIdFieldName".to_owned(), key_field.into());
        }
        let rule = self.transport.options().rule_of_job(object);
        if let (Some(rule), Some(job)) = (rule, job.as_object_mut()) {
            job.insert("assignmentRuleId".to_owned(), rule.into());
        }
        let path = [self.version(), "jobs", JobKind::Ingest.resource()];
        let call = Call::writing(Method::POST, &path).with_json(&job);
        let job: JobInfo = self.call(&call).await?.json("a job")?;
        Ok(job.id)
    }

    /// Fills an open job with its CSV, of at most [`super::UPLOAD_BYTES_MAX`]; possible once per job.
    ///
    /// # Errors
    /// See [`Error`]. Where the outcome is unknown, abort the job and start another.
    pub async fn upload(&self, id: &str, csv: Upload) -> Result<(), Error> {
        let path = [self.version(), "jobs", JobKind::Ingest.resource(), id, "batches"];
        let call = Call::writing(Method::PUT, &path).with_upload("text/csv", csv);
        self.call(&call).await?;
        Ok(())
    }

    /// Closes a filled job: from now on it takes effect.
    ///
    /// # Errors
    /// See [`Error`]. Where the outcome is unknown, look at the job's state.
    pub async fn close(&self, id: &str) -> Result<JobInfo, Error> {
        self.set_job_state(JobKind::Ingest, id, "UploadComplete").await
    }

    /// Stops an ingest job that is not in a final state. Records already done stay done.
    ///
    /// # Errors
    /// See [`Error`]; among others when the job is over.
    pub async fn abort(&self, id: &str) -> Result<JobInfo, Error> {
        self.set_job_state(JobKind::Ingest, id, "Aborted").await
    }

    /// Opens a list of results of a job that is in a final state.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open_results(&self, job: &JobInfo, list: ResultList) -> Result<ResultRows, Error> {
        let expected = match list {
            ResultList::Successful => Some(job.processed.saturating_sub(job.failed)),
            ResultList::Failed => Some(job.failed),
            ResultList::Unprocessed => None,
        };
        let resource = list.resource();
        let path = [self.version(), "jobs", JobKind::Ingest.resource(), &job.id, resource];
        let call = Call::reading(Method::GET, &path).accepting("text/csv");
        let rows = CsvRows::open(self.open(&call).await?, expected).await?;
        let header = rows.header().map(text).collect::<Result<Vec<_>, _>>()?;
        Ok(ResultRows { rows, header })
    }
}

fn text(cell: &[u8]) -> Result<String, Error> {
    let text = std::str::from_utf8(cell);
    text.map(str::to_owned).map_err(|_| Error::Malformed("a cell is not in UTF-8"))
}

fn ingest_row(mut columns: BTreeMap<String, String>) -> IngestRow {
    let id = columns.remove(ID_COLUMN).and_then(|id| SalesforceId::parse(&id).ok());
    let created = columns.remove(CREATED_COLUMN).is_some_and(|created| created == "true");
    let error = columns.remove(ERROR_COLUMN).map(|error| row_error(&error));
    IngestRow { id, error, created, columns }
}

/// Reads `CODE:message:Field1 Field2 --`. The list of fields may be missing, and the message may hold colons.
fn row_error(text: &str) -> RowError {
    let (code, rest) = text.split_once(':').unwrap_or((text, ""));
    let (message, fields) = match rest.trim_end().strip_suffix("--").map(str::trim_end) {
        None => (rest, ""),
        Some(rest) => rest.rsplit_once(':').unwrap_or((rest, "")),
    };
    RowError {
        code: code.trim().to_owned(),
        message: message.trim().to_owned(),
        fields: fields.split_whitespace().map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::{ingest_row, row_error};
    use std::collections::BTreeMap;

    #[test]
    fn the_error_column_is_read_in_all_its_forms() {
        #[rustfmt::skip]
        let table: [(&str, &str, &str, &[&str]); 5] = [
            ("REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --",
             "REQUIRED_FIELD_MISSING", "Required fields are missing: [Name]", &["Name"]),
            ("FIELD_INTEGRITY_EXCEPTION:bad state:BillingState BillingCountry --",
             "FIELD_INTEGRITY_EXCEPTION", "bad state", &["BillingState", "BillingCountry"]),
            ("UNABLE_TO_LOCK_ROW:unable to obtain exclusive access: 001D000000IqhSL:--",
             "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access: 001D000000IqhSL", &[]),
            ("DUPLICATE_VALUE:duplicate value found: X", "DUPLICATE_VALUE", "duplicate value found: X", &[]),
            ("INTERNAL_ERROR", "INTERNAL_ERROR", "", &[]),
        ];
        for (text, code, message, fields) in table {
            let error = row_error(text);
            assert_eq!((error.code.as_str(), error.message.as_str()), (code, message), "{text}");
            assert_eq!(error.fields, fields, "{text}");
        }
    }

    #[test]
    fn the_uploaded_columns_are_kept_apart_from_salesforces_own() {
        let columns = [("sf__Id", "001D000000IqhSLIAZ"), ("sf__Created", "true"), ("Key__c", "k")];
        let columns: BTreeMap<String, String> =
            columns.map(|(name, cell)| (name.to_owned(), cell.to_owned())).into();
        let row = ingest_row(columns);
        assert_eq!(row.id.unwrap().as_str(), "001D000000IqhSLIAZ");
        assert!(row.created && row.error.is_none());
        assert_eq!(row.columns.into_iter().collect::<Vec<_>>(), [("Key__c".into(), "k".into())]);
    }
}
