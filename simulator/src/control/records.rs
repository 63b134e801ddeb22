//! Rows as a person changes them.

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::{Control, ControlError};

/// How a row of an undelete or purge ended.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct RowOutcome {
    /// The row; absent when it was refused.
    pub id: Option<String>,
    /// Whether it was done.
    pub success: bool,
    /// Why it was not.
    pub errors: Vec<Value>,
}

impl Control {
    /// Creates a row as the human user and answers its id.
    ///
    /// # Errors
    /// [`ControlError`], also when the org's rules refuse the row.
    pub async fn create(&self, object: &str, fields: &Value) -> Result<String, ControlError> {
        let route = format!("records/{object}");
        let answer = self.call(Method::POST, &route, Some(fields)).await?;
        Ok(answer.get("id").and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    /// Reads a row as the human user.
    ///
    /// # Errors
    /// [`ControlError`], also when there is no such row.
    pub async fn read(&self, object: &str, id: &str) -> Result<Value, ControlError> {
        self.call(Method::GET, &format!("records/{object}/{id}"), None).await
    }

    /// Changes a row as the human user.
    ///
    /// # Errors
    /// As [`Control::create`].
    pub async fn update(&self, object: &str, id: &str, fields: &Value) -> Result<(), ControlError> {
        self.call(Method::PATCH, &format!("records/{object}/{id}"), Some(fields)).await.map(drop)
    }

    /// Deletes a row as the human user.
    ///
    /// # Errors
    /// As [`Control::create`].
    pub async fn delete(&self, object: &str, id: &str) -> Result<(), ControlError> {
        self.order(Method::DELETE, &format!("records/{object}/{id}")).await
    }
}

pub(super) fn texts<S: AsRef<str>>(ids: &[S]) -> Vec<&str> {
    ids.iter().map(AsRef::as_ref).collect()
}
