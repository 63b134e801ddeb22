//! A request inside another one, and its answer inside the other's answer.

use std::sync::Arc;

use axum::http::{
    HeaderMap, HeaderName, Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, LAST_MODIFIED, LOCATION},
};
use bytes::Bytes;
use serde_json::{Value, value::RawValue};

use crate::http::{
    call::{Call, pairs},
    dispatch,
    refusal::Refusal,
    reply::{Reply, ReplyBody},
    route::{Resource, Route},
    world::World,
};

/// Headers that a subrequest takes from the request around it and cannot set.
const INHERITED: [HeaderName; 3] = [ACCEPT, AUTHORIZATION, CONTENT_TYPE];

/// Headers of an answer that its client sees, as Salesforce writes their names.
const SHOWN: [(HeaderName, &str); 3] =
    [(ETAG, "ETag"), (LAST_MODIFIED, "Last-Modified"), (LOCATION, "Location")];

/// A subrequest, ready to be carried out.
pub(super) struct Subrequest {
    pub(super) method: Method,
    pub(super) version: String,
    pub(super) resource: Resource,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Value>,
}

/// The answer to a subrequest.
pub(super) struct Outcome {
    pub(super) status: StatusCode,
    /// Header names as Salesforce writes them, and their values.
    pub(super) headers: Vec<(&'static str, String)>,
    /// JSON text; `null` for an answer without a body.
    pub(super) body: Box<RawValue>,
    pub(super) records: u64,
}

impl Subrequest {
    /// Reads method and URL. The URL is a path of this server, from the root or from the version.
    ///
    /// # Errors
    /// 400 for a method or URL that cannot be meant.
    pub(super) fn new(method: &str, url: &str) -> Result<Self, Refusal> {
        let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
        let name = method.to_ascii_uppercase();
        let method = known
            .contains(&name.as_str())
            .then(|| Method::from_bytes(name.as_bytes()).ok())
            .flatten()
            .ok_or_else(|| invalid(format!("Invalid method specified: {method}")))?;
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let rooted = match path.trim_start_matches('/') {
            path if path.starts_with("services/") => path.to_owned(),
            path => format!("services/data/{path}"),
        };
        let Route::Api { version, resource } = Route::parse(&rooted) else {
            return Err(invalid(format!("The url {url} is not that of a REST resource")));
        };
        Ok(Self {
            method,
            version,
            resource,
            query: pairs(query),
            headers: HeaderMap::new(),
            body: None,
        })
    }

    /// Sets a header.
    ///
    /// # Errors
    /// 400 for a header that only the request around may have, or that is none.
    pub(super) fn set_header(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let refused = || invalid(format!("The header {name} cannot be set on a subrequest"));
        let name: HeaderName = name.parse().map_err(|_| refused())?;
        if INHERITED.contains(&name) {
            return Err(refused());
        }
        self.headers.insert(name, value.parse().map_err(|_| refused())?);
        Ok(())
    }

    /// Carries the subrequest out for the user of the request around it.
    pub(super) fn run(self, world: &Arc<World>, outer: &Call) -> Outcome {
        let mut headers = self.headers;
        for name in INHERITED.into_iter().chain([HeaderName::from_static("sforce-call-options")]) {
            if let (false, Some(value)) = (headers.contains_key(&name), outer.headers.get(&name)) {
                headers.insert(name, value.clone());
            }
        }
        headers.insert(CONTENT_TYPE, axum::http::HeaderValue::from_static("application/json"));
        headers.remove(ACCEPT);
        let body = self.body.as_ref().map(Value::to_string).unwrap_or_default();
        let mut call = Call {
            method: self.method,
            version: self.version,
            query: self.query,
            headers,
            body: Bytes::from(body),
            time: outer.time,
            session: outer.session.clone(),
            trouble: outer.trouble.clone(),
        };
        if let Err(refusal) = world.versions().check(&call.version) {
            return refusal.into();
        }
        dispatch::resource(world, &self.resource, &mut call).into()
    }
}

impl From<Reply> for Outcome {
    fn from(reply: Reply) -> Self {
        let shown = |(name, shown): &(HeaderName, &'static str)| {
            Some((*shown, reply.headers.get(name)?.to_str().ok()?.to_owned()))
        };
        let headers = SHOWN.iter().filter_map(shown).collect();
        let body = match reply.body {
            ReplyBody::Json(bytes) => String::from_utf8(bytes).ok().and_then(raw),
            _ => None,
        };
        Self {
            status: reply.status,
            headers,
            body: body.unwrap_or_default(),
            records: reply.records,
        }
    }
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        Reply::from(refusal).into()
    }
}

impl Outcome {
    /// Whether the subrequest did what was asked.
    pub(super) fn is_success(&self) -> bool {
        self.status.as_u16() < 400
    }
}

fn raw(text: String) -> Option<Box<RawValue>> {
    RawValue::from_string(text).ok()
}

fn invalid(message: String) -> Refusal {
    Refusal::bad_request("INVALID_INPUT", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_may_begin_at_the_root_or_at_the_version() {
        for url in [
            "/services/data/v66.0/query?q=SELECT+Id",
            "services/data/v66.0/query/?q=SELECT%20Id",
            "v66.0/query?q=SELECT%20Id",
            "/v66.0/query?q=SELECT+Id",
        ] {
            let read = Subrequest::new("get", url).unwrap();

            assert_eq!(
                (read.version.as_str(), &read.resource),
                ("v66.0", &Resource::Query),
                "{url}"
            );
            assert_eq!(read.query, [("q".to_owned(), "SELECT Id".to_owned())], "{url}");
        }
    }

    #[test]
    fn headers_of_the_request_around_cannot_be_set() {
        let mut read = Subrequest::new("GET", "v66.0/limits").unwrap();

        for name in ["Accept", "authorization", "Content-Type", "no header"] {
            assert!(read.set_header(name, "x").is_err(), "{name}");
        }
        assert!(read.set_header("If-Modified-Since", "x").is_ok());
        assert!(Subrequest::new("BREW", "v66.0/limits").is_err());
    }
}
