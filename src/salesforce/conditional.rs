//! Changing one record unless somebody has changed it since it was looked at.
//!
//! Salesforce offers this for single records only: neither sObject Collections nor Bulk jobs take a condition, nor does a
//! deletion. It compares whole seconds.

use super::body::Body;
use super::call::Call;
use super::collections::{RowResult, Saved};
use super::{Client, Error};
use crate::model::SalesforceId;
use crate::reconcile::{Class, classify};
use chrono::{DateTime, Utc};
use reqwest::Method;

impl Client {
    /// Changes the given fields of a record, unless it was changed after `seen`, which was its stamp: then the refusal is
    /// `PRECONDITION_FAILED`. A change within the same second goes unnoticed.
    ///
    /// # Errors
    /// When the call failed for another reason than the record.
    pub async fn update_if_unmodified(
        &self,
        object: &str,
        id: &SalesforceId,
        record: impl Into<Body>,
        seen: DateTime<Utc>,
    ) -> Result<RowResult, Error> {
        let path = [self.version(), "sobjects", object, id.as_str()];
        let record: Body = record.into();
        let call = Call::writing(Method::PATCH, &path).with_json(&record).if_unmodified_since(seen);
        match self.call(&call).await {
            Ok(_) => Ok(Ok(Saved { id: id.clone(), created: None })),
            Err(error) => of_record(error),
        }
    }
}

/// A refusal that is about the record, whatever its HTTP status.
fn of_record(error: Error) -> Result<RowResult, Error> {
    let refusal = error.refusal().filter(|refusal| {
        let class = classify(&refusal.code, &refusal.message).class;
        let is_record = matches!(class, Class::Park | Class::Resolve);
        let is_lock = class == Class::RetrySoon && matches!(error, Error::Refused(_));
        is_record || is_lock
    });
    match refusal {
        Some(refusal) if !matches!(error, Error::RequestLimit(_)) => Ok(Err(refusal.clone())),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::of_record;
    use crate::salesforce::Error;
    use reqwest::StatusCode;

    #[test]
    fn what_is_refused_because_of_the_record_is_told_from_what_would_meet_every_call() {
        #[rustfmt::skip]
        let table = [
            (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", Some("FIELD_CUSTOM_VALIDATION_EXCEPTION")),
            (400, "UNABLE_TO_LOCK_ROW",                Some("UNABLE_TO_LOCK_ROW")),
            (403, "INSUFFICIENT_ACCESS_OR_READONLY",   Some("INSUFFICIENT_ACCESS_OR_READONLY")),
            (404, "ENTITY_IS_DELETED",                 Some("ENTITY_IS_DELETED")),
            (412, "PRECONDITION_FAILED",               Some("PRECONDITION_FAILED")),
            (412, "A_CODE_OF_TOMORROW",                Some("PRECONDITION_FAILED")),
            (400, "INVALID_FIELD",                     None),
            (403, "REQUEST_LIMIT_EXCEEDED",            None),
            (403, "API_DISABLED_FOR_ORG",              None),
            (503, "SERVER_UNAVAILABLE",                None),
        ];
        for (status, code, expected) in table {
            let body = serde_json::json!([{ "errorCode": code, "message": "no", "fields": [] }]);
            let status = StatusCode::from_u16(status).unwrap();
            let error = Error::of_answer(status, None, body.to_string().as_bytes());
            let found = of_record(error).ok().and_then(Result::err).map(|refusal| refusal.code);
            assert_eq!(found.as_deref(), expected, "{status} {code}");
        }
    }
}
