//! What waits, for people to see: records that cannot have a row yet, and rows that are to go and cannot yet.

use super::{Database, Error};

/// Records or rows of one mapping that wait for the same thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The object.
    pub object: String,
    /// How many.
    pub count: u64,
    /// For what.
    pub what: Wait,
}

/// What something waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Records, for rows that a foreign key of the application's wants, or for their own key to become free.
    ToCome {
        /// The foreign key's name, or the key in words.
        constraint: String,
        /// The table of the rows wanted; the records' own table where it is about their key.
        parent_table: String,
    },
    /// Records, until it is clear which row is theirs: several have their key, or one that belongs to another record.
    ToBeTold {
        /// The key in words.
        constraint: String,
    },
    /// Rows whose records are gone, until this does not hold them any more.
    ToGo {
        /// In words.
        held_by: String,
    },
}

/// What waits, by mapping and reason.
///
/// # Errors
/// When the database cannot be asked.
pub async fn waiting(db: &Database) -> Result<Vec<Waiting>, Error> {
    let client = db.client().await?;
    let rows = client.query_typed(include_str!("sql/read_waiting.sql"), &[]).await?;
    rows.iter()
        .map(|row| {
            let reason: String = row.try_get(2)?;
            let what = if row.try_get(1)? {
                Wait::ToGo { held_by: reason }
            } else if row.try_get(5)? {
                Wait::ToBeTold { constraint: reason }
            } else {
                Wait::ToCome { constraint: reason, parent_table: row.try_get(3)? }
            };
            let count = u64::try_from(row.try_get::<_, i64>(4)?).unwrap_or_default();
            Ok(Waiting { object: row.try_get(0)?, count, what })
        })
        .collect()
}
