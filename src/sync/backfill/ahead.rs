//! The next page of a Bulk result, fetched while the one before it goes into the database.
//!
//! A page is asked for by a number of rows ([`pages`]). What is larger than expected is received only as far as its share
//! of memory goes, and the rest passes through when it is applied.

use super::pages;
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
    rows: u64,
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
        rate: Option<u64>,
    ) -> Result<Fetched, Error> {
        let (task, rows) = self.take(&mapping.object, place);
        let rows = pages::within(rate, rows.unwrap_or_else(|| pages::first_rows(rate)));
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

    /// Begins to fetch the page at `next`, of so many rows, if there is one and room for it.
    pub(super) fn fetch_next(
        &self,
        client: &Client,
        mapping: &Mapping,
        next: Option<Place>,
        rows: u64,
    ) {
        let task =
            next.zip(Arc::clone(&self.places).try_acquire_owned().ok()).map(|(place, permit)| {
                let (client, mapping, at) = (client.clone(), mapping.clone(), place.clone());
                let task =
                    tokio::spawn(
                        async move { (fetch(&client, &mapping, &at, rows).await, permit) },
                    );
                (place, AbortOnDropHandle::new(task))
            });
        self.lock().insert(mapping.object.clone(), Waiting { page: task, rows });
    }

    fn take(&self, object: &str, place: &Place) -> (Option<Task>, Option<u64>) {
        match self.lock().remove(object) {
            Some(waiting) => {
                let page = waiting.page.filter(|(at, _)| at == place);
                (page.map(|(_, task)| task), Some(waiting.rows))
            }
            None => (None, None),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn fetch(
    client: &Client,
    mapping: &Mapping,
    place: &Place,
    rows: u64,
) -> Result<Fetched, Error> {
    if place.locator.is_none() {
        await_result(client, mapping, &place.job).await?;
    }
    let shape = Shape::of(mapping);
    let rows = u32::try_from(rows).unwrap_or(u32::MAX);
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
