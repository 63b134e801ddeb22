//! Which field of an object tells when a record last changed.

/// The field by which changed records are found, best first.
///
/// `SystemModstamp` moves with every change. `LastModifiedDate` does not move with the system's own changes.
/// `CreatedDate` never moves: it is enough for objects whose records are only ever added, such as histories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum StampField {
    /// The usual one; it has an index and a column of its own in the table.
    #[default]
    SystemModstamp,
    /// Second best.
    LastModifiedDate,
    /// Shows new records only.
    CreatedDate,
    /// The object has none of them: only reading it whole shows what changed.
    None,
}

impl StampField {
    /// All that are fields, best first.
    pub const FIELDS: [Self; 3] = [Self::SystemModstamp, Self::LastModifiedDate, Self::CreatedDate];

    /// The field's API name; `None` where the object has no such field.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::SystemModstamp => Some("SystemModstamp"),
            Self::LastModifiedDate => Some("LastModifiedDate"),
            Self::CreatedDate => Some("CreatedDate"),
            Self::None => None,
        }
    }

    /// Whether the object has `SystemModstamp`, and the table a column for it.
    #[must_use]
    pub const fn is_system_modstamp(self) -> bool {
        matches!(self, Self::SystemModstamp)
    }
}
