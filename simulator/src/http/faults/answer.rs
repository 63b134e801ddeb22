//! The answers that a fault orders in place of the work.

use std::collections::BTreeMap;

use axum::http::{HeaderName, StatusCode, header::CONTENT_TYPE};
use serde_json::Value;

use super::codes::{documented, lasting};
use crate::{
    ApiError,
    control::{FaultKind, LateAnswer, Page},
    http::{
        async_bulk, call::Call, gate::request_limit, refusal::Refusal, reply::Reply, route::Route,
        soap,
    },
};

const HTML: &str = "text/html;charset=UTF-8";

/// The answer that a fault orders for a request of this kind; `None` when it orders none. The
/// form of an error can depend on the `call`, where there is one.
pub(crate) fn ordered(kind: &FaultKind, route: &Route, call: Option<&Call>) -> Option<Reply> {
    if let Some(reply) = of_older_api(kind, route, call) {
        return Some(reply);
    }
    let operation = route.kind();
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

/// An error of SOAP or Bulk API 1.0, which have forms of their own. A bare status means the error
/// that is usual with it; what stands before the org answers all APIs alike.
fn of_older_api(kind: &FaultKind, route: &Route, call: Option<&Call>) -> Option<Reply> {
    let (code, status, message) = match kind {
        FaultKind::Error { code, status, message, .. } => (code.as_str(), *status, message.clone()),
        FaultKind::Status { status, body: None, html: None, headers } if headers.is_empty() => {
            let code = match status {
                401 => "INVALID_SESSION_ID",
                403 => "REQUEST_LIMIT_EXCEEDED",
                500 => "UNKNOWN_EXCEPTION",
                _ => return None,
            };
            (code, None, None)
        }
        _ => return None,
    };
    let known = documented(code);
    let usual = known.map_or("refused by a fault", |known| known.message);
    let message = message.as_deref().unwrap_or(usual);
    let ordered = status.and_then(|status| StatusCode::from_u16(status).ok());
    match route {
        Route::Soap { flavor, .. } => {
            let mut reply = soap::error(*flavor, code, message);
            reply.status = ordered.unwrap_or(reply.status);
            Some(reply)
        }
        Route::AsyncBulk { .. } => {
            let usual = known.and_then(|known| StatusCode::from_u16(known.status).ok());
            let status = ordered.or(usual).unwrap_or(StatusCode::BAD_REQUEST);
            let mut reply = async_bulk::error(call?, status, code, message);
            reply.status = ordered.unwrap_or(reply.status);
            Some(reply)
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
