//! How the rows of one SELECT are found and ordered.

use std::cmp::Ordering;

use super::{
    access::Access,
    expression::Expression,
    filter::{Filter, Test},
    order,
    resolve::Resolver,
};
use crate::{
    ApiError, Id,
    org::{Org, Row, Scope, shape::own_columns},
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

impl Org {
    /// The ids of a plan's rows, in order.
    pub(super) fn rows(&self, plan: &Plan) -> Vec<Id> {
        let (Some(table), Some(object)) = (self.table(plan.object), self.object(plan.object))
        else {
            return Vec::new();
        };
        let is_own = |key: &SortKey, field: Option<usize>| {
            let Expression::Column(column) = &key.expression else { return false };
            column.parents.is_empty() && Some(column.field) == field && !key.direction.descending
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
        let is_wanted = |id: &Id| table.get(*id).is_some_and(|row| self.is_wanted(plan, *id, &row));
        let found = access.ids(table).filter(is_wanted);
        if is_sorted {
            return found.skip(plan.skip).take(plan.take).collect();
        }
        self.sorted(plan, found.collect())
    }

    /// The rows of a plan among the children of a parent.
    pub(super) fn rows_of(&self, plan: &Plan, link: usize, parent: Id) -> Vec<Id> {
        let Some(table) = self.table(plan.object) else { return Vec::new() };
        let parent = Value::Id(parent);
        let is_wanted = |id: &Id| {
            let row = table.get(*id).filter(|row| *row.value(link) == parent);
            row.is_some_and(|row| self.is_wanted(plan, *id, &row))
        };
        let found: Vec<Id> = if table.is_indexed(link) {
            table.with_value(link, &parent).filter(is_wanted).collect()
        } else {
            table.ids(Id::MIN..=Id::MAX).filter(is_wanted).collect()
        };
        self.sorted(plan, found)
    }

    /// How many rows a plan has.
    pub(super) fn count(&self, plan: &Plan) -> usize {
        let Some(table) = self.table(plan.object) else { return 0 };
        let is_everything = matches!(&plan.filter, Filter::All(parts) if parts.is_empty());
        let all = if is_everything && self.sees_all_rows(plan.reader, plan.object) {
            match plan.scope {
                Scope::Live => table.live_count(),
                Scope::WithDeleted => table.count(),
            }
        } else {
            let access = self.access(plan.object, &plan.filter, false);
            let is_wanted =
                |id: &Id| table.get(*id).is_some_and(|row| self.is_wanted(plan, *id, &row));
            access.ids(table).filter(is_wanted).count()
        };
        all.saturating_sub(plan.skip).min(plan.take)
    }

    /// Shows every row that satisfies a plan's condition, in no order, whatever its LIMIT.
    pub(super) fn each_row(&self, plan: &Plan, show: &mut dyn FnMut(&Row)) {
        let Some(table) = self.table(plan.object) else { return };
        let access = self.access(plan.object, &plan.filter, false);
        for id in access.ids(table) {
            if let Some(row) = table.get(id).filter(|row| self.is_wanted(plan, id, row)) {
                show(&row);
            }
        }
    }

    fn is_wanted(&self, plan: &Plan, id: Id, row: &Row) -> bool {
        (plan.scope == Scope::WithDeleted || row.is_live())
            && self.matches_filter(plan.object, row, &plan.filter)
            && self.can_see_row(plan.reader, plan.object, id)
    }

    /// Rows in the order of a plan, and those of them that its OFFSET and LIMIT leave.
    fn sorted(&self, plan: &Plan, mut rows: Vec<Id>) -> Vec<Id> {
        rows.sort_unstable();
        if !plan.sort.is_empty() {
            let keys = |id: &Id| -> Vec<Value> {
                let Some(row) = self.row(plan.object, *id) else { return Vec::new() };
                let value = |key: &SortKey| self.express(plan.object, &row, &key.expression);
                plan.sort.iter().map(|key| sortable(value(key).into_owned())).collect()
            };
            let mut keyed: Vec<(Vec<Value>, Id)> = rows.iter().map(|id| (keys(id), *id)).collect();
            let directions: Vec<Direction> = plan.sort.iter().map(|key| key.direction).collect();
            keyed.sort_by(|(a, _), (b, _)| compare(&directions, a, b));
            rows = keyed.into_iter().map(|(_, id)| id).collect();
        }
        rows.into_iter().skip(plan.skip).take(plan.take).collect()
    }
}

/// What a value is sorted by: text without its case.
pub(super) fn sortable(value: Value) -> Value {
    match value {
        Value::Text(text) => Value::Text(text.to_lowercase().into()),
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
