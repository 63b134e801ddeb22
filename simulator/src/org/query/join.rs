//! Semi-joins and anti-joins: `Id IN (SELECT AccountId FROM Contact …)` and `NOT IN`.

use std::collections::BTreeSet;

use super::{
    expression::Expression,
    filter::{Test, index_key},
    plan::Plan,
    resolve::Resolver,
};
use crate::{
    ApiError,
    schema::FieldType,
    soql::{At, Condition, Item, Operand, Query, Select},
    value::Value,
};

/// How many joins one WHERE may have.
const JOINS_MAX: usize = 2;

impl Resolver<'_> {
    /// Refuses joins where Salesforce does: joined by OR or NOT, in inner conditions, or too many.
    pub(super) fn check_joins(&self, condition: &Condition) -> Result<(), ApiError> {
        let mut joins = Vec::new();
        gather(condition, &mut joins);
        let Some(first) = joins.first() else { return Ok(()) };
        if self.is_join {
            return Err(self.malformed(*first, "Nesting of semi join sub-selects is not supported"));
        }
        if let Some(third) = joins.get(JOINS_MAX) {
            let message = format!("Maximum {JOINS_MAX} semi join sub-selects are allowed");
            return Err(self.malformed(*third, &message));
        }
        let is_join = |part: &Condition| matches!(part, Condition::Join { .. });
        let is_plain = |part: &Condition| is_join(part) || !has_join(part);
        match condition {
            Condition::And(parts) if parts.iter().all(is_plain) => Ok(()),
            Condition::Or(parts) if parts.iter().any(is_join) => {
                let message = "Semi join sub-selects are not allowed with the 'OR' operator";
                Err(self.malformed(*first, message))
            }
            Condition::Not(_) => {
                let message = "Semi join sub-selects are not allowed with the 'NOT' operator";
                Err(self.malformed(*first, message))
            }
            condition if is_join(condition) => Ok(()),
            _ => {
                let message = "Semi join sub-selects are only allowed at the top level WHERE \
                               expressions and not in nested WHERE expressions.";
                Err(self.malformed(*first, message))
            }
        }
    }

    /// The test of a join: the ids that the inner SELECT finds.
    pub(super) fn join(
        &self,
        operand: &Operand,
        negated: bool,
        query: &Query,
    ) -> Result<Test, ApiError> {
        let at = operand.path().at;
        let objects = self.identified(operand).ok_or_else(|| {
            let message = format!(
                "The left operand field in the where expression for outer query should be an id \
                 field, cannot use: '{}'",
                operand.path()
            );
            self.malformed(at, &message)
        })?;
        let object = self.names.object(&query.from);
        let object = object
            .ok_or_else(|| super::wording::no_such_object(self.soql, query.from_at, &query.from))?;
        let inner = Resolver { is_join: true, ..self.within(object, query) };
        if object == self.object {
            let message = "The inner and outer selects should not be on the same object type";
            return Err(self.malformed(query.from_at, message));
        }
        let (expression, others) = inner.joined_field(query)?;
        if !objects.iter().any(|object| others.contains(object)) {
            let (inner_name, outer) = (joined_name(query), operand.path());
            let message = format!(
                "The selected field '{inner_name}' in the subquery and the left operand field in \
                 the where expression in the outer query '{outer}' should point to the same object \
                 type"
            );
            return Err(self.malformed(at, &message));
        }
        let plan = inner.plan()?;
        let values = self.joined_values(&plan, &expression);
        let keys = values.iter().filter_map(index_key).collect();
        Ok(Test::In { negated, values, keys, spans: Vec::new() })
    }

    fn joined_values(&self, plan: &Plan, expression: &Expression) -> Vec<Value> {
        let mut ids = BTreeSet::new();
        self.org.each_row(plan, &[expression], &mut |row| {
            ids.extend(self.org.express(plan.object, row, expression).as_id());
        });
        ids.into_iter().map(Value::Id).collect()
    }

    /// The one field that an inner SELECT has, and the objects whose ids it holds.
    fn joined_field(&self, query: &Query) -> Result<(Expression, Vec<usize>), ApiError> {
        if !query.order.is_empty() || query.limit.is_some() || query.offset.is_some() {
            let message = "ORDER BY, LIMIT and OFFSET are not allowed in semi join sub-selects";
            return Err(self.malformed(query.from_at, message));
        }
        let operand = match &query.select {
            Select::Items(items) => match items.as_slice() {
                [Item::Value(operand @ Operand::Path(_), None)] => Some(operand),
                _ => None,
            },
            Select::Count => None,
        };
        let Some(operand) = operand.filter(|_| query.group.is_none()) else {
            let message = "Semi join sub-selects must select exactly one id field";
            return Err(self.malformed(query.from_at, message));
        };
        let (expression, _) = self.operand(operand)?;
        let objects = self.identified(operand).ok_or_else(|| {
            let path = operand.path();
            let message =
                format!("Semi join sub-select can only query id fields, cannot use: '{path}'");
            self.malformed(path.at, &message)
        })?;
        Ok((expression, objects))
    }

    /// The objects whose ids an operand holds; `None` when it holds no ids.
    fn identified(&self, operand: &Operand) -> Option<Vec<usize>> {
        let Operand::Path(path) = operand else { return None };
        let (column, field) = self.field(path).ok()?;
        match field.kind {
            FieldType::Id => Some(vec![column.object]),
            FieldType::Reference => {
                let schema = &self.org.schema;
                Some(field.reference_to.iter().filter_map(|name| schema.number(name)).collect())
            }
            _ => None,
        }
    }
}

fn joined_name(query: &Query) -> String {
    match &query.select {
        Select::Items(items) => items.first().map(ToString::to_string).unwrap_or_default(),
        Select::Count => String::new(),
    }
}

/// Where the joins of a condition stand.
fn gather(condition: &Condition, joins: &mut Vec<At>) {
    match condition {
        Condition::And(parts) | Condition::Or(parts) => {
            for part in parts {
                gather(part, joins);
            }
        }
        Condition::Not(part) => gather(part, joins),
        Condition::Join { operand, .. } => joins.push(operand.path().at),
        _ => {}
    }
}

fn has_join(condition: &Condition) -> bool {
    let mut joins = Vec::new();
    gather(condition, &mut joins);
    !joins.is_empty()
}
