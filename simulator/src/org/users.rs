//! Users who are set up as an administrator would.

use serde_json::{Map, json};

use super::Org;
use crate::{ApiError, Id, value::JsonMap};

impl Org {
    /// Sets up a user. Of the fields only `Username` is needed; what else a user must have is made
    /// up from it.
    ///
    /// # Errors
    /// As [`Org::create`].
    pub fn set_up_user(&mut self, fields: &JsonMap) -> Result<Id, ApiError> {
        let mut body: JsonMap = Map::new();
        let username = fields.get("Username").and_then(|name| name.as_str()).unwrap_or_default();
        let stem = username.split('@').next().unwrap_or_default();
        let alias: String = stem.chars().take(8).collect();
        let object = self.schema.object("User");
        for (name, value) in [("LastName", stem), ("Email", username), ("Alias", &alias)] {
            if object.is_some_and(|object| object.number(name).is_some()) {
                body.insert(name.to_owned(), json!(value));
            }
        }
        body.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
        self.create(self.integration_user(), "User", &body)
    }
}
