//! getUpdated and getDeleted.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::http::{call::Call, refusal::Refusal, reply::Reply, world::World};

/// Most ids that one answer tells.
const IDS_MAX: usize = 600_000;

/// `GET /sobjects/X/updated?start&end`
///
/// # Errors
/// A window that cannot be read or answered.
pub(crate) fn updated(world: &World, call: &Call, object: &str) -> Result<Reply, Refusal> {
    let (start, end) = window(call)?;
    let updated = world.org().updated(call.user(), object, start, end)?;
    check_count(updated.ids.len())?;
    let ids: Vec<String> = updated.ids.iter().map(ToString::to_string).collect();
    let answer = json!({ "ids": ids, "latestDateCovered": moment(updated.latest_date_covered) });
    Ok(Reply::ok(&answer).about(ids.len()))
}

/// `GET /sobjects/X/deleted?start&end`
///
/// # Errors
/// As for updated rows.
pub(crate) fn deleted(world: &World, call: &Call, object: &str) -> Result<Reply, Refusal> {
    let (start, end) = window(call)?;
    let deleted = world.org().deleted(call.user(), object, start, end)?;
    check_count(deleted.records.len())?;
    let records: Vec<Value> = deleted
        .records
        .iter()
        .map(|(id, time)| json!({ "id": id.to_string(), "deletedDate": moment(*time) }))
        .collect();
    let answer = json!({
        "deletedRecords": records,
        "earliestDateAvailable": moment(deleted.earliest_date_available),
        "latestDateCovered": moment(deleted.latest_date_covered),
    });
    Ok(Reply::ok(&answer).about(records.len()))
}

/// A time as REST writes it: the form has milliseconds, the org has none.
pub(crate) fn moment(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S.000+0000").to_string()
}

fn check_count(count: usize) -> Result<(), Refusal> {
    if count <= IDS_MAX {
        return Ok(());
    }
    let message = format!("exceeded limit of {IDS_MAX} ids: narrow the window");
    Err(Refusal::bad_request("EXCEEDED_ID_LIMIT", message))
}

fn window(call: &Call) -> Result<(DateTime<Utc>, DateTime<Utc>), Refusal> {
    let date = |name: &str| {
        call.parameter(name).and_then(read).ok_or_else(|| {
            let message = format!("{name} is missing or is not a date and time");
            Refusal::bad_request("INVALID_REPLICATION_DATE", message)
        })
    };
    Ok((date("start")?, date("end")?))
}

fn read(text: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"));
    time.ok().map(|time| time.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_at_most_600_000_ids() {
        assert!(check_count(600_000).is_ok());
        assert!(check_count(600_001).is_err());
    }

    #[test]
    fn windows_are_read_in_the_forms_that_clients_send() {
        for text in
            ["2026-05-06T00:00:00+00:00", "2026-05-06T00:00:00Z", "2026-05-06T01:00:00.000+0100"]
        {
            assert_eq!(
                read(text).map(moment).as_deref(),
                Some("2026-05-06T00:00:00.000+0000"),
                "{text}"
            );
        }
        assert_eq!(read("2026-05-06T00:00:00 00:00"), None, "an unescaped plus is a space");
    }
}
