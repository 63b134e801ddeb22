//! Up to where Salesforce itself says that its records are complete (getUpdated).

use super::call::Call;
use super::{Client, Error};
use chrono::{DateTime, SecondsFormat, Utc};
use reqwest::Method;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireUpdated {
    latest_date_covered: String,
}

impl Client {
    /// The moment before which every record of the object that was stamped is visible (`latestDateCovered`): it stops
    /// before transactions that are still open. Never later than `end`. The span has to be longer than a minute; what
    /// changed in it is answered by Salesforce too, and left aside.
    ///
    /// # Errors
    /// See [`Error`]; among others for objects that getUpdated does not cover.
    pub async fn latest_date_covered(
        &self,
        object: &str,
        start: DateTime<Utc>,
        end: DateTime<Utc>,
    ) -> Result<DateTime<Utc>, Error> {
        let path = [self.version(), "sobjects", object, "updated"];
        let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        let call = Call::reading(Method::GET, &path)
            .with_query("start", text(start))
            .with_query("end", text(end));
        let answer = self.call(&call).await?;
        let updated: WireUpdated = answer.json("what was updated")?;
        DateTime::parse_from_str(&updated.latest_date_covered, "%Y-%m-%dT%H:%M:%S%.f%z")
            .or_else(|_| DateTime::parse_from_rfc3339(&updated.latest_date_covered))
            .map(|covered| covered.to_utc().min(end))
            .map_err(|_| Error::Malformed("latestDateCovered"))
    }
}
