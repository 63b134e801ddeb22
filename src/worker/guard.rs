//! Watches over the capturing of changes: a trigger that is dropped, disabled or replaced under a running worker is put
//! back and told of within seconds, and its mapping rests until it is known what was missed ([`super::sweeping`]).

use super::pace::pause;
use super::watch::Bindings;
use crate::mapping::Mapping;
use crate::postgres::{self, CaptureState, Database, Error, Hole};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Time between two looks; each is one statement over the catalog.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// Time between two notes that everything is captured: how far back is looked for what was missed after a hole.
const NOTE_EVERY: Duration = Duration::from_secs(15);

/// Guards until `stop`.
pub(super) async fn run(
    db: Database,
    bindings: watch::Receiver<Bindings>,
    stop: CancellationToken,
) {
    let mut guard =
        Guard { db, bindings, seen: None, is_settled: true, told: BTreeSet::new(), noted: None };
    loop {
        let Some(looked) = stop.run_until_cancelled(guard.look()).await else { return };
        if let Err(error) = looked {
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
    /// Whether nothing was mended when it was seen.
    is_settled: bool,
    /// Holes that stay open are told once.
    told: BTreeSet<Hole>,
    noted: Option<Instant>,
}

impl Guard {
    async fn look(&mut self) -> Result<(), Error> {
        let state = postgres::capture_state(&self.db).await?;
        if self.is_settled && self.seen.as_ref() == Some(&state) {
            return self.note(state.horizon).await;
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
        // What was mended changed the state: the next look compares everything, though the same may be gone again by then.
        self.is_settled = !holes.iter().any(|hole| hole.is_mended);
        self.told = holes.into_iter().filter(|hole| !hole.is_mended).collect();
        self.seen = Some(state);
        Ok(())
    }

    /// Notes of the mappings without a hole that their changes were captured up to now.
    async fn note(&mut self, horizon: i64) -> Result<(), Error> {
        if self.noted.is_some_and(|noted| noted.elapsed() < NOTE_EVERY) {
            return Ok(());
        }
        let bindings = self.bindings.borrow().clone();
        let is_whole = |object: &&String| !self.told.iter().any(|hole| hole.object == **object);
        let captured = bindings
            .iter()
            .filter(|(_, binding)| !binding.is_paused && binding.mapping.direction.pushes());
        let whole: Vec<String> =
            captured.map(|(object, _)| object).filter(is_whole).cloned().collect();
        postgres::note_whole(&self.db, &whole, horizon).await?;
        self.noted = Some(Instant::now());
        Ok(())
    }

    async fn tell(&self, hole: &Hole) -> Result<(), Error> {
        let Hole { object, message, help, .. } = hole;
        tracing::error!(mapping = %object, next = %help, "changes were not captured: {message}");
        postgres::log_event(&self.db, "capture", Some(object), &format!("{message}; {help}")).await
    }
}
