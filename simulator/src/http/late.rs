//! Transactions that a fault lets land late.

use std::{sync::Weak, time::Duration};

use tokio::sync::oneshot;

use crate::{
    ApiError,
    http::{connection::delay, world::World},
};

/// When a fault lets a transaction land.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Late {
    /// The fault that is released where no time is said.
    pub(crate) fault: u64,
    pub(crate) millis: Option<u64>,
}

/// Lets a parked transaction land once its fault wants it.
///
/// # Errors
/// Why it cannot land; nothing when the fault was taken back, and the transaction with it.
pub(crate) async fn land(
    world: Weak<World>,
    late: Late,
    number: u64,
) -> Result<(), Option<ApiError>> {
    let landing = move |world: &Weak<World>| {
        let world = world.upgrade().ok_or(None)?;
        world.org().land(number).map_err(Some)
    };
    if let Some(millis) = late.millis {
        delay(Duration::from_millis(millis)).await;
        return landing(&world);
    }
    let (tell, told) = oneshot::channel();
    let holder = Weak::clone(&world);
    let held = Box::new(move || {
        // A client that has gone since needs no answer.
        let _unheard = tell.send(landing(&holder));
    });
    world.upgrade().ok_or(None)?.faults().hold(late.fault, held);
    if let Ok(landed) = told.await {
        return landed;
    }
    if let Some(world) = world.upgrade() {
        world.org().abandon(number);
    }
    Err(None)
}
