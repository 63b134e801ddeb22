//! Settings and figures of event delivery.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::watch;

/// Events that may be delivered in a day, to all subscribers together.
const ALLOCATION: u64 = 50_000;

/// What subscriptions of all kinds have in common.
#[derive(Debug)]
pub(crate) struct Bus {
    /// Milliseconds that a CometD connect is held, and that a client may stay away.
    connect: AtomicU64,
    away: AtomicU64,
    /// Milliseconds between the keepalives of a Pub/Sub subscription.
    keepalive: AtomicU64,
    delivered: AtomicU64,
    allocation: AtomicU64,
    /// Rises whenever all streams are cut.
    cuts: watch::Sender<u64>,
}

impl Bus {
    /// A bus with these times: how long a connect is held, and between keepalives.
    pub(crate) fn new(connect: Duration, keepalive: Duration) -> Self {
        Self {
            connect: AtomicU64::new(millis(connect)),
            away: AtomicU64::new(40_000),
            keepalive: AtomicU64::new(millis(keepalive)),
            delivered: AtomicU64::new(0),
            allocation: AtomicU64::new(ALLOCATION),
            cuts: watch::Sender::new(0),
        }
    }

    /// How long a CometD connect is held without events.
    pub(crate) fn connect(&self) -> Duration {
        Duration::from_millis(self.connect.load(Ordering::Acquire))
    }

    /// How long a CometD client may stay away between connects.
    pub(crate) fn away(&self) -> Duration {
        Duration::from_millis(self.away.load(Ordering::Acquire))
    }

    /// The time between keepalives of a Pub/Sub subscription.
    pub(crate) fn keepalive(&self) -> Duration {
        Duration::from_millis(self.keepalive.load(Ordering::Acquire))
    }

    /// Sets the times that are given.
    pub(crate) fn set_times(
        &self,
        connect: Option<u64>,
        away: Option<u64>,
        keepalive: Option<u64>,
    ) {
        let all = [(&self.connect, connect), (&self.away, away), (&self.keepalive, keepalive)];
        for (time, millis) in all {
            if let Some(millis) = millis {
                time.store(millis, Ordering::Release);
            }
        }
    }

    /// Sets the figures of the delivery allocation that are given.
    pub(crate) fn set_allocation(&self, delivered: Option<u64>, allocation: Option<u64>) {
        if let Some(delivered) = delivered {
            self.delivered.store(delivered, Ordering::Release);
        }
        if let Some(allocation) = allocation {
            self.allocation.store(allocation, Ordering::Release);
        }
    }

    /// Counts delivered events.
    pub(crate) fn deliver(&self, count: usize) {
        self.delivered.fetch_add(count as u64, Ordering::AcqRel);
    }

    /// How many events may still be delivered today.
    pub(crate) fn left(&self) -> usize {
        let delivered = self.delivered.load(Ordering::Acquire);
        let left = self.allocation.load(Ordering::Acquire).saturating_sub(delivered);
        usize::try_from(left).unwrap_or(usize::MAX)
    }

    /// Cuts all streams that are open now.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Changes when all streams are cut.
    pub(crate) fn cuts(&self) -> watch::Receiver<u64> {
        self.cuts.subscribe()
    }

    /// Settings and figures, for the control routes.
    pub(crate) fn report(&self) -> Value {
        let read = |figure: &AtomicU64| figure.load(Ordering::Acquire);
        json!({
            "connect_millis": read(&self.connect),
            "away_millis": read(&self.away),
            "keepalive_millis": read(&self.keepalive),
            "delivered": read(&self.delivered),
            "allocation": read(&self.allocation),
        })
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
