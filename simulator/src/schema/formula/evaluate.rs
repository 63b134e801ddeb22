//! Computing a formula: operators, and what blank, equal and less mean.

use std::cmp::Ordering;

use super::{Formula, Operator, Surroundings, functions, moments};
use crate::{Id, value::Value};

pub(super) fn evaluate(formula: &Formula, around: &dyn Surroundings) -> Value {
    match formula {
        Formula::Constant(value) => value.clone(),
        Formula::Field(path) => around.field(path),
        Formula::Negative(inner) => number(evaluate(inner, around).as_number().map(|n| -n)),
        Formula::Not(inner) => Value::Bool(!is_true(&evaluate(inner, around))),
        Formula::Call(name, arguments) => functions::call(name, arguments, around),
        Formula::Binary(left, operator, right) => {
            let left = evaluate(left, around);
            match operator {
                Operator::And if !is_true(&left) => return Value::Bool(false),
                Operator::Or if is_true(&left) => return Value::Bool(true),
                _ => {}
            }
            binary(&left, *operator, &evaluate(right, around))
        }
    }
}

fn binary(left: &Value, operator: Operator, right: &Value) -> Value {
    use Operator as O;
    let ordered = |wanted: &[Ordering]| {
        Value::Bool(compare(left, right).is_some_and(|found| wanted.contains(&found)))
    };
    match operator {
        O::And | O::Or => Value::Bool(is_true(right)),
        O::Equal => Value::Bool(is_equal(left, right)),
        O::NotEqual => Value::Bool(!is_equal(left, right)),
        O::Less => ordered(&[Ordering::Less]),
        O::LessOrEqual => ordered(&[Ordering::Less, Ordering::Equal]),
        O::Greater => ordered(&[Ordering::Greater]),
        O::GreaterOrEqual => ordered(&[Ordering::Greater, Ordering::Equal]),
        O::Join => Value::Text((text(left) + &text(right)).into()),
        O::Add | O::Subtract | O::Multiply | O::Divide | O::Power => {
            calculate(left, operator, right)
        }
    }
}

fn calculate(left: &Value, operator: Operator, right: &Value) -> Value {
    if let Some(value) = moments::calculate(left, operator, right) {
        return value;
    }
    if operator == Operator::Add && (left.as_text().is_some() || right.as_text().is_some()) {
        return Value::Text((text(left) + &text(right)).into());
    }
    let (Some(left), Some(right)) = (left.as_number(), right.as_number()) else {
        return Value::Null;
    };
    number(Some(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Power => left.powf(right),
        _ => left / right,
    }))
}

/// A number, if it is one that can be shown.
pub(super) fn number(number: Option<f64>) -> Value {
    number.filter(|number| number.is_finite()).map_or(Value::Null, Value::Number)
}

pub(super) fn is_true(value: &Value) -> bool {
    *value == Value::Bool(true)
}

/// Empty text is blank, as null is.
pub(super) fn is_blank(value: &Value) -> bool {
    value.is_null() || value.as_text().is_some_and(str::is_empty)
}

/// Whether two values are the same; blanks are, and an id equals its text of 15 or 18 characters.
pub(super) fn is_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        _ if is_blank(left) || is_blank(right) => is_blank(left) && is_blank(right),
        (Value::Id(id), Value::Text(text)) | (Value::Text(text), Value::Id(id)) => {
            Id::from_text(text) == Some(*id)
        }
        _ => compare(left, right) == Some(Ordering::Equal),
    }
}

/// The order of two values of one type.
pub(super) fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (Value::Id(left), Value::Id(right)) => Some(left.cmp(right)),
        (Value::Date(left), Value::Date(right)) => Some(left.cmp(right)),
        (Value::Time(left), Value::Time(right)) => Some(left.cmp(right)),
        (Value::Moment(left), Value::Moment(right)) => Some(left.cmp(right)),
        _ => left.as_number()?.partial_cmp(&right.as_number()?),
    }
}

/// A value as `TEXT` writes it; null is empty.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        Value::Moment(moment) => moment.format("%Y-%m-%d %H:%M:%SZ").to_string(),
        other => other.to_cell(),
    }
}
