//! Looks up the names of a statement and brings its literals into the types of their fields.

use chrono::{Datelike, Days, NaiveDate, NaiveTime};

use super::{
    SortKey,
    filter::{Filter, Test, index_key},
};
use crate::{
    ApiError, Id,
    org::{
        Org,
        render::{Column, Step, own_columns},
    },
    schema::{Field, FieldType},
    soql::{
        At, Condition, FieldGroup, Item, Literal, Operator, Path, Piece, Query, Relative, Select,
        error_at,
    },
    value::Value,
};

/// How many relationships a path may follow.
const PARENTS_MAX: usize = 5;
/// `FIELDS(ALL)` and `FIELDS(CUSTOM)` need a LIMIT of at most this.
const FIELDS_LIMIT_MAX: u64 = 200;
const CUSTOM_HINT: &str =
    "Please reference your WSDL or the describe call for the appropriate names.";

pub(super) struct Resolver<'a> {
    org: &'a Org,
    /// Who asks.
    #[expect(dead_code, reason = "everyone may read everything yet")]
    reader: Id,
    soql: &'a str,
    /// The object queried.
    pub(super) object: usize,
}

impl Org {
    pub(super) fn resolver<'a>(
        &'a self,
        reader: Id,
        soql: &'a str,
        query: &Query,
    ) -> Result<Resolver<'a>, ApiError> {
        let object = self
            .schema
            .number(&query.from)
            .filter(|number| self.object(*number).is_some_and(|object| object.is("queryable")));
        let object = object.ok_or_else(|| {
            let message = format!(
                "sObject type '{}' is not supported. If you are attempting to use a custom object, \
                 be sure to append the '__c' after the entity name. {CUSTOM_HINT}",
                query.from
            );
            error_at(soql, query.from_at, "INVALID_TYPE", &message)
        })?;
        Ok(Resolver { org: self, reader, soql, object })
    }
}

impl Resolver<'_> {
    pub(super) fn select(&self, query: &Query) -> Result<Vec<Column>, ApiError> {
        let Select::Items(items) = &query.select else { return Ok(Vec::new()) };
        let mut columns = Vec::new();
        for item in items {
            match item {
                Item::Path(path) => columns.push(self.path(path)?),
                Item::Fields(group) => columns.extend(self.group(*group, query.limit)?),
            }
        }
        for (position, column) in columns.iter().enumerate() {
            if columns.iter().take(position).any(|other| other == column) {
                let message = format!("duplicate field selected: {}", column.names.join("."));
                return Err(ApiError::request("MALFORMED_QUERY", message));
            }
        }
        Ok(columns)
    }

    fn group(&self, group: FieldGroup, limit: Option<u64>) -> Result<Vec<Column>, ApiError> {
        if group != FieldGroup::Standard && limit.is_none_or(|limit| limit > FIELDS_LIMIT_MAX) {
            let message =
                format!("The SOQL FIELDS function must have a LIMIT of at most {FIELDS_LIMIT_MAX}");
            return Err(ApiError::request("MALFORMED_QUERY", message));
        }
        let Some(object) = self.org.object(self.object) else { return Ok(Vec::new()) };
        let is_in = |field: &Field| match group {
            FieldGroup::All => true,
            FieldGroup::Custom => field.custom,
            FieldGroup::Standard => !field.custom,
        };
        let numbers = object.fields().iter().enumerate().filter(|(_, field)| is_in(field));
        let numbers: Vec<usize> = numbers.map(|(number, _)| number).collect();
        Ok(own_columns(self.object, object, &numbers))
    }

    fn path(&self, path: &Path) -> Result<Column, ApiError> {
        let unknown = ApiError::unknown_object;
        let root = self.org.object(self.object).ok_or_else(unknown)?;
        let mut names = path.names.as_slice();
        if let [first, rest @ ..] = names
            && !rest.is_empty()
            && first.eq_ignore_ascii_case(root.name())
            && root.relationship(first).is_none()
        {
            names = rest;
        }
        let (last, parents) = names.split_last().ok_or_else(unknown)?;
        if parents.len() > PARENTS_MAX {
            let message =
                format!("SOQL relationship paths have at most {PARENTS_MAX} relationships");
            return Err(error_at(self.soql, path.at, "MALFORMED_QUERY", &message));
        }
        let mut column =
            Column { parents: Vec::new(), object: self.object, field: 0, names: Vec::new() };
        for (position, name) in parents.iter().enumerate() {
            let next = names.get(position + 1).unwrap_or(last);
            let is_last = position + 1 == parents.len();
            self.step(&mut column, name, (next, is_last), path.at)?;
        }
        let object = self.org.object(column.object).ok_or_else(unknown)?;
        let number = object.number(last).ok_or_else(|| {
            let message = format!(
                "No such column '{last}' on entity '{}'. If you are attempting to use a custom \
                 field, be sure to append the '__c' after the custom field name. {CUSTOM_HINT}",
                object.name()
            );
            error_at(self.soql, path.at, "INVALID_FIELD", &message)
        })?;
        column.field = number;
        column
            .names
            .push(object.field(number).map_or_else(|| last.clone(), |field| field.name.clone()));
        Ok(column)
    }

    /// Follows one relationship; where it may lead to several objects, to one that has `next`.
    fn step(
        &self,
        column: &mut Column,
        name: &str,
        (next, is_last): (&str, bool),
        at: At,
    ) -> Result<(), ApiError> {
        let org = self.org;
        let object = org.object(column.object);
        let found = object.and_then(|object| {
            let number = object.relationship(name)?;
            let field = object.field(number)?;
            let has_next = |target: &usize| {
                org.object(*target).is_some_and(|object| {
                    if is_last {
                        object.number(next).is_some()
                    } else {
                        object.relationship(next).is_some()
                    }
                })
            };
            let mut targets = field.reference_to.iter().filter_map(|name| org.schema.number(name));
            let target = targets.clone().find(has_next).or_else(|| targets.next())?;
            Some((number, field, target))
        });
        let Some((number, field, target)) = found else {
            let message = format!(
                "Didn't understand relationship '{name}' in field path. If you are attempting to use \
                 a custom relationship, be sure to append the '__r' after the custom relationship \
                 name. {CUSTOM_HINT}"
            );
            return Err(error_at(self.soql, at, "INVALID_FIELD", &message));
        };
        let is_polymorphic = field.reference_to.len() > 1;
        column.parents.push(Step { field: number, from: column.object, is_polymorphic });
        column.names.push(field.relationship_name.clone().unwrap_or_default());
        column.object = target;
        Ok(())
    }

    pub(super) fn order(&self, query: &Query) -> Result<Vec<SortKey>, ApiError> {
        let key = |order: &crate::soql::Order| {
            let (column, field) = self.field(&order.path)?;
            if !field.sortable {
                let message = format!("field '{}' can not be sorted in a query call", field.name);
                return Err(error_at(self.soql, order.path.at, "MALFORMED_QUERY", &message));
            }
            Ok(SortKey { column, descending: order.descending, nulls_last: order.nulls_last })
        };
        query.order.iter().map(key).collect()
    }

    fn field(&self, path: &Path) -> Result<(Column, &Field), ApiError> {
        let column = self.path(path)?;
        let field = self.org.object(column.object).and_then(|object| object.field(column.field));
        field.map(|field| (column, field)).ok_or_else(ApiError::unknown_object)
    }

    pub(super) fn filter(&self, condition: &Condition) -> Result<Filter, ApiError> {
        let all = |parts: &[Condition]| -> Result<Vec<Filter>, ApiError> {
            parts.iter().map(|part| self.filter(part)).collect()
        };
        match condition {
            Condition::And(parts) => Ok(Filter::All(all(parts)?)),
            Condition::Or(parts) => Ok(Filter::Any(all(parts)?)),
            Condition::Not(part) => Ok(Filter::Not(Box::new(self.filter(part)?))),
            Condition::Compare { path, operator, literal } => {
                self.test(path, |field| self.compare(field, path, *operator, literal))
            }
            Condition::In { path, negated, literals } => self.test(path, |field| {
                let values: Result<Vec<Value>, _> =
                    literals.iter().map(|literal| self.value(field, path, literal)).collect();
                let values = values?;
                let keys = values.iter().filter_map(index_key).collect();
                Ok(Test::In { negated: *negated, values, keys })
            }),
            Condition::Like { path, pattern } => self.test(path, |field| {
                if !field.kind.is_text() {
                    let message = format!("invalid operator on {} field", field.type_name);
                    return Err(error_at(
                        self.soql,
                        path.at,
                        "INVALID_QUERY_FILTER_OPERATOR",
                        &message,
                    ));
                }
                let fold = |piece: &Piece| match piece {
                    Piece::Text(text) => Piece::Text(folded(field, text)),
                    piece => piece.clone(),
                };
                Ok(Test::Like(pattern.iter().map(fold).collect()))
            }),
            Condition::Includes { path, negated, texts } => self.test(path, |field| {
                if field.kind != FieldType::Multipicklist {
                    let message = format!(
                        "includes or excludes operator only valid on multipicklist field: {}",
                        field.name
                    );
                    return Err(error_at(
                        self.soql,
                        path.at,
                        "INVALID_QUERY_FILTER_OPERATOR",
                        &message,
                    ));
                }
                let set =
                    |text: &String| text.split(';').map(|value| folded(field, value)).collect();
                Ok(Test::Includes { negated: *negated, sets: texts.iter().map(set).collect() })
            }),
        }
    }

    fn test(
        &self,
        path: &Path,
        test: impl FnOnce(&Field) -> Result<Test, ApiError>,
    ) -> Result<Filter, ApiError> {
        let (column, field) = self.field(path)?;
        if !field.filterable || field.kind.is_compound() {
            let message = format!("field '{}' can not be filtered in a query call", field.name);
            return Err(error_at(self.soql, path.at, "INVALID_FIELD", &message));
        }
        Ok(Filter::Test { is_case_sensitive: field.case_sensitive, test: test(field)?, column })
    }

    fn compare(
        &self,
        field: &Field,
        path: &Path,
        operator: Operator,
        literal: &Literal,
    ) -> Result<Test, ApiError> {
        if let Literal::Relative(relative) = literal {
            let (start, end) = span(*relative, self.org.now().date_naive());
            let midnight = |date: NaiveDate| Value::Moment(date.and_time(NaiveTime::MIN).and_utc());
            return match field.kind {
                FieldType::Date => Ok(Test::Span(operator, Value::Date(start), Value::Date(end))),
                FieldType::Datetime => Ok(Test::Span(operator, midnight(start), midnight(end))),
                _ => Err(self.wrong_literal(field, path)),
            };
        }
        Ok(Test::Compare(operator, self.value(field, path, literal)?))
    }

    /// A literal as a value of the field.
    fn value(&self, field: &Field, path: &Path, literal: &Literal) -> Result<Value, ApiError> {
        let value = match (field.kind, literal) {
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
                let id = Id::from_text(text).ok_or_else(|| {
                    let message = format!("invalid ID field: {text}");
                    error_at(self.soql, path.at, "INVALID_QUERY_FILTER_OPERATOR", &message)
                })?;
                Some(Value::Id(id))
            }
            (kind, Literal::Text(text)) if kind.is_text() => {
                let text = folded(field, text);
                Some(if text.is_empty() { Value::Null } else { Value::Text(text.into()) })
            }
            _ => None,
        };
        value.ok_or_else(|| self.wrong_literal(field, path))
    }

    fn wrong_literal(&self, field: &Field, path: &Path) -> ApiError {
        let (kind, verb) = match field.kind {
            FieldType::Datetime => ("dateTime", "should not be enclosed"),
            FieldType::Int => ("int", "should not be enclosed"),
            FieldType::Number => ("double", "should not be enclosed"),
            FieldType::Date | FieldType::Time | FieldType::Boolean => {
                (field.type_name.as_str(), "should not be enclosed")
            }
            FieldType::Id | FieldType::Reference => ("ID", "should be enclosed"),
            _ => ("string", "should be enclosed"),
        };
        let message = format!(
            "value of filter criterion for field '{}' must be of type {kind} and {verb} in quotes",
            field.name
        );
        error_at(self.soql, path.at, "INVALID_FIELD", &message)
    }
}

/// Text as the field compares it.
fn folded(field: &Field, text: &str) -> String {
    if field.case_sensitive { text.to_owned() } else { text.to_lowercase() }
}

/// The first day of a relative date and the day after its last.
fn span(relative: Relative, today: NaiveDate) -> (NaiveDate, NaiveDate) {
    let later = |days: u64| today.checked_add_days(Days::new(days)).unwrap_or(NaiveDate::MAX);
    let earlier = |days: u64| today.checked_sub_days(Days::new(days)).unwrap_or(NaiveDate::MIN);
    let first = |year: i32, month: u32| NaiveDate::from_ymd_opt(year, month, 1).unwrap_or(today);
    match relative {
        Relative::Today => (today, later(1)),
        Relative::Yesterday => (earlier(1), today),
        Relative::Tomorrow => (later(1), later(2)),
        Relative::LastNDays(days) => (earlier(days.into()), later(1)),
        Relative::NextNDays(days) => (later(1), later(u64::from(days) + 1)),
        Relative::ThisYear => (first(today.year(), 1), first(today.year() + 1, 1)),
        Relative::ThisMonth => {
            let (year, month) = (today.year(), today.month());
            let next = if month == 12 { first(year + 1, 1) } else { first(year, month + 1) };
            (first(year, month), next)
        }
    }
}
