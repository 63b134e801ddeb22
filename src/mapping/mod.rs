//! The user's mapping files made trustworthy: raw → validated, every problem reported with file and line.

mod validated;

pub use validated::{
    BulkThresholds, ConflictPolicy, DeleteRule, Deletes, Direction, Field, Key, Mapping,
    MappingGroup, Poll, Reference,
};
