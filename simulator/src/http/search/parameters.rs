//! A search from parameters, of a URL or a body, in place of SOSL.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    ApiError,
    http::{call::Call, refusal::Refusal, rows::list},
    sosl::{self, Group, Returning, Search},
};

/// The body of a search by POST. Members about divisions, networks, snippets, spelling and data
/// categories are read and have no effect.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    q: Option<String>,
    #[serde(default)]
    fields: Vec<String>,
    #[serde(default)]
    sobjects: Vec<Wanted>,
    #[serde(default, rename = "in")]
    group: Option<String>,
    #[serde(default)]
    default_limit: Option<Value>,
    #[serde(default)]
    overall_limit: Option<Value>,
}

/// An object of a search by POST.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    name: String,
    #[serde(default)]
    fields: Vec<String>,
    #[serde(default, rename = "where")]
    condition: Option<String>,
    #[serde(default)]
    order_by: Option<Vec<String>>,
    #[serde(default)]
    limit: Option<Value>,
    #[serde(default)]
    offset: Option<Value>,
}

/// The search of a POST.
pub(super) fn of_body(call: &Call) -> Result<Search, Refusal> {
    let body: Body = call.json()?;
    let default_limit = body.default_limit.as_ref().map(number).transpose()?;
    let mut returning = Vec::new();
    for wanted in body.sobjects {
        returning.push(Returning {
            object: wanted.name,
            fields: if wanted.fields.is_empty() { body.fields.clone() } else { wanted.fields },
            condition: wanted.condition,
            order: wanted
                .order_by
                .map(|fields| fields.join(", "))
                .filter(|order| !order.is_empty()),
            limit: wanted.limit.as_ref().map(number).transpose()?.or(default_limit),
            offset: wanted.offset.as_ref().map(number).transpose()?,
        });
    }
    Ok(Search {
        term: sosl::parse_terms(required(body.q.as_deref())?)?,
        group: group(body.group.as_deref())?,
        returning,
        limit: body.overall_limit.as_ref().map(number).transpose()?,
    })
}

/// The search of a GET: `q`, `in`, `fields`, `defaultLimit`, `overallLimit`, any number of `sobject`,
/// and for each `X.fields`, `X.where`, `X.orderBy` and `X.limit`.
pub(super) fn of_url(call: &Call) -> Result<Search, Refusal> {
    let numbered =
        |name: &str| call.parameter(name).map(|text| number(&Value::from(text))).transpose();
    let default_limit = numbered("defaultLimit")?;
    let mut returning = Vec::new();
    let objects = call.query.iter().filter(|(name, _)| name == "sobject");
    for (_, object) in objects {
        let own = |name: &str| call.parameter(&format!("{object}.{name}"));
        let fields = own("fields").or(call.parameter("fields"));
        returning.push(Returning {
            object: object.clone(),
            fields: list(fields.unwrap_or_default()),
            condition: own("where").map(str::to_owned),
            order: own("orderBy").map(str::to_owned),
            limit: numbered(&format!("{object}.limit"))?.or(default_limit),
            offset: numbered(&format!("{object}.offset"))?,
        });
    }
    Ok(Search {
        term: sosl::parse_terms(required(call.parameter("q"))?)?,
        group: group(call.parameter("in"))?,
        returning,
        limit: numbered("overallLimit")?,
    })
}

fn required(q: Option<&str>) -> Result<&str, ApiError> {
    q.ok_or_else(|| ApiError::request("MISSING_ARGUMENT", "Required parameter q is missing"))
}

fn group(name: Option<&str>) -> Result<Group, ApiError> {
    let Some(name) = name else { return Ok(Group::All) };
    let word = name.split_whitespace().next().unwrap_or_default();
    Group::named(word).ok_or_else(|| {
        ApiError::request("INVALID_SEARCH_SCOPE", format!("Invalid search scope: {name}"))
    })
}

/// A limit, which clients send as a number or as text.
fn number(value: &Value) -> Result<u64, ApiError> {
    let read = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
    read.ok_or_else(|| ApiError::request("INVALID_SEARCH", format!("Invalid limit: {value}")))
}
