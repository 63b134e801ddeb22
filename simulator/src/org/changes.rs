//! What changed and what was deleted in a window of time, and how much there is.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use super::{Deleted, Org, Updated};
use crate::{ApiError, Id, schema::Object};

/// How far back getUpdated reaches.
const UPDATED_DAYS: i64 = 30;
/// How far back getDeleted reaches, which is also how long the recycle bin keeps rows.
const DELETED_DAYS: i64 = 15;

impl Org {
    /// getUpdated: rows whose `SystemModstamp` lies in the window.
    ///
    /// # Errors
    /// `INVALID_REPLICATION_DATE` for an impossible window, `INVALID_TYPE` for an object that is
    /// not replicateable.
    pub fn updated(
        &self,
        reader: Id,
        object: &str,
        start: DateTime<Utc>,
        end: DateTime<Utc>,
    ) -> Result<Updated, ApiError> {
        let (number, object) = self.object_for(reader, object)?;
        let (start, end) = self.window(object, (start, end), UPDATED_DAYS)?;
        let table = self.table(number).ok_or_else(ApiError::unknown_object)?;
        let is_shown = |id: &Id| table.is_live(*id) && self.can_see_row(reader, number, *id);
        let ids = table.stamped(start..=end).filter(is_shown).collect();
        Ok(Updated { ids, latest_date_covered: end.min(self.covered()) })
    }

    /// getDeleted: rows deleted (or purged) in the window and not undeleted since.
    ///
    /// # Errors
    /// As [`Org::updated`].
    pub fn deleted(
        &self,
        reader: Id,
        object: &str,
        start: DateTime<Utc>,
        end: DateTime<Utc>,
    ) -> Result<Deleted, ApiError> {
        let (number, object) = self.object_for(reader, object)?;
        let (start, end) = self.window(object, (start, end), DELETED_DAYS)?;
        let table = self.table(number).ok_or_else(ApiError::unknown_object)?;
        let binned = table.stamped(start..=end).filter_map(|id| {
            let at = table.get(id)?.binned.as_ref()?.at;
            Some((id, at))
        });
        let purged = self.purged.get(number).into_iter().flatten().map(|(id, at)| (*id, *at));
        let is_inside = |(_, at): &(Id, DateTime<Utc>)| (start..=end).contains(at);
        let mut records: Vec<_> = binned.chain(purged).filter(is_inside).collect();
        records.sort_by_key(|(id, at)| (*at, *id));
        Ok(Deleted {
            records,
            earliest_date_available: self.log_start(number),
            latest_date_covered: end.min(self.covered()),
        })
    }

    /// Truncates a window to minutes and checks it.
    fn window(
        &self,
        object: &Object,
        (start, end): (DateTime<Utc>, DateTime<Utc>),
        days: i64,
    ) -> Result<(DateTime<Utc>, DateTime<Utc>), ApiError> {
        if !object.is("replicateable") {
            let message = format!("sObject type '{}' is not supported.", object.name());
            return Err(ApiError::request("INVALID_TYPE", message));
        }
        let refused = |message: String| ApiError::request("INVALID_REPLICATION_DATE", message);
        let minute =
            |time: DateTime<Utc>| time.duration_trunc(TimeDelta::minutes(1)).unwrap_or(time);
        let is_long_enough = end - start > TimeDelta::minutes(1);
        let (start, end) = (minute(start), minute(end));
        if !is_long_enough {
            return Err(refused(
                "startDate must be more than one minute before endDate".to_owned(),
            ));
        }
        if start < minute(self.now()) - TimeDelta::days(days) {
            return Err(refused(format!("startDate cannot be more than {days} days ago")));
        }
        Ok((start, end))
    }

    /// The number of live rows, for `limits/recordCount`; `None` for an unknown object.
    #[must_use]
    pub fn record_count(&self, object: &str) -> Option<usize> {
        let (number, _) = self.object_named(object).ok()?;
        Some(self.table(number)?.live_count())
    }

    /// The number of rows with those in the recycle bin; `None` for an unknown object.
    #[must_use]
    pub fn record_count_with_deleted(&self, object: &str) -> Option<usize> {
        let (number, _) = self.object_named(object).ok()?;
        Some(self.table(number)?.count())
    }

    /// `LastModifiedDate` of a row (else `SystemModstamp`), for conditional requests.
    #[must_use]
    pub fn last_modified(&self, id: Id) -> Option<DateTime<Utc>> {
        let (number, row) = self.locate(id)?;
        let system = self.object(number)?.system();
        row.value(system.last_modified_date.or(system.system_modstamp)?).as_moment()
    }
}
