//! Conditions become filters: operands are looked up, literals are brought into their types.

use super::{
    dates,
    expression::{Expression, Target},
    filter::{Filter, Test, index_key},
    resolve::Resolver,
};
use crate::{
    ApiError, Id,
    schema::FieldType,
    soql::{At, Condition, Literal, Operand, Operator, Piece, error_at},
    value::Value,
};

/// What finds the subject of an operand, and what its values are like.
type LookUp<'a, S> = dyn FnMut(&Operand) -> Result<(S, Target), ApiError> + 'a;

impl Resolver<'_> {
    /// A WHERE clause as a filter of rows.
    pub(super) fn filter(&self, condition: &Condition) -> Result<Filter, ApiError> {
        self.check_joins(condition)?;
        self.filter_with(condition, &mut |operand| self.filterable(operand))
    }

    /// An operand that rows may be filtered by.
    fn filterable(&self, operand: &Operand) -> Result<(Expression, Target), ApiError> {
        let (expression, target) = self.operand(operand)?;
        let Expression::Column(column) = &expression else { return Ok((expression, target)) };
        let field = self.org.object(column.object).and_then(|object| object.field(column.field));
        if field.is_some_and(|field| !field.filterable || field.kind.is_compound()) {
            let message = format!("field '{}' can not be filtered in a query call", target.name);
            return Err(error_at(self.soql, operand.path().at, "INVALID_FIELD", &message));
        }
        Ok((expression, target))
    }

    /// A condition as a filter of whatever `subject` makes of its operands.
    pub(super) fn filter_with<S>(
        &self,
        condition: &Condition,
        subject: &mut LookUp<'_, S>,
    ) -> Result<Filter<S>, ApiError> {
        let (operand, is_join) = match condition {
            Condition::And(parts) => {
                let parts = parts.iter().map(|part| self.filter_with(part, subject));
                return Ok(Filter::All(parts.collect::<Result<_, _>>()?));
            }
            Condition::Or(parts) => {
                let parts = parts.iter().map(|part| self.filter_with(part, subject));
                return Ok(Filter::Any(parts.collect::<Result<_, _>>()?));
            }
            Condition::Not(part) => {
                return Ok(Filter::Not(Box::new(self.filter_with(part, subject)?)));
            }
            Condition::Join { operand, .. } => (operand, true),
            Condition::Compare { operand, .. }
            | Condition::In { operand, .. }
            | Condition::Like { operand, .. }
            | Condition::Includes { operand, .. } => (operand, false),
        };
        let at = operand.path().at;
        let (subject, target) = subject(operand)?;
        let test = match condition {
            Condition::Join { negated, query, .. } if is_join => {
                self.join(operand, *negated, query)?
            }
            _ => self.test(condition, &target, at)?,
        };
        Ok(Filter::Test { subject, is_case_sensitive: target.is_case_sensitive, test })
    }

    fn test(&self, condition: &Condition, target: &Target, at: At) -> Result<Test, ApiError> {
        match condition {
            Condition::Compare { operator, literal, .. } => {
                self.compare(target, at, *operator, literal)
            }
            Condition::In { negated, literals, .. } => self.listed(target, at, *negated, literals),
            Condition::Like { pattern, .. } => {
                if !target.kind.is_text() {
                    let message = format!("invalid operator on {} field", target.type_name);
                    return Err(self.wrong_operator(at, &message));
                }
                let fold = |piece: &Piece| match piece {
                    Piece::Text(text) => Piece::Text(folded(target, text)),
                    piece => piece.clone(),
                };
                Ok(Test::Like(pattern.iter().map(fold).collect()))
            }
            Condition::Includes { negated, texts, .. } => {
                if target.kind != FieldType::Multipicklist {
                    let message = format!(
                        "includes or excludes operator only valid on multipicklist field: {}",
                        target.name
                    );
                    return Err(self.wrong_operator(at, &message));
                }
                let set =
                    |text: &String| text.split(';').map(|value| folded(target, value)).collect();
                Ok(Test::Includes { negated: *negated, sets: texts.iter().map(set).collect() })
            }
            // The callers take these apart.
            Condition::And(_) | Condition::Or(_) | Condition::Not(_) | Condition::Join { .. } => {
                Err(self.malformed(at, "unexpected condition"))
            }
        }
    }

    fn compare(
        &self,
        target: &Target,
        at: At,
        operator: Operator,
        literal: &Literal,
    ) -> Result<Test, ApiError> {
        if matches!(literal, Literal::Relative(_)) {
            let (start, end) = self.span(target, at, literal)?;
            return Ok(Test::Span(operator, start, end));
        }
        let is_ordered = !matches!(operator, Operator::Equal | Operator::NotEqual);
        if is_ordered && matches!(target.kind, FieldType::Boolean | FieldType::Multipicklist) {
            let message = format!("invalid operator on {} field", target.type_name);
            return Err(self.wrong_operator(at, &message));
        }
        Ok(Test::Compare(operator, self.typed(target, at, literal)?))
    }

    fn listed(
        &self,
        target: &Target,
        at: At,
        negated: bool,
        literals: &[Literal],
    ) -> Result<Test, ApiError> {
        let mut values = Vec::with_capacity(literals.len());
        let mut spans = Vec::new();
        for literal in literals {
            if matches!(literal, Literal::Relative(_)) {
                spans.push(self.span(target, at, literal)?);
            } else {
                values.push(self.typed(target, at, literal)?);
            }
        }
        let keys = values.iter().filter_map(index_key).collect();
        Ok(Test::In { negated, values, keys, spans })
    }

    /// What a relative date covers: from the first value, inclusive, to the second, exclusive.
    fn span(&self, target: &Target, at: At, literal: &Literal) -> Result<(Value, Value), ApiError> {
        let Literal::Relative(relative) = literal else {
            return Err(self.wrong_literal(target, at));
        };
        let (start, end) = dates::days(*relative, self.org.now().date_naive());
        match target.kind {
            FieldType::Date => Ok((Value::Date(start), Value::Date(end))),
            FieldType::Datetime => {
                Ok((Value::Moment(dates::midnight(start)), Value::Moment(dates::midnight(end))))
            }
            _ => Err(self.wrong_literal(target, at)),
        }
    }

    /// A literal as a value of the target.
    fn typed(&self, target: &Target, at: At, literal: &Literal) -> Result<Value, ApiError> {
        let value = match (target.kind, literal) {
            (_, Literal::Null) => Some(Value::Null),
            (FieldType::Boolean, Literal::Bool(value)) => Some(Value::Bool(*value)),
            (FieldType::Int | FieldType::Number, Literal::Number(number)) => {
                Some(Value::Number(*number))
            }
            (FieldType::Date, Literal::Date(date)) => Some(Value::Date(*date)),
            (FieldType::Time, Literal::Time(time)) => Some(Value::Time(*time)),
            (FieldType::Datetime, Literal::Moment(moment)) => Some(Value::Moment(*moment)),
            (FieldType::Id | FieldType::Reference, Literal::Text(text)) if text.is_empty() => {
                Some(Value::Null)
            }
            (FieldType::Id | FieldType::Reference, Literal::Text(text)) => {
                let id = Id::from_text(text)
                    .ok_or_else(|| self.wrong_operator(at, &format!("invalid ID field: {text}")))?;
                Some(Value::Id(id))
            }
            (kind, Literal::Text(text)) if kind.is_text() => {
                let text = folded(target, text);
                Some(if text.is_empty() { Value::Null } else { Value::Text(text.into()) })
            }
            _ => None,
        };
        value.ok_or_else(|| self.wrong_literal(target, at))
    }
}

/// Text as the target compares it.
fn folded(target: &Target, text: &str) -> String {
    if target.is_case_sensitive { text.to_owned() } else { text.to_lowercase() }
}
