//! What every request passes on its way in and out: size limits, faults, the request log and the
//! headers that all answers carry.
//!
//! The order matters. A request is read whole and then shown to the faults, before anything is done,
//! so that `cut_before` leaves no trace in the org; the log is written after the answer is known, so
//! that a test which sees an answer also sees its entry.

mod work;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    body::{Body, BodyDataStream},
    extract::{ConnectInfo, Request, State},
    http::{
        Extensions, HeaderMap, HeaderValue, Method, Response, StatusCode, Version,
        header::{ACCEPT, DATE, EXPIRES},
    },
};
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use futures_util::StreamExt;

use crate::{
    control::{FaultKind, LateAnswer},
    http::{
        call::{Call, decompress, pairs, too_large},
        connection::{Cutter, delay},
        faults::{Content, Seen, Strike, is_exact, spoil},
        refusal::Refusal,
        reply::Reply,
        request_log::Entry,
        rest_xml,
        route::{Resource, Route},
        world::World,
    },
};
use work::Work;

/// The longest URI, and the longest URI and headers together, in bytes.
const HEAD_LIMIT: usize = 16_384;

/// The largest body of a REST call, in bytes.
const BODY_LIMIT: usize = 50 * 1024 * 1024;

/// The largest upload of a Bulk job, in bytes.
const UPLOAD_LIMIT: usize = 150 * 1024 * 1024;

/// Takes a request in and an answer out.
pub(crate) async fn pass(
    State(world): State<Arc<World>>,
    ConnectInfo(cutter): ConnectInfo<Cutter>,
    request: Request,
) -> Response<Body> {
    let _busy = cutter.busy();
    let started = tokio::time::Instant::now();
    let visit = Visit::of(&world, &request);
    let _in_progress = visit.is_api().then(|| world.progress().enter(visit.time));
    let (strike, answered) = serve(&world, &visit, request).await;
    if !strike.after.is_zero() {
        delay(strike.after).await;
    }
    visit.write_down(&world, &answered, &strike, started.elapsed());
    if answered.is_cut || is_cut(&strike) {
        cutter.cut();
    }
    send(&world, &strike, answered.reply, &cutter).await
}

/// What is known of a request before its body was read.
struct Visit {
    method: Method,
    path: String,
    query: Option<String>,
    options: BTreeMap<String, String>,
    route: Route,
    head_bytes: usize,
    time: DateTime<Utc>,
}

/// An answer and who it was for.
pub(crate) struct Answered {
    pub(crate) reply: Reply,
    pub(crate) username: Option<String>,
    /// The connection breaks in place of the answer.
    pub(crate) is_cut: bool,
}

impl Answered {
    fn nobody(reply: impl Into<Reply>) -> Self {
        Self { reply: reply.into(), username: None, is_cut: false }
    }
}

impl Visit {
    fn of(world: &World, request: &Request) -> Self {
        let uri = request.uri();
        let headers = request.headers();
        let head_bytes = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
        let query = uri.query().map(str::to_owned);
        Self {
            method: verb(request.method(), query.as_deref()),
            path: uri.path().to_owned(),
            options: options(headers),
            route: Route::parse(uri.path()),
            head_bytes: head_bytes.sum(),
            query,
            time: world.now(),
        }
    }

    fn is_control(&self) -> bool {
        matches!(self.route, Route::Control(_) | Route::Front)
    }

    fn is_api(&self) -> bool {
        matches!(self.route, Route::Api { .. })
    }

    fn strike(&self, world: &World, headers: &HeaderMap, body: &Bytes) -> Strike {
        if self.is_control() {
            return Strike::default();
        }
        let content = self.content(world, headers, body);
        let seen = Seen::new((self.method.as_str(), &self.path), self.time, content);
        world.faults().strike(&seen)
    }

    fn content<'a>(
        &'a self,
        world: &'a World,
        headers: &'a HeaderMap,
        body: &'a Bytes,
    ) -> Content<'a> {
        let query = self.query.as_deref().unwrap_or_default();
        Content { world, route: &self.route, query, headers, body }
    }

    fn check_size(&self) -> Result<(), Refusal> {
        let uri_bytes = self.path.len() + self.query.as_ref().map_or(0, |query| query.len() + 1);
        if uri_bytes > HEAD_LIMIT {
            let message = "The URI is longer than 16,384 bytes";
            return Err(Refusal::rest(StatusCode::URI_TOO_LONG, "URI_TOO_LONG", message));
        }
        if uri_bytes + self.head_bytes > HEAD_LIMIT {
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            let message = "The URI and headers are longer than 16,384 bytes";
            return Err(Refusal::rest(status, "REQUEST_HEADER_FIELDS_TOO_LARGE", message));
        }
        Ok(())
    }

    fn body_limit(&self) -> usize {
        match &self.route {
            Route::Api { resource: Resource::IngestUpload(_), .. } | Route::Control(_) => {
                UPLOAD_LIMIT
            }
            _ => BODY_LIMIT,
        }
    }

    fn write_down(&self, world: &World, answered: &Answered, strike: &Strike, took: Duration) {
        if self.is_control() {
            return;
        }
        world.log().add(Entry {
            number: 0,
            time: self.time.to_rfc3339(),
            method: self.method.to_string(),
            path: self.path.clone(),
            query: self.query.clone(),
            options: self.options.clone(),
            api: self.route.kind(),
            status: (!is_cut(strike)).then(|| answered.reply.status.as_u16()),
            records: answered.reply.records,
            username: answered.username.clone(),
            millis: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            fault: strike.name(),
        });
    }
}

/// The headers that Salesforce takes options by.
fn options(headers: &HeaderMap) -> BTreeMap<String, String> {
    let told = headers.iter().filter(|(name, _)| name.as_str().starts_with("sforce-"));
    told.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect()
}

/// Whether the connection closes without an answer.
pub(crate) fn is_cut(strike: &Strike) -> bool {
    matches!(
        strike.fate,
        Some((
            _,
            FaultKind::CutBefore {}
                | FaultKind::CutAfter {}
                | FaultKind::ApplyLate { answer: LateAnswer::Cut, .. }
        ))
    )
}

/// `_HttpMethod` on a POST stands for the verb, as clients without PATCH need it.
fn verb(method: &Method, query: Option<&str>) -> Method {
    if method != Method::POST {
        return method.clone();
    }
    pairs(query.unwrap_or_default())
        .into_iter()
        .find(|(key, _)| key == "_HttpMethod")
        .and_then(|(_, value)| Method::from_bytes(value.to_ascii_uppercase().as_bytes()).ok())
        .unwrap_or(Method::POST)
}

/// Reads a request, lets the faults at it, and has it done.
async fn serve(world: &Arc<World>, visit: &Visit, request: Request) -> (Strike, Answered) {
    let refused = |refusal: Refusal| (Strike::default(), Answered::nobody(refusal));
    if let Err(refusal) = visit.check_size() {
        return refused(refusal);
    }
    let (parts, body) = request.into_parts();
    // The body is read even if nothing will be done with it: a client that is still sending would
    // otherwise see a broken pipe in place of the answer.
    let silence = world.config().client_silence;
    let body = match read(body, visit.body_limit(), silence).await {
        Ok(body) => body,
        Err(refusal) => return refused(refusal),
    };
    let body = match decompress(&parts.headers, body, visit.body_limit()) {
        Ok(body) => body,
        Err(refusal) => return refused(refusal),
    };
    let strike = visit.strike(world, &parts.headers, &body);
    if !strike.before.is_zero() {
        delay(strike.before).await;
    }
    if strike.ends_session
        && let Some(token) = visit.content(world, &parts.headers, &body).token()
    {
        world.sessions().end(&token);
    }
    if visit.is_api() && world.progress().is_crowded(world.now()) {
        return (strike, Answered::nobody(concurrent_limit()));
    }
    let accept = parts.headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let is_xml = rest_xml::is_wanted(&visit.route, &visit.path, accept);
    let call = Call {
        method: visit.method.clone(),
        version: String::new(),
        query: pairs(visit.query.as_deref().unwrap_or_default()),
        headers: parts.headers,
        body,
        time: visit.time,
        session: None,
        trouble: strike.trouble.clone(),
    };
    let work = Work { world: Arc::clone(world), route: visit.route.clone(), call };
    let mut answered = work.under(strike.fate.clone()).await;
    if is_xml {
        answered.reply = rest_xml::rewritten(answered.reply, &visit.route);
    }
    (strike, answered)
}

/// Reads a body piece by piece, so that neither a large nor a slow one holds the org up.
async fn read(body: Body, limit: usize, silence: Duration) -> Result<Bytes, Refusal> {
    let mut pieces: BodyDataStream = body.into_data_stream();
    let mut whole = BytesMut::new();
    loop {
        match tokio::time::timeout(silence, pieces.next()).await {
            Err(_) => {
                let message = "The request was not sent in time";
                let status = StatusCode::REQUEST_TIMEOUT;
                return Err(Refusal::rest(status, "REQUEST_TIMEOUT", message));
            }
            Ok(None) => return Ok(whole.freeze()),
            Ok(Some(Ok(piece))) if whole.len() + piece.len() <= limit => {
                whole.extend_from_slice(&piece);
            }
            Ok(Some(Ok(_))) => return Err(too_large()),
            Ok(Some(Err(_))) => {
                let message = "The request's body broke off";
                return Err(Refusal::bad_request("BAD_REQUEST", message));
            }
        }
    }
}

/// The answer to what the org itself did not expect.
pub(crate) fn unexpected() -> Refusal {
    let message =
        "An unexpected error occurred. Please include this ErrorId if you contact support";
    Refusal::rest(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN_EXCEPTION", message)
}

/// The answer where something panicked on its way.
#[expect(clippy::needless_pass_by_value, reason = "the layer that catches panics hands it over")]
pub(crate) fn panicked(cause: Box<dyn std::any::Any + Send>) -> Response<Body> {
    let said = cause.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
    tracing::error!(said, "a request panicked");
    Reply::from(unexpected()).into_response()
}

/// The answer once the day's requests are spent.
pub(crate) fn request_limit() -> Refusal {
    let message = "TotalRequests Limit exceeded.";
    Refusal::rest(StatusCode::FORBIDDEN, "REQUEST_LIMIT_EXCEEDED", message)
}

/// The answer while too many requests take long.
fn concurrent_limit() -> Refusal {
    let message = "ConcurrentRequests (Concurrent API Requests) Limit exceeded.";
    Refusal::rest(StatusCode::FORBIDDEN, "REQUEST_LIMIT_EXCEEDED", message)
}

/// Marks a response whose bytes are counted.
#[derive(Clone, Copy)]
struct Exact;

/// Whether a response may be compressed.
pub(crate) fn may_compress(
    _: StatusCode,
    _: Version,
    _: &HeaderMap,
    extensions: &Extensions,
) -> bool {
    extensions.get::<Exact>().is_none()
}

async fn send(world: &World, strike: &Strike, mut reply: Reply, cutter: &Cutter) -> Response<Body> {
    reply
        .headers
        .entry(EXPIRES)
        .or_insert(HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"));
    if let Ok(date) = HeaderValue::from_str(&http_date(world.now() + world.date_skew())) {
        reply.headers.insert(DATE, date);
    }
    for kind in &strike.spoiled {
        reply = spoil(reply, kind, cutter).await;
    }
    let mut response = reply.into_response();
    if strike.spoiled.iter().any(is_exact) {
        response.extensions_mut().insert(Exact);
    }
    response
}

/// A time as HTTP headers write it, in whole seconds.
pub(crate) fn http_date(time: DateTime<Utc>) -> String {
    time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_answered_in_salesforces_form() {
        let response = panicked(Box::new("oh"));

        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = axum::body::to_bytes(response.into_body(), 1_000).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body[0]["errorCode"], "UNKNOWN_EXCEPTION");
    }
}
