//! How the rows of one SELECT are found and ordered.

use std::cmp::Ordering;

use super::{
    expression::Expression,
    filter::{Filter, Test},
    order,
    resolve::Resolver,
};
use crate::{
    ApiError, Id,
    org::{Scope, shape::own_columns},
    soql::{Operator, error_at},
    value::Value,
};

/// The documented bound of OFFSET.
const OFFSET_MAX: u64 = 2000;

/// Scopes of `USING SCOPE`.
const SCOPES: [&str; 8] = [
    "delegated",
    "everything",
    "mine",
    "mine_and_my_groups",
    "my_territory",
    "my_team_territory",
    "scopingRule",
    "team",
];

/// An element of ORDER BY, looked up.
#[derive(Debug)]
pub(in crate::org) struct SortKey {
    pub(super) expression: Expression,
    pub(super) direction: Direction,
}

/// Which way values go.
#[derive(Debug, Clone, Copy)]
pub(in crate::org) struct Direction {
    pub(super) descending: bool,
    pub(super) nulls_last: bool,
}

/// A SELECT, looked up and ready to run.
#[derive(Debug)]
pub(in crate::org) struct Plan {
    pub(super) object: usize,
    pub(super) filter: Filter,
    pub(super) sort: Vec<SortKey>,
    pub(super) skip: usize,
    pub(super) take: usize,
    pub(super) scope: Scope,
    pub(super) reader: Id,
}

impl Resolver<'_> {
    /// The plan of the query's rows; of those that its groups are made of, when it has groups.
    pub(super) fn plan(&self) -> Result<Plan, ApiError> {
        let query = self.query;
        let mut parts = Vec::new();
        if let Some(condition) = &query.condition {
            parts.push(self.filter(condition)?);
        }
        parts.extend(self.using_scope()?);
        let filter = match parts.pop() {
            Some(only) if parts.is_empty() => only,
            last => Filter::All(parts.into_iter().chain(last).collect()),
        };
        let offset = query.offset.unwrap_or_default();
        if offset > OFFSET_MAX {
            let message = format!("Maximum SOQL offset allowed is {OFFSET_MAX}");
            return Err(ApiError::request("NUMBER_OUTSIDE_VALID_RANGE", message));
        }
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        Ok(Plan {
            object: self.object,
            filter,
            sort: if self.is_grouped() { Vec::new() } else { self.sort_keys()? },
            skip: size(offset),
            take: query.limit.map_or(usize::MAX, size),
            scope: self.scope,
            reader: self.reader(),
        })
    }

    fn using_scope(&self) -> Result<Option<Filter>, ApiError> {
        let Some((scope, at)) = &self.query.scope else { return Ok(None) };
        if !SCOPES.iter().any(|known| known.eq_ignore_ascii_case(scope)) {
            let message = format!("Unknown filter scope: {scope}");
            return Err(error_at(self.soql, *at, "INVALID_QUERY_SCOPE", &message));
        }
        let object = self.org.object(self.object);
        let owner = object.and_then(|object| Some((object, object.system().owner_id?)));
        let Some((object, owner)) =
            owner.filter(|_| scope.to_ascii_lowercase().starts_with("mine"))
        else {
            return Ok(None);
        };
        let column = own_columns(self.object, object, &[owner]).pop();
        Ok(column.map(|column| Filter::Test {
            subject: Expression::Column(column),
            is_case_sensitive: false,
            test: Test::Compare(Operator::Equal, Value::Id(self.reader())),
        }))
    }

    fn sort_keys(&self) -> Result<Vec<SortKey>, ApiError> {
        let key = |order: &crate::soql::Order| {
            let (expression, target) = self.operand(&order.operand)?;
            if let Expression::Column(column) = &expression {
                let object = self.org.object(column.object);
                let field = object.and_then(|object| object.field(column.field));
                if field.is_some_and(|field| !field.sortable) {
                    let message =
                        format!("field '{}' can not be sorted in a query call", target.name);
                    return Err(self.malformed(order.operand.path().at, &message));
                }
            }
            let direction =
                Direction { descending: order.descending, nulls_last: order.nulls_last };
            Ok(SortKey { expression, direction })
        };
        self.query.order.iter().map(key).collect()
    }
}

/// What a value is sorted by: text without its case.
pub(super) fn sortable(value: Value) -> Value {
    match value {
        Value::Text(text) => Value::Text(text.to_lowercase()),
        value => value,
    }
}

/// Compares the keys of two rows.
pub(super) fn compare(directions: &[Direction], a: &[Value], b: &[Value]) -> Ordering {
    let parts = directions.iter().zip(a.iter().zip(b));
    let unequal = parts.map(|(direction, (a, b))| direction.compare(a, b));
    unequal.into_iter().find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
}

impl Direction {
    fn compare(self, a: &Value, b: &Value) -> Ordering {
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
