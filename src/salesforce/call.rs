//! A call to the data API as the resources describe it, and its whole answer.

use super::Error;
use super::session::Session;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;
use reqwest::Method;
use reqwest::header::{self, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Salesforce itself gives up on a request after ten minutes.
const UPLOAD_TIMEOUT: Duration = Duration::from_mins(10);

/// One request below `/services/data`.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    target: Target,
    query: Vec<(&'static str, String)>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// The media type and the body.
    pub(super) content: Option<(&'static str, Content)>,
    /// Whether the call may be sent again although it may have been carried out.
    pub(super) is_repeatable: bool,
    /// How long the whole answer may take, where the usual time is too short.
    pub(super) timeout: Option<Duration>,
}

/// A body.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// All of it.
    Whole(Bytes),
    /// It comes while it is sent.
    Streamed(Upload),
}

/// A large body that comes while it is sent: its length, and what opens it, afresh each time.
#[derive(Clone)]
pub struct Upload {
    pub(super) length: u64,
    pub(super) open: Arc<dyn Fn() -> UploadStream + Send + Sync>,
}

/// The pieces of an upload. An error ends the request, and nothing of it counts.
pub type UploadStream = BoxStream<'static, io::Result<Bytes>>;

impl Upload {
    /// An upload of so many bytes.
    pub fn new(length: u64, open: impl Fn() -> UploadStream + Send + Sync + 'static) -> Self {
        Self { length, open: Arc::new(open) }
    }
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload").field("length", &self.length).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug)]
enum Target {
    /// Segments below `/services/data`.
    Services(Vec<String>),
    /// An address that Salesforce handed out.
    Followed(String),
}

impl Call {
    /// A call that reads.
    pub(super) fn reading(method: Method, segments: &[&str]) -> Self {
        let segments = segments.iter().map(|&segment| segment.to_owned()).collect();
        Self {
            method,
            target: Target::Services(segments),
            query: Vec::new(),
            headers: Vec::new(),
            content: None,
            is_repeatable: true,
            timeout: None,
        }
    }

    /// A call that changes something.
    pub(super) fn writing(method: Method, segments: &[&str]) -> Self {
        Self { is_repeatable: false, ..Self::reading(method, segments) }
    }

    /// A reading call of an address that Salesforce handed out.
    pub(super) fn following(address: &str) -> Self {
        let target = Target::Followed(address.to_owned());
        Self { target, ..Self::reading(Method::GET, &[]) }
    }

    pub(super) fn with_query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(super) fn accepting(mut self, media_type: &'static str) -> Self {
        self.headers.push((header::ACCEPT, HeaderValue::from_static(media_type)));
        self
    }

    /// Only if it has changed since; otherwise the answer is [`Answer::is_unmodified`].
    pub(super) fn if_modified_since(mut self, moment: DateTime<Utc>) -> Self {
        let date = moment.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        if let Ok(value) = HeaderValue::from_str(&date) {
            self.headers.push((header::IF_MODIFIED_SINCE, value));
        }
        self
    }

    /// Only if it has not changed since; otherwise the refusal is `PRECONDITION_FAILED`.
    pub(super) fn if_unmodified_since(mut self, moment: DateTime<Utc>) -> Self {
        let date = moment.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        if let Ok(value) = HeaderValue::from_str(&date) {
            self.headers.push((header::IF_UNMODIFIED_SINCE, value));
        }
        self
    }

    pub(super) fn with_json(mut self, content: &impl Serialize) -> Self {
        // Our own types serialise; an empty body would be refused by Salesforce.
        let bytes = serde_json::to_vec(content).unwrap_or_default();
        self.content = Some(("application/json", Content::Whole(bytes.into())));
        self
    }

    pub(super) fn with_upload(mut self, media_type: &'static str, content: Upload) -> Self {
        self.content = Some((media_type, Content::Streamed(content)));
        self.timeout = Some(UPLOAD_TIMEOUT);
        self
    }

    /// The address, on the session's host.
    pub(super) fn url(&self, session: &Session) -> Result<Url, Error> {
        let mut url = match &self.target {
            Target::Services(segments) => {
                session.host.services(segments.iter().map(String::as_str))
            }
            Target::Followed(address) => session
                .host
                .follow(address)
                .ok_or(Error::Malformed("an address outside the data API"))?,
        };
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        Ok(url)
    }
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) body: Bytes,
    /// Salesforce's clock when it was asked, to within a second on either side: a whole second less is never later than
    /// the question.
    pub(super) server_time: Option<DateTime<Utc>>,
    /// Nothing has changed since the moment that the call named; there is no body.
    pub(super) is_unmodified: bool,
}

impl Answer {
    /// The body as JSON, borrowed from it.
    pub(super) fn json<'a, T: Deserialize<'a>>(
        &'a self,
        expected: &'static str,
    ) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|_| Error::Malformed(expected))
    }
}
