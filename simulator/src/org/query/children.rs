//! Child sub-selects: `(SELECT LastName FROM Contacts …)` in a SELECT list.

use super::{plan::Plan, resolve::Resolver};
use crate::{
    ApiError, Id,
    org::{Org, QueryResult, Shape},
    schema::Object,
    soql::{Query, Select},
};

/// How many sub-selects a SELECT list may have.
pub(super) const SELECTS_MAX: usize = 20;

/// How many sub-selects may stand in each other.
const DEPTH_MAX: usize = 4;

/// A sub-select, looked up. Its rows are found anew for every parent that is written out.
#[derive(Debug)]
pub(in crate::org) struct Children {
    /// The relationship's name.
    pub(in crate::org) name: String,
    plan: Plan,
    /// The children's reference to the parent.
    link: usize,
    shape: Shape,
}

impl Children {
    pub(super) fn shape(&self) -> &Shape {
        &self.shape
    }
}

impl Resolver<'_> {
    pub(super) fn children(&self, query: &Query) -> Result<Children, ApiError> {
        let at = query.from_at;
        let (root, name) = match query.from.rsplit_once('.') {
            Some((root, name)) => (Some(root), name),
            None => (None, query.from.as_str()),
        };
        let is_own = |root: &str| {
            let alias = self.query.alias.as_deref();
            let object = self.org.object(self.object).map(Object::name);
            [alias, object, Some(self.query.from.as_str())]
                .into_iter()
                .flatten()
                .any(|known| known.eq_ignore_ascii_case(root))
        };
        let found = self.names.children(self.object, name);
        let found = found.filter(|_| root.is_none_or(is_own));
        let (object, link, name) = found.ok_or_else(|| self.no_such_children(at, name))?;
        let inner = self.within(object, query);
        if self.is_join || inner.depth > DEPTH_MAX {
            let message = "sub-selects are nested too deeply";
            return Err(self.malformed(at, message));
        }
        if query.select == Select::Count || inner.is_grouped() {
            let message = "aggregate functions are not supported in child sub-selects";
            return Err(self.malformed(at, message));
        }
        Ok(Children { name: name.to_owned(), plan: inner.plan()?, link, shape: inner.shape()? })
    }
}

impl Org {
    /// The children of a parent.
    pub(in crate::org) fn children_of(&self, children: &Children, parent: Id) -> QueryResult {
        let rows = self.rows_of(&children.plan, children.link, parent);
        QueryResult {
            shape: children.shape.clone(),
            total: rows.len(),
            rows,
            groups: None,
            scope: children.plan.scope,
        }
    }
}
