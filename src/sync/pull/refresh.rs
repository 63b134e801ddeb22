//! Fields that move without a stamp: formulas and roll-ups, whose inputs may be in other records or in the calendar.
//!
//! No poll can see them move. They are read whole on a schedule of their own, a slice at a time, and only rows in
//! which they differ are written. The position is saved with each page, so a refresh goes on where it was stopped.

use super::{BULK_PAGE_ROWS, Pulled, Puller, await_result};
use crate::mapping::Mapping;
use crate::model::SalesforceId;
use crate::postgres::{
    self, Applied, Checkpoint, JobPosition, Lease, Page, PollState, RefreshPosition,
};
use crate::salesforce::{self, Client, Query, Scope, Shape};
use crate::sync::Error;
use chrono::TimeDelta;
use futures_util::stream;
use std::convert::Infallible;

/// Pages per slice; between slices other work has its turn.
const PAGES_PER_SLICE: u32 = 10;

/// Whether a refresh is under way or due: the interval has passed since the last one, or since polling began.
fn is_due(mapping: &Mapping, state: &PollState) -> bool {
    let Some(every) = mapping.poll.refresh else { return false };
    let every = TimeDelta::from_std(every).unwrap_or(TimeDelta::MAX);
    let is_over = |refreshed| state.now.signed_duration_since(refreshed) >= every;
    state.refresh.is_some() || state.refreshed_at.is_some_and(is_over)
}

/// The mapping of the fields that move without a stamp; `None` where it has none.
fn moving(mapping: &Mapping) -> Option<Mapping> {
    let moving = mapping.of_fields(|field| field.is_calculated && field.direction.pulls());
    (!moving.fields.is_empty()).then_some(moving)
}

impl Puller {
    /// Takes a slice of the mapping's refresh after a poll, if it needs one.
    pub(super) async fn refresh(
        &self,
        lease: &Lease,
        mapping: &Mapping,
        pulled: Pulled,
        state: &PollState,
    ) -> Result<Pulled, Error> {
        let Some(moving) = moving(mapping).filter(|_| is_due(mapping, state)) else {
            return Ok(pulled);
        };
        let client = self.client.counted_apart();
        let slice = self.slice(lease, &moving, &client, state.refresh.clone()).await;
        let calls = client.calls_made();
        crate::sync::count_calls(&self.db, &mapping.object, "refresh", calls).await;
        let (refreshed, more) = slice?;
        Ok(Pulled {
            refreshed: pulled.refreshed + refreshed,
            calls: pulled.calls + calls,
            more: pulled.more || more,
            ..pulled
        })
    }

    /// Reads and applies some pages; answers the rows written and whether more is left.
    async fn slice(
        &self,
        lease: &Lease,
        moving: &Mapping,
        client: &Client,
        position: Option<RefreshPosition>,
    ) -> Result<(u64, bool), Error> {
        let mut position = position;
        let mut refreshed = 0;
        for _ in 0..PAGES_PER_SLICE {
            let (applied, next) = match position {
                Some(RefreshPosition::Job(job)) => {
                    self.refresh_by_job(lease, moving, client, job).await?
                }
                Some(RefreshPosition::After(id)) => {
                    self.refresh_by_page(lease, moving, client, Some(id)).await?
                }
                None => self.refresh_by_page(lease, moving, client, None).await?,
            };
            refreshed += applied.updated;
            position = next;
            if position.is_none() {
                return Ok((refreshed, false));
            }
        }
        Ok((refreshed, true))
    }

    async fn refresh_by_page(
        &self,
        lease: &Lease,
        moving: &Mapping,
        client: &Client,
        after: Option<SalesforceId>,
    ) -> Result<(Applied, Option<RefreshPosition>), Error> {
        let conditions: Vec<String> =
            after.iter().map(|id| format!("Id > '{}'", id.as_str())).collect();
        let query = query(moving, &conditions, "ORDER BY Id");
        let read_started = self.db.now().await?;
        let page = client.query(&query.soql, query.scope, &query.shape).await?;
        if page.next.is_some() && page.total > moving.bulk.read_above {
            let query = self::query(moving, &conditions, "");
            let id = client.start_query_job(&query.soql, query.scope).await?;
            let job = RefreshPosition::Job(JobPosition { id, locator: None, read_started });
            let checkpoint = Checkpoint::Refresh(Some(job.clone()));
            postgres::save(&self.db, lease, &moving.object, checkpoint).await?;
            return Ok((Applied::default(), Some(job)));
        }
        let last = page.records.last().map(|record| record.id.clone());
        let next = last.filter(|_| page.next.is_some()).map(RefreshPosition::After);
        let checkpoint = Some(Checkpoint::Refresh(next.clone()));
        let rows = stream::iter(page.records.into_iter().map(Ok::<_, Infallible>));
        let page = Page { mapping: moving, read_started, checkpoint, more: next.is_some() };
        Ok((postgres::apply(&self.db, lease, page, rows).await?, next))
    }

    async fn refresh_by_job(
        &self,
        lease: &Lease,
        moving: &Mapping,
        client: &Client,
        job: JobPosition,
    ) -> Result<(Applied, Option<RefreshPosition>), Error> {
        let opened = async {
            if job.locator.is_none() {
                await_result(client, moving, &job.id).await?;
            }
            let shape = Shape::of(moving);
            let locator = job.locator.as_deref();
            Ok(client.query_job_page(&job.id, locator, BULK_PAGE_ROWS, &shape).await?)
        };
        let page = match opened.await {
            Ok(page) => page,
            Err(
                error @ Error::Salesforce(
                    salesforce::Error::NotFound(_) | salesforce::Error::MissingField(_),
                ),
            ) => {
                tracing::warn!(mapping = %moving.object, %error, "the bulk job is gone, the refresh waits for its next turn");
                let ended = Checkpoint::Refresh(None);
                postgres::save(&self.db, lease, &moving.object, ended).await?;
                return Ok((Applied::default(), None));
            }
            Err(error @ Error::QueryJobEnded { .. }) => {
                let ended = Checkpoint::Refresh(None);
                postgres::save(&self.db, lease, &moving.object, ended).await?;
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        let read_started = job.read_started;
        let next = page.next.map(|locator| {
            RefreshPosition::Job(JobPosition { locator: Some(locator), ..job.clone() })
        });
        let checkpoint = Some(Checkpoint::Refresh(next.clone()));
        let rows = page.rows.into_records();
        let page = Page { mapping: moving, read_started, checkpoint, more: next.is_some() };
        Ok((postgres::apply(&self.db, lease, page, rows).await?, next))
    }
}

fn query(moving: &Mapping, conditions: &[String], order: &str) -> Query {
    let query = Query::of(moving, Shape::of(moving), conditions, order);
    Query { scope: Scope::Live, ..query }
}

#[cfg(test)]
mod tests {
    use super::{is_due, moving};
    use crate::mapping::{Mapping, Poll};
    use crate::postgres::{PollState, RefreshPosition};
    use crate::reconcile::samples::{contact, moment, sfid};
    use std::time::Duration;

    #[test]
    fn a_refresh_is_due_an_interval_after_the_last_one_or_while_it_is_under_way() {
        let state = |refreshed: Option<i64>, refresh| PollState {
            now: moment(1_000),
            watermark: None,
            position: None,
            safe_until: None,
            polled_at: None,
            refreshed_at: refreshed.map(moment),
            refresh,
            has_waiting: false,
        };
        let under_way = Some(RefreshPosition::After(sfid(1)));
        let table = [
            (Some(100), state(None, None), false),
            (Some(100), state(Some(901), None), false),
            (Some(100), state(Some(900), None), true),
            (Some(100), state(Some(999), under_way.clone()), true),
            (None, state(Some(0), under_way), false),
        ];
        for (every, state, expected) in table {
            let refresh = every.map(Duration::from_secs);
            let mapping = Mapping { poll: Poll { refresh, ..Poll::default() }, ..contact() };
            assert_eq!(is_due(&mapping, &state), expected, "{every:?} {state:?}");
        }
    }

    #[test]
    fn only_calculated_fields_are_refreshed() {
        let mut mapping = contact();
        assert_eq!(moving(&mapping), None);
        mapping.fields[1].is_calculated = true;
        let refreshed = moving(&mapping).unwrap();
        assert_eq!(refreshed.fields, [mapping.fields[1].clone()]);
    }
}
