//! What goes back to the client: status, headers and a body that may be produced while it is sent.

use std::{io, pin::Pin};

use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
        header::{CONTENT_TYPE, WWW_AUTHENTICATE},
    },
};
use bytes::Bytes;
use futures_util::Stream;
use serde::Serialize;

use crate::http::refusal::Refusal;

/// A body that is produced piece by piece.
pub(crate) type Pieces = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// An answer on its way out.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: ReplyBody,
    /// How many records the call read or wrote, for the request log.
    pub(crate) records: u64,
}

/// The kinds of body that the org answers.
pub(crate) enum ReplyBody {
    Empty,
    Json(Vec<u8>),
    Bytes(Bytes),
    Pieces(Pieces),
}

impl Reply {
    /// An answer without a body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: ReplyBody::Empty, records: 0 }
    }

    /// A JSON answer.
    pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(bytes) => Self { body: ReplyBody::Json(bytes), ..Self::empty(status) }
                .with(CONTENT_TYPE, "application/json;charset=UTF-8"),
            Err(error) => {
                tracing::error!(%error, "an answer cannot be written as JSON");
                Self::empty(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    /// A JSON answer with status 200.
    pub(crate) fn ok(value: &impl Serialize) -> Self {
        Self::json(StatusCode::OK, value)
    }

    /// Plain text or another fixed body.
    pub(crate) fn text(status: StatusCode, content_type: &str, text: impl Into<Bytes>) -> Self {
        Self { body: ReplyBody::Bytes(text.into()), ..Self::empty(status) }
            .with(CONTENT_TYPE, content_type)
    }

    /// A CSV answer, produced while it is sent.
    pub(crate) fn csv(pieces: Pieces) -> Self {
        Self { body: ReplyBody::Pieces(pieces), ..Self::empty(StatusCode::OK) }
            .with(CONTENT_TYPE, "text/csv")
    }

    /// The same answer with one more header; a value that HTTP cannot carry is left out.
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// The same answer, said to be about `count` records.
    pub(crate) fn about(mut self, count: usize) -> Self {
        self.records = count as u64;
        self
    }

    /// The same answer with its JSON indented, as `X-PrettyPrint: 1` asks.
    pub(crate) fn pretty(mut self) -> Self {
        if let ReplyBody::Json(bytes) = &self.body {
            self.body = ReplyBody::Json(indent(bytes));
        }
        self
    }

    /// The answer as axum sends it.
    pub(crate) fn into_response(self) -> Response<Body> {
        let body = match self.body {
            ReplyBody::Empty => Body::empty(),
            ReplyBody::Json(bytes) => Body::from(bytes),
            ReplyBody::Bytes(bytes) => Body::from(bytes),
            ReplyBody::Pieces(pieces) => Body::from_stream(pieces),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        let status = refusal.status();
        let reply = match (&refusal, refusal.body()) {
            (_, Some(body)) => Self::json(status, &body),
            (Refusal::Text { text, .. }, None) => Self::text(status, "text/plain", *text),
            (_, None) => Self::empty(status),
        };
        if status == StatusCode::UNAUTHORIZED {
            return reply.with(WWW_AUTHENTICATE, "Token");
        }
        reply
    }
}

/// Indents JSON text without reading it into a value, so that the order of members stays.
fn indent(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    let mut bytes = json.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if in_string {
            out.push(byte);
            in_string = is_escaped || byte != b'"';
            is_escaped = !is_escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => {
                in_string = true;
                out.push(byte);
            }
            b'{' | b'[' => {
                out.push(byte);
                if let Some(close) = bytes.next_if(|next| matches!(next, b'}' | b']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                new_line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b" : "),
            other => out.push(other),
        }
    }
    out
}

fn new_line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    out.extend(std::iter::repeat_n(b' ', depth * 2));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indented_json_keeps_its_order_and_its_strings() {
        let compact = br#"{"b":[1,{}],"a":"x,\"{:","c":[]}"#;

        let text = String::from_utf8(indent(compact)).unwrap();

        assert_eq!(
            text,
            "{\n  \"b\" : [\n    1,\n    {}\n  ],\n  \"a\" : \"x,\\\"{:\",\n  \"c\" : []\n}"
        );
    }
}
