//! Records of Salesforce with a value that its column cannot hold.
//!
//! Such a record is left out of its page, so that the others are applied and nothing near the value is written in
//! its place. What it was, by field and reason and without the value, stays in `lockstep.unreadable` until the record
//! is read well again, or is deleted.

use super::Error;
use crate::model::InvalidValue;
use deadpool_postgres::Transaction;
use tokio_postgres::types::{ToSql, Type};

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
