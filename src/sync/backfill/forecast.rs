//! What a load would do, decided by what the load itself decides by. Reads a count and a sample, and changes nothing.

use super::pages::{self, Api};
use super::{Backfill, condition, part};
use crate::mapping::Mapping;
use crate::postgres::{self, Records, Request, Rows, TableFacts};
use crate::salesforce::{Scope, Shape};
use crate::sync::Error;
use futures_util::stream;
use std::convert::Infallible;

/// Records of a sample; they come in one answer.
const SAMPLE_ROWS: usize = 200;

/// What a load would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// Records to read.
    pub rows: u64,
    /// By which API.
    pub api: Api,
    /// In how many pages.
    pub pages: u64,
    /// Bytes of a row on its way into the table, on average over a sample.
    pub row_bytes: u64,
    /// Whether rows may go straight into the table.
    pub is_direct: bool,
}

impl Backfill {
    /// What a load of this part of the mapping would do; `table` is what there is of its table. Costs two requests.
    ///
    /// # Errors
    /// When either side does not answer.
    pub async fn forecast(
        &self,
        mapping: &Mapping,
        request: &Request,
        table: Option<TableFacts>,
    ) -> Result<Forecast, Error> {
        let mapping = &*part::narrowed(mapping, &request.part);
        let rows = self.count(mapping).await?;
        let sample = self.sample(mapping).await?;
        let api = Api::of(rows, mapping.bulk.read_above);
        let is_direct = match table {
            Some(table) => match postgres::may_be_direct(&self.db, mapping).await {
                // Nothing was provisioned yet, so nothing was ever loaded.
                Err(postgres::Error::Missing(_)) => !mapping.is_part && !table.has_rows,
                known => known?,
            },
            None => !mapping.is_part,
        };
        Ok(Forecast {
            rows,
            api,
            pages: pages::count(api, rows, sample, request.rows_per_second),
            row_bytes: sample.0 / sample.1.max(1),
            is_direct,
        })
    }

    /// The size of a sample of what would be read, in bytes and rows.
    async fn sample(&self, mapping: &Mapping) -> Result<(u64, u64), Error> {
        let shape = Shape::of(mapping);
        let condition = condition(mapping, None);
        let soql = format!(
            "SELECT {} FROM {}{condition} LIMIT {SAMPLE_ROWS}",
            shape.select_list(),
            mapping.object
        );
        let records = self.client.query(&soql, Scope::Live, &shape).await?.records;
        let records = Records(stream::iter(records.into_iter().map(Ok::<_, Infallible>)));
        let rows = Rows::received(mapping, records, usize::MAX).await?;
        Ok((rows.bytes() as u64, rows.count()))
    }
}
