//! Which fields of a row somebody will look at, so that a computed row need not have the others.

use super::{Org, query::Expression};
use crate::schema::Object;

impl Org {
    /// The fields of an object's rows that these are read from, ascending; `None` when that takes
    /// more than a look at the fields themselves.
    pub(super) fn needs<'a>(
        &self,
        object: usize,
        expressions: impl IntoIterator<Item = &'a Expression>,
    ) -> Option<Vec<usize>> {
        let object = self.object(object)?;
        let mut needs: Vec<usize> = object.system().id.into_iter().collect();
        for expression in expressions {
            let column = expression.column()?;
            match column.parents.first() {
                Some(step) => needs.push(step.field),
                None if is_plain(object, column.field) => needs.push(column.field),
                None => return None,
            }
        }
        needs.sort_unstable();
        needs.dedup();
        Some(needs)
    }
}

/// Whether the value of a field is what the row has stored for it.
pub(super) fn is_plain(object: &Object, field: usize) -> bool {
    object.field(field).is_some_and(|field| {
        let is_full_name = field.name_field && !field.createable && !field.auto_number;
        !(field.calculated
            || field.formula.is_some()
            || field.roll_up.is_some()
            || field.kind.is_compound()
            || is_full_name)
    })
}
