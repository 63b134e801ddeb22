//! `/limits`, of which the daily requests are real, and the record counts.

use serde_json::{Map, Value, json};

use crate::http::{call::Call, refusal::Refusal, reply::Reply, world::World};

/// Limits that the org tells; of these it counts the data storage alone.
const FIXED: [(&str, u64); 35] = [
    ("ActiveScratchOrgs", 6),
    ("AnalyticsExternalDataSizeMB", 40_960),
    ("ConcurrentAsyncGetReportInstances", 200),
    ("ConcurrentSyncReportRuns", 20),
    ("DailyAnalyticsDataflowJobExecutions", 60),
    ("DailyAsyncApexExecutions", 250_000),
    ("DailyAsyncApexTests", 500),
    ("DailyBulkApiBatches", 15_000),
    ("DailyBulkV2QueryFileStorageMB", 976_562),
    ("DailyBulkV2QueryJobs", 10_000),
    ("DailyDeliveredPlatformEvents", 10_000),
    ("DailyDurableGenericStreamingApiEvents", 10_000),
    ("DailyDurableStreamingApiEvents", 10_000),
    ("DailyGenericStreamingApiEvents", 10_000),
    ("DailyScratchOrgs", 12),
    ("DailyStandardVolumePlatformEvents", 10_000),
    ("DailyStreamingApiEvents", 10_000),
    ("DailyWorkflowEmails", 1_000),
    ("DataStorageMB", 10_240),
    ("DurableStreamingApiConcurrentClients", 20),
    ("FileStorageMB", 10_240),
    ("HourlyAsyncReportRuns", 1_200),
    ("HourlyDashboardRefreshes", 200),
    ("HourlyDashboardResults", 5_000),
    ("HourlyDashboardStatuses", 999_999_999),
    ("HourlyODataCallout", 20_000),
    ("HourlyPublishedPlatformEvents", 50_000),
    ("HourlyPublishedStandardVolumePlatformEvents", 1_000),
    ("HourlySyncReportRuns", 500),
    ("HourlyTimeBasedWorkflow", 1_000),
    ("MassEmail", 5_000),
    ("MonthlyPlatformEvents", 300_000),
    ("PermissionSets", 1_500),
    ("SingleEmail", 5_000),
    ("StreamingApiConcurrentClients", 20),
];

/// What a row takes of the data storage.
const ROW_KILOBYTES: u64 = 2;

/// `GET /limits`
pub(crate) fn limits(world: &World) -> Reply {
    let mut answer = Map::new();
    for (name, max) in FIXED {
        let used = if name == "DataStorageMB" { storage(world) } else { 0 };
        let remaining = max.saturating_sub(used);
        answer.insert(name.to_owned(), json!({ "Max": max, "Remaining": remaining }));
    }
    let (max, used) = (world.usage().limit(), world.usage().used());
    let requests = json!({ "Max": max, "Remaining": max.saturating_sub(used) });
    answer.insert("DailyApiRequests".to_owned(), requests);
    Reply::ok(&answer)
}

/// The megabytes that the live rows take.
fn storage(world: &World) -> u64 {
    let org = world.org();
    let counts = org.schema().objects().iter().filter_map(|object| org.record_count(object.name()));
    counts.sum::<usize>() as u64 * ROW_KILOBYTES / 1024
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
            let number = org.visible_object(call.user(), name.trim())?;
            let name = org.schema().objects().get(number)?.name().to_owned();
            Some(json!({ "count": org.record_count(&name)?, "name": name }))
        })
        .collect();
    Ok(Reply::ok(&json!({ "sObjects": counts })))
}
