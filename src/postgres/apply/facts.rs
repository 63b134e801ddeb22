//! What the database holds that applying has to reckon with: lookups and foreign keys around the table, and the
//! records of it that wait. One read-only statement, so that nothing else is asked where nothing of it is there.

use super::Error;
use crate::mapping::Mapping;
use deadpool_postgres::Transaction;
use serde::Deserialize;
use tokio_postgres::types::Type;

/// One table's surroundings.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each tells whether one statement can be left out"
)]
#[derive(Debug)]
pub(in crate::postgres) struct Facts {
    /// The schema that the hstore extension lives in.
    pub hstore: String,
    /// The sequence that numbers the rows, where the table owns one.
    pub sequence: Option<String>,
    /// Whether rows of the table wait to be deleted.
    pub has_departures: bool,
    /// Whether records are to have no row, since the application deleted it and the deletion is not sent.
    pub has_kept_away: bool,
    /// Whether records of the table wait for something before they can have a row.
    pub has_orphans: bool,
    /// Whether records of the object are known that cannot be held.
    pub has_unreadable: bool,
    /// Whether triggers of the application's may change what is written to the table.
    pub rewrites: bool,
    /// Whether records of any table wait for a row of this one.
    pub is_awaited: bool,
    /// The columns of mapped tables that hold ids of this table's records.
    pub lookups: Vec<Lookup>,
    /// The application's foreign keys from and to the table.
    pub foreign_keys: Vec<ForeignKey>,
}

/// A column of a mapped table that holds ids of the records in question.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(in crate::postgres) struct Lookup {
    /// The table that refers.
    pub table: String,
    /// Its column.
    pub column: String,
    /// How it names the parent by a column of the parent's, if it does.
    pub reference: Option<Naming>,
}

/// A column that holds the parent's value of another column.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(in crate::postgres) struct Naming {
    /// The column of the referring table.
    pub column: String,
    /// The parent's column.
    #[serde(rename = "match")]
    pub match_column: String,
}

/// A foreign key of the application's.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(in crate::postgres) struct ForeignKey {
    /// The constraint's name.
    pub name: String,
    /// Whether the table refers.
    pub is_outgoing: bool,
    /// Whether the table is referred to.
    pub is_incoming: bool,
    /// Whether a row that is referred to cannot be deleted.
    pub restricts: bool,
    /// The referring table, quoted and qualified as needed.
    pub child: String,
    /// The referring table's bare name.
    pub child_table: String,
    /// The table referred to, quoted and qualified as needed.
    pub parent: String,
    /// Its bare name.
    pub parent_table: String,
    /// The columns, in pairs.
    pub columns: Vec<KeyColumn>,
}

/// One pair of columns of a foreign key.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(in crate::postgres) struct KeyColumn {
    /// The referring column.
    pub child: String,
    /// The column referred to.
    pub parent: String,
    /// The latter's type.
    #[serde(rename = "type")]
    pub sql_type: String,
}

impl Facts {
    pub(in crate::postgres) async fn read(
        transaction: &Transaction<'_>,
        schema: &str,
        mapping: &Mapping,
    ) -> Result<Self, Error> {
        let row = transaction
            .query_typed_one(
                include_str!("../sql/apply_facts.sql"),
                &[
                    (&schema, Type::TEXT),
                    (&mapping.table, Type::TEXT),
                    (&mapping.object, Type::TEXT),
                ],
            )
            .await?;
        let missing = || Error::HstoreMissing("it was not found in the catalog".to_owned());
        Ok(Self {
            hstore: row.try_get::<_, Option<String>>(0)?.ok_or_else(missing)?,
            sequence: row.try_get(1)?,
            has_departures: row.try_get(2)?,
            has_kept_away: row.try_get(3)?,
            has_orphans: row.try_get(4)?,
            is_awaited: row.try_get(5)?,
            has_unreadable: row.try_get(6)?,
            lookups: list(row.try_get(7)?)?,
            foreign_keys: list(row.try_get(8)?)?,
            rewrites: row.try_get(9)?,
        })
    }

    /// Whether records wait, of this table or for rows of it.
    pub(in crate::postgres) fn has_waiting(&self) -> bool {
        self.has_departures || self.has_kept_away || self.has_orphans || self.is_awaited
    }

    /// The mapped tables whose rows name their parent in this one by a column of its own.
    pub(in crate::postgres) fn naming_tables(&self) -> impl Iterator<Item = &str> {
        let naming = self.lookups.iter().filter(|lookup| lookup.reference.is_some());
        naming.map(|lookup| lookup.table.as_str())
    }

    /// The foreign keys of the table's own.
    pub(super) fn outgoing(&self) -> impl Iterator<Item = &ForeignKey> {
        self.foreign_keys.iter().filter(|key| key.is_outgoing)
    }

    /// The foreign keys that keep rows of the table from being deleted.
    pub(super) fn restricting(&self) -> impl Iterator<Item = &ForeignKey> {
        self.foreign_keys.iter().filter(|key| key.is_incoming && key.restricts)
    }
}

fn list<T: serde::de::DeserializeOwned>(json: serde_json::Value) -> Result<Vec<T>, Error> {
    serde_json::from_value(json).map_err(|error| Error::Unexpected(error.to_string()))
}
