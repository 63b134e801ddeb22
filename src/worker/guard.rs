//! Watches over the capturing of changes: a trigger that is dropped, disabled or replaced under a running worker is put
//! back and told of within seconds, with what was missed meanwhile named as missed.

use super::pace::pause;
use super::watch::Bindings;
use crate::mapping::Mapping;
use crate::postgres::{self, CaptureState, Database, Error, Hole};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Time between two looks; each is one statement over the catalog.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// Guards until `stop`.
pub(super) async fn run(
    db: Database,
    bindings: watch::Receiver<Bindings>,
    stop: CancellationToken,
) {
    let mut guard = Guard { db, bindings, seen: None, told: BTreeSet::new() };
    loop {
        if let Err(error) = guard.look().await {
            tracing::warn!(%error, "the look at the triggers has to wait");
            guard.seen = None;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = pause(LOOK_EVERY) => {}
        }
    }
}

struct Guard {
    db: Database,
    bindings: watch::Receiver<Bindings>,
    seen: Option<CaptureState>,
    /// Holes that stay open are told once.
    told: BTreeSet<Hole>,
}

impl Guard {
    async fn look(&mut self) -> Result<(), Error> {
        let state = postgres::capture_state(&self.db).await?;
        if self.seen.as_ref() == Some(&state) {
            return Ok(());
        }
        let bindings = self.bindings.borrow().clone();
        let mappings: Vec<Mapping> = bindings
            .values()
            .filter(|binding| !binding.is_paused)
            .map(|binding| binding.mapping.clone())
            .collect();
        let mut holes = postgres::mend_capture(&self.db, &mappings).await?;
        if let Some(before) = &self.seen {
            let lost = mappings.iter().flat_map(|mapping| before.lost_partitions(&state, mapping));
            holes.extend(lost);
        }
        for hole in &holes {
            if hole.is_mended || !self.told.contains(hole) {
                self.tell(hole).await?;
            }
        }
        self.told = holes.into_iter().filter(|hole| !hole.is_mended).collect();
        // What was mended changed the state: the next look says whether it holds.
        self.seen = Some(state);
        Ok(())
    }

    async fn tell(&self, hole: &Hole) -> Result<(), Error> {
        let Hole { object, message, help, .. } = hole;
        tracing::error!(mapping = %object, next = %help, "changes were not captured: {message}");
        postgres::log_event(&self.db, "capture", Some(object), &format!("{message}; {help}")).await
    }
}
