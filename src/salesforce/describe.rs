//! What the org looks like to the integration user.

use super::call::Call;
use super::{Client, Error, Identity};
use crate::model::ObjectDescribe;
use chrono::{DateTime, Utc};
use reqwest::Method;
use serde::Deserialize;

#[derive(Deserialize)]
struct WireGlobal {
    sobjects: Vec<WireObject>,
}

#[derive(Deserialize)]
struct WireObject {
    name: String,
}

impl Client {
    /// Who we are, where. Logs in if there is no session yet; costs no API request.
    ///
    /// # Errors
    /// When no session can be obtained.
    pub async fn identity(&self) -> Result<Identity, Error> {
        let session = self.session().await?;
        Ok(Identity {
            organization_id: session.organization_id.clone(),
            user_id: session.user_id.clone(),
            instance_url: session.host.as_str().to_owned(),
            api_version: self.version().trim_start_matches('v').to_owned(),
        })
    }

    /// The object and its fields, as far as the integration user sees them.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such object or it is hidden.
    pub async fn describe(&self, object: &str) -> Result<ObjectDescribe, Error> {
        let path = [self.version(), "sobjects", object, "describe"];
        self.call(&Call::reading(Method::GET, &path)).await?.json("the description of an object")
    }

    /// As [`Client::describe`], if the description has changed since that moment of Salesforce's clock; `None` if not.
    ///
    /// # Errors
    /// As for [`Client::describe`].
    pub async fn describe_changed(
        &self,
        object: &str,
        since: DateTime<Utc>,
    ) -> Result<Option<ObjectDescribe>, Error> {
        let path = [self.version(), "sobjects", object, "describe"];
        let call = Call::reading(Method::GET, &path).if_modified_since(since);
        let answer = self.call(&call).await?;
        if answer.is_unmodified {
            return Ok(None);
        }
        answer.json("the description of an object").map(Some)
    }

    /// Whether the description of any object has changed since that moment of Salesforce's clock, and the moment
    /// at which it was asked. One request, whose answer is empty as long as nothing has changed.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn anything_changed(
        &self,
        since: DateTime<Utc>,
    ) -> Result<(bool, DateTime<Utc>), Error> {
        let call = Call::reading(Method::GET, &[self.version(), "sobjects"]);
        let answer = self.call(&call.if_modified_since(since)).await?;
        let at = answer.server_time.ok_or(Error::Malformed("an answer without date"))?;
        Ok((!answer.is_unmodified, at))
    }

    /// The API names of all objects that the integration user sees.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn object_names(&self) -> Result<Vec<String>, Error> {
        let call = Call::reading(Method::GET, &[self.version(), "sobjects"]);
        let answer = self.call(&call).await?;
        let global: WireGlobal = answer.json("the list of objects")?;
        Ok(global.sobjects.into_iter().map(|object| object.name).collect())
    }

    /// Salesforce's clock, to the second. Asks for the list of API versions, which Salesforce does not count.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn server_time(&self) -> Result<DateTime<Utc>, Error> {
        let answer = self.call(&Call::reading(Method::GET, &[])).await?;
        answer.server_time.ok_or(Error::Malformed("an answer without date"))
    }
}
