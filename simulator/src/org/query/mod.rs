//! Queries: a statement is parsed ([`crate::soql`]), its names are looked up as far as the reader
//! may see them (`lookup`, `resolve`), conditions become tests (`condition`, `join`, `filter`),
//! indexes narrow the rows to look at (`access`), rows are found and ordered (`plan`) or put into
//! groups (`group`, `aggregate`), and written out (`crate::org::render`).

mod access;
mod aggregate;
mod bulk;
mod children;
mod columns;
mod condition;
mod dates;
mod explain;
mod expression;
mod filter;
mod group;
mod join;
mod lookup;
mod plan;
mod resolve;
mod scan;
mod select;
mod type_of;
mod wording;

use std::cmp::Ordering;

use super::{IdList, Org, QueryResult, Scope, Shape};
use crate::{
    ApiError, Id,
    soql::{self, Query, Select},
    value::Value,
};
pub(super) use children::Children;
pub(super) use expression::Expression;
use lookup::Lookup;
use resolve::Resolver;
pub(super) use type_of::Branches;

/// Compares two values of one type; text as it is, whatever its case rule.
pub(super) fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Id(a), Value::Id(b)) => Some(a.cmp(b)),
        (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
        (Value::Moment(a), Value::Moment(b)) => Some(a.cmp(b)),
        _ => a.as_number()?.partial_cmp(&b.as_number()?),
    }
}

impl Org {
    /// Runs a SOQL statement as a user, who finds only what they may read.
    ///
    /// # Errors
    /// `MALFORMED_QUERY`, `INVALID_FIELD`, `INVALID_TYPE` and the other codes of queries, without
    /// `fields`.
    pub fn query(&self, reader: Id, soql: &str, scope: Scope) -> Result<QueryResult, ApiError> {
        self.run(reader, soql, &soql::parse(soql)?, scope)
    }

    /// Like [`Org::query`] for a Bulk query job, which allows less: rows of plain fields only.
    ///
    /// # Errors
    /// As [`Org::query`]; `FUNCTIONALITY_NOT_ENABLED` for what only REST allows.
    pub fn bulk_query(
        &self,
        reader: Id,
        soql: &str,
        scope: Scope,
    ) -> Result<QueryResult, ApiError> {
        let query = soql::parse(soql)?;
        bulk::check(&query)?;
        let result = self.run(reader, soql, &query, scope)?;
        bulk::check_columns(self, &result.shape)?;
        Ok(result)
    }

    /// Refuses what [`Org::bulk_query`] refuses, without looking for rows.
    ///
    /// # Errors
    /// As [`Org::bulk_query`].
    pub fn check_bulk_query(&self, reader: Id, soql: &str, scope: Scope) -> Result<(), ApiError> {
        let query = soql::parse(soql)?;
        bulk::check(&query)?;
        let resolver = self.resolver(reader, soql, &query, scope)?;
        let shape = resolver.shape()?;
        resolver.plan()?;
        bulk::check_columns(self, &shape)
    }

    fn resolver<'a>(
        &'a self,
        reader: Id,
        soql: &'a str,
        query: &'a Query,
        scope: Scope,
    ) -> Result<Resolver<'a>, ApiError> {
        let names = Lookup { org: self, reader };
        let object = names.object(&query.from);
        let object =
            object.ok_or_else(|| wording::no_such_object(soql, query.from_at, &query.from))?;
        Ok(Resolver { org: self, names, soql, scope, object, query, depth: 0, is_join: false })
    }

    fn run(
        &self,
        reader: Id,
        soql: &str,
        query: &Query,
        scope: Scope,
    ) -> Result<QueryResult, ApiError> {
        let resolver = self.resolver(reader, soql, query, scope)?;
        if query.select == Select::Count && query.group.is_none() {
            let plan = resolver.plan()?;
            let shape = Shape::empty(plan.object);
            return Ok(QueryResult {
                shape,
                rows: IdList::default(),
                total: self.count(&plan),
                groups: None,
                scope,
            });
        }
        if resolver.is_grouped() {
            let grouping = resolver.grouping()?;
            let plan = resolver.plan()?;
            let groups = self.groups(&plan, &grouping);
            let shape = Shape::empty(plan.object);
            let total = groups.rows.len();
            return Ok(QueryResult {
                shape,
                rows: IdList::default(),
                total,
                groups: Some(groups),
                scope,
            });
        }
        let shape = resolver.shape()?;
        let plan = resolver.plan()?;
        let rows = self.rows(&plan);
        Ok(QueryResult { shape, total: rows.len(), rows, groups: None, scope })
    }
}

#[cfg(test)]
mod tests;
