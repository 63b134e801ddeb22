//! Looks up the names of objects, fields and relationships: the one place that knows what a reader
//! may see. What they may not read is not there for them.

use crate::{Id, org::Org, schema::Field};

/// The names that a reader knows.
#[derive(Clone, Copy)]
pub(super) struct Lookup<'a> {
    pub(super) org: &'a Org,
    /// Who asks.
    pub(super) reader: Id,
}

impl<'a> Lookup<'a> {
    /// The number of an object that may be queried.
    pub(super) fn object(&self, name: &str) -> Option<usize> {
        let number = self.org.visible_object(self.reader, name)?;
        self.org.object(number)?.is("queryable").then_some(number)
    }

    fn may_read(&self, object: usize, field: usize) -> bool {
        self.org.can_read_field(self.reader, object, field)
    }

    /// The number of a field of an object.
    pub(super) fn field(&self, object: usize, name: &str) -> Option<usize> {
        self.org.visible_field(self.reader, object, name)
    }

    /// The reference field of a relationship to a parent.
    pub(super) fn relationship(&self, object: usize, name: &str) -> Option<(usize, &'a Field)> {
        let object_found = self.org.object(object)?;
        let number = object_found.relationship(name)?;
        let field = object_found.field(number)?;
        self.may_read(object, number).then_some((number, field))
    }

    /// The object, reference field and name of a relationship to children.
    pub(super) fn children(&self, parent: usize, name: &str) -> Option<(usize, usize, &'a str)> {
        let found = self.org.schema().child_relationship(parent, name)?;
        let relation = found.relation?;
        let is_shown = self.org.can_see_object(self.reader, relation.child)
            && self.may_read(relation.child, relation.field);
        is_shown.then_some((relation.child, relation.field, found.name.as_deref()?))
    }

    /// The numbers of the fields of an object that a test accepts.
    pub(super) fn fields(&self, object: usize, is_wanted: impl Fn(&Field) -> bool) -> Vec<usize> {
        let fields = self.org.object(object).map(crate::schema::Object::fields).unwrap_or_default();
        let wanted = fields.iter().enumerate().filter(|(_, field)| is_wanted(field));
        wanted.map(|(number, _)| number).filter(|field| self.may_read(object, *field)).collect()
    }
}
