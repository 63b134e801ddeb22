//! Faults: armed, listed, taken back.

use reqwest::Method;

use super::{ArmedFault, Control, ControlError, Fault};

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
