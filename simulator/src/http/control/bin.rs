//! The recycle bin, merges, and users.

use std::sync::Arc;

use axum::http::StatusCode;
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::json;

use super::{
    Answer, Captured, Route, done, read,
    records::{by_hand, each_id},
};
use crate::{
    Org,
    http::{call::Call, refusal::Refusal, reply::Reply, world::World},
    value::JsonMap,
};

pub(super) const ROUTES: &[Route] = &[
    Route::new("POST", "undelete", "Takes rows out of the recycle bin.", undelete),
    Route::new("POST", "purge", "Takes rows out of the org.", purge),
    Route::sure("POST", "empty-bin", "Empties the recycle bin.", empty),
    Route::new(
        "POST",
        "delete-log/{object}",
        "Makes the delete log of an object forget all but its last seconds.",
        trim,
    ),
    Route::new("POST", "merge", "Merges one or two rows into another one.", merge),
    Route::new("POST", "users", "Sets up a user.", user),
];

fn undelete(world: &Arc<World>, call: &mut Call, _: &Captured<'_>) -> Answer {
    each_id(world, call, |org, id| org.undelete(org.human_user(), id))
}

fn purge(world: &Arc<World>, call: &mut Call, _: &Captured<'_>) -> Answer {
    each_id(world, call, Org::purge)
}

fn empty(world: &World) -> Reply {
    Reply::ok(&json!({ "purged": world.org().empty_bin() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trim {
    keep_seconds: i64,
}

fn trim(world: &Arc<World>, call: &mut Call, path: &Captured<'_>) -> Answer {
    let order: Trim = read(call)?;
    let kept = TimeDelta::try_seconds(order.keep_seconds).unwrap_or_default();
    let mut org = world.org();
    let at = org.now().checked_sub_signed(kept).unwrap_or_default();
    if org.trim_delete_log(path.word("object"), at) {
        Ok(done())
    } else {
        Err(Refusal::not_found())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Merge {
    master: String,
    #[serde(rename = "merge")]
    losers: Vec<String>,
    #[serde(default)]
    fields: JsonMap,
}

fn merge(world: &Arc<World>, call: &mut Call, _: &Captured<'_>) -> Answer {
    let order: Merge = read(call)?;
    by_hand(call);
    let mut org = world.org_for(call);
    let user = org.human_user();
    let merged = org.merge(user, &order.master, &order.losers, &order.fields)?;
    let texts = |ids: &[crate::Id]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    Ok(Reply::ok(&json!({
        "id": merged.id.to_string(),
        "mergedRecordIds": texts(&merged.merged),
        "updatedRelatedIds": texts(&merged.updated),
    })))
}

fn user(world: &Arc<World>, call: &mut Call, _: &Captured<'_>) -> Answer {
    let fields: JsonMap = read(call)?;
    let id = world.org().set_up_user(&fields)?;
    Ok(Reply::json(StatusCode::CREATED, &json!({ "id": id.to_string() })))
}
