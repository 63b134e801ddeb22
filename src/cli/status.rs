//! `lockstep status`: how each mapping is doing, worst news last, with the command that helps.

use super::backfill::status as loads;
use super::connect;
use super::report::{self, Exit, Failure};
use super::{frozen, snapshots, unreadable, waiting};
use crate::postgres::{
    self, BackfillStatus, BudgetNote, DriftNote, MappingState, MappingStatus, OrgUsage,
};
use crate::reconcile::Level;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// Options of `lockstep status`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Reads the control schema; needs the database only.
pub(super) async fn run(settings_file: Option<&Path>, args: Args) -> Result<Exit, Failure> {
    let settings = connect::settings(settings_file)?;
    let db = connect::database(&settings).await?;
    let mappings = postgres::status(&db).await.map_err(connect::postgres_failure)?;
    let loads = postgres::backfills(&db).await.map_err(connect::postgres_failure)?;
    let usage = postgres::org_usage(&db).await.map_err(connect::postgres_failure)?;
    let budget = postgres::budget_note(&db).await.map_err(connect::postgres_failure)?;
    let drifts = postgres::drifts(&db).await.map_err(connect::postgres_failure)?;
    let waits = postgres::waiting(&db).await.map_err(connect::postgres_failure)?;
    let left_out = postgres::left_out(&db, None, unreadable::LISTED)
        .await
        .map_err(connect::postgres_failure)?;
    let frozen_fields =
        postgres::frozen(&db, None, unreadable::LISTED).await.map_err(connect::postgres_failure)?;
    let held = postgres::long_snapshots(&db, settings.worker.long_snapshot)
        .await
        .map_err(connect::postgres_failure)?;
    let now = db.now().await.map_err(connect::postgres_failure)?;
    if args.json {
        let mut document = as_json((&mappings, &loads), usage.as_ref(), budget.as_ref(), &drifts);
        if let Some(document) = document.as_object_mut() {
            document.insert("waiting".to_owned(), waiting::as_json(&waits));
            document.insert("unreadable".to_owned(), unreadable::as_json(&left_out));
            document.insert("frozen".to_owned(), frozen::as_json(&frozen_fields));
            document.insert("long_snapshots".to_owned(), snapshots::as_json(&held, now));
        }
        report::say(format!("{document:#}"));
    } else {
        let mut text = as_table((&mappings, &loads), usage.as_ref(), now);
        if let Some(held) = budget.and_then(|note| budget_line(&note, now)) {
            text = format!("{text}\n\n{held}");
        }
        for drift in &drifts {
            let ago = since(drift.since, now);
            text = format!("{text}\n\n{}, since {ago}: {}.", drift.object, drift.detail);
        }
        for line in waiting::lines(&waits) {
            text = format!("{text}\n\n{line}");
        }
        if left_out.records > 0 {
            text = format!("{text}\n\n{}", unreadable::text(&left_out));
        }
        if frozen_fields.count > 0 {
            text = format!("{text}\n\n{}", frozen::text(&frozen_fields));
        }
        for line in snapshots::lines(&held, now) {
            text = format!("{text}\n\n{line}");
        }
        report::say(text);
    }
    Ok(Exit::Ok)
}

/// What to call the state of a mapping: a pause outweighs everything, an unfinished load the rest. A load that a person
/// stopped is called what it is called among the loads.
fn state(mapping: &MappingStatus, loads: &[BackfillStatus]) -> &'static str {
    let load = loads.iter().find(|load| load.object == mapping.object).map(loads::state);
    match mapping.state {
        MappingState::Paused | MappingState::Failed => "paused",
        _ if !mapping.loaded && mapping.direction != "to_salesforce" => match load {
            Some(state @ ("pausing" | "paused" | "cancelling" | "cancelled")) => state,
            _ => "loading",
        },
        _ => "in step",
    }
}

fn as_table(
    (mappings, loads): (&[MappingStatus], &[BackfillStatus]),
    usage: Option<&OrgUsage>,
    now: DateTime<Utc>,
) -> String {
    if mappings.is_empty() {
        return "no mapping has been applied yet; start with: lockstep provision".to_owned();
    }
    let header = [
        "MAPPING",
        "STATE",
        "DIRECTION",
        "ROWS",
        "PENDING",
        "ERRORS",
        "LAST POLL",
        "WRITE LAG",
        "CALLS TODAY",
    ];
    let mut lines: Vec<[String; 9]> = vec![header.map(str::to_owned)];
    for mapping in mappings {
        let about = if mapping.rows_are_estimated { "~" } else { "" };
        lines.push([
            mapping.object.clone(),
            state(mapping, loads).to_owned(),
            mapping.direction.clone(),
            format!("{about}{}", mapping.rows),
            mapping.pending.to_string(),
            mapping.failed.to_string(),
            mapping
                .last_poll
                .map_or_else(|| "never".to_owned(), |at| format!("{} ago", since(at, now))),
            mapping.oldest_pending.map_or_else(|| "-".to_owned(), duration),
            mapping.calls_today.to_string(),
        ]);
    }
    let mut parts = vec![report::columns(&lines).trim_end().to_owned()];
    let reasons = mappings.iter().filter_map(|mapping| {
        let reason = mapping.state_reason.as_ref()?;
        Some(format!("{} is {}: {reason}", mapping.object, state(mapping, loads)))
    });
    parts.extend(reasons);
    parts.extend(loads.iter().filter(|load| !load.loaded).filter_map(stopped));
    if let Some(usage) = usage {
        let share = 100 * usage.used / usage.limit.max(1);
        parts.push(format!(
            "The org has used {} of its {} API requests ({share} %), as of {} ago.",
            usage.used,
            usage.limit,
            since(usage.noted_at, now)
        ));
    }
    let failed: u64 = mappings.iter().map(|mapping| mapping.failed).sum();
    if failed > 0 {
        let changes = if failed == 1 { "change needs" } else { "changes need" };
        parts.push(format!("{failed} {changes} you: lockstep errors list"));
    }
    parts.join("\n\n")
}

/// What the API budget holds back, if anything.
fn budget_line(note: &BudgetNote, now: DateTime<Utc>) -> Option<String> {
    let level = Level::ALL.into_iter().find(|level| level.as_str() == note.level)?;
    let held = level.held_back();
    let text = || format!("API budget, since {}: {held}.", since(note.since, now));
    (level != Level::Open).then(text)
}

/// What a person can do about a load that a person stopped.
fn stopped(load: &BackfillStatus) -> Option<String> {
    loads::next_step(load).filter(|_| matches!(loads::state(load), "paused" | "cancelled"))
}

fn as_json(
    (mappings, loads): (&[MappingStatus], &[BackfillStatus]),
    usage: Option<&OrgUsage>,
    budget: Option<&BudgetNote>,
    drifts: &[DriftNote],
) -> serde_json::Value {
    let mappings: Vec<_> = mappings
        .iter()
        .map(|mapping| {
            json!({
                "mapping": mapping.object,
                "table": mapping.table,
                "direction": mapping.direction,
                "state": state(mapping, loads),
                "reason": mapping.state_reason,
                "rows": mapping.rows,
                "rows_are_estimated": mapping.rows_are_estimated,
                "pending": mapping.pending,
                "errors": mapping.failed,
                "write_lag_seconds": mapping.oldest_pending.map(|lag| lag.as_secs_f64()),
                "last_poll": mapping.last_poll,
                "watermark": mapping.watermark,
                "loaded": mapping.loaded,
                "calls_today": mapping.calls_today,
            })
        })
        .collect();
    let usage = usage.map(
        |usage| json!({ "used": usage.used, "limit": usage.limit, "noted_at": usage.noted_at }),
    );
    let drifts: Vec<_> = drifts
        .iter()
        .map(|drift| {
            json!({
                "mapping": drift.object, "field": drift.field, "kind": drift.kind,
                "detail": drift.detail, "since": drift.since,
            })
        })
        .collect();
    let budget = budget.map(|note| json!({ "level": note.level, "since": note.since }));
    json!({
        "schema_version": 1, "mappings": mappings, "org_api_usage": usage, "api_budget": budget,
        "drift": drifts,
    })
}

fn since(moment: DateTime<Utc>, now: DateTime<Utc>) -> String {
    duration((now - moment).to_std().unwrap_or_default())
}

/// A duration to the second, in at most two units.
pub(super) fn duration(duration: Duration) -> String {
    let text = humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{as_table, duration, state};
    use crate::cli::backfill::begin::tests::standing;
    use crate::postgres::{BackfillStatus, MappingState, MappingStatus, Wish};
    use chrono::{DateTime, TimeDelta, Utc};
    use std::time::Duration;

    fn mapping(now: DateTime<Utc>) -> MappingStatus {
        MappingStatus {
            object: "Account".to_owned(),
            table: "account".to_owned(),
            direction: "both".to_owned(),
            state: MappingState::Synced,
            state_reason: None,
            rows: 12,
            rows_are_estimated: false,
            pending: 1,
            failed: 2,
            oldest_pending: Some(Duration::from_secs(3)),
            last_poll: Some(now - TimeDelta::seconds(7)),
            watermark: None,
            loaded: true,
            calls_today: 40,
        }
    }

    #[test]
    fn the_table_ends_with_the_command_that_helps() {
        let now = DateTime::UNIX_EPOCH;
        let text = as_table((&[mapping(now)], &[]), None, now);
        let expected = "\
MAPPING  STATE    DIRECTION  ROWS  PENDING  ERRORS  LAST POLL  WRITE LAG  CALLS TODAY
Account  in step  both       12    1        2       7s ago     3s         40

2 changes need you: lockstep errors list";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_paused_mapping_says_why() {
        let now = DateTime::UNIX_EPOCH;
        let paused = MappingStatus {
            state: MappingState::Paused,
            state_reason: Some("the field is gone".to_owned()),
            ..mapping(now)
        };
        assert!(
            as_table((&[paused], &[]), None, now).contains("Account is paused: the field is gone")
        );
    }

    #[test]
    fn a_load_that_a_person_stopped_is_not_said_to_be_loading() {
        let now = DateTime::UNIX_EPOCH;
        let unloaded = MappingStatus { loaded: false, ..mapping(now) };
        #[rustfmt::skip]
        let table = [
            (Wish::Run,    Some(1), "loading"),
            (Wish::Run,    None,    "loading"),
            (Wish::Pause,  Some(1), "paused"),
            (Wish::Pause,  None,    "paused"),
            (Wish::Cancel, Some(1), "cancelling"),
            (Wish::Cancel, None,    "cancelled"),
        ];
        for (wish, rows, expected) in table {
            let load = BackfillStatus { rows, wish: (wish, None), ..standing() };
            assert_eq!(state(&unloaded, &[load]), expected, "{wish:?} {rows:?}");
        }
        let cancelled = BackfillStatus { wish: (Wish::Cancel, None), ..standing() };
        assert_eq!(state(&mapping(now), std::slice::from_ref(&cancelled)), "in step");
        let text = as_table((&[unloaded], &[cancelled]), None, now);
        assert!(text.contains("begin again with: lockstep backfill Account"), "{text}");
    }

    #[test]
    fn durations_are_short() {
        assert_eq!(duration(Duration::from_secs(3_725)), "1h 2m");
        assert_eq!(duration(Duration::from_millis(1_500)), "1s");
    }
}
