//! `/limits`, of which the daily requests are real, and the record counts.

use serde_json::{Map, Value, json};

use crate::http::{call::Call, refusal::Refusal, reply::Reply, world::World};

/// Limits that the org tells but does not keep.
const FIXED: [(&str, u64); 11] = [
    ("ConcurrentAsyncGetReportInstances", 200),
    ("DailyBulkApiBatches", 15_000),
    ("DailyBulkV2QueryFileStorageMB", 976_562),
    ("DailyBulkV2QueryJobs", 10_000),
    ("DailyDeliveredPlatformEvents", 10_000),
    ("DailyDurableStreamingApiEvents", 10_000),
    ("DailyStreamingApiEvents", 10_000),
    ("DataStorageMB", 10_240),
    ("FileStorageMB", 10_240),
    ("HourlyPublishedPlatformEvents", 50_000),
    ("MonthlyPlatformEvents", 300_000),
];

/// `GET /limits`
pub(crate) fn limits(world: &World) -> Reply {
    let mut answer = Map::new();
    for (name, max) in FIXED {
        answer.insert(name.to_owned(), json!({ "Max": max, "Remaining": max }));
    }
    let (max, used) = (world.usage().limit(), world.usage().used());
    let requests = json!({ "Max": max, "Remaining": max.saturating_sub(used) });
    answer.insert("DailyApiRequests".to_owned(), requests);
    Reply::ok(&answer)
}

/// `GET /limits/recordCount?sObjects=A,B`
///
/// # Errors
/// No object asked for.
pub(crate) fn record_count(world: &World, call: &Call) -> Result<Reply, Refusal> {
    let Some(names) = call.parameter("sObjects") else {
        return Err(Refusal::bad_request("INVALID_INPUT", "sObjects is a required parameter"));
    };
    let org = world.org();
    let counts: Vec<Value> = names
        .split(',')
        .filter_map(|name| {
            let name = org.schema().object(name.trim())?.name().to_owned();
            Some(json!({ "count": org.record_count(&name)?, "name": name }))
        })
        .collect();
    Ok(Reply::ok(&json!({ "sObjects": counts })))
}
