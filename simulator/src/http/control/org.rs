//! The org as a whole.

use std::sync::Arc;

use super::{Answer, Captured, Route, done};
use crate::http::{call::Call, refusal::Refusal, reply::Reply, world::World};

pub(super) const ROUTES: &[Route] = &[
    Route::new(
        "POST",
        "reset",
        "Makes the org what it was at the start; faults, jobs, cursors and log go, sessions stay.",
        reset,
    ),
    Route::sure(
        "GET",
        "credentials",
        "Tells what a client needs to log in, with two fresh sessions.",
        credentials,
    ),
    Route::sure("POST", "expire-cursors", "Forgets all query cursors.", expire_cursors),
];

fn reset(world: &Arc<World>, _: &mut Call, _: &Captured<'_>) -> Answer {
    match world.reset() {
        Ok(()) => Ok(done()),
        Err(error) => Err(Refusal::bad_request("RESET_FAILED", error.to_string())),
    }
}

fn credentials(world: &World) -> Reply {
    Reply::ok(&world.credentials())
}

fn expire_cursors(world: &World) -> Reply {
    world.cursors().clear();
    done()
}
