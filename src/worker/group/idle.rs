//! A group with nothing to do, which wants to be told of changes.
//!
//! The application pays for being told, so only a group at rest asks for it. It rests in two steps: it hangs up the bells
//! of its tables, looks once more, and only then waits. While a transaction is open that captured a change without
//! announcing it, the bells cannot be hung; the group then looks again and again, less and less often.

use crate::mapping::MappingGroup;
use crate::postgres::Bells;
use std::time::Duration;
use tokio::sync::watch;

/// The first pause before another look, while a transaction is in the way.
const SHORTEST: Duration = Duration::from_millis(20);
/// The longest one.
const LONGEST: Duration = Duration::from_millis(250);

/// Whether a group's changes are announced.
pub(super) struct Idle {
    tables: Vec<String>,
    bells: watch::Receiver<Option<Bells>>,
    /// What may hang, of the connection that hung it.
    hung: Option<Bells>,
    pause: Duration,
}

impl Idle {
    /// Of a group that works.
    pub(super) fn of(group: &MappingGroup, bells: watch::Receiver<Option<Bells>>) -> Self {
        let tables = group.mappings.iter().map(|mapping| mapping.table.clone()).collect();
        Self { tables, bells, hung: None, pause: SHORTEST }
    }

    /// How long to wait for an announcement, at most `longest`, before looking again; `None` when it is only now that
    /// changes are announced, so that a look must come first.
    pub(super) async fn begin(&mut self, longest: Duration) -> Option<Duration> {
        if self.bells.has_changed().unwrap_or(false) {
            // Another connection: what the last one hung went with it.
            self.hung = None;
        }
        if self.hung.is_some() {
            return Some(longest);
        }
        let Some(bells) = self.bells.borrow_and_update().clone() else { return Some(longest) };
        // Noted before it is known, so that one whose answer is never awaited is taken down too.
        self.hung = Some(bells.clone());
        match bells.hang(&self.tables).await {
            Ok(true) => {
                self.pause = SHORTEST;
                None
            }
            Ok(false) => {
                self.hung = None;
                let pause = self.pause.min(longest);
                self.pause = (self.pause * 2).min(LONGEST);
                Some(pause)
            }
            Err(error) => {
                tracing::debug!(%error, "changes are not announced until there is another connection");
                self.hung = None;
                Some(longest)
            }
        }
    }

    /// Changes need not be announced: the group works, or another worker will.
    pub(super) async fn end(&mut self) {
        let Some(bells) = self.hung.take() else { return };
        if let Err(error) = bells.take_down(&self.tables).await {
            tracing::debug!(%error, "the bells went with their connection");
        }
    }
}
