//! Asking a REST resource on behalf of an operation.

use axum::http::{HeaderMap, HeaderValue, Method};
use bytes::Bytes;
use serde_json::Value;

use crate::http::{
    call::Call,
    dispatch,
    reply::ReplyBody,
    route::Resource,
    soap::{Operation, fault::Fault, ordered::Json},
};

impl Operation<'_> {
    /// Asks a resource and answers its JSON.
    ///
    /// # Errors
    /// The first error of its answer.
    pub(super) fn ask(
        &mut self,
        method: Method,
        resource: &Resource,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Json, Fault> {
        let mut headers = HeaderMap::new();
        let batch_size = self.envelope.header("QueryOptions", "batchSize");
        if let Ok(options) = HeaderValue::from_str(&format!("batchSize={batch_size}")) {
            headers.insert("sforce-query-options", options);
        }
        let mut call = Call {
            method,
            version: self.call.version.clone(),
            query: query
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            headers,
            body: body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string())),
            time: self.call.time,
            session: self.call.session.clone(),
            trouble: self.call.trouble.clone(),
        };
        let reply = dispatch::resource(self.world, resource, &mut call);
        let json = match &reply.body {
            ReplyBody::Json(bytes) => serde_json::from_slice(bytes).unwrap_or(Json::Null),
            _ => Json::Null,
        };
        if reply.status.is_success() {
            return Ok(json);
        }
        let first = json.items().first().unwrap_or(&Json::Null);
        let (code, message) = (first.text("errorCode"), first.text("message"));
        if code.is_empty() {
            return Err(Fault::new("UNKNOWN_EXCEPTION", "An unexpected error occurred."));
        }
        Err(Fault::new(code, message))
    }

    /// The object of this name, as SOAP says that there is none.
    pub(super) fn check_object(&self, name: &str) -> Result<(), Fault> {
        if self.world.org().schema().object(name).is_some() {
            return Ok(());
        }
        let text = format!("sObject type '{name}' is not supported.");
        Err(Fault::new("INVALID_TYPE", text))
    }
}
