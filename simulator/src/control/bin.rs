//! The recycle bin, merges, and users.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Control, ControlError, records::RowOutcome, records::texts};

/// What a merge did.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct MergeOutcome {
    /// The row that remains.
    pub id: String,
    /// The rows that are in the recycle bin now.
    pub merged_record_ids: Vec<String>,
    /// The rows that refer to another parent now.
    pub updated_related_ids: Vec<String>,
}

impl Control {
    /// Takes rows out of the recycle bin.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn undelete<S: AsRef<str>>(
        &self,
        ids: &[S],
    ) -> Result<Vec<RowOutcome>, ControlError> {
        self.post("undelete", &json!({ "ids": texts(ids) })).await
    }

    /// Takes rows out of the org.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn purge<S: AsRef<str>>(&self, ids: &[S]) -> Result<Vec<RowOutcome>, ControlError> {
        self.post("purge", &json!({ "ids": texts(ids) })).await
    }

    /// Empties the recycle bin.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn empty_bin(&self) -> Result<(), ControlError> {
        self.order(Method::POST, "empty-bin").await
    }

    /// Makes the delete log of an object forget all but its last seconds.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn trim_delete_log(
        &self,
        object: &str,
        keep_seconds: i64,
    ) -> Result<(), ControlError> {
        let body = json!({ "keep_seconds": keep_seconds });
        self.call(Method::POST, &format!("delete-log/{object}"), Some(&body)).await.map(drop)
    }

    /// Merges one or two rows into `master`, which gets the given fields.
    ///
    /// # Errors
    /// [`ControlError`], also when the org's rules refuse it.
    pub async fn merge<S: AsRef<str>>(
        &self,
        master: &str,
        losers: &[S],
        fields: &Value,
    ) -> Result<MergeOutcome, ControlError> {
        let body = json!({ "master": master, "merge": texts(losers), "fields": fields });
        self.post("merge", &body).await
    }

    /// Sets up a user and answers their id; of the fields only `Username` is needed.
    ///
    /// # Errors
    /// [`ControlError`], also when the user name is taken.
    pub async fn add_user(&self, fields: &Value) -> Result<String, ControlError> {
        let answer: Value = self.post("users", fields).await?;
        Ok(answer.get("id").and_then(Value::as_str).unwrap_or_default().to_owned())
    }
}
