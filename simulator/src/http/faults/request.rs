//! What a fault can know of a request before anything is done with it.
//!
//! Object, user and number of rows take some reading, so they are looked up when a fault asks.

use std::cell::OnceCell;

use axum::http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{
    Id,
    control::{Rule, StruckRequest},
    http::{
        async_bulk,
        call::pairs,
        route::{Resource, Route},
        soap::Glance,
        world::World,
    },
};

/// A request as the faults see it.
pub(crate) struct Seen<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) time: DateTime<Utc>,
    /// Absent in tests of the rules alone.
    pub(crate) content: Option<Content<'a>>,
    object: OnceCell<Option<String>>,
    user: OnceCell<Option<String>>,
    rows: OnceCell<u64>,
}

/// The parts of a request that take some reading.
#[derive(Clone, Copy)]
pub(crate) struct Content<'a> {
    pub(crate) world: &'a World,
    pub(crate) route: &'a Route,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a Bytes,
}

impl<'a> Seen<'a> {
    /// A request with all there is to know of it.
    pub(crate) fn new(
        (method, path): (&'a str, &'a str),
        time: DateTime<Utc>,
        content: Content<'a>,
    ) -> Self {
        let operation = content.route.kind();
        let content = Some(content);
        let (object, user, rows) = Default::default();
        Self { method, path, operation, time, content, object, user, rows }
    }

    /// A request of which only the first line is known.
    #[cfg(test)]
    pub(super) fn bare(method: &'a str, path: &'a str, operation: &'a str) -> Self {
        let (object, user, rows) = Default::default();
        let time = DateTime::UNIX_EPOCH;
        Self { method, path, operation, time, content: None, object, user, rows }
    }

    /// Whether a rule means this request.
    pub(super) fn fits(&self, rule: &Rule) -> bool {
        rule.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(self.method))
            && rule.operation.as_ref().is_none_or(|wanted| wanted == self.operation)
            && glob(&rule.route.to_ascii_lowercase(), &self.path.to_ascii_lowercase())
            && is_said(rule.object.as_deref(), || self.object())
            && is_said(rule.user.as_deref(), || self.user())
            && (rule.min_rows == 0 || self.rows() >= rule.min_rows)
    }

    /// The entry in the faults' history.
    pub(super) fn struck(&self, fault: u64, kind: &str) -> StruckRequest {
        StruckRequest {
            fault,
            kind: kind.to_owned(),
            time: self.time.to_rfc3339(),
            method: self.method.to_owned(),
            path: self.path.to_owned(),
        }
    }

    fn object(&self) -> Option<&str> {
        self.object.get_or_init(|| self.content.and_then(|content| content.object())).as_deref()
    }

    fn user(&self) -> Option<&str> {
        let look = || {
            let content = self.content?;
            let session = content.world.sessions().look(&content.token()?, self.time);
            session.map(|session| session.username)
        };
        self.user.get_or_init(look).as_deref()
    }

    fn rows(&self) -> u64 {
        *self.rows.get_or_init(|| self.content.map_or(0, |content| content.rows()))
    }
}

impl Content<'_> {
    /// The session that the request names, wherever its API has it.
    pub(crate) fn token(&self) -> Option<String> {
        if let Route::Soap { .. } = self.route {
            return Glance::of(self.body)?.session().map(str::to_owned);
        }
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        let own = match self.route {
            Route::AsyncBulk { .. } => self.headers.get("x-sfdc-session"),
            Route::PubSub => self.headers.get("accesstoken"),
            _ => None,
        };
        if let Some(own) = own {
            return text(own).map(|token| token.trim().to_owned());
        }
        let header = text(self.headers.get(AUTHORIZATION)?)?;
        let (_, token) = header.split_once(' ')?;
        Some(token.trim().to_owned())
    }

    fn json(&self) -> Option<Value> {
        serde_json::from_slice(self.body).ok()
    }

    fn parameter(&self, name: &str) -> Option<String> {
        pairs(self.query).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    fn object(&self) -> Option<String> {
        let resource = match self.route {
            Route::Api { resource, .. } => resource,
            Route::AsyncBulk { words, .. } => {
                return async_bulk::object_of(self.world, words, self.body);
            }
            Route::Soap { .. } => {
                let glance = Glance::of(self.body)?;
                return match glance.statement() {
                    Some(soql) => object_of(soql),
                    None => glance.object(self.world),
                };
            }
            _ => return None,
        };
        if let Some(object) = resource.object() {
            return Some(object.to_owned());
        }
        match resource {
            Resource::Query | Resource::QueryAll => object_of(&self.parameter("q")?),
            Resource::QueryJobs => object_of(self.json()?.get("query").and_then(Value::as_str)?),
            Resource::IngestJobs => {
                self.json()?.get("object").and_then(Value::as_str).map(str::to_owned)
            }
            Resource::Collection => self.object_of_collection(),
            other => self.world.jobs().object_of(other.job()?),
        }
    }

    fn object_of_collection(&self) -> Option<String> {
        if let Some(ids) = self.parameter("ids") {
            let id = Id::from_text(ids.split(',').next()?.trim())?;
            let org = self.world.org();
            let number = org.schema().number_of_prefix(id.prefix())?;
            return Some(org.schema().objects().get(number)?.name().to_owned());
        }
        let body = self.json()?;
        body.pointer("/records/0/attributes/type").and_then(Value::as_str).map(str::to_owned)
    }

    fn rows(&self) -> u64 {
        match self.route {
            Route::AsyncBulk { words, .. } => {
                return async_bulk::rows_of(self.world, words, self.body) as u64;
            }
            Route::Soap { .. } => {
                return Glance::of(self.body).map_or(0, |glance| glance.rows()) as u64;
            }
            _ => {}
        }
        if let Some(ids) = self.parameter("ids") {
            return ids.split(',').count() as u64;
        }
        if let Route::Api { resource: Resource::IngestUpload(_), .. } = self.route {
            let lines = super::body::records(self.body).len();
            return lines.saturating_sub(1) as u64;
        }
        let lists = ["records", "ids", "compositeRequest", "batchRequests", "graphs"];
        match self.json() {
            Some(Value::Object(body)) => lists
                .iter()
                .find_map(|list| body.get(*list).and_then(Value::as_array))
                .map_or(1, Vec::len) as u64,
            _ => 0,
        }
    }
}

fn is_said<'a>(wanted: Option<&str>, found: impl FnOnce() -> Option<&'a str>) -> bool {
    wanted.is_none_or(|wanted| found().is_some_and(|found| found.eq_ignore_ascii_case(wanted)))
}

/// The object of a statement: the word after the FROM that stands outside of parentheses.
fn object_of(soql: &str) -> Option<String> {
    let mut depth = 0_usize;
    let outside: String = soql
        .chars()
        .filter(|character| {
            match character {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => return depth == 0,
            }
            false
        })
        .collect();
    let mut words = outside.split_whitespace();
    words.find(|word| word.eq_ignore_ascii_case("from"))?;
    words.next().map(str::to_owned)
}

/// Whether `text` as a whole matches `pattern`, in which `*` stands for anything.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    let mut rest = rest;
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        #[rustfmt::skip]
        let table = [
            ("*",          "/a/b",     true),
            ("/a/*",       "/a/b/c",   true),
            ("/a",         "/a",       true),
            ("/a",         "/a/b",     false),
            ("*/b",        "/a/b",     true),
            ("*/b",        "/a/b/c",   false),
            ("/a/*/c",     "/a/b/c",   true),
            ("/a/*/c",     "/a/c",     false),
            ("*/a/*/a*",   "/a/a",     false),
            ("*ab*ba",     "/aba",     false),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(glob(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn the_object_of_a_statement_is_the_outer_one() {
        #[rustfmt::skip]
        let table = [
            ("SELECT Id FROM Account",                              Some("Account")),
            ("select Id, (select Id from Contacts) from Account",   Some("Account")),
            ("SELECT Id FROM Contact WHERE AccountId IN (SELECT Id FROM Account)", Some("Contact")),
            ("nonsense",                                            None),
        ];
        for (soql, expected) in table {
            assert_eq!(object_of(soql).as_deref(), expected, "{soql}");
        }
    }
}
