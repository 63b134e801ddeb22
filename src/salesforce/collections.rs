//! Writing up to 200 records with one request (sObject Collections).
//!
//! Every record succeeds or fails by itself, and the answers come in the order of the records. A call is sent
//! once: where the answer is lost, [`Error::outcome_is_unknown`] says so, and only reading tells what happened.

use super::body::Body;
use super::call::Call;
use super::error::WireRefusal;
use super::{Client, Error, RowError};
use crate::model::SalesforceId;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// As many records as one call may carry.
pub const COLLECTION_MAX: usize = 200;

/// A record that Salesforce accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Its id.
    pub id: SalesforceId,
    /// Whether an upsert made it; `None` for other operations.
    pub created: Option<bool>,
}

/// What became of one record.
pub type RowResult = Result<Saved, RowError>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireSave<'a> {
    all_or_none: bool,
    records: &'a [Body],
}

#[derive(Deserialize)]
struct WireResult {
    id: Option<String>,
    success: bool,
    created: Option<bool>,
    #[serde(default)]
    errors: Vec<WireRefusal>,
}

impl Client {
    /// Creates at most [`COLLECTION_MAX`] records.
    ///
    /// # Errors
    /// When the call as a whole failed; what became of a record is in its result.
    pub async fn create(
        &self,
        object: &str,
        records: Vec<impl Into<Body>>,
    ) -> Result<Vec<RowResult>, Error> {
        let call = Call::writing(Method::POST, &[self.version(), "composite", "sobjects"]);
        self.save(call, typed(object, records)).await
    }

    /// Changes the given fields of at most [`COLLECTION_MAX`] records.
    ///
    /// # Errors
    /// As for [`Client::create`].
    pub async fn update(
        &self,
        object: &str,
        records: Vec<(SalesforceId, impl Into<Body>)>,
    ) -> Result<Vec<RowResult>, Error> {
        let call = Call::writing(Method::PATCH, &[self.version(), "composite", "sobjects"]);
        let records = records.into_iter().map(|(id, record)| {
            let mut record = record.into();
            record.set_json("id", Json::String(id.as_str().to_owned()));
            record
        });
        self.save(call, typed(object, records)).await
    }

    /// Changes the records that hold the values of `key_field`, and creates those that do not exist yet; at most
    /// [`COLLECTION_MAX`]. Safe to repeat, if the field is unique.
    ///
    /// # Errors
    /// As for [`Client::create`].
    pub async fn upsert(
        &self,
        object: &str,
        key_field: &str,
        records: Vec<impl Into<Body>>,
    ) -> Result<Vec<RowResult>, Error> {
        let path = [self.version(), "composite", "sobjects", object, key_field];
        self.save(Call::writing(Method::PATCH, &path), typed(object, records)).await
    }

    /// Moves at most [`COLLECTION_MAX`] records to the recycle bin.
    ///
    /// # Errors
    /// As for [`Client::create`].
    pub async fn delete(&self, ids: &[SalesforceId]) -> Result<Vec<RowResult>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let list = ids.iter().map(SalesforceId::as_str).collect::<Vec<_>>().join(",");
        let call = Call::writing(Method::DELETE, &[self.version(), "composite", "sobjects"])
            .with_query("ids", list)
            .with_query("allOrNone", "false");
        self.results(&call, ids.len()).await
    }

    async fn save(&self, call: Call, records: Vec<Body>) -> Result<Vec<RowResult>, Error> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let call = call.with_json(&WireSave { all_or_none: false, records: &records });
        self.results(&call, records.len()).await
    }

    async fn results(&self, call: &Call, expected: usize) -> Result<Vec<RowResult>, Error> {
        let answer = self.call(call).await?;
        let results: Vec<WireResult> = answer.json("the results of a write")?;
        if results.len() != expected {
            return Err(Error::Malformed("another number of results than records"));
        }
        results.into_iter().map(row_result).collect()
    }
}

fn typed(object: &str, records: impl IntoIterator<Item = impl Into<Body>>) -> Vec<Body> {
    let attributes = json!({ "type": object });
    records
        .into_iter()
        .map(|record| {
            let mut record = record.into();
            record.set_json("attributes", attributes.clone());
            record
        })
        .collect()
}

fn row_result(wire: WireResult) -> Result<RowResult, Error> {
    if wire.success {
        let id = wire.id.as_deref().and_then(|id| SalesforceId::parse(id).ok());
        let id = id.ok_or(Error::Malformed("an accepted record without id"))?;
        return Ok(Ok(Saved { id, created: wire.created }));
    }
    // Of several refusals the first decides.
    let refusal = wire.errors.into_iter().next();
    let refusal = refusal.ok_or(Error::Malformed("a refused record without reason"))?;
    Ok(Err(refusal.into()))
}

#[cfg(test)]
mod tests {
    use super::{Saved, WireResult, row_result};
    use crate::model::SalesforceId;
    use crate::salesforce::RowError;

    #[test]
    fn a_result_is_accepted_or_refused_with_a_reason() {
        let id = SalesforceId::parse("001D000000IqhSLIAZ").unwrap();
        let refusal = RowError {
            code: "REQUIRED_FIELD_MISSING".into(),
            message: "Required fields are missing: [Name]".into(),
            fields: vec!["Name".into()],
        };
        let table = [
            (
                r#"{"id":"001D000000IqhSLIAZ","success":true,"errors":[]}"#,
                Some(Ok(Saved { id: id.clone(), created: None })),
            ),
            (
                r#"{"id":"001D000000IqhSL","success":true,"created":true,"errors":[]}"#,
                Some(Ok(Saved { id, created: Some(true) })),
            ),
            (
                r#"{"success":false,"errors":[{"statusCode":"REQUIRED_FIELD_MISSING",
                "message":"Required fields are missing: [Name]","fields":["Name"]},
                {"statusCode":"STRING_TOO_LONG","message":"x","fields":[]}]}"#,
                Some(Err(refusal)),
            ),
            (r#"{"success":true,"errors":[]}"#, None),
            (r#"{"success":false,"errors":[]}"#, None),
        ];
        for (json, expected) in table {
            let wire: WireResult = serde_json::from_str(json).unwrap();
            assert_eq!(row_result(wire).ok(), expected, "{json}");
        }
    }
}
