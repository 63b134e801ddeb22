//! What was asked of the org.

use super::{Route, done};
use crate::http::{reply::Reply, world::World};

pub(super) const ROUTES: &[Route] = &[
    Route::sure("GET", "requests", "Lists the last requests, oldest first.", list),
    Route::sure("DELETE", "requests", "Forgets the requests and the sums.", clear),
    Route::sure(
        "GET",
        "counters",
        "Sums requests by kind and rows by what was done to them.",
        sums,
    ),
];

fn list(world: &World) -> Reply {
    Reply::ok(&world.log().entries().collect::<Vec<_>>())
}

fn clear(world: &World) -> Reply {
    world.log().clear();
    done()
}

fn sums(world: &World) -> Reply {
    Reply::ok(world.log().counters())
}
