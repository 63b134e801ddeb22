//! The org as a whole: start anew, sessions, limits.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Control, ControlError};
use crate::Credentials;

/// A session that was opened for a user.
#[derive(Clone, Deserialize, PartialEq)]
pub struct UserSession {
    /// The token to work with.
    pub access_token: String,
    /// Where.
    pub instance_url: String,
    /// Whose it is.
    pub user_id: String,
    /// Whose it is, by name.
    pub username: String,
}

impl std::fmt::Debug for UserSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserSession").field("username", &self.username).finish_non_exhaustive()
    }
}

/// The day's requests.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
pub struct Limits {
    /// Made so far.
    pub used: u64,
    /// Allowed.
    pub limit: u64,
    /// Requests that may take long at the same time.
    pub concurrent: u64,
    /// From when on a request takes long.
    pub long_seconds: u64,
    /// Requests that take long now.
    pub long_now: u64,
}

impl Control {
    /// Makes the org what it was at the start; faults, jobs, cursors and log go, sessions stay.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn reset(&self) -> Result<(), ControlError> {
        self.order(Method::POST, "reset").await
    }

    /// What a client needs to log in, with two fresh sessions.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn credentials(&self) -> Result<Credentials, ControlError> {
        self.get("credentials").await
    }

    /// Opens a session of a user.
    ///
    /// # Errors
    /// [`ControlError`], also when there is no such user.
    pub async fn act_as(&self, username: &str) -> Result<UserSession, ControlError> {
        self.post(&format!("as/{username}"), &json!({})).await
    }

    /// Ends every session and answers how many there were.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn expire_sessions(&self) -> Result<u64, ControlError> {
        let answer: Value = self.post("expire-sessions", &json!({})).await?;
        Ok(answer.get("expired").and_then(Value::as_u64).unwrap_or_default())
    }

    /// Forgets all query cursors.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn expire_cursors(&self) -> Result<(), ControlError> {
        self.order(Method::POST, "expire-cursors").await
    }

    /// The day's requests.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn limits(&self) -> Result<Limits, ControlError> {
        self.get("limits").await
    }

    /// Sets the day's requests and their limit.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn set_limits(&self, used: u64, limit: u64) -> Result<Limits, ControlError> {
        self.post("limits", &json!({ "used": used, "limit": limit })).await
    }

    /// Sets how many requests may take long at the same time, and from when on they do.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn set_concurrency(
        &self,
        concurrent: u64,
        long_seconds: u64,
    ) -> Result<Limits, ControlError> {
        let order = json!({ "concurrent": concurrent, "long_seconds": long_seconds });
        self.post("limits", &order).await
    }

    /// Sets how much one app may ask in a day, which `Sforce-Limit-Info` tells it from then on; other
    /// apps have no cap. The app is the default one; the route takes others by `client_id`.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn cap_app(&self, name: &str, used: u64, limit: u64) -> Result<Limits, ControlError> {
        let cap = json!({ "name": name, "used": used, "limit": limit });
        self.post("limits", &json!({ "apps": [cap] })).await
    }

    /// Sets how long a session lasts after its last use.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn set_session_lifetime(&self, seconds: i64) -> Result<Limits, ControlError> {
        self.post("limits", &json!({ "session_lifetime_seconds": seconds })).await
    }
}
