//! The sending half of a round: what is due goes out, and a mapping that Salesforce refuses as such is left out.

use super::{GroupTask, PAUSED_FOR};
use crate::postgres::{self, Lease, MappingState};
use crate::runtime::Retry;
use crate::sync::{Error, Pushed};
use crate::worker::pace::PushPauses;
use tokio_util::sync::CancellationToken;

impl GroupTask {
    /// Sends what is due. A mapping that Salesforce refuses as such is paused; the others go on. What else fails and
    /// concerns one mapping alone is told and tried again, and keeps none from being read.
    ///
    /// # Errors
    /// When it concerns all mappings.
    pub(super) async fn push(
        &self,
        lease: &Lease,
        term: &CancellationToken,
        pauses: &mut PushPauses,
    ) -> Result<Pushed, Error> {
        let (group, sending) = (&self.group.name, format!("sending of {}", self.group.name));
        match self.push_what_runs(lease, term, pauses).await {
            Ok(pushed) => {
                self.health.set_failing(&sending, false);
                Ok(pushed)
            }
            Err(error) if error.concerns_all() || error.retry() == Retry::Never => Err(error),
            Err(error) => {
                self.health.set_failing(&sending, true);
                tracing::warn!(%group, %error, "sending failed in part, trying again");
                Ok(Pushed::default())
            }
        }
    }

    async fn push_what_runs(
        &self,
        lease: &Lease,
        term: &CancellationToken,
        pauses: &mut PushPauses,
    ) -> Result<Pushed, Error> {
        let mut skipped = pauses.paused();
        let objects: Vec<String> =
            self.group.mappings.iter().map(|mapping| mapping.object.clone()).collect();
        skipped.extend(postgres::swept_first(&self.db, &objects).await?);
        skipped.extend(self.out_of_order.iter().cloned());
        match self.pusher.run_once_except(lease, term, &skipped).await {
            Ok(pushed) => {
                for object in pauses.succeeded(&skipped) {
                    postgres::set_state(&self.db, &object, MappingState::Synced, None).await?;
                }
                Ok(pushed)
            }
            Err(error) => {
                let Error::MappingRefused { object, .. } = &error else { return Err(error) };
                pauses.pause(object, PAUSED_FOR);
                if let Some(mapping) = self.group.mappings.iter().find(|m| m.object == *object) {
                    self.pause(mapping, &error).await;
                }
                Ok(Pushed { more: true, ..Pushed::default() })
            }
        }
    }
}
