//! A validated mapping: the only form of a mapping file that the engine sees.

use super::rehearsal::Rehearsal;
use crate::model::{ColumnType, FieldType, StampField};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Which side may change the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Salesforce's values become the rows' values; changes of the rows are not sent. Heroku Connect: `read_only`.
    FromSalesforce,
    /// The rows' changes are sent; Salesforce's values are not read back, except ids.
    ToSalesforce,
    /// Both. Heroku Connect: `read_write`.
    Both,
}

impl Direction {
    /// Whether Salesforce's changes are applied to Postgres.
    #[must_use]
    pub fn pulls(self) -> bool {
        self != Self::ToSalesforce
    }

    /// Whether the application's changes are sent to Salesforce.
    #[must_use]
    pub fn pushes(self) -> bool {
        self != Self::FromSalesforce
    }
}

/// Who wins when both sides changed the same field of the same record.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ConflictPolicy {
    /// Salesforce's value stays and replaces the row's.
    #[default]
    SalesforceWins,
    /// The row's value is sent and replaces Salesforce's.
    PostgresWins,
    /// The later of the two: the time of the captured statement against `SystemModstamp`; a tie goes to Salesforce.
    Newest,
    /// Nobody until a person has decided: the record's changes are parked, and neither side is overwritten.
    Manual,
}

/// What a deletion on one side does on the other.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DeleteRule {
    /// The other side deletes too.
    #[default]
    Delete,
    /// The other side keeps its record.
    Ignore,
}

/// How deletions travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deletes {
    /// A record deleted in Salesforce.
    pub in_salesforce: DeleteRule,
    /// A row deleted in Postgres.
    pub in_postgres: DeleteRule,
    /// At most this many rows are deleted in Postgres at once; above, the mapping asks first.
    /// `None` is the default guard: 100 rows or 0.5 % of the table, whichever is more.
    pub hold_above: Option<u64>,
}

impl Default for Deletes {
    fn default() -> Self {
        Self {
            in_salesforce: DeleteRule::Delete,
            in_postgres: DeleteRule::Delete,
            hold_above: None,
        }
    }
}

/// When Salesforce is asked for changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poll {
    /// Time between two polls.
    pub every: Duration,
    /// How far behind the last window each poll looks again, for changes that became visible late.
    pub overlap: Duration,
    /// Time between two full readings of the fields that move without a stamp, such as formulas. `None` is never.
    pub refresh: Option<Duration>,
}

impl Default for Poll {
    fn default() -> Self {
        Self {
            every: Duration::from_mins(1),
            overlap: Duration::from_mins(5),
            refresh: Some(Duration::from_hours(24)),
        }
    }
}

/// Which records of the object are mapped, and what becomes of rows whose records are no longer among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// A SOQL condition, as after `WHERE`.
    pub condition: String,
    /// What becomes of a row whose record the condition no longer selects.
    pub leave: LeaveRule,
}

/// What becomes of a row whose record leaves the mapping's filter.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LeaveRule {
    /// The row goes; the record stays in Salesforce.
    #[default]
    Delete,
    /// The row stays as it was when the record left.
    Keep,
}

/// Which column types a field without a `type` of its own gets.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ColumnTypes {
    /// Heroku Connect's: `double precision` for numbers with a fraction, `timestamp` in UTC.
    #[default]
    Heroku,
    /// Those that hold every value exactly: `numeric(p,s)`, `timestamp with time zone`.
    Exact,
}

/// When the whole object is compared with the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// Time between two sweeps. `None` is never by schedule.
    pub every: Option<Duration>,
    /// How many rows each sweep compares by value, in turn.
    pub sample: u64,
}

impl Default for Sweep {
    fn default() -> Self {
        Self { every: Some(Duration::from_hours(24)), sample: 10_000 }
    }
}

/// What is done when the object changes in Salesforce.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// A field appears, in a mapping of all readable fields.
    pub new_field: NewFieldRule,
    /// A field holds more than its column.
    pub wider_field: WiderFieldRule,
    /// A mapped field is gone, hidden, or of another kind.
    pub removed_field: RemovedFieldRule,
}

/// What is done with a field that appears in a mapping of all readable fields.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum NewFieldRule {
    /// It gets a column, which is loaded.
    #[default]
    Add,
    /// It stays out until the next start.
    Ignore,
}

/// What is done with a field that holds more than its column.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum WiderFieldRule {
    /// The column is widened.
    #[default]
    Widen,
    /// The mapping is paused and says so.
    PauseMapping,
}

/// What is done when a mapped field is gone, hidden, or of another kind. Its column is never emptied.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RemovedFieldRule {
    /// The mapping is paused and says so; changes are captured on.
    #[default]
    PauseMapping,
    /// The field is left alone and said so; the others go on.
    PauseField,
}

/// Whether something is done.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// It is.
    #[default]
    On,
    /// It is not.
    Off,
}

/// In which order changes reach Salesforce.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum WriteOrder {
    /// A record's changes are merged into one; records go out in the fewest calls, parents before children.
    #[default]
    Merged,
    /// Every change by itself, in the order in which they were made, also among the mappings that refer to each other.
    Ordered,
}

/// From how many records on the Bulk API is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkThresholds {
    /// Reads of more records than this go through a Bulk query.
    pub read_above: u64,
    /// Writes of more records than this, of one object and operation, go through Bulk ingest.
    pub write_above: usize,
}

impl Default for BulkThresholds {
    fn default() -> Self {
        Self { read_above: 10_000, write_above: 2_000 }
    }
}

/// The column by which every row of a mapped table can be named, whether it has a key or not.
pub const ROW_ID: &str = "id";

/// A parent found through a column of the application's own instead of its Salesforce id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The parent's object; it is mapped too.
    pub object: String,
    /// The parent's table.
    pub table: String,
    /// The parent's column that identifies it: its key's, or [`ROW_ID`].
    pub match_column: String,
    /// The column of this table that holds the parent's value.
    pub column: String,
    /// The type of that column.
    pub column_type: ColumnType,
}

impl Reference {
    /// Whether the parent is named by its row's `id`, as foreign keys of the application do. Salesforce never sees it.
    #[must_use]
    pub fn is_by_row_id(&self) -> bool {
        self.match_column == ROW_ID
    }

    /// Whether a column that exists may hold the parent's value, though it is not of the type that it would be made of.
    #[must_use]
    pub fn fits(&self, found: ColumnType) -> bool {
        self.is_by_row_id() && matches!(found, ColumnType::Integer | ColumnType::Bigint)
    }
}

/// How large a field's values may be, as far as the describe tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Characters of a text.
    pub length: Option<u32>,
    /// All digits of a number, and those after the point.
    pub digits: Option<(u16, u16)>,
}

/// One mapped field.
#[expect(clippy::struct_excessive_bools, reason = "facts about a field, each by itself")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The field's API name, in Salesforce's own spelling.
    pub name: String,
    /// The column.
    pub column: String,
    /// The column's type.
    pub column_type: ColumnType,
    /// Whether the mapping file names the column's type. Where it does not, a table that exists may have another
    /// one that holds every value too.
    pub is_typed: bool,
    /// Salesforce's type.
    pub field_type: FieldType,
    /// How large Salesforce's values may be.
    pub limits: Limits,
    /// The effective direction: never more than the mapping's, and never `to` a field that cannot be written.
    pub direction: Direction,
    /// The effective policy.
    pub conflict: ConflictPolicy,
    /// Whether the value may be sent with an insert.
    pub createable: bool,
    /// Whether the value may be sent with an update.
    pub updateable: bool,
    /// Whether the field may be empty.
    pub nillable: bool,
    /// Formula or roll-up: its value may move without the record's stamp.
    pub is_calculated: bool,
    /// The objects that a lookup points to; empty for other types.
    pub reference_to: Vec<String>,
    /// How the application names the parent, where it does not by id.
    pub reference: Option<Reference>,
}

/// Characters of a UUID as text.
pub(crate) const UUID_LENGTH: u32 = 36;

impl Field {
    /// Whether this other column names the record that the field refers to.
    #[must_use]
    pub fn is_named_by(&self, column: &str) -> bool {
        self.reference.as_ref().is_some_and(|reference| reference.column == column)
    }

    /// Whether the field and its column hold every UUID, and any text of that length.
    #[must_use]
    pub fn holds_a_uuid(&self) -> bool {
        let is_wide = match self.column_type {
            ColumnType::Text => true,
            ColumnType::Varchar(length) => length >= UUID_LENGTH,
            _ => false,
        };
        self.field_type == FieldType::String
            && is_wide
            && self.limits.length.is_none_or(|length| length >= UUID_LENGTH)
    }
}

/// The external id by which records and rows are matched and inserts are made repeatable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The external id field's API name. It is one of the mapping's fields.
    pub field: String,
    /// Its column. It carries a unique index.
    pub column: String,
    /// Whether the database makes up the key of a row that comes without one, where the file says so.
    pub default: Option<KeyDefault>,
}

/// What the database makes up as the key of a row that comes without one. Where a file does not say, columns that
/// provisioning makes get a default, and those that are there are left as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyDefault {
    /// A random UUID.
    Uuid,
    /// Nothing: the application gives every row its key.
    Off,
}

/// One object kept in step with one table.
#[expect(clippy::struct_excessive_bools, reason = "facts of the object's description, one by one")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The object's API name, in Salesforce's own spelling. Names the mapping.
    pub object: String,
    /// The table, in the mapping schema.
    pub table: String,
    /// The direction.
    pub direction: Direction,
    /// The mapped fields, in a stable order. `Id`, `SystemModstamp` and `IsDeleted` are not among them:
    /// they always map to `sfid`, `systemmodstamp` and `isdeleted`.
    pub fields: Vec<Field>,
    /// The external id, where there is one.
    pub key: Option<Key>,
    /// Whether the object has `IsDeleted`.
    pub has_is_deleted: bool,
    /// Whether the object has `MasterRecordId`: its records can be merged.
    pub has_master_record_id: bool,
    /// Whether getUpdated and getDeleted cover the object.
    pub is_replicateable: bool,
    /// The field by which changed records are found.
    pub stamp: StampField,
    /// Columns indexed beside the system ones.
    pub indexes: Vec<String>,
    /// When to poll.
    pub poll: Poll,
    /// How deletions travel.
    pub deletes: Deletes,
    /// When to use the Bulk API.
    pub bulk: BulkThresholds,
    /// In which order changes reach Salesforce.
    pub write: WriteOrder,
    /// Whether an update that depends on what Salesforce holds is a request of its own, which Salesforce refuses if the
    /// record has changed since it was looked at.
    pub is_conditional: bool,
    /// Which column types fields get by default.
    pub types: ColumnTypes,
    /// Which records are mapped; all where absent.
    pub filter: Option<Filter>,
    /// When the whole object is compared with the table.
    pub sweep: Sweep,
    /// What is done when the object changes in Salesforce.
    pub drift: Drift,
    /// Whether this is only some of a mapping's fields ([`Mapping::of_fields`]): what is read completes rows that are
    /// there. It makes none, and does not move their stamp, which speaks for the whole row.
    pub is_part: bool,
    /// Columns of fields that are out of Salesforce for now: they are left as they are, and changes of theirs wait.
    pub held_columns: Vec<String>,
    /// What is known of the values that Salesforce accepts, as far as rows are held against it before they are sent.
    pub rehearsal: Option<Arc<Rehearsal>>,
}

impl Mapping {
    /// The same mapping with those fields only that `is_wanted`.
    #[must_use]
    pub fn of_fields(&self, is_wanted: impl Fn(&Field) -> bool) -> Self {
        let mut part = self.clone();
        part.fields.retain(is_wanted);
        // A row without id is not adopted by a part of its fields: the rest would seem to be read.
        part.key = None;
        part.is_part = true;
        part
    }

    /// Whether the object has `SystemModstamp`, and the table a column for it.
    #[must_use]
    pub fn has_system_modstamp(&self) -> bool {
        self.stamp.is_system_modstamp()
    }

    /// The field that lives in `column`.
    #[must_use]
    pub fn field_of_column(&self, column: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.column == column)
    }
}

/// Mappings that refer to each other, directly or not: the unit within which order matters, and of a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingGroup {
    /// The table name that sorts first. Stable as long as the group's members are.
    pub name: String,
    /// The mappings, parents before children where there is no cycle.
    pub mappings: Vec<Mapping>,
}

impl MappingGroup {
    /// Whether changes go out one by one in the order in which they were made: order among records of several mappings
    /// is kept for all of them or for none, so one mapping's wish decides.
    #[must_use]
    pub fn is_ordered(&self) -> bool {
        let mut pushing = self.mappings.iter().filter(|mapping| mapping.direction.pushes());
        pushing.any(|mapping| mapping.write == WriteOrder::Ordered)
    }
}
