//! What an event says: header and changed values, before it becomes JSON or Avro.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::schema::EventSchema;
use crate::{Id, org::Row, value::Value};

/// The record id of an overflow event, which is about no record.
pub(crate) const NO_RECORD: &str = "000000000000000AAA";

/// What happened to a row, or why that is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeType {
    Create,
    Update,
    Delete,
    Undelete,
    GapCreate,
    GapUpdate,
    GapDelete,
    GapUndelete,
    GapOverflow,
}

impl ChangeType {
    /// All change types by their place in the Avro enumeration.
    const ALL: [(Self, &'static str); 9] = [
        (Self::Create, "CREATE"),
        (Self::Update, "UPDATE"),
        (Self::Delete, "DELETE"),
        (Self::Undelete, "UNDELETE"),
        (Self::GapCreate, "GAP_CREATE"),
        (Self::GapUpdate, "GAP_UPDATE"),
        (Self::GapDelete, "GAP_DELETE"),
        (Self::GapUndelete, "GAP_UNDELETE"),
        (Self::GapOverflow, "GAP_OVERFLOW"),
    ];

    /// The names in the order of the Avro enumeration; `SNAPSHOT` is reserved.
    pub(crate) fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|(_, name)| *name).chain(["SNAPSHOT"]).collect()
    }

    /// The name on the wire.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// The place in the Avro enumeration.
    pub(crate) fn index(self) -> usize {
        Self::ALL.iter().position(|(kind, _)| *kind == self).unwrap_or_default()
    }

    /// The change type with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(kind, _)| *kind)
    }

    /// What became of a row; `None` when it was not there (or in the bin) before and after.
    pub(super) fn between(before: Option<&Row>, after: Option<&Row>) -> Option<Self> {
        let is_live = |row: Option<&Row>| row.is_some_and(Row::is_live);
        match (is_live(before), is_live(after)) {
            (true, true) => Some(Self::Update),
            (true, false) => Some(Self::Delete),
            (false, true) if before.is_none() => Some(Self::Create),
            (false, true) => Some(Self::Undelete),
            (false, false) => None,
        }
    }

    /// The gap event that stands in for this one.
    pub(crate) fn as_gap(self) -> Self {
        match self {
            Self::Create => Self::GapCreate,
            Self::Update => Self::GapUpdate,
            Self::Delete => Self::GapDelete,
            Self::Undelete => Self::GapUndelete,
            gap => gap,
        }
    }
}

/// Where a value sits in an event's record: a field, or a part of a nested one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    /// Index in the record; 0 is the header.
    pub(crate) field: usize,
    /// Index in the nested record.
    pub(crate) part: Option<usize>,
}

/// One value that an event tells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Leaf {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// The header of a change event.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub(crate) entity: String,
    /// 18-character ids; several when equal changes were folded.
    pub(crate) record_ids: Vec<String>,
    pub(crate) change_type: ChangeType,
    /// `com/salesforce/api/rest/66.0;client=X`; empty for a change by hand.
    pub(crate) origin: String,
    pub(crate) transaction_key: String,
    /// From 1 inside the transaction.
    pub(crate) sequence: u32,
    pub(crate) committed: DateTime<Utc>,
    pub(crate) commit_number: u64,
    pub(crate) user: Id,
}

/// A change event: header, and the values it tells.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) schema: Arc<EventSchema>,
    pub(crate) header: Header,
    /// By place. Of an update the changed values, null where emptied; else what is not null.
    pub(crate) leaves: Vec<Leaf>,
}

impl Change {
    /// The places that `changedFields` lists: those of an update.
    pub(crate) fn changed(&self) -> Vec<Place> {
        self.places(|_| true)
    }

    /// The places that `nulledFields` lists: those an update emptied.
    pub(crate) fn nulled(&self) -> Vec<Place> {
        self.places(Value::is_null)
    }

    fn places(&self, wanted: fn(&Value) -> bool) -> Vec<Place> {
        if self.header.change_type != ChangeType::Update {
            return Vec::new();
        }
        let wanted = self.leaves.iter().filter(|leaf| wanted(&leaf.value));
        wanted.map(|leaf| leaf.place).collect()
    }

    /// The value at a place, if the event tells one.
    pub(crate) fn value(&self, place: Place) -> Option<&Value> {
        let found = self.leaves.binary_search_by_key(&place, |leaf| leaf.place).ok()?;
        self.leaves.get(found).map(|leaf| &leaf.value)
    }
}
