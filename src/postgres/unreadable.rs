//! Records of Salesforce with a value that its column cannot hold.
//!
//! Such a record is left out of its page, so that the others are applied and nothing near the value is written in
//! its place. What it was, by field and reason and without the value, stays in `lockstep.unreadable` until the record
//! is read well again, or is deleted.

use super::{Database, Error};
use crate::model::InvalidValue;
use chrono::{DateTime, Utc};
use deadpool_postgres::Transaction;
use tokio_postgres::types::{ToSql, Type};

/// A value that its column cannot hold, for people to see; the value itself is nowhere kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableValue {
    /// The object.
    pub object: String,
    /// The record, which was left out.
    pub sfid: String,
    /// The field's API name.
    pub field: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// Records that were left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// How many there are.
    pub records: u64,
    /// Their fields at fault, oldest first, as many as were asked for.
    pub values: Vec<UnreadableValue>,
}

/// The records of one object or all that could not be read into rows, and up to `limit` of their fields at fault.
///
/// # Errors
/// When the database cannot be asked.
pub async fn left_out(db: &Database, object: Option<&str>, limit: i64) -> Result<LeftOut, Error> {
    let client = db.client().await?;
    let statement = include_str!("sql/read_unreadable.sql");
    let rows =
        client.query_typed(statement, &[(&object, Type::TEXT), (&limit, Type::INT8)]).await?;
    let mut left_out = LeftOut::default();
    for row in rows {
        left_out.records = u64::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default();
        left_out.values.push(UnreadableValue {
            object: row.try_get(1)?,
            sfid: row.try_get(2)?,
            field: row.try_get(3)?,
            reason: row.try_get(4)?,
            since: row.try_get(5)?,
        });
    }
    Ok(left_out)
}

/// The fields of a page's records that cannot be held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unreadables {
    sfids: Vec<String>,
    fields: Vec<String>,
    reasons: Vec<String>,
    records: u64,
}

impl Unreadables {
    /// Takes note of one field of a record. The fields of a record come one after the other.
    pub(super) fn add(&mut self, sfid: &str, field: &str, invalid: InvalidValue) {
        self.records += u64::from(self.sfids.last().is_none_or(|last| last != sfid));
        self.sfids.push(sfid.to_owned());
        self.fields.push(field.to_owned());
        self.reasons.push(invalid.to_string());
    }

    /// How many records were taken note of.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// Keeps what was found, and forgets what is well again: the records of `pg_temp.lockstep_page`, which must
    /// exist. `is_known` tells whether anything of the object is kept so far.
    pub(super) async fn save(
        &self,
        transaction: &Transaction<'_>,
        object: &str,
        is_known: bool,
    ) -> Result<(), Error> {
        let parameters: [(&(dyn ToSql + Sync), Type); 4] = [
            (&object, Type::TEXT),
            (&self.sfids, Type::TEXT_ARRAY),
            (&self.fields, Type::TEXT_ARRAY),
            (&self.reasons, Type::TEXT_ARRAY),
        ];
        if is_known {
            let forget = include_str!("sql/forget_unreadable.sql");
            transaction.execute_typed(forget, parameters.get(..3).unwrap_or_default()).await?;
        }
        if self.sfids.is_empty() {
            return Ok(());
        }
        let note = include_str!("sql/note_unreadable.sql");
        let news = transaction.execute_typed(note, &parameters).await?;
        if news > 0 {
            let message =
                format!("{news} values do not fit their columns: their records are left out");
            let event =
                "insert into lockstep.event (kind, object, message) values ('unreadable', $1, $2)";
            let event_parameters = [(&object as _, Type::TEXT), (&message as _, Type::TEXT)];
            transaction.execute_typed(event, &event_parameters).await?;
        }
        Ok(())
    }
}
