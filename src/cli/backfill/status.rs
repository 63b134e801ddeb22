//! `backfill status`: how the loads of all mappings stand.

use super::control::{chosen, is_under_way};
use super::{Names, begin};
use crate::cli::connect;
use crate::cli::report::{self, Exit, Failure};
use crate::postgres::{BackfillStatus, Wish};
use indicatif::{HumanCount, HumanDuration};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// Reads the control schema; needs the database only.
pub(super) async fn run(config: Option<&Path>, names: &Names) -> Result<Exit, Failure> {
    let db = connect::database(&connect::settings(config)?).await?;
    let loads = chosen(&db, names, |_| true).await?;
    if names.json {
        let loads: Vec<Value> = loads.iter().map(as_json).collect();
        report::say(format!("{:#}", json!({ "schema_version": 1, "loads": loads })));
    } else {
        report::say(as_table(&loads));
    }
    Ok(Exit::Ok)
}

/// The state of a load in a word.
pub(in crate::cli) fn state(load: &BackfillStatus) -> &'static str {
    let is_owed = is_under_way(load) || !load.loaded;
    match load.wish.0 {
        Wish::Cancel if !is_under_way(load) && !load.loaded => "cancelled",
        Wish::Cancel if is_under_way(load) => "cancelling",
        Wish::Pause if is_owed && load.holder.is_some() && load.heeded_at.is_none() => "pausing",
        Wish::Pause if is_owed => "paused",
        _ if load.holder.is_some() && is_owed => "loading",
        _ if is_under_way(load) => "interrupted",
        _ if load.loaded => "loaded",
        _ => "unloaded",
    }
}

/// Rows per second: of the load under way, else of the last one.
fn speed(load: &BackfillStatus) -> Option<u64> {
    let last = || load.last.map(|last| (last.rows, last.time));
    let (rows, time) = match load.rows {
        Some(rows) if rows > 0 && !load.time.is_zero() => (rows, load.time),
        _ => last()?,
    };
    per_second(rows, time)
}

/// Whole rows per second.
pub(super) fn per_second(rows: u64, time: Duration) -> Option<u64> {
    let millis = time.as_millis();
    let per_second = u128::from(rows).checked_mul(1_000)?.checked_div(millis)?;
    u64::try_from(per_second).ok()
}

fn as_table(loads: &[BackfillStatus]) -> String {
    if loads.is_empty() {
        return "no mapping has been applied yet; start with: lockstep provision".to_owned();
    }
    let header = ["MAPPING", "STATE", "ROWS", "OF", "ROWS/S", "CALLS", "BY", "LAST LOAD"];
    let mut lines: Vec<[String; 8]> = vec![header.map(str::to_owned)];
    let dash = || "-".to_owned();
    let count = |number: u64| HumanCount(number).to_string();
    for load in loads {
        lines.push([
            load.object.clone(),
            state(load).to_owned(),
            load.rows.map_or_else(dash, count),
            load.expected
                .filter(|_| is_under_way(load))
                .map_or_else(dash, |n| format!("~{}", count(n))),
            speed(load).map_or_else(dash, count),
            if is_under_way(load) { load.calls.to_string() } else { dash() },
            load.holder.clone().unwrap_or_else(dash),
            load.last.map_or_else(dash, |last| {
                format!("{} rows in {:#}", count(last.rows), HumanDuration(last.time))
            }),
        ]);
    }
    let mut parts = vec![report::columns(&lines).trim_end().to_owned()];
    parts.extend(loads.iter().filter_map(next_step));
    parts.join("\n\n")
}

/// What a person can do about a load that does not run.
pub(in crate::cli) fn next_step(load: &BackfillStatus) -> Option<String> {
    let (object, what) = (&load.object, begin::in_words(&load.request));
    match state(load) {
        "paused" => Some(format!(
            "{object}: the load{what} is paused; go on with: lockstep backfill resume {object}"
        )),
        "interrupted" => Some(format!(
            "{object}: the load{what} was interrupted; go on with: lockstep backfill resume {object}"
        )),
        "cancelled" => Some(format!(
            "{object}: its load was cancelled; begin again with: lockstep backfill {object}"
        )),
        _ => None,
    }
}

/// A load for programs. Keys are only ever added.
pub(super) fn as_json(load: &BackfillStatus) -> Value {
    json!({
        "mapping": load.object,
        "state": state(load),
        "loaded": load.loaded,
        "watermark": load.watermark,
        "rows": load.rows,
        "expected_rows": load.expected,
        "rows_per_second": speed(load),
        "seconds": load.time.as_secs_f64(),
        "api_calls": load.calls,
        "bulk_job": load.job,
        "since": load.request.part.since,
        "fields": load.request.part.fields,
        "rate": load.request.rows_per_second,
        "holder": load.holder,
        "last": load.last.map(|last| json!({
            "rows": last.rows,
            "seconds": last.time.as_secs_f64(),
            "api_calls": last.calls,
            "finished_at": last.finished_at,
        })),
    })
}

#[cfg(test)]
mod tests {
    use super::{as_table, state};
    use crate::cli::backfill::begin::tests::standing;
    use crate::postgres::{BackfillStatus, Part, Request, Wish};
    use chrono::DateTime;
    use std::time::Duration;

    #[test]
    fn the_state_of_a_load_is_one_word() {
        let here = || Some("worker#1".to_owned());
        let now = Some(DateTime::UNIX_EPOCH);
        let fields = Part { since: None, fields: Some(vec!["Name".to_owned()]) };
        let part = Request { part: fields, ..Request::default() };
        let with = |wish| BackfillStatus { rows: Some(1), wish: (wish, None), ..standing() };
        #[rustfmt::skip]
        let table = [
            (standing(), "unloaded"),
            (BackfillStatus { loaded: true, ..standing() }, "loaded"),
            (BackfillStatus { holder: here(), ..standing() }, "loading"),
            (BackfillStatus { holder: here(), ..with(Wish::Run) }, "loading"),
            (with(Wish::Run), "interrupted"),
            (BackfillStatus { loaded: true, request: part.clone(), ..standing() }, "interrupted"),
            (BackfillStatus { loaded: true, request: part, holder: here(), ..standing() }, "loading"),
            (BackfillStatus { holder: here(), ..with(Wish::Pause) }, "pausing"),
            (BackfillStatus { holder: here(), heeded_at: now, ..with(Wish::Pause) }, "paused"),
            (with(Wish::Pause), "paused"),
            (with(Wish::Cancel), "cancelling"),
            (BackfillStatus { rows: None, ..with(Wish::Cancel) }, "cancelled"),
            (BackfillStatus { rows: None, loaded: true, ..with(Wish::Cancel) }, "loaded"),
        ];
        for (load, expected) in table {
            assert_eq!(state(&load), expected, "{load:?}");
        }
    }

    #[test]
    fn the_table_ends_with_the_command_that_helps() {
        let paused = BackfillStatus {
            rows: Some(25_000),
            expected: Some(60_000),
            time: Duration::from_secs(5),
            calls: 7,
            wish: (Wish::Pause, None),
            ..standing()
        };
        let expected = "\
MAPPING  STATE   ROWS    OF       ROWS/S  CALLS  BY  LAST LOAD
Account  paused  25,000  ~60,000  5,000   7      -   -

Account: the load of everything is paused; go on with: lockstep backfill resume Account";
        assert_eq!(as_table(&[paused]), expected);
    }
}
