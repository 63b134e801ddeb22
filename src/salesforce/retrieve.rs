//! Records by id.

use super::call::Call;
use super::{Client, Error, Shape, decode};
use crate::model::{RemoteRecord, SalesforceId};
use reqwest::Method;
use serde_json::json;
use serde_json::value::RawValue;

/// As many ids as Salesforce takes in one request.
const IDS_MAX: usize = 2_000;

impl Client {
    /// The records of these ids, in their order; `None` where a record is deleted or cannot be seen. Any number
    /// of ids: every 2,000 of them cost one API request.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn retrieve(
        &self,
        object: &str,
        ids: &[SalesforceId],
        shape: &Shape,
    ) -> Result<Vec<Option<RemoteRecord>>, Error> {
        let mut records = Vec::with_capacity(ids.len());
        for ids in ids.chunks(IDS_MAX) {
            records.append(&mut self.retrieve_batch(object, ids, shape).await?);
        }
        Ok(records)
    }

    async fn retrieve_batch(
        &self,
        object: &str,
        ids: &[SalesforceId],
        shape: &Shape,
    ) -> Result<Vec<Option<RemoteRecord>>, Error> {
        let path = [self.version(), "composite", "sobjects", object];
        let call = Call::reading(Method::POST, &path).with_json(&json!({
            "ids": ids.iter().map(SalesforceId::as_str).collect::<Vec<_>>(),
            "fields": shape.names().collect::<Vec<_>>(),
        }));
        let answer = self.call(&call).await?;
        let raw: Vec<Option<&RawValue>> = answer.json("retrieved records")?;
        if raw.len() != ids.len() {
            return Err(Error::Malformed("another number of records than ids"));
        }
        raw.into_iter()
            .zip(ids)
            .map(|(raw, id)| match raw.map(|raw| decode::record(raw, shape)).transpose()? {
                Some(record) if record.id != *id => {
                    Err(Error::Malformed("the record of another id"))
                }
                record => Ok(record),
            })
            .collect()
    }
}
