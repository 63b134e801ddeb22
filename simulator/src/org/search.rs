//! Searching rows for words: the texts of a row, and which of them a search looks at.

use super::{Org, Row};
use crate::{
    Id,
    schema::{Field, FieldType},
    sosl::{Group, Term, words},
};

impl Org {
    /// Those of the rows of an object that a search finds, in their order. `reader`'s field rights
    /// decide which texts count.
    #[must_use]
    pub fn matching(
        &self,
        reader: Id,
        object: &str,
        (term, group): (&Term, Group),
        rows: impl Iterator<Item = Id>,
    ) -> Vec<Id> {
        let Ok((number, described)) = self.object_named(object) else { return Vec::new() };
        let is_searched = |at: &usize| {
            described.field(*at).is_some_and(|field| is_in(field, group))
                && self.can_read_field(reader, number, *at)
        };
        let fields: Vec<usize> = (0..described.fields().len()).filter(is_searched).collect();
        let texts = |row: &Row| -> Vec<Vec<String>> {
            let text = |field: &usize| self.read(number, row, *field).as_text().map(words);
            fields.iter().filter_map(text).collect()
        };
        let is_found =
            |id: &Id| self.row(number, *id).is_some_and(|row| term.matches(&texts(&row)));
        rows.filter(is_found).collect()
    }
}

/// Whether a search of this group looks at a field.
fn is_in(field: &Field, group: Group) -> bool {
    let is_text = matches!(
        field.kind,
        FieldType::Text | FieldType::Email | FieldType::Picklist | FieldType::Multipicklist
    );
    match group {
        Group::All | Group::Sidebar => is_text,
        Group::Name => {
            is_text && (field.name_field || matches!(field.name.as_str(), "FirstName" | "LastName"))
        }
        Group::Email => field.kind == FieldType::Email,
        Group::Phone => field.type_name == "phone",
    }
}
