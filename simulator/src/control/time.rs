//! The clock, stamps, and transactions that stay open.

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Control, ControlError};

/// The org's clock.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
pub struct ClockState {
    /// The org's time.
    pub now: DateTime<Utc>,
    /// Whether it stands.
    pub frozen: bool,
    /// By how much the `Date` header is wrong.
    pub date_skew_seconds: i64,
}

impl Control {
    /// The org's clock.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn clock(&self) -> Result<ClockState, ControlError> {
        self.get("clock").await
    }

    /// Moves the org's clock, frozen or not, and answers its time.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn advance_clock(&self, seconds: i64) -> Result<DateTime<Utc>, ControlError> {
        self.steer_clock(&json!({ "advance_seconds": seconds })).await.map(|clock| clock.now)
    }

    /// Sets the org's clock; a frozen one stays frozen.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn set_clock(&self, to: DateTime<Utc>) -> Result<ClockState, ControlError> {
        self.steer_clock(&json!({ "set": to.to_rfc3339() })).await
    }

    /// Stops the org's clock, so that everything has one stamp.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn freeze_clock(&self) -> Result<ClockState, ControlError> {
        self.steer_clock(&json!({ "freeze": true })).await
    }

    /// Lets the org's clock go on from where it stands.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn thaw_clock(&self) -> Result<ClockState, ControlError> {
        self.steer_clock(&json!({ "freeze": false })).await
    }

    /// Makes the `Date` header of all answers wrong by so much.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn skew_date(&self, seconds: i64) -> Result<ClockState, ControlError> {
        self.steer_clock(&json!({ "date_skew_seconds": seconds })).await
    }

    async fn steer_clock(&self, order: &Value) -> Result<ClockState, ControlError> {
        self.post("clock", order).await
    }

    /// Gives rows the stamp of now and changes nothing else; all live rows unless some are named.
    /// Answers how many.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn touch(&self, object: &str, ids: Option<&[String]>) -> Result<u64, ControlError> {
        let answer: Value = self.post(&format!("touch/{object}"), &json!({ "ids": ids })).await?;
        Ok(answer.get("touched").and_then(Value::as_u64).unwrap_or_default())
    }

    /// Opens a transaction and answers its number.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn open_transaction(&self) -> Result<u64, ControlError> {
        let answer: Value = self.post("transactions", &json!({})).await?;
        Ok(answer.get("transaction").and_then(Value::as_u64).unwrap_or_default())
    }

    /// Creates a row that nobody sees before the commit, and answers its id.
    ///
    /// # Errors
    /// [`ControlError`], also when the org's rules refuse the row.
    pub async fn create_inside(
        &self,
        transaction: u64,
        object: &str,
        fields: &Value,
    ) -> Result<String, ControlError> {
        let route = format!("transactions/{transaction}/records/{object}");
        let answer = self.call(Method::POST, &route, Some(fields)).await?;
        Ok(answer.get("id").and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    /// Changes a row; nobody sees it before the commit.
    ///
    /// # Errors
    /// As [`Control::create_inside`].
    pub async fn update_inside(
        &self,
        transaction: u64,
        (object, id): (&str, &str),
        fields: &Value,
    ) -> Result<(), ControlError> {
        let route = format!("transactions/{transaction}/records/{object}/{id}");
        self.call(Method::PATCH, &route, Some(fields)).await.map(drop)
    }

    /// Deletes a row; nobody sees it before the commit.
    ///
    /// # Errors
    /// As [`Control::create_inside`].
    pub async fn delete_inside(
        &self,
        transaction: u64,
        (object, id): (&str, &str),
    ) -> Result<(), ControlError> {
        let route = format!("transactions/{transaction}/records/{object}/{id}");
        self.order(Method::DELETE, &route).await
    }

    /// Lets the rows of a transaction be seen, with the stamps that they got.
    ///
    /// # Errors
    /// [`ControlError`], also when another row has taken a unique value meanwhile; then the
    /// transaction is gone without a trace.
    pub async fn commit(&self, transaction: u64) -> Result<(), ControlError> {
        self.order(Method::POST, &format!("transactions/{transaction}/commit")).await
    }

    /// Forgets a transaction.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn roll_back(&self, transaction: u64) -> Result<(), ControlError> {
        self.order(Method::POST, &format!("transactions/{transaction}/rollback")).await
    }
}
