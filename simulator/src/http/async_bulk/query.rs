//! Batches that read, and the chunks that a large query is cut into.

use std::ops::Range;

use bytes::Bytes;

use crate::{
    Id, Org,
    http::{
        async_bulk::{
            answer::{NAMESPACE, Refusal},
            batch::Outcome,
            job::Content,
            work::{Shift, with_batch},
        },
        bulk::CsvFormat,
        call::Call,
        soap::{Json, plain},
        world::World,
        xml::Element,
    },
    org::{QueryResult, Scope},
};

/// Rows of one result.
const RESULT_ROWS: usize = 100_000;

/// Rows of a chunk unless said, and at most.
const CHUNK: usize = 100_000;
const CHUNK_MAX: usize = 250_000;

/// Runs a query and keeps what it found, a result for so many rows.
pub(super) fn run(world: &World, shift: &Shift, scope: Scope) -> Result<Outcome, String> {
    let soql = String::from_utf8_lossy(&shift.body).trim().to_owned();
    let org = world.org();
    let mut found = org
        .bulk_query(shift.user, &soql, scope)
        .map_err(|error| format!("InvalidBatch : Failed to process query: {error}"))?;
    if let Some((first, last)) = shift.range {
        found.rows = found.rows.iter().filter(|id| (first..=last).contains(id)).collect();
    }
    let most = shift.trouble.rows_of_job();
    let count = found.rows.len().min(most);
    let mut texts = Vec::new();
    for start in (0..count.max(1)).step_by(RESULT_ROWS) {
        let rows = start..count.min(start + RESULT_ROWS);
        texts.push(write_out(&org, shift, &found, rows));
    }
    drop(org);
    let mut jobs = world.async_jobs();
    let results = texts.into_iter().map(|text| (jobs.next_result(), Bytes::from(text))).collect();
    drop(jobs);
    with_batch(world, shift.job, shift.batch, |batch| batch.processed = count);
    Ok(Outcome::Results(results))
}

fn write_out(org: &Org, shift: &Shift, found: &QueryResult, rows: Range<usize>) -> String {
    let rows: Vec<Id> = found.rows.range(rows).collect();
    match shift.content {
        Content::Csv if rows.is_empty() => "Records not found for this query\n".to_owned(),
        Content::Csv => {
            let format = CsvFormat::default();
            let mut text = String::new();
            let header = org.csv_header(&found.shape);
            format.write(header.iter().map(String::as_str), &mut text);
            let cells = org.cells(&found.shape);
            for id in rows {
                format.write_row(org, &cells, id, &mut text);
            }
            text
        }
        Content::Json => as_json(org, shift, found, &rows),
        Content::Xml => {
            let text = as_json(org, shift, found, &rows);
            let records: Json = serde_json::from_str(&text).unwrap_or(Json::Null);
            let records = records.items().iter().map(record);
            Element::new("queryResult")
                .with("xmlns", NAMESPACE)
                .with("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance")
                .holding(records)
                .document()
        }
    }
}

fn as_json(org: &Org, shift: &Shift, found: &QueryResult, rows: &[Id]) -> String {
    let mut text = String::from("[");
    for id in rows {
        let before = text.len();
        if before > 1 {
            text.push(',');
        }
        if !org.write_json(&found.shape, *id, &shift.version, &mut text) {
            text.truncate(before);
        }
    }
    text.push(']');
    text
}

/// A record as XML: its type before its fields.
fn record(record: &Json) -> Element {
    let object = record.get("attributes").map_or("", |attributes| attributes.text("type"));
    let mut element = plain("records", record).into_iter().next().unwrap_or_default();
    element.children.retain(|child| child.name != "attributes");
    element.children.insert(0, Element::of("type", object));
    element.with("xsi:type", "sObject")
}

/// What `Sforce-Enable-PKChunking` asks for: rows of a chunk, and the id to begin with.
///
/// # Errors
/// A chunk that is too large.
pub(super) fn chunks_wanted(call: &Call) -> Result<Option<(usize, Option<Id>)>, Refusal> {
    let Some(header) = call.header("sforce-enable-pkchunking") else { return Ok(None) };
    if header.trim().eq_ignore_ascii_case("false") {
        return Ok(None);
    }
    let option = |name: &str| {
        let mut options = header.split(';').filter_map(|option| option.split_once('='));
        options
            .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
    };
    let size = match option("chunkSize").map(|size| size.parse::<usize>()) {
        None => CHUNK,
        Some(Ok(size)) if (1..=CHUNK_MAX).contains(&size) => size,
        Some(_) => {
            let message = format!("chunkSize must be between 1 and {CHUNK_MAX}");
            return Err(Refusal::new("InvalidJob", message));
        }
    };
    Ok(Some((size, option("startRow").and_then(|id| Id::from_text(&id)))))
}

/// The ranges of ids that chunks of this size cover; deleted rows count as well.
pub(super) fn ranges(
    org: &Org,
    user: Id,
    object: &str,
    (size, first): (usize, Option<Id>),
) -> Vec<(Id, Id)> {
    let soql = format!("SELECT Id FROM {object} ORDER BY Id");
    let rows = org.bulk_query(user, &soql, Scope::WithDeleted).map(|found| found.rows);
    let rows = rows.unwrap_or_default();
    let start = first.map_or(0, |first| rows.iter().take_while(|id| *id < first).count());
    let size = size.max(1);
    let last = |start: usize| rows.len().min(start + size) - 1;
    let starts = (start..rows.len()).step_by(size);
    starts.filter_map(|start| Some((rows.get(start)?, rows.get(last(start))?))).collect()
}
