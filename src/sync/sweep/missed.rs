//! After a hole in the capturing of changes: the rows that were written meanwhile, laid beside their records.
//!
//! Which rows these are, the numbers of the transactions that wrote them tell; what of them was missed, only their records
//! do. A row that was deleted meanwhile is not among them: the sweep that follows brings it back, since a deletion is
//! never inferred.

use super::Sweeper;
use super::read::ids_at_once;
use crate::mapping::Mapping;
use crate::postgres::{self, MissedScan, OpenHole};
use crate::sync::Error;
use futures_util::stream;
use std::convert::Infallible;

impl Sweeper {
    /// Compares what was written while changes were not captured, and notes what differs. Where nothing does, the mapping
    /// goes on; otherwise a person decides. Answers how many rows differ.
    ///
    /// # Errors
    /// When either side fails.
    pub async fn judge(&self, mapping: &Mapping, hole: &OpenHole) -> Result<u64, Error> {
        let before = self.client.calls_made();
        let missed = self.missed(mapping, hole).await?;
        let calls = self.client.calls_made().saturating_sub(before);
        crate::sync::count_calls(&self.db, &mapping.object, "sweep", calls).await;
        if missed == 0 {
            self.settle(mapping, hole, "nothing that was written meanwhile differs").await?;
            return Ok(0);
        }
        let next = postgres::note_missed(&self.db, hole, missed).await?;
        tracing::error!(mapping = %mapping.object, rows = missed, "changes were missed: {next}");
        Ok(missed)
    }

    async fn missed(&self, mapping: &Mapping, hole: &OpenHole) -> Result<u64, Error> {
        let mut scan = MissedScan::begin(&self.db, mapping).await?;
        let mut count = 0;
        let mut after = 0;
        loop {
            let found = scan.uncaptured(after, hole.horizon, ids_at_once(mapping)).await?;
            let Some(last) = found.last else { break };
            after = last;
            if !found.linked.is_empty() {
                let records = self.fetch(mapping, &found.linked).await?;
                scan.compare(stream::iter(records.into_iter().map(Ok::<_, Infallible>))).await?;
            }
            count += scan.note(&found.unlinked).await?;
        }
        scan.keep().await?;
        Ok(count)
    }

    /// Lets the mapping go on. Rows that were deleted meanwhile come back by a sweep.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn settle(
        &self,
        mapping: &Mapping,
        hole: &OpenHole,
        outcome: &str,
    ) -> Result<(), Error> {
        let object = &mapping.object;
        if mapping.direction.pulls() {
            postgres::needs_sweep(&self.db, object, &hole.reason).await?;
        }
        tracing::info!(mapping = %object, "capturing goes on: {outcome}");
        Ok(postgres::close_hole(&self.db, object, &format!("capturing goes on: {outcome}")).await?)
    }
}
