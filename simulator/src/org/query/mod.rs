//! Queries: names are looked up (`resolve`), conditions become tests (`filter`), indexes narrow
//! the rows to look at (`access`), and here the rows are found and ordered.

mod access;
mod filter;
mod resolve;

use std::cmp::Ordering;

use super::{Org, QueryResult, Row, Scope, Shape, render::Column};
use crate::{
    ApiError, Id,
    schema::FieldType,
    soql::{self, Item, Query, Select},
    value::Value,
};
use access::Access;
use filter::Filter;

/// The documented bound of OFFSET.
const OFFSET_MAX: u64 = 2000;

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

/// An element of ORDER BY, looked up.
struct SortKey {
    column: Column,
    descending: bool,
    nulls_last: bool,
}

/// A statement, looked up and ready to run.
struct Plan {
    object: usize,
    filter: Filter,
    sort: Vec<SortKey>,
    skip: usize,
    take: usize,
    scope: Scope,
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

    /// Like [`Org::query`] for a Bulk query job, which allows less (no compound or base64 fields,
    /// no OFFSET, no `COUNT()`, no `FIELDS()`).
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
        let refused = |what: &str| {
            let message = format!("{what} not supported in Bulk Query");
            Err(ApiError::request("FUNCTIONALITY_NOT_ENABLED", message))
        };
        match &query.select {
            Select::Count => return refused("Aggregate functions are"),
            Select::Items(items) if items.iter().any(|item| matches!(item, Item::Fields(_))) => {
                return refused("The FIELDS function is");
            }
            Select::Items(_) if query.offset.is_some() => return refused("OFFSET is"),
            Select::Items(_) => {}
        }
        let result = self.run(reader, soql, &query, scope)?;
        let is_opaque = |column: &Column| {
            let field = self.object(column.object).and_then(|object| object.field(column.field));
            field.is_some_and(|field| field.kind.is_compound() || field.kind == FieldType::Base64)
        };
        if result.shape.columns.iter().any(is_opaque) {
            return refused("Selecting compound data");
        }
        Ok(result)
    }

    fn run(
        &self,
        reader: Id,
        soql: &str,
        query: &Query,
        scope: Scope,
    ) -> Result<QueryResult, ApiError> {
        let resolver = self.resolver(reader, soql, query)?;
        let columns = resolver.select(query)?;
        let filter = match &query.condition {
            Some(condition) => resolver.filter(condition)?,
            None => Filter::All(Vec::new()),
        };
        let sort = resolver.order(query)?;
        let offset = query.offset.unwrap_or_default();
        if offset > OFFSET_MAX {
            let message = format!("Maximum SOQL offset allowed is {OFFSET_MAX}");
            return Err(ApiError::request("NUMBER_OUTSIDE_VALID_RANGE", message));
        }
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let plan = Plan {
            object: resolver.object,
            filter,
            sort,
            skip: size(offset),
            take: query.limit.map_or(usize::MAX, size),
            scope,
        };
        let rows = self.rows(&plan);
        let shape = Shape::new(plan.object, columns);
        let total = rows.len();
        let rows = if query.select == Select::Count { Vec::new() } else { rows };
        Ok(QueryResult { shape, rows, total })
    }

    /// The rows of a plan, in order.
    fn rows(&self, plan: &Plan) -> Vec<Id> {
        let (Some(table), Some(object)) = (self.table(plan.object), self.object(plan.object))
        else {
            return Vec::new();
        };
        let is_own = |key: &SortKey, field: Option<usize>| {
            key.column.parents.is_empty() && Some(key.column.field) == field && !key.descending
        };
        let (id, stamp) = (object.system().id, object.system().system_modstamp);
        let by_stamp = match plan.sort.as_slice() {
            [first] => is_own(first, stamp),
            [first, second] => is_own(first, stamp) && is_own(second, id),
            _ => false,
        };
        let by_id = match plan.sort.as_slice() {
            [] => true,
            [only] => is_own(only, id),
            _ => false,
        };
        let access = self.access(plan.object, &plan.filter, by_stamp);
        let is_sorted = if matches!(access, Access::Stamps(_)) { by_stamp } else { by_id };
        let is_wanted = |id: &Id| {
            table.get(*id).is_some_and(|row| {
                (plan.scope == Scope::WithDeleted || row.is_live())
                    && self.matches_filter(plan.object, &row, &plan.filter)
            })
        };
        let found = access.ids(table).filter(is_wanted);
        if is_sorted {
            return found.skip(plan.skip).take(plan.take).collect();
        }
        let mut rows: Vec<Id> = found.collect();
        self.sort(plan, &mut rows);
        rows.into_iter().skip(plan.skip).take(plan.take).collect()
    }

    fn sort(&self, plan: &Plan, rows: &mut [Id]) {
        let keys = |id: &Id| -> Vec<Value> {
            let Some(row) = self.row(plan.object, *id) else { return Vec::new() };
            plan.sort.iter().map(|key| self.sort_value(plan.object, &row, key)).collect()
        };
        rows.sort();
        let mut keyed: Vec<(Vec<Value>, Id)> = rows.iter().map(|id| (keys(id), *id)).collect();
        keyed.sort_by(|(a, _), (b, _)| {
            let parts = plan.sort.iter().zip(a.iter().zip(b));
            parts
                .map(|(key, (a, b))| key.compare(a, b))
                .find(|ordering| ordering.is_ne())
                .unwrap_or(Ordering::Equal)
        });
        for (to, (_, id)) in rows.iter_mut().zip(keyed) {
            *to = id;
        }
    }

    /// What a row is sorted by: text without its case.
    fn sort_value(&self, object: usize, row: &Row, key: &SortKey) -> Value {
        match self.column(object, row, &key.column).into_owned() {
            Value::Text(text) => Value::Text(text.to_lowercase().into()),
            value => value,
        }
    }
}

impl SortKey {
    fn compare(&self, a: &Value, b: &Value) -> Ordering {
        match (a.is_null(), b.is_null()) {
            (true, true) => return Ordering::Equal,
            (true, false) if self.nulls_last => return Ordering::Greater,
            (true, false) => return Ordering::Less,
            (false, true) if self.nulls_last => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        let ordering = order(a, b).unwrap_or(Ordering::Equal);
        if self.descending { ordering.reverse() } else { ordering }
    }
}

#[cfg(test)]
mod tests;
