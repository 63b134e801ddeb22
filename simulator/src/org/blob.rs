//! Files: base64 fields, which rows show as a path and not as their content.

use super::Org;
use crate::Id;

impl Org {
    /// The base64 text in a field of a row; none for null, and for what the reader may not see.
    #[must_use]
    pub fn blob(&self, reader: Id, object: &str, id: Id, field: &str) -> Option<String> {
        let (number, object) = self.object_for(reader, object).ok()?;
        let field = object.number(field).filter(|at| self.can_read_field(reader, number, *at))?;
        self.row(number, id)?.value(field).as_text().map(str::to_owned)
    }
}
