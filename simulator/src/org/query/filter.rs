//! A condition whose names and literals have been looked up, and whether a row satisfies it.

use std::{borrow::Cow, cmp::Ordering, collections::HashSet};

use super::{expression::Expression, order};
use crate::{
    org::{Org, Row, table::IndexKey},
    soql::{Operator, Piece},
    value::Value,
};

/// A condition on rows or, with other subjects, on groups of rows.
#[derive(Debug)]
pub(in crate::org) enum Filter<S = Expression> {
    All(Vec<Filter<S>>),
    Any(Vec<Filter<S>>),
    Not(Box<Filter<S>>),
    Test { subject: S, is_case_sensitive: bool, test: Test },
}

/// What is asked of a value. Texts are already in lower case where case is ignored.
#[derive(Debug)]
pub(in crate::org) enum Test {
    Compare(Operator, Value),
    /// A comparison with all instants or dates from one, inclusive, to the other, exclusive.
    Span(Operator, Value, Value),
    In {
        negated: bool,
        values: Vec<Value>,
        keys: HashSet<IndexKey>,
        /// Relative dates: from, inclusive, to, exclusive.
        spans: Vec<(Value, Value)>,
    },
    Like(Vec<Piece>),
    /// Each element is a set of values that must all be chosen.
    Includes {
        negated: bool,
        sets: Vec<Vec<String>>,
    },
}

/// The hashed form of texts and ids, of which a list may have thousands.
pub(super) fn index_key(value: &Value) -> Option<IndexKey> {
    match value {
        Value::Text(text) => Some(IndexKey::Text(text.clone())),
        Value::Id(id) => Some(IndexKey::Id(*id)),
        _ => None,
    }
}

impl<S> Filter<S> {
    /// Whether the condition holds, given the values of its subjects.
    pub(super) fn accepts<'a>(&self, value: &dyn Fn(&S) -> Cow<'a, Value>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.accepts(value)),
            Self::Any(parts) => parts.iter().any(|part| part.accepts(value)),
            Self::Not(part) => !part.accepts(value),
            Self::Test { subject, is_case_sensitive, test } => match value(subject).as_ref() {
                Value::Text(text) if !is_case_sensitive => {
                    test.accepts(&Value::Text(text.to_lowercase()))
                }
                value => test.accepts(value),
            },
        }
    }

    /// Adds what is looked at.
    pub(super) fn subjects<'a>(&'a self, out: &mut Vec<&'a S>) {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                for part in parts {
                    part.subjects(out);
                }
            }
            Self::Not(part) => part.subjects(out),
            Self::Test { subject, .. } => out.push(subject),
        }
    }
}

impl Org {
    pub(super) fn matches_filter(&self, object: usize, row: &Row, filter: &Filter) -> bool {
        filter.accepts(&|expression| self.express(object, row, expression))
    }
}

impl Test {
    fn accepts(&self, value: &Value) -> bool {
        match self {
            Self::Compare(Operator::Equal, wanted) => same(value, wanted),
            Self::Compare(Operator::NotEqual, wanted) => !same(value, wanted),
            Self::Compare(operator, wanted) => {
                order(value, wanted).is_some_and(|ordering| holds(*operator, ordering))
            }
            Self::Span(operator, start, end) => match position(value, start, end) {
                Some(position) => holds(*operator, position),
                None => *operator == Operator::NotEqual,
            },
            Self::In { negated, values, keys, spans } => {
                let is_in = match index_key(value) {
                    Some(key) => keys.contains(&key),
                    None => values.iter().any(|wanted| same(value, wanted)),
                };
                let is_within = |(start, end): &(Value, Value)| {
                    position(value, start, end) == Some(Ordering::Equal)
                };
                (is_in || spans.iter().any(is_within)) != *negated
            }
            Self::Like(pattern) => value.as_text().is_some_and(|text| like(text, pattern)),
            Self::Includes { negated, sets } => {
                let chosen: Vec<&str> = value.as_text().unwrap_or_default().split(';').collect();
                let has_all =
                    |set: &Vec<String>| set.iter().all(|value| chosen.contains(&value.as_str()));
                sets.iter().any(has_all) != *negated
            }
        }
    }
}

/// Whether a value is before, in or after a span.
fn position(value: &Value, start: &Value, end: &Value) -> Option<Ordering> {
    Some(match (order(value, start)?, order(value, end)?) {
        (Ordering::Less, _) => Ordering::Less,
        (_, Ordering::Less) => Ordering::Equal,
        _ => Ordering::Greater,
    })
}

fn same(value: &Value, wanted: &Value) -> bool {
    value == wanted || order(value, wanted) == Some(Ordering::Equal)
}

fn holds(operator: Operator, ordering: Ordering) -> bool {
    match operator {
        Operator::Equal => ordering.is_eq(),
        Operator::NotEqual => ordering.is_ne(),
        Operator::Less => ordering.is_lt(),
        Operator::LessOrEqual => ordering.is_le(),
        Operator::Greater => ordering.is_gt(),
        Operator::GreaterOrEqual => ordering.is_ge(),
    }
}

/// Whether a text fits a pattern. Keeps the set of positions reached, so that no pattern takes
/// more than pattern times text.
fn like(text: &str, pattern: &[Piece]) -> bool {
    let mut reached: Vec<&str> = vec![text];
    for piece in pattern {
        let next: Vec<&str> = match piece {
            Piece::Text(wanted) => {
                reached.iter().filter_map(|rest| rest.strip_prefix(wanted.as_str())).collect()
            }
            Piece::One => reached.iter().filter_map(|rest| after_first(rest)).collect(),
            Piece::Many => {
                let longest = reached.iter().max_by_key(|rest| rest.len()).copied();
                let mut all = Vec::new();
                let mut rest = longest;
                while let Some(text) = rest {
                    all.push(text);
                    rest = after_first(text);
                }
                all
            }
        };
        if next.is_empty() {
            return false;
        }
        reached = next;
    }
    reached.iter().any(|rest| rest.is_empty())
}

fn after_first(text: &str) -> Option<&str> {
    let mut characters = text.chars();
    characters.next().map(|_| characters.as_str())
}
