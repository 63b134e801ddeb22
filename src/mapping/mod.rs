//! The user's mapping files made trustworthy: raw → validated, every problem reported with file and line.
//!
//! Two stages. [`load()`] reads the files and finds what is wrong with the text alone; it needs no org.
//! [`bind()`] puts the files beside what Salesforce says about the objects and yields [`Mapping`]s. Both report all
//! problems of all files at once.

mod applied;
mod bind;
mod column_type;
mod diagnostic;
mod drift;
mod file;
mod groups;
mod load;
mod names;
mod normal;
pub(crate) mod reader;
mod references;
mod rehearsal;
mod render;
mod rights;
mod schema;
mod stamp;
pub(crate) mod suggest;
mod validated;

pub use applied::{Applied, bind_applied};
pub use bind::{Bound, Org, bind, bind_all};
pub use diagnostic::{Code, Diagnostic, Label, Position, Severity, Source, has_errors, sort};
pub use drift::{DriftKind, Drifted, Rebound, rebind};
pub use file::MappingFile;
pub use groups::groups;
pub use load::{Loaded, load, load_sources};
pub use rehearsal::{Rehearsal, ValueLimit};
pub use render::{Colour, Place, Report, render};
pub use schema::schema;
pub use validated::{
    BulkThresholds, ColumnTypes, ConflictPolicy, DeleteRule, Deletes, Direction, Drift, Field,
    Filter, Key, KeyDefault, LeaveRule, Limits, Mapping, MappingGroup, NewFieldRule, Poll, ROW_ID,
    Reference, RemovedFieldRule, Sweep, Switch, WiderFieldRule, WriteOrder,
};

#[cfg(test)]
mod tests;
