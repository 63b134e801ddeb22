//! Which API versions there are, and what lies below one.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::http::{call::Call, refusal::Refusal, reply::Reply, world::World};

/// The versions served; all behave alike.
const SERVED: std::ops::RangeInclusive<u32> = 31..=68;

/// Versions that once were served and no longer are.
const RETIRED: std::ops::RangeInclusive<u32> = 7..=30;

/// The version that came out in Winter '21; three releases a year follow.
const ANCHOR: u32 = 50;
const ANCHOR_YEAR: u32 = 21;

/// The newest version, without its `v`.
pub(crate) fn latest() -> String {
    format!("{}.0", SERVED.end())
}

/// What lies below a version: the name and what follows the version in its path. Clients look
/// names up here before they use a resource; not all of them answer.
const RESOURCES: [(&str, &str); 37] = [
    ("tooling", "tooling"),
    ("metadata", "metadata"),
    ("folders", "folders"),
    ("eclair", "eclair"),
    ("prechatForms", "prechatForms"),
    ("chatter", "chatter"),
    ("tabs", "tabs"),
    ("appMenu", "appMenu"),
    ("quickActions", "quickActions"),
    ("queryAll", "queryAll"),
    ("commerce", "commerce"),
    ("wave", "wave"),
    ("iot", "iot"),
    ("analytics", "analytics"),
    ("search", "search"),
    ("smartdatadiscovery", "smartdatadiscovery"),
    ("parameterizedSearch", "parameterizedSearch"),
    ("composite", "composite"),
    ("theme", "theme"),
    ("nouns", "nouns"),
    ("event", "event"),
    ("connect", "connect"),
    ("licensing", "licensing"),
    ("limits", "limits"),
    ("process", "process"),
    ("dedupe", "dedupe"),
    ("async-queries", "async-queries"),
    ("query", "query"),
    ("jobs", "jobs"),
    ("localizedvalue", "localizedvalue"),
    ("match", "match"),
    ("sobjects", "sobjects"),
    ("actions", "actions"),
    ("support", "support"),
    ("knowledgeManagement", "knowledgeManagement"),
    ("recent", "recent"),
    ("compactLayouts", "compactLayouts"),
];

/// How an org treats a version.
#[derive(Clone, Copy, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionState {
    /// Served like any other.
    Served,
    /// Served with a warning in every answer.
    Deprecated,
    /// Refused with 410.
    Retired,
}

/// What was said about single versions.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    said: BTreeMap<u32, VersionState>,
}

impl Versions {
    /// Says how a version, written `v50.0` or `50.0`, is treated from now on.
    ///
    /// # Errors
    /// 404 for a version that is neither served nor retired from the start.
    pub(crate) fn set(&mut self, version: &str, state: VersionState) -> Result<(), Refusal> {
        let number = number_of(&format!("v{}", version.trim_start_matches('v')));
        let number = number.filter(|number| SERVED.contains(number) || RETIRED.contains(number));
        self.said.insert(number.ok_or_else(Refusal::not_found)?, state);
        Ok(())
    }

    fn state(&self, number: u32) -> Option<VersionState> {
        let usual = if SERVED.contains(&number) {
            Some(VersionState::Served)
        } else {
            RETIRED.contains(&number).then_some(VersionState::Retired)
        };
        usual.map(|usual| self.said.get(&number).copied().unwrap_or(usual))
    }

    /// Whether a version, as the path writes it, is served, and the warning it comes with.
    ///
    /// # Errors
    /// 410 for a retired version, 404 for one that never was.
    pub(crate) fn check(&self, version: &str) -> Result<Option<String>, Refusal> {
        let number = number_of(version);
        match number.and_then(|number| Some((number, self.state(number)?))) {
            Some((_, VersionState::Served)) => Ok(None),
            Some((number, VersionState::Deprecated)) => Ok(Some(format!(
                "299 - \"This API is deprecated and will be removed in a future release. API \
                 version {number}.0 will be retired.\""
            ))),
            Some((number, VersionState::Retired)) => Err(Refusal::rest(
                StatusCode::GONE,
                "UNSUPPORTED_API_VERSION",
                format!("API version {number}.0 is retired and no longer available"),
            )),
            None => Err(Refusal::not_found()),
        }
    }

    /// `GET /services/data`, the one resource that needs no session.
    pub(crate) fn list(&self) -> Reply {
        let numbers = RETIRED.chain(SERVED);
        let versions: Vec<Value> = numbers
            .filter(|number| self.state(*number) != Some(VersionState::Retired))
            .map(|number| {
                json!({
                    "label": label(number),
                    "url": format!("/services/data/v{number}.0"),
                    "version": format!("{number}.0"),
                })
            })
            .collect();
        Reply::ok(&versions)
    }
}

/// `GET /services/data/vNN.0`
pub(crate) fn map(world: &World, call: &Call) -> Reply {
    let mut resources = serde_json::Map::new();
    for (name, path) in RESOURCES {
        resources.insert(name.to_owned(), json!(call.path_of(path)));
    }
    resources.insert("identity".to_owned(), json!(world.identity_url(call.user())));
    Reply::ok(&resources)
}

fn number_of(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.strip_suffix(".0")?.parse().ok()
}

fn label(number: u32) -> String {
    // Counted from Winter '09 on, the fourteenth version, so that no difference is negative.
    let since = number + 42 - ANCHOR;
    let year = ANCHOR_YEAR + since / 3 - 14;
    let season = match since % 3 {
        0 => "Winter",
        1 => "Spring",
        _ => "Summer",
    };
    format!("{season} '{year:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(versions: &Versions, version: &str) -> Option<u16> {
        versions.check(version).err().map(|refusal| refusal.status().as_u16())
    }

    #[test]
    fn versions_are_served_retired_or_unknown() {
        #[rustfmt::skip]
        let table = [
            ("v31.0", None), ("v50.0", None), ("v66.0", None), ("v68.0", None),
            ("v69.0", Some(404)), ("v1.0", Some(404)), ("66.0", Some(404)), ("v66", Some(404)), ("v66.5", Some(404)),
            ("v7.0", Some(410)), ("v30.0", Some(410)),
        ];
        for (version, status) in table {
            assert_eq!(refused(&Versions::default(), version), status, "{version}");
        }
    }

    #[test]
    fn a_version_may_be_retired_and_brought_back() {
        let mut versions = Versions::default();

        versions.set("v50.0", VersionState::Retired).unwrap();
        assert_eq!(refused(&versions, "v50.0"), Some(410));
        versions.set("50.0", VersionState::Served).unwrap();
        assert_eq!(versions.check("v50.0").unwrap(), None);
        versions.set("v30.0", VersionState::Deprecated).unwrap();
        assert!(versions.check("v30.0").unwrap().unwrap().starts_with("299 - \""));
        assert!(versions.set("v99.0", VersionState::Retired).is_err());
    }

    #[test]
    fn releases_are_named_after_their_seasons() {
        for (number, name) in [
            (31, "Summer '14"),
            (32, "Winter '15"),
            (50, "Winter '21"),
            (62, "Winter '25"),
            (66, "Spring '26"),
            (67, "Summer '26"),
        ] {
            assert_eq!(label(number), name);
        }
    }
}
