//! The answers that a fault orders in place of the work.

use std::collections::BTreeMap;

use axum::http::{HeaderName, StatusCode, header::CONTENT_TYPE};
use serde_json::Value;

use super::codes::{documented, lasting};
use crate::{
    ApiError,
    control::{FaultKind, LateAnswer, Page},
    http::{gate::request_limit, refusal::Refusal, reply::Reply},
};

const HTML: &str = "text/html;charset=UTF-8";

/// The answer that a fault orders for a request of this kind; `None` when it orders none.
pub(crate) fn ordered(kind: &FaultKind, operation: &str) -> Option<Reply> {
    match kind {
        FaultKind::Error { code, status, message, fields } => {
            let message = message.as_deref();
            Some(error(operation, (code, *status), message, fields))
        }
        FaultKind::Status { status, body, html, headers } => {
            Some(plain(*status, body.as_ref(), html.as_deref(), headers))
        }
        FaultKind::Page { page } => Some(written(*page)),
        FaultKind::ApplyLate { answer: LateAnswer::GatewayTimeout, .. } => {
            Some(written(Page::GatewayTimeout))
        }
        // What is cut off needs no content.
        FaultKind::CutBefore {} | FaultKind::ApplyLate { answer: LateAnswer::Cut, .. } => {
            Some(Reply::empty(StatusCode::OK))
        }
        _ => None,
    }
}

/// A documented error in the form of the API that was asked.
fn error(
    operation: &str,
    (code, status): (&str, Option<u16>),
    message: Option<&str>,
    fields: &[String],
) -> Reply {
    let known = documented(code);
    let usual = known.map_or(400, |known| known.status);
    let status = StatusCode::from_u16(status.unwrap_or(usual)).unwrap_or(StatusCode::BAD_REQUEST);
    let message =
        message.unwrap_or_else(|| known.map_or("refused by a fault", |known| known.message));
    // The token endpoint has codes of its own, in lower case; of the others it passes on the array.
    let is_oauth = operation == "oauth" && !code.starts_with(|first: char| first.is_uppercase());
    if is_oauth {
        let mut reply = Reply::from(Refusal::oauth(lasting(code), message));
        reply.status = status;
        return reply;
    }
    if operation == "identity" && status == StatusCode::UNAUTHORIZED {
        let text = "Bad_OAuth_Token";
        return Refusal::Text { status: StatusCode::FORBIDDEN, text }.into();
    }
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    if fields.is_empty() && known.is_none_or(|known| !known.is_of_row) {
        return Refusal::rest(status, code, message).into();
    }
    Refusal::from(ApiError::row(lasting(code), message, &fields).with_status(status.as_u16()))
        .into()
}

fn plain(
    status: u16,
    body: Option<&Value>,
    html: Option<&str>,
    headers: &BTreeMap<String, String>,
) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let reply = match (body, html) {
        (Some(body), _) => Reply::json(status, body),
        (None, Some(html)) => Reply::text(status, HTML, html.to_owned()),
        (None, None) if status == StatusCode::UNAUTHORIZED => Refusal::session().into(),
        (None, None) if status == StatusCode::FORBIDDEN => request_limit().into(),
        (None, None) if status == StatusCode::BAD_GATEWAY => written(Page::BadGateway),
        (None, None) if status == StatusCode::GATEWAY_TIMEOUT => written(Page::GatewayTimeout),
        (None, None) if status.as_u16() == 420 => written(Page::UnknownRouting),
        (None, None) if status.is_server_error() => {
            let mut reply = written(Page::Maintenance);
            reply.status = status;
            reply
        }
        (None, None) => Reply::empty(status),
    };
    headers.iter().fold(reply, |reply, (name, value)| {
        match HeaderName::from_bytes(name.as_bytes()) {
            Ok(name) => reply.with(name, value),
            Err(_) => reply,
        }
    })
}

/// What the gateway writes.
fn written(page: Page) -> Reply {
    let (status, title, text) = match page {
        Page::BadGateway => (502, "Bad Gateway", "The edge could not reach the instance."),
        Page::Maintenance => (503, "Maintenance", "Down for maintenance"),
        Page::GatewayTimeout => (504, "Gateway Timeout", "The instance did not answer in time."),
        Page::UnknownRouting => {
            (420, "Unknown routing", "Edge routing information is unknown for this host.")
        }
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let page = format!(
        "<html><head><title>{title}</title></head><body><h1>{title}</h1><p>{text}</p></body></html>"
    );
    Reply::text(status, HTML, page).with(CONTENT_TYPE, HTML)
}
