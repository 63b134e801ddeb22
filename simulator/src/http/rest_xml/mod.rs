//! The REST resources in XML in place of JSON, for clients that ask for it.
//!
//! The resources know only JSON. An answer is rewritten on its way out ([`mod@write`]), when the path ends
//! in `.xml` or the `Accept` header prefers XML, and a row in XML is read into the JSON it stands for
//! ([`read`]). The Bulk and OAuth resources have forms of their own and are left alone.

mod read;
mod write;

pub(crate) use read::row;

use axum::http::header::CONTENT_TYPE;

use crate::http::{
    reply::{Reply, ReplyBody},
    route::{Resource, Route},
};

/// Whether a request is to be answered in XML.
pub(crate) fn is_wanted(route: &Route, path: &str, accept: Option<&str>) -> bool {
    let has_xml = match route {
        Route::Versions => true,
        Route::Api { resource, .. } => resource.has_xml(),
        _ => false,
    };
    if !has_xml {
        return false;
    }
    match path.trim_end_matches('/').rsplit_once('.') {
        Some((_, "xml")) => true,
        Some((_, "json")) => false,
        _ => accept.is_some_and(prefers_xml),
    }
}

/// Whether an `Accept` header likes XML better than JSON; the first of equals wins.
fn prefers_xml(accept: &str) -> bool {
    let mut best = (0.0_f64, false);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let is_xml = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "application/xml" | "text/xml" => true,
            "application/json" | "*/*" | "application/*" => false,
            _ => continue,
        };
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
        if quality > best.0 {
            best = (quality, is_xml);
        }
    }
    best.1
}

/// The answer with its JSON as XML.
pub(crate) fn rewritten(reply: Reply, route: &Route) -> Reply {
    let ReplyBody::Json(json) = &reply.body else { return reply };
    let roots = if reply.status.is_client_error() || reply.status.is_server_error() {
        write::Roots { list: "Errors", item: "Error" }
    } else {
        roots(route)
    };
    match write::to_xml(json, &roots) {
        Ok(xml) => Reply { body: ReplyBody::Bytes(xml.into()), ..reply }
            .with(CONTENT_TYPE, "application/xml;charset=UTF-8"),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written as XML");
            reply
        }
    }
}

/// What the elements around an answer are called. A row is called after its object.
fn roots(route: &Route) -> write::Roots {
    use Resource as R;
    let (list, item) = match route {
        Route::Versions => ("Versions", "Version"),
        Route::Api { resource, .. } => match resource {
            R::Map => ("urls", "urls"),
            R::Limits => ("Limits", "Limits"),
            R::Objects => ("DescribeGlobal", "DescribeGlobal"),
            R::Describe(_) => ("sObjectDescribe", "sObjectDescribe"),
            R::Query | R::QueryAll | R::QueryMore(_) | R::Related { .. } => {
                ("QueryResult", "QueryResult")
            }
            R::Search | R::ParameterizedSearch => ("SearchResult", "SearchResult"),
            _ => ("Results", "Result"),
        },
        _ => ("Results", "Result"),
    };
    write::Roots { list, item }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_decides_before_the_header_and_the_better_liked_format_wins() {
        #[rustfmt::skip]
        let table = [
            ("/services/data/v66.0/limits",      None,                                     false),
            ("/services/data/v66.0/limits.xml",  None,                                     true),
            ("/services/data/v66.0/limits.xml/", Some("application/json"),                 true),
            ("/services/data/v66.0/limits.json", Some("application/xml"),                  false),
            ("/services/data/v66.0/limits",      Some("application/xml"),                  true),
            ("/services/data/v66.0/limits",      Some("text/xml; charset=utf-8"),          true),
            ("/services/data/v66.0/limits",      Some("application/json, application/xml"), false),
            ("/services/data/v66.0/limits",      Some("application/json;q=0.5, application/xml;q=0.9"), true),
            ("/services/data",                   Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), true),
            ("/services/data/v66.0/limits",      Some("*/*"),                              false),
            ("/services/data/v66.0/limits",      Some("text/csv"),                         false),
            ("/services/data/v66.0/jobs/query",  Some("application/xml"),                  false),
            ("/services/oauth2/token",           Some("application/xml"),                  false),
        ];
        for (path, accept, expected) in table {
            assert_eq!(is_wanted(&Route::parse(path), path, accept), expected, "{path} {accept:?}");
        }
    }
}
