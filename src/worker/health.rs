//! Health for whoever supervises the process: `/livez` and `/readyz`.
//!
//! Live means that the process answers; it never asks the database or Salesforce, since restarting the worker
//! heals neither. Ready means that both were reached and the groups' tasks run.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Whether the worker is ready, shared between the worker and the listener of its health port.
#[derive(Clone, Debug, Default)]
pub struct Health {
    is_ready: Arc<AtomicBool>,
}

impl Health {
    /// Says that the worker is ready, or no longer.
    pub fn set_ready(&self, is_ready: bool) {
        self.is_ready.store(is_ready, Ordering::Relaxed);
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

async fn readyz(State(health): State<Health>) -> (StatusCode, &'static str) {
    if health.is_ready.load(Ordering::Relaxed) {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "starting or stopping\n")
    }
}
