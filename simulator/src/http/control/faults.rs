//! Faults: armed, listed, taken back. What they are: [`crate::control::Fault`].

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::json;

use super::{Answer, Captured, Route, done, read};
use crate::{
    control::Fault,
    http::{call::Call, refusal::Refusal, reply::Reply, world::World},
};

pub(super) const ROUTES: &[Route] = &[
    Route::sure("GET", "faults", "Lists the faults that wait for requests.", list),
    Route::new("POST", "faults", "Arms a fault.", arm),
    Route::sure("GET", "faults/history", "Lists the requests that faults struck.", history),
    Route::sure("GET", "faults/held", "Tells how much work each fault holds back.", held),
    Route::new("POST", "faults/{id}/release", "Does the work that a fault holds back.", release),
    Route::sure("DELETE", "faults", "Takes all faults back.", clear),
    Route::new("DELETE", "faults/{id}", "Takes a fault back.", remove),
];

fn list(world: &World) -> Reply {
    Reply::ok(&world.faults().waiting())
}

fn arm(world: &Arc<World>, call: &mut Call, _: &Captured<'_>) -> Answer {
    let fault: Fault = read(call)?;
    Ok(Reply::json(StatusCode::CREATED, &world.faults().add(fault)))
}

fn history(world: &World) -> Reply {
    Reply::ok(&world.faults().history().collect::<Vec<_>>())
}

fn held(world: &World) -> Reply {
    Reply::ok(&world.faults().held())
}

/// The work is done on this thread, so that a test which sees the answer sees what it did.
fn release(world: &Arc<World>, _: &mut Call, path: &Captured<'_>) -> Answer {
    let held = world.faults().release(id_of(path)?);
    let count = held.len();
    for work in held {
        work();
    }
    Ok(Reply::ok(&json!({ "released": count })))
}

fn id_of(path: &Captured<'_>) -> Result<u64, Refusal> {
    path.word("id").parse().map_err(|_| Refusal::not_found())
}

fn clear(world: &World) -> Reply {
    world.faults().remove(None);
    done()
}

fn remove(world: &Arc<World>, _: &mut Call, path: &Captured<'_>) -> Answer {
    world.faults().remove(Some(id_of(path)?));
    Ok(done())
}
