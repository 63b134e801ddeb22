//! Health for whoever supervises the process: `/livez` and `/readyz`.
//!
//! Live means that the process answers; it never asks the database or Salesforce, since restarting the worker
//! heals neither. Ready means that both were reached, and that no group or mapping is failing.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Whether the worker is ready, shared between the worker and the listener of its health port.
#[derive(Clone, Debug, Default)]
pub struct Health {
    is_ready: Arc<AtomicBool>,
    failing: Arc<Mutex<BTreeSet<String>>>,
}

impl Health {
    /// Says that the worker is ready, or no longer.
    pub fn set_ready(&self, is_ready: bool) {
        self.is_ready.store(is_ready, Ordering::Relaxed);
    }

    /// Says that the work of a group or mapping fails and has to be tried again, or that it goes well.
    pub fn set_failing(&self, name: &str, is_failing: bool) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        if is_failing {
            failing.insert(name.to_owned());
        } else {
            failing.remove(name);
        }
    }

    /// What failed under an earlier worker of this process says nothing about the next one.
    pub(super) fn forget(&self) {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn failing(&self) -> Vec<String> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Answers on `address` until `stop`.
    ///
    /// # Errors
    /// When the address cannot be bound or the listener fails.
    pub async fn serve(self, address: SocketAddr, stop: CancellationToken) -> std::io::Result<()> {
        let listener = TcpListener::bind(address).await?;
        let router = Router::new()
            .route("/livez", get(|| async { "ok\n" }))
            .route("/readyz", get(readyz))
            .with_state(self);
        axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
    }
}

async fn readyz(State(health): State<Health>) -> (StatusCode, String) {
    if !health.is_ready.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "starting or stopping\n".to_owned());
    }
    let failing = health.failing();
    if failing.is_empty() {
        (StatusCode::OK, "ready\n".to_owned())
    } else {
        let answer = format!("failing and tried again: {}\n", failing.join(", "));
        (StatusCode::SERVICE_UNAVAILABLE, answer)
    }
}
