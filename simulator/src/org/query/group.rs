//! The SELECT list of a query with groups, looked up: GROUP BY, aggregates, HAVING.

use super::{
    expression::{Expression, Style, Target},
    filter::Filter,
    plan::Direction,
    resolve::Resolver,
};
use crate::{
    ApiError,
    schema::FieldType,
    soql::{Aggregate, Item, Operand, Order, Path, Select, Totals},
};

/// How many fields ROLLUP and CUBE take.
const TOTALS_MAX: usize = 3;

/// Where the value of a column of a group comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// What the rows have in common, by number.
    Key(usize),
    /// What is computed of them, by number.
    Sum(usize),
    /// Whether this key is summed over.
    Grouping(usize),
}

/// A column of the answer.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// As the statement says it.
    pub(super) display: String,
    pub(super) slot: Slot,
    pub(super) style: Option<Style>,
}

/// A function over the rows of a group.
#[derive(Debug)]
pub(super) struct Sum {
    pub(super) function: Aggregate,
    pub(super) expression: Expression,
    /// What is summed has so many digits behind the point; `None` for whole numbers.
    pub(super) scale: Option<usize>,
}

/// What is made of the rows of a plan.
#[derive(Debug)]
pub(super) struct Grouping {
    pub(super) keys: Vec<(Expression, Target)>,
    pub(super) sums: Vec<(Sum, Target)>,
    pub(super) totals: Totals,
    /// Whether there is one group of all rows, even when there are none.
    pub(super) is_single: bool,
    pub(super) columns: Vec<Column>,
    pub(super) having: Option<Filter<(Slot, Option<Style>)>>,
    pub(super) sort: Vec<(Slot, Direction)>,
}

impl Resolver<'_> {
    /// Whether the query answers groups, not rows.
    pub(super) fn is_grouped(&self) -> bool {
        let is_aggregate =
            |item: &Item| matches!(item, Item::Value(operand, _) if operand.is_aggregate());
        self.query.group.is_some()
            || matches!(&self.query.select, Select::Items(items) if items.iter().any(is_aggregate))
    }

    pub(super) fn grouping(&self) -> Result<Grouping, ApiError> {
        let group = self.query.group.as_ref();
        let mut grouping = Grouping {
            keys: Vec::new(),
            sums: Vec::new(),
            totals: group.map_or(Totals::None, |group| group.totals),
            is_single: group.is_none(),
            columns: Vec::new(),
            having: None,
            sort: Vec::new(),
        };
        if group.is_none() && self.query.limit.is_some() {
            let message =
                "Non-grouped query that uses overall aggregate functions cannot also use LIMIT";
            return Err(ApiError::request("MALFORMED_QUERY", message));
        }
        if self.query.select == Select::Count {
            let message = "Grouped query cannot use COUNT() without a field";
            return Err(ApiError::request("MALFORMED_QUERY", message));
        }
        let by = group.map(|group| group.by.as_slice()).unwrap_or_default();
        if let Some(too_many) = by.get(TOTALS_MAX)
            && grouping.totals != Totals::None
        {
            let message = format!("ROLLUP and CUBE take at most {TOTALS_MAX} fields");
            return Err(self.malformed(too_many.path().at, &message));
        }
        for operand in by {
            grouping.keys.push(self.key(operand)?);
        }
        if let Select::Items(items) = &self.query.select {
            self.group_columns(&mut grouping, items)?;
        }
        if let Some(having) = &self.query.having {
            let mut subject = |operand: &Operand| {
                let (slot, style, target) = self.slot(&mut grouping, operand, "Field")?;
                Ok(((slot, style), target))
            };
            let filter = self.filter_with(having, &mut subject)?;
            grouping.having = Some(filter);
        }
        for Order { operand, descending, nulls_last } in &self.query.order {
            let (slot, ..) = self.slot(&mut grouping, operand, "Ordered field")?;
            let direction = Direction { descending: *descending, nulls_last: *nulls_last };
            grouping.sort.push((slot, direction));
        }
        Ok(grouping)
    }

    /// What rows of a group have in common.
    fn key(&self, operand: &Operand) -> Result<(Expression, Target), ApiError> {
        let at = operand.path().at;
        let (expression, target) = self.operand(operand)?;
        let is_groupable = match &expression {
            Expression::Column(column) => self.is("groupable", column.object, column.field),
            Expression::Date(..) | Expression::TypeName(_) => true,
            _ => false,
        };
        if is_groupable {
            return Ok((expression, target));
        }
        let message = format!("field '{}' can not be grouped in a query call", target.name);
        Err(self.malformed(at, &message))
    }

    fn is(&self, attribute: &str, object: usize, field: usize) -> bool {
        let field = self.org.object(object).and_then(|object| object.field(field));
        let value = field.and_then(|field| field.described.get(attribute));
        value.and_then(serde_json::Value::as_bool).unwrap_or_default()
    }

    fn group_columns(&self, grouping: &mut Grouping, items: &[Item]) -> Result<(), ApiError> {
        let mut unnamed = 0;
        for item in items {
            let (operand, alias) = match item {
                Item::Value(operand, alias) => (operand, alias.clone()),
                Item::Fields(_, at) => {
                    let message = "The SOQL FIELDS function is not supported with GROUP BY";
                    return Err(self.malformed(*at, message));
                }
                Item::Children(query) => {
                    let message = "sub-selects are not supported in aggregate queries";
                    return Err(self.malformed(query.from_at, message));
                }
                Item::TypeOf(type_of) => {
                    let message = "TYPEOF is not supported in aggregate queries";
                    return Err(self.malformed(type_of.path.at, message));
                }
            };
            let (slot, style, target) = self.slot(grouping, operand, "Field")?;
            let name = match (alias, operand) {
                (Some(alias), _) => alias,
                (None, Operand::Path(_)) => target.name,
                (None, _) => {
                    unnamed += 1;
                    format!("expr{}", unnamed - 1)
                }
            };
            let is_same = |column: &Column| column.name.eq_ignore_ascii_case(&name);
            if grouping.columns.iter().any(is_same) {
                let message = format!("duplicate alias: {name}");
                return Err(self.malformed(operand.path().at, &message));
            }
            let display = operand.to_string();
            grouping.columns.push(Column { name, display, slot, style });
        }
        Ok(())
    }

    /// Where the value of an operand comes from; what is new and aggregated is added.
    fn slot(
        &self,
        grouping: &mut Grouping,
        operand: &Operand,
        role: &str,
    ) -> Result<(Slot, Option<Style>, Target), ApiError> {
        match operand {
            Operand::Format(inner) => {
                let (slot, _, target) = self.slot(grouping, inner, role)?;
                let style = target.style();
                Ok((slot, Some(style), target.with(FieldType::Text, "string")))
            }
            Operand::Grouping(path) => {
                let (expression, target) = self.path(path)?;
                let key = grouping.keys.iter().position(|(known, _)| *known == expression);
                let key = key.filter(|_| grouping.totals != Totals::None);
                let key = key.ok_or_else(|| {
                    let message = format!("GROUPING needs a field of ROLLUP or CUBE: {path}");
                    self.malformed(path.at, &message)
                })?;
                Ok((Slot::Grouping(key), None, target.with(FieldType::Int, "int")))
            }
            Operand::Aggregate(function, path) => {
                let (sum, target) = self.sum(*function, path)?;
                let known = grouping.sums.iter().position(|(known, _)| {
                    known.function == sum.function && known.expression == sum.expression
                });
                let number = known.unwrap_or(grouping.sums.len());
                if known.is_none() {
                    grouping.sums.push((sum, target.clone()));
                }
                Ok((Slot::Sum(number), None, target))
            }
            _ => {
                let (expression, target) = self.operand(operand)?;
                let key = grouping.keys.iter().position(|(known, _)| *known == expression);
                let key = key.ok_or_else(|| {
                    let path = operand.path();
                    let message = format!("{role} must be grouped or aggregated: {}", target.name);
                    self.malformed(path.at, &message)
                })?;
                Ok((Slot::Key(key), None, target))
            }
        }
    }

    fn sum(&self, function: Aggregate, path: &Path) -> Result<(Sum, Target), ApiError> {
        let (column, field) = self.field(path)?;
        let target = Target::of(field);
        let is_number = matches!(field.kind, FieldType::Int | FieldType::Number);
        let fits = match function {
            Aggregate::Sum | Aggregate::Avg => is_number,
            Aggregate::Count => !field.kind.is_compound() && field.kind != FieldType::Base64,
            _ => true,
        };
        let is_aggregatable = self.is("aggregatable", column.object, column.field);
        if !fits || !is_aggregatable {
            let message = format!(
                "field {} does not support aggregate operator {}",
                field.name,
                function.name()
            );
            return Err(self.malformed(path.at, &message));
        }
        let scale = (field.kind == FieldType::Number).then_some(field.scale);
        let target = match function {
            Aggregate::Count | Aggregate::CountDistinct => target.with(FieldType::Int, "int"),
            Aggregate::Avg => target.with(FieldType::Number, &field.type_name),
            _ => target,
        };
        Ok((Sum { function, expression: Expression::Column(column), scale }, target))
    }
}
