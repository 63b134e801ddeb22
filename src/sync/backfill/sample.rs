//! A few hundred records of what a load would read, to tell how large rows are.

use super::{Backfill, condition, part};
use crate::mapping::Mapping;
use crate::model::RemoteRecord;
use crate::postgres::Part;
use crate::salesforce::{Scope, Shape};
use crate::sync::Error;

/// Records of a sample; they come in one answer.
const SAMPLE_ROWS: usize = 200;

impl Backfill {
    /// Reads a sample of this part of the mapping. Costs one request and changes nothing.
    ///
    /// # Errors
    /// When Salesforce does not answer.
    pub async fn sample(&self, mapping: &Mapping, part: &Part) -> Result<Vec<RemoteRecord>, Error> {
        let narrowed = part::narrowed(mapping, part);
        let shape = Shape::of(&narrowed);
        let condition = condition(&narrowed, None);
        let soql = format!(
            "SELECT {} FROM {}{condition} LIMIT {SAMPLE_ROWS}",
            shape.select_list(),
            narrowed.object
        );
        Ok(self.client.query(&soql, Scope::Live, &shape).await?.records)
    }
}
