//! Connected apps, and the rules of logging in.

use reqwest::Method;
use serde_json::Value;

use super::{Control, ControlError};

impl Control {
    /// The rules of logging in.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn login_rules(&self) -> Result<Value, ControlError> {
        self.get("login").await
    }

    /// Sets some of the rules of logging in, and answers all of them.
    ///
    /// # Errors
    /// [`ControlError`], also for a rule that there is none of.
    pub async fn set_login_rules(&self, changes: &Value) -> Result<Value, ControlError> {
        self.call(Method::PATCH, "login", Some(changes)).await
    }

    /// The connected apps.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn apps(&self) -> Result<Vec<Value>, ControlError> {
        self.get("apps").await
    }

    /// Takes a connected app in, in place of one with the same key; what is not said of it is as
    /// the default app has it.
    ///
    /// # Errors
    /// [`ControlError`], also for a member that apps do not have.
    pub async fn put_app(&self, client_id: &str, app: &Value) -> Result<Value, ControlError> {
        self.call(Method::PUT, &format!("apps/{client_id}"), Some(app)).await
    }
}
