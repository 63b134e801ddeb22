//! `/search` and `/parameterizedSearch`: rows by the words in them.
//!
//! Both become one [`Search`]. Each of its objects is a SOQL statement, whose rows are then
//! searched for the words, so that fields, conditions and rights mean what they mean in a query.

mod parameters;

use axum::http::{Method, StatusCode, header::CONTENT_TYPE};

use crate::{
    ApiError,
    http::{
        call::Call,
        refusal::Refusal,
        reply::{Reply, ReplyBody},
        world::World,
    },
    org::Scope,
    sosl::{self, Returning, Search},
};

/// Most rows of one search, as documented.
const ROWS_MAX: usize = 2_000;

/// `GET /search?q=`
///
/// # Errors
/// `MALFORMED_SEARCH` for what is no SOSL, and what the org finds wrong with its names.
pub(crate) fn search(world: &World, call: &Call) -> Result<Reply, Refusal> {
    let Some(sosl) = call.parameter("q").filter(|sosl| !sosl.trim().is_empty()) else {
        let message = "A search string has to be specified";
        return Err(Refusal::bad_request("MALFORMED_SEARCH", message));
    };
    run(world, call, sosl::parse(sosl)?)
}

/// `GET` and `POST /parameterizedSearch`
///
/// # Errors
/// As [`search`]; also parameters that are missing or cannot be read.
pub(crate) fn parameterized(world: &World, call: &Call) -> Result<Reply, Refusal> {
    let search = if call.method == Method::POST {
        parameters::of_body(call)?
    } else {
        parameters::of_url(call)?
    };
    run(world, call, search)
}

fn run(world: &World, call: &Call, mut search: Search) -> Result<Reply, Refusal> {
    let org = world.org();
    if search.returning.is_empty() {
        let objects = org.schema().objects().iter().filter(|object| object.is("searchable"));
        search.returning = objects
            .map(|object| Returning { object: object.name().to_owned(), ..Returning::default() })
            .collect();
    }
    let most = search.limit.map_or(ROWS_MAX, size).min(ROWS_MAX);
    let mut body = String::from("{\"searchRecords\":[");
    let mut written = 0;
    for returning in &search.returning {
        let found = org.query(call.user(), &statement(returning)?, Scope::Live).map_err(told)?;
        let words = (&search.term, search.group);
        let rows = org.matching(call.user(), &returning.object, words, found.rows.iter());
        let wanted = rows
            .into_iter()
            .skip(returning.offset.map_or(0, size))
            .take(returning.limit.map_or(ROWS_MAX, size));
        for id in wanted.take(most - written) {
            if written > 0 {
                body.push(',');
            }
            if org.write_json(&found.shape, id, call.version_digits(), &mut body) {
                written += 1;
            }
        }
    }
    drop(org);
    body.push_str("]}");
    Ok(Reply { body: ReplyBody::Json(body.into_bytes()), ..Reply::empty(StatusCode::OK) }
        .with(CONTENT_TYPE, "application/json;charset=UTF-8")
        .about(written))
}

/// The rows of an object among which is searched, as SOQL.
fn statement(returning: &Returning) -> Result<String, ApiError> {
    let is_name = |field: &String| {
        field.chars().all(|char| char.is_ascii_alphanumeric() || "_.".contains(char))
    };
    if let Some(field) = returning.fields.iter().find(|field| !is_name(field)) {
        return Err(ApiError::request("MALFORMED_SEARCH", format!("unexpected token: '{field}'")));
    }
    let fields =
        if returning.fields.is_empty() { "Id".to_owned() } else { returning.fields.join(", ") };
    let clause = |name: &str, text: &Option<String>| {
        text.as_ref().map_or_else(String::new, |text| format!(" {name} {text}"))
    };
    // In parentheses nothing but a condition is understood.
    let condition = returning.condition.as_ref().map(|condition| format!("({condition})"));
    Ok(format!(
        "SELECT {fields} FROM {}{}{}",
        returning.object,
        clause("WHERE", &condition),
        clause("ORDER BY", &returning.order),
    ))
}

/// What is no SOQL inside of a search is no search.
fn told(mut error: ApiError) -> ApiError {
    if error.code == "MALFORMED_QUERY" {
        error.code = "MALFORMED_SEARCH";
    }
    error
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
