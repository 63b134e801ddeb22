//! `backfill --dry-run`: what a load would take. Reads a count and a sample; changes nothing anywhere.

use super::choose::Wanted;
use super::estimate::{ASSUMED_ROWS_PER_SECOND, Api, Estimate, Known, estimate};
use super::status::per_second;
use crate::cli::connect::{self, Session};
use crate::cli::report::{self, Exit, Failure};
use crate::mapping::Mapping;
use crate::model::Value;
use crate::postgres::{self, BackfillStatus, Request, TableFacts};
use crate::sync::Backfill;
use indicatif::{HumanBytes, HumanCount, HumanDuration};
use serde_json::json;

/// What is known of one load that is not made.
struct Plan<'a> {
    mapping: &'a Mapping,
    known: Known,
    estimate: Estimate,
    is_direct: bool,
}

impl Plan<'_> {
    /// The way the rows would go, in words.
    fn road(&self) -> String {
        let api = match self.estimate.api {
            Api::Rest => "REST",
            Api::Bulk => "Bulk",
        };
        format!("{api}, {}", if self.is_direct { "direct" } else { "merge" })
    }
}

/// Says what the wanted loads would take.
pub(super) async fn run(
    session: &Session,
    wanted: &Wanted<'_>,
    json: bool,
) -> Result<Exit, Failure> {
    // Before anything is provisioned, nothing was measured either.
    let standing = postgres::backfills(&session.db).await.unwrap_or_default();
    let mut plans = Vec::new();
    for (mapping, request) in &wanted.loads {
        let own = standing.iter().find(|status| status.object == mapping.object);
        plans.push(plan(session, mapping, request, own).await?);
    }
    let usage = session.client.budget().reading();
    let left = usage.map(|usage| (usage.limit.saturating_sub(usage.used), usage.limit));
    if json {
        say_json(&plans, left);
    } else {
        report::say(table(&plans, left));
    }
    Ok(Exit::Ok)
}

async fn plan<'a>(
    session: &Session,
    mapping: &'a Mapping,
    request: &Request,
    standing: Option<&BackfillStatus>,
) -> Result<Plan<'a>, Failure> {
    let backfill = Backfill::new(session.db.clone(), session.client.clone());
    let rows = backfill.expected(mapping, &request.part).await.map_err(connect::sync_failure)?;
    let sample = backfill.sample(mapping, &request.part).await.map_err(connect::sync_failure)?;
    let bytes: u64 = sample.iter().flat_map(|record| &record.values).map(size).sum();
    let facts = postgres::table_facts(&session.db, &mapping.table).await;
    let facts = facts.map_err(connect::postgres_failure)?;
    let last = standing.and_then(|status| status.last);
    let known = Known {
        rows,
        read_above: mapping.bulk.read_above,
        row_bytes: bytes / (sample.len() as u64).max(1),
        // The table that will be made has those of its id, sfid and stamp, and those of the mapping.
        indexes: facts.map_or(3 + mapping.indexes.len() as u64, |facts| facts.indexes),
        measured: last.and_then(|last| per_second(last.rows, last.time)),
        rate: request.rows_per_second,
    };
    let is_empty = facts.is_none_or(|TableFacts { has_rows, .. }| !has_rows);
    let is_direct = is_empty && request.part.fields.is_none();
    Ok(Plan { mapping, known, estimate: estimate(&known), is_direct })
}

/// About how many bytes a value takes in a row.
fn size(value: &Value) -> u64 {
    match value {
        Value::Null => 0,
        Value::Text(text) => text.len() as u64 + 1,
        _ => 8,
    }
}

fn table(plans: &[Plan<'_>], left: Option<(u64, u64)>) -> String {
    let header = ["MAPPING", "ROWS", "API CALLS", "TIME", "DISK", "ROAD"];
    let mut lines: Vec<[String; 6]> = vec![header.map(str::to_owned)];
    for plan in plans {
        let Estimate { calls, time, bytes, .. } = plan.estimate;
        lines.push([
            plan.mapping.object.clone(),
            HumanCount(plan.known.rows).to_string(),
            format!("~{}", HumanCount(calls)),
            format!("~{}", HumanDuration(time)),
            format!("~{}", HumanBytes(bytes)),
            plan.road(),
        ]);
    }
    let mut parts = vec![report::columns(&lines).trim_end().to_owned()];
    let assumed: Vec<&str> = plans
        .iter()
        .filter(|plan| plan.known.measured.is_none())
        .map(|plan| plan.mapping.object.as_str())
        .collect();
    if !assumed.is_empty() {
        parts.push(format!(
            "{}: no load was measured yet; {} rows a second are assumed.",
            assumed.join(", "),
            HumanCount(ASSUMED_ROWS_PER_SECOND)
        ));
    }
    if let Some((left, limit)) = left {
        let calls: u64 = plans.iter().map(|plan| plan.estimate.calls).sum();
        parts.push(format!(
            "About {} of the {} API requests that the org has left of its {} for 24 hours; loads stop at 70 %.",
            HumanCount(calls),
            HumanCount(left),
            HumanCount(limit)
        ));
    }
    parts.push("Nothing was changed.".to_owned());
    parts.join("\n\n")
}

fn say_json(plans: &[Plan<'_>], left: Option<(u64, u64)>) {
    let loads: Vec<_> = plans
        .iter()
        .map(|plan| {
            json!({
                "mapping": plan.mapping.object,
                "rows": plan.known.rows,
                "api": match plan.estimate.api { Api::Rest => "rest", Api::Bulk => "bulk" },
                "road": if plan.is_direct { "direct" } else { "merge" },
                "api_calls": plan.estimate.calls,
                "seconds": plan.estimate.time.as_secs(),
                "bytes": plan.estimate.bytes,
                "rows_per_second": plan.known.measured.unwrap_or(ASSUMED_ROWS_PER_SECOND),
                "is_measured": plan.known.measured.is_some(),
            })
        })
        .collect();
    let calls = left.map(|(left, limit)| json!({ "left": left, "limit": limit }));
    let all =
        json!({ "schema_version": 1, "dry_run": true, "loads": loads, "org_api_calls": calls });
    report::say(format!("{all:#}"));
}
