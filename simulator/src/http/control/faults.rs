//! Faults: armed, listed, taken back. What they are: [`crate::control::Fault`].

use std::sync::Arc;

use axum::http::StatusCode;

use super::{Answer, Captured, Route, done, read};
use crate::{
    control::Fault,
    http::{call::Call, refusal::Refusal, reply::Reply, world::World},
};

pub(super) const ROUTES: &[Route] = &[
    Route::sure("GET", "faults", "Lists the faults that wait for requests.", list),
    Route::new("POST", "faults", "Arms a fault.", arm),
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

fn clear(world: &World) -> Reply {
    world.faults().remove(None);
    done()
}

fn remove(world: &Arc<World>, _: &mut Call, path: &Captured<'_>) -> Answer {
    let id = path.word("id").parse().map_err(|_| Refusal::not_found())?;
    world.faults().remove(Some(id));
    Ok(done())
}
