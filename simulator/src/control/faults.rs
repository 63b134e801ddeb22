//! Faults: armed, listed, taken back.

use std::collections::BTreeMap;

use reqwest::Method;

use serde_json::{Value, json};

use super::{ArmedFault, Control, ControlError, Fault, StruckRequest};

impl Control {
    /// Arms a fault.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn arm(&self, fault: impl Into<Fault>) -> Result<ArmedFault, ControlError> {
        self.post("faults", &fault.into()).await
    }

    /// The faults that wait for requests.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn faults(&self) -> Result<Vec<ArmedFault>, ControlError> {
        self.get("faults").await
    }

    /// The requests that faults struck, oldest first.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn struck(&self) -> Result<Vec<StruckRequest>, ControlError> {
        self.get("faults/history").await
    }

    /// How many requests each fault holds back, spent faults included.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn held(&self) -> Result<BTreeMap<u64, u64>, ControlError> {
        self.get("faults/held").await
    }

    /// Does the work that a fault holds back, and answers how many requests that was.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn release(&self, id: u64) -> Result<u64, ControlError> {
        let answer: Value = self.post(&format!("faults/{id}/release"), &json!({})).await?;
        Ok(answer.get("released").and_then(Value::as_u64).unwrap_or_default())
    }

    /// Takes a fault back.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn disarm(&self, id: u64) -> Result<(), ControlError> {
        self.order(Method::DELETE, &format!("faults/{id}")).await
    }

    /// Takes all faults back.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn disarm_all(&self) -> Result<(), ControlError> {
        self.order(Method::DELETE, "faults").await
    }
}
