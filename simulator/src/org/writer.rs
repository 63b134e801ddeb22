//! Who writes, and what was asked for along with the write.

use crate::Id;

/// The author of a write. A bare user id is one who asks for nothing special.
#[derive(Debug, Clone, Copy)]
pub struct Writer {
    /// The user.
    pub user: Id,
    /// `allowSave` of `Sforce-Duplicate-Rule-Header`: alerts of duplicate rules do not refuse.
    pub allow_duplicates: bool,
    /// `includeRecordDetails` of that header: a refusal names the records that are alike.
    pub show_duplicates: bool,
}

impl From<Id> for Writer {
    fn from(user: Id) -> Self {
        Self { user, allow_duplicates: false, show_duplicates: false }
    }
}
