//! Which API versions there are, and what lies below one.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::http::{call::Call, refusal::Refusal, reply::Reply, world::World};

/// The versions served; all behave alike.
const SERVED: std::ops::RangeInclusive<u32> = 50..=68;

/// Versions that once were served and no longer are.
const RETIRED: std::ops::RangeInclusive<u32> = 7..=30;

/// The season in which version 50 came out; three releases a year follow.
const FIRST_WINTER: u32 = 21;

/// The newest version, without its `v`.
pub(crate) fn latest() -> String {
    format!("{}.0", SERVED.end())
}

/// `GET /services/data`, the one resource that needs no session.
pub(crate) fn list() -> Reply {
    let versions: Vec<Value> = SERVED
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

/// `GET /services/data/vNN.0`
pub(crate) fn map(world: &World, call: &Call) -> Reply {
    let mut resources = serde_json::Map::new();
    for name in ["sobjects", "query", "queryAll", "limits", "composite"] {
        resources.insert(name.to_owned(), json!(call.path_of(name)));
    }
    resources.insert("jobs".to_owned(), json!(call.path_of("jobs")));
    resources.insert("identity".to_owned(), json!(world.identity_url(call.user())));
    Reply::ok(&resources)
}

/// Whether a version, as the path writes it, is served.
///
/// # Errors
/// 410 for a retired version, 404 for one that never was.
pub(crate) fn check(version: &str) -> Result<(), Refusal> {
    let number = version
        .strip_prefix('v')
        .and_then(|number| number.strip_suffix(".0"))
        .and_then(|number| number.parse::<u32>().ok());
    match number {
        Some(number) if SERVED.contains(&number) => Ok(()),
        Some(number) if RETIRED.contains(&number) => Err(Refusal::rest(
            StatusCode::GONE,
            "UNSUPPORTED_API_VERSION",
            format!("API version {number}.0 is retired and no longer available"),
        )),
        _ => Err(Refusal::not_found()),
    }
}

fn label(number: u32) -> String {
    let since = number - SERVED.start();
    let year = FIRST_WINTER + since / 3;
    let season = match since % 3 {
        0 => "Winter",
        1 => "Spring",
        _ => "Summer",
    };
    format!("{season} '{year}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_served_retired_or_unknown() {
        #[rustfmt::skip]
        let table = [
            ("v50.0", None), ("v66.0", None), ("v68.0", None),
            ("v69.0", Some(404)), ("v1.0", Some(404)), ("66.0", Some(404)), ("v66", Some(404)), ("v66.5", Some(404)),
            ("v7.0", Some(410)), ("v30.0", Some(410)),
        ];
        for (version, status) in table {
            let refused = check(version).err().map(|refusal| refusal.status().as_u16());
            assert_eq!(refused, status, "{version}");
        }
    }

    #[test]
    fn releases_are_named_after_their_seasons() {
        assert_eq!(label(50), "Winter '21");
        assert_eq!(label(62), "Winter '25");
        assert_eq!(label(66), "Spring '26");
        assert_eq!(label(67), "Summer '26");
    }
}
