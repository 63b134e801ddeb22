//! Stamps without changes, as the system's own work leaves them.

use super::{Org, Row};
use crate::{ApiError, Id, value::Value};

impl Org {
    /// Gives rows of an object the stamp of now and changes nothing else; all live rows unless some
    /// are named. Answers how many.
    ///
    /// # Errors
    /// An object or row that is not there.
    pub(crate) fn touch(
        &mut self,
        object: &str,
        ids: Option<&[String]>,
    ) -> Result<usize, ApiError> {
        let (number, described) = self.object_named(object)?;
        let stamp = described.system().system_modstamp;
        let ids: Vec<Id> = match ids {
            Some(ids) => ids.iter().map(|id| Id::parse(id)).collect::<Result<_, _>>()?,
            None => self.live_ids(number),
        };
        let now = self.now();
        for id in &ids {
            let found = self.row(number, *id).map(|row| Row::clone(&row));
            let mut row = found.ok_or_else(super::write::invalid_cross_reference)?;
            row.set(stamp, Value::Moment(now));
            self.put(number, *id, Some(row));
        }
        Ok(ids.len())
    }

    fn live_ids(&self, number: usize) -> Vec<Id> {
        let rows = self.table(number).into_iter().flat_map(super::table::Table::iter);
        rows.filter(|(_, row)| row.is_live()).map(|(id, _)| id).collect()
    }
}
