//! The change feed.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Control, ControlError};

/// What is captured and kept.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct FeedReport {
    /// The objects whose changes are told.
    pub captured: Vec<String>,
    /// How many events are kept.
    pub kept: u64,
    /// The oldest replay id that can be replayed from.
    pub oldest_replay_id: Option<u64>,
    /// The newest replay id that was given out.
    pub latest_replay_id: u64,
}

/// Limits and times of event delivery; what is `None` stays as it is.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FeedSettings {
    /// Changes of one transaction that are told one by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overflow_at: Option<usize>,
    /// How long events are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_seconds: Option<i64>,
    /// How many events are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most_events: Option<usize>,
    /// How long a CometD connect is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_millis: Option<u64>,
    /// How long a CometD client may stay away, by the org's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub away_millis: Option<u64>,
    /// The time between keepalives of a Pub/Sub subscription.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keepalive_millis: Option<u64>,
    /// Events delivered today.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered: Option<u64>,
    /// Events that may be delivered in a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocation: Option<u64>,
}

impl Control {
    /// What is captured and kept.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn feed(&self) -> Result<FeedReport, ControlError> {
        self.get("events").await
    }

    /// Selects the objects whose changes are told, in place of those selected before.
    ///
    /// # Errors
    /// [`ControlError`], also for an object that does not exist.
    pub async fn capture(&self, objects: &[&str]) -> Result<FeedReport, ControlError> {
        self.post("events/capture", &json!({ "objects": objects })).await
    }

    /// Puts a gap event (`GAP_UPDATE` and so on) or an overflow (`GAP_OVERFLOW`) on the bus.
    ///
    /// # Errors
    /// [`ControlError`], also for an unknown object or change type.
    pub async fn tell_gap(
        &self,
        object: &str,
        change_type: &str,
        ids: &[&str],
    ) -> Result<FeedReport, ControlError> {
        let gap = json!({ "object": object, "change_type": change_type, "ids": ids });
        self.post("events/gap", &gap).await
    }

    /// Makes replay ids up to this one, or all, invalid.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn lose_events(&self, through: Option<u64>) -> Result<FeedReport, ControlError> {
        self.post("events/lose", &json!({ "through": through })).await
    }

    /// Breaks all streams that are open.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn cut_streams(&self) -> Result<(), ControlError> {
        self.order(Method::POST, "events/cut").await
    }

    /// Makes all CometD clients unknown.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn forget_streaming_clients(&self) -> Result<(), ControlError> {
        self.order(Method::POST, "events/forget-clients").await
    }

    /// Sets limits and times of event delivery.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn set_feed(&self, settings: &FeedSettings) -> Result<FeedReport, ControlError> {
        self.post("events/settings", settings).await
    }
}
