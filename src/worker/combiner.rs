//! Lets the first queries of polls that are due together travel in one request.
//!
//! Groups work by themselves, under leases of their own; here the queries of those that come at the same time meet.
//! They wait for each other for an instant only, and whoever gets no answer here asks for itself.

use crate::salesforce::{Client, Error, QUERIES_TOGETHER_MAX, Query, QueryPage};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// How long queries wait for others. Enough for groups that woke at the same time to look into the database.
const WAIT: Duration = Duration::from_millis(250);

/// Queries that may wait to be taken in; more than any worker has at once.
const QUEUE: usize = 256;

/// The answers to one poll's queries, in their order.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) pages: Vec<Result<QueryPage, Error>>,
    /// Requests spent, all of which one of the polls that shared them pays.
    pub(super) calls: u64,
}

struct Ask {
    queries: Vec<Query>,
    company: usize,
    reply: oneshot::Sender<Option<Answers>>,
}

/// Takes queries in.
#[derive(Clone)]
pub(super) struct Combiner(mpsc::Sender<Ask>);

impl Combiner {
    /// A combiner, and the task that sends for it.
    pub(super) fn new(client: &Client) -> (Self, Sending) {
        let (sender, asks) = mpsc::channel(QUEUE);
        (Self(sender), Sending { client: client.counted_apart(), asks })
    }

    /// Asks these queries together with those of others; `company` is how many polls are expected to come together,
    /// this one included. `None` when the request failed as a whole: then the caller asks for itself.
    pub(super) async fn ask(&self, queries: Vec<Query>, company: usize) -> Option<Answers> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Ask { queries, company, reply }).await.ok()?;
        answer.await.ok().flatten()
    }
}

/// The task that sends.
pub(super) struct Sending {
    client: Client,
    asks: mpsc::Receiver<Ask>,
}

impl Sending {
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut next = None;
        loop {
            let first = if let Some(ask) = next.take() {
                ask
            } else {
                let ask = tokio::select! {
                    () = stop.cancelled() => return,
                    ask = self.asks.recv() => ask,
                };
                let Some(ask) = ask else { return };
                ask
            };
            let (batch, left) = self.gather(first).await;
            next = left;
            // A slow answer keeps nobody waiting but those it is for.
            tokio::spawn(send(self.client.counted_apart(), batch));
        }
    }

    /// Those that come within an instant, as far as they fit; and the one that no longer did.
    async fn gather(&mut self, first: Ask) -> (Vec<Ask>, Option<Ask>) {
        let deadline = Instant::now() + WAIT;
        let mut batch = vec![first];
        loop {
            let expected = batch.iter().map(|ask| ask.company).max().unwrap_or(1);
            let queries: usize = batch.iter().map(|ask| ask.queries.len()).sum();
            if batch.len() >= expected || queries >= QUERIES_TOGETHER_MAX {
                return (batch, None);
            }
            match timeout_at(deadline, self.asks.recv()).await {
                Ok(Some(ask)) if queries + ask.queries.len() > QUERIES_TOGETHER_MAX => {
                    return (batch, Some(ask));
                }
                Ok(Some(ask)) => batch.push(ask),
                Ok(None) | Err(_) => return (batch, None),
            }
        }
    }
}

async fn send(client: Client, batch: Vec<Ask>) {
    let queries: Vec<Query> = batch.iter().flat_map(|ask| ask.queries.iter().cloned()).collect();
    let answered = client.query_together(&queries).await;
    let mut calls = client.calls_made();
    let mut pages = match answered {
        Ok(pages) => pages.into_iter(),
        Err(error) => {
            tracing::debug!(%error, "queries that travelled together failed, each poll asks for itself");
            return;
        }
    };
    for ask in batch {
        let own = pages.by_ref().take(ask.queries.len()).collect();
        // Whoever went away meanwhile needs no answer.
        ask.reply.send(Some(Answers { pages: own, calls: std::mem::take(&mut calls) })).ok();
    }
}
