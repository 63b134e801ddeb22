//! Deleted records: those of a span of time (getDeleted), and what merged ones were merged into.

use super::call::Call;
use super::{Client, Error, Scope, Shape};
use crate::model::SalesforceId;
use chrono::{DateTime, SecondsFormat, Utc};
use reqwest::Method;
use serde::Deserialize;
use std::collections::HashMap;

/// Ids per query, so that a statement stays short enough for an address.
const IDS_MAX: usize = 300;

/// The answer of getDeleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletions {
    /// Deleted records and when they were deleted, to the second. Those that were restored are not among them.
    pub records: Vec<(SalesforceId, DateTime<Utc>)>,
    /// The log of deletions is complete from here on only.
    pub earliest_available: DateTime<Utc>,
    /// Up to here the answer is complete; the next span starts here.
    pub latest_covered: DateTime<Utc>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireDeletions {
    deleted_records: Vec<WireDeletion>,
    earliest_date_available: String,
    latest_date_covered: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireDeletion {
    id: String,
    deleted_date: String,
}

impl Client {
    /// The records of the object that were deleted between `start` and `end`, as far as the integration user sees
    /// them. Seconds count for nothing; the span must be longer than a minute and begin within the last 15 days.
    ///
    /// # Errors
    /// [`Error::Refused`] with `INVALID_REPLICATION_DATE` for a span that cannot be answered any more, with
    /// `EXCEEDED_ID_LIMIT` for more than 600,000 records; otherwise see [`Error`].
    pub async fn deletions(
        &self,
        object: &str,
        (start, end): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Deletions, Error> {
        let moment = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, false);
        let call = Call::reading(Method::GET, &[self.version(), "sobjects", object, "deleted"])
            .with_query("start", moment(start))
            .with_query("end", moment(end));
        let answer = self.call(&call).await?;
        let wire: WireDeletions = answer.json("deleted records")?;
        let records = wire.deleted_records.iter().map(|record| {
            let id = SalesforceId::parse(&record.id).map_err(|_| Error::Malformed("an id"))?;
            Ok((id, parse(&record.deleted_date)?))
        });
        Ok(Deletions {
            records: records.collect::<Result<_, Error>>()?,
            earliest_available: parse(&wire.earliest_date_available)?,
            latest_covered: parse(&wire.latest_date_covered)?,
        })
    }

    /// The records that these deleted ones were merged into; those that were deleted otherwise are not among the
    /// keys. The object must have `MasterRecordId`. Every 300 ids cost one request.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn merged_into(
        &self,
        object: &str,
        ids: &[SalesforceId],
    ) -> Result<HashMap<SalesforceId, SalesforceId>, Error> {
        let shape = Shape { has_master_record_id: true, ..Shape::of_ids() };
        let mut masters = HashMap::new();
        for ids in ids.chunks(IDS_MAX) {
            let list: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
            let soql = format!(
                "SELECT {} FROM {object} WHERE IsDeleted = true AND MasterRecordId != null AND Id IN ({})",
                shape.select_list(),
                list.join(",")
            );
            let mut page = self.query(&soql, Scope::WithDeleted, &shape).await?;
            loop {
                masters.extend(
                    page.records
                        .into_iter()
                        .filter_map(|record| Some((record.id, record.master_record_id?))),
                );
                let Some(next) = page.next else { break };
                page = self.query_more(&next, &shape).await?;
            }
        }
        Ok(masters)
    }
}

/// A moment as `2013-05-08T21:20:00.000+0000`.
fn parse(text: &str) -> Result<DateTime<Utc>, Error> {
    DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z")
        .map(|moment| moment.to_utc())
        .map_err(|_| Error::Malformed("a moment of deletion"))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn moments_are_read_as_salesforce_writes_them() {
        let moment = parse("2013-05-08T21:20:01.000+0000").unwrap();
        assert_eq!(moment.to_rfc3339(), "2013-05-08T21:20:01+00:00");
        assert!(parse("yesterday").is_err());
    }
}
