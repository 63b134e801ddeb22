//! The next page of a Bulk result, fetched while the one before it goes into the database.
//!
//! A page is asked for by the number of rows that its predecessors say fit its share of memory. What is larger all the
//! same is received only as far as its share goes, and the rest passes through when it is applied.

use crate::mapping::Mapping;
use crate::postgres::Rows;
use crate::runtime::{Retry, RetryPolicy, Verdict, retry};
use crate::salesforce::{self, BulkRows, Client, Shape};
use crate::sync::Error;
use crate::sync::pull::await_result;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// The most memory that one page takes before it is passed through.
const PAGE_BYTES_MAX: usize = 16 << 20;

/// The memory that pages should take: half, since rows differ.
const PAGE_BYTES: u64 = 8 << 20;

/// Rows of the first page, which tells how large rows are, and how much longer the next one may be at most.
const FIRST_ROWS: u32 = 2_000;
const GROWTH: u64 = 4;
const ROWS_MIN: u64 = 500;
const ROWS_MAX: u64 = 50_000;

/// Pages fetched ahead by all loads together.
const PAGES_AHEAD: usize = 2;

/// A download that breaks off is begun again, for about a minute.
const DOWNLOADS: RetryPolicy = RetryPolicy {
    first: Duration::from_millis(500),
    longest: Duration::from_secs(16),
    attempts: 6,
    within: Duration::from_mins(2),
};

/// A page as far as it is in memory.
#[derive(Debug)]
pub(super) struct Fetched {
    pub rows: Rows<BulkRows>,
    /// Where the next page begins.
    pub next: Option<String>,
    /// How many records Salesforce announced.
    pub announced: u64,
}

/// Which page of which job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub job: String,
    pub locator: Option<String>,
}

/// The pages fetched ahead, by object.
#[derive(Clone, Debug)]
pub(super) struct Ahead {
    waiting: Arc<Mutex<HashMap<String, Waiting>>>,
    places: Arc<Semaphore>,
}

/// What is known ahead of a load's next step.
#[derive(Debug)]
struct Waiting {
    page: Option<(Place, Task)>,
    /// Rows to ask for.
    rows: u32,
}

type Task = AbortOnDropHandle<(Result<Fetched, Error>, OwnedSemaphorePermit)>;

impl Default for Ahead {
    fn default() -> Self {
        Self { waiting: Arc::default(), places: Arc::new(Semaphore::new(PAGES_AHEAD)) }
    }
}

impl Ahead {
    /// The page at this place: the one that was fetched ahead, or fetched now.
    pub(super) async fn page(
        &self,
        client: &Client,
        mapping: &Mapping,
        place: &Place,
    ) -> Result<Fetched, Error> {
        let (task, rows) = self.take(&mapping.object, place);
        let fetched = match task {
            // What went wrong ahead of time may go well now.
            Some(task) => match task.await {
                Ok((Ok(fetched), _place)) => Some(fetched),
                Ok((Err(error), _)) if error.retry() == Retry::Never => return Err(error),
                Ok(_) | Err(_) => None,
            },
            None => None,
        };
        match fetched {
            Some(fetched) => Ok(fetched),
            None => fetch(client, mapping, place, rows).await,
        }
    }

    /// Begins to fetch the page behind this one, if there is room for it.
    pub(super) fn fetch_next(&self, client: &Client, mapping: &Mapping, job: &str, page: &Fetched) {
        let rows = rows_that_fit(page.rows.bytes() as u64, page.rows.count());
        let task = page.next.clone().zip(Arc::clone(&self.places).try_acquire_owned().ok()).map(
            |(locator, permit)| {
                let place = Place { job: job.to_owned(), locator: Some(locator) };
                let (client, mapping, at) = (client.clone(), mapping.clone(), place.clone());
                let task =
                    tokio::spawn(
                        async move { (fetch(&client, &mapping, &at, rows).await, permit) },
                    );
                (place, AbortOnDropHandle::new(task))
            },
        );
        self.lock().insert(mapping.object.clone(), Waiting { page: task, rows });
    }

    fn take(&self, object: &str, place: &Place) -> (Option<Task>, u32) {
        match self.lock().remove(object) {
            Some(waiting) => {
                let page = waiting.page.filter(|(at, _)| at == place);
                (page.map(|(_, task)| task), waiting.rows)
            }
            None => (None, FIRST_ROWS),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many rows like these fit a page.
fn rows_that_fit(bytes: u64, rows: u64) -> u32 {
    let each = (bytes / rows.max(1)).max(1);
    let most = (rows * GROWTH).clamp(u64::from(FIRST_ROWS), ROWS_MAX);
    u32::try_from((PAGE_BYTES / each).clamp(ROWS_MIN, most)).unwrap_or(FIRST_ROWS)
}

async fn fetch(
    client: &Client,
    mapping: &Mapping,
    place: &Place,
    rows: u32,
) -> Result<Fetched, Error> {
    if place.locator.is_none() {
        await_result(client, mapping, &place.job).await?;
    }
    let shape = Shape::of(mapping);
    let once = || async {
        let locator = place.locator.as_deref();
        let page = client.query_job_page(&place.job, locator, rows, &shape).await?;
        let announced = page.expected.unwrap_or_default();
        let rows = Rows::received(mapping, page.rows, PAGE_BYTES_MAX).await?;
        Ok(Fetched { rows, next: page.next, announced })
    };
    // Whoever stops waiting drops the download; nothing is lost by it.
    let fetched: Result<Fetched, salesforce::Error> =
        retry(DOWNLOADS, &CancellationToken::new(), verdict, once).await;
    Ok(fetched?)
}

fn verdict(error: &salesforce::Error) -> Verdict {
    match error.retry() {
        Retry::Soon => Verdict::Again,
        Retry::Later | Retry::Never => Verdict::GiveUp,
    }
}

#[cfg(test)]
mod tests {
    use super::{FIRST_ROWS, ROWS_MAX, ROWS_MIN, rows_that_fit};

    #[test]
    fn pages_hold_as_many_rows_as_fit_their_share_of_memory() {
        let table = [
            ((3_300_000, 10_000), 25_420),
            ((0, 0), u64::from(FIRST_ROWS)),
            ((2_000 * 20, 2_000), 8_000),
            ((20_000 * 20, 20_000), ROWS_MAX),
            ((500 << 20, 4_000), ROWS_MIN),
        ];
        for ((bytes, rows), expected) in table {
            assert_eq!(u64::from(rows_that_fit(bytes, rows)), expected, "{bytes} {rows}");
        }
    }
}
