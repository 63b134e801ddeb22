//! What many tests do with a world: wait for its load, run a statement, wait for a cell.

use crate::wait::wait_until;
use crate::world::World;
use std::time::Duration;

/// Long enough for what a worker does, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_mins(2);

/// Waits until the world's only mapping is loaded.
pub(crate) async fn loaded(world: &World) {
    let loads = "select count(*) from lockstep.checkpoint where loaded";
    until_cell(world, "the load ends", loads, "1").await;
}

/// Runs statements as the application.
pub(crate) async fn run(world: &World, sql: &str) {
    world.application().await.run(sql).await.unwrap();
}

/// Waits until the query's cell says so; its tables need not exist yet.
pub(crate) async fn until_cell(world: &World, what: &str, sql: &str, expected: &str) {
    wait_until(what, PATIENCE, async || world.cell_if_any(sql).await.as_deref() == Some(expected))
        .await;
}
