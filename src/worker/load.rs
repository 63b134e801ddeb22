//! One turn at a load, for whoever runs it: a group of the worker, or the `backfill` command.
//!
//! A turn is one step, unless something is in the way: what a person wishes, the rate that was asked for, the API
//! budget. A wish that comes during a step lets the page in hand be applied; where no page is in hand, as while
//! Salesforce prepares a Bulk result, the step is dropped at once. Nothing is lost by that: a page is applied whole,
//! with its position, or not at all.

use super::pause;
use crate::mapping::Mapping;
use crate::postgres::{self, Database, Lease, Part, Took, Wish};
use crate::reconcile::Work;
use crate::runtime::Rate;
use crate::salesforce::Client;
use crate::sync::{Backfill, Error, Step};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How often a step under way looks for a person's wish.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long the page in hand may take once a pause is wished.
const PAGE_GRACE: Duration = Duration::from_secs(10);

/// What came of a turn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Turn {
    /// A step was taken.
    Stepped {
        /// Where the load stands.
        step: Step,
        /// Requests to Salesforce that it took.
        calls: u64,
    },
    /// A person wishes a pause; whether this is the first to heed it.
    Paused { is_news: bool },
    /// A person cancelled the load, and it is given up now.
    Cancelled { is_news: bool },
    /// So much time has to pass before the rate allows more.
    Wait(Duration),
    /// The API budget allows no loads for now.
    OverBudget,
}

/// Takes turns at loads.
#[derive(Debug)]
pub(crate) struct Loader {
    db: Database,
    client: Client,
    backfill: Backfill,
    started: Instant,
    /// Per object, the rate that was asked for and what is left of it.
    rates: Mutex<BTreeMap<String, (u64, Rate)>>,
}

impl Loader {
    pub(crate) fn new(db: Database, client: &Client) -> Self {
        let client = client.counted_apart();
        let backfill = Backfill::new(db.clone(), client.clone());
        Self { db, client, backfill, started: Instant::now(), rates: Mutex::default() }
    }

    /// Takes a turn under the lease `backfill:<object>`. May be dropped at any moment.
    ///
    /// # Errors
    /// As of [`Backfill::step`].
    pub(crate) async fn turn(&self, lease: &Lease, mapping: &Mapping) -> Result<Turn, Error> {
        let object = mapping.object.as_str();
        let standing = postgres::progress(&self.db, object).await?;
        if standing.wish != Wish::Run {
            return self.heed(lease, mapping, standing.wish).await;
        }
        let wait = self.owed(object, standing.rows_per_second);
        if !wait.is_zero() {
            return Ok(Turn::Wait(wait));
        }
        if !self.client.budget().allows(Work::Backfill) {
            return Ok(Turn::OverBudget);
        }
        let (calls_before, began) = (self.client.calls_made(), Instant::now());
        let rows_before = standing.backfill.as_ref().map_or(0, |position| position.rows);
        let step = tokio::select! {
            biased;
            step = self.backfill.step(lease, mapping) => step?,
            wish = self.wished(object) => return self.heed(lease, mapping, wish).await,
        };
        let calls = self.client.calls_made().saturating_sub(calls_before);
        self.spend(object, step.rows.saturating_sub(rows_before));
        let took = Took {
            rows: step.rows,
            expected: None,
            time: began.elapsed(),
            calls,
            finished: step.finished,
        };
        if let Err(error) = postgres::note_backfill(&self.db, lease, object, took).await {
            tracing::warn!(mapping = %object, %error, "the progress could not be noted");
        }
        Ok(Turn::Stepped { step, calls })
    }

    /// How many records a load of this part of the mapping reads.
    ///
    /// # Errors
    /// When Salesforce does not answer.
    pub(crate) async fn expected(&self, mapping: &Mapping, part: &Part) -> Result<u64, Error> {
        self.backfill.expected(mapping, part).await
    }

    async fn heed(&self, lease: &Lease, mapping: &Mapping, wish: Wish) -> Result<Turn, Error> {
        let object = mapping.object.as_str();
        if wish == Wish::Cancel {
            let standing = postgres::progress(&self.db, object).await?;
            let is_news = !standing.is_heeded;
            if is_news || standing.backfill.is_some() {
                self.backfill.give_up(lease, mapping).await?;
            }
            return Ok(Turn::Cancelled { is_news });
        }
        Ok(Turn::Paused { is_news: postgres::heed_wish(&self.db, object, wish).await? })
    }

    /// Comes back when a person wishes that the load under way end, and the page in hand had its time.
    async fn wished(&self, object: &str) -> Wish {
        loop {
            pause(LOOK_EVERY).await;
            // The step itself will tell what is wrong with the database.
            let Ok(standing) = postgres::progress(&self.db, object).await else { continue };
            let has_page = standing.backfill.is_some_and(|position| position.locator.is_some());
            match standing.wish {
                Wish::Run => continue,
                Wish::Pause if has_page => pause(PAGE_GRACE).await,
                Wish::Pause | Wish::Cancel => {}
            }
            return standing.wish;
        }
    }

    /// How long the rate makes the load wait. A new rate begins with a full second.
    fn owed(&self, object: &str, rows_per_second: Option<u64>) -> Duration {
        let now = self.started.elapsed();
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(rows_per_second) = rows_per_second else {
            rates.remove(object);
            return Duration::ZERO;
        };
        let fresh = || (rows_per_second, Rate::new(rows_per_second, now));
        let entry = rates.entry(object.to_owned()).or_insert_with(fresh);
        if entry.0 != rows_per_second {
            *entry = fresh();
        }
        entry.1.wait(now)
    }

    fn spend(&self, object: &str, rows: u64) {
        let now = self.started.elapsed();
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, rate)) = rates.get_mut(object) {
            rate.take(rows, now);
        }
    }
}
