//! Giving a load up because a person cancelled it.

use super::Backfill;
use crate::mapping::Mapping;
use crate::postgres::{self, Lease};
use crate::sync::Error;

impl Backfill {
    /// Forgets the load under way and aborts its Bulk job. Its rows stay, and polling is as it was.
    ///
    /// A job that cannot be aborted now does no harm: nobody asks for its result, and Salesforce forgets it.
    ///
    /// # Errors
    /// When the database cannot be asked, or the lease was lost.
    pub async fn give_up(&self, lease: &Lease, mapping: &Mapping) -> Result<(), Error> {
        let progress = postgres::progress(&self.db, &mapping.object).await?;
        postgres::give_up_backfill(&self.db, lease, &mapping.object).await?;
        postgres::close_load(&self.db, lease, mapping, false).await?;
        let Some(job) = progress.backfill.and_then(|position| position.job_id) else {
            return Ok(());
        };
        let before = self.client.calls_made();
        if let Err(error) = self.client.abort_query_job(&job).await {
            tracing::warn!(mapping = %mapping.object, %job, %error, "the bulk job could not be aborted, its result is left unread");
        }
        let calls = self.client.calls_made().saturating_sub(before);
        crate::sync::count_calls(&self.db, &mapping.object, "load", calls).await;
        Ok(())
    }
}
