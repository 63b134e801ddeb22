//! Schema, rights and API versions as an administrator changes them.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Control, ControlError};
use crate::{
    http::VersionState,
    org::{Action, FieldRight, Permission, PicklistChange},
};

impl Control {
    /// Creates an object, described as in a describe; what is left out is understood.
    ///
    /// # Errors
    /// [`ControlError`], also for a describe that does not fit.
    pub async fn create_object(&self, described: &Value) -> Result<(), ControlError> {
        self.call(Method::POST, "schema", Some(described)).await.map(drop)
    }

    /// Sets attributes of an object, such as `label`.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn alter_object(&self, object: &str, changes: &Value) -> Result<(), ControlError> {
        self.call(Method::PATCH, &format!("schema/{object}"), Some(changes)).await.map(drop)
    }

    /// Drops an object with its rows.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn drop_object(&self, object: &str) -> Result<(), ControlError> {
        self.order(Method::DELETE, &format!("schema/{object}")).await
    }

    /// Adds a field, described as in a describe; what is left out is understood.
    ///
    /// # Errors
    /// [`ControlError`], also for a name that is taken.
    pub async fn add_field(&self, object: &str, described: &Value) -> Result<(), ControlError> {
        let route = format!("schema/{object}/fields");
        self.call(Method::POST, &route, Some(described)).await.map(drop)
    }

    /// Renames a field (`name`) or sets its `type`, `length`, `unique` or other attributes.
    ///
    /// # Errors
    /// [`ControlError`], also when a field that is to be unique has duplicates.
    pub async fn alter_field(
        &self,
        object: &str,
        field: &str,
        changes: &Value,
    ) -> Result<(), ControlError> {
        let route = format!("schema/{object}/fields/{field}");
        self.call(Method::PATCH, &route, Some(changes)).await.map(drop)
    }

    /// Drops a field.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn drop_field(&self, object: &str, field: &str) -> Result<(), ControlError> {
        self.order(Method::DELETE, &format!("schema/{object}/fields/{field}")).await
    }

    /// Brings a dropped field back.
    ///
    /// # Errors
    /// [`ControlError`], also when its name has been taken.
    pub async fn undelete_field(&self, object: &str, field: &str) -> Result<(), ControlError> {
        self.order(Method::POST, &format!("schema/{object}/fields/{field}/undelete")).await
    }

    /// Changes the values of a picklist.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn change_picklist(
        &self,
        object: &str,
        field: &str,
        change: &PicklistChange,
    ) -> Result<(), ControlError> {
        let body = serde_json::to_value(change)?;
        let route = format!("schema/{object}/fields/{field}/values");
        self.call(Method::POST, &route, Some(&body)).await.map(drop)
    }

    /// Sets the field-level security of a field for a user, or for everybody.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn set_field_right(
        &self,
        user: Option<&str>,
        object: &str,
        field: &str,
        right: FieldRight,
    ) -> Result<(), ControlError> {
        let body = json!({ "user": user, "object": object, "field": field, "right": right });
        self.call(Method::POST, "rights/field", Some(&body)).await.map(drop)
    }

    /// Lets a user, or everybody, do something with rows of an object, or no longer.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn allow(
        &self,
        user: Option<&str>,
        object: &str,
        action: Action,
        allowed: bool,
    ) -> Result<(), ControlError> {
        let body = json!({ "user": user, "object": object, "action": action, "allowed": allowed });
        self.call(Method::POST, "rights/object", Some(&body)).await.map(drop)
    }

    /// Gives a user, or everybody, a permission, or takes it away.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn permit(
        &self,
        user: Option<&str>,
        permission: Permission,
        given: bool,
    ) -> Result<(), ControlError> {
        let body = json!({ "user": user, "permission": permission, "given": given });
        self.call(Method::POST, "rights/permission", Some(&body)).await.map(drop)
    }

    /// Makes the rows of an object visible to their owners alone, or to everybody again.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn set_private(&self, object: &str, private: bool) -> Result<(), ControlError> {
        let body = json!({ "object": object, "private": private });
        self.call(Method::POST, "rights/sharing", Some(&body)).await.map(drop)
    }

    /// Serves, deprecates or retires an API version such as `v50.0`.
    ///
    /// # Errors
    /// [`ControlError`], also for a version that never was.
    pub async fn set_version(
        &self,
        version: &str,
        state: VersionState,
    ) -> Result<(), ControlError> {
        let body = json!({ "state": state });
        self.call(Method::POST, &format!("versions/{version}"), Some(&body)).await.map(drop)
    }
}
