//! Records by id.

use super::call::Call;
use super::together::{QUERIES_TOGETHER_MAX, WireComposite, reference};
use super::{Client, Error, Shape, decode};
use crate::model::{RemoteRecord, SalesforceId};
use reqwest::Method;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

/// As many ids as Salesforce takes in one part of a request.
const IDS_MAX: usize = 2_000;

impl Client {
    /// The records of these ids, in their order; `None` where a record is deleted or cannot be seen. Any number
    /// of ids: every 10,000 of them cost one API request, which holds five parts.
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
        for ids in ids.chunks(IDS_MAX * QUERIES_TOGETHER_MAX) {
            if ids.len() <= IDS_MAX {
                records.append(&mut self.retrieve_batch(object, ids, shape).await?);
            } else {
                records.append(&mut self.retrieve_together(object, ids, shape).await?);
            }
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
        let call = Call::reading(Method::POST, &path).with_json(&asked(ids, shape));
        let answer = self.call(&call).await?;
        records(&answer.body, ids, shape)
    }

    /// Several batches with one composite request. A part that is refused is asked for by itself, which tells why.
    async fn retrieve_together(
        &self,
        object: &str,
        ids: &[SalesforceId],
        shape: &Shape,
    ) -> Result<Vec<Option<RemoteRecord>>, Error> {
        let url = format!("/services/data/{}/composite/sobjects/{object}", self.version());
        let parts: Vec<Json> = ids
            .chunks(IDS_MAX)
            .enumerate()
            .map(|(index, ids)| {
                let (body, id) = (asked(ids, shape), reference(index));
                json!({ "method": "POST", "url": url, "referenceId": id, "body": body })
            })
            .collect();
        let call = Call::reading(Method::POST, &[self.version(), "composite"])
            .with_json(&json!({ "compositeRequest": parts }));
        let answer = self.call(&call).await?;
        let composite: WireComposite<'_> = answer.json("a composite answer")?;
        let mut read = Vec::with_capacity(ids.len());
        for (ids, (status, body)) in ids.chunks(IDS_MAX).zip(composite.parts(parts.len())?) {
            if status.is_success() {
                read.append(&mut records(body, ids, shape)?);
            } else {
                read.append(&mut self.retrieve_batch(object, ids, shape).await?);
            }
        }
        Ok(read)
    }
}

fn asked(ids: &[SalesforceId], shape: &Shape) -> Json {
    json!({
        "ids": ids.iter().map(SalesforceId::as_str).collect::<Vec<_>>(),
        "fields": shape.names().collect::<Vec<_>>(),
    })
}

fn records(
    body: &[u8],
    ids: &[SalesforceId],
    shape: &Shape,
) -> Result<Vec<Option<RemoteRecord>>, Error> {
    let malformed = || Error::Malformed("retrieved records");
    let raw: Vec<Option<&RawValue>> = serde_json::from_slice(body).map_err(|_| malformed())?;
    if raw.len() != ids.len() {
        return Err(Error::Malformed("another number of records than ids"));
    }
    raw.into_iter()
        .zip(ids)
        .map(|(raw, id)| match raw.map(|raw| decode::record(raw, shape)).transpose()? {
            Some(record) if record.id != *id => Err(Error::Malformed("the record of another id")),
            record => Ok(record),
        })
        .collect()
}
