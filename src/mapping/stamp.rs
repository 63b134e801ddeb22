//! By which field an object's changes are found, and a plain word where that is not the best one.

use super::{
    bind::Binder,
    diagnostic::{Code, Diagnostic},
};
use crate::model::StampField;

impl Binder<'_> {
    /// The best stamp that the object has and SOQL can compare.
    pub(super) fn stamp(&self) -> StampField {
        let is_usable = |stamp: &StampField| {
            let field = stamp.name().and_then(|name| self.object.field(name));
            field.is_some_and(|field| stamp.is_system_modstamp() || field.filterable)
        };
        StampField::FIELDS.into_iter().find(is_usable).unwrap_or(StampField::None)
    }

    /// Warns of an object whose changes a poll cannot see as they should be seen.
    pub(super) fn check_stamp(&mut self) {
        if !self.file.direction.pulls() {
            return;
        }
        let object = &self.object.name;
        let (message, note) = match self.stamp() {
            StampField::SystemModstamp => return,
            StampField::LastModifiedDate => (
                format!("`{object}` has no `SystemModstamp`, polls go by `LastModifiedDate`"),
                "changes that Salesforce makes by itself do not move it; the sweep finds them",
            ),
            StampField::CreatedDate => (
                format!("`{object}` has no stamp of changes, polls go by `CreatedDate`"),
                "polls see new records only; the sweep finds what was changed or deleted",
            ),
            StampField::None => (
                format!("`{object}` has no stamp at all, polls read the whole object"),
                "it is read at most once an hour, whatever `poll.every` says; the sweep finds what was deleted",
            ),
        };
        let problem = Diagnostic::warning(Code::NoStamp, message).with_note(note);
        self.push(problem, &self.file.object, "");
    }
}
