//! `backfill --dry-run`: what a load would take. Reads a count and a sample; changes nothing anywhere.

use super::choose::Wanted;
use super::estimate::{ASSUMED_ROWS_PER_SECOND, Estimate, Known, estimate};
use super::status::per_second;
use crate::cli::connect::{self, Session};
use crate::cli::report::{self, Exit, Failure};
use crate::mapping::Mapping;
use crate::postgres::{self, BackfillStatus, Request};
use crate::sync::{Api, Backfill};
use indicatif::{HumanBytes, HumanCount, HumanDuration};
use serde_json::json;

/// What is known of one load that is not made.
struct Plan<'a> {
    mapping: &'a Mapping,
    known: Known,
    estimate: Estimate,
}

impl Plan<'_> {
    /// The way the rows would go, in words.
    fn road(&self) -> String {
        let forecast = &self.known.forecast;
        let api = match forecast.api {
            Api::Rest => "REST",
            Api::Bulk => "Bulk",
        };
        format!("{api}, {}", if forecast.is_direct { "direct" } else { "merge" })
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
    let facts = postgres::table_facts(&session.db, &mapping.table).await;
    let facts = facts.map_err(connect::postgres_failure)?;
    let backfill = Backfill::new(session.db.clone(), session.client.clone());
    let forecast = backfill.forecast(mapping, request, facts).await;
    let last = standing.and_then(|status| status.last);
    let known = Known {
        forecast: forecast.map_err(connect::sync_failure)?,
        // The table that will be made has those of its id, sfid and stamp, and those of the mapping.
        indexes: facts.map_or(3 + mapping.indexes.len() as u64, |facts| facts.indexes),
        measured: last.and_then(|last| per_second(last.rows, last.time)),
        rate: request.rows_per_second,
    };
    Ok(Plan { mapping, known, estimate: estimate(&known) })
}

fn table(plans: &[Plan<'_>], left: Option<(u64, u64)>) -> String {
    let header = ["MAPPING", "ROWS", "API CALLS", "TIME", "DISK", "ROAD"];
    let mut lines: Vec<[String; 6]> = vec![header.map(str::to_owned)];
    for plan in plans {
        let Estimate { calls, time, bytes, .. } = plan.estimate;
        lines.push([
            plan.mapping.object.clone(),
            HumanCount(plan.known.forecast.rows).to_string(),
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
                "rows": plan.known.forecast.rows,
                "api": match plan.known.forecast.api { Api::Rest => "rest", Api::Bulk => "bulk" },
                "road": if plan.known.forecast.is_direct { "direct" } else { "merge" },
                "pages": plan.known.forecast.pages,
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
