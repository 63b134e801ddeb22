//! A client of the control routes, for tests in Rust.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use salesforce_simulator::{Config, Fault, FaultKind, Simulator};
//!
//! let org = Simulator::start(Config::default()).await?;
//! let control = org.control()?;
//! control.arm(Fault::new(FaultKind::CutAfter {}).method("PATCH")).await?;
//! control.advance_clock(3_600).await?;
//! # Ok(()) }
//! ```
//!
//! Each topic has a file here and one in `http/control/`; [`Control::call`] reaches a route that has
//! no method of its own.

mod bin;
mod events;
mod fault;
mod faults;
mod log;
mod logins;
mod records;
mod rules;
mod schema;
mod steer;
mod time;

use reqwest::{Method, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use bin::MergeOutcome;
pub use events::{FeedReport, FeedSettings};
pub use fault::{
    ArmedFault, Fault, FaultKind, JobEnding, LateAnswer, Page, RowCondition, Rule, StruckRequest,
};
pub use log::{Counters, LoggedRequest};
pub use records::RowOutcome;
pub use steer::{Limits, UserSession};
pub use time::ClockState;

use crate::http::CONTROL_VERSION;

/// The control routes of a running org.
#[derive(Clone, Debug)]
pub struct Control {
    http: reqwest::Client,
    base: String,
}

/// Why a control route did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The org did not answer.
    #[error("the org does not answer")]
    Unreachable(#[from] reqwest::Error),
    /// The org said no.
    #[error("the org refused with {status}: {body}")]
    Refused {
        /// The status of the answer.
        status: u16,
        /// What it said.
        body: String,
    },
    /// The answer is not what was expected.
    #[error("the answer cannot be read")]
    Unreadable(#[from] serde_json::Error),
}

impl Control {
    /// The control routes of the org at this URL.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(url: &str) -> Result<Self, ControlError> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let base = format!("{}/__org/{CONTROL_VERSION}", url.trim_end_matches('/'));
        Ok(Self { http, base })
    }

    /// Asks a route below the version; an answer without a body is `null`.
    ///
    /// # Errors
    /// [`ControlError`], for instance a route that does not exist.
    pub async fn call(
        &self,
        method: Method,
        route: &str,
        body: Option<&Value>,
    ) -> Result<Value, ControlError> {
        let mut request = self.http.request(method, format!("{}/{route}", self.base));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let (status, bytes) = (response.status(), response.bytes().await?);
        if !status.is_success() {
            let body = String::from_utf8_lossy(&bytes).into_owned();
            return Err(ControlError::Refused { status: status.as_u16(), body });
        }
        if status == StatusCode::NO_CONTENT || bytes.is_empty() {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_slice(&bytes)?)
    }

    async fn get<T: DeserializeOwned>(&self, route: &str) -> Result<T, ControlError> {
        Ok(serde_json::from_value(self.call(Method::GET, route, None).await?)?)
    }

    async fn post<T: DeserializeOwned>(
        &self,
        route: &str,
        body: &impl Serialize,
    ) -> Result<T, ControlError> {
        let body = serde_json::to_value(body)?;
        Ok(serde_json::from_value(self.call(Method::POST, route, Some(&body)).await?)?)
    }

    /// Asks for something of which there is nothing to tell.
    async fn order(&self, method: Method, route: &str) -> Result<(), ControlError> {
        self.call(method, route, None).await.map(drop)
    }
}
