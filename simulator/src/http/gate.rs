//! What every request passes on its way in and out: size limits, faults, the request log and the
//! headers that all answers carry.
//!
//! The order matters. A fault strikes before anything is done, so that `cut_before` leaves no trace in
//! the org; the log is written after the answer is known, so that a test which sees an answer also
//! sees its entry.

use std::{io, sync::Arc, time::Duration};

use axum::{
    body::{Body, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{
        HeaderValue, Method, Response, StatusCode,
        header::{DATE, EXPIRES},
    },
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};

use crate::{
    control::FaultKind,
    http::{
        call::{Call, decompress, pairs, too_large},
        cometd::{self, Answer},
        connection::Cutter,
        dispatch::dispatch,
        faults::Strike,
        refusal::Refusal,
        reply::{Pieces, Reply, ReplyBody},
        request_log::Entry,
        route::{Resource, Route},
        world::World,
    },
};

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
    let started = tokio::time::Instant::now();
    let visit = Visit::of(&world, &request);
    let strike = visit.strike(&world);
    let reply = answer(&world, &visit, &strike, request).await;
    let fault = strike.name();
    visit.write_down(&world, &reply, fault, started.elapsed());
    send(&visit, strike.ending.as_ref(), reply, &cutter)
}

/// What is known of a request before its body was read.
struct Visit {
    method: Method,
    path: String,
    query: Option<String>,
    route: Route,
    head_bytes: usize,
    time: DateTime<Utc>,
}

/// An answer and who it was for.
struct Answered {
    reply: Reply,
    username: Option<String>,
    /// The connection breaks in place of the answer.
    is_cut: bool,
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
            route: Route::parse(uri.path()),
            head_bytes: head_bytes.sum(),
            query,
            time: world.now(),
        }
    }

    fn is_control(&self) -> bool {
        matches!(self.route, Route::Control(_) | Route::Front)
    }

    fn strike(&self, world: &World) -> Strike {
        if self.is_control() {
            return Strike::default();
        }
        world.faults().strike(self.method.as_str(), &self.path, self.route.kind())
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

    fn write_down(
        &self,
        world: &World,
        answered: &Answered,
        fault: Option<&'static str>,
        took: Duration,
    ) {
        if self.is_control() {
            return;
        }
        let was_cut = matches!(fault, Some("cut_before" | "cut_after"));
        world.log().add(Entry {
            number: 0,
            time: self.time.to_rfc3339(),
            method: self.method.to_string(),
            path: self.path.clone(),
            query: self.query.clone(),
            api: self.route.kind(),
            status: (!was_cut).then(|| answered.reply.status.as_u16()),
            records: answered.reply.records,
            username: answered.username.clone(),
            millis: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            fault,
        });
    }
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

async fn answer(world: &Arc<World>, visit: &Visit, strike: &Strike, request: Request) -> Answered {
    if !strike.latency.is_zero() {
        delay(strike.latency).await;
    }
    let nobody = |reply| Answered { reply, username: None, is_cut: false };
    if let Err(refusal) = visit.check_size() {
        return nobody(refusal.into());
    }
    let (parts, body) = request.into_parts();
    // The body is read even if nothing will be done with it: a client that is still sending would
    // otherwise see a broken pipe in place of the answer.
    let Ok(body) = to_bytes(body, visit.body_limit()).await else {
        return nobody(too_large().into());
    };
    match &strike.ending {
        Some(FaultKind::Status { status, body, html }) => {
            return nobody(ordered(*status, body.as_ref(), html.as_deref()));
        }
        Some(FaultKind::CutBefore {}) => return nobody(Reply::empty(StatusCode::OK)),
        _ => {}
    }
    let body = match decompress(&parts.headers, body, visit.body_limit()) {
        Ok(body) => body,
        Err(refusal) => return nobody(refusal.into()),
    };
    let call = Call {
        method: visit.method.clone(),
        version: String::new(),
        query: pairs(visit.query.as_deref().unwrap_or_default()),
        headers: parts.headers,
        body,
        time: visit.time,
        session: None,
        row_error: strike.row_error.clone(),
    };
    match &visit.route {
        Route::Cometd(version) if call.method == Method::POST => {
            let Answer { reply, is_cut, username } = cometd::answer(world, version, &call).await;
            Answered { reply, username, is_cut }
        }
        route => run(world, route.clone(), call).await,
    }
}

/// Does the work on a thread that may block; a panic there is an answer, not the end.
async fn run(world: &Arc<World>, route: Route, mut call: Call) -> Answered {
    let world = Arc::clone(world);
    let is_pretty = call.header("x-prettyprint").is_some_and(|value| value != "0");
    let work = tokio::task::spawn_blocking(move || {
        let reply = dispatch(&world, route, &mut call).unwrap_or_else(Reply::from);
        Answered { reply, username: call.session.map(|session| session.username), is_cut: false }
    });
    let mut answered = work.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a resource panicked");
        Answered { reply: unexpected().into(), username: None, is_cut: false }
    });
    if is_pretty {
        answered.reply = answered.reply.pretty();
    }
    answered
}

/// The answer to what the org itself did not expect.
pub(crate) fn unexpected() -> Refusal {
    let message =
        "An unexpected error occurred. Please include this ErrorId if you contact support";
    Refusal::rest(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN_EXCEPTION", message)
}

/// The answer that a fault ordered.
fn ordered(status: u16, body: Option<&serde_json::Value>, html: Option<&str>) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let page =
        "<html><head><title>Maintenance</title></head><body>Down for maintenance</body></html>";
    match (body, html) {
        (Some(body), _) => Reply::json(status, body),
        (None, Some(html)) => Reply::text(status, "text/html;charset=UTF-8", html.to_owned()),
        (None, None) if status == StatusCode::UNAUTHORIZED => Refusal::session().into(),
        (None, None) if status == StatusCode::FORBIDDEN => request_limit().into(),
        (None, None) if status.is_server_error() => {
            Reply::text(status, "text/html;charset=UTF-8", page)
        }
        (None, None) => Reply::empty(status),
    }
}

/// The answer once the day's requests are spent.
pub(crate) fn request_limit() -> Refusal {
    let message = "TotalRequests Limit exceeded.";
    Refusal::rest(StatusCode::FORBIDDEN, "REQUEST_LIMIT_EXCEEDED", message)
}

fn send(
    visit: &Visit,
    ending: Option<&FaultKind>,
    answered: Answered,
    cutter: &Cutter,
) -> Response<Body> {
    let mut reply = answered.reply;
    if answered.is_cut {
        cutter.cut();
    }
    match ending {
        Some(FaultKind::CutBefore {} | FaultKind::CutAfter {}) => cutter.cut(),
        Some(FaultKind::Truncate { bytes }) => reply.body = truncated(reply.body, *bytes, cutter),
        _ => {}
    }
    let mut response = reply.into_response();
    let headers = response.headers_mut();
    headers.entry(EXPIRES).or_insert(HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"));
    if let Ok(date) = HeaderValue::from_str(&http_date(visit.time)) {
        headers.insert(DATE, date);
    }
    response
}

/// A body that breaks off after so many bytes and takes its connection along.
fn truncated(body: ReplyBody, bytes: usize, cutter: &Cutter) -> ReplyBody {
    let pieces: Pieces = match body {
        ReplyBody::Empty => Box::pin(stream::empty()),
        ReplyBody::Json(json) => Box::pin(stream::iter([Ok(Bytes::from(json))])),
        ReplyBody::Bytes(whole) => Box::pin(stream::iter([Ok(whole)])),
        ReplyBody::Pieces(pieces) => pieces,
    };
    let kept = pieces.scan(bytes, |left, piece| {
        let kept = piece.map(|mut piece| {
            piece.truncate(*left);
            *left -= piece.len();
            piece
        });
        std::future::ready(kept.as_ref().is_ok_and(|piece| !piece.is_empty()).then_some(kept))
    });
    let cutter = cutter.clone();
    let end = stream::once(async move {
        // What was written so far leaves the server before the connection goes.
        delay(Duration::from_millis(20)).await;
        cutter.cut();
        Err(io::Error::new(io::ErrorKind::ConnectionAborted, "truncated by a fault"))
    });
    ReplyBody::Pieces(Box::pin(kept.chain(end)))
}

/// A time as HTTP headers write it, in whole seconds.
pub(crate) fn http_date(time: DateTime<Utc>) -> String {
    time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[expect(clippy::disallowed_methods, reason = "lateness is what a latency fault is for")]
async fn delay(latency: Duration) {
    tokio::time::sleep(latency).await;
}
