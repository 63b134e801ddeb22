//! `TYPEOF What WHEN Account THEN Phone ELSE Name END`: fields by the object of the parent.

use super::{resolve::Resolver, wording};
use crate::{
    ApiError,
    org::{
        Shape,
        shape::{Column, Step},
    },
    schema::Object,
    soql::{Path, TypeOf},
};

/// The branches of a TYPEOF, each a shape of the parent's object.
#[derive(Debug, Clone)]
pub(in crate::org) struct Branches {
    pub(in crate::org) step: Step,
    /// By the number of the parent's object.
    pub(in crate::org) known: Vec<(usize, Shape)>,
    /// For parents of other objects; without it they show their attributes only.
    pub(in crate::org) otherwise: Shape,
}

impl Resolver<'_> {
    pub(super) fn type_of(&self, shape: &mut Shape, type_of: &TypeOf) -> Result<(), ApiError> {
        let path = &type_of.path;
        let names = self.expanded(path);
        let column = self.parents(&names, "Id", path.at)?;
        let Some((step, parents)) = column.parents.split_last() else {
            return Err(self.no_such_relationship(path.at, &path.to_string()));
        };
        if !step.is_polymorphic {
            let name = names.last().map_or("", String::as_str);
            let message = format!(
                "A TYPEOF expression must refer to a polymorphic relationship: '{name}' is not one"
            );
            return Err(self.malformed(path.at, &message));
        }
        let targets = self.targets(*step);
        let mut branches = Vec::new();
        for (object, fields) in &type_of.branches {
            let name = object.to_string();
            let number = self.names.object(&name);
            let number =
                number.ok_or_else(|| wording::no_such_object(self.soql, object.at, &name))?;
            if !targets.contains(&number) {
                let message = format!("'{name}' is not a type that '{path}' can refer to");
                return Err(self.malformed(object.at, &message));
            }
            if branches.iter().any(|(known, _)| *known == number) {
                let message = format!("duplicate WHEN type: {name}");
                return Err(self.malformed(object.at, &message));
            }
            branches.push((number, self.branch(number, fields)?));
        }
        let otherwise = match &type_of.otherwise {
            Some(fields) => {
                // Names are looked up on an object that has them all.
                let has_all = |target: &&usize| {
                    let has =
                        |path: &Path| self.branch(**target, std::slice::from_ref(path)).is_ok();
                    fields.iter().all(has)
                };
                let target = targets.iter().find(has_all).or(targets.first());
                self.branch(target.copied().unwrap_or(column.object), fields)?
            }
            None => Shape::empty(column.object),
        };
        let leading = Column { parents: parents.to_vec(), ..column.clone() };
        let branches = Branches { step: *step, known: branches, otherwise };
        shape.add_type_of(&leading, branches);
        Ok(())
    }

    fn branch(&self, object: usize, fields: &[Path]) -> Result<Shape, ApiError> {
        let plain = crate::soql::Query::new(crate::soql::Select::Count, "", self.query.from_at);
        let inner = self.within(object, &plain);
        let mut shape = Shape::empty(object);
        for path in fields {
            let (expression, _) = inner.path(path)?;
            if let Err(name) = shape.add(expression, None) {
                let message = format!("duplicate field selected: {name}");
                return Err(self.malformed(path.at, &message));
            }
        }
        Ok(shape)
    }

    /// The objects that a reference may lead to.
    fn targets(&self, step: Step) -> Vec<usize> {
        let field = self.org.object(step.from).map(Object::fields);
        let field = field.and_then(|fields| fields.get(step.field));
        let names = field.map(|field| field.reference_to.as_slice()).unwrap_or_default();
        names.iter().filter_map(|name| self.names.object(name)).collect()
    }
}
