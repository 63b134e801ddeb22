//! One call to the data API: session, headers, retries, and what every answer tells beside its content.
//!
//! A call that only reads is repeated by itself while its failure looks temporary, and no more than a tenth of all calls
//! are. A call that writes is sent once; only after a 401, which Salesforce gives before it does anything, is it sent
//! again: with a new session, and with that one a few times more, since a session may be issued a moment before every
//! server knows of it.

use super::auth::Login;
use super::call::{Answer, Call, Content};
use super::config::Config;
use super::error::Error;
use super::options::{OptionHeaders, RequestOptions};
use super::session::{Session, Sessions};
use super::{Budget, Usage, host};
use crate::runtime::{Retry, RetryBudget, RetryPolicy, Verdict, retry, retry_if_paid};
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{self, HeaderMap};
use reqwest::{Body, Response, StatusCode, redirect};
use secrecy::ExposeSecret;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const USER_AGENT: &str = concat!("lockstep/", env!("CARGO_PKG_VERSION"));
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Far above any page Salesforce sends; a bound on what a broken or hostile peer can make us hold.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// Reading calls are repeated for about a minute; after that the caller's next turn is soon enough.
const READING: RetryPolicy = RetryPolicy {
    first: Duration::from_millis(500),
    longest: Duration::from_secs(16),
    attempts: 6,
    within: Duration::from_mins(1),
};

/// A session that was just issued is tried for some seconds, in which Salesforce's servers tell each other of it.
const FRESH_SESSION: RetryPolicy = RetryPolicy {
    first: Duration::from_millis(250),
    longest: Duration::from_secs(2),
    attempts: 5,
    within: Duration::from_secs(10),
};

/// Sends calls.
pub(super) struct Transport {
    http: reqwest::Client,
    sessions: Sessions,
    timeout: Duration,
    options: RequestOptions,
    headers: OptionHeaders,
    usage: Mutex<Option<Usage>>,
    budget: Budget,
    retries: Mutex<RetryBudget>,
}

impl Transport {
    pub(super) fn new(config: Config, options: RequestOptions) -> Result<Self, Error> {
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            .gzip(true)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(config.timeout)
            .pool_idle_timeout(KEEPALIVE)
            .tcp_keepalive(KEEPALIVE);
        if host::is_loopback(&config.login_url) {
            builder = builder.no_proxy();
        }
        let http = builder
            .build()
            .map_err(|error| Error::Settings(format!("no HTTPS is possible here: {error}")))?;
        Ok(Self {
            timeout: config.timeout,
            headers: options.headers()?,
            options,
            sessions: Sessions::new(Login::new(http.clone(), config)),
            http,
            usage: Mutex::new(None),
            budget: Budget::default(),
            retries: Mutex::default(),
        })
    }

    pub(super) async fn session(&self) -> Result<Arc<Session>, Error> {
        Ok(self.sessions.current().await?)
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        *self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn options(&self) -> &RequestOptions {
        &self.options
    }

    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Calls and takes in the whole answer. `count` counts what is sent.
    pub(super) async fn call(&self, call: &Call, count: &AtomicU64) -> Result<Answer, Error> {
        self.repeated(call, || async {
            let timeout = Some(call.timeout.unwrap_or(self.timeout));
            let asked = Instant::now();
            let response = self.attempt(call, count, timeout).await?;
            let server_time = time_when_asked(response.headers(), asked.elapsed());
            let is_unmodified = response.status() == StatusCode::NOT_MODIFIED;
            let body = read_body(response).await?;
            if is_page_of_a_gateway(&body) {
                return Err(Error::Malformed("a web page"));
            }
            Ok(Answer { body, server_time, is_unmodified })
        })
        .await
    }

    /// Calls and hands over the answer as soon as it begins. What comes is bounded by silence, not by time.
    pub(super) async fn open(&self, call: &Call, count: &AtomicU64) -> Result<Response, Error> {
        self.repeated(call, || self.attempt(call, count, None)).await
    }

    /// One attempt, or some more after a session that has ended.
    async fn attempt(
        &self,
        call: &Call,
        count: &AtomicU64,
        timeout: Option<Duration>,
    ) -> Result<Response, Error> {
        let session = self.sessions.current().await?;
        count.fetch_add(1, Ordering::Relaxed);
        let mut response = self.send(call, &session, timeout).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            let session = self.sessions.renewed(&session).await?;
            let once = || async {
                count.fetch_add(1, Ordering::Relaxed);
                let response = self.send(call, &session, timeout).await?;
                let is_refused = response.status() == StatusCode::UNAUTHORIZED;
                if is_refused { Err(Error::SessionRefused) } else { Ok(response) }
            };
            let is_refused = |error: &Error| match error {
                Error::SessionRefused => Verdict::Again,
                _ => Verdict::GiveUp,
            };
            response = retry(FRESH_SESSION, &CancellationToken::new(), is_refused, once).await?;
        }
        let outcome = accepted(response).await;
        if let Err(Error::RequestLimit(_)) = &outcome {
            self.budget.refused();
        }
        outcome
    }

    async fn send(
        &self,
        call: &Call,
        session: &Session,
        timeout: Option<Duration>,
    ) -> Result<Response, Error> {
        let mut request = self
            .http
            .request(call.method.clone(), call.url(session)?)
            .bearer_auth(session.access_token.expose_secret())
            .headers(self.headers.of(call));
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        if let Some((media_type, content)) = &call.content {
            request = request.header(header::CONTENT_TYPE, *media_type);
            request = match content {
                Content::Whole(bytes) => request.body(bytes.clone()),
                Content::Streamed(upload) => request
                    .header(header::CONTENT_LENGTH, upload.length)
                    .body(Body::wrap_stream((upload.open)())),
            };
        }
        if let Some(timeout) = timeout {
            request = request.timeout(timeout);
        }
        self.budget.count();
        let response = request.send().await.map_err(Error::transport)?;
        self.note_usage(&response);
        Ok(response)
    }

    /// Repeats a call that only reads while its failure looks temporary and the connection's budget for that lasts.
    async fn repeated<T, F: Future<Output = Result<T, Error>>>(
        &self,
        call: &Call,
        once: impl Fn() -> F,
    ) -> Result<T, Error> {
        self.retries().called();
        if !call.is_repeatable {
            return once().await;
        }
        let pay = || self.retries().may_repeat();
        // Whoever stops waiting drops the call; for one that reads, nothing is lost.
        retry_if_paid(READING, &CancellationToken::new(), verdict, pay, once).await
    }

    fn retries(&self) -> MutexGuard<'_, RetryBudget> {
        self.retries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_usage(&self, response: &Response) {
        let usage = response
            .headers()
            .get("sforce-limit-info")
            .and_then(|value| value.to_str().ok())
            .and_then(Usage::parse);
        if usage.is_some() {
            *self.usage.lock().unwrap_or_else(PoisonError::into_inner) = usage;
        }
        // A gateway knows nothing of usage, and a refusal may be the one for the limit.
        if !matches!(response.status().as_u16(), 403 | 429 | 500..) {
            self.budget.answered(usage);
        }
    }
}

fn verdict(error: &Error) -> Verdict {
    match (error.retry(), error) {
        (Retry::Soon, Error::Unavailable { retry_after: Some(least), .. }) => {
            Verdict::AgainAfter(*least)
        }
        // It would take as long again; the caller knows a shorter way.
        (Retry::Soon, error) if error.is_query_timeout() => Verdict::GiveUp,
        (Retry::Soon, _) => Verdict::Again,
        (Retry::Later | Retry::Never, _) => Verdict::GiveUp,
    }
}

async fn accepted(response: Response) -> Result<Response, Error> {
    let status = response.status();
    // Only calls that name a moment are answered so; a body that is missing is found out where it is read.
    if status.is_success() || status == StatusCode::NOT_MODIFIED {
        return Ok(response);
    }
    let retry_after = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    // The status says enough if the explanation gets lost.
    let body = read_body(response).await.unwrap_or_default();
    Err(Error::of_answer(status, retry_after, &body))
}

async fn read_body(mut response: Response) -> Result<Bytes, Error> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(Error::transport)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(Error::Malformed("an answer beyond all bounds"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Gateways announce maintenance in HTML, and not always with a status that says so.
fn is_page_of_a_gateway(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'<')
}

/// Salesforce's clock when it was asked, to within a second on either side. It tells the time when it answers, `took`
/// later, and a query has seen only what was there when it began.
fn time_when_asked(headers: &HeaderMap, took: Duration) -> Option<DateTime<Utc>> {
    // Both are cut to whole seconds: asked at 9.8 and answered at 10.1 gives 10.
    let took = TimeDelta::try_seconds(i64::try_from(took.as_secs()).ok()?)?;
    date_of(headers)?.checked_sub_signed(took)
}

/// The clock of the other side.
pub(super) fn date_of(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let text = headers.get(header::DATE)?.to_str().ok()?;
    DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc())
}

#[cfg(test)]
mod tests {
    use super::{date_of, time_when_asked};
    use reqwest::header::{DATE, HeaderMap, HeaderValue};
    use std::time::Duration;

    #[test]
    fn the_time_of_the_question_is_that_of_the_answer_less_what_it_took() {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, HeaderValue::from_static("Sun, 01 Mar 2026 12:00:10 GMT"));
        // A question of 999 ms was asked between 12:00:09.001 and 12:00:10.
        for (millis, expected) in [(0, "12:00:10"), (999, "12:00:10"), (7_200, "12:00:03")] {
            let asked = time_when_asked(&headers, Duration::from_millis(millis)).unwrap();
            assert_eq!(asked.format("%T").to_string(), expected, "{millis}");
        }
        assert_eq!(time_when_asked(&HeaderMap::new(), Duration::ZERO), None);
        assert_eq!(time_when_asked(&headers, Duration::MAX), None);
    }

    #[test]
    fn the_servers_clock_is_read_from_the_date_header() {
        let mut headers = HeaderMap::new();
        assert_eq!(date_of(&headers), None);
        headers.insert(DATE, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert_eq!(date_of(&headers).unwrap().to_rfc3339(), "1994-11-06T08:49:37+00:00");
    }
}
